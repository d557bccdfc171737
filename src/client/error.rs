//! What can go wrong with a request, in which phase, with whom, and whether it may be sent again.

use core::fmt;
use std::io;
use std::sync::Arc;

use anyloop_core::body::{BodyError, BoxError};
use anyloop_core::client::{self as wire, Kind, Timeout};
use anyloop_core::driver::Peer;
use anyloop_core::head::{Method, Status};
use url::Url;

/// What a request was at when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Being put together: nothing was sent.
    Build,
    /// Waiting for a place in the connection pool: nothing was sent.
    Pool,
    /// Looking the name up.
    Resolve,
    /// Connecting to the server, or to the proxy.
    Connect,
    /// Asking a proxy for a tunnel.
    Proxy,
    /// Agreeing on encryption.
    Tls,
    /// Sending the request.
    Write,
    /// Waiting for the head of the response.
    Head,
    /// Reading the body of the response.
    Body,
    /// Following a redirect.
    Redirect,
    /// Decoding the body of the response.
    Decode,
    /// Judging the status, by `error_for_status`.
    Status,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Build => "can't build the request",
            Self::Pool => "no connection",
            Self::Resolve => "can't look up the name",
            Self::Connect => "can't connect",
            Self::Proxy => "the proxy gives no tunnel",
            Self::Tls => "no encryption",
            Self::Write => "can't send the request",
            Self::Head => "no response",
            Self::Body => "can't read the body",
            Self::Redirect => "can't follow the redirect",
            Self::Decode => "can't decode the body",
            Self::Status => "the server refused",
        })
    }
}

/// Why a request failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The URL is none, or has no host.
    Url(url::ParseError),
    /// The scheme is neither `http` nor `https`.
    Scheme,
    /// A part of the request may not be sent; the text says which and why.
    Invalid(Arc<BoxError>),
    /// The program was built without a feature that the request needs.
    MissingFeature(&'static str),
    /// The name has no address.
    NoAddress,
    /// The network failed.
    Io(Arc<io::Error>),
    /// None of the addresses could be connected to.
    Unreachable(Arc<[(Peer, io::Error)]>),
    /// A time was over.
    Timeout(Timeout),
    /// The peer broke HTTP, or passed a limit.
    Protocol(anyloop_core::error::Error),
    /// A layer below HTTP failed.
    Layer(Arc<BoxError>),
    /// The connection ended before the first byte of the response.
    Closed,
    /// The body of the request, or of the response, failed.
    Body(BodyError),
    /// The body of the response is longer than may be gathered.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The settings of the proxy make no sense; the text says why.
    ProxySettings(Arc<str>),
    /// The proxy answered the request for a tunnel with this status.
    ProxyRefused(Status),
    /// The proxy sent bytes that belong to no tunnel.
    ProxyData,
    /// More redirects than allowed.
    TooManyRedirects {
        /// How many are allowed.
        limit: u32,
    },
    /// The redirect leads to something that is no HTTP address.
    RedirectTarget,
    /// The redirect leads from `https` to `http`.
    RedirectDowngrade,
    /// The redirect asks to send the body again, and it was a stream.
    RedirectBody,
    /// The compressed data is broken, or ends before its end.
    Decode(&'static str),
    /// The body grew beyond what decoding may make of it.
    Bomb {
        /// Bytes that came.
        encoded: u64,
        /// Bytes that were made of them.
        decoded: u64,
    },
    /// The status is an error.
    Status(Status),
    /// The body is not what it was to be read as.
    Content(Arc<BoxError>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "the URL is malformed: {error}"),
            Self::Scheme => f.write_str("the scheme of the URL is neither http nor https"),
            Self::Invalid(error) | Self::Content(error) | Self::Layer(error) => error.fmt(f),
            Self::MissingFeature(name) => write!(f, "this needs the feature `{name}`, which is not built in"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Io(error) => error.fmt(f),
            Self::Unreachable(attempts) => {
                for (at, (peer, error)) in attempts.iter().enumerate() {
                    write!(f, "{}{peer}: {error}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Timeout(which) => which.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection was closed before the response"),
            Self::Body(error) => error.fmt(f),
            Self::TooLarge { limit } => write!(f, "the body is longer than {limit} bytes"),
            Self::ProxySettings(text) => f.write_str(text),
            Self::ProxyRefused(status) => write!(f, "it answered {status}"),
            Self::ProxyData => f.write_str("it sent more than the head of its answer"),
            Self::TooManyRedirects { limit } => write!(f, "more than {limit} redirects"),
            Self::RedirectTarget => f.write_str("it leads to no HTTP address"),
            Self::RedirectDowngrade => f.write_str("it leads from https to http"),
            Self::RedirectBody => f.write_str("the body was a stream and can't be sent again"),
            Self::Decode(text) => f.write_str(text),
            Self::Bomb { encoded, decoded } => write!(f, "{encoded} bytes grew to {decoded} and more"),
            Self::Status(status) => status.fmt(f),
        }
    }
}

/// Why a request failed: in which phase, with whom, by what, and whether it may be sent again.
///
/// The text is one line. Credentials and the query of the URL are not in it.
#[derive(Clone)]
pub struct Error(Box<Repr>);

#[derive(Clone)]
struct Repr {
    phase: Phase,
    cause: Cause,
    url: Option<Url>,
    peer: Option<Peer>,
    retry: Retry,
}

/// Whether a request that failed may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The server can't have acted upon it.
    Safe,
    /// It may have.
    Unsafe,
}

impl Error {
    pub(crate) fn new(phase: Phase, cause: Cause) -> Self {
        let retry = match phase {
            Phase::Build | Phase::Pool | Phase::Resolve | Phase::Connect | Phase::Proxy | Phase::Tls => {
                Retry::Safe
            }
            Phase::Write | Phase::Head | Phase::Body | Phase::Redirect | Phase::Decode | Phase::Status => {
                Retry::Unsafe
            }
        };
        Self(Box::new(Repr { phase, cause, url: None, peer: None, retry }))
    }

    pub(crate) fn invalid(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::new(Phase::Build, Cause::Invalid(Arc::new(BoxError::new(error))))
    }

    pub(crate) fn content(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::new(Phase::Body, Cause::Content(Arc::new(BoxError::new(error))))
    }

    /// Takes over what a connection says of an exchange with this method.
    pub(crate) fn of_exchange(error: &wire::Error, method: Method) -> Self {
        let phase = match error.phase() {
            wire::Phase::Connect => Phase::Connect,
            wire::Phase::Tls => Phase::Tls,
            wire::Phase::Write => Phase::Write,
            wire::Phase::Body => Phase::Body,
            wire::Phase::Head | _ => Phase::Head,
        };
        let cause = match error.kind() {
            Kind::Io(kind) => Cause::Io(Arc::new((*kind).into())),
            Kind::Peer(anyloop_core::error::Error::NoResponse) => Cause::Closed,
            Kind::Peer(error) => Cause::Protocol(*error),
            Kind::Timeout(which) => Cause::Timeout(*which),
            Kind::Request(misuse) => Cause::Invalid(Arc::new(BoxError::new(*misuse))),
            Kind::Body(error) => Cause::Body(error.clone()),
            Kind::Layer(error) => Cause::Layer(Arc::clone(error)),
            Kind::Closed | _ => Cause::Closed,
        };
        let safe = error.retry() == wire::Retry::Safe || method.is_idempotent();
        let mut this = Self::new(phase, cause).with_retry(if safe { Retry::Safe } else { Retry::Unsafe });
        this.0.peer = error.peer().cloned();
        this
    }

    pub(crate) fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Keeps the first URL that is named.
    pub(crate) fn at(mut self, url: &Url) -> Self {
        if self.0.url.is_none() {
            self.0.url = Some(url.clone());
        }
        self
    }

    pub(crate) fn with(mut self, peer: &Peer) -> Self {
        self.0.peer = Some(peer.clone());
        self
    }

    /// Returns what the request was at.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// Returns what went wrong.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Returns the address that the request went to, after redirects.
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// Returns who the connection was to, once there was one.
    pub fn peer(&self) -> Option<&Peer> {
        self.0.peer.as_ref()
    }

    /// Whether the server can't have acted upon the request, so that sending it again can't do anything twice, or its
    /// method says that doing it twice is doing it once (RFC 9110 §9.2.2).
    pub fn is_retry_safe(&self) -> bool {
        self.0.retry == Retry::Safe
    }

    /// Whether a time was over.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.cause, Cause::Timeout(_))
    }

    /// Returns the status, when that is the cause.
    pub fn status(&self) -> Option<Status> {
        if let Cause::Status(status) | Cause::ProxyRefused(status) = self.0.cause {
            Some(status)
        } else {
            None
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { phase, cause, url, peer, .. } = &*self.0;
        if let Some(url) = url {
            write!(f, "{}: ", Shown(url))?;
        }
        write!(f, "{phase}")?;
        if let Some(peer) = peer {
            write!(f, " ({peer})")?;
        }
        write!(f, ": {cause}")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repr { phase, cause, url, peer, retry } = &*self.0;
        f.debug_struct("Error")
            .field("phase", phase)
            .field("cause", cause)
            .field("url", &url.as_ref().map(|url| Shown(url).to_string()))
            .field("peer", peer)
            .field("retry", retry)
            .finish()
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Url(error) => Some(error),
            Cause::Invalid(error) | Cause::Content(error) | Cause::Layer(error) => Some(&**error),
            Cause::Io(error) => Some(&**error),
            Cause::Unreachable(attempts) => attempts.last().map(|(_, error)| error as _),
            Cause::Protocol(error) => Some(error),
            Cause::Body(error) => Some(error),
            Cause::Scheme
            | Cause::MissingFeature(_)
            | Cause::NoAddress
            | Cause::Timeout(_)
            | Cause::Closed
            | Cause::TooLarge { .. }
            | Cause::ProxySettings(_)
            | Cause::ProxyRefused(_)
            | Cause::ProxyData
            | Cause::TooManyRedirects { .. }
            | Cause::RedirectTarget
            | Cause::RedirectDowngrade
            | Cause::RedirectBody
            | Cause::Decode(_)
            | Cause::Bomb { .. }
            | Cause::Status(_) => None,
        }
    }
}

/// So that a server can hand a body on whose reading failed.
impl From<Error> for BodyError {
    fn from(error: Error) -> Self {
        if let Cause::Body(error) = error.cause() {
            return error.clone();
        }
        if let Cause::Protocol(error) = error.cause() {
            return Self::Peer(*error);
        }
        Self::source(error)
    }
}

/// A URL without what may be secret.
pub(crate) struct Shown<'a>(pub(crate) &'a Url);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_keep_secrets() {
        let url = Url::parse("http://user:secret@a.example:81/x?token=secret#f").unwrap();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let peer = Peer::Tcp("127.0.0.1:81".parse().unwrap());
        let error =
            Error::new(Phase::Connect, Cause::Unreachable(Arc::new([(peer.clone(), refused)]))).at(&url);
        assert_eq!(
            error.to_string(),
            "http://a.example:81/x: can't connect: 127.0.0.1:81: connection refused"
        );
        assert!(error.is_retry_safe());
        assert!(core::error::Error::source(&error).is_some());
        let error = Error::new(Phase::Head, Cause::Closed).at(&url).with(&peer);
        assert_eq!(
            error.to_string(),
            "http://a.example:81/x: no response (127.0.0.1:81): the connection was closed before the response"
        );
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert!(!error.is_retry_safe());
    }
}
