//! What a simulation does to those who live in it.

use core::cell::RefCell;
use core::time::Duration;

use super::rng::Rng;

/// Whose wakers are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakers {
    /// Each poll has its own; waking through an earlier one does nothing.
    Fresh,
    /// A task keeps one for its life, as on the well-known runtimes. Finds code that leaves out a poll it needs because
    /// the waker did not change.
    Stable,
}

/// How many bytes a read or a write moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portions {
    /// As many as there are and fit.
    Whole,
    /// From one to as many as there are and fit; writes often end just inside a chunk.
    Seeded,
}

/// How a stream takes bytes to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Copies what fits into the pipe, as sockets with readiness do.
    Readiness,
    /// Takes the first chunk whole and is busy until the pipe took all of it, as completion-based IO does.
    Completion,
}

/// When a timer fires, against what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At the instant.
    Exact,
    /// One nanosecond before it, if that is still to come.
    Early,
    /// One millisecond after it.
    Late,
    /// One of these, drawn each time the timer is set.
    Seeded,
}

/// What a timer says when it is polled again after it fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// `Ready`, until it is set again.
    Ready,
    /// `Pending`, until it is set again, and nothing is registered.
    Pending,
    /// One of these, drawn each time it fires.
    Seeded,
}

/// The settings of a [`Sim`](super::Sim).
///
/// [`SimConfig::new`] is hostile where it costs no virtual time, [`SimConfig::calm`] leaves only the order of tasks to the
/// seed, [`SimConfig::torture`] draws the settings themselves from the seed. Change fields from there.
///
/// ```
/// use anyloop_core::sim::{Sim, SimConfig};
/// let mut config = SimConfig::new(42);
/// config.window = 17;
/// let sim = Sim::with_config(config);
/// assert_eq!(sim.seed(), 42);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimConfig {
    /// What all choices are drawn from.
    pub seed: u64,
    /// Bytes that one direction of a connection holds before writing has to wait, at least 1.
    pub window: usize,
    /// Sizes of reads and writes.
    pub portions: Portions,
    /// How streams take bytes to write.
    pub writes: Writes,
    /// Identity of wakers.
    pub wakers: Wakers,
    /// Punctuality of [`SimTimer`](super::SimTimer); [`Sim::sleep`](super::Sim::sleep) is always exact.
    pub timing: Timing,
    /// What timers say after they fired.
    pub fired: Fired,
    /// One read or write in eight waits up to this long although it could go on at once; zero: none does.
    pub stall: Duration,
    /// Closing takes up to this long, connecting and [`unblock`](crate::driver::Runtime::unblock) too; zero: they are
    /// done when asked.
    pub latency: Duration,
    /// Connections that a listener holds before connecting has to wait, at least 1.
    pub backlog: usize,
    /// Polls that one run may use.
    pub poll_limit: u64,
    /// Virtual time that one run may use when it states no shorter one.
    pub time_limit: Duration,
    /// Seconds since 1970 at which the virtual clock starts.
    pub unix_start: u64,
}

std::thread_local! {
    static SCOPE: RefCell<Option<SimConfig>> = const { RefCell::new(None) };
}

impl SimConfig {
    /// Short reads and writes through windows of 600 bytes, unpunctual timers, slow closing and connecting.
    pub fn new(seed: u64) -> Self {
        Self {
            window: 600,
            portions: Portions::Seeded,
            timing: Timing::Seeded,
            fired: Fired::Seeded,
            latency: Duration::from_micros(50),
            ..Self::calm(seed)
        }
    }

    /// Everything goes as well as it can; only the order of tasks is left to the seed.
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            window: 64 * 1024,
            portions: Portions::Whole,
            writes: Writes::Readiness,
            wakers: Wakers::Fresh,
            timing: Timing::Exact,
            fired: Fired::Ready,
            stall: Duration::ZERO,
            latency: Duration::ZERO,
            backlog: 128,
            poll_limit: 1_000_000,
            time_limit: Duration::from_secs(24 * 60 * 60),
            // The date of the examples of RFC 9110 §5.6.7.
            unix_start: 784_111_777,
        }
    }

    /// Draws the settings themselves from the seed, stalls and completion-based writes included.
    pub fn torture(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7057_u64.rotate_left(48));
        let mut config = Self::new(seed);
        config.window = [1, 17, 600, 600, 5_000, 64 * 1024][rng.index(6)];
        config.portions = if rng.one_in(4) { Portions::Whole } else { Portions::Seeded };
        config.writes = if rng.one_in(3) { Writes::Completion } else { Writes::Readiness };
        config.wakers = if rng.one_in(3) { Wakers::Stable } else { Wakers::Fresh };
        config.stall = if rng.one_in(2) { Duration::from_millis(3) } else { Duration::ZERO };
        config.latency = if rng.one_in(3) { Duration::ZERO } else { config.latency };
        config
    }

    /// Makes this the configuration of the simulations that [`Workers`](crate::driver::Workers) functions start on this
    /// thread while `inside` runs. Outside of any scope that is `SimConfig::new(0)`.
    pub fn scope<T>(self, inside: impl FnOnce() -> T) -> T {
        struct Restore(Option<SimConfig>);
        impl Drop for Restore {
            fn drop(&mut self) {
                SCOPE.set(self.0.take());
            }
        }
        let _restore = Restore(SCOPE.replace(Some(self)));
        inside()
    }

    pub(super) fn of_scope() -> Self {
        SCOPE.with_borrow(|config| config.clone()).unwrap_or_else(|| Self::new(0))
    }
}
