//! What a row of a request table says.

use anyloop_core::codec::CloseReason;
use anyloop_core::error::Error;

/// What a row's bytes come to. Events are joined by bars: heads as `METHOD target body`, data quoted, `end`
/// with trailers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// These events, and the connection waits for the next request.
    Accept(&'static str),
    /// These events, and the connection ends for this reason once they are answered.
    Close(&'static str, CloseReason),
    /// This status and fault, before any event.
    Reject(u16, Error),
    /// These events, then this status and fault.
    RejectAfter(&'static str, u16, Error),
    /// These events and no verdict before more comes; with the end of the stream, this fault.
    Incomplete(&'static str, Error),
}

/// Name, bytes, section, verdict. Sections without a name are of RFC 9112.
pub(crate) type Row = (&'static str, &'static [u8], &'static str, Verdict);

/// What follows a refused message, and must never be taken for a request.
pub(crate) const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
/// What follows an accepted one, and must be taken as just this.
pub(crate) const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
