//! Where the colons and the control characters of a buffer are, for 64 bytes at a step.

use wide::u8x16;

/// How many bytes one look is for.
pub(super) const STEP: usize = 64;

/// A bit for each of 64 bytes, the first one lowest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Where colons are.
    pub(super) colons: u64,
    /// Where bytes up to 0x1f, HTAB with them, and DEL are.
    pub(super) controls: u64,
}

impl Marks {
    /// Looks at the bytes from a place on; those behind the end have no mark.
    #[inline(always)]
    pub(super) fn at(buf: &[u8], start: usize) -> Self {
        match buf.get(start..).unwrap_or_default().first_chunk::<STEP>() {
            Some(bytes) => Self::of(bytes.as_chunks().0),
            None => Self::of_end(buf, start),
        }
    }

    /// Looks at fewer than 64 bytes; the last are in a block that reaches back to others, which are shifted out. A buffer
    /// of fewer than 16 bytes has no marks.
    #[inline(never)]
    fn of_end(buf: &[u8], start: usize) -> Self {
        let (blocks, last) = buf.get(start..).unwrap_or_default().as_chunks();
        let mut marks = Self::of(blocks);
        if let Some(block) = buf.last_chunk() {
            marks.add(block, blocks.len() * 16, 16 - last.len());
        }
        marks
    }

    #[inline(always)]
    fn of(blocks: &[[u8; 16]]) -> Self {
        let mut marks = Self::default();
        for (i, block) in blocks.iter().enumerate() {
            marks.add(block, i * 16, 0);
        }
        marks
    }

    /// Adds those of a block at a place, without its first bytes.
    #[inline(always)]
    fn add(&mut self, block: &[u8; 16], at: usize, skip: usize) {
        let block = u8x16::new(*block);
        let colons = block.simd_eq(u8x16::splat(b':'));
        let controls = block.min(u8x16::splat(0x1f)).simd_eq(block) | block.simd_eq(u8x16::splat(0x7f));
        self.colons |= u64::from(colons.to_bitmask() >> skip) << at;
        self.controls |= u64::from(controls.to_bitmask() >> skip) << at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_byte_at_each_place_is_marked_as_what_it_is() {
        for len in [16, 17, 31, 32, 63, 64, 65, 100] {
            for byte in 0..=u8::MAX {
                let buf: Vec<u8> = (0..len).map(|at| if at % 3 == 0 { byte } else { b'a' }).collect();
                for start in 0..=len {
                    let marks = Marks::at(&buf, start);
                    for at in 0..STEP {
                        let found = (marks.colons >> at & 1 == 1, marks.controls >> at & 1 == 1);
                        let is = |what: bool| what && start + at < len && (start + at) % 3 == 0;
                        assert_eq!(
                            found,
                            (is(byte == b':'), is(byte.is_ascii_control())),
                            "{byte:#x} {start} {at}"
                        );
                    }
                }
            }
        }
    }
}
