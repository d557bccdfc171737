//! Where the bytes of a buffer are that seldom stand in field lines, for 64 bytes at a step.

use wide::i8x16;

/// How many bytes one look is for.
pub(super) const STEP: usize = 64;

/// Returns a bit for each of the 64 bytes from a place in the buffer on, the first one lowest: that of all but SP and graphic
/// characters. Bytes behind the end have none, and a buffer of fewer than 16 bytes has none at all.
#[inline(always)]
pub(super) fn unusual(buf: &[u8], start: usize) -> u64 {
    match buf.get(start..).and_then(|rest| rest.first_chunk::<STEP>()) {
        Some(bytes) => marks(bytes.as_chunks().0),
        None => near_end(buf, start),
    }
}

/// Looks at the last bytes, in halves that overlap, and shifts out those before the place.
#[inline(never)]
fn near_end(buf: &[u8], start: usize) -> u64 {
    let halves = |first: &[[u8; 16]], last: &[[u8; 16]], at: usize| marks(first) | marks(last) << at;
    let (marks, before) = if let Some(last) = buf.last_chunk::<STEP>() {
        (marks(last.as_chunks().0), buf.len() - STEP)
    } else if let (Some(first), Some(last)) = (buf.first_chunk::<32>(), buf.last_chunk::<32>()) {
        (halves(first.as_chunks().0, last.as_chunks().0, buf.len() - 32), 0)
    } else if let (Some(first), Some(last)) = (buf.first_chunk::<16>(), buf.last_chunk::<16>()) {
        (halves(&[*first], &[*last], buf.len() - 16), 0)
    } else {
        (0, 0)
    };
    marks.checked_shr((start - before) as u32).unwrap_or(0)
}

#[inline(always)]
fn marks(blocks: &[[u8; 16]]) -> u64 {
    let mut usual = 0;
    for (i, block) in blocks.iter().enumerate() {
        // Added to 1, DEL and what is above it are negative, so that one comparison is enough.
        let next = i8x16::new(block.map(u8::cast_signed)) + i8x16::splat(1);
        usual |= u64::from(next.simd_gt(i8x16::splat(0x20)).to_bitmask()) << (i * 16);
    }
    !usual & u64::MAX >> (STEP - 16 * blocks.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_byte_at_each_place_is_marked_as_what_it_is() {
        for len in [16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 100, 130] {
            for byte in 0..=u8::MAX {
                let buf: Vec<u8> = (0..len).map(|at| if at % 3 == 0 { byte } else { b'a' }).collect();
                for start in 0..=len {
                    let marks = unusual(&buf, start);
                    for at in 0..STEP {
                        let is = start + at < len && (start + at) % 3 == 0 && !(0x20..0x7f).contains(&byte);
                        assert_eq!(marks >> at & 1 == 1, is, "{byte:#x} of {len} from {start} at {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn fewer_than_16_bytes_have_no_marks() {
        assert_eq!((unusual(b"\r\n", 0), unusual(&[0; 15], 14)), (0, 0));
    }
}
