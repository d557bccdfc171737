//! What handlers may return.

use core::convert::Infallible;

use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

use super::Response;
use crate::body::{Body, BodyError};
use crate::error::Error;
use crate::head::{InvalidHeader, Status};

/// A value that can be made into a response.
pub trait IntoResponse {
    /// Makes the response.
    fn into_response(self) -> Response;
}

/// A 200 response of type `text/html; charset=utf-8`. The text is sent as it is: what comes from outside must be escaped.
#[derive(Clone, Debug)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        Response::with_type_line(self.0, b"content-type: text/html; charset=utf-8\r\n")
    }
}

/// Text is sent as `text/plain; charset=utf-8`.
impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

/// Text is sent as `text/plain; charset=utf-8`.
impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

/// Bytes are sent as `application/octet-stream`.
impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::with_type_line(self, b"content-type: application/octet-stream\r\n")
    }
}

/// Bytes are sent as `application/octet-stream`.
impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Bytes::from(self).into_response()
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// A bare status has no body.
impl IntoResponse for Status {
    fn into_response(self) -> Response {
        Response::empty(self)
    }
}

/// Nothing to say is 204.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::empty(Status::NO_CONTENT)
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl<T: IntoResponse> IntoResponse for (Status, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The status of the fault, and its text.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Response::text(alloc::format!("{self}\n")).with_status(self.status())
    }
}

/// 413 for a body that is too large, the status of the peer's fault, else 500 without details.
impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::TooLarge { .. } => Status::CONTENT_TOO_LARGE,
            Self::Peer(error) => error.status(),
            Self::Gone | Self::Source(_) => return Response::empty(Status::INTERNAL_SERVER_ERROR),
        };
        Response::text(alloc::format!("{self}\n")).with_status(status)
    }
}

/// A handler that makes an invalid field has a fault: 500.
impl IntoResponse for InvalidHeader {
    fn into_response(self) -> Response {
        Response::empty(Status::INTERNAL_SERVER_ERROR)
    }
}
