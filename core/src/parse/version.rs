//! The eight bytes of a version (RFC 9112 §2.3).

use crate::head::Version;

/// Length of `HTTP/1.1`.
const LEN: usize = 8;

/// What a look at the version found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It goes on behind the buffer.
    Partial,
    /// It is one of ours.
    Supported(Version),
    /// The major version is not 1.
    Unsupported,
    /// The byte at the position may not stand there.
    Bad,
}

/// Reads `HTTP-version`, which began at `start` and was read up to `pos`.
#[inline]
pub(super) fn version(buf: &[u8], start: usize, pos: &mut usize) -> Found {
    if *pos == start && buf[start..].starts_with(b"HTTP/1.1") {
        *pos = start + LEN;
        return Found::Supported(Version::Http11);
    }
    while *pos < start + LEN {
        let Some(&byte) = buf.get(*pos) else { return Found::Partial };
        let index = *pos - start;
        let fits = match b"HTTP/0.0"[index] {
            b'0' => byte.is_ascii_digit(),
            letter => byte == letter,
        };
        if !fits {
            return Found::Bad;
        }
        *pos += 1;
    }
    match &buf[start + 5..start + LEN] {
        b"1.0" => Found::Supported(Version::Http10),
        [b'1', ..] => Found::Supported(Version::Http11),
        [..] => Found::Unsupported,
    }
}
