//! Two protocols. They know of bytes only: `pong` and `echo_protocol` run them on the event loops, `blocking` on plain
//! threads, `mini_loop` on a loop of its own.

use std::convert::Infallible;
use std::task::Context;

use anyloop::core::link::Link;
use anyloop::core::protocol::{Eof, Lost, Protocol, Work};

/// Answers `pong`, whatever comes, and closes.
pub(crate) struct Pong;

impl Protocol for Pong {
    type Error = Infallible;

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.inbound.clear();
        link.write("pong");
        link.close();
        Ok(())
    }
}

/// Prints what comes and answers `echo:` and the same. When the connection is lost, it calls a function.
pub(crate) struct Echo<F> {
    on_loss: F,
    peer_is_done: bool,
}

impl<F: FnMut()> Echo<F> {
    pub(crate) fn new(on_loss: F) -> Self {
        Self { on_loss, peer_is_done: false }
    }

    /// Answers when there is room; what waits meanwhile stays in the link, and reading stops when that is full.
    fn answer(&mut self, link: &mut Link) {
        if link.can_write() && !link.inbound.is_empty() {
            let data = link.inbound.split().freeze();
            println!("{data:?}");
            link.write("echo:");
            link.write(data);
        }
        if self.peer_is_done && link.inbound.is_empty() {
            link.close();
        }
    }
}

impl<F: FnMut()> Protocol for Echo<F> {
    type Error = Infallible;

    fn connection_made(&mut self, _: &mut Link) -> Result<(), Infallible> {
        println!("Connection made");
        Ok(())
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        self.answer(link);
        Ok(())
    }

    fn eof_received(&mut self, link: &mut Link, _: Eof) -> Result<(), Infallible> {
        self.peer_is_done = true;
        self.answer(link);
        Ok(())
    }

    fn poll_work(&mut self, _: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        self.answer(link);
        Ok(Work::Waiting)
    }

    fn connection_lost(&mut self, _: Lost) {
        println!("Connection lost! Closing server...");
        (self.on_loss)();
    }
}
