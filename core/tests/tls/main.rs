//! TLS over bare links, in virtual time and over the simulator: every law of the wrapper.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

mod acceptor;
mod alpn;
mod certs;
mod client;
mod closing;
mod faults;
mod forwarding;
mod handshake;
mod pressure;
mod probe;
mod raw;
mod sim;

mod wire;
