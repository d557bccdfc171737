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
    let mut hosts = head.headers.all_known(Known::Host);
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version < Version::Http11 => Ok(()),
        (None, _) => Err(Error::HostMissing),
        (Some(_), Some(_)) => Err(Error::HostRepeated),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(Error::Host),
    }
}

/// Whether the client waits for `100 (Continue)` (RFC 9110 §10.1.1). HTTP/1.0 has no expectations.
pub(super) fn expects_continue(head: &RequestHead) -> Result<bool, Error> {
    if head.version < Version::Http11 {
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
    let asks = |token| head.headers.has_token(Known::Connection, token);
    if asks("close") {
        Persistence::Close
    } else if head.version >= Version::Http11 {
        Persistence::KeepAlive
    } else if asks("keep-alive") {
        Persistence::KeepAliveAsked
    } else {
        Persistence::Close
    }
}

/// Whether the answer may turn the connection into a tunnel: CONNECT (RFC 9110 §9.3.6), or an `Upgrade` that `Connection`
/// names (§7.8). An offer of `h2c` is not one (RFC 9113 §3.1).
pub(super) fn may_switch(head: &RequestHead) -> bool {
    if head.method == Method::CONNECT {
        return true;
    }
    head.version >= Version::Http11
        && head.headers.has_token(Known::Connection, "upgrade")
        && head.headers.tokens(Known::Upgrade).any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"))
}
