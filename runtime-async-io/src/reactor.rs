//! Sockets and timers of the async-io reactor.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyloop_core::driver::buffers::{poll_read_through, poll_write_from};
use anyloop_core::driver::socket::{adopt, finish_accept, finish_connect};
use anyloop_core::driver::{Accepted, Connecting, Peer, Socket, Transport, clock};
use anyloop_core::link::Outbound;
use anyloop_core::time::Instant;
use async_io::Async;
use bytes::BytesMut;

/// A connected TCP or Unix socket.
#[derive(Debug)]
pub struct Stream(Async<socket2::Socket>);

impl Stream {
    /// Tries first and waits after: under load the bytes or the room are mostly there, and waiting costs a system call
    /// of its own.
    fn poll_io<T>(
        &self,
        mut ready: impl FnMut(&Async<socket2::Socket>) -> Poll<io::Result<()>>,
        mut io: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match io(self.0.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(ready(&self.0))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl Transport for Stream {
    const REREAD_IS_FREE: bool = false;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        poll_read_through(into, limit, |room| {
            self.poll_io(|io| io.poll_readable(cx), |mut socket| socket.read(room))
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        poll_write_from(out, |slices| {
            self.poll_io(
                |io| io.poll_writable(cx),
                |mut socket| match slices {
                    [one] => socket.write(one),
                    many => socket.write_vectored(many),
                },
            )
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.get_ref().shutdown(Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    io: Async<socket2::Socket>,
    local: Peer,
    /// Whether nothing was left, so that the reactor is asked first. A worker is polled more often than connections come.
    drained: bool,
}

/// Takes a listening socket into the reactor.
///
/// # Errors
/// What the reactor reports.
pub(crate) fn listen(socket: Socket) -> io::Result<Listener> {
    let local = adopt(&socket)?;
    let socket = match socket {
        Socket::Tcp(listener) => socket2::Socket::from(listener),
        #[cfg(unix)]
        Socket::Unix(listener) => socket2::Socket::from(listener),
    };
    Ok(Listener { io: Async::new_nonblocking(socket)?, local, drained: false })
}

/// Takes the next connection.
///
/// # Errors
/// Those of `accept(2)`, and what the reactor reports.
pub(crate) fn poll_accept(
    listener: &mut Listener,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Accepted<Stream>>> {
    loop {
        if listener.drained {
            ready!(listener.io.poll_readable(cx))?;
            listener.drained = false;
        }
        match listener.io.get_ref().accept() {
            Ok((socket, peer)) => {
                let local = finish_accept(&socket, &listener.local);
                let stream = Stream(Async::new(socket)?);
                return Poll::Ready(Ok(Accepted { stream, peer: Peer::from(&peer), local }));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.drained = true,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// Connects.
pub(crate) fn connect(to: &Peer) -> Connecting<Stream> {
    let to = to.clone();
    Connecting::new(async move {
        let socket = match to {
            Peer::Tcp(address) => {
                let stream = Async::<TcpStream>::connect(address).await?.into_inner()?;
                finish_connect(&stream)?;
                socket2::Socket::from(stream)
            }
            #[cfg(unix)]
            Peer::Unix(Some(path)) => {
                Async::<std::os::unix::net::UnixStream>::connect(path).await?.into_inner()?.into()
            }
            Peer::Unix(_) => return Err(anyloop_core::driver::socket::unnamed()),
        };
        Ok(Stream(Async::new_nonblocking(socket)?))
    })
}

/// A timer of the reactor.
#[derive(Debug)]
pub struct Timer(async_io::Timer);

impl Timer {
    /// Makes a timer that is not set.
    pub fn never() -> Self {
        Self(async_io::Timer::never())
    }
}

impl anyloop_core::driver::Timer for Timer {
    fn reset(&mut self, at: Instant) {
        self.0.set_at(clock::to_std(at));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}
