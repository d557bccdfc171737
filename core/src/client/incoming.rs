//! A response as it comes.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::chunks::Chunks;
use super::{ClientPort, Connection, Error, Tunnel};
use crate::body::{BodyError, BodySource};
use crate::codec::BodyKind;
use crate::driver::{Peer, Runtime, SharedRuntime};
use crate::head::{Headers, ResponseHead};
use crate::pump;

/// A response: its head, and its body as it comes.
///
/// Nothing is read ahead beyond 64 KiB. Dropping it before the body is whole closes the connection;
/// [`Incoming::recover`] takes the connection back.
pub struct Incoming<R: Runtime, P: ClientPort = pump::Client> {
    head: ResponseHead,
    kind: BodyKind,
    chunks: Chunks<R, P>,
    /// Bytes of the body that were given out.
    taken: u64,
}

impl<R: Runtime, P: ClientPort> Incoming<R, P> {
    pub(super) fn new(connection: Connection<R, P>, head: ResponseHead, kind: BodyKind) -> Self {
        Self { head, kind, chunks: Chunks::new(connection), taken: 0 }
    }

    /// Returns the head.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Lends the head, to take parts out of it for instance.
    pub fn head_mut(&mut self) -> &mut ResponseHead {
        &mut self.head
    }

    /// Returns whom the connection was made to.
    pub fn peer(&self) -> &Peer {
        self.chunks.connection.peer()
    }

    /// Returns what follows the head: [`BodyKind::Tunnel`] after a switch of protocols.
    pub fn kind(&self) -> BodyKind {
        self.kind
    }

    /// Returns how many bytes of the body are still to come, when that is known.
    pub fn length(&self) -> Option<u64> {
        match self.kind {
            BodyKind::Empty => Some(0),
            BodyKind::Sized(length) => Some(length.saturating_sub(self.taken)),
            BodyKind::Streamed | BodyKind::Tunnel => None,
        }
    }

    /// Polls for the next bytes of the body; `None` is its end. The body of the request goes on meanwhile.
    ///
    /// # Errors
    /// [`Error`]: a body that is cut short never ends in order. Nothing follows an error.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let next = core::task::ready!(self.chunks.poll(cx));
        if let Some(Ok(bytes)) = &next {
            self.taken += bytes.len() as u64;
        }
        Poll::Ready(next)
    }

    /// Waits for the next bytes of the body; see [`Incoming::poll_chunk`].
    ///
    /// # Errors
    /// As there.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Returns the trailer section of a whole response.
    pub fn trailers(&mut self) -> Option<&Headers> {
        self.chunks.connection.client()?.trailers()
    }

    /// Whether the response is whole and was taken: [`Incoming::recover`] does not drop anything then.
    pub fn is_whole(&mut self) -> bool {
        self.chunks.connection.client().is_some_and(|client| client.is_whole())
    }

    /// Takes the connection back when it can be used again: the response is whole, or what is left of it is there
    /// already and within [`Limits::drain_unread`](crate::limits::Limits::drain_unread). Else the connection is closed.
    pub fn recover(self) -> Option<Connection<R, P>> {
        if self.chunks.has_failed() || self.kind == BodyKind::Tunnel {
            return None;
        }
        let mut connection = self.chunks.connection;
        let client = connection.client()?;
        if !client.is_whole() {
            client.discard();
            let _over = connection.poll(&mut Context::from_waker(Waker::noop()));
        }
        let reusable = connection.client()?.is_reusable();
        connection.rest();
        reusable.then_some(connection)
    }

    /// Takes the tunnel that the connection became; `None` when [`Incoming::kind`] is none.
    pub fn into_tunnel(self) -> Option<Tunnel<R, P>> {
        (self.kind == BodyKind::Tunnel).then(|| Tunnel::new(self.chunks))
    }
}

impl<R: Runtime, P: ClientPort> fmt::Debug for Incoming<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("head", &self.head)
            .field("kind", &self.kind)
            .field("connection", &self.chunks.connection)
            .finish_non_exhaustive()
    }
}

/// A response as the body of another message, of a proxy's answer for instance.
impl<R: SharedRuntime, P: ClientPort + Send> BodySource for Incoming<R, P> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        Self::poll_chunk(self, cx).map(|next| next.map(|chunk| chunk.map_err(BodyError::source)))
    }

    fn length(&self) -> Option<u64> {
        Self::length(self)
    }

    fn trailers(&mut self) -> Option<Headers> {
        Self::trailers(self).cloned()
    }
}
