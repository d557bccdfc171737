//! HTTP without an event loop.
//!
//! Two halves. The **protocol half** takes bytes and gives bytes: it owns no socket, no clock, no thread, and builds
//! without `std`. The **driver half** ([`driver`]) polls it, and reaches the world only through the traits of
//! [`driver`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod codec;
pub mod encode;
pub mod error;
pub mod framing;
pub mod h1;
pub mod head;
pub mod limits;
pub mod link;
pub mod parse;
pub mod protocol;
pub mod route;
mod spare;
pub mod time;

#[cfg(feature = "std")]
pub mod body;
#[cfg(feature = "std")]
pub mod client;
#[cfg(feature = "std")]
pub mod driver;
#[cfg(feature = "std")]
pub mod pump;
#[cfg(feature = "std")]
pub mod server;
#[cfg(feature = "std")]
pub mod service;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "tls")]
pub mod tls;
