//! Parsers of heads, field sections and chunks that can stop at any byte and go on there.
//!
//! Laws:
//!
//! - **Split invariance** (L7 of [`crate::protocol`]): however the input is cut, the result is the same, and a fault is
//!   found at the same byte, the first that no valid input has there (but for the preface of HTTP/2, which is told by its
//!   version).
//! - **Linear work**: each byte is judged once, however many calls it took to arrive. A look at what stands there as a whole
//!   comes before, once for a head and once for a line.
//! - **One copy**: the fields of a finished head stand in memory of their own, which is used again; only a long target
//!   refers to the buffer.
//!
//! What is refused and why stands at the variants of [`crate::error::Error`]; what is too much, at
//! [`crate::limits::Limits`].
//!
//! ```
//! use anyloop_core::{limits::Limits, parse::RequestParser};
//! use bytes::BytesMut;
//!
//! let (mut parser, limits) = (RequestParser::new(), Limits::default());
//! let mut inbound = BytesMut::from("GET /a HTTP/1.1\r\nHost: example.com\r\n");
//! assert!(parser.parse(&mut inbound, &limits)?.is_none());
//! inbound.extend_from_slice(b"\r\nwhat follows");
//! let head = parser.parse(&mut inbound, &limits)?.unwrap();
//! assert_eq!((head.target.path(), head.headers.get_str("host")), ("/a", Some("example.com")));
//! assert_eq!(inbound, "what follows");
//! # Ok::<(), anyloop_core::error::Error>(())
//! ```

pub(crate) mod bytes;
mod chunk;
mod field;
mod lines;
mod machine;
mod marks;
mod request;
mod response;
mod version;

pub use chunk::{Chunk, ChunkDecoder};
pub(crate) use field::is_trailer;
pub use request::RequestParser;
pub use response::ResponseParser;

#[cfg(test)]
mod tests;
