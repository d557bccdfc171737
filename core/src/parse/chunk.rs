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
    next: Next,
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
    #[inline]
    pub fn decode(
        &mut self,
        inbound: &mut BytesMut,
        credit: usize,
        limits: &Limits,
    ) -> Result<Option<Chunk>, Error> {
        if let Stage::Data = self.stage {
            return Ok(self.data(inbound, credit, limits));
        }
        self.next(inbound, credit, limits)
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

    /// Goes on where no data comes next.
    #[inline(never)]
    fn next(
        &mut self,
        inbound: &mut BytesMut,
        credit: usize,
        limits: &Limits,
    ) -> Result<Option<Chunk>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.plain_line(inbound, limits);
        let outcome = self.run(inbound, credit, limits);
        if let Err(error) = outcome {
            self.failed = Some(error);
        }
        outcome
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

    #[inline(always)]
    fn data(&mut self, inbound: &mut BytesMut, credit: usize, limits: &Limits) -> Option<Chunk> {
        let room = inbound.len().min(credit) as u64;
        // The first way never waits for what is there, only for the size.
        let (data, used) = if self.left <= room {
            let left = self.left as usize;
            (self.left, self.stage) = (0, Stage::DataReturn);
            self.gather(inbound, left, credit, limits)
        } else {
            self.left -= room;
            (room as usize, room as usize)
        };
        if data == 0 {
            return None;
        }
        let mut piece = inbound.split_to(used);
        piece.truncate(data);
        Some(Chunk::Data(piece.freeze()))
    }

    /// Goes on behind the first `taken` bytes of data, as far as what is there is of the plainest form: moves the small
    /// chunks that follow behind them, and reads the size of the first that is not small or not wholly there. Returns how
    /// many bytes of data there are then, and how many bytes they and the framing between and behind them take. Anything
    /// else is left to be read byte by byte.
    #[inline(never)]
    fn gather(&mut self, inbound: &mut [u8], taken: usize, credit: usize, limits: &Limits) -> (usize, usize) {
        let (mut data, mut used, mut scanned) = (taken, taken, 0);
        let mut next = self.next;
        while next.read(&inbound[used..]).is_some() {
            if next.size == 0 {
                self.stage = Stage::Trailers;
            } else {
                let content = self.content.saturating_add(next.size);
                if content > limits.max_body {
                    break;
                }
                (self.content, self.left, self.stage) = (content, next.size, Stage::Data);
            }
            used += next.framing;
            scanned += next.framing;
            let take = next.size as usize;
            if next.size > GATHERED || take == 0 || take > inbound.len() - used || take > credit - data {
                break;
            }
            move_down(inbound, used, data, take);
            (self.left, self.stage) = (0, Stage::DataReturn);
            data += take;
            used += take;
        }
        self.next = next;
        self.scanned += scanned as u64;
        (data, used)
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

    /// Reads the size of a chunk, and what ends the chunk before it, where they are wholly there and of the plainest form.
    #[inline(always)]
    fn plain_line(&mut self, inbound: &mut BytesMut, limits: &Limits) {
        let found = match self.stage {
            Stage::DataReturn => plain_end(inbound),
            Stage::Size if self.digits == 0 => plain_size(inbound),
            Stage::Size | Stage::Extension(_) | Stage::SizeLineFeed | Stage::Data => None,
            Stage::DataLineFeed | Stage::Trailers | Stage::Done => None,
        };
        let Some((framing, size)) = found else { return };
        let content = self.content.saturating_add(size);
        if size == 0 || content > limits.max_body {
            return;
        }
        (self.content, self.left, self.stage) = (content, size, Stage::Data);
        self.scanned += framing as u64;
        inbound.advance(framing);
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

/// What stands before the data of a chunk: the end of the one before it, and its size.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    size: u64,
    /// How many bytes they are.
    framing: usize,
    /// The first of them as a number, and which of its bits count.
    word: u64,
    mask: u64,
}

impl Next {
    /// Reads them; `None` where they are not wholly there or not of the plainest form.
    ///
    /// Most chunks have the size of the one before them. A comparison that is nearly always true lets the processor go on
    /// with that size before the digits are read.
    #[inline(always)]
    fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let word = bytes.first_chunk().map(|word| u64::from_le_bytes(*word));
        if self.mask != 0 && word.is_some_and(|word| word & self.mask == self.word) {
            return Some(());
        }
        (self.framing, self.size) = plain_end(bytes)?;
        (self.word, self.mask) = match word {
            Some(word) if self.framing <= 8 => {
                let mask = u64::MAX >> (64 - 8 * self.framing);
                (word & mask, mask)
            }
            // Nothing is compared with what was not read.
            Some(_) | None => (0, 0),
        };
        Some(())
    }
}

/// Reads the end of a chunk and the size of the next one; returns how many bytes they are.
#[inline(always)]
fn plain_end(bytes: &[u8]) -> Option<(usize, u64)> {
    let [b'\r', b'\n', rest @ ..] = bytes else { return None };
    let (line, size) = plain_size(rest)?;
    Some((2 + line, size))
}

/// Reads the size of a chunk, when it is written in at most eight digits and nothing else; returns how many bytes its line
/// is.
#[inline(always)]
fn plain_size(bytes: &[u8]) -> Option<(usize, u64)> {
    let (mut size, mut digits) = (0, 0);
    loop {
        let value = HEX[usize::from(*bytes.get(digits)?)];
        if value == NO_DIGIT {
            break;
        }
        if digits == 8 {
            return None;
        }
        size = size << 4 | u64::from(value);
        digits += 1;
    }
    let is_plain = digits > 0 && bytes[digits..].first_chunk() == Some(b"\r\n");
    is_plain.then_some((digits + 2, size))
}

/// What a byte is as a hex digit.
static HEX: [u8; 256] = hex();
const NO_DIGIT: u8 = 0xff;

const fn hex() -> [u8; 256] {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        table[digit as usize] = value;
        table[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    table
}

/// Moves bytes to a lower place. What is read and overwritten may overlap.
#[inline(always)]
fn move_down(bytes: &mut [u8], from: usize, to: usize, count: usize) {
    let range = from..from + count;
    if let (16..=32, Some(text)) = (count, bytes.get(range.clone()))
        && let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>())
    {
        // Two copies of known size that overlap cost less than a call.
        let (first, last) = (*first, *last);
        bytes[to..to + 16].copy_from_slice(&first);
        bytes[to + count - 16..to + count].copy_from_slice(&last);
    } else {
        bytes.copy_within(range, to);
    }
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
