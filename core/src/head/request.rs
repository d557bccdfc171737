//! The head of a request.

use core::fmt;
use core::ops::{Deref, DerefMut};

use super::{Headers, Method, Target, Version};
use crate::spare::Kept;

/// The head of a request: a handle to its [parts](RequestParts), which it dereferences to.
///
/// The memory is one that the thread uses again, so that a head can be handed on without being copied.
///
/// ```
/// use anyloop_core::head::{Method, RequestHead, Target};
///
/// let mut head = RequestHead::new(Method::GET, Target::try_from("/about").unwrap());
/// head.headers.append("Host", "example.com")?;
/// assert_eq!((head.method, head.target.path()), (Method::GET, "/about"));
/// # Ok::<(), anyloop_core::head::InvalidHeader>(())
/// ```
pub struct RequestHead(Kept<RequestParts>);

/// Everything of a request before its content (RFC 9112 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestParts {
    /// What is asked.
    pub method: Method,
    /// Of which resource.
    pub target: Target,
    /// The version of the message.
    pub version: Version,
    /// The field lines.
    pub headers: Headers,
}

crate::spare::spares!(RequestParts, |parts: &mut RequestParts| {
    parts.headers.clear();
    parts.target.release();
});

impl RequestHead {
    /// Makes an HTTP/1.1 head without fields.
    pub fn new(method: Method, target: Target) -> Self {
        Self::from(RequestParts { method, target, version: Version::Http11, headers: Headers::new() })
    }

    /// Returns a head whose parts are yet to be set: but for the fields, those of any other may stand in it.
    #[inline]
    pub(crate) fn spare() -> Self {
        Self(Kept::default())
    }

    /// Takes the parts out.
    pub fn into_parts(mut self) -> RequestParts {
        core::mem::take(&mut *self)
    }

    /// Copies what the head refers to, so that the buffer it was parsed from can be used again.
    #[must_use]
    pub fn into_owned(mut self) -> Self {
        self.target = core::mem::take(&mut self.target).into_owned();
        self
    }
}

impl From<RequestParts> for RequestHead {
    #[inline]
    fn from(parts: RequestParts) -> Self {
        let mut head = Self::spare();
        *head = parts;
        head
    }
}

/// `GET /` without fields.
impl Default for RequestHead {
    fn default() -> Self {
        Self::from(RequestParts::default())
    }
}

impl Deref for RequestHead {
    type Target = RequestParts;

    #[inline]
    fn deref(&self) -> &RequestParts {
        &self.0
    }
}

impl DerefMut for RequestHead {
    #[inline]
    fn deref_mut(&mut self) -> &mut RequestParts {
        &mut self.0
    }
}

impl Clone for RequestHead {
    fn clone(&self) -> Self {
        Self::from((**self).clone())
    }
}

impl PartialEq for RequestHead {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RequestHead {}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_head_that_was_dropped_is_seen_in_another() {
        let mut head = RequestHead::new(Method::POST, Target::try_from("/secret").unwrap());
        head.version = Version::Http10;
        head.headers.append("cookie", "secret").unwrap();
        drop(head);
        assert_eq!(*RequestHead::default(), RequestParts::default());
        assert_eq!(RequestHead::default(), RequestHead::new(Method::GET, Target::try_from("/").unwrap()));
    }
}
