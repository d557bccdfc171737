//! Time as a value.
//!
//! The protocol half of this crate never looks at a clock: the driver hands it a [`Now`], and a deadline is an
//! [`Instant`] that the protocol asks to be told about. The same code therefore runs in real and in virtual time.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point on the monotonic clock: nanoseconds since an epoch that the driver chose.
///
/// Only differences mean anything, and only between instants of the same driver. The last instant that can be expressed
/// is `u64::MAX - 1`. An `Option` of an instant takes no more room than an instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(
    /// The nanoseconds, and one more.
    NonZeroU64,
);

impl Instant {
    /// Makes an instant from nanoseconds since the driver's epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Returns the nanoseconds since the driver's epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// Returns the time from `earlier` to `self`, zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

/// The driver's epoch.
impl Default for Instant {
    fn default() -> Self {
        Self::from_nanos(0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
    }
}

/// Saturates at the end of the clock, some 584 years after its epoch.
impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// The same as [`Instant::saturating_since`].
impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

/// Both clocks, read once a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock, for deadlines.
    pub mono: Instant,
    /// Seconds since 1970-01-01T00:00:00Z, for the `Date` field.
    pub unix_secs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Instant::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Instant::default() + Duration::MAX, end);
        assert_eq!(Instant::default() - end, Duration::ZERO);
        assert_eq!(end, Instant::from_nanos(u64::MAX - 1));
        assert_eq!(
            (Instant::from_nanos(5) + Duration::from_nanos(3)) - Instant::from_nanos(5),
            Duration::from_nanos(3)
        );
    }

    #[test]
    fn nanoseconds_survive_and_no_instant_takes_no_room() {
        for nanos in [0, 1, 7_000_000_000, u64::MAX - 1] {
            assert_eq!(Instant::from_nanos(nanos).as_nanos(), nanos);
        }
        assert_eq!(Instant::default().as_nanos(), 0);
        assert_eq!(size_of::<Option<Instant>>(), size_of::<u64>());
    }
}
