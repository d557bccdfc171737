//! anyloop on smol.

#![forbid(unsafe_code)]

use std::future::Future;
use std::io;
use std::task::{Context, Poll};

use anyloop_async_io as async_io;
use anyloop_core::driver::blocking::caught;
use anyloop_core::driver::{Accepted, Connecting, Panicked, Peer, Runtime, Socket, Workers, clock};
use anyloop_core::time::Now;
pub use async_io::{Listener, LocalTasks, SharedTasks, Stream, Timer};

/// The smol runtime. Its sockets, timers and blocking work need no context: any thread may use them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Stream = Stream;
    type Listener = Listener;
    type Timer = Timer;
    type Connect = Connecting<Stream>;

    const NAME: &'static str = "smol";

    fn now(&self) -> Now {
        clock::now()
    }

    fn timer(&self) -> Timer {
        Timer::never()
    }

    fn listen(&self, socket: Socket) -> io::Result<Listener> {
        async_io::listen(socket)
    }

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Stream>>> {
        async_io::poll_accept(listener, cx)
    }

    fn connect(&self, to: &Peer) -> Connecting<Stream> {
        async_io::connect(to)
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        smol::unblock(caught(work))
    }
}

impl Workers for Smol {
    type Local = LocalTasks;
    type Shared = SharedTasks;

    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, LocalTasks) -> F) -> io::Result<()> {
        async_io::run_local(|future| smol::block_on(future), |tasks| worker(Self, tasks));
        Ok(())
    }

    fn block_on_shared<F: Future<Output = ()>>(
        threads: usize,
        worker: impl FnOnce(Self, SharedTasks) -> F,
    ) -> io::Result<()> {
        async_io::run_shared(|future| smol::block_on(future), threads, |tasks| worker(Self, tasks))
    }
}
