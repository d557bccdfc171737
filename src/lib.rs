//! HTTP for any event loop, or none.

#[cfg(feature = "files")]
pub mod files;
