//! anyloop on async-std.
//!
//! async-std is discontinued (RUSTSEC-2025-0052) and names smol as its successor; this adapter is for those who still
//! use it.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;

use anyloop_async_io::{AsyncIo, EventLoop};
pub use anyloop_async_io::{Listener, LocalTasks, SharedTasks, Stream, Timer};

/// The async-std runtime. Its sockets, timers and blocking work need no context: any thread may use them.
pub type AsyncStd = AsyncIo<AsyncStdLoop>;

/// How async-std polls, and where its blocking work goes.
#[derive(Clone, Copy, Debug)]
pub enum AsyncStdLoop {}

impl EventLoop for AsyncStdLoop {
    const NAME: &'static str = "async-std";

    fn block_on(future: Pin<&mut dyn Future<Output = ()>>) {
        async_std::task::block_on(future);
    }

    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        async_std::task::spawn_blocking(work)
    }
}
