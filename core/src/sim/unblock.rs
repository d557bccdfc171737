//! Blocking work, without threads.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::trace::Action;
use super::world::{Event, Sim};
use crate::driver::Panicked;

enum Stage<T> {
    Working(Option<Waker>),
    Done(Result<T, Panicked>),
    Taken,
}

struct Desk<T>(Mutex<Stage<T>>);

impl<T> Desk<T> {
    fn lock(&self) -> MutexGuard<'_, Stage<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in(&self, result: Result<T, Panicked>) {
        let before = core::mem::replace(&mut *self.lock(), Stage::Done(result));
        match before {
            Stage::Working(Some(waker)) => waker.wake(),
            Stage::Working(None) | Stage::Done(_) | Stage::Taken => {}
        }
    }
}

/// The result of blocking work, made by [`Runtime::unblock`](crate::driver::Runtime::unblock). The work is done whether or
/// not anybody waits, unless the run ends before.
pub struct SimUnblock<T> {
    desk: Arc<Desk<T>>,
}

/// Runs the work at once or, as the seed wants it, when up to the configured latency has passed.
pub(super) fn unblock<T: Send + 'static>(
    sim: &Sim,
    work: impl FnOnce() -> T + Send + 'static,
) -> SimUnblock<T> {
    let desk = Arc::new(Desk(Mutex::new(Stage::Working(None))));
    let hand_in = Arc::clone(&desk);
    let job: Box<dyn FnOnce() + Send> = Box::new(move || {
        hand_in.hand_in(catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked));
    });
    let at_once = sim.with(|world| {
        let delay = world.delay(world.config.latency);
        if delay > Duration::ZERO {
            let at = world.now + delay;
            world.schedule(at, Event::Work(job));
            return None;
        }
        world.record(Action::Worked);
        Some(job)
    });
    if let Some(job) = at_once {
        job();
    }
    SimUnblock { desk }
}

impl<T> Future for SimUnblock<T> {
    type Output = Result<T, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.desk.lock();
        match core::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Done(result) => Poll::Ready(result),
            Stage::Working(before) => {
                *stage = Stage::Working(Some(cx.waker().clone()));
                drop(stage);
                drop(before);
                Poll::Pending
            }
            Stage::Taken => panic!("polled after it was ready"),
        }
    }
}

impl<T> fmt::Debug for SimUnblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimUnblock").finish_non_exhaustive()
    }
}
