//! The only poll loop, and the traits it reaches the world through.

mod accept;
mod alarm;
mod block_on;
pub mod blocking;
pub mod buffers;
pub mod clock;
mod config;
mod connecting;
mod connection;
mod duplex;
#[cfg(feature = "futures-io")]
mod duplex_futures_io;
#[cfg(feature = "futures-io")]
mod futures_io;
mod listen_addr;
mod open_file;
mod runtime;
mod serve;
mod server;
mod shutdown;
mod slots;
pub mod socket;
pub(crate) mod spares;
mod task;
mod time;
mod timers;
#[cfg(unix)]
mod unix_path;
mod workers;

#[cfg(test)]
mod duplex_tests;
#[cfg(test)]
mod serve_tests;
#[cfg(all(test, feature = "sim"))]
mod sim_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use block_on::block_on;
pub use config::Config;
pub use connecting::Connecting;
pub use connection::Driver;
pub use duplex::{Duplex, DuplexReader, DuplexWriter};
#[cfg(feature = "futures-io")]
pub use futures_io::FuturesIo;
pub use listen_addr::{ListenAddr, ListenAddrError};
pub use open_file::OpenFile;
pub use runtime::{
    Accepted, EARLY, Panicked, Peer, Runtime, SharedRuntime, Socket, Spawn, Timer, Transport, Workers,
};
pub use serve::{Endpoints, OnAlive, Options, serve};
pub use server::{Closed, Serving};
pub use shutdown::{Announced, Connections, Permits, Registration, Shutdown, Stage};
pub use socket::{BindOptions, Bound, bind};
pub use task::{Outcome, Task};
pub use time::{Elapsed, Sleep, Timeout};
pub use workers::{Model, ModelError, start, start_local};
