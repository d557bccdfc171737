//! Waiting, on any runtime.

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::alarm::Alarm;
use super::runtime::Runtime;
use crate::time::Instant;

/// Waits until an instant; see [`Runtime::sleep`].
pub struct Sleep<R: Runtime> {
    runtime: R,
    alarm: Alarm<R::Timer>,
    at: Instant,
}

impl<R: Runtime> Sleep<R> {
    /// Waits until `at` of the runtime's clock.
    pub fn until(runtime: R, at: Instant) -> Self {
        Self { runtime, alarm: Alarm::new(), at }
    }

    /// Returns the instant.
    pub fn deadline(&self) -> Instant {
        self.at
    }
}

/// Nothing is ever pinned inside.
impl<R: Runtime> Unpin for Sleep<R> {}

impl<R: Runtime> Future for Sleep<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let now = this.runtime.now().mono;
        if now >= this.at {
            return Poll::Ready(());
        }
        this.alarm.waker_changed();
        if this.alarm.poll_at(cx, now, this.at, &this.runtime).is_ready() {
            if this.runtime.now().mono >= this.at {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<R: Runtime> fmt::Debug for Sleep<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("at", &self.at).finish_non_exhaustive()
    }
}

/// The time was over before the future was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl core::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// A future that has so much time; see [`Runtime::timeout`].
pub struct Timeout<R: Runtime, F> {
    future: Pin<Box<F>>,
    sleep: Sleep<R>,
}

impl<R: Runtime, F> Timeout<R, F> {
    pub(crate) fn new(runtime: &R, time: Duration, future: F) -> Self {
        Self { future: Box::pin(future), sleep: runtime.sleep(time) }
    }
}

/// The future inside is pinned in its own box.
impl<R: Runtime, F> Unpin for Timeout<R, F> {}

impl<R: Runtime, F: Future> Future for Timeout<R, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match this.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => Pin::new(&mut this.sleep).poll(cx).map(|()| Err(Elapsed)),
        }
    }
}

impl<R: Runtime, F> fmt::Debug for Timeout<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{After, Bench, Fake};
    use super::*;
    use core::future::{pending, ready};

    #[test]
    fn sleep_is_judged_by_the_clock() {
        for after in [After::Ready, After::Pending] {
            let fake = Fake::<true>::default();
            fake.with(|world| (world.early, world.after) = (1, after));
            let mut sleep = Bench::new(fake.sleep(Duration::from_millis(5)));
            sleep.run();
            fake.advance(Duration::from_nanos(4_999_999));
            sleep.settle();
            assert!(!sleep.done);
            fake.advance(Duration::from_secs(1));
            sleep.settle();
            assert!(sleep.done, "{after:?}");
        }
    }

    #[test]
    fn timeout_gives_the_output_or_elapsed() {
        let fake = Fake::<true>::default();
        let mut in_time = fake.timeout(Duration::ZERO, ready(7));
        let cx = &mut Context::from_waker(core::task::Waker::noop());
        assert_eq!(Pin::new(&mut in_time).poll(cx), Poll::Ready(Ok(7)));
        let mut late = fake.timeout(Duration::from_secs(1), pending::<()>());
        assert_eq!(Pin::new(&mut late).poll(cx), Poll::Pending);
        fake.advance(Duration::from_secs(1));
        assert_eq!(Pin::new(&mut late).poll(cx), Poll::Ready(Err(Elapsed)));
    }
}
