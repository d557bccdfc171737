//! Field values.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

use super::InvalidHeader;
use crate::parse::bytes::{text_end, trim};

/// A field value: bytes without control characters other than HTAB, less than 4 GiB (RFC 9110 §5.5).
///
/// CR, LF and NUL are refused, so that no value can end its line. Blanks at both ends are cut off, for they are no part
/// of a value. Literals are not copied.
///
/// ```
/// use anyloop_core::head::HeaderValue;
///
/// assert_eq!(HeaderValue::try_from(" text/plain ").unwrap().as_bytes(), b"text/plain");
/// assert!(HeaderValue::try_from("a\r\nset-cookie: b").is_err());
/// assert_eq!(HeaderValue::from(17_u64).as_bytes(), b"17");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(pub(super) Bytes);

impl HeaderValue {
    /// Makes a value from a literal, without a copy.
    ///
    /// # Panics
    ///
    /// When the text has a control character or a blank at one of its ends; in a constant the compiler says so.
    pub const fn from_static(value: &'static str) -> Self {
        let bytes = value.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            assert!(crate::parse::bytes::is_text(bytes[i]), "a field value has no control characters");
            i += 1;
        }
        if let [end, ..] = bytes {
            assert!(!crate::parse::bytes::is_blank(*end), "a field value does not begin with a blank");
        }
        if let [.., end] = bytes {
            assert!(!crate::parse::bytes::is_blank(*end), "a field value does not end in a blank");
        }
        Self(Bytes::from_static(bytes))
    }

    /// Makes a value from bytes that do not live long enough to be referred to.
    ///
    /// # Errors
    /// [`InvalidHeader::Value`] when there is a control character among them.
    pub fn copy_from(value: &[u8]) -> Result<Self, InvalidHeader> {
        check(value)?;
        Ok(Self(Bytes::copy_from_slice(trim(value))))
    }

    /// Makes a value of bytes of which the caller knows that they are one.
    pub(crate) fn from_checked(value: Bytes) -> Self {
        Self(value)
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text; `None` when it is not UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

fn check(value: &[u8]) -> Result<(), InvalidHeader> {
    if text_end(value, 0) < value.len() || u32::try_from(value.len()).is_err() {
        return Err(InvalidHeader::Value);
    }
    Ok(())
}

impl TryFrom<Bytes> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: Bytes) -> Result<Self, InvalidHeader> {
        check(&value)?;
        let kept = trim(&value);
        Ok(Self(if kept.len() == value.len() { value } else { value.slice_ref(kept) }))
    }
}

impl TryFrom<&'static str> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: &'static str) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from_static(value.as_bytes()))
    }
}

impl TryFrom<&'static [u8]> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: &'static [u8]) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from_static(value))
    }
}

impl TryFrom<&String> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: &String) -> Result<Self, InvalidHeader> {
        Self::copy_from(value.as_bytes())
    }
}

impl TryFrom<String> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: String) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from(value))
    }
}

impl TryFrom<Vec<u8>> for HeaderValue {
    type Error = InvalidHeader;
    fn try_from(value: Vec<u8>) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from(value))
    }
}

impl From<u64> for HeaderValue {
    fn from(number: u64) -> Self {
        Self(Bytes::copy_from_slice(itoa::Buffer::new().format(number).as_bytes()))
    }
}

impl From<u32> for HeaderValue {
    fn from(number: u32) -> Self {
        Self::from(u64::from(number))
    }
}

impl From<usize> for HeaderValue {
    fn from(number: usize) -> Self {
        Self(Bytes::copy_from_slice(itoa::Buffer::new().format(number).as_bytes()))
    }
}

impl From<HeaderValue> for Bytes {
    fn from(value: HeaderValue) -> Self {
        value.0
    }
}

impl AsRef<[u8]> for HeaderValue {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for byte in 0..=u8::MAX {
            for at in [0, 1, 20, 40] {
                let mut value = alloc::vec![b'v'; 41];
                value[at] = byte;
                let valid = byte == b'\t' || !(byte < 0x20 || byte == 0x7f);
                assert_eq!(HeaderValue::copy_from(&value).is_ok(), valid, "{byte:#x} at {at}");
                assert_eq!(HeaderValue::try_from(value).is_ok(), valid);
            }
        }
    }

    #[test]
    fn blanks_at_the_ends_are_cut_off() {
        for (given, kept) in [("", ""), (" ", ""), ("\t a\tb \t", "a\tb"), ("a", "a")] {
            assert_eq!(HeaderValue::try_from(given).unwrap().to_str(), Some(kept));
            assert_eq!(HeaderValue::copy_from(given.as_bytes()).unwrap().to_str(), Some(kept));
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        assert_eq!(HeaderValue::from(u64::MAX).to_str(), Some("18446744073709551615"));
        assert_eq!(HeaderValue::from(0_u32).to_str(), Some("0"));
        assert_eq!(HeaderValue::from(7_usize).to_str(), Some("7"));
    }
}
