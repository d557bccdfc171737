//! Writers of heads and chunks, into the gathering tail of an [`Outbound`].
//!
//! Law: what is written here, the parsers of [`crate::parse`] read back as the same, whatever was put in. Names and
//! values are checked when they are made; what can't be sent as asked (a field that may not be a trailer, an empty
//! chunk) is left out.
//!
//! ```
//! use anyloop_core::{encode, head::{Known, ResponseHead, Status}, link::Outbound};
//!
//! let (mut out, mut head) = (Outbound::default(), ResponseHead::new(Status::NOT_FOUND));
//! head.headers.append(Known::ContentLength, 0_u64)?;
//! encode::response(&mut out, &head);
//! assert_eq!(out.pop_front().unwrap(), "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
//! # Ok::<(), anyloop_core::head::InvalidHeader>(())
//! ```
//!
//! [`Outbound`]: crate::link::Outbound

mod chunk;
pub mod date;
mod head;

pub use chunk::{chunk, last_chunk};
pub(crate) use head::{content_length, known};
pub use head::{end_of_head, field, fields, number, request, request_line, response, status_line};

#[cfg(test)]
mod tests;
