//! The head of a response.

use bytes::Bytes;

use super::{Headers, Status, Version};

/// Everything of a response before its content (RFC 9112 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The outcome.
    pub status: Status,
    /// The version of the message.
    pub version: Version,
    /// The reason phrase as it was received; `None` when there was none, and in heads made here: what is sent is
    /// always [`Status::reason`].
    pub reason: Option<Bytes>,
    /// The field lines.
    pub headers: Headers,
}

impl ResponseHead {
    /// Makes an HTTP/1.1 head without fields.
    pub fn new(status: Status) -> Self {
        Self { status, version: Version::Http11, reason: None, headers: Headers::new() }
    }
}
