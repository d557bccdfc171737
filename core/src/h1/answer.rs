//! The answers that are owed, and how their heads are written.

use super::request::Persistence;
use crate::codec::{BodyKind, StreamId};
use crate::encode;
use crate::framing::{self, Field};
use crate::head::{Known, KnownSet, Method, ResponseHead, Status, Version};
use crate::link::Outbound;

const CHUNKED: &[u8] = b"chunked";
const UPGRADE: &[u8] = b"upgrade";
const CLOSE: &[u8] = b"close";
const KEEP_ALIVE: &[u8] = b"keep-alive";

/// Fields about the connection or the framing, which the codec decides alone.
const OURS: KnownSet = KnownSet::NONE
    .with(Known::Connection)
    .with(Known::TransferEncoding)
    .with(Known::ContentLength)
    .with(Known::KeepAlive);
/// The same where no other protocol is spoken of.
pub(super) const OURS_AND_UPGRADE: KnownSet = OURS.with(Known::Upgrade);

/// What of a request's method matters for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Head,
    Connect,
    Other,
}

impl From<&Method> for Asked {
    fn from(method: &Method) -> Self {
        if *method == Method::HEAD {
            Self::Head
        } else if *method == Method::CONNECT {
            Self::Connect
        } else {
            Self::Other
        }
    }
}

impl Asked {
    /// Returns a method that is answered in the same way.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Head => Method::HEAD,
            Self::Connect => Method::CONNECT,
            Self::Other => Method::GET,
        }
    }
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) stream: StreamId,
    pub(super) asked: Asked,
    pub(super) version: Version,
    /// Whether the client may be answered with a tunnel.
    pub(super) may_switch: bool,
    pub(super) persistence: Persistence,
    /// How many bytes its head had.
    pub(super) size: usize,
}

/// Writes the head of an answer.
pub(super) fn write_head(
    owed: &Owed,
    head: &ResponseHead,
    field: Field,
    body: BodyKind,
    close: bool,
    out: &mut Outbound,
) {
    let tunnel = body == BodyKind::Tunnel;
    let keeps_upgrade = tunnel || head.status == Status::UPGRADE_REQUIRED;
    // Of the usual head, all but its own field lines.
    const USUAL: usize = 128;
    out.tail().reserve(USUAL + head.headers.text_len());
    encode::status_line(out, Version::Http11, head.status);
    encode::fields(out, &head.headers, if keeps_upgrade { OURS } else { OURS_AND_UPGRADE });
    match field {
        Field::None => {}
        Field::Length(length) => {
            // A handler of HEAD may know the length of what it need not make.
            let stated = if owed.asked == Asked::Head && length == 0 {
                framing::stated_length(&head.headers)
            } else {
                None
            };
            encode::content_length(out, stated.unwrap_or(length));
        }
        Field::Chunked => encode::known(out, Known::TransferEncoding, CHUNKED),
    }
    // RFC 9110 §7.8: whoever sends `Upgrade` names it.
    let offers = head.status == Status::UPGRADE_REQUIRED && head.headers.has(Known::Upgrade);
    if head.status == Status::SWITCHING_PROTOCOLS || offers {
        encode::known(out, Known::Connection, UPGRADE);
    }
    let connection = if tunnel {
        None
    } else if close {
        Some(CLOSE)
    } else if owed.persistence == Persistence::KeepAliveAsked {
        Some(KEEP_ALIVE)
    } else {
        None
    };
    if let Some(value) = connection {
        encode::known(out, Known::Connection, value);
    }
    encode::end_of_head(out);
}
