//! The clock of every runtime that lives in real time.
//!
//! One epoch a process, so that instants of different threads and runtimes compare. The one place of this crate that
//! looks at a clock; the simulator has a clock of its own.

use core::cell::Cell;
use core::time::Duration;
use std::sync::OnceLock;

use crate::time::{Instant, Now};

static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
/// How far ahead a timer is set whose instant the system's clock can't express.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// For how many nanoseconds a thread keeps the second it read. That clock costs as much to read as the other one.
const KEPT: u64 = 1_000_000;

std::thread_local! {
    /// The second of the system's clock, and until when it is kept.
    static SECOND: Cell<(u64, Instant)> = const { Cell::new((0, Instant::from_nanos(0))) };
}

/// Reads both clocks.
///
/// The second is the system's own, at most 1 ms old, so that it follows when the system's clock is set.
#[allow(clippy::disallowed_methods, reason = "this is where `Now` comes from")]
pub fn now() -> Now {
    let mono = from_std(std::time::Instant::now());
    let (mut unix_secs, until) = SECOND.get();
    if mono >= until {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        unix_secs = since_epoch.map_or(0, |since| since.as_secs());
        SECOND.set((unix_secs, mono + Duration::from_nanos(KEPT)));
    }
    Now { mono, unix_secs }
}

/// Converts an instant for a runtime's own timers. One that the system can't express becomes one a year ahead.
pub fn to_std(at: Instant) -> std::time::Instant {
    let epoch = epoch();
    epoch.checked_add(Duration::from_nanos(at.as_nanos())).unwrap_or_else(|| epoch + FAR)
}

/// Converts an instant of the system. One before the epoch becomes the epoch.
pub fn from_std(at: std::time::Instant) -> Instant {
    Instant::default() + at.saturating_duration_since(epoch())
}

#[allow(clippy::disallowed_methods, reason = "this is where the epoch comes from")]
fn epoch() -> std::time::Instant {
    *EPOCH.get_or_init(std::time::Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_way_to_the_system_and_back() {
        for nanos in [0, 1, 999_999_999, 86_400_000_000_007] {
            let at = Instant::from_nanos(nanos);
            assert_eq!(from_std(to_std(at)), at);
        }
        let _ = to_std(Instant::from_nanos(u64::MAX));
    }

    #[test]
    fn the_clock_does_not_go_back_and_knows_the_date() {
        let (first, second) = (now(), now());
        assert!(first.mono <= second.mono);
        assert!(first.unix_secs > 1_700_000_000);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the clock that is compared with")]
    fn a_kept_second_is_read_again() {
        let _ = now();
        std::thread::sleep(Duration::from_millis(1100));
        let system =
            || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |s| s.as_secs());
        let (before, read, after) = (system(), now().unix_secs, system());
        assert!(before <= read && read <= after);
    }
}
