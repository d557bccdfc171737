//! Parsers of heads, field sections and chunks.

pub(crate) mod bytes;
