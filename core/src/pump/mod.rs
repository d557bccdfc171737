//! The only place where futures meet the protocol machines.
//!
//! [`Server`] is a [`Protocol`](crate::protocol::Protocol): its codec turns bytes into requests, its service turns
//! requests into responses, and it polls the handlers inside the connection's own task. No spawn, no channel, no lock on
//! the way to a handler; dropping the connection drops what its handlers were doing.
//!
//! Two halves run until neither moves. **Intake**: an event of the codec starts an exchange, fills or ends its body.
//! **Output**: a handler is polled, its head is sent, its body is pulled while there is room (law L8). A handler that is
//! ready at once is answered in the same turn: one read and one write for a small request, and for a pipelined batch.
//!
//! The codec below never sees a `Context`; the handler above never sees framing.

pub mod client;
mod config;

mod deadlines;
mod exchange;
mod gathered;
mod server;
mod stamp;
#[cfg(test)]
mod tests;
mod tunnel;
mod wakers;

pub use client::Client;
pub use config::{Config, Debug, DebugEvent};
pub use server::Server;
