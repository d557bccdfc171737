//! Sockets and timers of the async-io reactor.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(target_os = "linux")]
use anyloop_core::driver::buffers::send_file_from;
use anyloop_core::driver::buffers::{poll_read_through, poll_write_from};
use anyloop_core::driver::socket::{adopt, finish_accept, finish_connect, is_quiet};
use anyloop_core::driver::{Accepted, Connecting, Peer, Socket, Transport, clock};
use anyloop_core::link::Outbound;
use anyloop_core::time::Instant;
use async_io::Async;
use bytes::BytesMut;

/// A connected TCP or Unix socket.
#[derive(Debug)]
pub struct Stream {
    io: Async<socket2::Socket>,
    guess: Guess,
    asked: Asked,
}

/// What the reactor was asked about reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing that is not answered and heard.
    No,
    /// To wake us.
    Waits,
    /// The same, and the bytes came without its answer being heard: the next answer is an old one.
    Before,
}

/// Whether the bytes that are wanted are likely to be there.
///
/// Under load they mostly are, and waiting for them first would cost a system call and a turn of the reactor. Where they are
/// not, trying is the system call that is lost: after tries in vain, ever more reads wait first.
#[derive(Clone, Copy, Debug, Default)]
struct Guess {
    /// How many tries were in vain since the last one that was not.
    vain: u8,
    /// How many reads wait first before the next try.
    waits: u8,
}

impl Guess {
    /// After so many tries in vain 2 to the power of one less reads wait, the one that found nothing among them.
    const MOST: u8 = 5;

    fn tries(self) -> bool {
        self.waits == 0
    }

    /// A read that tried found nothing.
    fn was_wrong(&mut self) {
        self.vain = (self.vain + 1).min(Self::MOST);
        self.waits = 1 << (self.vain - 1);
    }

    /// A read brought bytes; `all` says that there may be more.
    fn read(&mut self, all: bool) {
        if all || self.waits == 0 {
            *self = Self::default();
        } else {
            self.waits -= 1;
        }
    }
}

impl From<Async<socket2::Socket>> for Stream {
    fn from(io: Async<socket2::Socket>) -> Self {
        Self { io, guess: Guess::default(), asked: Asked::No }
    }
}

impl Stream {
    /// Asks the reactor, which looks at the socket anew after an answer that is old.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut answer = self.io.poll_readable(cx);
        if self.asked == Asked::Before && matches!(answer, Poll::Ready(Ok(()))) {
            answer = self.io.poll_readable(cx);
        }
        self.asked = if answer.is_pending() { Asked::Waits } else { Asked::No };
        answer
    }
}

impl Transport for Stream {
    const REREAD_IS_FREE: bool = false;
    const SENDS_FILES: bool = cfg!(target_os = "linux");

    fn is_quiet(&mut self) -> Option<bool> {
        let quiet = is_quiet(self.io.get_ref());
        if !quiet {
            // The next read tries, whatever the reactor knows.
            self.guess = Guess::default();
        }
        Some(quiet)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        poll_read_through(into, limit, |room| {
            if self.asked != Asked::Waits && !self.guess.tries() {
                ready!(self.poll_readable(cx))?;
            }
            loop {
                match self.io.get_ref().read(room) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.asked != Asked::Waits {
                            self.guess.was_wrong();
                        }
                        ready!(self.poll_readable(cx))?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(n) => {
                        self.guess.read(n == room.len());
                        if self.asked == Asked::Waits {
                            self.asked = Asked::Before;
                        }
                        return Poll::Ready(Ok(n));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        let io = &self.io;
        #[cfg(target_os = "linux")]
        while let Some(sent) = send_file_from(out, io.get_ref()) {
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(io.poll_writable(cx))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
        poll_write_from(out, |slices| {
            loop {
                let written = match slices {
                    [one] => io.get_ref().write(one),
                    many => io.get_ref().write_vectored(many),
                };
                match written {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(io.poll_writable(cx))?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => return Poll::Ready(done),
                }
            }
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.io.get_ref().shutdown(Shutdown::Write) {
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
                let stream = Stream::from(Async::new(socket)?);
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
        Ok(Stream::from(Async::new_nonblocking(socket)?))
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

#[cfg(test)]
mod tests {
    use super::Guess;

    #[test]
    fn tries_in_vain_become_rare_and_one_that_is_not_ends_that() {
        let mut guess = Guess::default();
        let mut waited = Vec::new();
        for _ in 0..6 {
            assert!(guess.tries());
            guess.was_wrong();
            let mut reads = 0;
            while !guess.tries() {
                guess.read(false);
                reads += 1;
            }
            waited.push(reads);
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 16]);
        guess.read(false);
        guess.was_wrong();
        guess.read(false);
        assert!(guess.tries(), "it counts from one again");
    }

    #[test]
    fn a_read_that_left_something_behind_is_followed_by_a_try() {
        let mut guess = Guess::default();
        guess.was_wrong();
        guess.read(false);
        guess.was_wrong();
        guess.read(true);
        assert!(guess.tries());
    }
}
