//! What anyloop asks of an event loop.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use anyloop::core::driver::blocking::caught;
use anyloop::core::driver::{Accepted, Panicked, Peer, Runtime, Socket, Workers, clock};
use anyloop::core::time::{Instant, Now};

use crate::event_loop::{Event, EventLoop, Id};
use crate::socket::{self, Listener, Stream};

/// A timer.
pub(crate) struct Timer {
    at: Option<Instant>,
    id: Id,
    event_loop: EventLoop,
}

impl Timer {
    fn stop(&mut self) {
        if let Some(at) = self.at.take() {
            self.event_loop.forget(Event::Time(at, self.id));
        }
    }
}

impl anyloop::core::driver::Timer for Timer {
    fn reset(&mut self, at: Instant) {
        self.stop();
        self.at = Some(at);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.at {
            Some(at) if at <= clock::now().mono => Poll::Ready(()),
            Some(at) => {
                self.event_loop.when(Event::Time(at, self.id), cx.waker());
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for EventLoop {
    type Stream = Stream;
    type Listener = Listener;
    type Timer = Timer;
    type Connect = Pin<Box<dyn Future<Output = io::Result<Stream>>>>;

    const NAME: &'static str = "mini loop";

    fn now(&self) -> Now {
        clock::now()
    }

    fn timer(&self) -> Timer {
        Timer { at: None, id: self.new_id(), event_loop: self.clone() }
    }

    fn listen(&self, socket: Socket) -> io::Result<Listener> {
        socket::listen(self, socket)
    }

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Stream>>> {
        socket::poll_accept(listener, cx)
    }

    fn connect(&self, to: &Peer) -> Self::Connect {
        Box::pin(socket::connect(self.clone(), to.clone()))
    }

    /// Takes a thread for each piece of work.
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        let slot = Arc::new(Mutex::new((None, None::<Waker>)));
        let result = slot.clone();
        thread::spawn(move || {
            let done = caught(work)();
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.0 = Some(done);
            let waiting = slot.1.take();
            drop(slot);
            waiting.into_iter().for_each(Waker::wake);
        });
        poll_fn(move |cx| {
            let mut slot = result.lock().unwrap_or_else(PoisonError::into_inner);
            slot.1 = Some(cx.waker().clone());
            slot.0.take().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

impl Workers for EventLoop {
    type Local = Self;
    type Shared = NoThreads;

    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, Self) -> F) -> io::Result<()> {
        let event_loop = Self::new()?;
        event_loop.run(worker(event_loop.clone(), event_loop.clone()))
    }

    fn block_on_shared<F: Future<Output = ()>>(
        _: usize,
        _: impl FnOnce(Self, NoThreads) -> F,
    ) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this event loop has one thread"))
    }
}

/// Nothing can be spawned for several threads.
#[derive(Clone)]
pub(crate) struct NoThreads;
