//! Field sections: header and trailer fields up to the empty line (RFC 9112 §5, §7.1.2).

use super::bytes::{is_blank, text_end, token_end};
use super::lines::{MAX_NAME, MAX_PLACE, whole_lines};
use crate::error::Error;
use crate::head::{Field, Headers, Known};
use crate::limits::Limits;

/// Which section is read: its limits and what passing them is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Section {
    Head,
    Trailers,
}

impl Section {
    fn max_bytes(self, limits: &Limits) -> usize {
        match self {
            Self::Head => limits.max_head,
            Self::Trailers => limits.max_trailers,
        }
    }

    fn max_fields(self, limits: &Limits) -> usize {
        match self {
            Self::Head => limits.max_fields,
            Self::Trailers => limits.max_trailer_fields,
        }
    }

    #[cold]
    fn too_large(self, limits: &Limits) -> Error {
        match self {
            Self::Head => Error::HeadTooLarge { limit: limits.max_head },
            Self::Trailers => Error::TrailersTooLarge { limit: limits.max_trailers },
        }
    }

    #[cold]
    fn too_many(self, limits: &Limits) -> Error {
        match self {
            Self::Head => Error::TooManyFields { limit: limits.max_fields },
            Self::Trailers => Error::TooManyTrailers { limit: limits.max_trailer_fields },
        }
    }
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// A field line, or the empty line.
    #[default]
    Line,
    Name,
    /// The blanks behind the colon.
    Blank,
    Value,
    /// The LF of a field line.
    LineFeed,
    /// The LF of the empty line.
    LastLineFeed,
}

/// Reads one section of a buffer that keeps its bytes until the section is whole.
#[derive(Debug, Default)]
pub(super) struct FieldParser {
    stage: Stage,
    /// Where the section starts.
    start: usize,
    pos: usize,
    name_start: usize,
    name_end: usize,
    value_start: usize,
    value_end: usize,
    /// Places are relative to `start`.
    fields: Headers,
}

impl FieldParser {
    /// Begins at a place in the buffer.
    #[inline]
    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.pos = start;
    }

    /// Returns the place of the first byte that was not looked at.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.pos
    }

    /// Makes the section of the buffer that was read; its text is copied.
    #[inline]
    pub(super) fn finish(&mut self, buf: &[u8]) -> Headers {
        let mut fields = core::mem::take(&mut self.fields);
        fields.set_parsed(&buf[self.start..self.pos]);
        fields
    }

    /// Goes on; true when the empty line was read, which ends at [`FieldParser::position`].
    pub(super) fn parse(&mut self, buf: &[u8], section: Section, limits: &Limits) -> Result<bool, Error> {
        // The stages follow each other, so that a section that is wholly there runs straight through.
        let end = self.start.saturating_add(section.max_bytes(limits)).min(MAX_PLACE);
        let seen = &buf[..buf.len().min(end)];
        let short = || if buf.len() > end { Err(section.too_large(limits)) } else { Ok(false) };
        let mut pos = self.pos;
        let mut stage = self.stage;
        let outcome = loop {
            if stage == Stage::Line {
                if let Section::Head = section {
                    let fields = self.fields.parsed_mut();
                    (pos, _) = whole_lines(fields, seen, pos, self.start, limits.max_fields);
                }
                match buf.get(pos) {
                    None => break Ok(false),
                    Some(b'\r') => {
                        pos += 1;
                        stage = Stage::LastLineFeed;
                    }
                    Some(&byte) => {
                        if let Err(error) = self.check_line(byte, pos >= end, section, limits) {
                            break Err(error);
                        }
                        self.name_start = pos;
                        stage = Stage::Name;
                    }
                }
            }
            if stage == Stage::LastLineFeed {
                match buf.get(pos) {
                    None => break Ok(false),
                    Some(b'\n') => {
                        pos += 1;
                        break Ok(true);
                    }
                    Some(_) => break Err(Error::LineEnd),
                }
            }
            if stage == Stage::Name {
                pos = token_end(seen, pos);
                if pos - self.name_start > MAX_NAME {
                    break Err(Error::FieldName);
                }
                match seen.get(pos) {
                    None => break short(),
                    Some(b':') if pos > self.name_start => {}
                    Some(&byte) => break Err(bad_name(byte)),
                }
                if let Section::Trailers = section
                    && !is_trailer(&buf[self.name_start..pos])
                {
                    break Err(Error::TrailerForbidden);
                }
                self.name_end = pos;
                pos += 1;
                stage = Stage::Blank;
            }
            if stage == Stage::Blank {
                while seen.get(pos).is_some_and(|&byte| is_blank(byte)) {
                    pos += 1;
                }
                if pos >= seen.len() {
                    break short();
                }
                self.value_start = pos;
                stage = Stage::Value;
            }
            if stage == Stage::Value {
                pos = text_end(seen, pos);
                match seen.get(pos) {
                    None => break short(),
                    Some(b'\r') => {}
                    Some(b'\n') => break Err(Error::LineEnd),
                    Some(_) => break Err(Error::FieldValue),
                }
                self.value_end = pos;
                pos += 1;
                stage = Stage::LineFeed;
            }
            match seen.get(pos) {
                None => break short(),
                Some(b'\n') => {}
                Some(_) => break Err(Error::LineEnd),
            }
            self.push(buf);
            pos += 1;
            stage = Stage::Line;
        };
        self.pos = pos;
        self.stage = stage;
        outcome
    }

    /// Checks the first byte of a field line.
    #[inline]
    fn check_line(&self, byte: u8, passed: bool, section: Section, limits: &Limits) -> Result<(), Error> {
        if byte == b'\n' {
            return Err(Error::LineEnd);
        }
        if is_blank(byte) {
            return Err(if self.fields.is_empty() { Error::LeadingSpace } else { Error::ObsFold });
        }
        if passed {
            return Err(section.too_large(limits));
        }
        if self.fields.len() >= section.max_fields(limits) {
            return Err(section.too_many(limits));
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, buf: &[u8]) {
        let mut value_end = self.value_end;
        while value_end > self.value_start && is_blank(buf[value_end - 1]) {
            value_end -= 1;
        }
        let name = &buf[self.name_start..self.name_end];
        self.fields.push_parsed(Field::parsed(
            Known::from_bytes(name).map_or(0, Known::number),
            (self.name_start - self.start) as u32,
            name.len() as u16,
            (self.value_start - self.start) as u32,
            (value_end - self.value_start) as u32,
        ));
    }
}

#[cold]
fn bad_name(byte: u8) -> Error {
    match byte {
        b' ' | b'\t' => Error::SpaceBeforeColon,
        b'\n' => Error::LineEnd,
        _ => Error::FieldName,
    }
}

/// Whether a field may stand in a trailer section: it must not matter for framing, routing, authentication, request
/// modifiers, response control data or the processing of content (RFC 9110 §6.5.1).
pub(crate) fn is_trailer(name: &[u8]) -> bool {
    const CONTENT: &[u8] = b"content-";
    const ALSO_FORBIDDEN: &[&[u8]] = &[b"warning", b"http2-settings"];
    if let Some(known) = Known::from_bytes(name) {
        return is_known_trailer(known);
    }
    let content = name.get(..CONTENT.len()).is_some_and(|start| start.eq_ignore_ascii_case(CONTENT));
    // RFC 9530 §2 puts `Content-Digest` into trailers expressly.
    (!content || name.eq_ignore_ascii_case(b"content-digest"))
        && !ALSO_FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

fn is_known_trailer(known: Known) -> bool {
    match known {
        Known::Accept
        | Known::AcceptEncoding
        | Known::AcceptLanguage
        | Known::Age
        | Known::Authorization
        | Known::CacheControl
        | Known::Connection
        | Known::ContentDisposition
        | Known::ContentEncoding
        | Known::ContentLanguage
        | Known::ContentLength
        | Known::ContentLocation
        | Known::ContentRange
        | Known::ContentType
        | Known::Cookie
        | Known::Date
        | Known::Expect
        | Known::Expires
        | Known::Forwarded
        | Known::Host
        | Known::IfMatch
        | Known::IfModifiedSince
        | Known::IfNoneMatch
        | Known::IfRange
        | Known::IfUnmodifiedSince
        | Known::KeepAlive
        | Known::Location
        | Known::MaxForwards
        | Known::Origin
        | Known::Pragma
        | Known::ProxyAuthenticate
        | Known::ProxyAuthorization
        | Known::ProxyConnection
        | Known::Range
        | Known::Referer
        | Known::RetryAfter
        | Known::SecWebsocketAccept
        | Known::SecWebsocketExtensions
        | Known::SecWebsocketKey
        | Known::SecWebsocketProtocol
        | Known::SecWebsocketVersion
        | Known::SetCookie
        | Known::Te
        | Known::Trailer
        | Known::TransferEncoding
        | Known::Upgrade
        | Known::UserAgent
        | Known::Vary
        | Known::Via
        | Known::WwwAuthenticate
        | Known::XForwardedFor
        | Known::XForwardedProto => false,
        Known::AcceptRanges
        | Known::AccessControlAllowOrigin
        | Known::Allow
        | Known::AltSvc
        | Known::Etag
        | Known::LastModified
        | Known::Link
        | Known::Server
        | Known::StrictTransportSecurity
        | Known::XRequestId => true,
    }
}
