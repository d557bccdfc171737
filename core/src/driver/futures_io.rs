//! Any futures-io stream as a [`Transport`].

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};

use super::buffers::{poll_read_through, poll_write_from};
use super::runtime::Transport;
use crate::link::Outbound;

/// A [`Transport`] over a stream that implements futures-io's traits: a TLS stream of another library, a pipe of a
/// test.
///
/// Closing is `poll_close`, which must end our side. For a bare `async_io::Async` socket it does not; the types of
/// `smol::net` and `async_std::net` do it.
#[derive(Clone, Copy, Debug)]
pub struct FuturesIo<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for FuturesIo<S> {
    const REREAD_IS_FREE: bool = false;
    /// Streams that encrypt or gather send what they hold when they are flushed.
    const BUFFERS_WRITES: bool = true;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        poll_read_through(into, limit, |room| Pin::new(&mut self.0).poll_read(cx, room))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        if out.is_empty() {
            return Pin::new(&mut self.0).poll_flush(cx).map_ok(|()| 0);
        }
        poll_write_from(out, |slices| match slices {
            [one] => Pin::new(&mut self.0).poll_write(cx, one),
            many => Pin::new(&mut self.0).poll_write_vectored(cx, many),
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::task::{Waker, ready};
    use std::io::IoSlice;

    /// Gives back what it got, `step` bytes a call, and says `Pending` before each call that moves something.
    struct Slow {
        bytes: Vec<u8>,
        read: usize,
        step: usize,
        ready: bool,
        closed: bool,
    }

    impl Slow {
        fn turn(&mut self) -> Poll<()> {
            self.ready = !self.ready;
            if self.ready { Poll::Pending } else { Poll::Ready(()) }
        }
    }

    impl AsyncRead for Slow {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            room: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            ready!(self.turn());
            let n = self.step.min(room.len()).min(self.bytes.len() - self.read);
            let start = self.read;
            room[..n].copy_from_slice(&self.bytes[start..start + n]);
            self.read += n;
            Poll::Ready(Ok(n))
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            ready!(self.turn());
            let n = self.step.min(bytes.len());
            self.bytes.extend_from_slice(&bytes[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            ready!(self.turn());
            let before = self.bytes.len();
            let step = self.step;
            self.bytes.extend(slices.iter().flat_map(|slice| slice.iter()).take(step));
            Poll::Ready(Ok(self.bytes.len() - before))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.closed = true;
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn bytes_survive_short_reads_short_writes_and_many_slices() {
        let mut cx = Context::from_waker(Waker::noop());
        for step in [3, 4095, 4096, 5000, 1 << 20] {
            let mut stream =
                FuturesIo(Slow { bytes: Vec::new(), read: 0, step, ready: false, closed: false });
            let mut out = Outbound::new(usize::MAX);
            let mut sent = Vec::new();
            for fill in 0..20 {
                out.write_slice(b"head");
                out.write(std::vec![fill; 4096]);
                sent.extend_from_slice(b"head");
                sent.extend_from_slice(&[fill; 4096]);
            }
            while !out.is_empty() {
                if let Poll::Ready(wrote) = stream.poll_write(&mut cx, &mut out) {
                    assert!(wrote.expect("the stream takes all") <= step);
                }
            }
            let mut got = BytesMut::new();
            loop {
                let before = got.len();
                if let Poll::Ready(read) = stream.poll_read(&mut cx, &mut got, 3000) {
                    let n = read.expect("the stream gives all");
                    assert_eq!(got.len() - before, n);
                    assert!(n <= 3000);
                    if n == 0 {
                        break;
                    }
                }
            }
            assert_eq!(&got[..], &sent[..]);
            assert!(stream.poll_close(&mut cx).is_ready() && stream.0.closed);
        }
    }

    #[test]
    fn what_a_stream_holds_is_flushed_when_nothing_is_left_to_write() {
        struct Gathers {
            held: Vec<u8>,
            sent: Vec<u8>,
        }
        impl AsyncRead for Gathers {
            fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
                Poll::Pending
            }
        }
        impl AsyncWrite for Gathers {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.held.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let held = core::mem::take(&mut self.held);
                self.sent.extend_from_slice(&held);
                Poll::Ready(Ok(()))
            }
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
        let mut stream = FuturesIo(Gathers { held: Vec::new(), sent: Vec::new() });
        let mut out = Outbound::default();
        out.write_slice(b"answer");
        let mut cx = Context::from_waker(Waker::noop());
        for moved in [6, 0] {
            assert!(matches!(stream.poll_write(&mut cx, &mut out), Poll::Ready(Ok(n)) if n == moved));
        }
        assert_eq!(stream.0.sent, b"answer");
    }
}
