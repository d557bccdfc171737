//! Response heads (RFC 9112 §4).

use bytes::{Buf, Bytes, BytesMut};

use super::bytes::text_end;
use super::field::FieldParser;
use super::lines::whole_section;
use super::machine::{HeadParser, StartLine};
use super::version::{Found, version};
use crate::error::Error;
use crate::head::{Headers, ResponseHead, Status, Version};
use crate::limits::Limits;

/// A parser of response heads: one after the other, each in as many calls as it takes.
///
/// The reason phrase may be missing, also together with the space before it, for servers exist that send neither. It
/// may be as long as [`Limits::max_head`] and is kept as it came.
#[derive(Debug, Default)]
pub struct ResponseParser(HeadParser<StatusLine>);

impl ResponseParser {
    /// Makes a parser at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a head out of `inbound` once it is whole; until then, all its bytes stay there.
    ///
    /// # Errors
    /// The first fault of the head. Final: every later call returns the same error.
    pub fn parse(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Option<ResponseHead>, Error> {
        self.0.parse(inbound, limits)
    }

    /// Whether no byte of a head was seen since the last one.
    pub fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    /// Returns how many bytes the longest head within the limits has: as many must find room in `inbound`.
    pub fn room(limits: &Limits) -> usize {
        // A version, a space, a code, a space, CR LF and the last empty line.
        const REST: usize = 8 + 1 + 3 + 1 + 2 + 2;
        limits.max_head.saturating_mul(2).saturating_add(REST)
    }

    /// Returns how many bytes were looked at since the start, for tests of linear work.
    #[doc(hidden)]
    pub fn scanned(&self) -> u64 {
        self.0.scanned()
    }
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Version,
    /// The space behind the version.
    Space,
    Code,
    /// The space or the CR behind the code.
    AfterCode,
    Reason,
    LineFeed,
}

#[derive(Debug, Default)]
struct StatusLine {
    stage: Stage,
    pos: usize,
    version: Version,
    /// The digits read so far.
    code: u16,
    /// Where the part that is being read starts.
    start: usize,
    reason_end: usize,
}

impl StartLine for StatusLine {
    type Head = ResponseHead;

    #[inline(always)]
    fn take_whole(inbound: &mut BytesMut, limits: &Limits) -> Option<ResponseHead> {
        let line = WholeLine::of(inbound, limits)?;
        let mut headers = Headers::new();
        let end = match inbound.get(line.end..)?.first_chunk() {
            Some(b"\r\n") => line.end + 2,
            Some(_) | None => whole_section(&mut headers, inbound, line.end, limits)?,
        };
        inbound.advance(end);
        let WholeLine { status, reason, .. } = line;
        Some(ResponseHead { status, version: Version::Http11, reason, headers })
    }

    fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        if matches!(self.stage, Stage::Version | Stage::Space) && !self.version(buf)? {
            return Ok(false);
        }
        if matches!(self.stage, Stage::Code | Stage::AfterCode) && !self.code(buf)? {
            return Ok(false);
        }
        if self.stage == Stage::Reason && !self.reason(buf, limits)? {
            return Ok(false);
        }
        match buf.get(self.pos) {
            None => Ok(false),
            Some(b'\n') => {
                self.pos += 1;
                Ok(true)
            }
            Some(_) => Err(Error::LineEnd),
        }
    }

    #[inline]
    fn position(&self) -> usize {
        self.pos
    }

    fn is_untouched(&self) -> bool {
        self.pos == 0
    }

    fn take_skipped(&mut self) -> usize {
        0
    }

    #[inline]
    fn finish(&mut self, inbound: &mut BytesMut, fields: &mut FieldParser) -> ResponseHead {
        let (end, headers) = (fields.position(), fields.finish(inbound));
        let status = Status::new(self.code).unwrap_or_default();
        let reason = reason(status, &inbound[self.start..self.reason_end.max(self.start)]);
        inbound.advance(end);
        ResponseHead { status, version: self.version, reason, headers }
    }
}

impl StatusLine {
    #[inline]
    fn version(&mut self, buf: &[u8]) -> Result<bool, Error> {
        if self.stage == Stage::Version {
            match version(buf, 0, &mut self.pos) {
                Found::Supported(version) => self.version = version,
                Found::Partial => return Ok(false),
                Found::Unsupported => return Err(Error::VersionNotSupported),
                Found::Bad => return Err(bad(buf[self.pos])),
            }
            self.stage = Stage::Space;
        }
        match buf.get(self.pos) {
            None => return Ok(false),
            Some(b' ') => self.pos += 1,
            Some(&byte) => return Err(bad(byte)),
        }
        self.start = self.pos;
        self.stage = Stage::Code;
        Ok(true)
    }

    #[inline]
    fn code(&mut self, buf: &[u8]) -> Result<bool, Error> {
        while self.stage == Stage::Code {
            match buf.get(self.pos) {
                None => return Ok(false),
                // The first digit is the class, which is never 0.
                Some(&byte) if byte.is_ascii_digit() && (byte > b'0' || self.pos > self.start) => {
                    self.code = self.code * 10 + u16::from(byte - b'0');
                }
                Some(&byte) => return Err(bad(byte)),
            }
            self.pos += 1;
            if self.pos == self.start + 3 {
                self.stage = Stage::AfterCode;
            }
        }
        self.stage = match buf.get(self.pos) {
            None => return Ok(false),
            Some(b' ') => Stage::Reason,
            Some(b'\r') => Stage::LineFeed,
            Some(&byte) => return Err(bad(byte)),
        };
        self.pos += 1;
        self.start = self.pos;
        Ok(true)
    }

    #[inline]
    fn reason(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        self.pos = text_end(buf, self.pos);
        if self.pos - self.start > limits.max_head {
            return Err(Error::HeadTooLarge { limit: limits.max_head });
        }
        match buf.get(self.pos) {
            None => return Ok(false),
            Some(b'\r') => {}
            Some(&byte) => return Err(bad(byte)),
        }
        self.reason_end = self.pos;
        self.pos += 1;
        self.stage = Stage::LineFeed;
        Ok(true)
    }
}

/// A status line of the usual kind: HTTP/1.1 and all three parts.
struct WholeLine {
    status: Status,
    reason: Option<Bytes>,
    end: usize,
}

impl WholeLine {
    /// Reads the line when it is wholly there and has no fault.
    #[inline(always)]
    fn of(buf: &[u8], limits: &Limits) -> Option<Self> {
        let (version, rest) = buf.split_first_chunk::<8>()?;
        let ([b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' '], rest) =
            rest.split_first_chunk()?
        else {
            return None;
        };
        if version != b"HTTP/1.1" {
            return None;
        }
        let code = [a, b, c].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let status = Status::new(code)?;
        let usual = status.reason().as_bytes();
        let (reason, len) = match rest.strip_prefix(usual) {
            Some([b'\r', ..]) => (usual_reason(status), usual.len()),
            Some(_) | None => {
                let len = text_end(rest, 0);
                (own_reason(&rest[..len]), len)
            }
        };
        let is_whole = rest.get(len..)?.first_chunk() == Some(b"\r\n") && len <= limits.max_head;
        is_whole.then_some(Self { status, reason, end: 8 + 5 + len + 2 })
    }
}

/// Returns the reason phrase of a head, which stands in its line.
fn reason(status: Status, text: &[u8]) -> Option<Bytes> {
    if text == status.reason().as_bytes() { usual_reason(status) } else { own_reason(text) }
}

#[inline(always)]
fn usual_reason(status: Status) -> Option<Bytes> {
    let text = status.reason();
    (!text.is_empty()).then_some(Bytes::from_static(text.as_bytes()))
}

#[inline(never)]
fn own_reason(text: &[u8]) -> Option<Bytes> {
    (!text.is_empty()).then(|| Bytes::copy_from_slice(text))
}

#[cold]
fn bad(byte: u8) -> Error {
    if byte == b'\n' { Error::LineEnd } else { Error::StatusLine }
}
