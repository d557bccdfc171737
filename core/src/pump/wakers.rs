//! Wakers that say which exchange is meant, so that one wake does not poll them all.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;

use alloc::sync::Arc;
use alloc::task::Wake;
use std::sync::{Mutex, PoisonError};

/// One exchange's own waker: it marks the exchange and wakes the connection's task.
#[derive(Debug)]
pub(super) struct Flag {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl Flag {
    /// Begins as woken, so that the exchange is polled for the first time.
    pub(super) fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(true), task: Mutex::new(task.clone()) })
    }

    /// Makes sure that the task which polls at present is the one that is woken.
    pub(super) fn follow(&self, task: &Waker) {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(task);
    }

    /// Whether the exchange was woken since the last call.
    pub(super) fn take(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    /// Returns the waker of the exchange.
    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Marks the exchange without waking anybody: the task is running.
    pub(super) fn mark(&self) {
        self.woken.store(true, Ordering::Release);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mark();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}
