//! The request tables of the HTTP/1 codec over real sockets, on every backend: each row whole, in two parts and byte by byte.

#[path = "../../core/tests/conformance/row.rs"]
#[allow(dead_code, reason = "of why a connection closes, a client sees nothing")]
mod row;

#[path = "../../core/tests/conformance/requests/mod.rs"]
mod requests;

mod client;
mod handler;
mod harness;
