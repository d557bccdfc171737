//! A protocol that is an async function.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;
use core::future::Future;
use core::mem::swap;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;

use super::duplex::{Duplex, Input, Pipe, Shared};
use crate::link::{Link, Outbound};
use crate::protocol::{Eof, Lost, Protocol, Work};

/// What an async function over a [`Duplex`] may return.
pub trait Outcome {
    /// Says whether the connection ends in order.
    ///
    /// # Errors
    /// What the function failed with.
    fn into_result(self) -> io::Result<()>;
}

impl Outcome for () {
    fn into_result(self) -> io::Result<()> {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Outcome for Result<(), E> {
    fn into_result(self) -> io::Result<()> {
        self.map_err(io::Error::other)
    }
}

/// An async function as a protocol: it is polled inside the connection's task, without a spawn.
///
/// When the function returns, what it wrote is flushed and the connection closes; an error is the protocol's failure, and
/// what was written before leaves too (L4). The end of the peer's side is an empty read and nothing more (L2). A server
/// that goes down shows itself the same way: reads come to an end, writes go on.
pub struct Task<F> {
    /// There while it runs.
    future: Option<Pin<Box<F>>>,
    pipe: Arc<Pipe>,
}

impl<F> Task<F>
where
    F: Future<Output: Outcome>,
{
    /// Makes the protocol of one connection. The function's body begins with the connection's first turn.
    pub fn new(function: impl FnOnce(Duplex) -> F) -> Self {
        let pipe = Arc::new(Pipe::new());
        let future = function(Duplex::new(&pipe));
        Self { future: Some(Box::pin(future)), pipe }
    }

    /// Lends the link's buffers, and hands over what arrived.
    fn take_in(&self, waker: &Waker, link: &mut Link) {
        self.pipe.with(|shared| {
            shared.inside = true;
            shared.unsent = link.outbound.len();
            if shared.outbound.is_empty() && link.outbound.is_empty() {
                swap_outbound(shared, link);
            }
            let grew = take_input(shared, link);
            let heard = grew || shared.input != Input::Open;
            let reader = if heard { shared.take_reader() } else { None };
            let wakers = [reader, shared.take_writer()];
            ((), wakers.into_iter().flatten().filter(|other| !other.will_wake(waker)))
        });
    }

    /// Moves what was written, as far as there is room, and takes the buffers back.
    fn put_out(&self, waker: &Waker, link: &mut Link, result: &io::Result<()>) -> Work {
        let ended = self.future.is_none();
        self.pipe.with(|shared| {
            shared.inside = false;
            shared.set_task(waker);
            if link.outbound.is_empty() {
                swap_outbound(shared, link);
            } else if link.can_write() || result.is_err() {
                link.outbound.append(&mut shared.outbound);
            }
            if shared.outbound.is_empty() && shared.outbound.tail().capacity() > 0 {
                shared.outbound = Outbound::new(link.outbound.high_water());
            }
            shared.unsent = link.outbound.len();
            if shared.inbound.is_empty() {
                let spare = core::mem::take(&mut shared.inbound);
                if link.inbound.capacity() == 0 {
                    link.inbound = spare;
                }
            }
            if (ended || shared.closing) && shared.outbound.is_empty() && result.is_ok() {
                link.close();
            }
            let more = !link.inbound.is_empty() && shared.has_room_for_input();
            let writer = shared.take_writer();
            let own = writer.as_ref().is_some_and(|writer| writer.will_wake(waker));
            let work = if !ended && (more || own) { Work::Again } else { Work::Waiting };
            (work, writer.filter(|_| !own))
        })
    }
}

/// Swaps the queues, one of which is empty; the mark stays with the link.
fn swap_outbound(shared: &mut Shared, link: &mut Link) {
    let mark = link.outbound.high_water();
    swap(&mut shared.outbound, &mut link.outbound);
    link.outbound.set_high_water(mark);
    shared.outbound.set_high_water(mark);
}

/// Takes what arrived, when there is room for it; returns whether something came.
fn take_input(shared: &mut Shared, link: &mut Link) -> bool {
    let takes = !link.inbound.is_empty() && shared.has_room_for_input();
    if takes && shared.inbound.is_empty() {
        swap(&mut shared.inbound, &mut link.inbound);
    } else if takes {
        shared.inbound.extend_from_slice(&link.inbound);
        link.inbound.clear();
    }
    shared.behind = !link.inbound.is_empty();
    takes
}

impl<F> Protocol for Task<F>
where
    F: Future<Output: Outcome>,
{
    type Error = io::Error;

    fn data_received(&mut self, _: &mut Link) -> io::Result<()> {
        Ok(())
    }

    fn eof_received(&mut self, _: &mut Link, how: Eof) -> io::Result<()> {
        let input = match how {
            Eof::Clean => Input::Ended,
            Eof::Cut => Input::Cut,
        };
        self.pipe.with(|shared| {
            shared.input = input;
            ((), None)
        });
        Ok(())
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> io::Result<Work> {
        self.take_in(cx.waker(), link);
        let mut result = Ok(());
        if let Some(future) = &mut self.future
            && let Poll::Ready(outcome) = future.as_mut().poll(cx)
        {
            // Its stream goes with it, so that the last look at the pipe sees all.
            self.future = None;
            result = outcome.into_result();
        }
        let work = self.put_out(cx.waker(), link, &result);
        result.map(|()| work)
    }

    fn shutdown(&mut self, link: &mut Link) {
        link.allow(0);
        self.pipe.with(|shared| {
            if shared.input == Input::Open {
                shared.input = Input::Ended;
            }
            ((), None)
        });
    }

    fn connection_lost(&mut self, cause: Lost) {
        self.pipe.lose(cause);
        self.future = None;
    }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        self.pipe.lose(Lost::Killed);
    }
}

impl<F> fmt::Debug for Task<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("runs", &self.future.is_some()).field("pipe", &self.pipe).finish()
    }
}
