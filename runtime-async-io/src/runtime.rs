//! One runtime type for the event loops that stand on async-io.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyloop_core::driver::blocking::caught;
use anyloop_core::driver::{Accepted, Connecting, Panicked, Peer, Runtime, Socket, Workers, clock};
use anyloop_core::time::Now;

use super::executor::{LocalTasks, SharedTasks, run_local, run_shared};
use super::reactor::{self, Listener, Stream, Timer};

/// What the event loops differ in.
pub trait EventLoop: 'static {
    /// The name that users know it by.
    const NAME: &'static str;

    /// Polls a future, and the reactor, on the thread that calls.
    fn block_on(future: Pin<&mut dyn Future<Output = ()>>);

    /// Runs blocking work, which does not panic, on the event loop's pool for it.
    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static;
}

/// A runtime on async-io. Its sockets, timers and blocking work need no context: any thread may use them.
pub struct AsyncIo<E>(PhantomData<fn() -> E>);

impl<E> AsyncIo<E> {
    /// Makes the handle, which holds nothing.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Default for AsyncIo<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Clone for AsyncIo<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for AsyncIo<E> {}

impl<E: EventLoop> fmt::Debug for AsyncIo<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncIo").field(&E::NAME).finish()
    }
}

impl<E: EventLoop> Runtime for AsyncIo<E> {
    type Stream = Stream;
    type Listener = Listener;
    type Timer = Timer;
    type Connect = Connecting<Stream>;

    const NAME: &'static str = E::NAME;

    fn now(&self) -> Now {
        clock::now()
    }

    fn timer(&self) -> Timer {
        Timer::never()
    }

    fn listen(&self, socket: Socket) -> io::Result<Listener> {
        reactor::listen(socket)
    }

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Stream>>> {
        reactor::poll_accept(listener, cx)
    }

    fn connect(&self, to: &Peer) -> Connecting<Stream> {
        reactor::connect(to)
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        E::unblock(caught(work))
    }
}

impl<E: EventLoop> Workers for AsyncIo<E> {
    type Local = LocalTasks;
    type Shared = SharedTasks;

    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, LocalTasks) -> F) -> io::Result<()> {
        run_local(E::block_on, |tasks| worker(Self::new(), tasks));
        Ok(())
    }

    fn block_on_shared<F: Future<Output = ()>>(
        threads: usize,
        worker: impl FnOnce(Self, SharedTasks) -> F,
    ) -> io::Result<()> {
        run_shared(E::block_on, threads, |tasks| worker(Self::new(), tasks))
    }
}
