//! What an event loop must offer: byte streams, a timer, listening, connecting, a pool for blocking work.
//!
//! An adapter implements these traits and nothing else. Whether futures must be `Send` is not said here: auto traits
//! decide, by the [`Spawn`] handle that a connection is given to.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use std::path::PathBuf;

use bytes::BytesMut;

use super::time::{Sleep, Timeout};
use crate::link::Outbound;
use crate::time::{Instant, Now};

/// One byte stream.
pub trait Transport {
    /// Whether another read after a short one costs no system call, because the event loop remembers that the socket is
    /// drained. Where it does, the driver reads until `Pending`; elsewhere it yields once first.
    const REREAD_IS_FREE: bool;

    /// Whether [`Transport::poll_write`] may take bytes that it has not sent yet, as completion-based IO does. Then it is
    /// also called with an empty `out`, and answers `Ready(Ok(0))` when nothing is under way.
    const BUFFERS_WRITES: bool = false;

    /// Whether [`Transport::poll_write`] sends what [`Outbound::front_file`] names, without copying it through the program.
    const SENDS_FILES: bool = false;

    /// Whether neither bytes nor the end of the stream wait to be read, by asking the system and not the event loop, which
    /// may not have heard of them yet. After `Some(false)` the next read finds them. `None` where nobody can tell.
    fn is_quiet(&mut self) -> Option<bool> {
        None
    }

    /// Appends what arrived, at most `limit` bytes; 0 is the end of the stream. May replace `into` when it is empty.
    /// Reserves nothing on `Pending`.
    ///
    /// # Errors
    /// What the event loop reports.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>>;

    /// Takes from the front of `out` what it can, and returns how much that was.
    ///
    /// # Errors
    /// What the event loop reports.
    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>>;

    /// Finishes writes that are under way, then ends our side (FIN).
    ///
    /// # Errors
    /// What the event loop reports.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// How much too early a [`Timer`] may fire.
pub const EARLY: Duration = Duration::from_millis(10);

/// A timer that can be set again and again.
///
/// It may fire late, or early by at most [`EARLY`], and stay `Ready` or `Pending` after it fired: whoever polls it judges
/// by the clock and sets it again.
pub trait Timer {
    /// Sets the instant to fire at. The next poll registers the waker.
    fn reset(&mut self, at: Instant);
    /// Waits for the instant.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A place to put a task that runs by itself.
pub trait Spawn<F> {
    /// Starts the task.
    fn spawn(&self, task: F);
}

/// An address of either family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket, with its path unless it is unnamed.
    Unix(Option<PathBuf>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:"),
        }
    }
}

/// A bound and listening socket of the operating system, not yet known to an event loop. It is non-blocking.
#[derive(Debug)]
pub enum Socket {
    /// A TCP listener.
    Tcp(std::net::TcpListener),
    /// A Unix listener.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// A connection that a listener gave out.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The byte stream.
    pub stream: S,
    /// Who connected.
    pub peer: Peer,
    /// The address it connected to.
    pub local: Peer,
}

/// Blocking work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocking work panicked")
    }
}

impl core::error::Error for Panicked {}

/// An event loop.
pub trait Runtime: Clone + 'static {
    /// Its byte stream.
    type Stream: Transport + Unpin + 'static;
    /// Its listening socket.
    type Listener: 'static;
    /// Its timer.
    type Timer: Timer + Unpin + 'static;
    /// A connection being made.
    type Connect: Future<Output = io::Result<Self::Stream>> + 'static;

    /// The name that users know it by.
    const NAME: &'static str;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Makes a timer that is not set.
    fn timer(&self) -> Self::Timer;

    /// Takes a listening socket into the event loop.
    ///
    /// # Errors
    /// What the event loop reports.
    fn listen(&self, socket: Socket) -> io::Result<Self::Listener>;

    /// Takes the next connection.
    ///
    /// # Errors
    /// Those of `accept(2)`; the accept loop knows which ones pass.
    fn poll_accept(
        &self,
        listener: &mut Self::Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Self::Stream>>>;

    /// Connects, with `TCP_NODELAY` on.
    fn connect(&self, to: &Peer) -> Self::Connect;

    /// Runs blocking work on the event loop's pool for it.
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static;

    /// Waits for so long, by the runtime's clock.
    fn sleep(&self, time: Duration) -> Sleep<Self> {
        Sleep::until(self.clone(), self.now().mono + time)
    }

    /// Gives a future so much time. It moves to the heap.
    fn timeout<F: Future>(&self, time: Duration, future: F) -> Timeout<Self, F> {
        Timeout::new(self, time, future)
    }
}

/// A runtime whose parts may move between threads: what `Send` handlers that capture the runtime ask for.
pub trait SharedRuntime:
    Runtime<Stream: Send, Listener: Send, Timer: Send, Connect: Send> + Send + Sync
{
}

impl<R> SharedRuntime for R where
    R: Runtime<Stream: Send, Listener: Send, Timer: Send, Connect: Send> + Send + Sync
{
}

/// A runtime that can be started.
///
/// Threads are not its business: [`crate::driver::start`] makes them, the same for every backend.
pub trait Workers: Runtime {
    /// Spawns any future, to be polled on this thread only.
    type Local: Clone + 'static;
    /// Spawns `Send` futures, to be polled by any worker.
    type Shared: Clone + Send + 'static;

    /// Runs a single-threaded event loop on this thread until the future that `worker` returns is done. Tasks that are
    /// still alive then are dropped.
    ///
    /// # Errors
    /// When the event loop can't start.
    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, Self::Local) -> F) -> io::Result<()>;

    /// Runs an event loop of so many threads until the future that `worker` returns, which stays on this thread, is
    /// done. Tasks that are still alive then are dropped.
    ///
    /// # Errors
    /// When the event loop can't start.
    fn block_on_shared<F: Future<Output = ()>>(
        threads: usize,
        worker: impl FnOnce(Self, Self::Shared) -> F,
    ) -> io::Result<()>;
}
