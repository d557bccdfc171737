//! The place where a body's chunks wait between the one who feeds it and the one who reads it.
//!
//! Both may live in the connection's task or in another; wakers are called after the lock is released, and never the
//! caller's own, for it is running already.

use core::mem;
use core::task::{Context, Poll, Waker};

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::{Bytes, BytesMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::BodyError;
use crate::head::Headers;

/// How many unread bytes a slot is meant to hold.
pub(crate) const WINDOW: usize = 64 * 1024;

#[derive(Debug)]
enum End {
    Open,
    Whole(Option<Box<Headers>>),
    Failed(BodyError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Has not asked for anything so far.
    Quiet,
    /// Wants the body.
    Reading,
    /// Dropped the body.
    Gone,
}

/// From this many bytes on a chunk of a peer stays one.
const SMALL: usize = 1024;

/// Chunks that wait. Those of a peer that are small and come while others wait are gathered: a peer that sends a byte a
/// chunk must not make each of them cost as much as a chunk of a kilobyte.
#[derive(Debug)]
struct Queue {
    chunks: VecDeque<Bytes>,
    gathered: BytesMut,
    /// Chunks below this many bytes are gathered.
    small: usize,
}

impl Queue {
    fn new(small: usize) -> Self {
        Self { chunks: VecDeque::new(), gathered: BytesMut::new(), small }
    }

    fn push_back(&mut self, bytes: Bytes) {
        let first = self.chunks.is_empty() && self.gathered.is_empty();
        if bytes.len() < self.small && !first {
            self.gathered.extend_from_slice(&bytes);
            return;
        }
        if !self.gathered.is_empty() {
            self.chunks.push_back(self.gathered.split().freeze());
        }
        self.chunks.push_back(bytes);
    }

    fn pop_front(&mut self) -> Option<Bytes> {
        let gathered = || (!self.gathered.is_empty()).then(|| mem::take(&mut self.gathered).freeze());
        self.chunks.pop_front().or_else(gathered)
    }
}

#[derive(Debug)]
struct State {
    queue: Queue,
    buffered: usize,
    taken: usize,
    end: End,
    reader: Reader,
    /// Whether bytes were dropped that the reader never took.
    wasted: bool,
    reader_waker: Option<Waker>,
    feeder_waker: Option<Waker>,
}

/// What the reader did since the feeder last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intake {
    /// Bytes taken out.
    pub(crate) taken: usize,
    /// Whether the reader ever asked.
    pub(crate) wanted: bool,
    /// Whether the reader dropped the body.
    pub(crate) dropped: bool,
}

/// Who waited for what just came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The caller's own task, which was therefore not woken.
    Here,
    /// Nobody, or another task, which was woken.
    Elsewhere,
}

#[derive(Debug)]
pub(crate) struct Slot(Mutex<State>);

impl Slot {
    /// Makes the slot of a body that is made here: its chunks stay as they are.
    pub(crate) fn new() -> Arc<Self> {
        Self::with(Queue::new(0))
    }

    /// Makes the slot of a body that a peer sends.
    pub(crate) fn incoming() -> Arc<Self> {
        Self::with(Queue::new(SMALL))
    }

    fn with(queue: Queue) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            queue,
            buffered: 0,
            taken: 0,
            end: End::Open,
            reader: Reader::Quiet,
            wasted: false,
            reader_waker: None,
            feeder_waker: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a chunk. `from` is the task that feeds.
    pub(crate) fn feed(&self, bytes: Bytes, from: Option<&Waker>) -> Waiting {
        let mut state = self.lock();
        if state.reader == Reader::Gone {
            state.taken += bytes.len();
            state.wasted = true;
            return Waiting::Elsewhere;
        }
        state.buffered += bytes.len();
        state.queue.push_back(bytes);
        let reader = state.reader_waker.take();
        drop(state);
        wake_other(reader, from)
    }

    /// The body is whole.
    pub(crate) fn finish(&self, trailers: Option<Headers>, from: Option<&Waker>) -> Waiting {
        self.end(End::Whole(trailers.map(Box::new)), from)
    }

    /// The body will never be whole.
    pub(crate) fn fail(&self, error: BodyError, from: Option<&Waker>) -> Waiting {
        self.end(End::Failed(error), from)
    }

    fn end(&self, end: End, from: Option<&Waker>) -> Waiting {
        let mut state = self.lock();
        if !matches!(state.end, End::Open) {
            return Waiting::Elsewhere;
        }
        state.end = end;
        let reader = state.reader_waker.take();
        drop(state);
        wake_other(reader, from)
    }

    /// The feeder does not care any more for what the reader does.
    pub(crate) fn forget_feeder(&self) {
        let feeder = self.lock().feeder_waker.take();
        drop(feeder);
    }

    /// Whether bytes came that nobody took.
    pub(crate) fn is_wasted(&self) -> bool {
        let state = self.lock();
        state.wasted || state.buffered > 0
    }

    /// Returns what the reader did, and registers the feeder to hear of more.
    pub(crate) fn intake(&self, cx: &Context<'_>) -> Intake {
        let mut state = self.lock();
        remember(&mut state.feeder_waker, cx);
        Intake {
            taken: mem::take(&mut state.taken),
            wanted: state.reader != Reader::Quiet,
            dropped: state.reader == Reader::Gone,
        }
    }

    /// Whether nobody wants the body.
    pub(crate) fn is_dropped(&self) -> bool {
        self.lock().reader == Reader::Gone
    }

    /// Waits until less than a window is unread.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<(), BodyError>> {
        let mut state = self.lock();
        if state.reader == Reader::Gone {
            return Poll::Ready(Err(BodyError::Gone));
        }
        if state.buffered < WINDOW {
            return Poll::Ready(Ok(()));
        }
        remember(&mut state.feeder_waker, cx);
        Poll::Pending
    }

    pub(crate) fn poll_chunk(&self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut state = self.lock();
        let first_time = mem::replace(&mut state.reader, Reader::Reading) == Reader::Quiet;
        if let Some(bytes) = state.queue.pop_front() {
            state.buffered -= bytes.len();
            state.taken += bytes.len();
            let feeder = state.feeder_waker.take();
            drop(state);
            let _ = wake_other(feeder, Some(cx.waker()));
            return Poll::Ready(Some(Ok(bytes)));
        }
        match &mut state.end {
            End::Open => {}
            End::Whole(_) => return Poll::Ready(None),
            End::Failed(error) => return Poll::Ready(Some(Err(error.clone()))),
        }
        remember(&mut state.reader_waker, cx);
        let feeder = if first_time { state.feeder_waker.take() } else { None };
        drop(state);
        let _ = wake_other(feeder, Some(cx.waker()));
        Poll::Pending
    }

    pub(crate) fn take_trailers(&self) -> Option<Box<Headers>> {
        match &mut self.lock().end {
            End::Whole(trailers) => trailers.take(),
            End::Open | End::Failed(_) => None,
        }
    }

    /// The reader wants no more.
    pub(crate) fn close_reader(&self) {
        let mut state = self.lock();
        state.reader = Reader::Gone;
        state.wasted |= state.buffered > 0;
        state.taken += state.buffered;
        state.buffered = 0;
        state.reader_waker = None;
        let unread = mem::replace(&mut state.queue, Queue::new(0));
        let is_news = state.taken > 0 || matches!(state.end, End::Open);
        let feeder = state.feeder_waker.take().filter(|_| is_news);
        drop(state);
        drop(unread);
        if let Some(feeder) = feeder {
            feeder.wake();
        }
    }
}

fn remember(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}

/// Wakes a waiting task unless it is the one that runs.
fn wake_other(waiting: Option<Waker>, running: Option<&Waker>) -> Waiting {
    let Some(waker) = waiting else { return Waiting::Elsewhere };
    if running.is_some_and(|running| waker.will_wake(running)) {
        return Waiting::Here;
    }
    waker.wake();
    Waiting::Elsewhere
}
