//! The accept loop of one worker, from the first connection to the end of the last.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::panic::catch_unwind;

use super::accept::Acceptor;
use super::config::Config;
use super::connection::Driver;
use super::runtime::{Accepted, Peer, Runtime, Spawn};
use super::shutdown::{Connections, Permits, Registration, Shutdown, Stage};
use super::timers::Keeper;
use crate::limits::{Limits, Timeouts};
use crate::protocol::Protocol;

/// How many connections are accepted before other tasks of the worker get their turn.
const BATCH: usize = 32;
/// How often the accept queue is looked at after an announcement, with [`SETTLE`] between: an event loop may not yet know
/// of what came last.
const ROUNDS: usize = 2;
/// See [`ROUNDS`].
const SETTLE: Duration = Duration::from_millis(10);
/// How many connections one such round takes at most.
const ROUND: usize = 8192;
/// How long after the announcement a connection from which nothing came may take to send its first byte.
const FIRST_BYTE: Duration = Duration::from_millis(250);

/// Both ends of a connection, for the protocol that is made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Who connected.
    pub peer: Peer,
    /// The address it connected to.
    pub local: Peer,
    /// The number of the listener that it came by, from 0 on in the order in which they were given.
    pub listener: usize,
}

/// How to serve. Clones share the permits, so that workers together keep one bound.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// For the drivers.
    pub config: Arc<Config>,
    /// How many connections may live at once; accepting pauses when they are used up.
    pub permits: Permits,
    /// How long a shutdown waits for connections to end; default 30 s.
    pub drain: Duration,
    /// How long after that, when they are dropped, it waits for them to be gone; default 5 s.
    pub kill: Duration,
    /// Told how many connections each worker dropped at its end.
    pub on_alive_at_exit: OnAlive,
}

/// A function that hears how many connections were alive when a shutdown ran out of time; the default ignores it.
#[derive(Clone, Default)]
pub struct OnAlive(Option<Arc<dyn Fn(usize) + Send + Sync>>);

impl OnAlive {
    /// Calls this function, and never with 0.
    pub fn new(hear: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    fn tell(&self, alive: usize) {
        if let (Some(hear), 1..) = (&self.0, alive) {
            hear(alive);
        }
    }
}

impl fmt::Debug for OnAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnAlive").field(&self.0.is_some()).finish()
    }
}

impl Options {
    /// Takes from the limits and timeouts what is the server's business.
    pub fn new(limits: &Limits, timeouts: &Timeouts) -> Self {
        Self {
            config: Arc::new(Config::from(timeouts)),
            permits: Permits::new(limits.max_connections),
            drain: timeouts.drain,
            kill: timeouts.kill,
            on_alive_at_exit: OnAlive::default(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(&Limits::default(), &Timeouts::default())
    }
}

/// Serves: accepts from all the listeners, in turns, and spawns a [`Driver`] for each connection, with the protocol that
/// `make` returns. Returns when a shutdown is over.
///
/// On [`Shutdown::announce`] each connection is told, the accept queues are emptied, the listeners close, and what lives
/// then has [`Options::drain`] to end and is dropped after that. On [`Shutdown::kill`] everything is dropped at once.
/// [`workers::start`](super::start) calls this once for each worker; a program that runs inside an event loop of its own
/// awaits it directly. A panic in `make` closes that one connection. The deadlines of all these connections stand on one
/// timer, which goes with this future; connections that live on then have timers of their own.
pub async fn serve<P, R, Sp, M>(
    runtime: R,
    spawner: Sp,
    listeners: Vec<R::Listener>,
    make: M,
    options: Options,
    shutdown: Shutdown,
) where
    P: Protocol,
    R: Runtime,
    Sp: Spawn<Driver<P, R>>,
    M: Fn(Endpoints) -> P,
{
    let connections = Connections::new(&shutdown, &options.permits);
    let mut keeper = Keeper::new(connections.clone(), runtime.clone());
    let worker = Worker {
        acceptor: Acceptor::new(runtime.clone(), listeners),
        runtime,
        spawner,
        make,
        config: options.config.clone(),
        connections,
    };
    let mut serving = pin!(worker.serve(options, shutdown));
    poll_fn(|cx| {
        keeper.poll(cx);
        serving.as_mut().poll(cx)
    })
    .await;
}

struct Worker<R: Runtime, Sp, M> {
    acceptor: Acceptor<R>,
    runtime: R,
    spawner: Sp,
    make: M,
    config: Arc<Config>,
    connections: Connections,
}

impl<R: Runtime, Sp, M> Worker<R, Sp, M> {
    async fn serve<P>(mut self, options: Options, shutdown: Shutdown)
    where
        P: Protocol,
        Sp: Spawn<Driver<P, R>>,
        M: Fn(Endpoints) -> P,
    {
        let (runtime, connections) = (self.runtime.clone(), self.connections.clone());
        {
            let mut announced = shutdown.announced();
            poll_fn(|cx| self.poll_serving(cx, &mut announced)).await;
        }
        let (mut drained, mut killed) = (runtime.sleep(options.drain), shutdown.reached(Stage::Kill));
        let mut over = poll_fn(move |cx| {
            let (drained, killed) = (Pin::new(&mut drained).poll(cx), Pin::new(&mut killed).poll(cx));
            if drained.is_ready() || killed.is_ready() { Poll::Ready(()) } else { Poll::Pending }
        });
        for round in 0..ROUNDS {
            if round > 0 {
                either(runtime.sleep(SETTLE), &mut over).await;
            }
            let mut left = ROUND;
            either(poll_fn(|cx| self.poll_emptying(cx, &mut left)), &mut over).await;
        }
        // The listeners close.
        drop(self);
        let all_ended = || poll_fn(|cx| connections.poll_empty(cx));
        either(either(all_ended(), runtime.sleep(FIRST_BYTE)), &mut over).await;
        connections.advance(Stage::Drain);
        either(all_ended(), over).await;
        options.on_alive_at_exit.tell(connections.len());
        connections.advance(Stage::Kill);
        either(all_ended(), runtime.sleep(options.kill)).await;
    }

    /// Accepts until the shutdown is announced.
    fn poll_serving<P>(
        &mut self,
        cx: &mut Context<'_>,
        announced: &mut (impl Future<Output = ()> + Unpin),
    ) -> Poll<()>
    where
        P: Protocol,
        Sp: Spawn<Driver<P, R>>,
        M: Fn(Endpoints) -> P,
    {
        if Pin::new(announced).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        for _ in 0..BATCH {
            match self.poll_one(cx) {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Accepts until nothing waits, at most `left`.
    fn poll_emptying<P>(&mut self, cx: &mut Context<'_>, left: &mut usize) -> Poll<()>
    where
        P: Protocol,
        Sp: Spawn<Driver<P, R>>,
        M: Fn(Endpoints) -> P,
    {
        for _ in 0..BATCH.min(*left) {
            let registration = match self.connections.poll_register(cx) {
                Poll::Ready(registration) => registration,
                Poll::Pending => return Poll::Pending,
            };
            match self.acceptor.poll_next(cx) {
                Poll::Ready(accepted) => self.spawn(accepted, registration),
                Poll::Pending if self.acceptor.is_pausing() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(()),
            }
            *left -= 1;
        }
        if *left == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Accepts one, when there is a permit for it.
    fn poll_one<P>(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        P: Protocol,
        Sp: Spawn<Driver<P, R>>,
        M: Fn(Endpoints) -> P,
    {
        match self.connections.poll_register(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(registration) => {
                self.acceptor.poll_next(cx).map(|accepted| self.spawn(accepted, registration))
            }
        }
    }

    fn spawn<P>(&self, accepted: Accepted<R::Stream>, registration: Registration)
    where
        P: Protocol,
        Sp: Spawn<Driver<P, R>>,
        M: Fn(Endpoints) -> P,
    {
        let Accepted { stream, peer, local } = accepted;
        let ends = Endpoints { peer, local, listener: self.acceptor.turn() };
        let Ok(protocol) = catch_unwind(AssertUnwindSafe(|| (self.make)(ends))) else {
            return;
        };
        let driver = Driver::new(protocol, stream, self.runtime.clone(), registration, self.config.clone());
        self.spawner.spawn(driver);
    }
}

/// Waits until one of two is done.
async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| {
        let (a, b) = (a.as_mut().poll(cx), b.as_mut().poll(cx));
        if a.is_ready() || b.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
