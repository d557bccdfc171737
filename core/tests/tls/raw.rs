//! The other end as rustls's buffered connection: another implementation of the same bytes.

use std::io::{Read, Write};
use std::sync::Arc;

use anyloop_core::tls::rustls::{ClientConfig, ClientConnection, Error};

use super::certs;
use super::wire::End;

pub(crate) struct Raw {
    pub(crate) tls: ClientConnection,
    pub(crate) received: Vec<u8>,
    pub(crate) closed: bool,
    pub(crate) error: Option<Error>,
}

impl Raw {
    pub(crate) fn new(config: &Arc<ClientConfig>) -> Self {
        let tls = ClientConnection::new(Arc::clone(config), certs::name()).unwrap();
        Self { tls, received: Vec::new(), closed: false, error: None }
    }

    /// A client and a server that have shaken hands.
    pub(crate) fn pair() -> (Self, End) {
        let mut raw = Self::new(&Arc::new(certs::client()));
        let mut server = End::server(&certs::server());
        raw.converse(&mut server);
        (raw, server)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
    }

    /// What is to leave.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.error.is_none() && !self.closed {
            self.tls.read_tls(&mut bytes).unwrap();
            match self.tls.process_new_packets() {
                Ok(state) => self.closed |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = self.tls.reader().read(&mut part) {
                self.received.extend_from_slice(&part[..n]);
            }
        }
    }

    /// Moves bytes until nothing moves.
    pub(crate) fn converse(&mut self, server: &mut End) {
        loop {
            server.work();
            let (up, down) = (self.output(), server.output());
            if up.is_empty() && down.is_empty() {
                return;
            }
            assert_eq!(server.feed(&up, usize::MAX), up.len(), "{:?}", server.error);
            self.feed(&down);
        }
    }
}
