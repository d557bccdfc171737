//! What a request head must be as a whole, and what it asks of its connection.

use crate::error::Error;
use crate::head::{Known, Method, RequestHead, Version, is_host};

/// What happens to the connection after the answer (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It stays, as HTTP/1.1 does by itself.
    KeepAlive,
    /// It stays because an HTTP/1.0 client asked for it, and is told so.
    KeepAliveAsked,
    /// It closes.
    Close,
}

/// Checks the rules that no single line shows: the target's form, and `Host` (RFC 9112 §3.2).
pub(super) fn check(head: &RequestHead) -> Result<(), Error> {
    if !head.target.form().suits(head.method) {
        return Err(Error::TargetForm);
    }
    match head.headers.known(Known::Host) {
        None if head.version < Version::Http11 => Ok(()),
        None => Err(Error::HostMissing),
        Some(_) if head.headers.repeats(Known::Host) => Err(Error::HostRepeated),
        Some(host) if is_host(host) => Ok(()),
        Some(_) => Err(Error::Host),
    }
}

/// Whether the client waits for `100 (Continue)` (RFC 9110 §10.1.1). HTTP/1.0 has no expectations.
pub(super) fn expects_continue(head: &RequestHead) -> Result<bool, Error> {
    if head.version < Version::Http11 || !head.headers.has(Known::Expect) {
        return Ok(false);
    }
    let mut expects = false;
    for expectation in head.headers.tokens(Known::Expect) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(Error::Expectation);
        }
        expects = true;
    }
    Ok(expects)
}

pub(super) fn persistence(head: &RequestHead) -> Persistence {
    let mut persistence =
        if head.version >= Version::Http11 { Persistence::KeepAlive } else { Persistence::Close };
    if !head.headers.has(Known::Connection) {
        return persistence;
    }
    for option in head.headers.tokens(Known::Connection) {
        if option.eq_ignore_ascii_case(b"close") {
            return Persistence::Close;
        }
        if persistence == Persistence::Close && option.eq_ignore_ascii_case(b"keep-alive") {
            persistence = Persistence::KeepAliveAsked;
        }
    }
    persistence
}

/// Whether the answer may turn the connection into a tunnel: CONNECT (RFC 9110 §9.3.6), or an `Upgrade` that `Connection`
/// names (§7.8). An offer of `h2c` is not one (RFC 9113 §3.1).
pub(super) fn may_switch(head: &RequestHead) -> bool {
    if head.method == Method::CONNECT {
        return true;
    }
    head.version >= Version::Http11
        && head.headers.has(Known::Upgrade)
        && head.headers.has_token(Known::Connection, "upgrade")
        && head.headers.tokens(Known::Upgrade).any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"))
}
