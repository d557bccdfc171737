//! gzip (RFC 1952) and zlib (RFC 1950), and the bare deflate that some servers send for it.

use bytes::{Buf, Bytes, BytesMut};
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Broken, PIECE, Step};

const DATA: Broken = "the deflate data is broken";
const HEADER: Broken = "the gzip header is broken";
const CHECKSUM: Broken = "the gzip checksum is wrong";

/// Longest header of a gzip member: an extra field of 64 KiB, a name and a comment.
const MAX_HEADER: usize = 128 * 1024;

/// One gzip member after the other.
#[derive(Default)]
pub(super) struct Gzip {
    stage: Stage,
    crc: Crc,
}

#[derive(Default)]
enum Stage {
    #[default]
    Header,
    Data(Decompress),
    Trailer,
    /// A member is whole; another may follow.
    Whole,
}

impl Gzip {
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.stage, Stage::Whole)
    }

    pub(super) fn step(&mut self, input: &mut BytesMut) -> Result<Step, Broken> {
        loop {
            match &mut self.stage {
                Stage::Whole if input.is_empty() => return Ok(Step::NeedsInput),
                Stage::Whole => self.stage = Stage::Header,
                Stage::Header => match header_length(input)? {
                    None if input.len() > MAX_HEADER => return Err(HEADER),
                    None => return Ok(Step::NeedsInput),
                    Some(length) => {
                        input.advance(length);
                        self.crc.reset();
                        self.stage = Stage::Data(Decompress::new(false));
                    }
                },
                Stage::Data(inflate) => match inflate_piece(inflate, input)? {
                    Inflated::Piece(piece) => {
                        self.crc.update(&piece);
                        return Ok(Step::Piece(piece));
                    }
                    Inflated::NeedsInput => return Ok(Step::NeedsInput),
                    Inflated::End => self.stage = Stage::Trailer,
                },
                Stage::Trailer => {
                    if input.len() < 8 {
                        return Ok(Step::NeedsInput);
                    }
                    if (input.get_u32_le(), input.get_u32_le()) != (self.crc.sum(), self.crc.amount()) {
                        return Err(CHECKSUM);
                    }
                    self.stage = Stage::Whole;
                }
            }
        }
    }
}

/// Returns how long the header of a member is, once all of it is there.
fn header_length(input: &[u8]) -> Result<Option<usize>, Broken> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    if !MAGIC.starts_with(&input[..input.len().min(3)]) {
        return Err(HEADER);
    }
    let Some(flags) = input.get(3) else { return Ok(None) };
    if flags & 0xe0 != 0 {
        return Err(HEADER);
    }
    let mut at = 10;
    if flags & 0x04 != 0 {
        let Some(&[low, high]) = input.get(at..at + 2) else { return Ok(None) };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for text in [0x08, 0x10] {
        if flags & text != 0 {
            let end = input.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0));
            let Some(end) = end else { return Ok(None) };
            at += end + 1;
        }
    }
    if flags & 0x02 != 0 {
        at += 2;
    }
    Ok((input.len() >= at).then_some(at))
}

/// zlib, or deflate without a wrapper, as the first two bytes say.
#[derive(Default)]
pub(super) struct Zlib {
    inflate: Option<Decompress>,
    is_whole: bool,
}

impl Zlib {
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn step(&mut self, input: &mut BytesMut) -> Result<Step, Broken> {
        if self.is_whole {
            return if input.is_empty() { Ok(Step::NeedsInput) } else { Err(DATA) };
        }
        let inflate = match &mut self.inflate {
            Some(inflate) => inflate,
            None => {
                let Some(&[method, flags]) = input.get(..2) else { return Ok(Step::NeedsInput) };
                let is_zlib = method & 0x0f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0;
                self.inflate.insert(Decompress::new(is_zlib))
            }
        };
        Ok(match inflate_piece(inflate, input)? {
            Inflated::Piece(piece) => Step::Piece(piece),
            Inflated::NeedsInput => Step::NeedsInput,
            Inflated::End => {
                self.is_whole = true;
                if !input.is_empty() {
                    return Err(DATA);
                }
                Step::NeedsInput
            }
        })
    }
}

enum Inflated {
    Piece(Bytes),
    NeedsInput,
    End,
}

fn inflate_piece(inflate: &mut Decompress, input: &mut BytesMut) -> Result<Inflated, Broken> {
    let mut piece = Vec::with_capacity(PIECE);
    let before = inflate.total_in();
    let status = inflate.decompress_vec(input, &mut piece, FlushDecompress::None).map_err(|_| DATA)?;
    let used = usize::try_from(inflate.total_in() - before).map_err(|_| DATA)?;
    input.advance(used);
    if !piece.is_empty() {
        return Ok(Inflated::Piece(piece.into()));
    }
    match status {
        Status::StreamEnd => Ok(Inflated::End),
        Status::Ok | Status::BufError => Ok(Inflated::NeedsInput),
    }
}
