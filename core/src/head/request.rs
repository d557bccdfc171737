//! The head of a request.

use super::{Headers, Method, Target, Version};

/// Everything of a request before its content (RFC 9112 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// What is asked.
    pub method: Method,
    /// Of which resource.
    pub target: Target,
    /// The version of the message.
    pub version: Version,
    /// The field lines.
    pub headers: Headers,
}

impl RequestHead {
    /// Makes an HTTP/1.1 head without fields.
    pub fn new(method: Method, target: Target) -> Self {
        Self { method, target, version: Version::Http11, headers: Headers::new() }
    }

    /// Copies what the head refers to, so that the buffer it was parsed from can be used again.
    #[must_use]
    pub fn into_owned(self) -> Self {
        Self { target: self.target.into_owned(), ..self }
    }
}
