//! Ending a server: in stages, and heard by each connection.
//!
//! A stage is stored first and the wakers are woken then; a driver stores its waker first and looks at the stage then.
//! So either sees the other.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::slots::Slots;
use super::timers::Timers;
use crate::time::Instant;

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody asked for one.
    Serving,
    /// Each connection is told, once, unless nothing came from it yet; what waits to be accepted still is.
    Announce,
    /// The listeners are closed, and every connection is told; what is in progress is finished.
    Drain,
    /// Whatever still lives is dropped.
    Kill,
}

impl Stage {
    const fn from_u8(stage: u8) -> Self {
        match stage {
            0 => Self::Serving,
            1 => Self::Announce,
            2 => Self::Drain,
            _ => Self::Kill,
        }
    }
}

/// Locks, also after a panic elsewhere: nothing that is guarded here is ever left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stage that only moves forward.
#[derive(Debug)]
struct Forward(AtomicU8);

impl Forward {
    fn get(&self) -> Stage {
        Stage::from_u8(self.0.load(Ordering::SeqCst))
    }

    /// Whether this call moved it.
    fn advance(&self, to: Stage) -> bool {
        self.0.fetch_max(to as u8, Ordering::SeqCst) < to as u8
    }
}

/// Ends a server. Clones end the same one.
#[derive(Clone)]
pub struct Shutdown(Arc<Inner>);

struct Inner {
    stage: Forward,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    futures: Slots,
    parts: Vec<Weak<Part>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Makes a handle for a server that is yet to start.
    pub fn new() -> Self {
        let stage = Forward(AtomicU8::new(Stage::Serving as u8));
        Self(Arc::new(Inner { stage, listeners: Mutex::default() }))
    }

    /// Begins a graceful shutdown: each connection finishes what it owes, the accept queue is emptied, then the listeners
    /// close. Whoever connected and said nothing yet may still ask, for a quarter of a second.
    pub fn announce(&self) {
        self.advance(Stage::Announce);
    }

    /// Drops everything at once.
    pub fn kill(&self) {
        self.advance(Stage::Kill);
    }

    /// Returns how far the shutdown has come.
    pub fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    /// Waits until somebody calls [`Shutdown::announce`] or [`Shutdown::kill`].
    pub fn announced(&self) -> Announced {
        self.reached(Stage::Announce)
    }

    /// Waits until the shutdown has come to a stage.
    pub fn reached(&self, stage: Stage) -> Announced {
        Announced { shutdown: self.clone(), stage, slot: None }
    }

    fn advance(&self, to: Stage) {
        if !self.0.stage.advance(to) {
            return;
        }
        let (wakers, parts) = {
            let listeners = lock(&self.0.listeners);
            let parts: Vec<_> = listeners.parts.iter().filter_map(Weak::upgrade).collect();
            (listeners.futures.wakers(), parts)
        };
        wakers.into_iter().for_each(Waker::wake);
        parts.into_iter().for_each(|part| part.advance(to));
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&self.stage()).finish()
    }
}

/// Waits for a stage of a shutdown; see [`Shutdown::announced`].
#[derive(Debug)]
pub struct Announced {
    shutdown: Shutdown,
    stage: Stage,
    slot: Option<u32>,
}

impl Future for Announced {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let old = {
            let mut listeners = lock(&this.shutdown.0.listeners);
            let slot = *this.slot.get_or_insert_with(|| listeners.futures.insert());
            listeners.futures.set(slot, cx.waker())
        };
        drop(old);
        if this.shutdown.stage() >= this.stage { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let old = lock(&self.shutdown.0.listeners).futures.remove(slot);
            drop(old);
        }
    }
}

/// A bound on connections that live at once, shared by all workers.
#[derive(Clone, Debug)]
pub struct Permits(Arc<PermitsInner>);

#[derive(Debug)]
struct PermitsInner {
    limit: usize,
    state: Mutex<PermitsState>,
}

#[derive(Debug, Default)]
struct PermitsState {
    used: usize,
    waiting: Vec<Waker>,
}

impl Permits {
    /// Allows `limit` connections at once.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(PermitsInner { limit, state: Mutex::default() }))
    }

    /// Returns how many are in use.
    pub fn used(&self) -> usize {
        lock(&self.0.state).used
    }

    fn take(&self) {
        lock(&self.0.state).used += 1;
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0.state);
        if state.used < self.0.limit {
            state.used += 1;
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn give_back(&self) {
        let waiting = {
            let mut state = lock(&self.0.state);
            state.used -= 1;
            core::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Default for Permits {
    /// No bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

/// The living connections of one worker.
#[derive(Clone)]
pub struct Connections(Arc<Part>);

struct Part {
    stage: Forward,
    /// Whether somebody looks after the timers. Changed under the lock of `living`.
    keeps_timers: AtomicBool,
    permits: Permits,
    living: Mutex<Living>,
}

#[derive(Default)]
struct Living {
    slots: Slots,
    timers: Timers,
    when_empty: Option<Waker>,
}

impl Part {
    fn advance(&self, to: Stage) {
        if self.stage.advance(to) {
            let wakers = lock(&self.living).slots.wakers();
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Connections {
    /// Makes the list of one worker, which hears of `shutdown`.
    pub fn new(shutdown: &Shutdown, permits: &Permits) -> Self {
        let stage = Forward(AtomicU8::new(Stage::Serving as u8));
        let keeps_timers = AtomicBool::new(false);
        let part = Arc::new(Part { stage, keeps_timers, permits: permits.clone(), living: Mutex::default() });
        {
            let mut listeners = lock(&shutdown.0.listeners);
            listeners.parts.retain(|part| part.strong_count() > 0);
            listeners.parts.push(Arc::downgrade(&part));
        }
        part.advance(shutdown.stage());
        Self(part)
    }

    /// Returns how many live.
    pub fn len(&self) -> usize {
        lock(&self.0.living).slots.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Enters a connection, whether there is a permit or not.
    pub fn register(&self) -> Registration {
        self.0.permits.take();
        self.enter()
    }

    /// Enters a connection as soon as there is a permit.
    pub fn poll_register(&self, cx: &mut Context<'_>) -> Poll<Registration> {
        self.0.permits.poll_take(cx).map(|()| self.enter())
    }

    /// Waits until none lives. One task at a time may wait.
    pub fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut living = lock(&self.0.living);
        if living.slots.len() == 0 {
            return Poll::Ready(());
        }
        let old = living.when_empty.replace(cx.waker().clone());
        drop(living);
        drop(old);
        Poll::Pending
    }

    /// Moves these connections forward; others of the same shutdown stay.
    pub fn advance(&self, to: Stage) {
        self.0.advance(to);
    }

    /// Says whether somebody looks after the timers from here on. Connections hear when nobody does any more.
    pub(super) fn keep_timers(&self, keeps: bool) {
        let wakers = {
            let mut living = lock(&self.0.living);
            self.0.keeps_timers.store(keeps, Ordering::Release);
            living.timers = Timers::default();
            if keeps { Vec::new() } else { living.slots.wakers() }
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes each connection whose instant is reached, and returns the next instant; `keeper` is woken when there is an
    /// earlier one.
    pub(super) fn wake_due(&self, now: Instant, keeper: &Waker) -> Option<Instant> {
        loop {
            let due = {
                let mut living = lock(&self.0.living);
                let Living { slots, timers, when_empty: _ } = &mut *living;
                match timers.take_due(now) {
                    Some(slot) => slots.waker(slot),
                    None => return timers.sleep(keeper),
                }
            };
            if let Some(waker) = due {
                waker.wake();
            }
        }
    }

    fn enter(&self) -> Registration {
        let slot = lock(&self.0.living).slots.insert();
        Registration { part: self.0.clone(), slot }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("stage", &self.0.stage.get()).field("len", &self.len()).finish()
    }
}

/// The place of one connection in [`Connections`]; dropped with it.
pub struct Registration {
    part: Arc<Part>,
    slot: u32,
}

impl Registration {
    /// Makes a place in a list that nobody ends: for a connection that stands alone.
    pub fn alone() -> Self {
        Connections::new(&Shutdown::new(), &Permits::default()).register()
    }

    /// Returns how far the shutdown has come.
    pub fn stage(&self) -> Stage {
        self.part.stage.get()
    }

    /// Says whom to wake when the stage changes. Look at [`Registration::stage`] afterwards.
    pub fn set_waker(&self, waker: &Waker) {
        let old = lock(&self.part.living).slots.set(self.slot, waker);
        drop(old);
    }

    /// Whether [`Registration::wake_at`] can be asked.
    pub(super) fn keeps_timers(&self) -> bool {
        self.part.keeps_timers.load(Ordering::Acquire)
    }

    /// Asks to be woken at `at` or later, once, in place of what was asked before; false when nobody looks after that.
    pub(super) fn wake_at(&self, at: Instant) -> bool {
        let keeper = {
            let mut living = lock(&self.part.living);
            if !self.keeps_timers() {
                return false;
            }
            living.timers.set(self.slot, at)
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
        true
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let (old, empty) = {
            let mut living = lock(&self.part.living);
            let old = living.slots.remove(self.slot);
            living.timers.clear(self.slot);
            (old, if living.slots.len() == 0 { living.when_empty.take() } else { None })
        };
        drop(old);
        self.part.permits.give_back();
        if let Some(waker) = empty {
            waker.wake();
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("stage", &self.stage()).finish()
    }
}
