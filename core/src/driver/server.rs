//! A running server, seen from outside.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::thread::JoinHandle;

use super::shutdown::{Shutdown, lock};
use super::slots::Slots;
use super::socket::Bound;

/// A server that runs on threads of its own. Dropping this leaves it running.
#[derive(Debug)]
pub struct Serving {
    pub(super) shutdown: Shutdown,
    pub(super) threads: Vec<JoinHandle<io::Result<()>>>,
    pub(super) alive: Arc<Alive>,
    pub(super) triggers: Arc<Triggers>,
}

impl Serving {
    /// Returns the handle that ends this server.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Begins a graceful shutdown when the future is done. It is polled by the first worker, inside its event loop; a
    /// panic in it counts as its end.
    pub fn shutdown_on(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.triggers.add(Box::pin(future));
    }

    /// Waits, without blocking the thread, until all workers have ended.
    pub fn closed(&self) -> Closed {
        Closed { alive: self.alive.clone(), slot: None }
    }

    /// Blocks the thread until all workers have ended.
    ///
    /// # Errors
    /// The first error of an event loop, or that a worker panicked.
    pub fn wait_closed(self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
            result = result.and(ended);
        }
        result
    }
}

/// How many workers run.
#[derive(Debug)]
pub(super) struct Alive(Mutex<AliveState>);

#[derive(Debug)]
struct AliveState {
    running: usize,
    waiting: Slots,
}

impl Alive {
    pub(super) fn new(running: usize) -> Self {
        Self(Mutex::new(AliveState { running, waiting: Slots::default() }))
    }
}

/// Held by a worker's thread. When one ends, however that comes, the others are told to end too.
pub(super) struct Living {
    pub(super) alive: Arc<Alive>,
    pub(super) shutdown: Shutdown,
    /// The file of a Unix socket goes with the last worker.
    pub(super) _bound: Arc<Vec<Bound>>,
}

impl Drop for Living {
    fn drop(&mut self) {
        self.shutdown.announce();
        let wakers = {
            let mut state = lock(&self.alive.0);
            state.running -= 1;
            if state.running == 0 { state.waiting.wakers() } else { Vec::new() }
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Waits until all workers have ended; see [`Serving::closed`].
#[derive(Debug)]
pub struct Closed {
    alive: Arc<Alive>,
    slot: Option<u32>,
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut state = lock(&this.alive.0);
        if state.running == 0 {
            return Poll::Ready(());
        }
        let slot = *this.slot.get_or_insert_with(|| state.waiting.insert());
        let old = state.waiting.set(slot, cx.waker());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let old = lock(&self.alive.0).waiting.remove(slot);
            drop(old);
        }
    }
}

type Trigger = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The futures that end the server, and the worker that polls them.
pub(super) struct Triggers(Mutex<TriggersState>);

#[derive(Default)]
struct TriggersState {
    waiting: Vec<Trigger>,
    worker: Option<Waker>,
}

impl Triggers {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    fn add(&self, trigger: Trigger) {
        let worker = {
            let mut state = lock(&self.0);
            state.waiting.push(trigger);
            state.worker.take()
        };
        if let Some(worker) = worker {
            worker.wake();
        }
    }

    /// Polls them all; announces the shutdown when one is done.
    pub(super) fn poll(&self, cx: &mut Context<'_>, shutdown: &Shutdown) {
        let mut triggers = {
            let mut state = lock(&self.0);
            state.worker = Some(cx.waker().clone());
            core::mem::take(&mut state.waiting)
        };
        triggers.retain_mut(|trigger| {
            let pending = catch_unwind(AssertUnwindSafe(|| trigger.as_mut().poll(cx).is_pending()));
            let pending = pending.unwrap_or(false);
            if !pending {
                shutdown.announce();
            }
            pending
        });
        lock(&self.0).waiting.append(&mut triggers);
    }
}

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggers").field("waiting", &lock(&self.0).waiting.len()).finish()
    }
}
