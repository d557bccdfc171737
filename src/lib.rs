//! HTTP for any event loop, or none.

#![forbid(unsafe_code)]

mod accept;
mod escape;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "form")]
mod form;
#[cfg(feature = "json")]
mod json;
#[cfg(any(feature = "form", feature = "json"))]
mod media;
#[cfg(feature = "multipart")]
mod multipart;
pub mod test;

pub use accept::accept_quality;
pub use anyloop_core as core;
pub use anyloop_core::body::{Body, BodyError, BodySource, Sink};
pub use anyloop_core::head::{
    HeaderName, HeaderValue, Headers, InvalidHeader, Known, Method, Status, Target, Version,
};
pub use anyloop_core::limits::{Limits, Timeouts};
pub use anyloop_core::route::Params;
pub use anyloop_core::service::{
    ClientLeft, Extensions, Html, Interim, IntoResponse, Local, Request, Response, Router, Scheme, Service,
    Shared,
};
pub use escape::escape_html;
#[cfg(feature = "form")]
pub use form::{FormError, FormPairs, form_pairs, query_pairs, request_form, request_query};
#[cfg(feature = "json")]
pub use json::{Json, JsonError, request_json};
#[cfg(feature = "multipart")]
pub use multipart::{Field, Multipart, MultipartError};
