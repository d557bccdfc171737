//! Event loops of one and of many threads.
//!
//! The executor belongs to the call that runs it and handles refer to it weakly, for its tasks hold handles: so it goes
//! with its tasks when the call ends. A task that panics ends alone.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc;
use std::sync;
use std::thread;

use anyloop_core::driver::Spawn;
use async_executor::{Executor, LocalExecutor};

/// How a runtime polls a future, and its reactor, on the thread that calls.
pub(crate) type BlockOn = fn(Pin<&mut dyn Future<Output = ()>>);

/// Spawns any future, to be polled on this thread only. After the end of the event loop, tasks are dropped.
#[derive(Clone, Debug)]
pub struct LocalTasks(rc::Weak<LocalExecutor<'static>>);

impl<F: Future<Output = ()> + 'static> Spawn<F> for LocalTasks {
    fn spawn(&self, task: F) {
        if let Some(executor) = self.0.upgrade() {
            executor.spawn(task).detach();
        }
    }
}

/// Spawns `Send` futures, to be polled by any thread. After the end of the event loop, tasks are dropped.
#[derive(Clone, Debug)]
pub struct SharedTasks(sync::Weak<Executor<'static>>);

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for SharedTasks {
    fn spawn(&self, task: F) {
        if let Some(executor) = self.0.upgrade() {
            executor.spawn(task).detach();
        }
    }
}

/// Runs an event loop on this thread until the future that `worker` returns is done.
pub(crate) fn run_local<F: Future<Output = ()>>(block_on: BlockOn, worker: impl FnOnce(LocalTasks) -> F) {
    let executor = rc::Rc::new(LocalExecutor::new());
    let worker = worker(LocalTasks(rc::Rc::downgrade(&executor)));
    block_on(pin!(executor.run(worker)));
}

/// Runs an event loop of so many threads, at least one, until the future that `worker` returns, which stays on this
/// thread, is done.
///
/// # Errors
/// When a thread can't start.
pub(crate) fn run_shared<F: Future<Output = ()>>(
    block_on: BlockOn,
    threads: usize,
    worker: impl FnOnce(SharedTasks) -> F,
) -> io::Result<()> {
    let executor = sync::Arc::new(Executor::new());
    // Nothing is sent: the threads stop when the sender goes, by return, error or panic.
    let (running, stopped) = async_channel::bounded::<()>(1);
    thread::scope(|scope| {
        let _running = running;
        for _ in 0..threads.max(1) {
            let (executor, stopped) = (&executor, &stopped);
            let run =
                move || block_on(pin!(executor.run(async { stopped.recv().await.unwrap_or_default() })));
            thread::Builder::new().name("anyloop-worker".into()).spawn_scoped(scope, run)?;
        }
        block_on(pin!(worker(SharedTasks(sync::Arc::downgrade(&executor)))));
        Ok(())
    })
}
