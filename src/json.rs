//! JSON in requests and responses.

use core::fmt;
use std::collections::BTreeMap;

use anyloop_core::body::BodyError;
use anyloop_core::head::Status;
use anyloop_core::service::{IntoResponse, Request, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::media::essence;

const MEDIA_TYPE: &str = "application/json";

/// A 200 response of type `application/json`, without blanks. A value that has no JSON form is the handler's fault: 500.
///
/// ```
/// use anyloop::{Json, Request, Router};
///
/// let app = Router::new().get("/", |_: Request| Json([1, 2, 3]));
/// assert_eq!(anyloop::test::call(&app, Request::get("/")).body, "[1,2,3]");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => Response::new(json).with_type(MEDIA_TYPE),
            Err(_) => Response::empty(Status::INTERNAL_SERVER_ERROR),
        }
    }
}

/// Gathers the body of a request, at most [`Limits::max_collect`](crate::Limits::max_collect) bytes of it, and takes a
/// value out of its JSON.
///
/// ```
/// use anyloop::{Json, JsonError, Request, Router, request_json};
///
/// async fn sum(request: Request) -> Result<Json<i64>, JsonError> {
///     let numbers: Vec<i64> = request_json(request).await?;
///     Ok(Json(numbers.iter().sum()))
/// }
///
/// let app = Router::new().post("/sum", sum);
/// let mut request = Request::post("/sum", "[1, 2, 3]");
/// request.headers_mut().append("Content-Type", "application/json")?;
/// assert_eq!(anyloop::test::call(&app, request).body, "6");
/// # Ok::<(), anyloop::InvalidHeader>(())
/// ```
///
/// # Errors
/// [`JsonError`], which is a response with the right status.
pub async fn request_json<T: DeserializeOwned>(request: Request) -> Result<T, JsonError> {
    if !essence(&request).is_some_and(is_json) {
        return Err(JsonError::UnsupportedType);
    }
    let body = request.into_body().collect().await.map_err(JsonError::Body)?;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => JsonError::Syntax(error),
        // Whoever stops at a wrong value has not seen what follows it.
        Category::Data => match serde_json::from_slice::<IgnoredAny>(&body) {
            Ok(_) => JsonError::Shape(error),
            Err(syntax) => JsonError::Syntax(syntax),
        },
    })
}

/// `application/json`, and types with its suffix such as `application/problem+json` (RFC 6839 §3.1).
fn is_json(essence: &str) -> bool {
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    let suffix = subtype.len().checked_sub("+json".len()).and_then(|at| subtype.get(at..));
    essence.eq_ignore_ascii_case(MEDIA_TYPE)
        || (!kind.is_empty() && suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json")))
}

/// Why a request has no such JSON. As a response it is one line of JSON, `{"error":"…"}`.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// The content type is not JSON, or there is none: 415.
    UnsupportedType,
    /// The body did not come, or is too large: 413, or the status of the fault.
    Body(BodyError),
    /// The body is not JSON: 400.
    Syntax(serde_json::Error),
    /// It is JSON, but not of the shape that is wanted: 422.
    Shape(serde_json::Error),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedType => write!(f, "the content type is not {MEDIA_TYPE}"),
            Self::Body(error) => error.fmt(f),
            Self::Syntax(error) => write!(f, "the body is not JSON: {error}"),
            Self::Shape(error) => write!(f, "the JSON has not the shape that is wanted: {error}"),
        }
    }
}

impl core::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::UnsupportedType => None,
            Self::Body(error) => Some(error),
            Self::Syntax(error) | Self::Shape(error) => Some(error),
        }
    }
}

impl IntoResponse for JsonError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let status = match self {
            Self::UnsupportedType => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::Syntax(_) => Status::BAD_REQUEST,
            Self::Shape(_) => Status::UNPROCESSABLE_CONTENT,
            Self::Body(error) => match error.into_response() {
                internal if internal.status().is_server_error() => return internal,
                response => response.status(),
            },
        };
        Json(BTreeMap::from([("error", text)])).into_response().with_status(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::{Answer, call};
    use crate::{Body, Router};

    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }

    async fn echo(request: Request) -> Result<String, JsonError> {
        Ok(request_json::<Message>(request).await?.message)
    }

    fn post(media_type: Option<&'static str>, body: impl Into<Body>) -> Answer {
        let mut request = Request::post("/", body);
        if let Some(media_type) = media_type {
            request.headers_mut().append("content-type", media_type).unwrap();
        }
        call(&Router::new().post("/", echo), request)
    }

    #[test]
    fn the_content_type_must_be_json() {
        for (media_type, status) in [
            (None, 415),
            (Some(""), 415),
            (Some("text/plain"), 415),
            (Some("application/jsonp"), 415),
            (Some("application/x; a=application/json"), 415),
            (Some("+json"), 415),
            (Some("application/json"), 200),
            (Some("Application/JSON; charset=utf-8"), 200),
            (Some("application/json;charset=utf-8"), 200),
            (Some("application/vnd.api+json"), 200),
            (Some("text/x+JSON ; v=1"), 200),
        ] {
            assert_eq!(post(media_type, r#"{"message":"x"}"#).status.code(), status, "{media_type:?}");
        }
    }

    #[test]
    fn each_fault_has_its_status_and_one_line_of_json() {
        for (body, status, error) in [
            ("", 400, "the body is not JSON: EOF while parsing a value at line 1 column 0"),
            ("nope", 400, "the body is not JSON: expected ident at line 1 column 2"),
            ("{\"message\":5,", 400, "the body is not JSON: EOF while parsing an object at line 1 column 13"),
            ("{\"message\":\"x\"} x", 400, "the body is not JSON: trailing characters at line 1 column 17"),
            (
                "{}",
                422,
                "the JSON has not the shape that is wanted: missing field `message` at line 1 column 2",
            ),
            (
                "{\"message\":5}",
                422,
                "the JSON has not the shape that is wanted: invalid type: integer `5`, expected a string at line 1 \
                 column 12",
            ),
        ] {
            let answer = post(Some("application/json"), body);
            assert_eq!(answer.status.code(), status, "{body:?}");
            assert_eq!(answer.headers.get_str("content-type"), Some("application/json"));
            assert_eq!(answer.text(), format!("{{\"error\":\"{error}\"}}"), "{body:?}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_413_as_json() {
        let large = vec![b' '; (2 << 20) + 1];
        let answer = post(Some("application/json"), large);
        assert_eq!(answer.status, Status::CONTENT_TOO_LARGE);
        assert_eq!(answer.text(), r#"{"error":"the body is longer than 2097152 bytes"}"#);
    }
}
