//! Starting the threads of a server, the same for every backend.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::num::NonZeroUsize;
use core::pin::pin;
use core::str::FromStr;
use std::io;
use std::sync::mpsc;
use std::thread;

use super::connection::Driver;
use super::runtime::{Socket, Spawn, Workers};
use super::serve::{Endpoints, Options, serve};
use super::server::{Alive, Living, Serving, Triggers};
use super::shutdown::Shutdown;
use super::socket::Bound;
use crate::protocol::Protocol;

/// How connections are spread over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Each worker is a thread with its own event loop and its own listening sockets; a connection stays where it was
    /// accepted, and what serves it need not be `Send`.
    #[default]
    PerCore,
    /// One event loop with several threads, which take connections from each other.
    Stealing,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerCore => "per-core",
            Self::Stealing => "stealing",
        })
    }
}

/// The text is neither `per-core` nor `stealing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelError;

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither per-core nor stealing")
    }
}

impl core::error::Error for ModelError {}

impl FromStr for Model {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        match text {
            "per-core" => Ok(Self::PerCore),
            "stealing" => Ok(Self::Stealing),
            _ => Err(ModelError),
        }
    }
}

/// Starts a server of `Send` protocols in either model, on threads of its own.
///
/// Per core each worker gets a socket of each bound address. `factory` is called once for each event loop, on the thread
/// that runs it, and returns what makes the protocol of each connection. Returns when every worker listens. What is bound
/// belongs to the server from here on; the file of a Unix socket goes when the last worker ends.
///
/// # Errors
/// When a thread or an event loop can't start, a socket is refused, or `factory` panics; then nothing is left running.
pub fn start<W, P, M, F>(
    bound: Vec<Bound>,
    model: Model,
    workers: NonZeroUsize,
    options: Options,
    factory: F,
) -> io::Result<Serving>
where
    W: Workers,
    W::Local: Spawn<Driver<P, W>>,
    W::Shared: Spawn<Driver<P, W>>,
    P: Protocol,
    M: Fn(Endpoints) -> P,
    F: Fn(&W) -> M + Clone + Send + 'static,
{
    match model {
        Model::PerCore => start_local::<W, P, M, F>(bound, workers, options, factory),
        Model::Stealing => {
            let threads = workers.get();
            launch(bound, 1, options, factory, move |job| {
                W::block_on_shared(threads, |runtime, spawner| job.run(runtime, spawner))
            })
        }
    }
}

/// Starts a server per core whose protocols need not be `Send`; see [`start`]. What `factory` returns is made, used and
/// dropped on the worker's thread.
///
/// # Errors
/// As of [`start`].
pub fn start_local<W, P, M, F>(
    bound: Vec<Bound>,
    workers: NonZeroUsize,
    options: Options,
    factory: F,
) -> io::Result<Serving>
where
    W: Workers,
    W::Local: Spawn<Driver<P, W>>,
    P: Protocol,
    M: Fn(Endpoints) -> P,
    F: Fn(&W) -> M + Clone + Send + 'static,
{
    launch(bound, workers.get(), options, factory, |job| {
        W::block_on_local(|runtime, spawner| job.run(runtime, spawner))
    })
}

/// What a worker's thread is given.
struct Job<F> {
    sockets: Vec<Socket>,
    factory: F,
    options: Options,
    shutdown: Shutdown,
    /// With the first worker only.
    triggers: Option<Arc<Triggers>>,
    ready: mpsc::Sender<io::Result<()>>,
}

impl<F> Job<F> {
    async fn run<W, Sp, P, M>(self, runtime: W, spawner: Sp)
    where
        W: Workers,
        Sp: Spawn<Driver<P, W>>,
        P: Protocol,
        M: Fn(Endpoints) -> P,
        F: Fn(&W) -> M,
    {
        let Self { sockets, factory, options, shutdown, triggers, ready } = self;
        let listeners = match sockets.into_iter().map(|socket| runtime.listen(socket)).collect() {
            Ok(listeners) => listeners,
            Err(error) => {
                // Whoever started this worker waits for the message.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let make = factory(&runtime);
        let _ = ready.send(Ok(()));
        drop(ready);
        let mut serving = pin!(serve(runtime, spawner, listeners, make, options, shutdown.clone()));
        poll_fn(|cx| {
            if let Some(triggers) = &triggers {
                triggers.poll(cx, &shutdown);
            }
            serving.as_mut().poll(cx)
        })
        .await;
    }
}

/// Starts `workers` threads that run `body`, and waits until each is ready.
fn launch<F, B>(
    mut bound: Vec<Bound>,
    workers: usize,
    options: Options,
    factory: F,
    body: B,
) -> io::Result<Serving>
where
    F: Clone + Send + 'static,
    B: Fn(Job<F>) -> io::Result<()> + Clone + Send + 'static,
{
    let shares = share(&mut bound, workers)?;
    let bound = Arc::new(bound);
    let mut serving = Serving {
        shutdown: Shutdown::new(),
        threads: Vec::with_capacity(workers),
        alive: Arc::new(Alive::new(workers)),
        triggers: Arc::new(Triggers::new()),
    };
    let (ready, reports) = mpsc::channel();
    let mut started = Ok(());
    for (index, sockets) in shares.into_iter().enumerate() {
        let job = Job {
            sockets,
            factory: factory.clone(),
            options: options.clone(),
            shutdown: serving.shutdown.clone(),
            triggers: (index == 0).then(|| serving.triggers.clone()),
            ready: ready.clone(),
        };
        let living = Living {
            alive: serving.alive.clone(),
            shutdown: serving.shutdown.clone(),
            _bound: bound.clone(),
        };
        let body = body.clone();
        let run = move || {
            let _living = living;
            body(job)
        };
        match thread::Builder::new().name(thread_name(index)).spawn(run) {
            Ok(thread) => serving.threads.push(thread),
            Err(error) => {
                started = Err(error);
                break;
            }
        }
    }
    drop(ready);
    // A worker that fails before its report drops its sender, and says why when it is joined.
    let expected = serving.threads.len();
    let reports: Vec<_> = reports.iter().collect();
    let reported = reports.len();
    started = reports.into_iter().fold(started, io::Result::and);
    if started.is_ok() && reported == expected {
        return Ok(serving);
    }
    serving.shutdown.kill();
    let joined = serving.wait_closed();
    started.and(joined).and(Err(io::Error::other("a worker ended before it was ready")))
}

/// Gives each worker a socket of each address.
fn share(bound: &mut [Bound], workers: usize) -> io::Result<Vec<Vec<Socket>>> {
    let mut shares: Vec<_> = (0..workers).map(|_| Vec::with_capacity(bound.len())).collect();
    for address in bound {
        for (share, socket) in shares.iter_mut().zip(address.sockets(workers)?) {
            share.push(socket);
        }
    }
    Ok(shares)
}

fn thread_name(index: usize) -> String {
    format!("anyloop-{index}")
}
