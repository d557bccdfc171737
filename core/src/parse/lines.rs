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
    let max = start.saturating_add(limits.max_head).min(MAX_PLACE);
    let fields = headers.parsed_mut();
    let (last, Rest::Empty) =
        whole_lines(fields, buf.get(..max).unwrap_or(buf), start, start, limits.max_fields)
    else {
        return None;
    };
    fields.set_parsed(&buf[start..last]);
    Some(last + 2)
}

/// What stands where no more lines are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// The empty line that ends the section.
    Empty,
    /// Anything else: a line that is not whole, or that is not taken here.
    Other,
}

/// Takes the field lines that are wholly there and have no fault, and returns where the next line starts, which is left to
/// be read part by part unless it is the empty one.
///
/// The ends of lines are found 64 bytes at a step, and no step waits for what the lines before it are.
#[inline(never)]
pub(super) fn whole_lines(
    fields: &mut ParsedFields,
    buf: &[u8],
    mut line: usize,
    origin: usize,
    max_fields: usize,
) -> (usize, Rest) {
    const CR_LF: u16 = u16::from_le_bytes(*b"\r\n");
    let Some(last) = buf.len().checked_sub(1) else { return (line, Rest::Other) };
    let mut base = line;
    while base < last {
        let mut marks = unusual(buf, base);
        while marks != 0 {
            let end = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if end >= last {
                return (line, Rest::Other);
            }
            if u16::from_le_bytes([buf[end], buf[end + 1]]) != CR_LF {
                // HTAB, obs-text, or the LF of the line before where a new step begins with it.
                if buf[end] == b'\t' || buf[end] >= 0x80 || end < line {
                    continue;
                }
                return (line, Rest::Other);
            }
            if end == line {
                return (line, Rest::Empty);
            }
            // That of the LF.
            marks &= marks.wrapping_sub(1);
            let is_taken = fields.fields().len() < max_fields
                && (usual_line(fields, buf, line, end, origin) || any_line(fields, buf, line, end, origin));
            if !is_taken {
                return (line, Rest::Other);
            }
            line = end + 2;
        }
        base += STEP;
    }
    (line, Rest::Other)
}

/// Adds the field of a line that ends before the CR LF at `end` and has no control character but HTAB; false when it is none or
/// not of the usual form: a name of at most 15 bytes, one space, a value, and room in the list for it.
///
/// It calls nothing, so that it needs no more registers than it may use freely.
#[inline(always)]
fn usual_line(fields: &mut ParsedFields, buf: &[u8], line: usize, end: usize, origin: usize) -> bool {
    let Some(field) = usual_field(buf, line, end, origin) else { return false };
    fields.push_within(field)
}

#[inline(always)]
fn usual_field(buf: &[u8], line: usize, end: usize, origin: usize) -> Option<Field> {
    let text = buf.get(line..end)?;
    let block = match buf[line..].first_chunk() {
        Some(block) => u8x16::new(*block),
        None => last_block(buf, buf.len() - line)?,
    };
    let colons = block.simd_eq(u8x16::splat(b':')).to_bitmask();
    if colons == 0 {
        return None;
    }
    let colon = colons.trailing_zeros() as usize;
    let [b' ', value @ ..] = text.get(colon + 1..)? else { return None };
    let known = short_name(block, text.get(..colon)?)?;
    let (start, place) = (line - origin, line - origin + colon + 2);
    is_trimmed(value)
        .then(|| Field::parsed(known, start as u32, colon as u16, place as u32, value.len() as u32))
}

/// The same for a line of any form.
#[inline(never)]
fn any_line(fields: &mut ParsedFields, buf: &[u8], line: usize, end: usize, origin: usize) -> bool {
    let text = &buf[line..end];
    // The scan may look beyond the line, where it has to stop.
    let colon = token_end(&buf[line..], 0);
    if text.get(colon) != Some(&b':') || colon == 0 || colon > MAX_NAME {
        return false;
    }
    let known = Known::find(&text[..colon]).map_or(0, Known::number);
    let value = &text[colon + 1..];
    let (blanks, len) = match value {
        [b' ', value @ ..] if is_trimmed(value) => (1, value.len()),
        value => (value.iter().take_while(|&&byte| is_blank(byte)).count(), trim(value).len()),
    };
    let (start, place) = (line - origin, line - origin + colon + 1 + blanks);
    fields.push(Field::parsed(known, start as u32, colon as u16, place as u32, len as u32));
    true
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

/// Whether a value is there that neither begins nor ends with a blank. What is above the space is no blank, and HTAB is the
/// only control character.
#[inline(always)]
fn is_trimmed(value: &[u8]) -> bool {
    matches!((value, value), ([first, ..], [.., last]) if *first > b' ' && *last > b' ')
}
