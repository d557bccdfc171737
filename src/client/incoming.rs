//! The body of a response, and the way of its connection back into the pool.

use core::fmt;
use core::task::{Context, Poll, ready};

use anyloop_core::client;
use anyloop_core::codec::BodyKind;
use anyloop_core::driver::{Peer, Runtime};
use anyloop_core::head::{Headers, Method, ResponseHead};
use bytes::Bytes;

#[cfg(feature = "decode")]
use super::decode::Decoder;
use super::error::Error;
use super::pool::Place;
use super::wire::{Key, Port, Tunnel, Wire};

pub(crate) struct Incoming<R: Runtime> {
    source: Option<Source<R>>,
    runtime: R,
    peer: Peer,
    method: Method,
    trailers: Option<Headers>,
    #[cfg(feature = "decode")]
    decoder: Option<Box<Decoder>>,
}

/// What a body comes from, until it is whole.
struct Source<R: Runtime> {
    response: client::Incoming<R, Port>,
    place: Place<Key, Wire<R>>,
}

impl<R: Runtime> Incoming<R> {
    pub(crate) fn new(
        runtime: R,
        mut response: client::Incoming<R, Port>,
        place: Place<Key, Wire<R>>,
        method: Method,
    ) -> (ResponseHead, Self) {
        let head = core::mem::take(response.head_mut());
        let mut this = Self {
            peer: response.peer().clone(),
            source: Some(Source { response, place }),
            runtime,
            method,
            trailers: None,
            #[cfg(feature = "decode")]
            decoder: None,
        };
        if this.length() == Some(0) {
            this.finish();
        }
        (head, this)
    }

    #[cfg(feature = "decode")]
    pub(crate) fn decode(&mut self, decoder: Option<Decoder>) {
        // Without a body there is nothing to decode, whatever the fields say of it.
        self.decoder = decoder.filter(|_| self.source.is_some()).map(Box::new);
    }

    /// Takes the tunnel that the connection became. It is none of the pool's any more.
    pub(crate) fn into_tunnel(mut self) -> Result<Tunnel<R>, Box<Self>> {
        match self.source.take() {
            Some(Source { response, .. }) if response.kind() == BodyKind::Tunnel => {
                response.into_tunnel().ok_or_else(|| Box::new(self))
            }
            other => {
                self.source = other;
                Err(Box::new(self))
            }
        }
    }

    #[cfg(feature = "decode")]
    pub(crate) fn is_whole(&self) -> bool {
        self.source.is_none()
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn length(&self) -> Option<u64> {
        #[cfg(feature = "decode")]
        if self.decoder.is_some() {
            return None;
        }
        self.source.as_ref().map_or(Some(0), |source| source.response.length())
    }

    pub(crate) fn trailers(&self) -> Option<&Headers> {
        self.trailers.as_ref()
    }

    /// Nothing follows an error.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        #[cfg(feature = "decode")]
        if self.decoder.is_some() {
            return self.poll_decoded(cx);
        }
        self.poll_raw(cx)
    }

    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let chunk = match ready!(source.response.poll_chunk(cx)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(chunk))),
            Some(Err(error)) => Some(Err(Error::of_exchange(&error, self.method))),
            None => None,
        };
        self.finish();
        Poll::Ready(chunk)
    }

    #[cfg(feature = "decode")]
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(None) };
            let step = decoder.next_piece();
            let failed = match step {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => match ready!(self.poll_raw(cx)) {
                    Some(Ok(chunk)) => {
                        if let Some(decoder) = &mut self.decoder {
                            decoder.feed(&chunk);
                        }
                        continue;
                    }
                    Some(Err(error)) => Some(error),
                    None => self.decoder.as_ref().and_then(|decoder| decoder.finish().err()),
                },
                Err(error) => Some(error),
            };
            self.decoder = None;
            self.finish();
            return Poll::Ready(failed.map(|error| Err(error.with(&self.peer))));
        }
    }

    /// Gives the connection back if it can be used again.
    fn finish(&mut self) {
        let Some(Source { mut response, place }) = self.source.take() else { return };
        self.trailers = response.trailers().cloned();
        if let Some(connection) = response.recover() {
            place.put(connection, self.runtime.now().mono);
        }
    }
}

/// What is left of a response that nobody reads may be there already: then the connection is kept.
impl<R: Runtime> Drop for Incoming<R> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<R: Runtime> fmt::Debug for Incoming<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("peer", &self.peer)
            .field("length", &self.length())
            .field("whole", &self.source.is_none())
            .finish_non_exhaustive()
    }
}
