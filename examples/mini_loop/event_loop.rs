//! When A happens, do B: A is in [`Event`], B is a waker, and behind each waker stands a task.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::{self, Read, Write};
use std::mem;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use anyloop::core::driver::{Spawn, clock};
use anyloop::core::time::Instant;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::Socket;

/// The number of a task, a socket or a timer.
pub(crate) type Id = u64;

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Readable(Id),
    Writable(Id),
    Time(Instant, Id),
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// An event loop of one thread. Clones are the same one.
#[derive(Clone)]
pub(crate) struct EventLoop(Rc<Inner>);

struct Inner {
    /// When this happens, wake that.
    when: RefCell<BTreeMap<Event, Waker>>,
    sockets: RefCell<BTreeMap<Id, Rc<Socket>>>,
    spawned: RefCell<BTreeMap<Id, (Task, Waker)>>,
    last_id: Cell<Id>,
    woken: Arc<Woken>,
    /// Becomes readable when another thread wakes a task while the loop sleeps.
    bell: UnixStream,
}

impl EventLoop {
    pub(crate) fn new() -> io::Result<Self> {
        let (bell, button) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        button.set_nonblocking(true)?;
        let woken = Arc::new(Woken { state: Mutex::default(), button });
        Ok(Self(Rc::new(Inner {
            when: RefCell::default(),
            sockets: RefCell::default(),
            spawned: RefCell::default(),
            last_id: Cell::new(0),
            woken,
            bell,
        })))
    }

    /// Runs until the first task is done; the others are dropped then.
    pub(crate) fn run(&self, first: impl Future<Output = ()>) -> io::Result<()> {
        let result = self.run_tasks(pin!(first));
        drop(self.0.spawned.take());
        result
    }

    fn run_tasks(&self, mut first: Pin<&mut impl Future<Output = ()>>) -> io::Result<()> {
        let first_id = self.new_id();
        let first_waker = self.waker(first_id);
        first_waker.wake_by_ref();
        let mut tasks = BTreeMap::new();
        loop {
            for id in self.0.woken.take() {
                tasks.append(&mut self.0.spawned.borrow_mut());
                if id == first_id {
                    if first.as_mut().poll(&mut Context::from_waker(&first_waker)).is_ready() {
                        return Ok(());
                    }
                } else if let Some((task, waker)) = tasks.get_mut(&id)
                    && task.as_mut().poll(&mut Context::from_waker(waker)).is_ready()
                {
                    tasks.remove(&id);
                }
            }
            self.wait()?;
        }
    }

    /// Wakes that when this happens, once.
    pub(crate) fn when(&self, event: Event, wake: &Waker) {
        self.0.when.borrow_mut().insert(event, wake.clone());
    }

    pub(crate) fn forget(&self, event: Event) {
        self.0.when.borrow_mut().remove(&event);
    }

    pub(crate) fn add_socket(&self, socket: &Rc<Socket>) -> Id {
        let id = self.new_id();
        self.0.sockets.borrow_mut().insert(id, socket.clone());
        id
    }

    pub(crate) fn remove_socket(&self, id: Id) {
        self.forget(Event::Readable(id));
        self.forget(Event::Writable(id));
        self.0.sockets.borrow_mut().remove(&id);
    }

    pub(crate) fn new_id(&self) -> Id {
        self.0.last_id.set(self.0.last_id.get() + 1);
        self.0.last_id.get()
    }

    fn waker(&self, task: Id) -> Waker {
        Waker::from(Arc::new(TaskWaker { task, woken: self.0.woken.clone() }))
    }

    /// Sleeps until something happens, and wakes who waits for it.
    fn wait(&self) -> io::Result<()> {
        let happened = self.happened()?;
        self.0.woken.lock().asleep = false;
        while (&self.0.bell).read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        for event in happened {
            let waker = self.0.when.borrow_mut().remove(&event);
            waker.into_iter().for_each(Waker::wake);
        }
        Ok(())
    }

    fn happened(&self) -> io::Result<Vec<Event>> {
        let (when, sockets) = (self.0.when.borrow(), self.0.sockets.borrow());
        let mut fds = vec![PollFd::new(&self.0.bell, PollFlags::IN)];
        let mut waited = Vec::new();
        for &event in when.keys() {
            let (id, flags) = match event {
                Event::Readable(id) => (id, PollFlags::IN),
                Event::Writable(id) => (id, PollFlags::OUT),
                Event::Time(..) => break,
            };
            fds.push(PollFd::new(&*sockets[&id], flags));
            waited.push(event);
        }
        let timeout = self.time_left(&when).map(Timespec::try_from).transpose().unwrap_or(None);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let fired = fds[1..].iter().zip(waited).filter(|(fd, _)| !fd.revents().is_empty());
        let now = Event::Time(clock::now().mono, Id::MAX);
        let due = when.range(FIRST_TIME..=now).map(|(&event, _)| event);
        Ok(fired.map(|(_, event)| event).chain(due).collect())
    }

    /// Until when `poll(2)` may sleep: not at all while tasks are woken, for ever when there is no timer.
    fn time_left(&self, when: &BTreeMap<Event, Waker>) -> Option<Duration> {
        let mut woken = self.0.woken.lock();
        woken.asleep = woken.tasks.is_empty();
        match when.range(FIRST_TIME..).next() {
            _ if !woken.asleep => Some(Duration::ZERO),
            Some((Event::Time(at, _), _)) => Some(at.saturating_since(clock::now().mono)),
            Some(_) | None => None,
        }
    }
}

/// Times stand behind all other events.
const FIRST_TIME: Event = Event::Time(Instant::from_nanos(0), 0);

impl<F: Future<Output = ()> + 'static> Spawn<F> for EventLoop {
    fn spawn(&self, task: F) {
        let id = self.new_id();
        let waker = self.waker(id);
        waker.wake_by_ref();
        self.0.spawned.borrow_mut().insert(id, (Box::pin(task), waker));
    }
}

/// The tasks that are to be polled; any thread may add to them.
struct Woken {
    state: Mutex<WokenState>,
    button: UnixStream,
}

#[derive(Default)]
struct WokenState {
    tasks: BTreeSet<Id>,
    asleep: bool,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, WokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> BTreeSet<Id> {
        mem::take(&mut self.lock().tasks)
    }

    fn wake(&self, task: Id) {
        let mut state = self.lock();
        state.tasks.insert(task);
        if mem::take(&mut state.asleep) {
            // A full pipe rings as well.
            let _ = (&self.button).write(&[0]);
        }
    }
}

struct TaskWaker {
    task: Id,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.wake(self.task);
    }
}
