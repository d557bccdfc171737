//! What a client waits for, as a table of deadlines; the link sees the earliest of them (law L3).

use super::config::Timeouts;
use super::fault::Timeout;
use crate::pump::deadlines::{BodyClock, Starts};
use crate::time::Instant;

/// The deadlines of one exchange.
#[derive(Debug, Default)]
pub(super) struct Waits {
    total: Option<Instant>,
    /// Until when a body is held back.
    pub(super) leave: Option<Instant>,
    head: Option<Instant>,
    between: Option<Instant>,
    rate: Option<Instant>,
    clock: Option<BodyClock>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The body is sent without leave.
    Leave,
    /// A bound was passed.
    Passed(Timeout),
}

impl Waits {
    pub(super) fn begin(now: Instant, timeouts: &Timeouts, end_at: Option<Instant>) -> Self {
        let total = timeouts.total.map(|limit| now + limit);
        Self { total: [total, end_at].into_iter().flatten().min(), ..Self::default() }
    }

    /// The request is out: the response may take so long.
    pub(super) fn await_head(&mut self, now: Instant, timeouts: &Timeouts) {
        if self.head.is_none() {
            self.head = timeouts.head.map(|limit| now + limit);
        }
    }

    /// The head came.
    pub(super) fn begin_body(&mut self, credit: usize) {
        (self.head, self.leave) = (None, None);
        self.clock = Some(BodyClock::new(Starts::Now, credit));
    }

    pub(super) fn received(&mut self, n: usize) {
        self.between = None;
        if let Some(clock) = &mut self.clock {
            clock.received(n);
        }
    }

    pub(super) fn granted(&mut self, n: usize) {
        if let Some(clock) = &mut self.clock {
            clock.granted(n);
        }
    }

    /// Looks at the clock while a body comes; `ours` says that we hold things up.
    pub(super) fn watch_body(&mut self, now: Instant, ours: bool, timeouts: &Timeouts) {
        let Some(clock) = &mut self.clock else { return };
        self.rate = clock.deadline_at(now, ours, timeouts.min_rate, timeouts.rate_grace);
        if ours || clock.is_starved() {
            self.between = None;
        } else if self.between.is_none() {
            self.between = timeouts.between_bytes.map(|limit| now + limit);
        }
    }

    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        [self.total, self.leave, self.head, self.between, self.rate].into_iter().flatten().min()
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let table = [
            (&mut self.total, Due::Passed(Timeout::Total)),
            (&mut self.head, Due::Passed(Timeout::Head)),
            (&mut self.between, Due::Passed(Timeout::BetweenBytes)),
            (&mut self.rate, Due::Passed(Timeout::Rate)),
            (&mut self.leave, Due::Leave),
        ];
        let (at, due) = table.into_iter().find(|(at, _)| at.is_some_and(|at| at <= now))?;
        *at = None;
        Some(due)
    }
}
