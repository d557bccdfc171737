//! One end of a connection with a driver's manners, over bytes in memory and a clock that stands still unless told.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use anyloop_core::link::Link;
use anyloop_core::protocol::{Eof, Lost, Protocol, Work};
use anyloop_core::time::Now;
use anyloop_core::tls::rustls::{ClientConfig, ServerConfig};
use anyloop_core::tls::{Failed, Tls};

use super::certs;
use super::probe::{Begin, Refused, Strings};

pub(crate) type Error = Failed<Refused>;

pub(crate) struct End {
    pub(crate) tls: Tls<Begin>,
    pub(crate) link: Link,
    pub(crate) inside: Strings,
    pub(crate) error: Option<Error>,
    /// The most ciphertext that stood unread, and unsent.
    pub(crate) most: (usize, usize),
}

impl End {
    pub(crate) fn new(tls: impl FnOnce(Begin) -> Tls<Begin>) -> Self {
        let inside = Strings::new();
        let tls = tls(Begin(inside.clone()));
        let link = Link::new(Now { unix_secs: 784_111_777, ..Now::default() });
        Self { tls, link, inside, error: None, most: (0, 0) }
    }

    pub(crate) fn server(config: &ServerConfig) -> Self {
        Self::new(|begin| Tls::server(config, begin)).begun()
    }

    pub(crate) fn client(config: ClientConfig) -> Self {
        Self::new(|begin| Tls::client(Arc::new(config), certs::name(), begin)).begun()
    }

    pub(crate) fn begun(mut self) -> Self {
        let made = self.tls.connection_made(&mut self.link);
        self.note(made);
        self.work();
        self
    }

    fn note(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// Whether the protocol is called still.
    pub(crate) fn is_open(&self) -> bool {
        self.error.is_none() && !self.link.is_closing()
    }

    /// Polls until nothing moves, as a driver does while the peer takes no byte.
    pub(crate) fn work(&mut self) {
        while self.is_open() {
            let look = |link: &Link| (link.inbound.len(), link.outbound.len(), link.wants_read());
            let before = look(&self.link);
            let work = self.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link);
            self.most = (self.most.0.max(self.link.inbound.len()), self.most.1.max(self.link.outbound.len()));
            match work {
                Ok(Work::Waiting) if look(&self.link) == before => return,
                Ok(Work::Waiting | Work::Again) => {}
                Err(error) => self.note(Err(error)),
            }
        }
    }

    /// Feeds what there is room for, `portion` at a time, and returns how much that was.
    pub(crate) fn feed(&mut self, bytes: &[u8], portion: usize) -> usize {
        let mut taken = 0;
        while self.is_open() && taken < bytes.len() && self.link.wants_read() {
            let n = portion.min(self.link.inbound_room()).min(bytes.len() - taken);
            self.link.inbound.extend_from_slice(&bytes[taken..taken + n]);
            taken += n;
            let result = self.tls.data_received(&mut self.link);
            self.note(result);
            self.work();
        }
        taken
    }

    pub(crate) fn eof(&mut self) {
        if self.is_open() {
            let result = self.tls.eof_received(&mut self.link, Eof::Clean);
            self.note(result);
            self.work();
        }
    }

    pub(crate) fn shutdown(&mut self) {
        self.tls.shutdown(&mut self.link);
        self.work();
    }

    pub(crate) fn lost(&mut self, cause: Lost) {
        self.tls.connection_lost(cause);
    }

    /// Lets time pass; a deadline that is reached is told.
    pub(crate) fn pass(&mut self, time: Duration) {
        let now = Now { mono: self.link.now().mono + time, unix_secs: self.link.now().unix_secs };
        self.link.set_now(now);
        self.work();
        if self.is_open() && self.link.take_due() {
            let result = self.tls.deadline_reached(&mut self.link);
            self.note(result);
            self.work();
        }
    }

    /// How long until the deadline.
    pub(crate) fn until_deadline(&self) -> Option<Duration> {
        self.link.deadline().map(|at| at - self.link.now().mono)
    }

    pub(crate) fn output(&mut self) -> Vec<u8> {
        let bytes = self.link.outbound.slices().flatten().copied().collect();
        self.link.outbound.clear();
        bytes
    }
}

/// Moves bytes between two ends until nothing moves, `portion` at a time.
pub(crate) fn converse(a: &mut End, b: &mut End, portion: usize) {
    loop {
        a.work();
        b.work();
        let moved = carry(a, b, portion) + carry(b, a, portion);
        if moved == 0 {
            return;
        }
    }
}

/// Moves one way what goes.
pub(crate) fn carry(from: &mut End, to: &mut End, portion: usize) -> usize {
    let bytes: Vec<u8> = from.link.outbound.slices().flatten().copied().collect();
    let n = to.feed(&bytes, portion);
    from.link.outbound.advance(n);
    n
}

/// A server and a client that have shaken hands.
pub(crate) fn pair() -> (End, End) {
    let (mut server, mut client) = (End::server(&certs::server()), End::client(certs::client()));
    converse(&mut server, &mut client, usize::MAX);
    (server, client)
}

pub(crate) fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}
