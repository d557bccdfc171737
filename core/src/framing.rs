//! The one place that decides where a body ends, for both roles and both directions.
//!
//! Nothing else reads `Content-Length` or `Transfer-Encoding`. Every value of a field counts, lengths are digits only, and
//! what two recipients could read in two ways is refused (RFC 9112 §6.3, §11.2).

use crate::codec::BodyKind;
use crate::error::Error;
use crate::head::{Headers, Known, Method, Status, Version};
use crate::parse::bytes::is_token;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection; only a response may do so.
    UntilClose,
    /// Never: the connection stops being HTTP.
    Tunnel,
}

impl Framing {
    /// Returns the version-neutral form.
    pub fn kind(self) -> BodyKind {
        match self {
            Self::Empty | Self::Length(0) => BodyKind::Empty,
            Self::Length(length) => BodyKind::Sized(length),
            Self::Chunked | Self::UntilClose => BodyKind::Streamed,
            Self::Tunnel => BodyKind::Tunnel,
        }
    }
}

/// Which message the head belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// A request.
    Request,
    /// The response to a request of this method.
    Response {
        /// The method of the request.
        method: &'a Method,
        /// The status of the response.
        status: Status,
    },
}

/// Decides where the body of a received message ends (RFC 9112 §6.3).
///
/// # Errors
/// [`Error::LengthAndCoding`], [`Error::ContentLength`], [`Error::ContentLengthRepeated`], [`Error::CodingInHttp10`],
/// [`Error::TransferEncoding`], [`Error::Chunked`], [`Error::CodingNotSupported`].
pub fn decide(role: Role<'_>, version: Version, headers: &Headers) -> Result<Framing, Error> {
    if let Role::Response { method, status } = role {
        // Steps 1 and 2: these responses have no body whatever their fields say.
        if status == Status::SWITCHING_PROTOCOLS || (*method == Method::CONNECT && status.is_success()) {
            return Ok(Framing::Tunnel);
        }
        if *method == Method::HEAD || has_no_body(status) {
            return Ok(Framing::Empty);
        }
    }
    let length = content_length(headers)?;
    // Steps 3 and 4.
    if headers.has(Known::TransferEncoding) {
        if version < Version::Http11 {
            return Err(Error::CodingInHttp10);
        }
        if length.is_some() {
            return Err(Error::LengthAndCoding);
        }
        transfer_codings(headers)?;
        return Ok(Framing::Chunked);
    }
    // Steps 6 to 8; step 5 is in `content_length`.
    Ok(match (length, role) {
        (Some(length), _) => Framing::Length(length),
        (None, Role::Request) => Framing::Empty,
        (None, Role::Response { .. }) => Framing::UntilClose,
    })
}

/// Decides where the body of a received request ends.
///
/// CONNECT has no content (RFC 9110 §9.3.6), so some recipients take what follows its head for a tunnel or a request and
/// others for a body. One that announces content is refused.
///
/// # Errors
/// As of [`decide`], and [`Error::ConnectContent`].
pub fn decide_request(method: &Method, version: Version, headers: &Headers) -> Result<Framing, Error> {
    let framing = decide(Role::Request, version, headers)?;
    if *method == Method::CONNECT && framing.kind() != BodyKind::Empty {
        return Err(Error::ConnectContent);
    }
    Ok(framing)
}

/// Returns the length that a handler states for the body it would send to GET, if it states one that can be sent.
pub(crate) fn stated_length(headers: &Headers) -> Option<u64> {
    content_length(headers).ok().flatten()
}

/// Whether a response of this status never has a body (RFC 9110 §6.4.1).
pub fn has_no_body(status: Status) -> bool {
    status.is_informational() || status == Status::NO_CONTENT || status == Status::NOT_MODIFIED
}

/// Reads the one `Content-Length` there may be: one field line, one run of digits (RFC 9110 §8.6).
fn content_length(headers: &Headers) -> Result<Option<u64>, Error> {
    let Some(value) = headers.known(Known::ContentLength) else { return Ok(None) };
    if headers.repeats(Known::ContentLength) || value.contains(&b',') {
        return Err(Error::ContentLengthRepeated);
    }
    decimal(value).ok_or(Error::ContentLength).map(Some)
}

/// Reads digits and nothing else: no sign, no white space, no overflow.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Checks that the codings are exactly `chunked` (RFC 9112 §6.1).
fn transfer_codings(headers: &Headers) -> Result<(), Error> {
    let mut others = false;
    let mut chunked = false;
    for value in headers.all_known(Known::TransferEncoding) {
        for coding in value.split(|byte| *byte == b',') {
            let coding = coding.trim_ascii();
            if !is_token(coding) {
                return Err(Error::TransferEncoding);
            }
            if chunked {
                return Err(Error::Chunked);
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                chunked = true;
            } else {
                others = true;
            }
        }
    }
    match (chunked, others) {
        (false, _) => Err(Error::Chunked),
        (true, true) => Err(Error::CodingNotSupported),
        (true, false) => Ok(()),
    }
}

/// How a message that is being sent ends, and the field that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// How the body itself is sent.
    pub framing: Framing,
    /// The field that the head carries.
    pub field: Field,
}

/// The framing field of a head that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// None.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Decides how to send a message to a peer of `version` (RFC 9112 §6.1 to §6.3).
///
/// A response to HEAD carries the field that the response to GET would carry, and no body (RFC 9110 §9.3.2).
pub fn announce(role: Role<'_>, version: Version, body: BodyKind) -> Announced {
    if let Role::Response { status, .. } = role
        && has_no_body(status)
        && body != BodyKind::Tunnel
    {
        return Announced { framing: Framing::Empty, field: Field::None };
    }
    if let Role::Response { status: Status::RESET_CONTENT, .. } = role
        && body != BodyKind::Tunnel
    {
        // RFC 9110 §15.3.6: no content, and RFC 9112 §6.3 lets its absence be told by its length only.
        return Announced { framing: Framing::Empty, field: Field::Length(0) };
    }
    let (framing, field) = match (body, role) {
        (BodyKind::Tunnel, _) => (Framing::Tunnel, Field::None),
        (BodyKind::Empty, Role::Request) => (Framing::Empty, Field::None),
        (BodyKind::Empty, Role::Response { .. }) => (Framing::Empty, Field::Length(0)),
        (BodyKind::Sized(length), _) => (Framing::Length(length), Field::Length(length)),
        (BodyKind::Streamed, _) if version >= Version::Http11 => (Framing::Chunked, Field::Chunked),
        (BodyKind::Streamed, _) => (Framing::UntilClose, Field::None),
    };
    match role {
        Role::Response { method, .. } if *method == Method::HEAD && body != BodyKind::Tunnel => {
            Announced { framing: Framing::Empty, field }
        }
        Role::Request | Role::Response { .. } => Announced { framing, field },
    }
}

/// Decides how to send a request of this version.
///
/// A request of a method that is about content says so when it has none (RFC 9110 §8.6). CONNECT has no content
/// (§9.3.6), and only a response may end with its connection.
///
/// # Errors
/// [`Error::ConnectContent`], [`Error::CodingInHttp10`] for content of unknown length in HTTP/1.0.
pub fn announce_request(method: &Method, version: Version, body: BodyKind) -> Result<Announced, Error> {
    if *method == Method::CONNECT && body != BodyKind::Empty {
        return Err(Error::ConnectContent);
    }
    if matches!(*method, Method::POST | Method::PUT | Method::PATCH) && body == BodyKind::Empty {
        return Ok(Announced { framing: Framing::Empty, field: Field::Length(0) });
    }
    match announce(Role::Request, version, body) {
        Announced { framing: Framing::UntilClose, .. } => Err(Error::CodingInHttp10),
        announced => Ok(announced),
    }
}
