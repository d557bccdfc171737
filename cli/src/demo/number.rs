//! Numbers in paths.

use anyloop::{IntoResponse, Json, Request, Response, Status};
use serde::Serialize;

/// Takes a whole number of at most `max` out of the path: digits only.
pub(super) fn param(request: &Request, name: &'static str, max: u64) -> Result<u64, OutOfRange> {
    let text = request.param(name).unwrap_or_default();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.filter(|&number| number <= max).ok_or(OutOfRange { name, max })
}

/// The parameter is not such a number.
#[derive(Debug)]
pub(super) struct OutOfRange {
    name: &'static str,
    max: u64,
}

impl IntoResponse for OutOfRange {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Fault {
            error: String,
        }
        let error = format!("{} must be a whole number from 0 to {}", self.name, self.max);
        (Status::BAD_REQUEST, Json(Fault { error })).into_response()
    }
}
