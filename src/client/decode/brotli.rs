//! Brotli (RFC 7932), without the large windows that are not part of it.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes, BytesMut};

use super::{Broken, PIECE, Step};

const DATA: Broken = "the brotli data is broken";

pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    piece: Box<[u8]>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Whole,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            piece: vec![0; PIECE].into_boxed_slice(),
            stage: Stage::Open,
        }
    }
}

impl Brotli {
    pub(super) fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    pub(super) fn step(&mut self, input: &mut BytesMut) -> Result<Step, Broken> {
        if self.is_whole() {
            return if input.is_empty() { Ok(Step::NeedsInput) } else { Err(DATA) };
        }
        let (mut available, mut used) = (input.len(), 0);
        let (mut room, mut made, mut total) = (self.piece.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut used,
            input,
            &mut room,
            &mut made,
            &mut self.piece,
            &mut total,
            &mut self.state,
        );
        input.advance(used);
        match result {
            BrotliResult::ResultFailure => return Err(DATA),
            BrotliResult::ResultSuccess => self.stage = Stage::Whole,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        if made > 0 {
            return Ok(Step::Piece(Bytes::copy_from_slice(&self.piece[..made])));
        }
        if self.is_whole() && !input.is_empty() {
            return Err(DATA);
        }
        Ok(Step::NeedsInput)
    }
}
