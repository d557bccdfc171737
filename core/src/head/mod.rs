//! Heads of requests and responses.
//!
//! Fields and short targets are copied out of the buffer they arrived in, into memory that is used again: that costs
//! less than counting references to the buffer, and frees it at once. A long target refers to the buffer; whoever keeps
//! one longer than its exchange calls `into_owned`, else a few bytes hold a whole read buffer.
//!
//! ```
//! use anyloop_core::head::{Known, ResponseHead, Status};
//!
//! let mut head = ResponseHead::new(Status::OK);
//! head.headers.append("Content-Type", "text/plain")?.append("x-count", 3_u64)?;
//! assert_eq!(head.headers.get("content-type"), Some(&b"text/plain"[..]));
//! assert_eq!(head.headers.known(Known::ContentType), Some(&b"text/plain"[..]));
//! # Ok::<(), anyloop_core::head::InvalidHeader>(())
//! ```

mod authority;
mod headers;
mod known;
mod method;
mod name;
mod request;
mod response;
mod status;
mod target;
mod text;
mod value;
mod version;

pub use authority::is_host;
pub(crate) use headers::{Field, Section as ParsedFields};
pub use headers::{Headers, Iter};
pub use known::{Known, KnownSet};
pub use method::{InvalidMethod, MAX_METHOD, Method};
pub use name::{HeaderName, InvalidHeader};
pub use request::{RequestHead, RequestParts};
pub use response::ResponseHead;
pub use status::{InvalidStatus, Status};
pub(crate) use target::Layout;
pub use target::{Form, InvalidTarget, Target};
pub(crate) use text::Text;
pub use value::HeaderValue;
pub use version::Version;
