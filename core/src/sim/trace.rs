//! What happened, step by step.

use core::fmt;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::net::Side;
use super::run::TaskId;
use crate::time::Instant;

/// How many steps are kept.
const KEPT: usize = 256;

/// One thing that happened in a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A task was started.
    Spawned(TaskId),
    /// A task was polled.
    Polled(TaskId),
    /// A task came to its end.
    Done(TaskId),
    /// A task was woken.
    Woken(TaskId),
    /// A task was woken through the waker of an earlier poll, which does nothing.
    WokenLate(TaskId),
    /// A connection was made.
    Connected {
        /// Its number.
        connection: u64,
    },
    /// A connection was accepted.
    Accepted {
        /// Its number.
        connection: u64,
    },
    /// Bytes were read.
    Read {
        /// The connection's number.
        connection: u64,
        /// Who read.
        side: Side,
        /// How many; 0 is the end of the stream.
        bytes: usize,
    },
    /// Bytes were taken to be written.
    Wrote {
        /// The connection's number.
        connection: u64,
        /// Who wrote.
        side: Side,
        /// How many.
        bytes: usize,
    },
    /// A side ended its stream.
    Finished {
        /// The connection's number.
        connection: u64,
        /// Which side.
        side: Side,
    },
    /// A connection was reset.
    Reset {
        /// Its number.
        connection: u64,
    },
    /// A timer fired.
    Fired,
    /// Blocking work was run.
    Worked,
}

/// An [`Action`] and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, in virtual time.
    pub at: Instant,
    /// What.
    pub action: Action,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.as_nanos();
        write!(f, "{}.{:09} {:?}", nanos / 1_000_000_000, nanos % 1_000_000_000, self.action)
    }
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    recent: VecDeque<Step>,
    fingerprint: u64,
}

impl Trace {
    pub(super) fn record(&mut self, at: Instant, action: Action) {
        let (kind, a, b, c) = match action {
            Action::Spawned(task) => (1, task.number(), 0, 0),
            Action::Polled(task) => (2, task.number(), 0, 0),
            Action::Done(task) => (3, task.number(), 0, 0),
            Action::Woken(task) => (4, task.number(), 0, 0),
            Action::WokenLate(task) => (5, task.number(), 0, 0),
            Action::Connected { connection } => (6, connection, 0, 0),
            Action::Accepted { connection } => (7, connection, 0, 0),
            Action::Read { connection, side, bytes } => (8, connection, side as u64, bytes as u64),
            Action::Wrote { connection, side, bytes } => (9, connection, side as u64, bytes as u64),
            Action::Finished { connection, side } => (10, connection, side as u64, 0),
            Action::Reset { connection } => (11, connection, 0, 0),
            Action::Fired => (12, 0, 0, 0),
            Action::Worked => (13, 0, 0, 0),
        };
        for word in [at.as_nanos(), kind, a, b, c] {
            self.fingerprint = (self.fingerprint.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
        }
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(Step { at, action });
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(super) fn recent(&self) -> Vec<Step> {
        self.recent.iter().copied().collect()
    }
}
