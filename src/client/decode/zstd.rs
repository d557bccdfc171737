//! Zstandard (RFC 8878): one frame after the other, a block at a time, with windows of at most 8 MiB (RFC 9659).

use bytes::{Buf, BytesMut};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Broken, Step};

const DATA: Broken = "the zstd data is broken";
const CHECKSUM: Broken = "the zstd checksum is wrong";

const MAX_WINDOW: u64 = 8 << 20;
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

pub(super) struct Zstd {
    frame: FrameDecoder,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    /// With so many bytes of checksum behind the last block.
    Blocks(usize),
    /// A frame to be left out has so many bytes still.
    Skipping(usize),
    /// A frame is whole; another may follow.
    Whole,
}

impl Default for Zstd {
    fn default() -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        Self { frame, stage: Stage::Header }
    }
}

impl Zstd {
    pub(super) fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    pub(super) fn step(&mut self, input: &mut BytesMut) -> Result<Step, Broken> {
        loop {
            match self.stage {
                Stage::Whole if input.is_empty() => return Ok(Step::NeedsInput),
                Stage::Whole => self.stage = Stage::Header,
                Stage::Header => match self.begin(input)? {
                    Some(stage) => self.stage = stage,
                    None => return Ok(Step::NeedsInput),
                },
                Stage::Skipping(left) => {
                    let here = left.min(input.len());
                    input.advance(here);
                    if here < left {
                        self.stage = Stage::Skipping(left - here);
                        return Ok(Step::NeedsInput);
                    }
                    self.stage = Stage::Whole;
                }
                Stage::Blocks(checksum) => {
                    let Some(length) = block_length(input, checksum) else { return Ok(Step::NeedsInput) };
                    let block = input.split_to(length);
                    let strategy = BlockDecodingStrategy::UptoBlocks(1);
                    let is_last = self.frame.decode_blocks(&block[..], strategy).map_err(|_| DATA)?;
                    // What the window still refers to stays behind until the last block.
                    let piece = self.frame.collect().unwrap_or_default();
                    if is_last {
                        self.stage = Stage::Whole;
                        let declared = self.frame.get_checksum_from_data();
                        if declared.is_some() && declared != self.frame.get_calculated_checksum() {
                            return Err(CHECKSUM);
                        }
                    }
                    if !piece.is_empty() {
                        return Ok(Step::Piece(piece.into()));
                    }
                }
            }
        }
    }

    /// Reads the header of a frame, once all of it is there.
    fn begin(&mut self, input: &mut BytesMut) -> Result<Option<Stage>, Broken> {
        let Some(&magic) = input.first_chunk::<4>() else { return Ok(None) };
        if magic != MAGIC {
            if u32::from_le_bytes(magic) & !0xf != 0x184d_2a50 {
                return Err(DATA);
            }
            let Some(&[_, _, _, _, a, b, c, d]) = input.first_chunk::<8>() else { return Ok(None) };
            input.advance(8);
            let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_| DATA)?;
            return Ok(Some(Stage::Skipping(length)));
        }
        let Some(&flags) = input.get(4) else { return Ok(None) };
        let single = flags & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
        let size = [usize::from(single), 2, 4, 8][usize::from(flags >> 6)];
        let length = 5 + usize::from(!single) + dictionary + size;
        if input.len() < length {
            return Ok(None);
        }
        let header = input.split_to(length);
        self.frame.reset(&header[..]).map_err(|_| DATA)?;
        Ok(Some(Stage::Blocks(if flags & 4 != 0 { 4 } else { 0 })))
    }
}

/// Returns how long the next block is with its header and, behind the last one, the checksum, once all of it is there.
fn block_length(input: &[u8], checksum: usize) -> Option<usize> {
    let &[a, b, c] = input.first_chunk::<3>()?;
    let header = u32::from_le_bytes([a, b, c, 0]);
    let size = match header >> 1 & 3 {
        // One byte stands for all of a block.
        1 => 1,
        _ => usize::try_from(header >> 3).ok()?,
    };
    let length = 3 + size + if header & 1 == 1 { checksum } else { 0 };
    // Whatever is longer than a block may be is refused by the decoder, which sees its header.
    let length = length.min(3 + (128 << 10) + checksum);
    (input.len() >= length).then_some(length)
}
