//! Why an exchange failed.

use core::fmt;
use std::io;

use alloc::sync::Arc;

use crate::body::{BodyError, BoxError};
use crate::codec::Misuse;
use crate::error::Error;

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Finding the address and making the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Write,
    /// Waiting for the head of the response.
    Head,
    /// Reading the body of the response.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Write => "sending the request",
            Self::Head => "waiting for the response",
            Self::Body => "reading the response",
        })
    }
}

/// Which bound of [`Timeouts`](super::Timeouts) was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// [`Timeouts::connect`](super::Timeouts::connect)
    Connect,
    /// [`Timeouts::head`](super::Timeouts::head)
    Head,
    /// [`Timeouts::between_bytes`](super::Timeouts::between_bytes)
    BetweenBytes,
    /// [`Timeouts::min_rate`](super::Timeouts::min_rate)
    Rate,
    /// [`Timeouts::total`](super::Timeouts::total)
    Total,
    /// [`Timeouts::write_stall`](super::Timeouts::write_stall)
    WriteStall,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection took too long",
            Self::Head => "the response took too long",
            Self::BetweenBytes => "no byte came for too long",
            Self::Rate => "the response came too slowly",
            Self::Total => "the exchange took too long",
            Self::WriteStall => "the peer took no byte for too long",
        })
    }
}

/// What went wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// The event loop or the operating system reported an error.
    Io(io::ErrorKind),
    /// The server broke the protocol, cut its message short, or passed a limit.
    Peer(Error),
    /// The connection was over before the request began.
    Closed,
    /// It took too long.
    Timeout(Timeout),
    /// The request can't be sent as it is.
    Request(Misuse),
    /// The body of the request failed.
    Body(BodyError),
    /// A layer below HTTP failed, TLS for instance.
    Layer(Arc<BoxError>),
}

impl Kind {
    /// Wraps the error of a layer below HTTP.
    pub fn layer(error: impl Into<alloc::boxed::Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Layer(Arc::new(BoxError::new(error)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(kind) => fmt::Display::fmt(kind, f),
            Self::Peer(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Timeout(which) => which.fmt(f),
            Self::Request(misuse) => write!(f, "the request can't be sent: {misuse}"),
            Self::Body(error) => write!(f, "the body of the request failed: {error}"),
            Self::Layer(error) => error.fmt(f),
        }
    }
}

/// Why an exchange failed, and how far it had come.
#[derive(Clone, Debug)]
pub struct Fault {
    /// How far it had come.
    pub phase: Phase,
    /// What went wrong.
    pub kind: Kind,
}
