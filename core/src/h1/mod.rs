//! HTTP/1.0 and HTTP/1.1 (RFC 9112).

mod recv;
mod request;
mod send;
mod server;
mod state;

pub use server::Server;
