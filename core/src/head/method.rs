//! Request methods (RFC 9110 §9).

use core::cmp::Ordering;
use core::fmt;

use crate::parse::bytes::is_token;

/// Longest method in bytes.
pub const MAX_METHOD: usize = 32;

/// A request method: one of the registered nine of RFC 9110 and RFC 5789, or any other token of at most
/// [`MAX_METHOD`] bytes. Case counts (RFC 9110 §9.1).
///
/// ```
/// use anyloop_core::head::Method;
///
/// let method = Method::try_from("PROPFIND").unwrap();
/// assert_eq!(method.as_str(), "PROPFIND");
/// assert_eq!(Method::try_from("GET").unwrap(), Method::GET);
/// assert_ne!(Method::try_from("get").unwrap(), Method::GET);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(Repr);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Repr {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    /// Never one of those above; bytes from `len` on are zero.
    Other {
        len: u8,
        bytes: [u8; MAX_METHOD],
    },
}

impl Method {
    /// `GET` (RFC 9110 §9.3.1).
    pub const GET: Self = Self(Repr::Get);
    /// `HEAD` (RFC 9110 §9.3.2).
    pub const HEAD: Self = Self(Repr::Head);
    /// `POST` (RFC 9110 §9.3.3).
    pub const POST: Self = Self(Repr::Post);
    /// `PUT` (RFC 9110 §9.3.4).
    pub const PUT: Self = Self(Repr::Put);
    /// `DELETE` (RFC 9110 §9.3.5).
    pub const DELETE: Self = Self(Repr::Delete);
    /// `CONNECT` (RFC 9110 §9.3.6).
    pub const CONNECT: Self = Self(Repr::Connect);
    /// `OPTIONS` (RFC 9110 §9.3.7).
    pub const OPTIONS: Self = Self(Repr::Options);
    /// `TRACE` (RFC 9110 §9.3.8).
    pub const TRACE: Self = Self(Repr::Trace);
    /// `PATCH` (RFC 5789).
    pub const PATCH: Self = Self(Repr::Patch);

    /// Returns the method of these bytes, which the caller knows to be a token; `None` when they are too many.
    pub(crate) fn from_token(token: &[u8]) -> Option<Self> {
        Some(match token {
            b"GET" => Self::GET,
            b"HEAD" => Self::HEAD,
            b"POST" => Self::POST,
            b"PUT" => Self::PUT,
            b"DELETE" => Self::DELETE,
            b"CONNECT" => Self::CONNECT,
            b"OPTIONS" => Self::OPTIONS,
            b"TRACE" => Self::TRACE,
            b"PATCH" => Self::PATCH,
            _ => {
                let mut bytes = [0; MAX_METHOD];
                bytes.get_mut(..token.len())?.copy_from_slice(token);
                Self(Repr::Other { len: u8::try_from(token.len()).ok()?, bytes })
            }
        })
    }

    /// Returns the method as it stands in a request line.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Get => "GET",
            Repr::Head => "HEAD",
            Repr::Post => "POST",
            Repr::Put => "PUT",
            Repr::Delete => "DELETE",
            Repr::Connect => "CONNECT",
            Repr::Options => "OPTIONS",
            Repr::Trace => "TRACE",
            Repr::Patch => "PATCH",
            Repr::Other { len, bytes } => {
                core::str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default()
            }
        }
    }

    /// Whether the method asks for nothing to change (RFC 9110 §9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self.0, Repr::Get | Repr::Head | Repr::Options | Repr::Trace)
    }

    /// Whether asking twice means the same as asking once (RFC 9110 §9.2.2).
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self.0, Repr::Put | Repr::Delete)
    }
}

/// Not a token, empty, or longer than [`MAX_METHOD`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMethod;

impl fmt::Display for InvalidMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a method is a token of 1 to {MAX_METHOD} bytes")
    }
}

impl core::error::Error for InvalidMethod {}

impl TryFrom<&[u8]> for Method {
    type Error = InvalidMethod;
    fn try_from(bytes: &[u8]) -> Result<Self, InvalidMethod> {
        if !is_token(bytes) {
            return Err(InvalidMethod);
        }
        Self::from_token(bytes).ok_or(InvalidMethod)
    }
}

impl TryFrom<&str> for Method {
    type Error = InvalidMethod;
    fn try_from(text: &str) -> Result<Self, InvalidMethod> {
        Self::try_from(text.as_bytes())
    }
}

impl core::str::FromStr for Method {
    type Err = InvalidMethod;
    fn from_str(text: &str) -> Result<Self, InvalidMethod> {
        Self::try_from(text)
    }
}

impl Default for Method {
    fn default() -> Self {
        Self::GET
    }
}

/// The order of the names.
impl Ord for Method {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Method {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq<str> for Method {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Method {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const REGISTERED: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];

    #[test]
    fn names_lead_back_to_the_constants() {
        for method in REGISTERED {
            assert_eq!(Method::try_from(method.as_str()), Ok(method));
            assert_eq!(method.to_string(), method.as_str());
        }
    }

    #[test]
    fn extension_methods_are_tokens_of_at_most_32_bytes() {
        let long = "X".repeat(MAX_METHOD);
        assert_eq!(Method::try_from(long.as_str()).map(|m| m.to_string()), Ok(long));
        for bad in ["", "A B", "A\r", "GÉT", "A(", &"X".repeat(MAX_METHOD + 1)] {
            assert_eq!(Method::try_from(bad), Err(InvalidMethod), "{bad:?}");
        }
        assert!(Method::GET != Method::try_from("Get").unwrap());
    }

    #[test]
    fn safe_and_idempotent_as_registered() {
        let safe: alloc::vec::Vec<_> = REGISTERED.into_iter().filter(|m| m.is_safe()).collect();
        assert_eq!(safe, [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE]);
        let changing: alloc::vec::Vec<_> =
            REGISTERED.into_iter().filter(|m| m.is_idempotent() && !m.is_safe()).collect();
        assert_eq!(changing, [Method::PUT, Method::DELETE]);
        assert!(!Method::try_from("PROPFIND").unwrap().is_safe());
    }

    #[test]
    fn the_order_is_that_of_the_names() {
        assert!(Method::CONNECT < Method::DELETE && Method::GET < Method::HEAD);
        assert!(Method::try_from("ACL").unwrap() < Method::CONNECT);
    }
}
