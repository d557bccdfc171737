//! Between the buffers of a [`Link`](crate::link::Link) and a socket that takes slices.

use alloc::vec::Vec;
use core::cell::Cell;
use core::task::{Poll, ready};
use std::io::{self, IoSlice};

use bytes::BytesMut;

#[cfg(target_os = "linux")]
use super::OpenFile;
use crate::link::Outbound;

/// The size of the scratch buffer that reads go through, in bytes. There is one for each thread.
pub const SCRATCH: usize = 64 * 1024;
/// How many slices one vectored write takes at most.
pub const MAX_SLICES: usize = 16;

std::thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads at most `limit` bytes through a scratch buffer and appends them to `into`.
///
/// For sockets that read into initialized memory only. Copying what arrived costs less than clearing room for what
/// might arrive, as most reads are small; and nothing is reserved while nothing arrives.
///
/// # Errors
/// Those of `read`.
pub fn poll_read_through(
    into: &mut BytesMut,
    limit: usize,
    read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    // Taken out and not borrowed: `read` may be a stream that itself reads through here.
    let mut scratch = BUFFER.take();
    if scratch.is_empty() {
        scratch.resize(SCRATCH, 0);
    }
    let room = limit.min(SCRATCH);
    let read = read(&mut scratch[..room]);
    if let Poll::Ready(Ok(n)) = read {
        into.extend_from_slice(&scratch[..n]);
    }
    BUFFER.set(scratch);
    read
}

/// Gives the front of `out` to `write` and takes off what it wrote.
///
/// `write` gets at least one slice and at most [`MAX_SLICES`]; it isn't called when `out` is empty.
///
/// # Errors
/// Those of `write`; [`WriteZero`](io::ErrorKind::WriteZero) when it takes no byte.
pub fn poll_write_from(
    out: &mut Outbound,
    write: impl FnOnce(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    if out.is_empty() {
        return Poll::Ready(Ok(0));
    }
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (slot, slice) in slices.iter_mut().zip(out.slices()) {
        *slot = IoSlice::new(slice);
        count += 1;
    }
    let n = ready!(write(&slices[..count]))?;
    if n == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    out.advance(n);
    Poll::Ready(Ok(n))
}

/// How much of a file one call sends at most, in bytes.
#[cfg(target_os = "linux")]
const FILE_STEP: u64 = 1 << 20;

/// Sends from the part of a file at the front of `out`, and takes off what went; `None` when bytes stand there.
///
/// # Errors
/// Those of `sendfile(2)`, [`WouldBlock`](io::ErrorKind::WouldBlock) among them;
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the file became shorter.
#[cfg(target_os = "linux")]
pub fn send_file_from(out: &mut Outbound, socket: impl std::os::fd::AsFd) -> Option<io::Result<usize>> {
    let range = out.front_file()?;
    let Some(open) = range.file().downcast_ref::<OpenFile>() else {
        return Some(Err(io::ErrorKind::InvalidInput.into()));
    };
    let (mut start, step) = (range.start(), range.len().min(FILE_STEP) as usize);
    Some(match rustix::fs::sendfile(socket, open.file(), Some(&mut start), step) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(n) => {
            out.advance(n);
            Ok(n)
        }
        Err(error) => Err(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_some(into: &mut BytesMut, limit: usize, bytes: &[u8]) -> usize {
        let read = poll_read_through(into, limit, |room| {
            let n = bytes.len().min(room.len());
            room[..n].copy_from_slice(&bytes[..n]);
            Poll::Ready(Ok(n))
        });
        match read {
            Poll::Ready(n) => n.expect("the reader gives no error"),
            Poll::Pending => unreachable!("the reader is always ready"),
        }
    }

    #[test]
    fn a_read_appends_within_its_limit() {
        let mut into = BytesMut::from(&b"ab"[..]);
        assert_eq!(read_some(&mut into, 3, b"cdefg"), 3);
        assert_eq!(&into[..], b"abcde");
        assert_eq!(read_some(&mut into, usize::MAX, &[7; SCRATCH + 1]), SCRATCH);
    }

    #[test]
    fn nothing_is_reserved_on_pending() {
        let mut into = BytesMut::new();
        assert!(poll_read_through(&mut into, 100, |_| Poll::Pending).is_pending());
        assert_eq!(into.capacity(), 0);
    }

    #[test]
    fn a_reader_may_itself_read_through_the_scratch_buffer() {
        let mut outer = BytesMut::new();
        let read = poll_read_through(&mut outer, 10, |room| {
            let mut inner = BytesMut::new();
            assert_eq!(read_some(&mut inner, 10, b"inner"), 5);
            room[..5].copy_from_slice(&inner);
            Poll::Ready(Ok(5))
        });
        assert!(read.is_ready());
        assert_eq!(&outer[..], b"inner");
    }

    #[test]
    fn a_write_takes_a_bounded_number_of_slices_from_the_front() {
        let mut out = Outbound::new(usize::MAX);
        for fill in 0..2 * MAX_SLICES {
            out.write(std::vec![fill as u8; 4096]);
        }
        let before = out.len();
        let wrote = poll_write_from(&mut out, |slices| {
            assert_eq!(slices.len(), MAX_SLICES);
            Poll::Ready(Ok(4096 + 1))
        });
        assert!(matches!(wrote, Poll::Ready(Ok(4097))));
        assert_eq!(out.len(), before - 4097);
        assert_eq!(out.slices().next().map(|slice| (slice.len(), slice[0])), Some((4095, 1)));
    }

    #[test]
    fn a_write_of_nothing_is_an_error_unless_there_is_nothing() {
        let mut out = Outbound::default();
        assert!(matches!(
            poll_write_from(&mut out, |_| unreachable!("nothing to write")),
            Poll::Ready(Ok(0))
        ));
        out.write_slice(b"x");
        let wrote = poll_write_from(&mut out, |_| Poll::Ready(Ok(0)));
        assert!(matches!(wrote, Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::WriteZero));
        assert_eq!(out.len(), 1);
    }
}
