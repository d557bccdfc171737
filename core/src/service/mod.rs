//! From a request to a response: what a handler sees, and what it is wrapped in.
//!
//! A handler is a function; a [`Service`] is what the pump calls; a [`Router`] is the usual one. None of them can tell
//! which HTTP version or which event loop is underneath.

mod erase;
mod extensions;
mod handler;
mod into_response;
pub(crate) mod loan;
mod request;
mod response;
mod rest;
mod router;
mod secured;

use core::task::{Context, Poll};

pub use erase::{Erase, Local, LocalRoom, Room, Shared, SharedRoom, Sharing, Start};
pub use extensions::Extensions;
pub use handler::{Async, AsyncState, Handler, Plain, PlainState, Started};
pub use into_response::{Html, IntoResponse};
pub(crate) use request::Connection;
pub use request::{ClientLeft, Interim, Request, Scheme};
pub use response::Response;
pub(crate) use response::{BoxProtocol, Parts as ResponseParts};
pub use router::{Routed, Router};
pub use secured::Secured;

/// Answers requests. Cloned once a connection; clones share what they capture.
pub trait Service: Clone + 'static {
    /// The room in which a connection keeps the call that is running, reused from request to request.
    type Running: Running;

    /// Begins a call. `Some` when the answer is there at once; else `running` is polled for it.
    fn call(&self, request: Request, running: &mut Self::Running) -> Option<Response>;
}

/// A call in progress, or the room for one.
pub trait Running: Default + Unpin {
    /// Polls for the answer. After `Ready` the room is free for the next call.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response>;

    /// Drops the call; the room is free for the next one.
    fn cancel(&mut self);

    /// Returns what the running or last call is known by: its method and route.
    fn name(&self) -> &str {
        "handler"
    }
}
