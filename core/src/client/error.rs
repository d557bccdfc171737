//! Why a request failed.

use core::fmt;

use alloc::boxed::Box;

use crate::body::Body;
use crate::driver::Peer;
use crate::head::RequestHead;
use crate::pump::client::{Fault, Kind, Phase};

/// Whether a request that failed may be sent again, as far as its connection can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The socket took no byte of it: nobody can have acted upon it, whatever its method (RFC 9110 §9.2.2). So it is with
    /// a connection that broke in the handshake of TLS.
    Safe,
    /// The connection had been used before and ended before the first byte of a response. Nobody knows whether the server
    /// saw the request: only an idempotent one may be sent again (RFC 9112 §9.3.1, RFC 9110 §9.2.2).
    IfIdempotent,
    /// Sending it again would be a new request.
    No,
}

/// Why a request failed: how far it had come, what went wrong, whether it may be sent again, and the peer.
///
/// One pointer in size.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    fault: Fault,
    retry: Retry,
    peer: Option<Peer>,
}

impl Error {
    /// Makes an error.
    pub fn new(phase: Phase, kind: Kind, retry: Retry, peer: Option<Peer>) -> Self {
        Self(Box::new(Inner { fault: Fault { phase, kind }, retry, peer }))
    }

    /// Returns how far the exchange had come.
    pub fn phase(&self) -> Phase {
        self.0.fault.phase
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> &Kind {
        &self.0.fault.kind
    }

    /// Returns whether the request may be sent again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Returns whom the connection was made to.
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.peer {
            Some(peer) => write!(f, "{} ({peer}): {}", self.phase(), self.kind()),
            None => write!(f, "{}: {}", self.phase(), self.kind()),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self.kind() {
            Kind::Peer(error) => Some(error),
            Kind::Request(misuse) => Some(misuse),
            Kind::Body(error) => Some(error),
            Kind::Layer(error) => Some(&**error),
            Kind::Io(_) | Kind::Closed | Kind::Timeout(_) => None,
        }
    }
}

/// A request that failed before its response came, with what is left of it.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// The head of the request.
    pub head: Option<Box<RequestHead>>,
    /// The body, where nothing of it is lost: it was empty, wholly there, or never begun.
    pub body: Option<Body>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Failed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}
