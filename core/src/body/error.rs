//! What can go wrong with a body.

use core::fmt;

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::error::Error;

/// Any error, as one type: the bare box does not implement [`core::error::Error`].
#[derive(Debug)]
pub struct BoxError(Box<dyn core::error::Error + Send + Sync>);

impl BoxError {
    /// Boxes an error, or a text.
    pub fn new(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for BoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for BoxError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source()
    }
}

/// Why a body ended before its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// More bytes than may be gathered.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The peer broke the protocol, was too slow or passed a limit.
    Peer(Error),
    /// The connection is gone.
    Gone,
    /// The source of the body failed.
    Source(Arc<BoxError>),
}

impl BodyError {
    /// Wraps the error of a body's source.
    pub fn source(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Source(Arc::new(BoxError::new(error)))
    }
}

impl From<Error> for BodyError {
    fn from(error: Error) -> Self {
        Self::Peer(error)
    }
}

impl From<std::io::Error> for BodyError {
    fn from(error: std::io::Error) -> Self {
        Self::source(error)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the body is longer than {limit} bytes"),
            Self::Peer(error) => error.fmt(f),
            Self::Gone => f.write_str("the connection is gone"),
            Self::Source(error) => write!(f, "the source of the body failed: {error}"),
        }
    }
}

impl core::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Peer(error) => Some(error),
            Self::Source(error) => Some(&**error),
            Self::TooLarge { .. } | Self::Gone => None,
        }
    }
}
