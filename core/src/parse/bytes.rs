//! Classes of bytes, and scans for the first byte that is not of a class, 16 at a step.
//!
//! The vector scans answer for the common bytes of a class only; on the others they stop, ask the table, and go on. The
//! tables alone say what belongs to a class.

use wide::u8x16;

/// `tchar` (RFC 9110 §5.6.2).
const TOKEN: u8 = 1;
/// What may stand in a request target: every graphic character but `"<>\^` a backtick, `{|}` and `#`
/// (RFC 3986 §2; square brackets stand in hosts, and browsers leave them in paths and queries).
const TARGET: u8 = 1 << 1;
/// `field-vchar`, SP and HTAB, with obs-text (RFC 9110 §5.5).
const TEXT: u8 = 1 << 2;
/// `unreserved` and `sub-delims`, of which a registered name is made (RFC 3986 §3.2.2).
const REG_NAME: u8 = 1 << 3;
/// `qdtext` (RFC 9110 §5.6.4).
const QUOTED: u8 = 1 << 4;
/// What may stand in a request target before its query: all that may stand in it but the question mark.
const PATH: u8 = 1 << 5;

static CLASSES: [u8; 256] = classes();

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < table.len() {
        let byte = i as u8;
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || contains(b"!#$%&'*+-.^_`|~", byte) {
            class |= TOKEN;
        }
        if byte.is_ascii_graphic() && !contains(b"\"<>\\^`{|}#", byte) {
            class |= TARGET;
            if byte != b'?' {
                class |= PATH;
            }
        }
        if byte.is_ascii_graphic() || byte == b' ' || byte == b'\t' || byte >= 0x80 {
            class |= TEXT;
            if byte != b'"' && byte != b'\\' {
                class |= QUOTED;
            }
        }
        if byte.is_ascii_alphanumeric() || contains(b"-._~!$&'()*+,;=", byte) {
            class |= REG_NAME;
        }
        table[i] = class;
        i += 1;
    }
    table
}

const fn is(class: u8, byte: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Whether the byte is a `tchar` (RFC 9110 §5.6.2).
pub(crate) const fn is_tchar(byte: u8) -> bool {
    is(TOKEN, byte)
}

/// Whether the bytes are a `token`: not empty, all of them `tchar` (RFC 9110 §5.6.2).
pub(crate) const fn is_token(bytes: &[u8]) -> bool {
    let mut i = 0;
    while i < bytes.len() {
        if !is_tchar(bytes[i]) {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty()
}

/// Whether the byte may stand in a field value, white space included (RFC 9110 §5.5).
pub(crate) const fn is_text(byte: u8) -> bool {
    is(TEXT, byte)
}

/// Whether the byte may stand in a quoted string as itself (RFC 9110 §5.6.4).
pub(crate) const fn is_qdtext(byte: u8) -> bool {
    is(QUOTED, byte)
}

/// Whether the byte is `unreserved` or one of `sub-delims` (RFC 3986 §2).
pub(crate) const fn is_reg_name(byte: u8) -> bool {
    is(REG_NAME, byte)
}

/// Whether the byte is SP or HTAB.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns the bytes without SP and HTAB at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Returns the index of the first byte at or after `from` that is not a `tchar`, else the length.
#[inline]
pub(crate) fn token_end(bytes: &[u8], from: usize) -> usize {
    scan(bytes, from, TOKEN, not_token)
}

/// Whether a text that the block begins with and a colon follows is a token.
#[inline(always)]
pub(crate) fn starts_with_token(block: u8x16, token: &[u8]) -> bool {
    debug_assert!(token.len() < 16);
    let marks = not_token(block).to_bitmask();
    !token.is_empty() && (marks.trailing_zeros() as usize == token.len() || is_token(token))
}

/// Marks at least the bytes that are no `tchar`: all but letters, digits and the hyphen.
#[inline(always)]
fn not_token(block: u8x16) -> u8x16 {
    let letter = (block | u8x16::splat(0x20)) - u8x16::splat(b'a');
    let digit = block - u8x16::splat(b'0');
    !(at_most(letter, 25) | at_most(digit, 9) | block.simd_eq(u8x16::splat(b'-')))
}

/// Returns the index of the first byte at or after `from` that may not stand in a target, else the length.
#[inline]
pub(crate) fn target_end(bytes: &[u8], from: usize) -> usize {
    scan(bytes, from, TARGET, not_target)
}

/// Marks at least the bytes that may not stand in a target.
#[inline(always)]
fn not_target(block: u8x16) -> u8x16 {
    at_most(block, 0x20)
        | at_least(block, b'{')
        // `"` and `#`
        | (block & u8x16::splat(0xfe)).simd_eq(u8x16::splat(b'"'))
        // `<`, `>`, the backslash, `^`, and others that the lines above and below stop at
        | (block & u8x16::splat(0x9d)).simd_eq(u8x16::splat(0x1c))
        | block.simd_eq(u8x16::splat(b'`'))
}

/// Returns the index of the first byte that may not stand in a target or is a question mark, else the length.
#[inline(always)]
pub(crate) fn path_end(bytes: &[u8]) -> usize {
    scan(bytes, 0, PATH, |block| not_target(block) | block.simd_eq(u8x16::splat(b'?')))
}

/// Returns the index of the first byte at or after `from` that may not stand in a field value, else the length.
#[inline]
pub(crate) fn text_end(bytes: &[u8], from: usize) -> usize {
    scan(bytes, from, TEXT, |block| at_most(block, 0x1f) | block.simd_eq(u8x16::splat(0x7f)))
}

#[inline]
fn at_most(block: u8x16, limit: u8) -> u8x16 {
    block.min(u8x16::splat(limit)).simd_eq(block)
}

#[inline]
fn at_least(block: u8x16, limit: u8) -> u8x16 {
    block.max(u8x16::splat(limit)).simd_eq(block)
}

/// Looks at each byte once: `stops` may mark bytes of the class, never miss one outside it.
#[inline(always)]
fn scan(bytes: &[u8], from: usize, class: u8, mut stops: impl FnMut(u8x16) -> u8x16) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let mut marks = stops(u8x16::new(*block)).to_bitmask();
        while marks != 0 {
            let stop = at + marks.trailing_zeros() as usize;
            if !is(class, bytes[stop]) {
                return stop;
            }
            marks &= marks - 1;
        }
        at += 16;
    }
    while at < bytes.len() && is(class, bytes[at]) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    type Scan = fn(&[u8], usize) -> usize;
    const SCANS: [(Scan, u8, u8); 4] = [
        (token_end, TOKEN, b'a'),
        (target_end, TARGET, b'/'),
        (|bytes, from| from + path_end(&bytes[from..]), PATH, b'/'),
        (text_end, TEXT, b' '),
    ];

    #[test]
    fn scans_stop_where_the_table_says_at_every_place_in_a_block() {
        for (scan, class, filler) in SCANS {
            for byte in 0..=u8::MAX {
                for len in [1, 15, 16, 17, 33] {
                    for at in 0..len {
                        let mut bytes = vec![filler; len];
                        bytes[at] = byte;
                        let expected = if is(class, byte) { len } else { at };
                        assert_eq!(scan(&bytes, 0), expected, "byte {byte:#x} at {at} of {len}");
                        assert_eq!(scan(&bytes, at), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_token_at_the_start_of_a_block_is_what_the_table_says() {
        for len in 0..16 {
            for byte in 0..=u8::MAX {
                let mut block = [b'a'; 16];
                block[len] = b':';
                assert_eq!(starts_with_token(u8x16::new(block), &block[..len]), len > 0);
                for at in 0..len {
                    let mut block = block;
                    block[at] = byte;
                    let is = starts_with_token(u8x16::new(block), &block[..len]);
                    assert_eq!(is, is_tchar(byte), "{byte:#x} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn a_scan_goes_on_after_an_uncommon_byte_of_its_class() {
        let bytes = vec![b'~'; 40];
        assert_eq!((token_end(&bytes, 0), target_end(&bytes, 3)), (40, 40));
        assert_eq!(text_end(&[b'\t'; 40], 0), 40);
        assert_eq!(token_end(b"", 0), 0);
    }

    #[test]
    fn classes_as_the_grammars_list_them() {
        for byte in 0..=u8::MAX {
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is_tchar(byte), byte.is_ascii_graphic() && !delimiter, "{byte:#x}");
            assert_eq!(is_text(byte), byte == 9 || (byte >= 0x20 && byte != 0x7f));
        }
        assert!(is_token(b"a") && !is_token(b"") && !is_token(b"a b"));
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
