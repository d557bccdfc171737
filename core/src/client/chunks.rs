//! What comes over a connection, piece by piece.

use core::task::{Context, Poll};

use bytes::Bytes;

use super::{ClientPort, Connection, Error};
use crate::driver::Runtime;

/// The bytes of a body or of a tunnel, polled by whoever reads them; nothing follows an error.
pub(super) struct Chunks<R: Runtime, P: ClientPort> {
    pub(super) connection: Connection<R, P>,
    failed: bool,
}

impl<R: Runtime, P: ClientPort> Chunks<R, P> {
    pub(super) fn new(connection: Connection<R, P>) -> Self {
        Self { connection, failed: false }
    }

    /// Whether an error was told.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Polls for the next bytes; `None` is their end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(known) = self.take_known() {
            return Poll::Ready(known);
        }
        let over = self.connection.poll(cx).is_ready();
        match self.take_known() {
            Some(known) => Poll::Ready(known),
            None if over => {
                self.failed = true;
                Poll::Ready(Some(Err(self.connection.error())))
            }
            None => Poll::Pending,
        }
    }

    /// Returns what is known without a look at the connection.
    fn take_known(&mut self) -> Option<Option<Result<Bytes, Error>>> {
        if self.failed {
            return Some(None);
        }
        let client = self.connection.client()?;
        match client.take_chunk() {
            Some(bytes) => Some(Some(Ok(bytes))),
            None if client.is_whole() => Some(None),
            None => None,
        }
    }
}
