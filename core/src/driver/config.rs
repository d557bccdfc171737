//! The tunables of the poll loop.

use core::time::Duration;

use crate::limits::Timeouts;
use crate::link::DEFAULT_HIGH_WATER;

/// What a [`Driver`](super::Driver) needs to know; shared by all connections of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long a peer may take no byte of the output; default 30 s. Then the connection is dropped.
    pub write_stall: Duration,
    /// How long a connection that we closed first is read on; default 5 s, zero turns it off.
    pub linger: Duration,
    /// How many bytes are read and dropped then, at most; default 1 MiB.
    pub linger_bytes: usize,
    /// How many bytes one poll reads and writes before it yields, give or take a buffer; default 64 KiB.
    pub budget_bytes: usize,
    /// How many turns one poll takes before it yields; default 64.
    pub budget_turns: usize,
    /// Whether what came before a write failed is still read and handed over; default false. A client wants the answer of
    /// a server that closed without reading all of the request.
    pub last_look: bool,
    /// The high-water mark of the output in bytes; default [`DEFAULT_HIGH_WATER`].
    pub high_water: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            write_stall: Duration::from_secs(30),
            linger: Duration::from_secs(5),
            linger_bytes: 1 << 20,
            budget_bytes: 64 * 1024,
            budget_turns: 64,
            last_look: false,
            high_water: DEFAULT_HIGH_WATER,
        }
    }
}

impl From<&Timeouts> for Config {
    /// Takes the timeouts that are a driver's business; the rest is the default.
    fn from(timeouts: &Timeouts) -> Self {
        Self { write_stall: timeouts.write_stall, linger: timeouts.linger, ..Self::default() }
    }
}
