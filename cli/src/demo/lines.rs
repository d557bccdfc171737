//! As many lines as are wanted, one at a time.

use core::fmt::Write;
use core::task::{Context, Poll};

use anyloop::{Body, BodyError, BodySource, Request, Response};
use bytes::{Bytes, BytesMut};

use super::number::{self, OutOfRange};

const MAX: u64 = 1_000_000_000;
/// Lines are cut from buffers of this size, so that not each needs one of its own.
const BUFFER: usize = 4096;
/// The longest line fits.
const LINE: usize = 32;

pub(super) fn answer(request: Request) -> Result<Response, OutOfRange> {
    let last = number::param(&request, "n", MAX)?;
    Ok(Response::text(Body::from_source(Lines { sent: 0, last, buffer: BytesMut::new() })))
}

/// A body of the lines `line 1` to `line n`, each a chunk.
struct Lines {
    sent: u64,
    last: u64,
    buffer: BytesMut,
}

impl BodySource for Lines {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.sent == self.last {
            return Poll::Ready(None);
        }
        self.sent += 1;
        if self.buffer.capacity() < LINE {
            self.buffer.reserve(BUFFER);
        }
        let written = writeln!(self.buffer, "line {}", self.sent);
        Poll::Ready(Some(match written {
            Ok(()) => Ok(self.buffer.split().freeze()),
            Err(error) => Err(BodyError::source(error)),
        }))
    }
}
