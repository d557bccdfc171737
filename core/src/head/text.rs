//! Short texts without a heap.

use core::fmt;
use core::ops::Range;

use bytes::Bytes;

/// Up to so many bytes stand in the text itself.
const INLINE: usize = 62;

/// Bytes that stand in the value itself when they are few, else in a buffer that is shared.
#[derive(Clone)]
pub(crate) enum Text {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Bytes),
}

impl Text {
    const EMPTY: Self = Self::Inline { len: 0, bytes: [0; INLINE] };

    /// Copies bytes where they are few enough to stand in the value itself.
    #[inline]
    pub(crate) fn inline(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self::Inline { len: text.len() as u8, bytes })
    }

    /// Becomes a part of a buffer where that is short enough to stand in the value itself; false where it is not. What
    /// stands behind the part may be copied with it, for that costs less than to copy just so many bytes.
    #[inline]
    pub(crate) fn set_inline(&mut self, buf: &[u8], part: Range<usize>) -> bool {
        let Some(text) = buf.get(part.clone()).filter(|text| text.len() <= INLINE) else { return false };
        if let Self::Shared(_) = self {
            *self = Self::EMPTY;
        }
        let Self::Inline { len, bytes } = self else { return false };
        *len = text.len() as u8;
        match (buf[part.start..].first_chunk::<16>(), buf[part.start..].first_chunk()) {
            (Some(block), _) if text.len() <= 16 => bytes[..16].copy_from_slice(block),
            (_, Some(all)) => *bytes = *all,
            (_, None) => copy_few(bytes, text),
        }
        true
    }

    /// Copies bytes.
    pub(crate) fn copy_from(text: &[u8]) -> Self {
        Self::inline(text).unwrap_or_else(|| Self::Shared(Bytes::copy_from_slice(text)))
    }

    /// Returns a part of the text.
    pub(crate) fn slice(&self, start: usize, end: usize) -> Self {
        match self {
            Self::Inline { .. } => Self::copy_from(&self[start..end]),
            Self::Shared(bytes) => Self::Shared(bytes.slice(start..end)),
        }
    }

    /// Returns the bytes on the heap.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Inline { .. } => Bytes::copy_from_slice(&self),
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Copies just the bytes of the text.
#[inline(never)]
fn copy_few(bytes: &mut [u8; INLINE], text: &[u8]) {
    bytes[..text.len()].copy_from_slice(text);
}

impl core::ops::Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

/// Few bytes are copied, many are shared.
impl From<Bytes> for Text {
    fn from(bytes: Bytes) -> Self {
        Self::inline(&bytes).unwrap_or(Self::Shared(bytes))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_bytes_are_the_same_wherever_they_stand() {
        for len in [0, 1, INLINE - 1, INLINE, INLINE + 1, 500] {
            let bytes = vec![b'x'; len];
            let text = Text::from(Bytes::from(bytes.clone()));
            assert_eq!(matches!(text, Text::Inline { .. }), len <= INLINE);
            assert_eq!((&*text, &*Text::copy_from(&bytes)), (&*bytes, &*bytes));
            for mut before in [Text::default(), Text::copy_from(b"before")] {
                for around in [0, 100] {
                    let buf = [vec![b'a'; around], bytes.clone(), vec![b'z'; around]].concat();
                    assert_eq!(before.set_inline(&buf, around..around + len), len <= INLINE);
                    assert!(len > INLINE || *before == *bytes);
                }
            }
            assert_eq!(
                (&*text.slice(len / 2, len), text.into_bytes()),
                (&bytes[len / 2..], bytes.clone().into())
            );
        }
    }
}
