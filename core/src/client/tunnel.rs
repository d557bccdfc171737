//! A connection that stopped being HTTP.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::io;

use bytes::{Bytes, BytesMut};

use super::chunks::Chunks;
use super::{ClientPort, Error};
use crate::driver::{Runtime, Transport};
use crate::link::Outbound;
use crate::protocol::Lost;
use crate::pump;

/// Both directions of a connection after CONNECT or an upgrade, polled by whoever reads or writes.
///
/// What is written leaves while something of the tunnel is polled. Dropping it closes the connection at once;
/// [`Tunnel::close`] sees to it that all was sent. There is no half-close: whoever ends its side hears no more.
pub struct Tunnel<R: Runtime, P: ClientPort = pump::Client> {
    chunks: Chunks<R, P>,
    /// What a reader of limited portions has left.
    left: Bytes,
}

impl<R: Runtime, P: ClientPort> Tunnel<R, P> {
    pub(super) fn new(chunks: Chunks<R, P>) -> Self {
        Self { chunks, left: Bytes::new() }
    }

    /// Polls for bytes; `None` is the end of the peer's side.
    ///
    /// # Errors
    /// [`Error`] when the connection is lost, or the stream was cut.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.chunks.poll(cx)
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
        let mut over = self.chunks.connection.poll(cx).is_ready();
        let room = |client: &mut pump::Client| client.tunnel().is_some_and(|out| out.has_room());
        if !over && self.chunks.connection.client().is_some_and(room) {
            if let Some(out) = self.chunks.connection.client().and_then(pump::Client::tunnel) {
                out.write(core::mem::take(bytes));
            }
            over = self.chunks.connection.poll(cx).is_ready();
            if !over {
                return Poll::Ready(Ok(()));
            }
        }
        let open = self.chunks.connection.client().is_some_and(|client| client.tunnel().is_some());
        if over || !open {
            return Poll::Ready(Err(self.chunks.connection.error()));
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

    /// Polls until all that was written has been handed to the event loop.
    ///
    /// # Errors
    /// As of [`Tunnel::poll_write`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let over = self.chunks.connection.poll(cx).is_ready();
        match self.chunks.connection.client() {
            Some(client) if client.is_flushed() => Poll::Ready(Ok(())),
            Some(_) | None if over => Poll::Ready(Err(self.chunks.connection.error())),
            Some(_) | None => Poll::Pending,
        }
    }

    /// Waits until all that was written has been handed to the event loop.
    ///
    /// # Errors
    /// As of [`Tunnel::poll_write`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Ends the connection after all that was written has left. What the peer still sends is dropped.
    ///
    /// # Errors
    /// [`Error`] when the connection is lost before.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(client) = self.chunks.connection.client() {
            client.end_tunnel();
        }
        core::task::ready!(self.chunks.connection.poll(cx));
        Poll::Ready(match self.chunks.connection.lost() {
            Some(Lost::Closed) => Ok(()),
            Some(Lost::Aborted | Lost::Failed | Lost::Broken | Lost::Stalled | Lost::Killed) | None => {
                Err(self.chunks.connection.error())
            }
        })
    }

    /// Ends the connection in order; see [`Tunnel::poll_close`].
    ///
    /// # Errors
    /// As there.
    pub async fn close(mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_close(cx)).await
    }
}

/// The tunnel as a byte stream, for another driver to speak over: TLS to a server behind a proxy, for instance.
impl<R: Runtime, P: ClientPort> Transport for Tunnel<R, P> {
    const REREAD_IS_FREE: bool = true;
    const BUFFERS_WRITES: bool = true;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        if self.left.is_empty() {
            match core::task::ready!(Self::poll_read(self, cx)) {
                None => return Poll::Ready(Ok(0)),
                Some(Ok(bytes)) => self.left = bytes,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let bytes = self.left.split_to(limit.min(self.left.len()));
        into.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        let Some(mut chunk) = out.pop_front() else {
            return self.poll_flush(cx).map_ok(|()| 0).map_err(io::Error::other);
        };
        let n = chunk.len();
        let polled = Self::poll_write(self, cx, &mut chunk);
        if !chunk.is_empty() {
            out.push_front(chunk);
        }
        polled.map_ok(|()| n).map_err(io::Error::other)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_close(self, cx).map_err(io::Error::other)
    }
}

impl<R: Runtime, P: ClientPort> fmt::Debug for Tunnel<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("connection", &self.chunks.connection).finish_non_exhaustive()
    }
}
