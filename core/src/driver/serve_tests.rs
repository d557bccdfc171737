//! The accept loop, the workers and the stages of a shutdown.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::convert::Infallible;
use core::future::{Future, pending, ready};
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Mutex;
use std::thread;

use super::shutdown::lock;
use super::testing::{Bench, Fake, FakeListener, FakeStream, Incoming, Tasks, Wire};
use super::{
    Accepted, BindOptions, Bound, Config, Driver, Endpoints, Model, OnAlive, Options, Panicked, Peer,
    Permits, Runtime, Shutdown, Socket, Spawn, Workers, bind, serve, start, start_local,
};
use crate::link::Link;
use crate::protocol::{Echo, Eof, Protocol};
use crate::time::Now;

type Server = Bench<Pin<Box<dyn Future<Output = ()>>>>;

struct Scene {
    fake: Fake,
    tasks: Tasks<Driver<Answer, Fake>>,
    shutdown: Shutdown,
    server: Server,
    /// What [`Options::on_alive_at_exit`] was told.
    alive: Arc<Mutex<Vec<usize>>>,
}

/// Answers each byte, and lives until it has answered once and is told to end.
struct Answer;

impl Protocol for Answer {
    type Error = Infallible;
    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        let n = link.inbound.split().len();
        link.write(vec![b'a'; n]);
        Ok(())
    }
    fn eof_received(&mut self, link: &mut Link, _: Eof) -> Result<(), Infallible> {
        link.close();
        Ok(())
    }
}

fn scene(limit: usize) -> Scene {
    let (fake, tasks, shutdown) = (Fake::default(), Tasks::default(), Shutdown::new());
    let listeners = vec![FakeListener::new(&fake)];
    let config = Config { linger: Duration::ZERO, ..Config::default() };
    let alive = Arc::new(Mutex::new(Vec::new()));
    let told = alive.clone();
    let options = Options {
        permits: Permits::new(limit),
        config: Arc::new(config),
        on_alive_at_exit: OnAlive::new(move |n| lock(&told).push(n)),
        ..Options::default()
    };
    let future = serve(fake.clone(), tasks.clone(), listeners, |_| Answer, options, shutdown.clone());
    let mut server: Server = Bench::new(Box::pin(future));
    server.run();
    Scene { fake, tasks, shutdown, server, alive }
}

impl Scene {
    fn settle(&mut self) {
        for _ in 0..4 {
            self.server.settle();
            self.tasks.run();
        }
    }

    fn connect(&mut self) -> Wire {
        let wire = Wire::default();
        self.fake.offer(Ok(wire.clone()));
        wire
    }

    fn advance(&mut self, millis: u64) {
        self.fake.advance(Duration::from_millis(millis));
        self.settle();
    }

    fn listens(&self) -> bool {
        self.fake.with(|world| world.listeners) > 0
    }
}

#[test]
fn connections_are_served_and_counted() {
    let mut scene = scene(10);
    let wires: Vec<_> = (0..3).map(|_| scene.connect()).collect();
    scene.settle();
    for wire in &wires {
        wire.send(b"xx");
    }
    scene.settle();
    assert!(wires.iter().all(|wire| wire.written() == b"aa"));
    assert_eq!(scene.tasks.len(), 3);
    wires[0].push(Incoming::Eof);
    scene.settle();
    assert_eq!(scene.tasks.len(), 2);
}

/// Ends when nothing came for 5 s.
struct Brief;

impl Protocol for Brief {
    type Error = Infallible;
    fn connection_made(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.set_deadline(Some(link.now().mono + Duration::from_secs(5)));
        Ok(())
    }
    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.inbound.clear();
        self.connection_made(link)
    }
    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.close();
        Ok(())
    }
}

struct Timed {
    fake: Fake,
    tasks: Tasks<Driver<Brief, Fake>>,
    server: Option<Server>,
    wires: Vec<Wire>,
}

impl Timed {
    /// Three connections, made one second after the other.
    fn new() -> Self {
        let (fake, tasks) = (Fake::default(), Tasks::default());
        let config = Arc::new(Config { linger: Duration::ZERO, ..Config::default() });
        let options = Options { config, ..Options::default() };
        let listeners = vec![FakeListener::new(&fake)];
        let future = serve(fake.clone(), tasks.clone(), listeners, |_| Brief, options, Shutdown::new());
        let mut server: Server = Bench::new(Box::pin(future));
        server.run();
        let mut timed = Self { fake, tasks, server: Some(server), wires: Vec::new() };
        for n in 0..3 {
            if n > 0 {
                timed.advance(1000);
            }
            timed.wires.push(Wire::default());
            timed.fake.offer(Ok(timed.wires[n].clone()));
            timed.advance(0);
        }
        timed
    }

    fn advance(&mut self, millis: u64) {
        self.fake.advance(Duration::from_millis(millis));
        for _ in 0..4 {
            if let Some(server) = &mut self.server {
                server.settle();
            }
            self.tasks.run();
        }
    }
}

#[test]
fn the_connections_of_a_worker_share_one_timer() {
    let mut timed = Timed::new();
    assert_eq!((timed.tasks.len(), timed.fake.with(|world| world.timers.len())), (3, 1));
    // The second one's deadline moves from 6 to 9 s, and nothing is set for that.
    timed.advance(2000);
    let resets = timed.fake.with(|world| world.resets);
    timed.wires[1].send(b"x");
    timed.advance(0);
    timed.advance(999);
    assert_eq!((timed.tasks.len(), timed.fake.with(|world| world.resets)), (3, resets));
    for (millis, left) in [(1, 2), (1000, 2), (999, 2), (1, 1), (1999, 1), (1, 0)] {
        timed.advance(millis);
        assert_eq!(timed.tasks.len(), left);
    }
    assert_eq!(timed.fake.with(|world| world.timers.len()), 1);
}

#[test]
fn connections_that_outlive_the_server_keep_their_deadlines() {
    let mut timed = Timed::new();
    timed.server = None;
    timed.advance(2999);
    assert_eq!(timed.tasks.len(), 3);
    for left in [2, 1, 0] {
        timed.advance(1000);
        assert_eq!(timed.tasks.len(), left);
    }
}

#[test]
fn accepting_pauses_at_the_bound_and_goes_on_when_one_ends() {
    let mut scene = scene(2);
    let wires: Vec<_> = (0..4).map(|_| scene.connect()).collect();
    scene.settle();
    assert_eq!((scene.tasks.len(), scene.fake.with(|world| world.accepts.len())), (2, 2));
    let polls = scene.server.polls;
    scene.settle();
    assert_eq!(scene.server.polls, polls, "a busy loop");
    wires[0].push(Incoming::Eof);
    scene.settle();
    assert_eq!((scene.tasks.len(), scene.fake.with(|world| world.accepts.len())), (2, 1));
}

#[test]
fn accepting_yields_after_a_batch() {
    let mut scene = scene(usize::MAX);
    for _ in 0..100 {
        scene.connect();
    }
    let _ = scene.server.poll();
    assert!(scene.tasks.len() < 100 && scene.server.is_woken());
    scene.server.settle();
    assert_eq!(scene.tasks.len(), 100);
}

#[test]
fn out_of_descriptors_is_waited_out_and_recovers() {
    let mut scene = scene(10);
    scene.fake.offer(Err(io::Error::from_raw_os_error(24)));
    let wire = scene.connect();
    scene.settle();
    assert_eq!(scene.tasks.len(), 0);
    let polls = scene.server.polls;
    scene.advance(49);
    assert_eq!((scene.tasks.len(), scene.server.polls), (0, polls));
    scene.advance(1);
    wire.send(b"x");
    scene.settle();
    assert_eq!(wire.written(), b"a");
}

#[test]
fn a_shutdown_empties_the_queue_closes_the_listener_and_waits() {
    let mut scene = scene(10);
    let old = scene.connect();
    old.send(b"x");
    scene.settle();
    let waiting = scene.connect();
    waiting.send(b"xxx");
    scene.shutdown.announce();
    scene.settle();
    assert!(old.with(|wire| wire.closed), "an idle connection is closed");
    assert_eq!(waiting.written(), b"aaa");
    let late = scene.connect();
    scene.advance(10);
    assert!(!scene.listens(), "the listener closes when the queue is empty");
    late.send(b"x");
    scene.settle();
    assert_eq!(late.written(), b"a", "the second look at the queue took it");
    assert!(scene.server.done && scene.tasks.len() == 0);
}

#[test]
fn a_late_connection_that_says_nothing_is_told_after_a_while() {
    let mut scene = scene(10);
    let silent = scene.connect();
    scene.shutdown.announce();
    scene.settle();
    scene.advance(10);
    assert!(!silent.with(|wire| wire.closed) && !scene.listens());
    scene.advance(250);
    assert!(silent.with(|wire| wire.closed) && scene.server.done);
}

#[test]
fn what_lives_on_is_dropped_after_the_drain_time() {
    let mut scene = scene(10);
    let stuck = scene.connect();
    stuck.with(|wire| wire.window = 0);
    stuck.send(b"x");
    scene.settle();
    scene.shutdown.announce();
    scene.settle();
    scene.advance(10);
    scene.advance(250);
    // The peer takes a byte now and then, so that the write never stalls for long.
    for _ in 0..2 {
        stuck.send(b"xxx");
        scene.advance(14_000);
        stuck.drain(|wire| wire.window = 0);
    }
    assert!(!scene.server.done && !stuck.with(|wire| wire.dropped));
    assert!(lock(&scene.alive).is_empty());
    scene.advance(2_000);
    assert!(scene.server.done && stuck.with(|wire| wire.dropped));
    assert_eq!(*lock(&scene.alive), [1]);
}

#[test]
fn kill_drops_everything_and_returns_even_when_tasks_stay() {
    let mut scene = scene(10);
    let wire = scene.connect();
    scene.settle();
    scene.shutdown.kill();
    // The tasks are never polled: they can't end.
    scene.server.settle();
    assert!(!scene.listens() && !scene.server.done);
    scene.fake.advance(Options::default().kill);
    scene.server.settle();
    assert!(scene.server.done && !wire.with(|wire| wire.dropped));
    scene.tasks.run();
    assert!(wire.with(|wire| wire.dropped));
}

#[test]
fn a_panic_while_a_protocol_is_made_closes_that_connection_only() {
    let (fake, tasks, shutdown) = (Fake::<true>::default(), Tasks::default(), Shutdown::new());
    let count = Cell::new(0);
    let make = move |_: Endpoints| {
        count.set(count.get() + 1);
        assert!(count.get() > 1, "the first one fails");
        Echo::default()
    };
    let listeners = vec![FakeListener::new(&fake)];
    let future = serve(fake.clone(), tasks.clone(), listeners, make, Options::default(), shutdown);
    let mut server: Server = Bench::new(Box::pin(future));
    let (first, second) = (Wire::default(), Wire::default());
    fake.offer(Ok(first.clone()));
    fake.offer(Ok(second));
    server.run();
    assert!(first.with(|wire| wire.dropped) && tasks.len() == 1);
}

/// An event loop of threads that park: each worker polls its future and its tasks when it is woken.
#[derive(Clone)]
struct Parked {
    fake: Fake,
}

#[derive(Clone)]
struct ParkedSpawn<T>(T);

type LocalTasks = Rc<core::cell::RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>>;
type SharedTasks = Arc<Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>>;

impl<F: Future<Output = ()> + 'static> Spawn<F> for ParkedSpawn<LocalTasks> {
    fn spawn(&self, task: F) {
        self.0.borrow_mut().push(Box::pin(task));
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for ParkedSpawn<SharedTasks> {
    fn spawn(&self, task: F) {
        lock(&self.0).push(Box::pin(task));
    }
}

struct Unpark(thread::Thread);

impl alloc::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until the future is done, parking between; `now` of the fake moves with each round.
fn block_on(fake: &Fake, future: impl Future<Output = ()>, mut tasks: impl FnMut(&mut Context<'_>)) {
    let mut future = core::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    while future.as_mut().poll(&mut cx).is_pending() {
        tasks(&mut cx);
        thread::park_timeout(Duration::from_millis(1));
        fake.advance(Duration::from_millis(50));
    }
}

impl Runtime for Parked {
    type Stream = FakeStream<true, false>;
    type Listener = FakeListener;
    type Timer = super::testing::FakeTimer;
    type Connect = core::future::Ready<io::Result<Self::Stream>>;
    const NAME: &'static str = "parked";
    fn now(&self) -> Now {
        self.fake.now()
    }
    fn timer(&self) -> Self::Timer {
        self.fake.timer()
    }
    fn listen(&self, socket: Socket) -> io::Result<FakeListener> {
        if matches!(&socket, Socket::Tcp(listener) if listener.local_addr()?.is_ipv6()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.fake.listen(socket)
    }
    fn poll_accept(
        &self,
        listener: &mut FakeListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<Self::Stream>>> {
        self.fake.poll_accept(listener, cx)
    }
    fn connect(&self, to: &Peer) -> Self::Connect {
        self.fake.connect(to)
    }
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        ready(Ok(work()))
    }
}

impl Workers for Parked {
    type Local = ParkedSpawn<LocalTasks>;
    type Shared = ParkedSpawn<SharedTasks>;

    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, Self::Local) -> F) -> io::Result<()> {
        let (fake, tasks) = (Fake::default(), LocalTasks::default());
        let future = worker(Self { fake: fake.clone() }, ParkedSpawn(tasks.clone()));
        block_on(&fake, future, |cx| {
            let mut all = core::mem::take(&mut *tasks.borrow_mut());
            all.retain_mut(|task| task.as_mut().poll(cx).is_pending());
            tasks.borrow_mut().append(&mut all);
        });
        Ok(())
    }

    fn block_on_shared<F: Future<Output = ()>>(
        _: usize,
        worker: impl FnOnce(Self, Self::Shared) -> F,
    ) -> io::Result<()> {
        let (fake, tasks) = (Fake::default(), SharedTasks::default());
        let future = worker(Self { fake: fake.clone() }, ParkedSpawn(tasks.clone()));
        block_on(&fake, future, |cx| {
            let mut all = core::mem::take(&mut *lock(&tasks));
            all.retain_mut(|task| task.as_mut().poll(cx).is_pending());
            lock(&tasks).append(&mut all);
        });
        Ok(())
    }
}

fn bound(address: &str) -> Vec<Bound> {
    let address = address.parse().expect("it is an address");
    vec![bind(&address, BindOptions::default()).expect("a port is free")]
}

fn workers(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a test starts at least one")
}

/// Gives each event loop a connection that says `x` and keeps the other end.
fn with_connection(wires: &Arc<Mutex<Vec<Wire>>>) -> impl Fn(&Parked) + Clone + Send + use<> {
    let wires = wires.clone();
    move |runtime: &Parked| {
        let wire = Wire::default();
        wire.send(b"x");
        runtime.fake.offer(Ok(wire.clone()));
        lock(&wires).push(wire);
    }
}

fn wait_for(what: impl Fn() -> bool) {
    while !what() {
        thread::yield_now();
    }
}

#[test]
fn both_models_serve_and_end() {
    for (model, count, loops) in [(Model::PerCore, 3, 3), (Model::Stealing, 2, 1)] {
        let wires = Arc::default();
        let connect = with_connection(&wires);
        let factory = move |runtime: &Parked| {
            connect(runtime);
            |_: Endpoints| Answer
        };
        let serving = start(bound("127.0.0.1:0"), model, workers(count), Options::default(), factory)
            .expect("it starts");
        wait_for(|| lock(&wires).iter().all(|wire| wire.written() == b"a"));
        assert_eq!(lock(&wires).len(), loops);
        let closed = serving.closed();
        serving.shutdown_on(pending());
        serving.shutdown_on(ready(()));
        lock(&wires).iter().for_each(|wire| wire.push(Incoming::Eof));
        block_on(&Fake::default(), closed, |_| {});
        assert!(serving.wait_closed().is_ok());
    }
}

#[test]
fn local_protocols_need_not_be_send() {
    struct Local(Rc<Cell<usize>>);
    impl Protocol for Local {
        type Error = Infallible;
        fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
            self.0.set(self.0.get() + link.inbound.split().len());
            link.write(vec![b'0' + u8::try_from(self.0.get()).unwrap_or(9)]);
            Ok(())
        }
    }
    let wires = Arc::default();
    let connect = with_connection(&wires);
    let factory = move |runtime: &Parked| {
        connect(runtime);
        let count = Rc::new(Cell::new(0));
        move |_: Endpoints| Local(count.clone())
    };
    let serving =
        start_local(bound("127.0.0.1:0"), workers(2), Options::default(), factory).expect("it starts");
    wait_for(|| lock(&wires).iter().any(|wire| wire.written() == b"1"));
    serving.shutdown().kill();
    assert!(serving.wait_closed().is_ok());
}

#[test]
fn what_fails_at_the_start_is_reported_and_leaves_nothing() {
    let answer = |_: &Parked| |_: Endpoints| Answer;
    let address = "[::1]:0".parse().expect("it is an address");
    if let Ok(refused) = bind(&address, BindOptions::default()) {
        let failed = start(vec![refused], Model::PerCore, workers(2), Options::default(), answer);
        assert_eq!(failed.err().map(|error| error.kind()), Some(io::ErrorKind::Unsupported));
    }

    let mut empty = bound("127.0.0.1:0");
    drop(empty[0].sockets(1));
    assert!(start(empty, Model::PerCore, workers(1), Options::default(), answer).is_err());

    let panics = |_: &Parked| -> fn(Endpoints) -> Answer { panic!("no application") };
    let failed = start(bound("127.0.0.1:0"), Model::Stealing, workers(1), Options::default(), panics);
    assert!(failed.is_err_and(|error| error.kind() == io::ErrorKind::Other));
}

#[test]
fn a_future_that_panics_ends_the_server_and_nothing_worse() {
    let answer = |_: &Parked| |_: Endpoints| Answer;
    let serving = start(bound("127.0.0.1:0"), Model::PerCore, workers(1), Options::default(), answer)
        .expect("it starts");
    serving.shutdown_on(async { panic!("a signal handler that fails") });
    assert!(serving.wait_closed().is_ok());
}

#[test]
fn models_have_names() {
    for model in [Model::PerCore, Model::Stealing] {
        assert_eq!(alloc::string::ToString::to_string(&model).parse(), Ok(model));
    }
    assert!("percore".parse::<Model>().is_err());
}
