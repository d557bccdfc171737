//! What an owner of a connection sees of it who polls it in place of a task.

use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll};
use std::io;
use std::panic::catch_unwind;

use super::{Driver, Side, State, forget_panic};
use crate::driver::{Runtime, Transport};
use crate::protocol::{Lost, Protocol};

impl<P: Protocol, R: Runtime> Driver<P, R> {
    /// Polls as the future does, and leaves the protocol where its owner can look at it, after the end too. `Ready` says
    /// why the connection is over.
    ///
    /// For owners that poll the connection themselves in place of a task, as those of client connections do.
    pub fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Lost> {
        if let State::Closed(cause) = self.state {
            return Poll::Ready(cause);
        }
        let cause = match catch_unwind(AssertUnwindSafe(|| self.run(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(cause)) => cause,
            Err(payload) => {
                forget_panic(Err(payload));
                Lost::Failed
            }
        };
        self.end(cause);
        Poll::Ready(cause)
    }

    /// Lends the protocol; `None` after the future has ended. Whoever changes it polls the connection afterwards.
    pub fn protocol_mut(&mut self) -> Option<&mut P> {
        self.protocol.as_mut()
    }

    /// Whether the transport took a byte, since [`Driver::forget_written`] if that was called.
    pub fn has_written(&self) -> bool {
        self.has_written
    }

    /// Forgets that the transport took bytes, at the beginning of a request for instance.
    pub fn forget_written(&mut self) {
        self.has_written = false;
    }

    /// Returns what the transport reported when the connection was [`Lost::Broken`].
    pub fn fault(&self) -> Option<io::ErrorKind> {
        self.fault
    }

    /// Whether neither bytes nor the end of the stream wait to be read; see [`Transport::is_quiet`].
    pub fn is_quiet(&mut self) -> Option<bool> {
        self.stream.is_quiet()
    }

    /// Lets the next poll write and not read, where a read costs a system call: what it would find can't be the answer to
    /// what has not been sent.
    pub fn speak_first(&mut self) {
        self.opening = if R::Stream::REREAD_IS_FREE { Side::Ask } else { Side::Short };
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &R {
        &self.runtime
    }
}
