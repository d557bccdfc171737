//! HTTP for any event loop, or none.
//!
//! A handler is an async function of a [`Request`], or a plain one, that returns something that is [`IntoResponse`]. A
//! [`Router`] picks it. A [`Server`] binds, and a backend serves:
//!
#![cfg_attr(any(feature = "tokio", feature = "smol", feature = "async-std"), doc = "```no_run")]
#![cfg_attr(not(any(feature = "tokio", feature = "smol", feature = "async-std")), doc = "```ignore")]
//! use anyloop::{Html, Request, Router};
//!
//! fn main() -> std::io::Result<()> {
//!     let app = Router::new().get("/", |_: Request| Html("<h1>hi</h1>"));
//!     let server = anyloop::bind("127.0.0.1:8888")?;
//!     println!("listening on http://{}", server.local_addr());
//!     anyloop::serve(server, app)?.wait_closed()
//! }
//! ```
//!
//! # Backends
//!
//! Each is a module behind a feature of its name: `tokio` (on by default), `smol`, and `async-std` as
//! `anyloop::async_std`. Any number of them may be on; the same application runs on each. The aliases at the root,
//! `anyloop::serve` for instance, stand for the first of those that are on, in this order: they are for programs. A
//! library names its backend. With none, everything here but serving works: the core needs no event loop.
//!
//! An application that sleeps, opens files or connects takes the runtime as an argument,
//! `fn app<R: SharedRuntime>(rt: R) -> Router`, and is served by `serve(server, |rt| app(rt))`; there is no ambient
//! runtime.
//!
//! # Other features
//!
//! - `client` (on by default): an HTTP client, `client::Client`; `cookies` gives it a jar, `decode` lets it decode gzip,
//!   deflate, br and zstd.
//! - `json`: `Json` as a response, `request_json`.
//! - `form`: queries and urlencoded forms, as pairs or as values of a type.
//! - `multipart`: `Multipart`, streamed.
//! - `files`: the files of a directory, `files::Files`.
//! - `tls`: HTTPS, by `Server::listen_tls`, with the crypto provider `ring`; `aws-lc-rs` with that one; `tls-no-provider` lets you
//!   bring another.
//!
//! # Tests
//!
//! [`test::call`] runs one exchange in memory, without an event loop.

#![forbid(unsafe_code)]

mod accept;
mod backend;
#[cfg(feature = "client")]
pub mod client;
mod escape;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "form")]
mod form;
#[cfg(feature = "json")]
mod json;
#[cfg(any(feature = "form", feature = "json"))]
mod media;
#[cfg(feature = "multipart")]
mod multipart;
pub mod test;

pub use accept::accept_quality;
pub use anyloop_core as core;
pub use anyloop_core::body::{Body, BodyError, BodySource, Sink};
pub use anyloop_core::driver::{Model, Runtime, Serving, SharedRuntime, Shutdown};
pub use anyloop_core::head::{
    HeaderName, HeaderValue, Headers, InvalidHeader, Known, Method, Status, Target, Version,
};
pub use anyloop_core::limits::{Limits, Timeouts};
pub use anyloop_core::pump::DebugEvent;
pub use anyloop_core::route::Params;
pub use anyloop_core::server::{Builder, MakeService, Server};
pub use anyloop_core::service::{
    ClientLeft, Extensions, Html, Interim, IntoResponse, Local, Request, Response, Router, Scheme, Secured,
    Service, Shared,
};
#[cfg(feature = "tls-no-provider")]
pub use anyloop_core::tls;
#[cfg(feature = "async-std")]
pub use backend::async_std;
#[cfg(feature = "smol")]
pub use backend::smol;
#[cfg(feature = "tokio")]
pub use backend::tokio;
pub use escape::escape_html;
#[cfg(feature = "form")]
pub use form::{FormError, FormPairs, form_pairs, query_pairs, request_form, request_query};
#[cfg(feature = "json")]
pub use json::{Json, JsonError, request_json};
#[cfg(feature = "multipart")]
pub use multipart::{Field, Multipart, MultipartError};

#[cfg(all(feature = "async-std", not(any(feature = "tokio", feature = "smol"))))]
pub use async_std::{block_on, serve, serve_local};
#[cfg(all(feature = "smol", not(feature = "tokio")))]
pub use smol::{block_on, serve, serve_local};
#[cfg(feature = "tokio")]
pub use tokio::{block_on, serve, serve_local};

/// Binds an address with the default settings and listens: `"127.0.0.1:8888"`, `"[::1]:0"`, `"unix:/run/app.sock"`. It is
/// [`Server::builder`] with [`Builder::bind`].
///
/// # Errors
/// As of [`Builder::bind`].
pub fn bind<A>(address: A) -> std::io::Result<Server>
where
    A: TryInto<anyloop_core::driver::ListenAddr, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    Server::builder().bind(address)
}

/// The examples of the documents, as tests.
#[cfg(doctest)]
mod documents {
    #[cfg(any(feature = "tokio", feature = "smol", feature = "async-std"))]
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[cfg(feature = "client")]
    #[doc = include_str!("../docs/client.md")]
    mod client {}
    #[doc = include_str!("../docs/from-asyncio.md")]
    mod from_asyncio {}
    #[doc = include_str!("../docs/one-request.md")]
    mod one_request {}
}
