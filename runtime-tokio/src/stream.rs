//! tokio's sockets as a byte stream.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use anyloop_core::driver::Transport;
use anyloop_core::driver::buffers::poll_write_from;
#[cfg(target_os = "linux")]
use anyloop_core::driver::buffers::send_file_from;
use anyloop_core::driver::socket::is_quiet;
use anyloop_core::link::Outbound;
use bytes::{BufMut, BytesMut};
#[cfg(target_os = "linux")]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// How much room a read gets, in bytes, when the buffer has less of its own.
const ROOM: usize = 16 * 1024;

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// A TCP socket.
    Tcp(TcpStream),
    /// A Unix socket. In a box, so that the others take no more than a socket.
    #[cfg(unix)]
    Unix(Box<UnixStream>),
}

impl Transport for Stream {
    /// tokio takes a read that did not fill the buffer for a sign that the socket is drained, and makes the next one
    /// wait for the reactor.
    const REREAD_IS_FREE: bool = true;
    const SENDS_FILES: bool = cfg!(target_os = "linux");

    fn is_quiet(&mut self) -> Option<bool> {
        Some(match self {
            Self::Tcp(stream) => is_quiet(stream),
            #[cfg(unix)]
            Self::Unix(stream) => is_quiet(&**stream),
        })
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let room = limit.min(ROOM);
        let short = into.capacity() - into.len() < room;
        if short {
            // Memory only for what is there.
            ready!(match self {
                Self::Tcp(stream) => stream.poll_read_ready(cx),
                #[cfg(unix)]
                Self::Unix(stream) => stream.poll_read_ready(cx),
            })?;
            into.reserve(room);
        }
        let read = match self {
            Self::Tcp(stream) => poll_read_buf(stream, cx, into, limit),
            #[cfg(unix)]
            Self::Unix(stream) => poll_read_buf(&mut **stream, cx, into, limit),
        };
        if short && into.is_empty() && read.is_pending() {
            // tokio may hold a socket for ready that is not, a new one for instance.
            *into = BytesMut::new();
        }
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        #[cfg(target_os = "linux")]
        while out.front_file().is_some() {
            match ready!(self.poll_send_file(cx, out)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
        let mut stream = self.writer();
        poll_write_from(out, |slices| match slices {
            [one] => stream.as_mut().poll_write(cx, one),
            many => stream.as_mut().poll_write_vectored(cx, many),
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}

impl Stream {
    /// Waits for room and sends from the part of a file at the front of `out`.
    #[cfg(target_os = "linux")]
    fn poll_send_file(&self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        let none = || Ok(0);
        Poll::Ready(match self {
            Self::Tcp(stream) => {
                ready!(stream.poll_write_ready(cx))?;
                stream.try_io(Interest::WRITABLE, || send_file_from(out, stream).unwrap_or_else(none))
            }
            Self::Unix(stream) => {
                ready!(stream.poll_write_ready(cx))?;
                stream.try_io(Interest::WRITABLE, || send_file_from(out, &**stream).unwrap_or_else(none))
            }
        })
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        Pin::new(match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => &mut **stream,
        })
    }
}

/// `read_buf` keeps no state, so a future of it may be made and dropped in each poll.
fn poll_read_buf(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    into: &mut BytesMut,
    limit: usize,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(&mut into.limit(limit))).poll(cx)
}
