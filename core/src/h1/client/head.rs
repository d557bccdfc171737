//! Heads of requests on their way out, and what the heads of their responses mean for the connection.

use alloc::vec::Vec;

use crate::codec::{BodyKind, Misuse};
use crate::encode;
use crate::error::Error;
use crate::framing::{self, Announced, Field};
use crate::h1::request;
use crate::head::{HeaderValue, Known, KnownSet, Method, RequestHead, ResponseHead, Version, is_host};
use crate::link::Outbound;

const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// What is remembered of a request until its response is whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Whether we said that the connection closes.
    pub(super) closes: bool,
    /// The protocols that the request offers to switch to, each with a comma behind it.
    offered: Vec<u8>,
    /// Interim responses so far.
    pub(super) interims: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { method: Method::GET, closes: false, offered: Vec::new(), interims: 0 }
    }
}

impl Asked {
    fn of(head: &RequestHead) -> Self {
        let closes = head.headers.has_token(Known::Connection, "close");
        let mut offered = Vec::new();
        if offers_switch(head) {
            // An offer of `h2c` is not one (RFC 9113 §3.1).
            let protocols = head.headers.tokens(Known::Upgrade);
            for protocol in protocols.filter(|protocol| !protocol.eq_ignore_ascii_case(b"h2c")) {
                offered.extend_from_slice(protocol);
                offered.push(b',');
            }
        }
        Self { method: head.method, closes, offered, interims: 0 }
    }

    /// Whether a 101 switches to protocols that were offered, and names them (RFC 9110 §7.8).
    pub(super) fn allows_switch(&self, head: &ResponseHead) -> bool {
        let is_offered = |protocol: &[u8]| {
            self.offered.split(|byte| *byte == b',').any(|each| each.eq_ignore_ascii_case(protocol))
        };
        let mut protocols = head.headers.tokens(Known::Upgrade).peekable();
        protocols.peek().is_some() && protocols.all(is_offered)
    }
}

/// Whether the request has an `Upgrade` that counts: HTTP/1.0 has none, and CONNECT becomes a tunnel by itself.
fn offers_switch(head: &RequestHead) -> bool {
    head.version >= Version::Http11
        && head.method != Method::CONNECT
        && head.headers.known(Known::Upgrade).is_some()
}

/// Checks a request and writes its head; nothing is written of one that is refused.
pub(super) fn write(
    head: &RequestHead,
    body: BodyKind,
    out: &mut Outbound,
) -> Result<(Announced, Asked), Misuse> {
    if body == BodyKind::Tunnel {
        return Err(Misuse::NotAllowed);
    }
    let host = missing_host(head).map_err(Misuse::Head)?;
    let announced = framing::announce_request(&head.method, head.version, body).map_err(Misuse::Head)?;
    // RFC 9110 §10.1.1: no expectation without content.
    let expects = request::expects_continue(head).map_err(Misuse::Head)? && body != BodyKind::Empty;
    encode::request_line(out, head.method, &head.target, head.version).map_err(Misuse::Head)?;
    if let Some(host) = host {
        encode::known(out, Known::Host, host.as_bytes());
    }
    let framing = KnownSet::NONE.with(Known::ContentLength).with(Known::TransferEncoding);
    encode::fields(out, &head.headers, if expects { framing } else { framing.with(Known::Expect) });
    match announced.field {
        Field::None => {}
        Field::Length(length) => encode::content_length(out, length),
        Field::Chunked => encode::field(out, &Known::TransferEncoding.into(), &CHUNKED),
    }
    // RFC 9110 §7.8: whoever sends `Upgrade` names it.
    if offers_switch(head) && !head.headers.has_token(Known::Connection, "upgrade") {
        encode::field(out, &Known::Connection.into(), &UPGRADE);
    }
    encode::end_of_head(out);
    Ok((announced, Asked::of(head)))
}

/// Returns the `Host` that the head lacks and its target tells (RFC 9112 §3.2).
fn missing_host(head: &RequestHead) -> Result<Option<&str>, Error> {
    if !head.target.form().suits(head.method) {
        return Err(Error::TargetForm);
    }
    let mut hosts = head.headers.all_known(Known::Host);
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Err(Error::HostRepeated),
        (Some(host), None) if is_host(host) => Ok(None),
        (Some(_), None) => Err(Error::Host),
        (None, _) => match head.target.authority() {
            Some(authority) => Ok(Some(authority)),
            None if head.version < Version::Http11 => Ok(None),
            None => Err(Error::HostMissing),
        },
    }
}

/// Whether the server keeps the connection after this response (RFC 9112 §9.3).
pub(super) fn is_kept(head: &ResponseHead) -> bool {
    let says = |token| head.headers.has_token(Known::Connection, token);
    !says("close") && (head.version >= Version::Http11 || says("keep-alive"))
}
