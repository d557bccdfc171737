//! Request heads (RFC 9112 §3).

use core::ops::Range;

use bytes::{Buf, BytesMut};

use super::bytes::{path_end, target_end, token_end};
use super::field::FieldParser;
use super::lines::whole_section;
use super::machine::{HeadParser, StartLine};
use super::version::{Found, version};
use crate::error::Error;
use crate::head::{Layout, MAX_METHOD, Method, RequestHead, Target, Text, Version};
use crate::limits::Limits;

/// A parser of request heads: one after the other, each in as many calls as it takes.
///
/// One empty line before a request line is skipped (RFC 9112 §2.2). Lines end in CR LF and nothing else; between
/// method, target and version stands exactly one space; `HTTP/1.x` with a minor version above 1 is read as HTTP/1.1.
/// What belongs to framing (`Host`, `Content-Length`, `Transfer-Encoding`) is not judged here.
#[derive(Debug, Default)]
pub struct RequestParser(HeadParser<RequestLine>);

impl RequestParser {
    /// Makes a parser at the start of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a head out of `inbound` once it is whole; until then, all its bytes stay there.
    ///
    /// # Errors
    /// The first fault of the head. Final: every later call returns the same error.
    pub fn parse(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Option<RequestHead>, Error> {
        self.0.parse(inbound, limits)
    }

    /// Whether no byte of a head was seen since the last one; an empty line is none.
    pub fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    /// Returns how many bytes the longest head within the limits has: as many must find room in `inbound`.
    pub fn room(limits: &Limits) -> usize {
        // An empty line, a method, two spaces, a version, its CR LF and the last empty line.
        const REST: usize = 2 + MAX_METHOD + 2 + 8 + 2 + 2;
        REST.saturating_add(limits.max_target).saturating_add(limits.max_head)
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
    /// An empty line or the method.
    #[default]
    Start,
    /// The LF of the empty line.
    EmptyLineFeed,
    Method,
    Target,
    /// The version behind `PRI *`, which only HTTP/2 has (RFC 9113 §3.4).
    Preface,
    Version,
    /// The CR behind the version.
    Return,
    /// The LF behind it.
    LineFeed,
}

#[derive(Debug, Default)]
struct RequestLine {
    stage: Stage,
    pos: usize,
    /// Where the part that is being read starts.
    start: usize,
    method: Method,
    target_start: usize,
    layout: Layout,
    target_len: usize,
    version: Version,
}

impl StartLine for RequestLine {
    type Head = RequestHead;

    #[inline(always)]
    fn take_whole(inbound: &mut BytesMut, limits: &Limits) -> Option<RequestHead> {
        let line = WholeLine::of(inbound, limits)?;
        let mut head = RequestHead::spare();
        let parts = &mut *head;
        let end = whole_section(&mut parts.headers, inbound, line.end, limits)?;
        parts.method = *line.method;
        parts.version = line.version;
        take_target(&mut parts.target, line.target, Layout::of_path(line.path_len), inbound, end);
        Some(head)
    }

    fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        if matches!(self.stage, Stage::Start | Stage::EmptyLineFeed) && !self.skip_empty_line(buf)? {
            return Ok(false);
        }
        if self.stage == Stage::Method && !self.method(buf)? {
            return Ok(false);
        }
        if self.stage == Stage::Target && !self.target(buf, limits)? {
            return Ok(false);
        }
        if self.stage == Stage::Preface {
            return self.preface(buf);
        }
        self.version(buf)
    }

    #[inline]
    fn position(&self) -> usize {
        self.pos
    }

    fn is_untouched(&self) -> bool {
        match self.stage {
            Stage::Start | Stage::EmptyLineFeed => true,
            Stage::Method => self.pos == self.start,
            Stage::Target | Stage::Preface | Stage::Version | Stage::Return | Stage::LineFeed => false,
        }
    }

    fn take_skipped(&mut self) -> usize {
        match self.stage {
            Stage::Start | Stage::EmptyLineFeed | Stage::Target | Stage::Preface => 0,
            Stage::Version | Stage::Return | Stage::LineFeed => 0,
            Stage::Method => {
                self.pos = 0;
                core::mem::take(&mut self.start)
            }
        }
    }

    #[inline]
    fn finish(&mut self, inbound: &mut BytesMut, fields: &mut FieldParser) -> RequestHead {
        let mut head = RequestHead::spare();
        let parts = &mut *head;
        parts.method = self.method;
        parts.version = self.version;
        let end = fields.position();
        parts.headers = fields.finish(inbound);
        let target = self.target_start..self.target_start + self.target_len;
        take_target(&mut parts.target, target, self.layout, inbound, end);
        head
    }
}

impl RequestLine {
    #[inline]
    fn skip_empty_line(&mut self, buf: &[u8]) -> Result<bool, Error> {
        if self.stage == Stage::Start {
            match buf.get(self.pos) {
                None => return Ok(false),
                Some(b'\r') => {
                    self.pos += 1;
                    self.stage = Stage::EmptyLineFeed;
                }
                Some(_) => self.stage = Stage::Method,
            }
        }
        if self.stage == Stage::EmptyLineFeed {
            match buf.get(self.pos) {
                None => return Ok(false),
                Some(b'\n') => self.pos += 1,
                Some(_) => return Err(Error::LineEnd),
            }
            self.start = self.pos;
            self.stage = Stage::Method;
        }
        Ok(true)
    }

    #[inline]
    fn method(&mut self, buf: &[u8]) -> Result<bool, Error> {
        self.pos = token_end(buf, self.pos);
        if self.pos - self.start > MAX_METHOD {
            return Err(Error::MethodTooLong);
        }
        match buf.get(self.pos) {
            None => return Ok(false),
            Some(b' ') if self.pos > self.start => {}
            Some(b'\n') => return Err(Error::LineEnd),
            Some(_) => return Err(Error::Method),
        }
        self.method = Method::from_token(&buf[self.start..self.pos]).ok_or(Error::MethodTooLong)?;
        self.pos += 1;
        self.target_start = self.pos;
        self.stage = Stage::Target;
        Ok(true)
    }

    #[inline]
    fn target(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, Error> {
        self.pos = target_end(buf, self.pos);
        self.target_len = self.pos - self.target_start;
        if self.target_len > limits.max_target {
            return Err(Error::TargetTooLong { limit: limits.max_target });
        }
        match buf.get(self.pos) {
            None => return Ok(false),
            Some(b' ') if self.target_len > 0 => {}
            Some(b'\n') => return Err(Error::LineEnd),
            // A request line of HTTP/0.9.
            Some(b'\r') if self.target_len > 0 => return Err(Error::Version),
            Some(_) => return Err(Error::Target),
        }
        self.layout = match Layout::of(&buf[self.target_start..self.pos]) {
            Some(layout) if layout.form().suits(self.method) => layout,
            Some(_) if buf[self.start..].starts_with(b"PRI * ") => {
                return Ok(self.begin_version(Stage::Preface));
            }
            Some(_) => return Err(Error::TargetForm),
            None if self.method == Method::CONNECT => return Err(Error::TargetForm),
            None => return Err(Error::Target),
        };
        Ok(self.begin_version(Stage::Version))
    }

    #[inline]
    fn begin_version(&mut self, stage: Stage) -> bool {
        self.pos += 1;
        self.start = self.pos;
        self.stage = stage;
        true
    }

    /// Reads what follows `PRI *`: no request either way, but a client that speaks HTTP/2 is told that it is not spoken
    /// here.
    #[cold]
    fn preface(&mut self, buf: &[u8]) -> Result<bool, Error> {
        match version(buf, self.start, &mut self.pos) {
            Found::Partial => Ok(false),
            Found::Unsupported => Err(Error::VersionNotSupported),
            Found::Supported(_) => Err(Error::TargetForm),
            Found::Bad if buf[self.pos] == b'\n' => Err(Error::LineEnd),
            Found::Bad => Err(Error::Version),
        }
    }

    #[inline]
    fn version(&mut self, buf: &[u8]) -> Result<bool, Error> {
        if self.stage == Stage::Version {
            match version(buf, self.start, &mut self.pos) {
                Found::Supported(version) => self.version = version,
                Found::Partial => return Ok(false),
                Found::Unsupported => return Err(Error::VersionNotSupported),
                Found::Bad if buf[self.pos] == b'\n' => return Err(Error::LineEnd),
                Found::Bad => return Err(Error::Version),
            }
            self.stage = Stage::Return;
        }
        if self.stage == Stage::Return {
            match buf.get(self.pos) {
                None => return Ok(false),
                Some(b'\r') => self.pos += 1,
                Some(b'\n') => return Err(Error::LineEnd),
                Some(_) => return Err(Error::Version),
            }
            self.stage = Stage::LineFeed;
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
}

/// A request line of the usual kind: a common method, a path, HTTP/1.1 or 1.0.
struct WholeLine {
    method: &'static Method,
    target: Range<usize>,
    path_len: u32,
    version: Version,
    end: usize,
}

impl WholeLine {
    /// Reads the line when it is wholly there and has no fault.
    #[inline(always)]
    fn of(buf: &[u8], limits: &Limits) -> Option<Self> {
        let (method, start) = usual_method(buf.first_chunk()?)?;
        let rest = buf.get(start..)?;
        if rest.first() != Some(&b'/') {
            return None;
        }
        let path_len = path_end(rest);
        let len = if rest.get(path_len) == Some(&b'?') { target_end(rest, path_len) } else { path_len };
        let (_, behind) = rest.split_at_checked(len)?;
        let version = whole_version(behind.first_chunk()?)?;
        if len > limits.max_target {
            return None;
        }
        let target = start..start + len;
        Some(Self { method, end: target.end + 11, target, path_len: u32::try_from(path_len).ok()?, version })
    }
}

/// Reads what follows a target, in two words that overlap.
#[inline(always)]
fn whole_version(bytes: &[u8; 11]) -> Option<Version> {
    let [a, b, c, d, e, f, g, h, i, j, k] = *bytes;
    if u64::from_le_bytes([a, b, c, d, e, f, g, h]) != u64::from_le_bytes(*b" HTTP/1.") {
        return None;
    }
    const HTTP11: u32 = u32::from_le_bytes(*b".1\r\n");
    const HTTP10: u32 = u32::from_le_bytes(*b".0\r\n");
    match u32::from_le_bytes([h, i, j, k]) {
        HTTP11 => Some(Version::Http11),
        HTTP10 => Some(Version::Http10),
        _ => None,
    }
}

/// Takes the bytes of the head out of `inbound`, of which some are the target.
#[inline(always)]
fn take_target(to: &mut Target, target: Range<usize>, layout: Layout, inbound: &mut BytesMut, end: usize) {
    if to.set_short(inbound, target.clone(), layout) {
        inbound.advance(end);
    } else {
        take_long_target(to, target, layout, inbound, end);
    }
}

#[inline(never)]
fn take_long_target(
    to: &mut Target,
    target: Range<usize>,
    layout: Layout,
    inbound: &mut BytesMut,
    end: usize,
) {
    inbound.advance(target.start);
    let bytes = inbound.split_to(target.len()).freeze();
    inbound.advance(end - target.end);
    *to = Target::from_layout(Text::Shared(bytes), layout);
}

/// Returns the method that the bytes begin with, when it is a usual one, and how many bytes it and its space are.
#[inline]
fn usual_method(bytes: &[u8; 8]) -> Option<(&'static Method, usize)> {
    const fn word(text: &[u8; 8]) -> u64 {
        u64::from_le_bytes(*text)
    }
    let bytes = u64::from_le_bytes(*bytes);
    let is = |text: &[u8; 8], len: u32| (bytes ^ word(text)) << (64 - 8 * len) == 0;
    Some(match () {
        () if is(b"GET     ", 4) => (&Method::GET, 4),
        () if is(b"POST    ", 5) => (&Method::POST, 5),
        () if is(b"HEAD    ", 5) => (&Method::HEAD, 5),
        () if is(b"PUT     ", 4) => (&Method::PUT, 4),
        () if is(b"DELETE  ", 7) => (&Method::DELETE, 7),
        () if is(b"PATCH   ", 6) => (&Method::PATCH, 6),
        () if is(b"OPTIONS ", 8) => (&Method::OPTIONS, 8),
        () => return None,
    })
}
