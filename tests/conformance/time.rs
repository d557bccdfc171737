//! Timers and blocking work.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use anyloop_core::driver::{EARLY, Panicked, Runtime, Timer};
use anyloop_core::time::Instant;

const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_millis(60);
const FAR: Duration = Duration::from_secs(3600);

/// Waits for the timer and checks that it kept to its instant.
async fn fires<R: Runtime>(rt: &R, timer: &mut R::Timer, at: Instant) {
    poll_fn(|cx| timer.poll(cx)).await;
    assert!(rt.now().mono + EARLY >= at);
}

async fn waits(timer: &mut impl Timer) {
    poll_fn(|cx| {
        assert!(timer.poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

pub(crate) async fn a_timer_fires_not_before_its_last_instant<R: Runtime>(rt: R) {
    let mut timer = rt.timer();
    waits(&mut timer).await;
    let at = rt.now().mono + LATER;
    timer.reset(rt.now().mono + SOON);
    timer.reset(at);
    fires(&rt, &mut timer, at).await;
    let at = rt.now().mono + LATER;
    timer.reset(rt.now().mono + SOON);
    waits(&mut timer).await;
    timer.reset(at);
    fires(&rt, &mut timer, at).await;
}

pub(crate) async fn a_timer_can_be_set_earlier_while_it_waits<R: Runtime>(rt: R) {
    let mut timer = rt.timer();
    timer.reset(Instant::from_nanos(u64::MAX));
    waits(&mut timer).await;
    timer.reset(rt.now().mono + FAR);
    waits(&mut timer).await;
    let at = rt.now().mono + SOON;
    timer.reset(at);
    fires(&rt, &mut timer, at).await;
}

pub(crate) async fn a_timer_can_be_set_again_after_it_fired<R: Runtime>(rt: R) {
    let mut timer = rt.timer();
    for _ in 0..3 {
        let at = rt.now().mono + SOON;
        timer.reset(at);
        fires(&rt, &mut timer, at).await;
    }
    // An instant that has passed fires at once.
    timer.reset(Instant::default());
    fires(&rt, &mut timer, Instant::default()).await;
}

pub(crate) async fn sleeps_end_in_order<R: Runtime>(rt: R) {
    let (mut late, mut early) = (pin!(rt.sleep(LATER)), pin!(rt.sleep(SOON)));
    let mut early_ended = false;
    poll_fn(|cx| {
        early_ended = early_ended || early.as_mut().poll(cx).is_ready();
        late.as_mut().poll(cx).map(|()| assert!(early_ended))
    })
    .await;
    assert!(rt.timeout(SOON, std::future::pending::<()>()).await.is_err());
    assert!(rt.timeout(FAR, std::future::ready(())).await.is_ok());
}

pub(crate) async fn blocking_work_runs_elsewhere_and_gives_its_value<R: Runtime>(rt: R) {
    let here = thread::current().id();
    // Work that waits for other work: the pool has more than one thread.
    let (send, receive) = std::sync::mpsc::channel();
    let waiting = rt.unblock(move || receive.recv());
    let there = rt.unblock(move || {
        send.send(7).expect("somebody waits");
        thread::current().id()
    });
    assert_eq!(waiting.await, Ok(Ok(7)));
    assert_ne!(there.await, Ok(here));
}

pub(crate) async fn a_panic_in_blocking_work_is_a_value<R: Runtime>(rt: R) {
    assert_eq!(rt.unblock(|| -> u8 { panic!("as planned") }).await, Err(Panicked));
    assert_eq!(rt.unblock(|| 7).await, Ok(7));
}
