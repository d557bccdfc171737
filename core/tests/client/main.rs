//! The client's connection against scripted servers, in virtual time.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test has std, and says what it knows"
)]

mod cuts;
mod dance;
mod exchange;
mod timeouts;
mod torture;
mod tunnel;
mod world;
