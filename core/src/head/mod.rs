//! Heads of requests and responses.
mod status;
pub use status::Status;
/// Field lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers;
