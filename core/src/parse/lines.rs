//! Field lines that are wholly there and have no fault: nearly all there are.

use wide::u8x16;

use super::bytes::{is_blank, starts_with_token, token_end, trim};
use super::marks::{STEP, unusual};
use crate::head::{Field, Headers, Known, ParsedFields};
use crate::limits::Limits;

/// Longest field name in bytes.
pub(super) const MAX_NAME: usize = u16::MAX as usize;
/// Places are kept in 32 bits.
pub(super) const MAX_PLACE: usize = u32::MAX as usize;

/// Reads a header section that begins at `start`, when it is wholly there and has no fault; returns where it ends. The
/// text of the fields is copied.
#[inline(always)]
pub(super) fn whole_section(
    headers: &mut Headers,
    buf: &[u8],
    start: usize,
    limits: &Limits,
) -> Option<usize> {
    if buf.get(start..)?.first_chunk() == Some(b"\r\n") {
        return Some(start + 2);
    }
    let end = start.saturating_add(limits.max_head).min(MAX_PLACE).min(buf.len());
    let fields = headers.parsed_mut();
    let last = whole_lines(fields, &buf[..end], start, start, limits.max_fields);
    if buf.get(last..)?.first_chunk() != Some(b"\r\n") {
        return None;
    }
    fields.set_parsed(&buf[start..last]);
    Some(last + 2)
}

/// Takes the field lines that are wholly there and have no fault, and returns where the next line starts, which is left to
/// be read part by part: the empty one, one that is not whole, or one that is not taken here.
///
/// The ends of lines are found 64 bytes at a step, and no step waits for what the lines before it are.
#[inline(never)]
pub(super) fn whole_lines(
    fields: &mut ParsedFields,
    buf: &[u8],
    mut line: usize,
    origin: usize,
    max_fields: usize,
) -> usize {
    const CR_LF: u16 = u16::from_le_bytes(*b"\r\n");
    let Some(last) = buf.len().checked_sub(1) else { return line };
    let mut base = line;
    while base < last {
        let mut marks = unusual(buf, base);
        while marks != 0 {
            let end = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if end >= last {
                return line;
            }
            if u16::from_le_bytes([buf[end], buf[end + 1]]) != CR_LF {
                // HTAB, obs-text, or the LF of the line before where a new step begins with it.
                if buf[end] == b'\t' || buf[end] >= 0x80 || end < line {
                    continue;
                }
                return line;
            }
            // That of the LF.
            marks &= marks.wrapping_sub(1);
            if end == line
                || fields.fields().len() >= max_fields
                || !whole_line(fields, buf, line, end, origin)
            {
                return line;
            }
            line = end + 2;
        }
        base += STEP;
    }
    line
}

/// Adds the field of a line that ends before the CR LF at `end` and has no control character but HTAB; false when it is none.
#[inline(never)]
fn whole_line(fields: &mut ParsedFields, buf: &[u8], line: usize, end: usize, origin: usize) -> bool {
    match whole_field(buf, line, end, line - origin) {
        Some(field) => {
            fields.push(field);
            true
        }
        None => false,
    }
}

#[inline(always)]
fn whole_field(buf: &[u8], line: usize, end: usize, start: usize) -> Option<Field> {
    let rest = buf.get(line..)?;
    let block = match rest.first_chunk() {
        Some(block) => u8x16::new(*block),
        None => last_block(buf, rest.len())?,
    };
    let text = rest.get(..end - line)?;
    let colons = block.simd_eq(u8x16::splat(b':')).to_bitmask();
    let (colon, known) = if colons == 0 {
        long_name(rest)?
    } else {
        let colon = colons.trailing_zeros() as usize;
        (colon, short_name(block, text.get(..colon)?)?)
    };
    let (value_start, value_len) = match text.get(colon + 1..)? {
        // No control character but HTAB is in it, so what is above the space is no blank.
        [b' ', value @ ..] if is_trimmed(value) => (colon + 2, value.len()),
        value => trimmed(value, colon + 1),
    };
    Some(Field::parsed(known, start as u32, colon as u16, (start + value_start) as u32, value_len as u32))
}

/// Returns the last bytes, fewer than 16, and zeros behind them.
#[inline(always)]
fn last_block(buf: &[u8], count: usize) -> Option<u8x16> {
    let last = u128::from_le_bytes(*buf.last_chunk()?);
    Some(u8x16::new((last >> (8 * (16 - count))).to_le_bytes()))
}

/// Judges a name that the block begins with and a colon follows; returns its number, 0 for none.
#[inline(always)]
fn short_name(block: u8x16, name: &[u8]) -> Option<u8> {
    let known = Known::number_of(block, name);
    (known > 0 || starts_with_token(block, name)).then_some(known)
}

/// Finds the colon of a line and judges the name before it, of any length; returns its number, 0 for none.
#[inline(never)]
fn long_name(line: &[u8]) -> Option<(usize, u8)> {
    let colon = token_end(line, 0);
    if line.get(colon) != Some(&b':') || colon > MAX_NAME {
        return None;
    }
    Some((colon, Known::find(&line[..colon]).map_or(0, Known::number)))
}

/// Whether a value is there that neither begins nor ends with a blank. What is above the space is no blank, and HTAB is the
/// only control character.
#[inline(always)]
fn is_trimmed(value: &[u8]) -> bool {
    matches!((value, value), ([first, ..], [.., last]) if *first > b' ' && *last > b' ')
}

/// Returns where the value that begins at `start` begins without blanks, and how many bytes it has without those.
#[cold]
fn trimmed(value: &[u8], start: usize) -> (usize, usize) {
    let blanks = value.iter().take_while(|&&byte| is_blank(byte)).count();
    (start + blanks, trim(value).len())
}
