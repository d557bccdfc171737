//! The canonical form of a path, in which routes and requests are compared.

use alloc::vec::Vec;
use core::{fmt, str};

use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

/// Holds a rewritten path; up to 128 bytes of it need no heap.
pub(super) type Buffer = SmallVec<[u8; 128]>;

/// A path that cannot be looked up; answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindError {
    /// A `%` that two hex digits do not follow (RFC 3986 §2.1).
    BadEscape,
    /// The path does not decode to UTF-8.
    NotUtf8,
    /// The path holds a NUL, raw or as `%00`.
    Nul,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadEscape => "the path has a percent sign that two hex digits do not follow",
            Self::NotUtf8 => "the path does not decode to UTF-8",
            Self::Nul => "the path holds a NUL",
        })
    }
}

impl core::error::Error for FindError {}

/// Returns the canonical form of a path.
///
/// Escapes of characters that are not reserved are decoded (RFC 3986 §6.2.2.2). Escapes of reserved characters and of
/// `%` stay, for they mean something else than the bare character, with upper-case digits (§6.2.2.1). So `%2F` never
/// splits a segment, and decoding the canonical form gives what decoding the original gives.
pub(super) fn rewrite(mut path: &[u8]) -> Result<Buffer, FindError> {
    let mut out = Buffer::with_capacity(path.len());
    while let Some(place) = memchr(b'%', path) {
        out.extend_from_slice(&path[..place]);
        let (decoded, after) = escape(&path[place + 1..]).ok_or(FindError::BadEscape)?;
        path = after;
        if is_kept(decoded) {
            out.extend_from_slice(&[b'%', upper_hex(decoded >> 4), upper_hex(decoded & 15)]);
        } else {
            out.push(decoded);
        }
    }
    out.extend_from_slice(path);
    if memchr(0, &out).is_some() {
        return Err(FindError::Nul);
    }
    // The escapes that stay are ASCII for ASCII, so this also tells whether the decoded path is UTF-8.
    str::from_utf8(&out).map_err(|_| FindError::NotUtf8)?;
    Ok(out)
}

/// Appends `text`, of which each percent sign begins an escape, to `out` with these decoded.
pub(super) fn decode_into(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((plain, escaped)) = memchr(b'%', text).map(|place| text.split_at(place))
        && let Some((decoded, after)) = escape(&escaped[1..])
    {
        out.extend_from_slice(plain);
        out.push(decoded);
        text = after;
    }
    out.extend_from_slice(text);
}

/// Returns how many bytes text decodes to, of which each escape is one.
pub(super) fn decoded_len(text: &[u8]) -> usize {
    text.len() - 2 * memchr_iter(b'%', text).count()
}

/// Reads the two digits after a `%`.
fn escape(after: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = after else { return None };
    Some((hex(*high)? << 4 | hex(*low)?, rest))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn upper_hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

/// The reserved characters of RFC 3986 §2.2, and `%`.
fn is_kept(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b'%'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rewritten path, if it was.
    type Outcome = Result<Option<&'static [u8]>, FindError>;

    #[test]
    fn canonical_form() {
        let cases: &[(&[u8], Outcome)] = &[
            (b"/about", Ok(None)),
            (b"", Ok(None)),
            ("/caf\u{e9}".as_bytes(), Ok(None)),
            (b"/%61bout", Ok(Some(b"/about"))),
            (b"/%7e%2d%2E%5f", Ok(Some(b"/~-._"))),
            (b"/a%2fb", Ok(Some(b"/a%2Fb"))),
            (b"/%2541", Ok(Some(b"/%2541"))),
            (b"/%3a%20%7B", Ok(Some(b"/%3A {"))),
            (b"/caf%c3%A9", Ok(Some("/caf\u{e9}".as_bytes()))),
            (b"/%", Err(FindError::BadEscape)),
            (b"/%4", Err(FindError::BadEscape)),
            (b"/%zz", Err(FindError::BadEscape)),
            (b"/%+1", Err(FindError::BadEscape)),
            (b"/%4/1", Err(FindError::BadEscape)),
            (b"/%00", Err(FindError::Nul)),
            (b"/\0", Err(FindError::Nul)),
            (b"/%ff", Err(FindError::NotUtf8)),
            (b"/\xff", Err(FindError::NotUtf8)),
            (b"/%c3/%a9", Err(FindError::NotUtf8)),
        ];
        for (path, expected) in cases {
            let found = rewrite(path);
            let expected = expected.map(|rewritten| rewritten.unwrap_or(path));
            assert_eq!(found.as_deref(), expected.as_ref().map(|path| *path), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn every_byte_decodes_once() {
        for byte in 1..=127u8 {
            let escaped = alloc::format!("%{byte:02x}41");
            let canonical = rewrite(escaped.as_bytes()).unwrap();
            let mut decoded = Vec::new();
            decode_into(&canonical, &mut decoded);
            assert_eq!(decoded_len(&canonical), decoded.len(), "{escaped}");
            assert_eq!(decoded, [byte, b'4', b'1'], "{escaped}");
        }
    }
}
