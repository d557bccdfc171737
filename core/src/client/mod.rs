//! One connection to a server, on any backend, polled by whoever waits for its responses.
//!
//! A [`Connection`] is a byte stream with the client's side of HTTP on it. [`Connection::send`] sends a request and waits
//! for the head of its response; the [`Incoming`] response gives the body, and, once that is whole, the connection back.
//! There is no task behind it, no channel and no lock: dropping what waits drops the connection, so that no half-used one
//! is left. Pools, redirects and names are built on top of this.
//!
//! ```
//! use anyloop_core::body::Body;
//! use anyloop_core::client::{Connection, Config};
//! use anyloop_core::driver::{Peer, Runtime};
//! use anyloop_core::head::{Method, RequestHead, Target};
//! use std::sync::Arc;
//!
//! async fn get<R: Runtime>(runtime: R, server: Peer) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let stream = runtime.connect(&server).await?;
//!     let connection: Connection<R> = Connection::new(runtime, stream, server, &Arc::new(Config::default()));
//!     let mut head = RequestHead::new(Method::GET, Target::try_from("/")?);
//!     head.headers.append("host", "example.com")?;
//!     let mut response = connection.send(head, Body::empty()).await?;
//!     let mut body = Vec::new();
//!     while let Some(chunk) = response.chunk().await {
//!         body.extend_from_slice(&chunk?);
//!     }
//!     Ok(body)
//! }
//! ```

mod chunks;
mod connection;
mod error;
mod incoming;
mod port;
mod sending;
mod tunnel;

pub use crate::pump::client::{Config, Fault, Kind, Phase, Timeout, Timeouts};
pub use connection::Connection;
pub use error::{Error, Failed, Retry};
pub use incoming::Incoming;
pub use port::ClientPort;
pub use sending::Sending;
pub use tunnel::Tunnel;
