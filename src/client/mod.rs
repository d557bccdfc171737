//! An HTTP client on any event loop.
//!
//! [`Client`] keeps connections, follows redirects, asks proxies and tries again where that is safe; a [`Response`] gives
//! its body as it comes. The client belongs to the runtime it was made with: there is no ambient one to be missed.
//!
//! ```
//! use anyloop::client::{Client, Error};
//! use anyloop::{Request, Router, Runtime};
//!
//! async fn greet<R: Runtime>(client: Client<R>, url: &str) -> Result<String, Error> {
//!     let response = client.post(url).query("lang", "en").body("ada").send().await?;
//!     response.error_for_status()?.text().await
//! }
//!
//! let app = Router::new().post("/greet", |_: Request| "hello");
//! let server = anyloop::bind("127.0.0.1:0")?;
//! let url = format!("http://{}/greet", server.local_addr());
//! let serving = anyloop::serve(server, app)?;
//! assert_eq!(anyloop::block_on(|rt| greet(Client::new(rt), &url))??, "hello");
//! # serving.shutdown().announce();
//! # serving.wait_closed()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cancelling
//!
//! Dropping the future of a request, or its response, cancels it. A connection in the middle of an exchange is closed
//! then, and never used again.
//!
//! # Many at once
//!
//! [`Gather`] runs any number of requests in one task, so many at a time.

mod auth;
mod body;
#[allow(clippy::module_inception, reason = "the noun of the file is that of the folder")]
mod client;
mod connect;
#[cfg(feature = "cookies")]
mod cookies;
#[cfg(feature = "decode")]
mod decode;
mod error;
mod exchange;
mod gather;
mod incoming;
mod maintain;
mod multipart;
mod pool;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
#[cfg(feature = "tls-no-provider")]
mod secure;
mod tunnel;
mod wire;

pub use anyloop_core::client::{Timeout, Timeouts};
pub use client::{Client, ClientBuilder, Connections};
#[cfg(feature = "cookies")]
pub use cookies::Cookies;
#[cfg(feature = "decode")]
pub use decode::DecodeLimits;
pub use error::{Cause, Error, Phase};
pub use gather::Gather;
pub use multipart::{MultipartForm, Part};
pub use pool::PoolLimits;
pub use proxy::{Proxies, Proxy};
pub use redirect::Redirects;
pub use request::{IntoUrl, RequestBuilder};
pub use response::Response;
#[cfg(feature = "tls-no-provider")]
pub use secure::{ClientTls, Roots};
pub use url::{self, Url};
pub use wire::{Port, Tunnel};
