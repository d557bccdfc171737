//! Sockets that never block: try, and if it is too early, come back when the event loop says so.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Poll};

use anyloop::core::driver::buffers::{poll_read_through, poll_write_from};
use anyloop::core::driver::socket::{adopt, finish_accept, finish_connect, unnamed};
use anyloop::core::driver::{Accepted, Peer, Transport};
use anyloop::core::link::Outbound;
use bytes::BytesMut;
use rustix::io::Errno;
use socket2::{SockAddr, Socket, Type};

use crate::event_loop::{Event, EventLoop, Id};

/// A connected socket.
pub(crate) struct Stream(Source);

/// A listening socket.
pub(crate) struct Listener {
    source: Source,
    local: Peer,
}

/// A socket that the event loop knows.
struct Source {
    socket: Rc<Socket>,
    id: Id,
    event_loop: EventLoop,
}

impl Source {
    fn new(socket: Socket, event_loop: &EventLoop) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Rc::new(socket);
        let id = event_loop.add_socket(&socket);
        Ok(Self { socket, id, event_loop: event_loop.clone() })
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        event: fn(Id) -> Event,
        mut io: impl FnMut(&Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match io(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.event_loop.when(event(self.id), cx.waker());
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.event_loop.remove_socket(self.id);
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
            self.0.poll(cx, Event::Readable, |mut socket| socket.read(room))
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        poll_write_from(out, |slices| {
            self.0.poll(cx, Event::Writable, |mut socket| socket.write_vectored(slices))
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.socket.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

pub(crate) fn listen(event_loop: &EventLoop, socket: anyloop::core::driver::Socket) -> io::Result<Listener> {
    let local = adopt(&socket)?;
    let socket = match socket {
        anyloop::core::driver::Socket::Tcp(listener) => Socket::from(listener),
        anyloop::core::driver::Socket::Unix(listener) => Socket::from(listener),
    };
    Ok(Listener { source: Source::new(socket, event_loop)?, local })
}

pub(crate) fn poll_accept(
    listener: &mut Listener,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Accepted<Stream>>> {
    let Listener { source, local } = listener;
    source.poll(cx, Event::Readable, Socket::accept).map(|accepted| {
        let (socket, peer) = accepted?;
        let local = finish_accept(&socket, local);
        let stream = Stream(Source::new(socket, &source.event_loop)?);
        Ok(Accepted { stream, peer: Peer::from(&peer), local })
    })
}

pub(crate) async fn connect(event_loop: EventLoop, to: Peer) -> io::Result<Stream> {
    let address = match &to {
        Peer::Tcp(address) => SockAddr::from(*address),
        Peer::Unix(Some(path)) => SockAddr::unix(path)?,
        Peer::Unix(None) => return Err(unnamed()),
    };
    let source = Source::new(Socket::new(address.domain(), Type::STREAM, None)?, &event_loop)?;
    match source.socket.connect(&address) {
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
        done => done?,
    }
    std::future::poll_fn(|cx| source.poll(cx, Event::Writable, is_connected)).await?;
    if matches!(to, Peer::Tcp(_)) {
        finish_connect(&*source.socket)?;
    }
    Ok(Stream(source))
}

fn is_connected(socket: &Socket) -> io::Result<()> {
    match (socket.take_error()?, socket.peer_addr()) {
        (Some(error), _) => Err(error),
        (None, Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        (None, done) => done.map(drop),
    }
}
