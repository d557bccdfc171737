//! Queries and urlencoded forms.

use core::fmt;
use std::borrow::Cow;

use anyloop_core::body::BodyError;
use anyloop_core::head::Status;
use anyloop_core::service::{IntoResponse, Request, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::media::essence;

/// Returns the decoded pairs of the query, in order; repeated keys stay.
///
/// ```
/// let request = anyloop::Request::get("/?tag=a&tag=b+c&empty");
/// let pairs: Vec<_> = anyloop::query_pairs(&request).collect();
/// assert_eq!(pairs, [("tag".into(), "a".into()), ("tag".into(), "b c".into()), ("empty".into(), "".into())]);
/// ```
pub fn query_pairs(request: &Request) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(request.query().unwrap_or_default().as_bytes())
}

/// Takes a value out of the query; a `Vec` takes all values of a repeated key.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Search { q: String, #[serde(default)] tag: Vec<String> }
///
/// let search: Search = anyloop::request_query(&anyloop::Request::get("/?q=x&tag=a&tag=b"))?;
/// assert_eq!((search.q.as_str(), search.tag.len()), ("x", 2));
/// # Ok::<(), anyloop::FormError>(())
/// ```
///
/// # Errors
/// [`FormError::Shape`] when keys are missing or values don't fit.
pub fn request_query<T: DeserializeOwned>(request: &Request) -> Result<T, FormError> {
    from_text(request.query().unwrap_or_default().as_bytes())
}

/// Gathers the urlencoded form in a request's body, at most [`Limits::max_collect`](crate::Limits::max_collect) bytes of
/// it.
///
/// # Errors
/// [`FormError::UnsupportedType`] when the body is something else, [`FormError::Body`] when it did not come.
pub async fn form_pairs(request: Request) -> Result<FormPairs, FormError> {
    collect(request).await.map(FormPairs)
}

/// The pairs of a form, decoded as they are asked for.
#[derive(Clone, Debug)]
pub struct FormPairs(Bytes);

impl FormPairs {
    /// Returns the pairs in order; repeated keys stay.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(&self.0)
    }

    /// Returns the first value of a key.
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }
}

/// Gathers the urlencoded form in a request's body and takes a value out of it, as [`request_query`] does.
///
/// # Errors
/// [`FormError`], which is a response with the right status.
pub async fn request_form<T: DeserializeOwned>(request: Request) -> Result<T, FormError> {
    from_text(&collect(request).await?)
}

async fn collect(request: Request) -> Result<Bytes, FormError> {
    let is_form = |essence: &str| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if !essence(&request).is_some_and(is_form) {
        return Err(FormError::UnsupportedType);
    }
    request.into_body().collect().await.map_err(FormError::Body)
}

fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, FormError> {
    serde_html_form::from_bytes(text).map_err(|error| FormError::Shape(error.to_string()))
}

/// Why a request has no such form.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FormError {
    /// The content type is not `application/x-www-form-urlencoded`, or there is none: 415.
    UnsupportedType,
    /// The body did not come, or is too large: 413, or the status of the fault.
    Body(BodyError),
    /// Keys are missing or values don't fit; the text says which: 422.
    Shape(String),
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedType => f.write_str("the content type is not application/x-www-form-urlencoded"),
            Self::Body(error) => error.fmt(f),
            Self::Shape(error) => write!(f, "the form has not the shape that is wanted: {error}"),
        }
    }
}

impl core::error::Error for FormError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::UnsupportedType | Self::Shape(_) => None,
        }
    }
}

/// The status of the fault, and its text.
impl IntoResponse for FormError {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::UnsupportedType => Response::text(text).with_status(Status::UNSUPPORTED_MEDIA_TYPE),
            Self::Body(error) => error.into_response(),
            Self::Shape(_) => Response::text(text).with_status(Status::UNPROCESSABLE_CONTENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Router;
    use crate::test::call;

    #[derive(serde::Deserialize)]
    struct Ages {
        age: Vec<u8>,
    }

    async fn sum(request: Request) -> Result<String, FormError> {
        Ok(request_form::<Ages>(request).await?.age.iter().sum::<u8>().to_string())
    }

    async fn list(request: Request) -> Result<String, FormError> {
        let pairs = form_pairs(request).await?;
        let first = pairs.get("a").unwrap_or_default();
        Ok(pairs.iter().map(|(key, value)| format!("[{key}|{value}]")).collect::<String>() + &first)
    }

    #[test]
    fn forms_have_a_type_and_a_shape() {
        let app = Router::new().post("/sum", sum).post("/list", list);
        let form = Some("application/x-www-form-urlencoded; charset=utf-8");
        for (path, media_type, body, status, text) in [
            ("/sum", form, "age=1&age=2", 200, "3"),
            ("/sum", form, "age=300", 422, ""),
            ("/sum", form, "", 422, ""),
            ("/sum", None, "age=1", 415, "the content type is not application/x-www-form-urlencoded\n"),
            ("/sum", Some("text/plain"), "age=1", 415, ""),
            ("/list", form, "", 200, ""),
            ("/list", form, "a=1&a=%2b+%C3%A9&&=&b", 200, "[a|1][a|+ é][|][b|]1"),
            ("/list", form, "%zz=%ff", 200, "[%zz|\u{fffd}]"),
        ] {
            let mut request = Request::post(path, body);
            if let Some(media_type) = media_type {
                request.headers_mut().append("content-type", media_type).unwrap();
            }
            let answer = call(&app, request);
            assert_eq!(answer.status.code(), status, "{path} {body:?}: {answer:?}");
            assert!(text.is_empty() || answer.text() == text, "{path} {body:?}: {answer:?}");
        }
    }
}
