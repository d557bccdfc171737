//! Bodies written by an async function.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;

use super::{BodyError, BodySource, Slot};
use crate::head::Headers;

/// What it means that a sink is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDrop {
    /// The body ends before its end.
    Cut,
    /// Nothing: the result of the function that owned it decides.
    Nothing,
}

/// The writing end of a body.
pub struct Sink {
    slot: Arc<Slot>,
    on_drop: OnDrop,
}

impl Sink {
    pub(super) fn new(slot: Arc<Slot>, on_drop: OnDrop) -> Self {
        Self { slot, on_drop }
    }

    /// Sends a chunk, once the reader has taken enough of those before: 64 KiB wait at most, and this chunk.
    ///
    /// # Errors
    /// [`BodyError::Gone`] when nobody reads the body any more.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) -> Result<(), BodyError> {
        let mut chunk = chunk.into();
        poll_fn(|cx| {
            core::task::ready!(self.slot.poll_room(cx))?;
            if !chunk.is_empty() {
                self.slot.feed(core::mem::take(&mut chunk), Some(cx.waker()));
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Ends the body in order, with a trailer section if there is one.
    pub fn finish(self, trailers: Option<Headers>) {
        self.slot.finish(trailers, None);
    }

    /// Cuts the body short.
    pub fn fail(self, error: BodyError) {
        self.slot.fail(error, None);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::Cut {
            self.slot.fail(BodyError::source("the sink was dropped before the end of the body"), None);
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

/// Polls the writing function whenever its chunks are used up.
pub(super) struct Producer<Fut> {
    slot: Arc<Slot>,
    writer: Option<Pin<Box<Fut>>>,
}

impl<Fut: Future<Output = Result<(), BodyError>>> Producer<Fut> {
    pub(super) fn new(make: impl FnOnce(Sink) -> Fut) -> Self {
        let slot = Slot::new();
        let writer = Some(Box::pin(make(Sink::new(Arc::clone(&slot), OnDrop::Nothing))));
        Self { slot, writer }
    }

    fn poll_writer(&mut self, cx: &mut Context<'_>) {
        let Some(writer) = &mut self.writer else { return };
        if let Poll::Ready(result) = writer.as_mut().poll(cx) {
            self.writer = None;
            let _ = match result {
                Ok(()) => self.slot.finish(None, Some(cx.waker())),
                Err(error) => self.slot.fail(error, Some(cx.waker())),
            };
        }
    }
}

impl<Fut: Future<Output = Result<(), BodyError>> + Send> BodySource for Producer<Fut> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.poll_writer(cx);
        self.slot.poll_chunk(cx)
    }

    fn trailers(&mut self) -> Option<Headers> {
        self.slot.take_trailers().map(|trailers| *trailers)
    }
}
