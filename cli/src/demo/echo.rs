//! A body, sent back.

use anyloop::{Known, Request, Response};

/// Streams the body back as it arrives, with its content type and its trailers.
pub(super) fn answer(request: Request) -> Response {
    let media_type = request.headers().known(Known::ContentType).map(anyloop::HeaderValue::copy_from);
    let mut response = Response::new(request.into_body());
    if let Some(Ok(media_type)) = media_type {
        response = match response.with_header(Known::ContentType, media_type) {
            Ok(response) => response,
            Err(error) => anyloop::IntoResponse::into_response(error),
        };
    }
    response
}
