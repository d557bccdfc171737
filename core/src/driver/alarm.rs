//! One lazy timer.
//!
//! A deadline that moves to a later instant costs nothing: the timer stays where it is, fires too early by the clock,
//! and is set again then. It is polled only after it was set, or when the waker changed.

use core::task::{Context, Poll};
use core::time::Duration;

use super::runtime::{EARLY, Runtime, Timer};
use crate::time::Instant;

/// How much later than asked a timer is set when it says that it fired and the clock says that it is too early.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(1), Duration::from_millis(10), Duration::from_millis(100)];

#[derive(Debug)]
pub(crate) struct Alarm<T> {
    timer: Option<T>,
    armed: Option<Instant>,
    stale: bool,
}

impl<T: Timer> Alarm<T> {
    pub(crate) const fn new() -> Self {
        Self { timer: None, armed: None, stale: false }
    }

    /// The task has another waker than when the timer was polled.
    pub(crate) fn waker_changed(&mut self) {
        self.stale = true;
    }

    /// Sees to it that the task is woken at `at` or earlier. `Ready`: look at the clock again at once.
    pub(crate) fn poll_at<R>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        at: Instant,
        runtime: &R,
    ) -> Poll<()>
    where
        R: Runtime<Timer = T>,
    {
        let timer = self.timer.get_or_insert_with(|| runtime.timer());
        // A timer that is past or nearly due may have fired already, and says nothing more then.
        let used_up = self.armed.is_none_or(|armed| at < armed || armed <= now + EARLY);
        if used_up {
            timer.reset(at);
            self.armed = Some(at);
        } else if !self.stale {
            return Poll::Pending;
        }
        self.stale = false;
        for later in AGAIN {
            match timer.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {}
            }
            let now = runtime.now().mono;
            if now >= at {
                self.armed = None;
                return Poll::Ready(());
            }
            // Asking for the same instant again may give the same answer for ever.
            let again = at.max(now + later);
            timer.reset(again);
            self.armed = Some(again);
        }
        let last = timer.poll(cx);
        if last.is_ready() {
            self.armed = None;
        }
        last
    }
}
