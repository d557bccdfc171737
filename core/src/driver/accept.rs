//! Taking connections from listeners, whatever `accept(2)` says.

use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use super::runtime::{Accepted, Runtime};
use super::time::Sleep;

/// The first pause after the system ran out of something.
const PAUSE: Duration = Duration::from_millis(50);
/// Each pause is twice the one before, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How many errors of connections are passed over in one poll.
const PASSED: usize = 64;

/// Several listeners, taken from in turns. Errors stay inside: those of a connection are passed over; after all others,
/// descriptors or memory used up for the most part, accepting pauses on the runtime's timer.
pub(crate) struct Acceptor<R: Runtime> {
    runtime: R,
    listeners: Vec<R::Listener>,
    turn: usize,
    pause: Duration,
    pausing: Option<Sleep<R>>,
}

impl<R: Runtime> Acceptor<R> {
    pub(crate) fn new(runtime: R, listeners: Vec<R::Listener>) -> Self {
        Self { runtime, listeners, turn: 0, pause: PAUSE, pausing: None }
    }

    /// Whether `Pending` means a pause and says nothing about what waits to be accepted.
    pub(crate) fn is_pausing(&self) -> bool {
        self.pausing.is_some()
    }

    /// The number of the listener that the last connection came by.
    pub(crate) fn turn(&self) -> usize {
        self.turn
    }

    /// Takes the next connection.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Accepted<R::Stream>> {
        let mut passed = 0;
        let mut silent = 0;
        while silent < self.listeners.len() {
            if let Some(sleep) = &mut self.pausing {
                match Pin::new(sleep).poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => self.pausing = None,
                }
            }
            self.turn = (self.turn + 1) % self.listeners.len();
            match self.runtime.poll_accept(&mut self.listeners[self.turn], cx) {
                Poll::Pending => silent += 1,
                Poll::Ready(Ok(accepted)) => {
                    self.pause = PAUSE;
                    return Poll::Ready(accepted);
                }
                Poll::Ready(Err(error)) if is_of_connection(&error) => {
                    silent = 0;
                    passed += 1;
                    if passed == PASSED {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Err(_)) => {
                    silent = 0;
                    self.pausing = Some(self.runtime.sleep(self.pause));
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        Poll::Pending
    }
}

/// Whether an error belongs to the one connection that was to be accepted, so that the next one may be there at once.
///
/// `accept(2)` on Linux hands on errors that are pending on the new socket, and says that they are to be treated like
/// "try again"; a firewall gives `EPERM`.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the standard library may add kinds; all others are for pausing"
)]
fn is_of_connection(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::Interrupted
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::TimedOut => true,
        _ => {
            cfg!(target_os = "linux")
                && error.raw_os_error().is_some_and(|code| OF_CONNECTION.contains(&code))
        }
    }
}

/// ENONET, EPROTO, ENOPROTOOPT, EOPNOTSUPP and EHOSTDOWN, which have no kind of their own everywhere.
const OF_CONNECTION: [i32; 5] = [64, 71, 92, 95, 112];

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, FakeListener, Wire};
    use super::*;
    use core::task::Waker;

    #[test]
    fn errors_are_sorted() {
        for (name, code, passes) in [
            ("EPERM", 1, true),
            ("EINTR", 4, true),
            ("EBADF", 9, false),
            ("ENOMEM", 12, false),
            ("EINVAL", 22, false),
            ("ENFILE", 23, false),
            ("EMFILE", 24, false),
            ("ENONET", 64, true),
            ("EPROTO", 71, true),
            ("ENOPROTOOPT", 92, true),
            ("EOPNOTSUPP", 95, true),
            ("ENETDOWN", 100, true),
            ("ENETUNREACH", 101, true),
            ("ECONNABORTED", 103, true),
            ("ECONNRESET", 104, true),
            ("ENOBUFS", 105, false),
            ("ETIMEDOUT", 110, true),
            ("EHOSTDOWN", 112, true),
            ("EHOSTUNREACH", 113, true),
        ] {
            if cfg!(target_os = "linux") {
                assert_eq!(is_of_connection(&io::Error::from_raw_os_error(code)), passes, "{name}");
            }
        }
        assert!(is_of_connection(&io::ErrorKind::ConnectionAborted.into()));
        assert!(!is_of_connection(&io::ErrorKind::OutOfMemory.into()));
    }

    #[test]
    fn pauses_double_and_recover() {
        let fake = Fake::<true>::default();
        let mut acceptor = Acceptor::new(fake.clone(), [FakeListener::new(&fake)].into());
        let mut cx = Context::from_waker(Waker::noop());
        let mut polls = 0;
        for pause in [50, 100, 200, 400, 800, 1000, 1000] {
            fake.offer(Err(io::ErrorKind::OutOfMemory.into()));
            assert!(acceptor.poll_next(&mut cx).is_pending() && acceptor.is_pausing());
            polls += 1;
            assert_eq!(fake.with(|world| world.accept_polls), polls);
            fake.advance(Duration::from_millis(pause) - Duration::from_nanos(1));
            assert!(acceptor.poll_next(&mut cx).is_pending());
            assert_eq!(fake.with(|world| world.accept_polls), polls, "{pause}: accepted in the pause");
            fake.advance(Duration::from_nanos(1));
        }
        fake.offer(Ok(Wire::default()));
        assert!(acceptor.poll_next(&mut cx).is_ready());
        fake.offer(Err(io::ErrorKind::OutOfMemory.into()));
        assert!(acceptor.poll_next(&mut cx).is_pending());
        fake.advance(PAUSE);
        fake.offer(Ok(Wire::default()));
        assert!(acceptor.poll_next(&mut cx).is_ready());
    }

    #[test]
    fn errors_of_connections_are_passed_over_and_never_hog_the_worker() {
        let fake = Fake::<true>::default();
        let mut acceptor = Acceptor::new(fake.clone(), [FakeListener::new(&fake)].into());
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..PASSED {
            fake.offer(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        fake.offer(Ok(Wire::default()));
        assert!(acceptor.poll_next(&mut cx).is_pending() && !acceptor.is_pausing());
        assert!(acceptor.poll_next(&mut cx).is_ready());
    }
}
