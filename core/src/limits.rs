//! Every limit and every timeout, with its default.
//!
//! All are on by default; each field says what happens when it is passed.

use core::time::Duration;

use crate::codec::INITIAL_CREDIT;
use crate::link::DEFAULT_HIGH_WATER;

/// The default of [`Limits::max_collect`], in bytes.
pub(crate) const DEFAULT_MAX_COLLECT: usize = 2 << 20;

/// Bounds on what a peer may send, in bytes unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest request target; default 65,536. A longer one is answered with 414.
    pub max_target: usize,
    /// All bytes after the start line up to, without, the final empty line; default 65,536. More: 431.
    pub max_head: usize,
    /// Field lines of a head; default 128. More: 431.
    pub max_fields: usize,
    /// Bytes of a trailer section; default 16,384. More: 431 while the answer's head is not out, else abort.
    pub max_trailers: usize,
    /// Field lines of a trailer section; default 32. More: as `max_trailers`.
    pub max_trailer_fields: usize,
    /// Extension bytes of one chunk; default 1,024. More: 400.
    pub max_chunk_ext: usize,
    /// Extension bytes of all chunks of one body; default 16,384. More: 400.
    pub max_chunk_ext_total: usize,
    /// A body that is gathered whole; default 2 MiB. More: 413.
    pub max_collect: usize,
    /// A streamed body, the outer bound; default 16 GiB. More: 413.
    pub max_body: u64,
    /// Requests of one connection that are read and not yet answered; default 64. Then reading stops, and sooner when
    /// their heads together have as many bytes as the longest one may have.
    pub max_pipelined: usize,
    /// Requests of one connection; default 1,000,000. The last one's answer announces the close.
    pub max_requests: u64,
    /// Interim (1xx) responses to one request that a client takes; default 16. More is a fault of the server.
    pub max_interim: usize,
    /// Connections at once; default 16,384, and never more than three quarters of the descriptor limit. Then accepting
    /// pauses.
    pub max_connections: usize,
    /// Body bytes that no handler wanted and that are read and dropped to keep the connection; default 256 KiB. More:
    /// the connection closes after the answer.
    pub drain_unread: u64,
}

impl Limits {
    /// Returns how many bytes the longest head has.
    pub(crate) fn longest_head(&self) -> usize {
        self.max_target.saturating_add(self.max_head)
    }

    /// Returns a ceiling of the bytes that one connection of the HTTP/1 server holds on the heap, whatever its peer
    /// does, apart from what its handler and its answer's body hold: 1.8 MiB by default, of which an idle connection
    /// uses next to nothing.
    ///
    /// It counts the heads that were read ahead and the one being read, each with as much again for the buffers they
    /// stand in; a request object with its fields for each of [`Limits::max_pipelined`]; the window of one body; and the
    /// output up to its mark with one chunk beyond it.
    pub fn connection_ceiling(&self) -> usize {
        let heads = self.longest_head().saturating_mul(2 * 3);
        let request = self.max_fields.saturating_mul(64).saturating_add(4 * 1024);
        let requests = self.max_pipelined.saturating_mul(request);
        let body = INITIAL_CREDIT.saturating_mul(2).saturating_add(self.max_trailers.saturating_mul(2));
        let output = DEFAULT_HIGH_WATER.saturating_mul(2);
        [heads, requests, body, output].into_iter().fold(0, usize::saturating_add)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_target: 65_536,
            max_head: 65_536,
            max_fields: 128,
            max_trailers: 16_384,
            max_trailer_fields: 32,
            max_chunk_ext: 1_024,
            max_chunk_ext_total: 16_384,
            max_collect: DEFAULT_MAX_COLLECT,
            max_body: 16 << 30,
            max_pipelined: 64,
            max_requests: 1_000_000,
            max_interim: 16,
            max_connections: 16_384,
            drain_unread: 256 << 10,
        }
    }
}

/// Bounds on how long things may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// A TLS handshake, from accept on; default 10 s. Then a silent close.
    pub handshake: Duration,
    /// A whole request head, from accept or from its first byte; default 30 s. Then 408, silent when nothing came.
    pub head: Duration,
    /// Waiting for the next request on a kept connection; default 75 s. Then a silent close.
    pub idle: Duration,
    /// The least rate of a request body in bytes a second, averaged since its first byte; default 500, 0 turns it off.
    /// Slower: 408.
    pub body_rate: u32,
    /// How long a body may be below `body_rate` from its start; default 10 s.
    pub body_grace: Duration,
    /// How long a peer may take no byte of the output; default 30 s. Then abort.
    pub write_stall: Duration,
    /// How long a closed connection is read on, so that the peer gets the last bytes and not a reset; default 5 s.
    pub linger: Duration,
    /// How long a shutdown waits for requests in progress; default 30 s.
    pub drain: Duration,
    /// How long after `drain` connections that still live are dropped; default 5 s.
    pub kill: Duration,
    /// How long a handler may take to give its response; default none. Then 503.
    pub handler: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            body_rate: 500,
            body_grace: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            linger: Duration::from_secs(5),
            drain: Duration::from_secs(30),
            kill: Duration::from_secs(5),
            handler: None,
        }
    }
}
