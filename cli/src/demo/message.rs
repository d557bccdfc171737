//! A message that comes as JSON and goes out as the client likes it.

use anyloop::{Headers, IntoResponse, Json, JsonError, Request, Response, accept_quality, request_json};
use serde::{Deserialize, Serialize};

use super::page;

#[derive(Deserialize, Serialize)]
pub(super) struct Message<T = String> {
    pub(super) message: T,
}

/// Answers with the message as JSON, or as a page where the client wants HTML more.
pub(super) async fn answer(request: Request) -> Result<Response, JsonError> {
    let as_page = prefers_html(request.headers());
    let message: Message = request_json(request).await?;
    Ok(if as_page { page::heading(&message.message).into_response() } else { Json(message).into_response() })
}

fn prefers_html(headers: &Headers) -> bool {
    accept_quality(headers, "text/html") > accept_quality(headers, "application/json")
}
