//! The chunked coding (RFC 9112 §7.1).

use alloc::boxed::Box;
use bytes::{Buf, Bytes, BytesMut};

use super::bytes::{is_blank, is_qdtext, is_tchar, is_text};
use super::field::{FieldParser, Section};
use crate::error::Error;
use crate::head::Headers;
use crate::limits::Limits;

/// Most digits of a chunk size, leading zeros included: 64 bits.
const MAX_DIGITS: u8 = 16;

/// Chunks up to this size that arrive together are moved together, which costs less than to cut each out.
const GATHERED: u64 = 512;

/// A piece of a chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes of the content, cut from the input without copying, but for small chunks that arrived together; at least one.
    Data(Bytes),
    /// The body is whole; the trailer section, unless it was empty.
    End(Option<Headers>),
}

/// A decoder of one chunked body.
///
/// Sizes are hex digits, sixteen at most; a chunk that makes the body longer than [`Limits::max_body`] is refused by its
/// size. Extensions are checked, counted and dropped. Data is handed on as it arrives;
/// a trailer section stays in `inbound` until it is whole.
///
/// ```
/// use anyloop_core::{limits::Limits, parse::{Chunk, ChunkDecoder}};
/// use bytes::BytesMut;
///
/// let (mut decoder, limits) = (ChunkDecoder::new(), Limits::default());
/// let mut inbound = BytesMut::from("5\r\nhello\r\n0\r\n\r\n");
/// assert_eq!(decoder.decode(&mut inbound, 3, &limits)?, Some(Chunk::Data("hel".into())));
/// assert_eq!(decoder.decode(&mut inbound, 9, &limits)?, Some(Chunk::Data("lo".into())));
/// assert_eq!(decoder.decode(&mut inbound, 9, &limits)?, Some(Chunk::End(None)));
/// # Ok::<(), anyloop_core::error::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct ChunkDecoder {
    stage: Stage,
    digits: u8,
    /// The size that is being read, then the data bytes that are left.
    left: u64,
    /// The sizes of all chunks so far.
    content: u64,
    extension: usize,
    extensions: usize,
    trailers: Option<Box<FieldParser>>,
    failed: Option<Error>,
    scanned: u64,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Size,
    /// The line of the size behind its digits.
    Extension(Extension),
    /// The LF of that line.
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    Trailers,
    Done,
}

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS value ] )` the next byte stands (RFC 9112 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    /// Behind blanks that follow the size.
    AfterSize,
    /// Behind a semicolon and perhaps blanks.
    BeforeName,
    Name,
    /// Behind blanks that follow a name.
    AfterName,
    /// Behind an equals sign and perhaps blanks.
    BeforeValue,
    Token,
    Quoted,
    /// Behind a backslash.
    Escaped,
    /// Behind the closing quote.
    Closed,
    /// Behind blanks that follow a value.
    AfterValue,
}

impl ChunkDecoder {
    /// Makes a decoder at the start of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece out of `inbound`, data never more than `credit` bytes; `None` when more bytes or credit are
    /// needed first, and after the end.
    ///
    /// # Errors
    /// The first fault of the coding. Final: every later call returns the same error.
    pub fn decode(
        &mut self,
        inbound: &mut BytesMut,
        credit: usize,
        limits: &Limits,
    ) -> Result<Option<Chunk>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let outcome = self.run(inbound, credit, limits);
        if let Err(error) = outcome {
            self.failed = Some(error);
        }
        outcome
    }

    /// Whether the end was handed out.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether the next byte is one of the content.
    pub fn is_in_data(&self) -> bool {
        self.stage == Stage::Data
    }

    /// Returns how many bytes besides data the coding needs in `inbound` at once: those of the longest trailer section.
    pub fn room(limits: &Limits) -> usize {
        limits.max_trailers.saturating_add(2)
    }

    /// Returns how many bytes were looked at, data not counted, for tests of linear work.
    #[doc(hidden)]
    pub fn scanned(&self) -> u64 {
        self.scanned
    }

    fn run(
        &mut self,
        inbound: &mut BytesMut,
        credit: usize,
        limits: &Limits,
    ) -> Result<Option<Chunk>, Error> {
        loop {
            match self.stage {
                Stage::Data => return Ok(self.data(inbound, credit, limits)),
                Stage::Trailers => return self.trailers(inbound, limits),
                Stage::Done => return Ok(None),
                Stage::Size
                | Stage::Extension(_)
                | Stage::SizeLineFeed
                | Stage::DataReturn
                | Stage::DataLineFeed => {
                    if !self.line(inbound, limits)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn data(&mut self, inbound: &mut BytesMut, credit: usize, limits: &Limits) -> Option<Chunk> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let take = inbound.len().min(credit).min(left);
        if take == 0 {
            return None;
        }
        self.left -= take as u64;
        if self.left == 0 {
            self.stage = Stage::DataReturn;
        }
        let end = self.gather(inbound, take, credit, limits);
        let data = inbound.split_to(take + end.gathered).freeze();
        inbound.advance(end.framing);
        Some(Chunk::Data(data))
    }

    /// Moves the small chunks that follow the first `taken` bytes of data behind them, as far as they are there and of the
    /// plainest form. Anything else is left to be read byte by byte.
    fn gather(&mut self, inbound: &mut [u8], taken: usize, credit: usize, limits: &Limits) -> Gathered {
        let mut end = Gathered { gathered: 0, framing: 0 };
        while self.stage == Stage::DataReturn && taken + end.gathered < credit {
            let at = taken + end.gathered + end.framing;
            let Some((framing, size)) = plain_size(&inbound[at..]) else { break };
            if size > GATHERED {
                break;
            }
            let content = self.content.saturating_add(size);
            let start = at + framing;
            let take = (size as usize).min(inbound.len() - start).min(credit - taken - end.gathered);
            if content > limits.max_body || take == 0 {
                break;
            }
            inbound.copy_within(start..start + take, taken + end.gathered);
            end.gathered += take;
            end.framing += framing;
            self.scanned += framing as u64;
            self.content = content;
            self.left = size - take as u64;
            if self.left > 0 {
                self.stage = Stage::Data;
            }
        }
        end
    }

    fn trailers(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Option<Chunk>, Error> {
        if self.trailers.is_none() && (inbound.is_empty() || inbound.starts_with(b"\r\n")) {
            return Ok(self.no_trailers(inbound));
        }
        let mut fields = self.trailers.take().unwrap_or_default();
        let before = fields.position();
        let outcome = fields.parse(inbound, Section::Trailers, limits);
        self.scanned += (fields.position() - before) as u64;
        if !outcome? {
            self.trailers = Some(fields);
            return Ok(None);
        }
        self.stage = Stage::Done;
        let section = fields.finish(inbound);
        inbound.advance(fields.position());
        Ok(Some(Chunk::End((!section.is_empty()).then_some(section))))
    }

    /// Ends the body with the empty line that is there, without the allocation that trailers cost.
    fn no_trailers(&mut self, inbound: &mut BytesMut) -> Option<Chunk> {
        if inbound.is_empty() {
            return None;
        }
        inbound.advance(2);
        self.scanned += 2;
        self.stage = Stage::Done;
        Some(Chunk::End(None))
    }

    /// Reads the bytes between data; true when data or trailers come next.
    fn line(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<bool, Error> {
        if self.plain_line(inbound, limits) {
            return Ok(true);
        }
        let mut used = 0;
        for &byte in inbound.iter() {
            used += 1;
            self.stage = self.step(byte, limits)?;
            if matches!(self.stage, Stage::Data | Stage::Trailers) {
                break;
            }
        }
        self.scanned += used as u64;
        inbound.advance(used);
        Ok(used > 0)
    }

    /// Reads them at once between two chunks where they are of the plainest form.
    #[inline]
    fn plain_line(&mut self, inbound: &mut BytesMut, limits: &Limits) -> bool {
        if self.stage != Stage::DataReturn {
            return false;
        }
        let Some((framing, size)) = plain_size(inbound) else { return false };
        let content = self.content.saturating_add(size);
        if content > limits.max_body {
            return false;
        }
        (self.content, self.left, self.stage) = (content, size, Stage::Data);
        self.scanned += framing as u64;
        inbound.advance(framing);
        true
    }

    fn step(&mut self, byte: u8, limits: &Limits) -> Result<Stage, Error> {
        match (self.stage, byte) {
            (Stage::DataReturn, b'\r') => Ok(Stage::DataLineFeed),
            (Stage::DataLineFeed, b'\n') => {
                (self.digits, self.left) = (0, 0);
                Ok(Stage::Size)
            }
            (Stage::DataReturn | Stage::DataLineFeed, _) => Err(Error::ChunkEnd),
            (Stage::SizeLineFeed, b'\n') => self.begin_data(limits),
            (Stage::SizeLineFeed, _) | (Stage::Size | Stage::Extension(_), b'\n') => Err(Error::LineEnd),
            (Stage::Size, _) => self.size(byte, limits),
            (Stage::Extension(Extension::Name | Extension::Token | Extension::Closed), b'\r') => {
                Ok(Stage::SizeLineFeed)
            }
            (Stage::Extension(Extension::AfterSize), b'\r') => Err(Error::ChunkSize),
            (Stage::Extension(_), b'\r') => Err(Error::ChunkExtension),
            (Stage::Extension(place), _) => {
                self.count(limits)?;
                place.next(byte).map(Stage::Extension)
            }
            // These are not read byte by byte.
            (Stage::Data | Stage::Trailers | Stage::Done, _) => Ok(self.stage),
        }
    }

    /// Judges a chunk by its size, so that none of its data is handed out when it is too much.
    fn begin_data(&mut self, limits: &Limits) -> Result<Stage, Error> {
        if self.left == 0 {
            return Ok(Stage::Trailers);
        }
        self.content = self.content.saturating_add(self.left);
        if self.content > limits.max_body {
            return Err(Error::BodyTooLarge { limit: limits.max_body });
        }
        Ok(Stage::Data)
    }

    fn size(&mut self, byte: u8, limits: &Limits) -> Result<Stage, Error> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.digits > 0 => return Ok(Stage::SizeLineFeed),
            b' ' | b'\t' | b';' if self.digits > 0 => {
                self.extension = 0;
                self.count(limits)?;
                return Extension::AfterSize.next(byte).map(Stage::Extension);
            }
            _ => return Err(Error::ChunkSize),
        };
        if self.digits == MAX_DIGITS {
            return Err(Error::ChunkSize);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(Stage::Size)
    }

    /// Counts one byte of extensions.
    fn count(&mut self, limits: &Limits) -> Result<(), Error> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > limits.max_chunk_ext {
            return Err(Error::ChunkExtensionTooLong { limit: limits.max_chunk_ext });
        }
        if self.extensions > limits.max_chunk_ext_total {
            return Err(Error::ChunkExtensionsTooLong { limit: limits.max_chunk_ext_total });
        }
        Ok(())
    }
}

/// What was moved: bytes of data, and bytes of framing that stood between them and stand behind them now.
struct Gathered {
    gathered: usize,
    framing: usize,
}

/// Reads the end of a chunk and the size of the next one, when that is written in at most eight digits and nothing else,
/// and is not the last; returns how many bytes they are.
#[inline]
fn plain_size(bytes: &[u8]) -> Option<(usize, u64)> {
    let [b'\r', b'\n', rest @ ..] = bytes else { return None };
    let mut size = 0;
    for (at, &byte) in rest.iter().take(9).enumerate() {
        match byte {
            b'0'..=b'9' => size = size << 4 | u64::from(byte - b'0'),
            b'a'..=b'f' => size = size << 4 | u64::from(byte - b'a' + 10),
            b'A'..=b'F' => size = size << 4 | u64::from(byte - b'A' + 10),
            b'\r' => {
                let is_whole = rest.get(at + 1) == Some(&b'\n');
                return (is_whole && size > 0).then_some((at + 4, size));
            }
            _ => return None,
        }
    }
    None
}

impl Extension {
    fn next(self, byte: u8) -> Result<Self, Error> {
        let blank = is_blank(byte);
        match self {
            Self::AfterSize if blank => Ok(Self::AfterSize),
            Self::AfterSize if byte != b';' => Err(Error::ChunkSize),
            Self::AfterSize => Ok(Self::BeforeName),
            Self::BeforeName if blank => Ok(Self::BeforeName),
            Self::BeforeName | Self::Name if is_tchar(byte) => Ok(Self::Name),
            Self::Name | Self::AfterName if blank => Ok(Self::AfterName),
            Self::Name | Self::AfterName if byte == b'=' => Ok(Self::BeforeValue),
            Self::BeforeValue if blank => Ok(Self::BeforeValue),
            Self::BeforeValue if byte == b'"' => Ok(Self::Quoted),
            Self::BeforeValue | Self::Token if is_tchar(byte) => Ok(Self::Token),
            Self::Quoted if byte == b'"' => Ok(Self::Closed),
            Self::Quoted if byte == b'\\' => Ok(Self::Escaped),
            Self::Quoted if is_qdtext(byte) => Ok(Self::Quoted),
            Self::Escaped if is_text(byte) => Ok(Self::Quoted),
            Self::Token | Self::Closed | Self::AfterValue if blank => Ok(Self::AfterValue),
            Self::Name | Self::AfterName | Self::Token | Self::Closed | Self::AfterValue if byte == b';' => {
                Ok(Self::BeforeName)
            }
            Self::BeforeName
            | Self::Name
            | Self::AfterName
            | Self::BeforeValue
            | Self::Token
            | Self::Quoted
            | Self::Escaped
            | Self::Closed
            | Self::AfterValue => Err(Error::ChunkExtension),
        }
    }
}
