//! What the connections of a client share.

use core::time::Duration;

use alloc::sync::Arc;

use crate::limits::Limits;

/// The settings of a client's HTTP side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Bounds on what a server may send.
    pub limits: Arc<Limits>,
    /// Bounds on how long things may take.
    pub timeouts: Timeouts,
}

/// Bounds on how long the phases of a request may take. `None` turns a bound off.
///
/// A request that takes no byte from us for `write_stall` fails too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Making the connection, names and TLS included; default 10 s. Whoever connects sees to it.
    pub connect: Option<Duration>,
    /// From the last byte of the request to the whole head of the response; default 30 s.
    pub head: Option<Duration>,
    /// Between two reads of a response's body, while we want to read; default 30 s.
    pub between_bytes: Option<Duration>,
    /// The least rate of a response's body in bytes a second, averaged since its head; default 0, which turns it off.
    pub min_rate: u32,
    /// How long a body may be below `min_rate` from its start; default 10 s.
    pub rate_grace: Duration,
    /// The whole exchange, until the last byte of the response; default none.
    pub total: Option<Duration>,
    /// How long a body is held back for `100 (Continue)`; default 1 s. Then it is sent (RFC 9110 §10.1.1).
    pub expect_continue: Duration,
    /// How long a server may take no byte of a request; default 30 s.
    pub write_stall: Duration,
    /// How long a connection may wait for its next request; default 50 s. Whoever keeps connections sees to it.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(10)),
            head: Some(Duration::from_secs(30)),
            between_bytes: Some(Duration::from_secs(30)),
            min_rate: 0,
            rate_grace: Duration::from_secs(10),
            total: None,
            expect_continue: Duration::from_secs(1),
            write_stall: Duration::from_secs(30),
            idle: Duration::from_secs(50),
        }
    }
}
