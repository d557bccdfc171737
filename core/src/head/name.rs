//! Field names.

use core::convert::Infallible;
use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

use super::Known;
use crate::parse::bytes::is_token;

/// Longest field name in bytes.
pub(crate) const MAX_NAME: usize = u16::MAX as usize;

/// A field name: a token of at most 65,535 bytes (RFC 9110 §5.1).
///
/// A [`Known`] name in any case becomes its lower-case form and needs no storage, unless it is made by
/// [`HeaderName::with_case`]; the case of others is kept. Literals are not copied.
///
/// ```
/// use anyloop_core::head::HeaderName;
///
/// const X_COUNT: HeaderName = HeaderName::from_static("x-count");
/// assert_eq!(X_COUNT.as_str(), "x-count");
/// assert!(HeaderName::try_from("x count").is_err());
/// ```
#[derive(Clone)]
pub struct HeaderName(pub(super) Repr);

#[derive(Clone)]
pub(super) enum Repr {
    Known(Known),
    /// A known name in another case than lower.
    Cased(Known, Bytes),
    /// A token that is not a known name.
    Other(Bytes),
}

impl HeaderName {
    /// Makes a name from a literal, without a copy.
    ///
    /// # Panics
    ///
    /// When the text is not a token; in a constant the compiler says so.
    pub const fn from_static(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        if let Some(known) = Known::from_bytes(bytes) {
            return Self(Repr::Known(known));
        }
        assert!(is_token(bytes) && bytes.len() <= MAX_NAME, "a field name is a token");
        Self(Repr::Other(Bytes::from_static(bytes)))
    }

    /// Makes a name from bytes that do not live long enough to be referred to.
    ///
    /// # Errors
    /// [`InvalidHeader::Name`] when they are not a token.
    pub fn copy_from(name: &[u8]) -> Result<Self, InvalidHeader> {
        Self::make(name, || Bytes::copy_from_slice(name))
    }

    /// Makes a name from bytes, and keeps the case of a [`Known`] one too.
    ///
    /// # Errors
    /// [`InvalidHeader::Name`] when they are not a token.
    pub fn with_case(name: &[u8]) -> Result<Self, InvalidHeader> {
        match Known::from_bytes(name) {
            Some(known) if known.as_str().as_bytes() != name => {
                Ok(Self(Repr::Cased(known, Bytes::copy_from_slice(name))))
            }
            Some(_) | None => Self::copy_from(name),
        }
    }

    fn make(name: &[u8], own: impl FnOnce() -> Bytes) -> Result<Self, InvalidHeader> {
        if let Some(known) = Known::from_bytes(name) {
            return Ok(Self(Repr::Known(known)));
        }
        if is_token(name) && name.len() <= MAX_NAME {
            return Ok(Self(Repr::Other(own())));
        }
        Err(InvalidHeader::Name)
    }

    /// Returns the name as it is sent.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Known(known) => known.as_str(),
            Repr::Cased(_, bytes) | Repr::Other(bytes) => core::str::from_utf8(bytes).unwrap_or_default(),
        }
    }

    /// Returns the number of the name, if it has one.
    pub fn known(&self) -> Option<Known> {
        match self.0 {
            Repr::Known(known) | Repr::Cased(known, _) => Some(known),
            Repr::Other(_) => None,
        }
    }
}

impl From<Known> for HeaderName {
    fn from(known: Known) -> Self {
        Self(Repr::Known(known))
    }
}

impl TryFrom<&'static str> for HeaderName {
    type Error = InvalidHeader;
    fn try_from(name: &'static str) -> Result<Self, InvalidHeader> {
        Self::make(name.as_bytes(), || Bytes::from_static(name.as_bytes()))
    }
}

impl TryFrom<&String> for HeaderName {
    type Error = InvalidHeader;
    fn try_from(name: &String) -> Result<Self, InvalidHeader> {
        Self::copy_from(name.as_bytes())
    }
}

impl TryFrom<String> for HeaderName {
    type Error = InvalidHeader;
    fn try_from(name: String) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from(name))
    }
}

impl TryFrom<Vec<u8>> for HeaderName {
    type Error = InvalidHeader;
    fn try_from(name: Vec<u8>) -> Result<Self, InvalidHeader> {
        Self::try_from(Bytes::from(name))
    }
}

impl TryFrom<Bytes> for HeaderName {
    type Error = InvalidHeader;
    fn try_from(name: Bytes) -> Result<Self, InvalidHeader> {
        Self::make(&name, || name.clone())
    }
}

/// Case does not count (RFC 9110 §5.1).
impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for HeaderName {}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a field can't be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not a token of 1 to 65,535 bytes.
    Name,
    /// The value has CR, LF, NUL or another control character than HTAB, or 4 GiB and more.
    Value,
    /// There are more fields than can be told apart: 65,535.
    TooMany,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a field name is a token",
            Self::Value => "a field value has no control characters",
            Self::TooMany => "more than 65,535 fields",
        })
    }
}

impl core::error::Error for InvalidHeader {}

impl From<Infallible> for InvalidHeader {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_take_their_lower_case_form() {
        let name = HeaderName::try_from("Content-Type").unwrap();
        assert_eq!((name.as_str(), name.known()), ("content-type", Some(Known::ContentType)));
        let name = HeaderName::try_from("X-Custom").unwrap();
        assert_eq!((name.as_str(), name.known()), ("X-Custom", None));
        let cased = HeaderName::with_case(b"Content-Type").unwrap();
        assert_eq!((cased.as_str(), cased.known()), ("Content-Type", Some(Known::ContentType)));
        assert_eq!(cased, HeaderName::from(Known::ContentType));
        assert!(HeaderName::with_case(b"a b").is_err());
        assert_eq!(name, HeaderName::from_static("x-custom"));
    }

    #[test]
    fn only_tokens_are_names() {
        for bad in ["", "a b", "a:", "a\r\nb", "a\0", "é", "(a)"] {
            assert_eq!(HeaderName::try_from(bad), Err(InvalidHeader::Name), "{bad:?}");
            assert_eq!(HeaderName::try_from(String::from(bad)), Err(InvalidHeader::Name));
            assert_eq!(HeaderName::copy_from(bad.as_bytes()), Err(InvalidHeader::Name));
        }
        let longest = "n".repeat(MAX_NAME);
        assert!(HeaderName::try_from(&longest).is_ok());
        assert!(HeaderName::try_from(longest + "n").is_err());
    }
}
