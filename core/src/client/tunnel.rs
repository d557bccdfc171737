//! A connection that stopped being HTTP.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use bytes::Bytes;

use super::{ClientPort, Connection, Error};
use crate::driver::Runtime;
use crate::pump;

/// Both directions of a connection after CONNECT or an upgrade, polled by whoever reads or writes.
///
/// What is written leaves while something of the tunnel is polled. Dropping it closes the connection at once;
/// [`Tunnel::close`] sees to it that all was sent.
pub struct Tunnel<R: Runtime, P: ClientPort = pump::Client> {
    connection: Connection<R, P>,
    failed: bool,
}

impl<R: Runtime, P: ClientPort> Tunnel<R, P> {
    pub(super) fn new(connection: Connection<R, P>) -> Self {
        Self { connection, failed: false }
    }

    /// Polls for bytes; `None` is the end of the peer's side.
    ///
    /// # Errors
    /// [`Error`] when the connection is lost, or the stream was cut.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
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

    /// Waits for bytes; see [`Tunnel::poll_read`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// Polls until there is room, then queues the bytes and begins to send them.
    ///
    /// # Errors
    /// [`Error`] when the connection is lost, or after [`Tunnel::poll_close`].
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<Result<(), Error>> {
        let mut over = self.connection.poll(cx).is_ready();
        let room = |client: &mut pump::Client| client.tunnel().is_some_and(|out| out.has_room());
        if !over && self.connection.client().is_some_and(room) {
            if let Some(out) = self.connection.client().and_then(pump::Client::tunnel) {
                out.write(core::mem::take(bytes));
            }
            over = self.connection.poll(cx).is_ready();
            if !over {
                return Poll::Ready(Ok(()));
            }
        }
        let open = self.connection.client().is_some_and(|client| client.tunnel().is_some());
        if over || !open {
            return Poll::Ready(Err(self.connection.error()));
        }
        Poll::Pending
    }

    /// Waits until there is room, then queues the bytes and begins to send them.
    ///
    /// # Errors
    /// As of [`Tunnel::poll_write`].
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let mut bytes = bytes.into();
        poll_fn(|cx| self.poll_write(cx, &mut bytes)).await
    }

    /// Ends our side, and polls until all that was written has left and the peer has ended its side too. What the peer
    /// still sends is dropped.
    ///
    /// # Errors
    /// As of [`Tunnel::poll_read`].
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(client) = self.connection.client() {
            client.end_tunnel();
        }
        loop {
            match core::task::ready!(self.poll_read(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Ends our side in order; see [`Tunnel::poll_close`].
    ///
    /// # Errors
    /// As there.
    pub async fn close(mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_close(cx)).await
    }
}

impl<R: Runtime, P: ClientPort> fmt::Debug for Tunnel<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("connection", &self.connection).finish_non_exhaustive()
    }
}
