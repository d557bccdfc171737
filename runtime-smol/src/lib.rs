//! anyloop on smol.

#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::Pin;

use anyloop_async_io::{AsyncIo, EventLoop};
pub use anyloop_async_io::{Listener, LocalTasks, SharedTasks, Stream, Timer};

/// The smol runtime. Its sockets, timers and blocking work need no context: any thread may use them.
pub type Smol = AsyncIo<SmolLoop>;

/// How smol polls, and where its blocking work goes.
#[derive(Clone, Copy, Debug)]
pub enum SmolLoop {}

impl EventLoop for SmolLoop {
    const NAME: &'static str = "smol";

    fn block_on(future: Pin<&mut dyn Future<Output = ()>>) {
        smol::block_on(future);
    }

    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + 'static {
        smol::unblock(work)
    }
}
