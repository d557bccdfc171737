//! The shape of everything that speaks over a [`Link`]: callbacks without IO and without a clock.
//!
//! Laws (L1, L3 and L8 stand at [`crate::link`]):
//!
//! - **L2, half-close is not close.** After [`Protocol::eof_received`] a protocol answers what it owes, then closes. The
//!   default closes at once and suits protocols that owe nothing.
//! - **L4, an error is final, last words leave.** A machine that failed stays failed; what it queued before it failed
//!   (an error answer, a TLS alert) is flushed.
//! - **L5, pure but for `poll_work`.** The same calls with the same links give the same bytes. [`Work::Waiting`] means:
//!   called again with nothing new, nothing would change.
//! - **L6, a wrapper re-runs its intake in `poll_work`**, for the inner protocol may have made room there; and it forwards
//!   shutdown, abort, close and `connection_lost`.
//! - **L7, split invariance.** Any partition of the input gives the same events once adjacent data of one stream are
//!   joined, and the same errors and limits. Work is linear in the input.
//!
//! ```
//! use anyloop_core::{link::Link, protocol::{Echo, Protocol}, time::Now};
//!
//! let mut link = Link::new(Now::default());
//! link.inbound.extend_from_slice(b"hello");
//! Echo::default().data_received(&mut link).unwrap();
//! assert_eq!(link.outbound.pop_front().unwrap(), "hello");
//! ```

mod either;

use core::convert::Infallible;
use core::task::Context;

use crate::link::Link;

pub use either::Either;

/// What a call of [`Protocol::poll_work`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Called again with nothing new, nothing would change.
    Waiting,
    /// Something moved that the buffers do not show: run another turn.
    Again,
}

/// How the peer ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// TCP FIN, or TLS `close_notify`: the peer said so itself.
    Clean,
    /// FIN without `close_notify`: somebody on the way may have cut the stream.
    Cut,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// Closed in order, everything flushed.
    Closed,
    /// [`Link::abort`] was called.
    Aborted,
    /// The protocol failed; its last words were flushed.
    Failed,
    /// The transport reported an error, a reset for instance.
    Broken,
    /// The peer took no byte for as long as the write-stall timeout allows.
    Stalled,
    /// The server was killed, or the driver was dropped, before the connection ended.
    Killed,
}

/// One side of a conversation over a [`Link`].
///
/// A driver calls `connection_made` once, then the others as things happen, and `connection_lost` once at the end.
pub trait Protocol {
    /// What can go wrong. An error closes the connection after what was queued is flushed (L4).
    type Error: core::error::Error + Send + Sync + 'static;

    /// The connection is there.
    ///
    /// # Errors
    /// When the protocol can't begin.
    fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        let _ = link;
        Ok(())
    }

    /// New bytes stand at the end of [`Link::inbound`]; take what can be understood and leave the rest (L1).
    ///
    /// # Errors
    /// When the bytes break the protocol.
    fn data_received(&mut self, link: &mut Link) -> Result<(), Self::Error>;

    /// The peer will send no more (L2).
    ///
    /// # Errors
    /// When the peer stopped in the middle of something.
    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Self::Error> {
        let _ = how;
        link.close();
        Ok(())
    }

    /// The deadline set on the link is reached and was cleared (L3).
    ///
    /// # Errors
    /// When missing the deadline is a fault.
    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        let _ = link;
        Ok(())
    }

    /// Polls what the protocol owns of futures. Called once in every turn; the only call that may look outside.
    ///
    /// # Errors
    /// When the work uncovers a fault.
    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Self::Error> {
        let _ = (cx, link);
        Ok(Work::Waiting)
    }

    /// The server is going down: finish what must be finished, start nothing.
    fn shutdown(&mut self, link: &mut Link) {
        link.close();
    }

    /// The connection is over. Nothing is called after this.
    fn connection_lost(&mut self, cause: Lost) {
        let _ = cause;
    }
}

/// Sends back what it gets: the smallest protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo {
    peer_is_done: bool,
}

impl Echo {
    fn pump(self, link: &mut Link) {
        if link.can_write() && !link.inbound.is_empty() {
            let bytes = link.inbound.split().freeze();
            link.write(bytes);
        }
        if self.peer_is_done && link.inbound.is_empty() {
            link.close();
        }
    }
}

impl Protocol for Echo {
    type Error = Infallible;

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        self.pump(link);
        Ok(())
    }

    fn eof_received(&mut self, link: &mut Link, _: Eof) -> Result<(), Infallible> {
        self.peer_is_done = true;
        self.pump(link);
        Ok(())
    }

    fn poll_work(&mut self, _: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        self.pump(link);
        Ok(Work::Waiting)
    }
}
