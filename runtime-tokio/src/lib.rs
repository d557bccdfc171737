//! anyloop on tokio.

#![forbid(unsafe_code)]

mod stream;

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyloop_core::driver::socket::{adopt, finish_accept, finish_connect, unnamed};
use anyloop_core::driver::{Accepted, Connecting, Panicked, Peer, Runtime, Socket, Spawn, Workers, clock};
use anyloop_core::time::{Instant, Now};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::time::Sleep;

pub use stream::Stream;

/// How long the end of a multi-threaded runtime waits for its threads, blocking work among them.
const GRACE: Duration = Duration::from_secs(1);

/// A tokio runtime, which must have its IO and time drivers enabled.
///
/// Sockets and timers may be made on any thread: they belong to this runtime and not to the one of the thread. One pointer in
/// size, for each connection has one.
#[derive(Clone, Debug)]
pub struct Tokio(Arc<Handle>);

/// [`Tokio::current`] was called outside of a tokio runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no tokio runtime is running on this thread")
    }
}

impl std::error::Error for NoRuntime {}

impl Tokio {
    /// Returns the runtime that this code runs in.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of one.
    pub fn current() -> Result<Self, NoRuntime> {
        Handle::try_current().map(Self::from).map_err(|_| NoRuntime)
    }
}

impl From<Handle> for Tokio {
    fn from(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    local: Peer,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A timer. It takes memory from its first use on.
#[derive(Debug)]
pub struct Timer {
    handle: Arc<Handle>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl anyloop_core::driver::Timer for Timer {
    fn reset(&mut self, at: Instant) {
        let at = clock::to_std(at).into();
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => {
                let _context = self.handle.enter();
                self.sleep = Some(Box::pin(tokio::time::sleep_until(at)));
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

impl Runtime for Tokio {
    type Stream = Stream;
    type Listener = Listener;
    type Timer = Timer;
    type Connect = Connecting<Stream>;

    const NAME: &'static str = "tokio";

    fn now(&self) -> Now {
        clock::now()
    }

    fn timer(&self) -> Timer {
        Timer { handle: self.0.clone(), sleep: None }
    }

    fn listen(&self, socket: Socket) -> io::Result<Listener> {
        let local = adopt(&socket)?;
        let _context = self.0.enter();
        let socket = match socket {
            Socket::Tcp(listener) => Listening::Tcp(TcpListener::from_std(listener)?),
            #[cfg(unix)]
            Socket::Unix(listener) => Listening::Unix(UnixListener::from_std(listener)?),
        };
        Ok(Listener { socket, local })
    }

    fn poll_accept(
        &self,
        listener: &mut Listener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Stream>>> {
        let (stream, peer) = match &listener.socket {
            Listening::Tcp(socket) => {
                let (stream, peer) = ready!(socket.poll_accept(cx))?;
                (Stream::Tcp(stream), Peer::Tcp(peer))
            }
            #[cfg(unix)]
            Listening::Unix(socket) => {
                let (stream, peer) = ready!(socket.poll_accept(cx))?;
                (Stream::Unix(Box::new(stream)), Peer::Unix(peer.as_pathname().map(Into::into)))
            }
        };
        let local = match &stream {
            Stream::Tcp(stream) => finish_accept(stream, &listener.local),
            #[cfg(unix)]
            Stream::Unix(_) => listener.local.clone(),
        };
        Poll::Ready(Ok(Accepted { stream, peer, local }))
    }

    fn connect(&self, to: &Peer) -> Connecting<Stream> {
        let (handle, to) = (self.0.clone(), to.clone());
        Connecting::new(async move {
            let mut connecting = pin!(connect(to));
            // The socket is made in the first poll, and belongs to the runtime that is entered then.
            poll_fn(|cx| {
                let _context = handle.enter();
                connecting.as_mut().poll(cx)
            })
            .await
        })
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        let work = self.0.spawn_blocking(work);
        // The other cause is that the runtime ends before the work could begin.
        async { work.await.map_err(|_| Panicked) }
    }
}

async fn connect(to: Peer) -> io::Result<Stream> {
    match to {
        Peer::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            finish_connect(&stream)?;
            Ok(Stream::Tcp(stream))
        }
        #[cfg(unix)]
        Peer::Unix(Some(path)) => {
            UnixStream::connect(path).await.map(|stream| Stream::Unix(Box::new(stream)))
        }
        Peer::Unix(_) => Err(unnamed()),
    }
}

/// The task stands in a box: tokio puts its own part, with what it is given, at a multiple of 128 bytes, and what that
/// wastes around a large one is more than a box takes.
impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Tokio {
    fn spawn(&self, task: F) {
        drop(self.0.spawn(Box::pin(task)));
    }
}

/// Spawns any future, to be polled on this thread only; in a box, as [`Tokio`] does.
///
/// It works inside of [`Workers::block_on_local`], where it is given out.
#[derive(Clone, Debug)]
pub struct LocalTasks(PhantomData<*const ()>);

impl<F: Future<Output = ()> + 'static> Spawn<F> for LocalTasks {
    fn spawn(&self, task: F) {
        drop(tokio::task::spawn_local(Box::pin(task)));
    }
}

/// At the end nobody waits for blocking work that still runs.
impl Workers for Tokio {
    type Local = LocalTasks;
    type Shared = Self;

    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, LocalTasks) -> F) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        let rt = Self::from(runtime.handle().clone());
        runtime.block_on(async { worker(rt, LocalTasks(PhantomData)).await });
        runtime.shutdown_background();
        Ok(())
    }

    fn block_on_shared<F: Future<Output = ()>>(
        threads: usize,
        worker: impl FnOnce(Self, Self) -> F,
    ) -> io::Result<()> {
        let runtime = Builder::new_multi_thread().worker_threads(threads.max(1)).enable_all().build()?;
        let rt = Self::from(runtime.handle().clone());
        runtime.block_on(async { worker(rt.clone(), rt).await });
        runtime.shutdown_timeout(GRACE);
        Ok(())
    }
}
