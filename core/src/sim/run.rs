//! Running tasks, one at a time, to a verdict.

use core::any::Any;
use core::cell::RefCell;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::panic::AssertUnwindSafe;
use std::io;
use std::panic::catch_unwind;

use super::config::SimConfig;
use super::world::Sim;
use crate::driver::{Spawn, Workers};
use crate::time::Instant;

/// The number of a task, in the order in which tasks were started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(usize);

impl TaskId {
    pub(super) fn new(number: usize) -> Self {
        Self(number)
    }

    pub(super) fn index(self) -> usize {
        self.0
    }

    pub(super) fn number(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// Why a run did not come to its end. The seed that replays it is part of each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every task waits and nothing is scheduled: a wake-up was lost, or they wait for each other.
    Deadlock {
        /// The seed.
        seed: u64,
        /// When everything stood still.
        at: Instant,
        /// How many tasks wait, the one that was run included.
        waiting: usize,
        /// How many wake-ups went to the waker of an earlier poll, since the simulation was made.
        late_wakes: u64,
    },
    /// The instant by which the run had to end has come.
    TimeUp {
        /// The seed.
        seed: u64,
        /// That instant.
        at: Instant,
    },
    /// The run used up its polls: somebody polls or wakes in a circle.
    TooManyPolls {
        /// The seed.
        seed: u64,
        /// When.
        at: Instant,
        /// The task with the most polls.
        busiest: TaskId,
        /// How often that one was polled.
        polls: u64,
    },
    /// A task panicked.
    Panicked {
        /// The seed.
        seed: u64,
        /// When.
        at: Instant,
        /// The task.
        task: TaskId,
        /// What it said.
        message: String,
    },
}

impl Verdict {
    /// Returns the seed that replays the run.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Deadlock { seed, .. }
            | Self::TimeUp { seed, .. }
            | Self::TooManyPolls { seed, .. }
            | Self::Panicked { seed, .. } => *seed,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |at: &Instant| Duration::from_nanos(at.as_nanos());
        match self {
            Self::Deadlock { seed, at, waiting, late_wakes } => write!(
                f,
                "seed {seed}: deadlock at {:?}: {waiting} tasks wait and nothing is scheduled \
                 ({late_wakes} wake-ups went to the waker of an earlier poll)",
                seconds(at)
            ),
            Self::TimeUp { seed, at } => write!(f, "seed {seed}: not done by {:?}", seconds(at)),
            Self::TooManyPolls { seed, at, busiest, polls } => {
                write!(f, "seed {seed}: too many polls at {:?}, {polls} of them of {busiest}", seconds(at))
            }
            Self::Panicked { seed, at, task, message } => {
                write!(f, "seed {seed}: {task} panicked at {:?}: {message}", seconds(at))
            }
        }
    }
}

impl core::error::Error for Verdict {}

type LocalTask = Pin<Box<dyn Future<Output = ()>>>;

/// Spawns any future, to run on the thread of the simulation. Made by [`Sim::run_local`].
#[derive(Clone)]
pub struct SimLocal {
    sim: Sim,
    spawned: Rc<RefCell<Vec<(TaskId, LocalTask)>>>,
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for SimLocal {
    fn spawn(&self, task: F) {
        let task: LocalTask = Box::pin(task);
        let id = self.sim.with(|world| world.add_task());
        self.spawned.borrow_mut().push((id, task));
    }
}

impl fmt::Debug for SimLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimLocal").field(&self.sim).finish()
    }
}

/// The tasks of a run. Dropped, it drops them and all that they left behind.
struct Tasks {
    local: SimLocal,
    living: BTreeMap<TaskId, LocalTask>,
    /// The waker of each task's last poll.
    wakers: BTreeMap<TaskId, (u64, Waker)>,
}

impl Tasks {
    /// Takes in what was spawned since.
    fn adopt(&mut self) {
        let shared = self.local.sim.with(|world| mem::take(&mut world.spawned));
        self.living.extend(shared.into_iter().map(|(id, task)| (id, task as LocalTask)));
        self.living.extend(self.local.spawned.take());
    }

    /// The waker for a poll: that of the last one if it is of the same generation.
    fn waker(&mut self, id: TaskId, generation: u64) -> Waker {
        match self.wakers.get(&id) {
            Some((last, waker)) if *last == generation => waker.clone(),
            Some(_) | None => {
                let waker = self.local.sim.waker(id, generation);
                self.wakers.insert(id, (generation, waker.clone()));
                waker
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let sim = self.local.sim.clone();
        // A task that is dropped may spawn another.
        loop {
            self.adopt();
            let (events, _) = sim.with(super::world::World::take_leftovers);
            if self.living.is_empty() && events.is_empty() {
                break;
            }
            drop(events);
            for (id, task) in mem::take(&mut self.living) {
                sim.with(|world| world.end_task(id));
                drop(task);
            }
        }
        sim.with(|world| world.running = false);
    }
}

/// What the executor does next.
enum Next {
    Poll(TaskId, u64),
    Work(Vec<Box<dyn FnOnce() + Send>>),
    End(Verdict),
}

impl Sim {
    /// Runs a future, and all that is spawned, until the future is done. `until` is how much virtual time it may take;
    /// tasks that are alive in the end are dropped.
    ///
    /// # Errors
    /// A [`Verdict`] when the future is not done by then or can never be done, and when any task panics.
    ///
    /// # Panics
    /// When the simulation is running already.
    pub fn run<T>(&self, until: Duration, future: impl Future<Output = T>) -> Result<T, Verdict> {
        self.run_local(until, |_| future)
    }

    /// The same as [`Sim::run`], with a handle that spawns futures that are not `Send`.
    ///
    /// # Errors
    /// As of [`Sim::run`].
    ///
    /// # Panics
    /// When the simulation is running already.
    pub fn run_local<T, F: Future<Output = T>>(
        &self,
        until: Duration,
        main: impl FnOnce(SimLocal) -> F,
    ) -> Result<T, Verdict> {
        let (main_id, end, poll_end) = self.with(|world| {
            assert!(!mem::replace(&mut world.running, true), "the simulation is running already");
            let until = until.min(world.config.time_limit);
            let polls_before: u64 = world.total_polls();
            (world.add_task(), world.now + until, polls_before.saturating_add(world.config.poll_limit))
        });
        let local = SimLocal { sim: self.clone(), spawned: Rc::default() };
        let mut tasks = Tasks { local: local.clone(), living: BTreeMap::new(), wakers: BTreeMap::new() };
        let mut main = pin!(main(local));
        let result = loop {
            tasks.adopt();
            let (id, generation) = match self.next(end, poll_end) {
                Next::Poll(id, generation) => (id, generation),
                Next::Work(jobs) => {
                    jobs.into_iter().for_each(|job| job());
                    continue;
                }
                Next::End(verdict) => break Err(verdict),
            };
            let waker = tasks.waker(id, generation);
            let cx = &mut Context::from_waker(&waker);
            if id == main_id {
                match catch_unwind(AssertUnwindSafe(|| main.as_mut().poll(cx))) {
                    Ok(Poll::Ready(result)) => break Ok(result),
                    Ok(Poll::Pending) => {}
                    Err(panic) => break Err(self.panicked(id, &*panic)),
                }
                continue;
            }
            let Some(task) = tasks.living.get_mut(&id) else { continue };
            match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(())) => {
                    self.with(|world| world.end_task(id));
                    tasks.living.remove(&id);
                    tasks.wakers.remove(&id);
                }
                Err(panic) => break Err(self.panicked(id, &*panic)),
            }
        };
        self.with(|world| world.end_task(main_id));
        result
    }

    fn next(&self, end: Instant, poll_end: u64) -> Next {
        self.with(|world| {
            let seed = world.config.seed;
            if let Some(id) = world.next_task() {
                if world.total_polls() >= poll_end {
                    let (busiest, polls) = world.busiest();
                    return Next::End(Verdict::TooManyPolls { seed, at: world.now, busiest, polls });
                }
                return Next::Poll(id, world.begin_poll(id));
            }
            match world.next_event_at() {
                None => Next::End(Verdict::Deadlock {
                    seed,
                    at: world.now,
                    waiting: world.waiting(),
                    late_wakes: world.late_wakes,
                }),
                Some(at) if at > end => {
                    world.now = end;
                    Next::End(Verdict::TimeUp { seed, at: end })
                }
                Some(_) => Next::Work(world.do_next_events()),
            }
        })
    }

    fn panicked(&self, task: TaskId, panic: &(dyn Any + Send)) -> Verdict {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
            .unwrap_or_default();
        self.with(|world| Verdict::Panicked { seed: world.config.seed, at: world.now, task, message })
    }
}

/// Each call runs a new simulation, with the configuration of the surrounding [`SimConfig::scope`].
impl Workers for Sim {
    type Local = SimLocal;
    type Shared = Self;

    /// Runs until the future is done.
    ///
    /// # Errors
    /// The [`Verdict`], when the future can't be done.
    ///
    /// # Panics
    /// When a task panics, with the seed.
    fn block_on_local<F: Future<Output = ()>>(worker: impl FnOnce(Self, SimLocal) -> F) -> io::Result<()> {
        let sim = Self::with_config(SimConfig::of_scope());
        outcome(sim.run_local(Duration::MAX, |local| worker(sim.clone(), local)))
    }

    /// The same as `block_on_local`: the number of threads changes nothing, for tasks run one at a time.
    ///
    /// # Errors
    /// The [`Verdict`], when the future can't be done.
    ///
    /// # Panics
    /// When a task panics, with the seed.
    fn block_on_shared<F: Future<Output = ()>>(
        _: usize,
        worker: impl FnOnce(Self, Self) -> F,
    ) -> io::Result<()> {
        let sim = Self::with_config(SimConfig::of_scope());
        outcome(sim.run_local(Duration::MAX, |_| worker(sim.clone(), sim.clone())))
    }
}

fn outcome(result: Result<(), Verdict>) -> io::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(verdict @ Verdict::Panicked { .. }) => panic!("{verdict}"),
        Err(verdict) => Err(io::Error::other(verdict)),
    }
}
