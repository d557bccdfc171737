//! The state that all parts of a simulation share.

use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::net::SocketAddr;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::config::SimConfig;
use super::listener::{Listening, SimConnect, SimListener};
use super::net::Conn;
use super::rng::Rng;
use super::run::TaskId;
use super::stream::SimStream;
use super::timer::{SimSleep, SimTimer};
use super::trace::{Action, Step, Trace};
use super::unblock;
use crate::driver::{Accepted, Panicked, Peer, Runtime, Socket, Spawn};
use crate::time::{Instant, Now};

/// A simulated event loop with its network and its clock. Clones are handles of the same one.
///
/// It spawns `Send` futures; [`Sim::run_local`] hands out a handle for all others.
#[derive(Clone)]
pub struct Sim {
    shared: Arc<Mutex<World>>,
}

/// A `Send` task.
pub(super) type SharedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Position of an event: its time, and its rank among those of the same time.
pub(super) type EventKey = (Instant, u64);

/// What happens at an instant.
pub(super) enum Event {
    /// A timer fires.
    Fire(Waker),
    /// A hold-up of a connection may be over.
    Settle(u64),
    /// Blocking work is run.
    Work(Box<dyn FnOnce() + Send>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskStage {
    Waiting,
    Runnable,
    Done,
}

struct TaskState {
    stage: TaskStage,
    generation: u64,
    polls: u64,
}

pub(super) struct World {
    pub(super) config: SimConfig,
    pub(super) rng: Rng,
    pub(super) now: Instant,
    pub(super) conns: BTreeMap<u64, Conn>,
    pub(super) listeners: BTreeMap<u64, Listening>,
    pub(super) accept_errors: VecDeque<io::Error>,
    /// Until when accepting fails, and with which error of the operating system.
    pub(super) accept_outage: Option<(Instant, i32)>,
    pub(super) spawned: Vec<(TaskId, SharedTask)>,
    pub(super) running: bool,
    pub(super) late_wakes: u64,
    total_polls: u64,
    events: BTreeMap<EventKey, Event>,
    tasks: Vec<TaskState>,
    runnable: Vec<TaskId>,
    trace: Trace,
    next_number: u64,
    wakes: Vec<Waker>,
    unused: Vec<Waker>,
}

impl World {
    fn new(config: SimConfig) -> Self {
        Self {
            rng: Rng::new(config.seed),
            config,
            now: Instant::default(),
            conns: BTreeMap::new(),
            listeners: BTreeMap::new(),
            accept_errors: VecDeque::new(),
            accept_outage: None,
            spawned: Vec::new(),
            running: false,
            late_wakes: 0,
            total_polls: 0,
            events: BTreeMap::new(),
            tasks: Vec::new(),
            runnable: Vec::new(),
            trace: Trace::default(),
            next_number: 0,
            wakes: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn record(&mut self, action: Action) {
        self.trace.record(self.now, action);
    }

    /// Wakes when the lock is released.
    pub(super) fn wake_later(&mut self, waker: Option<Waker>) {
        self.wakes.extend(waker);
    }

    /// Drops a waker when the lock is released.
    pub(super) fn discard(&mut self, waker: Option<Waker>) {
        self.unused.extend(waker);
    }

    pub(super) fn schedule(&mut self, at: Instant, event: Event) -> EventKey {
        let key = (at.max(self.now), self.number());
        self.events.insert(key, event);
        key
    }

    pub(super) fn cancel(&mut self, key: EventKey) {
        if let Some(Event::Fire(waker)) = self.events.remove(&key) {
            self.unused.push(waker);
        }
    }

    /// A seeded time from zero to `longest`, zero half of the times.
    pub(super) fn delay(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX - 1);
        if nanos == 0 || self.rng.one_in(2) {
            return Duration::ZERO;
        }
        Duration::from_nanos(1 + self.rng.below(nanos))
    }

    pub(super) fn add_task(&mut self) -> TaskId {
        let id = TaskId::new(self.tasks.len());
        self.tasks.push(TaskState { stage: TaskStage::Runnable, generation: 0, polls: 0 });
        self.runnable.push(id);
        self.record(Action::Spawned(id));
        id
    }

    fn wake_task(&mut self, id: TaskId, generation: u64) {
        let task = &mut self.tasks[id.index()];
        match task.stage {
            TaskStage::Done => {}
            TaskStage::Waiting | TaskStage::Runnable if task.generation != generation => {
                self.late_wakes += 1;
                self.record(Action::WokenLate(id));
            }
            TaskStage::Runnable => {}
            TaskStage::Waiting => {
                task.stage = TaskStage::Runnable;
                self.runnable.push(id);
                self.record(Action::Woken(id));
            }
        }
    }

    /// Takes one of the tasks that can run.
    pub(super) fn next_task(&mut self) -> Option<TaskId> {
        if self.runnable.is_empty() {
            return None;
        }
        let at = self.rng.index(self.runnable.len());
        let id = self.runnable.swap_remove(at);
        Some(id)
    }

    /// Notes that a poll begins, and returns the generation of its waker.
    pub(super) fn begin_poll(&mut self, id: TaskId) -> u64 {
        let fresh = match self.config.wakers {
            super::config::Wakers::Fresh => 1,
            super::config::Wakers::Stable => 0,
        };
        let task = &mut self.tasks[id.index()];
        task.stage = TaskStage::Waiting;
        task.polls += 1;
        self.total_polls += 1;
        task.generation += fresh;
        let generation = task.generation;
        self.record(Action::Polled(id));
        generation
    }

    pub(super) fn end_task(&mut self, id: TaskId) {
        let task = &mut self.tasks[id.index()];
        let was = mem::replace(&mut task.stage, TaskStage::Done);
        match was {
            TaskStage::Done => return,
            TaskStage::Runnable => self.runnable.retain(|&other| other != id),
            TaskStage::Waiting => {}
        }
        self.record(Action::Done(id));
    }

    pub(super) fn next_event_at(&self) -> Option<Instant> {
        self.events.keys().next().map(|&(at, _)| at)
    }

    /// Moves the clock to the next event and does all that is due then. Work that is due is handed back, to be run
    /// without the lock.
    pub(super) fn do_next_events(&mut self) -> Vec<Box<dyn FnOnce() + Send>> {
        let mut work = Vec::new();
        let Some(at) = self.next_event_at() else { return work };
        self.now = self.now.max(at);
        while self.next_event_at() == Some(at) {
            let Some((_, event)) = self.events.pop_first() else { break };
            match event {
                Event::Fire(waker) => {
                    self.record(Action::Fired);
                    self.wake_later(Some(waker));
                }
                Event::Settle(conn) => self.settle(conn),
                Event::Work(job) => {
                    self.record(Action::Worked);
                    work.push(job);
                }
            }
        }
        work
    }

    /// Takes all events and tasks not yet run, to be dropped without the lock.
    pub(super) fn take_leftovers(&mut self) -> (BTreeMap<EventKey, Event>, Vec<(TaskId, SharedTask)>) {
        (mem::take(&mut self.events), mem::take(&mut self.spawned))
    }

    pub(super) fn total_polls(&self) -> u64 {
        self.total_polls
    }

    pub(super) fn busiest(&self) -> (TaskId, u64) {
        let polls = self.tasks.iter().enumerate().map(|(n, task)| (TaskId::new(n), task.polls));
        polls.max_by_key(|&(_, polls)| polls).unwrap_or((TaskId::new(0), 0))
    }

    pub(super) fn waiting(&self) -> usize {
        self.tasks.iter().filter(|task| task.stage != TaskStage::Done).count()
    }
}

struct TaskWaker {
    world: Weak<Mutex<World>>,
    task: TaskId,
    generation: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.world.upgrade() {
            Sim { shared }.with(|world| world.wake_task(self.task, self.generation));
        }
    }
}

impl Sim {
    /// Makes a simulation with [`SimConfig::new`].
    pub fn new(seed: u64) -> Self {
        Self::with_config(SimConfig::new(seed))
    }

    /// Makes a simulation.
    pub fn with_config(config: SimConfig) -> Self {
        Self { shared: Arc::new(Mutex::new(World::new(config))) }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the state under its lock; wakes and drops wakers after it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = work(&mut world);
        let wakes = mem::take(&mut world.wakes);
        let unused = mem::take(&mut world.unused);
        drop(world);
        wakes.into_iter().for_each(Waker::wake);
        drop(unused);
        result
    }

    /// Makes a waker for the polls of one generation.
    pub(super) fn waker(&self, task: TaskId, generation: u64) -> Waker {
        Arc::new(TaskWaker { world: Arc::downgrade(&self.shared), task, generation }).into()
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.lock().config.seed
    }

    /// Returns the configuration.
    pub fn config(&self) -> SimConfig {
        self.lock().config.clone()
    }

    /// Returns the virtual time since the simulation was made.
    pub fn elapsed(&self) -> Duration {
        self.lock().now - Instant::default()
    }

    /// Draws a number below `bound` from the seed, for choices that a test makes; 0 when `bound` is 0.
    pub fn draw(&self, bound: u64) -> u64 {
        self.lock().rng.below(bound)
    }

    /// Waits, exactly so long in virtual time. [`Runtime::sleep`], which generic code calls, waits by a [`SimTimer`] and
    /// may take a little longer.
    pub fn sleep(&self, time: Duration) -> SimSleep {
        SimSleep::new(self.clone(), self.now().mono + time)
    }

    /// Makes a listener at an address of this simulation; port 0 picks a free one. Several listeners may share an
    /// address, connections go to one of them by the seed.
    ///
    /// # Errors
    /// `AddrNotAvailable` when no port is left.
    pub fn bind(&self, address: SocketAddr) -> io::Result<SimListener> {
        SimListener::bind(self, Peer::Tcp(address))
    }

    /// Makes two connected streams; the first is the client's.
    pub fn pair(&self) -> (SimStream, SimStream) {
        let connection = self.with(|world| world.add_conn([true, true]));
        (SimStream::client(self, connection), SimStream::server(self, connection))
    }

    /// Makes the next accepts fail with these errors, in this order, each when a connection waits to be accepted.
    ///
    /// `ConnectionAborted` takes that connection with it, any other leaves it in the queue, as `accept(2)` does.
    pub fn fail_accepts(&self, errors: impl IntoIterator<Item = io::Error>) {
        let errors: Vec<_> = errors.into_iter().collect();
        self.with(|world| world.accept_errors.extend(errors));
    }

    /// Makes every accept fail from here on for so long, with this error of the operating system, when a connection waits
    /// to be accepted; it stays in the queue. `EMFILE`, for instance, until somebody closes something.
    pub fn fail_accepts_for(&self, time: Duration, code: i32) {
        self.with(|world| world.accept_outage = Some((world.now + time, code)));
    }

    /// Returns how often each task was polled, the ended ones included, in the order in which they were started. The
    /// future given to [`Sim::run`] is a task too.
    pub fn polls_per_task(&self) -> Vec<(TaskId, u64)> {
        self.lock().tasks.iter().enumerate().map(|(n, task)| (TaskId::new(n), task.polls)).collect()
    }

    /// Returns the number of polls so far.
    pub fn polls(&self) -> u64 {
        self.lock().total_polls
    }

    /// Returns the number of connections with at least one living end.
    pub fn open_connections(&self) -> usize {
        self.lock().conns.len()
    }

    /// Returns a digest of all that happened: equal for equal runs.
    pub fn fingerprint(&self) -> u64 {
        self.lock().trace.fingerprint()
    }

    /// Returns the last steps, at most 256.
    pub fn trace(&self) -> Vec<Step> {
        self.lock().trace.recent()
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.lock();
        f.debug_struct("Sim").field("config", &world.config).field("now", &world.now).finish_non_exhaustive()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Sim {
    fn spawn(&self, task: F) {
        let task: SharedTask = Box::pin(task);
        self.with(|world| {
            let id = world.add_task();
            world.spawned.push((id, task));
        });
    }
}

impl Runtime for Sim {
    type Stream = SimStream;
    type Listener = SimListener;
    type Timer = SimTimer;
    type Connect = SimConnect;

    const NAME: &'static str = "sim";

    fn now(&self) -> Now {
        let world = self.lock();
        Now { mono: world.now, unix_secs: world.config.unix_start + world.now.as_nanos() / 1_000_000_000 }
    }

    fn timer(&self) -> SimTimer {
        SimTimer::new(self.clone())
    }

    /// Listens at the socket's address inside the simulation; the socket itself is closed.
    fn listen(&self, socket: Socket) -> io::Result<SimListener> {
        let address = match &socket {
            Socket::Tcp(listener) => Peer::Tcp(listener.local_addr()?),
            #[cfg(unix)]
            Socket::Unix(listener) => {
                Peer::Unix(listener.local_addr()?.as_pathname().map(std::path::Path::to_path_buf))
            }
        };
        SimListener::bind(self, address)
    }

    fn poll_accept(
        &self,
        listener: &mut SimListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Accepted<SimStream>>> {
        listener.poll_accept(cx)
    }

    fn connect(&self, to: &Peer) -> SimConnect {
        SimConnect::new(self.clone(), to.clone())
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        unblock::unblock(self, work)
    }
}
