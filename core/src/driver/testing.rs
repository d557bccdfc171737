//! A runtime made of scripts, for the tests of this module: nothing happens unless a test says so.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::{Future, Ready, ready};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Mutex;

use bytes::BytesMut;

use super::shutdown::lock;
use super::{Accepted, Panicked, Peer, Runtime, Socket, Spawn, Timer, Transport};
use crate::link::Outbound;
use crate::time::{Instant, Now};

pub(crate) fn peer() -> Peer {
    Peer::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1))
}

/// What a timer answers after it has fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    #[default]
    Ready,
    Pending,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) early: u64,
    pub(crate) after: After,
    pub(crate) always_ready: bool,
    pub(crate) resets: usize,
    pub(crate) timer_polls: usize,
    pub(crate) timers: Vec<TimerState>,
    pub(crate) accepts: VecDeque<io::Result<Wire>>,
    pub(crate) accept_polls: usize,
    accept_waker: Option<Waker>,
    pub(crate) listeners: usize,
}

#[derive(Debug, Default)]
pub(crate) struct TimerState {
    at: Option<u64>,
    fired: bool,
    waker: Option<Waker>,
}

/// `FREE`: [`Transport::REREAD_IS_FREE`] of its streams. `BUFFERS`: [`Transport::BUFFERS_WRITES`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake<const FREE: bool = true, const BUFFERS: bool = false>(Arc<Mutex<World>>);

impl<const FREE: bool, const BUFFERS: bool> Fake<FREE, BUFFERS> {
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut lock(&self.0))
    }

    /// Moves the clock and fires what is due, early by what the world says.
    pub(crate) fn advance(&self, by: Duration) {
        let due = self.with(|world| {
            world.now += u64::try_from(by.as_nanos()).expect("tests are short");
            let (now, early) = (world.now, world.early);
            let mut due = Vec::new();
            for timer in &mut world.timers {
                if timer.at.is_some_and(|at| at <= now + early) {
                    timer.at = None;
                    timer.fired = true;
                    due.extend(timer.waker.take());
                }
            }
            due
        });
        due.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn offer(&self, connection: io::Result<Wire>) {
        let waker = self.with(|world| {
            world.accepts.push_back(connection);
            world.accept_waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Debug)]
pub(crate) struct FakeTimer {
    world: Arc<Mutex<World>>,
    index: usize,
}

impl Timer for FakeTimer {
    fn reset(&mut self, at: Instant) {
        let mut world = lock(&self.world);
        world.resets += 1;
        world.timers[self.index] = TimerState { at: Some(at.as_nanos()), fired: false, waker: None };
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = lock(&self.world);
        world.timer_polls += 1;
        let (now, early, after, always) = (world.now, world.early, world.after, world.always_ready);
        let timer = &mut world.timers[self.index];
        if timer.fired {
            return match after {
                After::Ready => Poll::Ready(()),
                After::Pending => Poll::Pending,
            };
        }
        if always || timer.at.is_some_and(|at| at <= now + early) {
            timer.fired = true;
            return Poll::Ready(());
        }
        timer.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[derive(Debug)]
pub(crate) enum Incoming {
    Data(Vec<u8>),
    Eof,
    Error(io::ErrorKind),
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches of a test")]
pub(crate) struct WireState {
    pub(crate) incoming: VecDeque<Incoming>,
    read_waker: Option<Waker>,
    /// The event loop has not told of what is incoming.
    untold: bool,
    pub(crate) reads: usize,
    /// Whether the system can be asked what waits, and how often it was.
    pub(crate) tells: bool,
    pub(crate) looks: usize,
    /// How many bytes the peer still takes.
    pub(crate) window: usize,
    /// How many bytes one write takes at most.
    pub(crate) write_at_most: usize,
    pub(crate) written: Vec<u8>,
    /// Taken and not yet sent, where writes are buffered.
    pub(crate) taken: usize,
    pub(crate) writes: usize,
    write_waker: Option<Waker>,
    pub(crate) broken: bool,
    pub(crate) close_blocked: bool,
    pub(crate) closed: bool,
    pub(crate) dropped: bool,
}

/// One connection, held by its stream and by the test.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<Mutex<WireState>>);

impl Default for Wire {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(WireState {
            incoming: VecDeque::new(),
            read_waker: None,
            untold: false,
            reads: 0,
            tells: true,
            looks: 0,
            window: usize::MAX,
            write_at_most: usize::MAX,
            written: Vec::new(),
            taken: 0,
            writes: 0,
            write_waker: None,
            broken: false,
            close_blocked: false,
            closed: false,
            dropped: false,
        })))
    }
}

impl Wire {
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut WireState) -> T) -> T {
        f(&mut lock(&self.0))
    }

    pub(crate) fn push(&self, incoming: Incoming) {
        let waker = self.with(|wire| {
            wire.incoming.push_back(incoming);
            wire.untold = false;
            wire.read_waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.push(Incoming::Data(bytes.to_vec()));
    }

    /// Sends what the event loop tells of only with the next [`Wire::push`].
    pub(crate) fn send_untold(&self, bytes: &[u8]) {
        self.with(|wire| {
            wire.incoming.push_back(Incoming::Data(bytes.to_vec()));
            wire.untold = true;
        });
    }

    /// Changes what the peer takes, and wakes the writer.
    pub(crate) fn drain(&self, f: impl FnOnce(&mut WireState)) {
        let waker = self.with(|wire| {
            f(wire);
            wire.write_waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.with(|wire| wire.written.clone())
    }

    pub(crate) fn read_is_registered(&self) -> bool {
        self.with(|wire| wire.read_waker.is_some())
    }

    pub(crate) fn write_is_registered(&self) -> bool {
        self.with(|wire| wire.write_waker.is_some())
    }
}

#[derive(Debug)]
pub(crate) struct FakeStream<const FREE: bool, const BUFFERS: bool>(pub(crate) Wire);

impl<const FREE: bool, const BUFFERS: bool> Transport for FakeStream<FREE, BUFFERS> {
    const REREAD_IS_FREE: bool = FREE;
    const BUFFERS_WRITES: bool = BUFFERS;

    fn is_quiet(&mut self) -> Option<bool> {
        self.0.with(|wire| {
            wire.looks += 1;
            wire.tells.then_some(wire.incoming.is_empty())
        })
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        assert!(limit > 0 && limit <= into.capacity() - into.len());
        self.0.with(|wire| {
            wire.reads += 1;
            match if wire.untold { None } else { wire.incoming.pop_front() } {
                None => {
                    wire.read_waker = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(Incoming::Data(mut bytes)) => {
                    let rest = bytes.split_off(limit.min(bytes.len()));
                    if !rest.is_empty() {
                        wire.incoming.push_front(Incoming::Data(rest));
                    }
                    into.extend_from_slice(&bytes);
                    Poll::Ready(Ok(bytes.len()))
                }
                Some(Incoming::Eof) => {
                    wire.incoming.push_front(Incoming::Eof);
                    Poll::Ready(Ok(0))
                }
                Some(Incoming::Error(kind)) => Poll::Ready(Err(kind.into())),
            }
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        assert!(BUFFERS || !out.is_empty());
        self.0.with(|wire| {
            wire.writes += 1;
            if wire.broken {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = wire.window.min(wire.write_at_most);
            if BUFFERS && wire.taken > 0 {
                if room < wire.taken {
                    wire.write_waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                wire.window -= wire.taken;
                wire.taken = 0;
            }
            let take = out.len().min(if BUFFERS { usize::MAX } else { room });
            if take == 0 && !out.is_empty() {
                wire.write_waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let bytes: Vec<u8> = out.slices().flatten().copied().take(take).collect();
            wire.written.extend_from_slice(&bytes);
            out.advance(take);
            if BUFFERS {
                wire.taken += take;
            } else {
                wire.window -= take;
            }
            Poll::Ready(Ok(take))
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.with(|wire| {
            if wire.close_blocked {
                wire.write_waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            wire.closed = true;
            Poll::Ready(Ok(()))
        })
    }
}

impl<const FREE: bool, const BUFFERS: bool> Drop for FakeStream<FREE, BUFFERS> {
    fn drop(&mut self) {
        self.0.with(|wire| wire.dropped = true);
    }
}

#[derive(Debug)]
pub(crate) struct FakeListener(Arc<Mutex<World>>);

impl FakeListener {
    pub(crate) fn new<const FREE: bool, const BUFFERS: bool>(fake: &Fake<FREE, BUFFERS>) -> Self {
        fake.with(|world| world.listeners += 1);
        Self(fake.0.clone())
    }
}

impl Drop for FakeListener {
    fn drop(&mut self) {
        lock(&self.0).listeners -= 1;
    }
}

impl<const FREE: bool, const BUFFERS: bool> Runtime for Fake<FREE, BUFFERS> {
    type Stream = FakeStream<FREE, BUFFERS>;
    type Listener = FakeListener;
    type Timer = FakeTimer;
    type Connect = Ready<io::Result<Self::Stream>>;

    const NAME: &'static str = "fake";

    fn now(&self) -> Now {
        Now { mono: Instant::from_nanos(self.with(|world| world.now)), unix_secs: 0 }
    }

    fn timer(&self) -> FakeTimer {
        let index = self.with(|world| {
            world.timers.push(TimerState::default());
            world.timers.len() - 1
        });
        FakeTimer { world: self.0.clone(), index }
    }

    fn listen(&self, _: Socket) -> io::Result<FakeListener> {
        Ok(FakeListener::new(self))
    }

    fn poll_accept(
        &self,
        _: &mut FakeListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Self::Stream>>> {
        self.with(|world| {
            world.accept_polls += 1;
            match world.accepts.pop_front() {
                None => {
                    world.accept_waker = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(connection) => Poll::Ready(connection.map(|wire| Accepted {
                    stream: FakeStream(wire),
                    peer: peer(),
                    local: peer(),
                })),
            }
        })
    }

    fn connect(&self, _: &Peer) -> Self::Connect {
        ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        ready(Ok(work()))
    }
}

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that is polled only when its waker was called.
pub(crate) struct Bench<F> {
    pub(crate) future: F,
    count: Arc<Count>,
    seen: usize,
    pub(crate) polls: usize,
    pub(crate) done: bool,
    fresh: bool,
}

impl<F: Future<Output = ()> + Unpin> Bench<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, count: Arc::default(), seen: 0, polls: 0, done: false, fresh: false }
    }

    /// Each poll has another waker, and waking an old one does nothing.
    pub(crate) fn fresh(future: F) -> Self {
        Self { fresh: true, ..Self::new(future) }
    }

    pub(crate) fn poll(&mut self) -> Poll<()> {
        if self.fresh {
            self.count = Arc::default();
            self.seen = 0;
        } else {
            self.seen = self.count.0.load(Ordering::SeqCst);
        }
        self.polls += 1;
        let waker = Waker::from(self.count.clone());
        let result = Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker));
        self.done = result.is_ready();
        result
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.count.0.load(Ordering::SeqCst) > self.seen
    }

    /// Polls once, then as long as it is woken; returns how many polls that took.
    pub(crate) fn run(&mut self) -> usize {
        let before = self.polls;
        if !self.done && self.poll().is_pending() {
            self.settle();
        }
        self.polls - before
    }

    /// Polls as long as it is woken.
    pub(crate) fn settle(&mut self) -> usize {
        let before = self.polls;
        while !self.done && self.is_woken() {
            assert!(self.polls - before < 10_000, "a busy loop");
            let _ = self.poll();
        }
        self.polls - before
    }
}

/// Keeps the tasks that are spawned.
pub(crate) struct Tasks<F>(pub(crate) Arc<Mutex<Vec<Bench<F>>>>);

impl<F> Clone for Tasks<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F> Default for Tasks<F> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<F: Future<Output = ()> + Unpin> Spawn<F> for Tasks<F> {
    fn spawn(&self, task: F) {
        lock(&self.0).push(Bench::new(task));
    }
}

impl<F: Future<Output = ()> + Unpin> Tasks<F> {
    /// Runs all until none is woken, and drops those that are done.
    pub(crate) fn run(&self) {
        let mut tasks = core::mem::take(&mut *lock(&self.0));
        for task in &mut tasks {
            if task.polls == 0 {
                task.run();
            }
            task.settle();
        }
        tasks.retain(|task| !task.done);
        lock(&self.0).append(&mut tasks);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
