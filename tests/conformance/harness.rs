//! Runs a scenario in an event loop, and the awaiting forms of what a transport polls.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use anyloop_core::driver::{Accepted, Runtime, Spawn, Transport, Workers};
use anyloop_core::link::Outbound;
use bytes::BytesMut;

/// Turns a hang into a failure; no scenario comes near it.
pub(crate) const HANG: Duration = Duration::from_secs(60);

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs it in the single-threaded event loop.
pub(crate) fn run_local<W: Workers, F: Future<Output = ()>>(scenario: impl Fn(W) -> F) {
    W::block_on_local(|rt, _| {
        let scenario = scenario(rt.clone());
        async move { rt.timeout(HANG, scenario).await.expect("no hang") }
    })
    .expect("the event loop starts");
}

/// Runs it as a task of the multi-threaded event loop.
pub(crate) fn run_shared<W: Workers>(scenario: impl Fn(W) -> BoxFuture)
where
    W::Shared: Spawn<BoxFuture>,
{
    W::block_on_shared(2, |rt, tasks| {
        let end = End::default();
        let (task, guard) = (scenario(rt.clone()), Guard { end: end.clone(), passed: false });
        tasks.spawn(Box::pin(async move {
            let mut guard = guard;
            task.await;
            guard.passed = true;
        }));
        async move {
            let passed = rt.timeout(HANG, end.reached()).await.expect("no hang");
            assert!(passed, "the task panicked");
        }
    })
    .expect("the event loop starts");
}

/// Whether the task passed, once it has ended.
#[derive(Clone, Default)]
struct End(Arc<Mutex<(Option<bool>, Option<Waker>)>>);

impl End {
    async fn reached(self) -> bool {
        poll_fn(|cx| {
            let mut end = self.0.lock().unwrap();
            end.1 = Some(cx.waker().clone());
            end.0.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Reports the end however it comes.
struct Guard {
    end: End,
    passed: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let waker = {
            let mut end = self.end.0.lock().unwrap();
            end.0 = Some(self.passed);
            end.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

pub(crate) fn tasks_are_dropped<W: Workers>()
where
    W::Local: Spawn<BoxFuture>,
    W::Shared: Spawn<BoxFuture>,
{
    let held = Arc::new(());
    let forever = |with: Arc<()>| -> BoxFuture {
        Box::pin(async move {
            pending::<()>().await;
            drop(with);
        })
    };
    // The second task holds the handle that the tasks are spawned with.
    W::block_on_local(|rt, tasks| {
        tasks.spawn(forever(held.clone()));
        async move {
            rt.sleep(Duration::from_millis(5)).await;
            let late = tasks.clone();
            late.spawn(forever(held.clone()));
            assert_eq!(Arc::strong_count(&held), 3);
            drop(held);
        }
    })
    .expect("the event loop starts");
    let held = Arc::new(());
    let witness = held.clone();
    W::block_on_shared(2, |rt, tasks| {
        tasks.spawn(forever(held));
        async move { rt.sleep(Duration::from_millis(5)).await }
    })
    .expect("the event loop starts");
    assert_eq!(Arc::strong_count(&witness), 1);
}

pub(crate) async fn accept<R: Runtime>(rt: &R, listener: &mut R::Listener) -> Accepted<R::Stream> {
    poll_fn(|cx| rt.poll_accept(listener, cx)).await.expect("accept")
}

pub(crate) async fn read(
    stream: &mut impl Transport,
    into: &mut BytesMut,
    limit: usize,
) -> io::Result<usize> {
    let before = into.len();
    let n = poll_fn(|cx| stream.poll_read(cx, into, limit)).await?;
    assert!(n <= limit && into.len() == before + n, "read {n} of at most {limit}");
    Ok(n)
}

pub(crate) async fn read_to_end(stream: &mut impl Transport, limit: usize) -> BytesMut {
    let mut all = BytesMut::new();
    while read(stream, &mut all, limit).await.expect("read") > 0 {}
    all
}

pub(crate) async fn write_all(stream: &mut impl Transport, out: &mut Outbound) {
    while !out.is_empty() {
        let before = out.len();
        let n = poll_fn(|cx| stream.poll_write(cx, out)).await.expect("write");
        assert_eq!(out.len(), before - n);
    }
}

pub(crate) async fn close(stream: &mut impl Transport) {
    poll_fn(|cx| stream.poll_close(cx)).await.expect("close");
}
