//! The only poll loop, and the traits it reaches the world through.

mod runtime;

pub use runtime::{
    Accepted, Panicked, Peer, Runtime, SharedRuntime, Socket, Spawn, Timer, Transport, Workers,
};
