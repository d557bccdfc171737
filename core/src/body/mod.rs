//! The bodies of requests and responses.
//!
//! One type serves both directions, so that a handler may answer with the very body it got. A body is empty, wholly
//! there, arriving through a slot that the connection fills, or made by a [`BodySource`]. Nothing is read ahead beyond
//! the slot's window: whoever does not take bytes stops the peer from sending more.

mod error;
mod produce;
mod slot;

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use std::sync::{Mutex, PoisonError};

pub use error::{BodyError, BoxError};
use produce::OnDrop;
pub use produce::Sink;
pub(crate) use slot::{Slot, Waiting};

use crate::head::Headers;
use crate::limits::DEFAULT_MAX_COLLECT;
use crate::link::FileRange;

/// Makes a body chunk by chunk, as the peer takes them.
///
/// Polled in the connection's task and only while there is room for its output.
pub trait BodySource: Send {
    /// Returns the next chunk, or `None` at the end.
    ///
    /// An error cuts the message short: the peer sees a truncated body, never a complete one.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>>;

    /// Returns the number of bytes that are still to come, when known. It becomes the `Content-Length`.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Returns the next bytes as a part of a file, where they are one that the system can send at once. They count as
    /// taken. Asked before [`BodySource::poll_chunk`] where the connection can send files.
    fn take_file(&mut self) -> Option<FileRange> {
        None
    }

    /// Returns the trailer section; asked once, after the end.
    fn trailers(&mut self) -> Option<Headers> {
        None
    }
}

/// The reading end of a slot; dropping it tells the feeder that nobody wants the rest.
struct SlotReader(Arc<Slot>);

impl Drop for SlotReader {
    fn drop(&mut self) {
        self.0.close_reader();
    }
}

enum Inner {
    Empty,
    Full(Bytes),
    /// With the number of bytes still to come, when it is known.
    Slot(SlotReader, Option<u64>),
    /// Nobody locks it but through `&mut`, and for its length; the mutex makes a body `Sync`, so that a handler may hold
    /// `&Request` while it waits.
    Source(Mutex<Box<dyn BodySource>>),
}

/// A body of a request or a response.
///
/// ```
/// # use anyloop_core::body::Body;
/// let greeting = Body::from("hello");
/// assert_eq!(greeting.length(), Some(5));
/// ```
pub struct Body {
    inner: Inner,
    trailers: Option<Box<Headers>>,
    max_collect: usize,
}

impl Default for Body {
    fn default() -> Self {
        Self::new(Inner::Empty)
    }
}

impl Body {
    fn new(inner: Inner) -> Self {
        Self { inner, trailers: None, max_collect: DEFAULT_MAX_COLLECT }
    }

    /// Makes an empty body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Makes a body that a [`BodySource`] produces.
    pub fn from_source(source: impl BodySource + 'static) -> Self {
        Self::new(Inner::Source(Mutex::new(Box::new(source))))
    }

    /// Makes a body that an async function writes into a [`Sink`], in the connection's own task.
    ///
    /// The function is polled only as fast as the peer takes what it sends. Its error cuts the body short.
    ///
    /// ```
    /// # use anyloop_core::body::Body;
    /// let lines = Body::produce(|mut sink| async move {
    ///     for i in 0..3 {
    ///         sink.send(format!("line {i}\n")).await?;
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(lines.length(), None);
    /// ```
    pub fn produce<F, Fut>(make: F) -> Self
    where
        F: FnOnce(Sink) -> Fut,
        Fut: Future<Output = Result<(), BodyError>> + Send + 'static,
    {
        Self::from_source(produce::Producer::new(make))
    }

    /// Makes a body and the [`Sink`] that feeds it from another task or thread. Dropping the sink before
    /// [`Sink::finish`] cuts the body short.
    pub fn channel() -> (Sink, Self) {
        let slot = Slot::new();
        (Sink::new(Arc::clone(&slot), OnDrop::Cut), Self::from_slot(slot, None))
    }

    pub(crate) fn from_slot(slot: Arc<Slot>, declared: Option<u64>) -> Self {
        Self::new(Inner::Slot(SlotReader(slot), declared))
    }

    /// Returns how many bytes [`Body::collect`] gathers at most.
    pub fn max_collect(&self) -> usize {
        self.max_collect
    }

    pub(crate) fn set_max_collect(&mut self, max_collect: usize) {
        self.max_collect = max_collect;
    }

    /// Becomes an empty body.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !matches!(self.inner, Inner::Empty) {
            self.inner = Inner::Empty;
        }
        if self.trailers.is_some() {
            self.trailers = None;
        }
        self.max_collect = DEFAULT_MAX_COLLECT;
    }

    pub(crate) fn with_trailers(mut self, trailers: Option<Headers>) -> Self {
        self.trailers = trailers.map(Box::new);
        self
    }

    /// Returns how many bytes are still to come, when that is known.
    pub fn length(&self) -> Option<u64> {
        match &self.inner {
            Inner::Empty => Some(0),
            Inner::Full(bytes) => Some(bytes.len() as u64),
            Inner::Slot(_, left) => *left,
            Inner::Source(source) => source.lock().unwrap_or_else(PoisonError::into_inner).length(),
        }
    }

    /// Whether nothing is to come, as far as can be told without waiting.
    pub fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// Makes the same body again where that takes no reading: when it is empty, or wholly there.
    pub fn again(&self) -> Option<Self> {
        match &self.inner {
            Inner::Empty if self.trailers.is_none() => Some(Self::empty()),
            Inner::Full(bytes) => Some(Self::from(bytes.clone())),
            Inner::Empty | Inner::Slot(..) | Inner::Source(_) => None,
        }
    }

    /// Takes the whole body at once when it is already there.
    #[inline]
    pub(crate) fn take_full(&mut self) -> Option<Bytes> {
        match &mut self.inner {
            Inner::Empty => Some(Bytes::new()),
            Inner::Full(bytes) => {
                let bytes = core::mem::take(bytes);
                self.inner = Inner::Empty;
                Some(bytes)
            }
            Inner::Slot(..) | Inner::Source(_) => None,
        }
    }

    /// Takes the next bytes as a part of a file, where they are one.
    pub(crate) fn take_file(&mut self) -> Option<FileRange> {
        match &mut self.inner {
            Inner::Source(source) => exclusive(source).take_file(),
            Inner::Empty | Inner::Full(_) | Inner::Slot(..) => None,
        }
    }

    /// Polls for the next chunk; see [`Body::chunk`].
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let polled = match &mut self.inner {
            Inner::Empty => return Poll::Ready(None),
            Inner::Full(bytes) => {
                let bytes = core::mem::take(bytes);
                self.inner = Inner::Empty;
                return Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)));
            }
            Inner::Slot(slot, left) => {
                let polled = slot.0.poll_chunk(cx);
                if let (Poll::Ready(Some(Ok(bytes))), Some(left)) = (&polled, left) {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                polled
            }
            Inner::Source(source) => exclusive(source).poll_chunk(cx),
        };
        match &polled {
            Poll::Pending | Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => self.inner = Inner::Empty,
            Poll::Ready(None) => self.finish(),
        }
        polled
    }

    fn finish(&mut self) {
        let trailers = match &mut self.inner {
            Inner::Slot(slot, _) => slot.0.take_trailers(),
            Inner::Source(source) => exclusive(source).trailers().map(Box::new),
            Inner::Empty | Inner::Full(_) => None,
        };
        if let Some(trailers) = trailers {
            self.trailers = Some(trailers);
        }
        self.inner = Inner::Empty;
    }

    /// Waits for the next chunk; `None` is the end of the body.
    ///
    /// A chunk may keep the read buffer it was cut from alive: copy what is kept for long.
    ///
    /// # Errors
    /// [`BodyError`]: the peer broke off or broke the protocol, or a limit was passed. Nothing follows an error.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Gathers the whole body, at most [`crate::limits::Limits::max_collect`] bytes of it.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit, else as [`Body::chunk`].
    pub async fn collect(self) -> Result<Bytes, BodyError> {
        let limit = self.max_collect;
        self.collect_up_to(limit).await
    }

    /// Gathers the whole body, at most `limit` bytes of it.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit, else as [`Body::chunk`].
    pub async fn collect_up_to(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit: limit as u64 };
        if self.length().is_some_and(|length| length > limit as u64) {
            return Err(too_large);
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(too_large);
        }
        let Some(second) = self.chunk().await.transpose()? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > limit {
                return Err(too_large);
            }
            whole.extend_from_slice(&chunk);
            next = self.chunk().await.transpose()?;
        }
        Ok(whole.freeze())
    }

    /// Returns the trailer section; only after [`Body::chunk`] returned `None`.
    pub fn trailers(&self) -> Option<&Headers> {
        self.trailers.as_deref()
    }
}

fn exclusive(source: &mut Mutex<Box<dyn BodySource>>) -> &mut dyn BodySource {
    &mut **source.get_mut().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.inner {
            Inner::Empty => "empty",
            Inner::Full(_) => "full",
            Inner::Slot(..) => "slot",
            Inner::Source(_) => "source",
        };
        f.debug_struct("Body").field("kind", &kind).field("length", &self.length()).finish()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(if bytes.is_empty() { Inner::Empty } else { Inner::Full(bytes) })
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}
