//! The clock of every runtime that lives in real time.
//!
//! One epoch a process, so that instants of different threads and runtimes compare. The one place of this crate that
//! looks at a clock; the simulator has a clock of its own.

use core::time::Duration;
use std::sync::OnceLock;

use crate::time::{Instant, Now};

static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
/// How far ahead a timer is set whose instant the system's clock can't express.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads both clocks.
///
/// The second is the system's own, read each time, so that it follows when the system's clock is set.
#[allow(clippy::disallowed_methods, reason = "this is where `Now` comes from")]
pub fn now() -> Now {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Now {
        mono: from_std(std::time::Instant::now()),
        unix_secs: since_epoch.map_or(0, |since| since.as_secs()),
    }
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
}
