//! The only poll loop, and the traits it reaches the world through.

mod alarm;
mod config;
mod connection;
mod runtime;
mod shutdown;
mod slots;
mod spares;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use connection::Driver;
pub use runtime::{
    Accepted, EARLY, Panicked, Peer, Runtime, SharedRuntime, Socket, Spawn, Timer, Transport, Workers,
};
pub use shutdown::{Announced, Connections, Permits, Registration, Shutdown, Stage};
