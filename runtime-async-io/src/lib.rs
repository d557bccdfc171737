//! What anyloop on smol and on async-std share.
//!
//! Both runtimes stand on the same reactor, async-io, and the same executor, async-executor. Their adapters differ in
//! how they enter the event loop and where blocking work goes; all else is here, once.

#![forbid(unsafe_code)]

mod executor;
mod reactor;
mod runtime;

pub use executor::{LocalTasks, SharedTasks};
pub use reactor::{Listener, Stream, Timer};
pub use runtime::{AsyncIo, EventLoop};
