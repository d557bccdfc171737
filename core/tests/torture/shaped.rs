//! The simulator with transports of each kind that the driver tells apart.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyloop_core::driver::{Accepted, Panicked, Peer, Runtime, Socket, Transport};
use anyloop_core::link::Outbound;
use anyloop_core::sim::{Sim, SimConnect, SimListener, SimStream, SimTimer};
use anyloop_core::time::Now;
use bytes::BytesMut;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    FreeReads,
    BufferedWrites,
    Both,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::FreeReads, Self::BufferedWrites, Self::Both];

    pub(crate) fn rereads(self) -> bool {
        match self {
            Self::FreeReads | Self::Both => true,
            Self::Plain | Self::BufferedWrites => false,
        }
    }

    pub(crate) fn buffers(self) -> bool {
        match self {
            Self::BufferedWrites | Self::Both => true,
            Self::Plain | Self::FreeReads => false,
        }
    }
}

/// A simulation whose streams have these constants.
#[derive(Clone, Debug)]
pub(crate) struct Shaped<const FREE: bool, const BUFFERS: bool>(pub(crate) Sim);

#[derive(Debug)]
pub(crate) struct Stream<const FREE: bool, const BUFFERS: bool>(pub(crate) SimStream);

impl<const FREE: bool, const BUFFERS: bool> Transport for Stream<FREE, BUFFERS> {
    const REREAD_IS_FREE: bool = FREE;
    const BUFFERS_WRITES: bool = BUFFERS;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into, limit)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        assert!(BUFFERS || !out.is_empty(), "a write of nothing");
        self.0.poll_write(cx, out)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close(cx)
    }
}

pub(crate) struct Connect<const FREE: bool, const BUFFERS: bool>(SimConnect);

impl<const FREE: bool, const BUFFERS: bool> Future for Connect<FREE, BUFFERS> {
    type Output = io::Result<Stream<FREE, BUFFERS>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(Stream)
    }
}

impl<const FREE: bool, const BUFFERS: bool> Runtime for Shaped<FREE, BUFFERS> {
    type Stream = Stream<FREE, BUFFERS>;
    type Listener = SimListener;
    type Timer = SimTimer;
    type Connect = Connect<FREE, BUFFERS>;

    const NAME: &'static str = Sim::NAME;

    fn now(&self) -> Now {
        self.0.now()
    }

    fn timer(&self) -> SimTimer {
        self.0.timer()
    }

    fn listen(&self, socket: Socket) -> io::Result<SimListener> {
        self.0.listen(socket)
    }

    fn poll_accept(
        &self,
        listener: &mut SimListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Self::Stream>>> {
        self.0.poll_accept(listener, cx).map_ok(|Accepted { stream, peer, local }| Accepted {
            stream: Stream(stream),
            peer,
            local,
        })
    }

    fn connect(&self, to: &Peer) -> Self::Connect {
        Connect(self.0.connect(to))
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        self.0.unblock(work)
    }
}
