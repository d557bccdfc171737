//! A response.

use core::fmt;

use alloc::boxed::Box;

use super::IntoResponse;
use crate::body::{Body, BoxError};
use crate::head::{HeaderName, HeaderValue, Headers, InvalidHeader, Known, ResponseHead, Status};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::spare::Kept;

/// What speaks on the connection after the response, instead of HTTP.
pub(crate) type BoxProtocol = Box<dyn Protocol<Error = BoxError> + Send>;

/// A response: a status, field lines and a body.
///
/// `Date`, `Server`, `Content-Length`, `Transfer-Encoding` and `Connection` are the server's business: it writes them by
/// what the body and the request say.
///
/// ```
/// use anyloop_core::head::Status;
/// use anyloop_core::service::Response;
///
/// let response = Response::new("gone fishing").with_status(Status::SERVICE_UNAVAILABLE);
/// assert_eq!(response.status().code(), 503);
/// ```
pub struct Response(Kept<Parts>);

/// What a response is made of, in memory that is used again.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) head: ResponseHead,
    pub(crate) body: Body,
    pub(crate) tunnel: Option<BoxProtocol>,
}

crate::spare::spares!(Parts, |parts: &mut Parts| {
    parts.head.status = Status::OK;
    parts.head.headers.clear();
    parts.body.clear();
    parts.tunnel = None;
});

impl Response {
    /// Makes a 200 response.
    pub fn new(body: impl Into<Body>) -> Self {
        let mut parts = Kept::<Parts>::default();
        parts.body = body.into();
        Self(parts)
    }

    /// Makes a response without a body.
    pub fn empty(status: Status) -> Self {
        Self::new(Body::empty()).with_status(status)
    }

    /// Makes a plain-text response.
    pub fn text(body: impl Into<Body>) -> Self {
        Self::with_type_line(body, b"content-type: text/plain; charset=utf-8\r\n")
    }

    /// Makes a 200 response whose content type stands in a whole field line.
    pub(super) fn with_type_line(body: impl Into<Body>, line: &'static [u8]) -> Self {
        let mut response = Self::new(body);
        response.0.head.headers.append_line(Known::ContentType, line);
        response
    }

    /// Makes a response after which `protocol` speaks on the connection: 101 with an `Upgrade` field
    /// (RFC 9110 §7.8). Only a request that offered the upgrade may be answered so; else the server answers 500.
    ///
    /// # Panics
    /// When `name` is not a protocol name.
    pub fn upgrade<P: Protocol + Send + 'static>(name: &'static str, protocol: P) -> Self {
        let mut response = Self::empty(Status::SWITCHING_PROTOCOLS);
        response.insert(Known::Upgrade.into(), HeaderValue::from_static(name));
        response.0.tunnel = Some(Box::new(Boxed(protocol)));
        response
    }

    /// Makes the 200 response to a CONNECT request, after which `protocol` speaks on the connection
    /// (RFC 9110 §9.3.6).
    pub fn connect<P: Protocol + Send + 'static>(protocol: P) -> Self {
        let mut response = Self::empty(Status::OK);
        response.0.tunnel = Some(Box::new(Boxed(protocol)));
        response
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.0.head.status = status;
        self
    }

    /// Sets the content type.
    ///
    /// # Panics
    /// When the text has control characters.
    #[must_use]
    pub fn with_type(mut self, media_type: &'static str) -> Self {
        self.insert(Known::ContentType.into(), HeaderValue::from_static(media_type));
        self
    }

    pub(crate) fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        let inserted = self.0.head.headers.insert(name, value);
        debug_assert!(inserted.is_ok(), "a valid name and a valid value make a valid field");
    }

    /// Adds a field line.
    ///
    /// # Errors
    /// [`InvalidHeader`] when the name is not a token or the value has a control character, CR and LF among them: no
    /// value can split the response.
    pub fn with_header<N, V>(mut self, name: N, value: V) -> Result<Self, InvalidHeader>
    where
        N: TryInto<HeaderName, Error: Into<InvalidHeader>>,
        V: TryInto<HeaderValue, Error: Into<InvalidHeader>>,
    {
        self.0.head.headers.append(name, value)?;
        Ok(self)
    }

    /// Returns the status.
    pub fn status(&self) -> Status {
        self.0.head.status
    }

    /// Changes the status.
    pub fn set_status(&mut self, status: Status) {
        self.0.head.status = status;
    }

    /// Returns the field lines.
    pub fn headers(&self) -> &Headers {
        &self.0.head.headers
    }

    /// Returns the field lines, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.0.head.headers
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// Returns the body, to read from it.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.0.body
    }

    /// Replaces the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.0.body = body.into();
    }

    /// Takes the body and drops the rest.
    pub fn into_body(mut self) -> Body {
        core::mem::take(&mut self.0.body)
    }

    pub(crate) fn parts_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.0.head.status)
            .field("headers", &self.0.head.headers)
            .field("body", &self.0.body)
            .field("tunnel", &self.0.tunnel.is_some())
            .finish()
    }
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

/// Gives every protocol the same error type.
struct Boxed<P>(P);

impl<P: Protocol> Protocol for Boxed<P> {
    type Error = BoxError;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), BoxError> {
        self.0.connection_made(link).map_err(BoxError::new)
    }
    fn data_received(&mut self, link: &mut Link) -> Result<(), BoxError> {
        self.0.data_received(link).map_err(BoxError::new)
    }
    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), BoxError> {
        self.0.eof_received(link, how).map_err(BoxError::new)
    }
    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), BoxError> {
        self.0.deadline_reached(link).map_err(BoxError::new)
    }
    fn poll_work(&mut self, cx: &mut core::task::Context<'_>, link: &mut Link) -> Result<Work, BoxError> {
        self.0.poll_work(cx, link).map_err(BoxError::new)
    }
    fn shutdown(&mut self, link: &mut Link) {
        self.0.shutdown(link);
    }
    fn connection_lost(&mut self, cause: Lost) {
        self.0.connection_lost(cause);
    }
}
