//! HTTP for any event loop, or none.
