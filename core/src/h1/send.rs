//! The body that is going out.

use bytes::Bytes;

use crate::codec::{Last, Misuse};
use crate::encode;
use crate::framing::Framing;
use crate::head::Headers;
use crate::link::{FileRange, Outbound};

/// A body being sent, and how its end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// So many bytes are still due.
    Length(u64),
    /// Each piece is a chunk.
    Chunked,
    /// The end of the connection, or of this side of it.
    UntilClose,
}

impl Outgoing {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked,
            Framing::UntilClose | Framing::Tunnel => Self::UntilClose,
        }
    }

    /// Writes all of `bytes`.
    pub(super) fn data(&mut self, bytes: &mut Bytes, last: Last, out: &mut Outbound) -> Result<(), Misuse> {
        match self {
            Self::Length(left) => {
                let n = bytes.len() as u64;
                if n > *left {
                    return Err(Misuse::TooMuchBody { left: *left });
                }
                if last == Last::Yes && n < *left {
                    return Err(Misuse::TooLittleBody { missing: *left - n });
                }
                *left -= n;
                out.take(bytes);
            }
            Self::Chunked => encode::chunk(out, core::mem::take(bytes)),
            Self::UntilClose => out.take(bytes),
        }
        Ok(())
    }

    /// Writes a part of a file.
    pub(super) fn file(&mut self, range: FileRange, out: &mut Outbound) -> Result<(), Misuse> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(range.len()).ok_or(Misuse::TooMuchBody { left: *left })?;
                out.write_file(range);
                Ok(())
            }
            Self::Chunked | Self::UntilClose => Err(Misuse::NotAllowed),
        }
    }

    /// Writes what tells the end. Trailers go where the coding can carry them, and nowhere else.
    pub(super) fn end(self, trailers: Option<&Headers>, out: &mut Outbound) -> Result<(), Misuse> {
        match self {
            Self::Length(0) | Self::UntilClose => Ok(()),
            Self::Length(missing) => Err(Misuse::TooLittleBody { missing }),
            Self::Chunked => {
                encode::last_chunk(out, trailers);
                Ok(())
            }
        }
    }
}
