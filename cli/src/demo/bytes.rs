//! As many bytes as are wanted.

use core::task::{Context, Poll};

use anyloop::{Body, BodyError, BodySource, Request, Response};
use bytes::Bytes;

use super::number::{self, OutOfRange};

const MAX: u64 = 1 << 40;
/// A long write lets the peer's reading pace the kernel: at 64 KiB a write an answer costs twice the processor time. Half a
/// mebibyte also stays in the processor's cache.
const BLOCK: usize = 512 * 1024;

/// The bytes 0 to 255, again and again: all chunks are slices of it.
static PATTERN: [u8; BLOCK] = {
    let mut pattern = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        pattern[at] = (at % 256) as u8;
        at += 1;
    }
    pattern
};

pub(super) fn answer(request: Request) -> Result<Response, OutOfRange> {
    let length = number::param(&request, "n", MAX)?;
    Ok(Response::new(Body::from_source(Pattern { at: 0, length })).with_type("application/octet-stream"))
}

/// A body whose byte at position p is p modulo 256. Nothing is copied.
struct Pattern {
    at: u64,
    length: u64,
}

impl BodySource for Pattern {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let left = self.length - self.at;
        if left == 0 {
            return Poll::Ready(None);
        }
        let size = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        self.at += size as u64;
        Poll::Ready(Some(Ok(Bytes::from_static(&PATTERN[..size]))))
    }

    fn length(&self) -> Option<u64> {
        Some(self.length - self.at)
    }
}
