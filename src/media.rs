//! Media types of bodies.

use anyloop_core::head::Known;
use anyloop_core::service::Request;

/// Returns the media type of a request's body without its parameters, as it came.
pub(crate) fn essence(request: &Request) -> Option<&str> {
    let value = core::str::from_utf8(request.headers().known(Known::ContentType)?).ok()?;
    let essence = value.split(';').next()?.trim_ascii();
    (!essence.is_empty()).then_some(essence)
}
