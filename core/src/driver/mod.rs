//! The only poll loop, and the traits it reaches the world through.

mod accept;
mod alarm;
mod config;
mod connection;
mod runtime;
mod serve;
mod server;
mod shutdown;
mod slots;
mod spares;
mod time;
mod workers;

#[cfg(test)]
mod serve_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use connection::Driver;
pub use runtime::{
    Accepted, EARLY, Panicked, Peer, Runtime, SharedRuntime, Socket, Spawn, Timer, Transport, Workers,
};
pub use serve::{Endpoints, Options, serve};
pub use server::{Closed, Serving};
pub use shutdown::{Announced, Connections, Permits, Registration, Shutdown, Stage};
pub use time::{Elapsed, Sleep, Timeout};
pub use workers::{Model, ModelError, start, start_local};
