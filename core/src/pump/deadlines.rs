//! The timeouts of HTTP exchanges: a table for each. The link sees the earliest of them all (law L3).

use core::time::Duration;

use crate::limits::Timeouts;
use crate::time::Instant;

/// What a deadline of an exchange is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A body must come fast enough.
    Body,
    /// A handler must answer.
    Handler,
    /// A tunnel's own deadline.
    Tunnel,
}

const KINDS: [Kind; 3] = [Kind::Body, Kind::Handler, Kind::Tunnel];

/// At most one instant for each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines([Option<Instant>; KINDS.len()]);

impl Deadlines {
    pub(super) fn set(&mut self, kind: Kind, at: Option<Instant>) {
        self.0[kind as usize] = at;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Kind> {
        let kind = KINDS.into_iter().find(|kind| self.0[*kind as usize].is_some_and(|at| at <= now))?;
        self.set(kind, None);
        Some(kind)
    }
}

/// From when on the peer may send a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts {
    /// At once.
    Now,
    /// Once it is asked for (RFC 9110 §10.1.1).
    WhenAsked,
}

/// Measures how fast a body comes, counting only the time in which the peer could have sent.
///
/// It stands still while `starts` is [`Starts::WhenAsked`]: a peer that waits for `100 (Continue)` sends nothing before.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyClock {
    starts: Starts,
    received: u64,
    granted: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl BodyClock {
    pub(super) fn new(starts: Starts, credit: usize) -> Self {
        Self { starts, received: 0, granted: credit as u64, waited: Duration::ZERO, waiting_since: None }
    }

    /// The body is asked for.
    pub(super) fn ask(&mut self) {
        self.starts = Starts::Now;
    }

    pub(super) fn received(&mut self, n: usize) {
        self.starts = Starts::Now;
        self.received += n as u64;
    }

    pub(super) fn granted(&mut self, n: usize) {
        self.granted += n as u64;
    }

    /// Whether all came that was granted.
    pub(super) fn is_starved(&self) -> bool {
        self.received >= self.granted
    }

    /// Looks at the clock, and returns the instant by which more must have come. `ours` says that we are the ones who
    /// hold things up.
    pub(super) fn deadline(&mut self, now: Instant, ours: bool, timeouts: &Timeouts) -> Option<Instant> {
        self.deadline_at(now, ours, timeouts.body_rate, timeouts.body_grace)
    }

    /// The same for a rate in bytes a second, 0 for none, and the time that a body has in any case.
    pub(super) fn deadline_at(
        &mut self,
        now: Instant,
        ours: bool,
        rate: u32,
        grace: Duration,
    ) -> Option<Instant> {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now - since;
        }
        if ours || self.starts == Starts::WhenAsked || self.is_starved() || rate == 0 {
            return None;
        }
        self.waiting_since = Some(now);
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / u64::from(rate));
        let allowed = earned.max(grace);
        Some(now + allowed.saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::INITIAL_CREDIT;

    fn at(secs: u64) -> Instant {
        Instant::default() + Duration::from_secs(secs)
    }

    #[test]
    fn the_earliest_is_published_and_each_is_taken_once() {
        let mut table = Deadlines::default();
        table.set(Kind::Tunnel, Some(at(5)));
        table.set(Kind::Body, Some(at(3)));
        assert_eq!(table.next(), Some(at(3)));
        assert_eq!(table.take_due(at(2)), None);
        assert_eq!(table.take_due(at(5)), Some(Kind::Body));
        assert_eq!(table.take_due(at(5)), Some(Kind::Tunnel));
        assert_eq!((table.take_due(at(9)), table.next()), (None, None));
    }

    #[test]
    fn a_body_earns_time_by_its_bytes_and_only_the_peers_time_counts() {
        let timeouts = Timeouts::default();
        let mut clock = BodyClock::new(Starts::Now, INITIAL_CREDIT);
        assert_eq!(clock.deadline(at(0), false, &timeouts), Some(at(10)), "the grace");
        clock.received(10_000);
        assert_eq!(clock.deadline(at(5), false, &timeouts), Some(at(20)), "20 s earned, 5 used");
        assert_eq!(clock.deadline(at(8), true, &timeouts), None);
        assert_eq!(clock.deadline(at(100), false, &timeouts), Some(at(112)), "8 s used, the rest was ours");
        clock.received(INITIAL_CREDIT);
        assert_eq!(clock.deadline(at(101), false, &timeouts), None, "no credit, so it is our turn");
    }

    #[test]
    fn a_body_that_waits_for_leave_is_not_late() {
        let timeouts = Timeouts::default();
        let mut clock = BodyClock::new(Starts::WhenAsked, INITIAL_CREDIT);
        assert_eq!(clock.deadline(at(0), false, &timeouts), None);
        assert_eq!(clock.deadline(at(100), false, &timeouts), None);
        clock.ask();
        assert_eq!(clock.deadline(at(100), false, &timeouts), Some(at(110)));
        let mut clock = BodyClock::new(Starts::WhenAsked, INITIAL_CREDIT);
        clock.received(1);
        assert_eq!(clock.deadline(at(7), false, &timeouts), Some(at(17)), "it did not wait");
    }
}
