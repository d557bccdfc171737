//! Request targets (RFC 9112 §3.2).

use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Range;

use alloc::string::String;
use bytes::Bytes;

use super::authority::{is_host_and_port, is_http_authority};
use super::{Method, Text};
use crate::parse::bytes::target_end;

/// The four forms of a request target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`, to a proxy
    Absolute,
    /// `host:port`, with `CONNECT` only
    Authority,
    /// `*`, with `OPTIONS` only
    Asterisk,
}

impl Form {
    /// Whether a request with this method may have a target of this form (RFC 9112 §3.2.1 to §3.2.4).
    pub fn suits(self, method: Method) -> bool {
        match self {
            Self::Origin | Self::Absolute => method != Method::CONNECT,
            Self::Authority => method == Method::CONNECT,
            Self::Asterisk => method == Method::OPTIONS,
        }
    }
}

/// A request target: valid bytes in one of the four forms, with the places of its parts.
///
/// Percent signs are not looked at: a router refuses those that no two hex digits follow when it decodes.
///
/// ```
/// use anyloop_core::head::{Form, Target};
///
/// let target = Target::try_from("http://example.com/a/b?c=d").unwrap();
/// assert_eq!(target.form(), Form::Absolute);
/// assert_eq!((target.path(), target.query()), ("/a/b", Some("c=d")));
/// assert_eq!(target.authority(), Some("example.com"));
/// ```
#[derive(Clone)]
pub struct Target {
    bytes: Text,
    layout: Layout,
}

/// The form of a target and where its path is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    form: Form,
    path_start: u32,
    path_end: u32,
}

/// That of `/`.
impl Default for Layout {
    fn default() -> Self {
        Self { form: Form::Origin, path_start: 0, path_end: 1 }
    }
}

impl Layout {
    /// Finds the form and the path of bytes of which the caller knows that each may stand in a target; `None` when they
    /// are of no form.
    #[inline]
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let (form, path_start) = match bytes {
            [b'/', ..] => (Form::Origin, 0),
            [b'*'] => (Form::Asterisk, 0),
            other => match absolute_path_start(other) {
                Some(start) => (Form::Absolute, start),
                None if is_host_and_port(other) => (Form::Authority, other.len()),
                None => return None,
            },
        };
        let path_end = memchr::memchr(b'?', &bytes[path_start..]).map_or(bytes.len(), |at| path_start + at);
        Some(Self {
            form,
            path_start: u32::try_from(path_start).ok()?,
            path_end: u32::try_from(path_end).ok()?,
        })
    }

    /// Makes the layout of a path of so many bytes and perhaps a query.
    #[inline]
    pub(crate) fn of_path(path_end: u32) -> Self {
        Self { form: Form::Origin, path_start: 0, path_end }
    }

    /// Returns the form.
    pub(crate) fn form(&self) -> Form {
        self.form
    }
}

impl Target {
    /// Makes a target of bytes whose layout is known.
    #[inline]
    pub(crate) fn from_layout(bytes: Text, layout: Layout) -> Self {
        Self { bytes, layout }
    }

    /// Becomes a part of a buffer whose layout is known, where it is short enough to be copied; false where it is not.
    #[inline(always)]
    pub(crate) fn set_short(&mut self, buf: &[u8], part: Range<usize>, layout: Layout) -> bool {
        self.layout = layout;
        self.bytes.set_inline(buf, part)
    }

    /// Returns the target as it stands in the request line.
    pub fn as_str(&self) -> &str {
        self.text(0, self.bytes.len())
    }

    /// Returns the target as it stands in the request line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the form.
    pub fn form(&self) -> Form {
        self.layout.form
    }

    /// Returns the path, still percent-encoded: `/` when the absolute form has none, `*` of the asterisk form, empty
    /// of the authority form.
    pub fn path(&self) -> &str {
        if self.lacks_path() {
            "/"
        } else {
            self.text(self.layout.path_start as usize, self.layout.path_end as usize)
        }
    }

    /// Returns the bytes of [`Target::path`].
    pub fn path_bytes(&self) -> &[u8] {
        if self.lacks_path() {
            b"/"
        } else {
            &self.bytes[self.layout.path_start as usize..self.layout.path_end as usize]
        }
    }

    /// Returns the path as bytes of its own: a share of the target's bytes where they are many, else a copy.
    pub fn path_shared(&self) -> Bytes {
        if self.lacks_path() { Bytes::from_static(b"/") } else { self.path_text().into_bytes() }
    }

    /// The same without an allocation, where the target has a path of its own.
    pub(crate) fn path_text(&self) -> Text {
        self.bytes.slice(self.layout.path_start as usize, self.layout.path_end as usize)
    }

    /// Returns what follows the first question mark, still percent-encoded.
    pub fn query(&self) -> Option<&str> {
        let start = self.layout.path_end as usize + 1;
        (start <= self.bytes.len()).then(|| self.text(start, self.bytes.len()))
    }

    /// Returns the scheme of the absolute form, in the case it came in.
    pub fn scheme(&self) -> Option<&str> {
        Some(self.text(0, self.scheme_end()?))
    }

    /// Returns the host and perhaps the port of the absolute and of the authority form.
    pub fn authority(&self) -> Option<&str> {
        match self.layout.form {
            Form::Absolute => Some(self.text(self.scheme_end()? + 3, self.layout.path_start as usize)),
            Form::Authority => Some(self.as_str()),
            Form::Origin | Form::Asterisk => None,
        }
    }

    /// Copies the target, so that the buffer it was parsed from can be used again.
    #[must_use]
    pub fn into_owned(self) -> Self {
        Self { bytes: Text::copy_from(&self.bytes), ..self }
    }

    /// Lets go of the buffer that a long target refers to; what remains means nothing.
    #[inline]
    pub(crate) fn release(&mut self) {
        match self.bytes {
            Text::Inline { .. } => {}
            Text::Shared(_) => *self = Self::default(),
        }
    }

    fn lacks_path(&self) -> bool {
        self.layout.form == Form::Absolute && self.layout.path_start == self.layout.path_end
    }

    fn scheme_end(&self) -> Option<usize> {
        if self.layout.form == Form::Absolute { memchr::memchr(b':', &self.bytes) } else { None }
    }

    fn text(&self, start: usize, end: usize) -> &str {
        core::str::from_utf8(&self.bytes[start..end]).unwrap_or_default()
    }
}

/// Returns where the path of `scheme "://" authority path-abempty [ "?" query ]` starts (RFC 9112 §3.2.2).
fn absolute_path_start(bytes: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', bytes)?;
    let (scheme, rest) = (&bytes[..colon], bytes[colon + 1..].strip_prefix(b"//")?);
    let [first, others @ ..] = scheme else { return None };
    let is_scheme = first.is_ascii_alphabetic()
        && others.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    (is_scheme && is_http_authority(&rest[..end])).then_some(colon + 3 + end)
}

/// Not a request target of any form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTarget;

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a request target: a path, an http URI, host:port or *")
    }
}

impl core::error::Error for InvalidTarget {}

impl TryFrom<Bytes> for Target {
    type Error = InvalidTarget;
    fn try_from(bytes: Bytes) -> Result<Self, InvalidTarget> {
        if target_end(&bytes, 0) < bytes.len() {
            return Err(InvalidTarget);
        }
        let layout = Layout::of(&bytes).ok_or(InvalidTarget)?;
        Ok(Self { bytes: bytes.into(), layout })
    }
}

impl TryFrom<&str> for Target {
    type Error = InvalidTarget;
    fn try_from(text: &str) -> Result<Self, InvalidTarget> {
        Self::try_from(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidTarget;
    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        Self::try_from(Bytes::from(text))
    }
}

impl core::str::FromStr for Target {
    type Err = InvalidTarget;
    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        Self::try_from(text)
    }
}

/// `/`.
impl Default for Target {
    fn default() -> Self {
        Self { bytes: Text::copy_from(b"/"), layout: Layout::default() }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        *self.bytes == *other.bytes
    }
}

impl Eq for Target {}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl PartialEq<str> for Target {
    fn eq(&self, other: &str) -> bool {
        *self.bytes == *other.as_bytes()
    }
}

impl PartialEq<&str> for Target {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (Form, &'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);
    const TARGETS: &[(&str, Parts)] = &[
        ("/", (Form::Origin, "/", None, None, None)),
        ("/a/b", (Form::Origin, "/a/b", None, None, None)),
        ("/a?", (Form::Origin, "/a", Some(""), None, None)),
        ("/a?b?c=/d", (Form::Origin, "/a", Some("b?c=/d"), None, None)),
        ("//a/b", (Form::Origin, "//a/b", None, None, None)),
        ("/http://h/", (Form::Origin, "/http://h/", None, None, None)),
        ("/a%2", (Form::Origin, "/a%2", None, None, None)),
        ("/?f[0]=1", (Form::Origin, "/", Some("f[0]=1"), None, None)),
        ("*", (Form::Asterisk, "*", None, None, None)),
        ("http://h", (Form::Absolute, "/", None, Some("http"), Some("h"))),
        ("http://h/", (Form::Absolute, "/", None, Some("http"), Some("h"))),
        ("HTTPS://h:1/a?b", (Form::Absolute, "/a", Some("b"), Some("HTTPS"), Some("h:1"))),
        ("http://h?b", (Form::Absolute, "/", Some("b"), Some("http"), Some("h"))),
        ("http://[::1]:8/x", (Form::Absolute, "/x", None, Some("http"), Some("[::1]:8"))),
        ("h:443", (Form::Authority, "", None, None, Some("h:443"))),
        ("[::1]:443", (Form::Authority, "", None, None, Some("[::1]:443"))),
    ];

    #[test]
    fn parts_of_every_form() {
        for &(text, parts) in TARGETS {
            let target = Target::try_from(text).unwrap();
            let found = (target.form(), target.path(), target.query(), target.scheme(), target.authority());
            assert_eq!(found, parts, "{text}");
            assert_eq!(target.path().as_bytes(), target.path_bytes());
            assert_eq!(target.clone().into_owned(), target);
        }
    }

    #[test]
    fn neither_other_bytes_nor_other_forms() {
        for bad in [
            "",
            "a",
            "a/b",
            "?",
            "**",
            "*a",
            "h",
            "h:",
            ":1",
            "h:0",
            "u@h:1",
            "http:/h/",
            "http://",
            "http:///a",
            "http://u@h/",
            "http://h:x/",
            "1http://h/",
            "://h/",
            "/a b",
            "/a#b",
            "/\"",
            "/<",
            "/>",
            "/\\",
            "/^",
            "/`",
            "/{",
            "/|",
            "/}",
            "/\u{e9}",
            "/\t",
            "/\0",
            "/\u{7f}",
        ] {
            assert_eq!(Target::try_from(bad), Err(InvalidTarget), "{bad:?}");
        }
    }

    #[test]
    fn forms_and_methods() {
        for form in [Form::Origin, Form::Absolute] {
            assert!(form.suits(Method::GET) && form.suits(Method::OPTIONS) && !form.suits(Method::CONNECT));
        }
        assert!(Form::Authority.suits(Method::CONNECT) && !Form::Authority.suits(Method::GET));
        assert!(Form::Asterisk.suits(Method::OPTIONS) && !Form::Asterisk.suits(Method::GET));
    }
}
