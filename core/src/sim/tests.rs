use core::cell::{Cell, RefCell};
use core::future::{Future, pending, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::BytesMut;
use std::io;
use std::sync::Mutex;

use super::*;
use crate::driver::{Panicked, Peer, Runtime, SharedRuntime, Socket, Spawn, Timer, Transport, Workers};
use crate::link::Outbound;
use crate::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> core::net::SocketAddr {
    text.parse().unwrap()
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect()
}

/// Echoes until the end of the stream.
async fn echo(stream: SimStream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let mut bytes = BytesMut::new();
    while reader.read(&mut bytes, 512).await? > 0 {
        writer.write_all(&bytes.split()).await?;
    }
    writer.close().await
}

/// Three clients against an echo server; returns what a run can be known by.
fn echo_run(config: SimConfig) -> (u64, u64, Duration) {
    let sim = Sim::with_config(config);
    let mut listener = sim.bind(address("127.0.0.1:0")).unwrap();
    let to = listener.address().clone();
    let finished = sim.run(60 * SECOND, async {
        let spawner = sim.clone();
        sim.spawn(async move {
            loop {
                let stream = listener.accept().await.unwrap().stream;
                spawner.spawn(async move { echo(stream).await.unwrap() });
            }
        });
        let done = Arc::new(Mutex::new(0));
        for n in 1..=3 {
            let (sim, to, done) = (sim.clone(), to.clone(), Arc::clone(&done));
            let sent = pattern(n * 1500);
            sim.clone().spawn(async move {
                let (mut reader, mut writer) = sim.connect(&to).await.unwrap().split();
                let outgoing = sent.clone();
                sim.spawn(async move {
                    writer.write_all(&outgoing).await.unwrap();
                    writer.close().await.unwrap();
                });
                assert!(reader.read_to_end().await.unwrap() == sent, "the echo differs");
                *done.lock().unwrap() += 1;
            });
        }
        while *done.lock().unwrap() < 3 {
            sim.sleep(Duration::from_millis(10)).await;
        }
    });
    finished.unwrap();
    (sim.fingerprint(), sim.polls(), sim.elapsed())
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let runs: Vec<_> = (0..40).map(|seed| echo_run(SimConfig::torture(seed))).collect();
    let again: Vec<_> = (0..40).map(|seed| echo_run(SimConfig::torture(seed))).collect();
    assert_eq!(runs, again);
    for (n, run) in runs.iter().enumerate() {
        assert!(!runs[..n].iter().any(|other| other.0 == run.0), "seed {n} repeats another");
    }
}

#[test]
fn every_configuration_lets_correct_code_through() {
    for seed in 0..200 {
        echo_run(SimConfig::new(seed));
        echo_run(SimConfig::calm(seed));
    }
}

#[test]
fn tasks_run_in_a_seeded_order() {
    let order = |seed| {
        let sim = Sim::new(seed);
        let order = Arc::new(Mutex::new(Vec::new()));
        sim.run(SECOND, async {
            for n in 0..8 {
                let order = Arc::clone(&order);
                sim.spawn(async move { order.lock().unwrap().push(n) });
            }
            sim.sleep(Duration::from_nanos(1)).await;
        })
        .unwrap();
        let order = order.lock().unwrap().clone();
        assert_eq!(order.len(), 8);
        order
    };
    assert_eq!(order(3), order(3));
    assert!((0..10).any(|seed| order(seed) != order(3)));
}

#[test]
fn a_future_that_forgets_to_register_is_a_deadlock() {
    for seed in 0..100 {
        let sim = Sim::with_config(SimConfig::torture(seed));
        let (mut client, server) = sim.pair();
        let verdict = sim.run(SECOND, async {
            let handle = sim.clone();
            sim.spawn(async move {
                handle.sleep(Duration::from_millis(1)).await;
                client.write_all(b"x").await.unwrap();
            });
            let (mut reader, _writer) = server.split();
            let mut bytes = BytesMut::new();
            poll_fn(|_| reader.poll_read(&mut Context::from_waker(Waker::noop()), &mut bytes, 9)).await
        });
        assert!(
            matches!(verdict, Err(Verdict::Deadlock { seed: s, waiting: 1, .. }) if s == seed),
            "seed {seed}: {verdict:?}"
        );
    }
}

#[test]
fn a_waker_of_an_earlier_poll_does_nothing() {
    let run = |wakers| {
        let mut config = SimConfig::calm(1);
        config.wakers = wakers;
        let sim = Sim::with_config(config);
        let kept = Arc::new(Mutex::new(None::<Waker>));
        let theirs = Arc::clone(&kept);
        let mut polls = 0;
        let waits_for_the_first = poll_fn(move |cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            // Registers at the first poll only; the second comes at once by itself.
            let mut kept = theirs.lock().unwrap();
            if kept.is_none() {
                *kept = Some(cx.waker().clone());
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        });
        sim.run(SECOND, async {
            let handle = sim.clone();
            sim.spawn(async move {
                handle.sleep(Duration::from_millis(1)).await;
                kept.lock().unwrap().take().unwrap().wake();
            });
            waits_for_the_first.await;
        })
    };
    assert_eq!(run(Wakers::Stable), Ok(()));
    assert!(matches!(run(Wakers::Fresh), Err(Verdict::Deadlock { late_wakes: 1, seed: 1, .. })));
}

#[test]
fn wakers_are_fresh_or_stable_to_those_who_compare_them() {
    for (wakers, same) in [(Wakers::Fresh, false), (Wakers::Stable, true)] {
        let mut config = SimConfig::calm(1);
        config.wakers = wakers;
        let sim = Sim::with_config(config);
        let compare = |sim: Sim| async move {
            let first = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
            sim.sleep(SECOND).await;
            let alike = poll_fn(|cx| Poll::Ready(cx.waker().will_wake(&first))).await;
            assert_eq!(alike, same);
        };
        sim.run(2 * SECOND, async {
            sim.spawn(compare(sim.clone()));
            compare(sim.clone()).await;
        })
        .unwrap();
    }
}

#[test]
fn a_busy_loop_uses_up_its_polls() {
    let mut config = SimConfig::new(11);
    config.poll_limit = 1000;
    let sim = Sim::with_config(config);
    let verdict = sim
        .run(SECOND, async {
            sim.spawn(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
            pending::<()>().await;
        })
        .unwrap_err();
    let (busy, polls) = sim.polls_per_task()[1];
    assert_eq!(
        verdict,
        Verdict::TooManyPolls { seed: 11, at: Instant::default(), busiest: busy, polls },
        "{verdict}"
    );
    assert_eq!(sim.polls(), 1000);
    assert!(verdict.to_string().contains("seed 11"));
}

#[test]
fn a_run_ends_when_its_time_is_up() {
    let sim = Sim::new(2);
    let verdict = sim.run(SECOND, sim.sleep(SECOND + Duration::from_nanos(1))).unwrap_err();
    assert_eq!(verdict, Verdict::TimeUp { seed: 2, at: Instant::default() + SECOND });
    assert_eq!(sim.elapsed(), SECOND);
    sim.run(SECOND, sim.sleep(SECOND)).unwrap();
    assert_eq!(sim.elapsed(), 2 * SECOND);
}

#[test]
fn a_panic_anywhere_is_a_verdict_with_the_seed() {
    let sim = Sim::new(77);
    let verdict = sim
        .run(SECOND, async {
            sim.spawn(async { panic!("the answer is {}", 42) });
            pending::<()>().await;
        })
        .unwrap_err();
    assert!(
        matches!(&verdict, Verdict::Panicked { message, .. } if message == "the answer is 42"),
        "{verdict}"
    );
    assert_eq!(verdict.seed(), 77);
    let main = sim.run(SECOND, async { assert_eq!(1, 2) }).unwrap_err();
    assert!(main.to_string().contains("seed 77") && main.to_string().contains("left: 1"));
}

#[test]
fn a_wake_up_comes_only_when_there_is_something_to_do() {
    for seed in 0..200 {
        let mut config = SimConfig::torture(seed);
        config.writes = Writes::Readiness;
        let sim = Sim::with_config(config);
        let (client, server) = sim.pair();
        sim.run(600 * SECOND, async {
            sim.spawn(async move {
                let (_reader, mut writer) = client.split();
                writer.write_all(&pattern(3000)).await.unwrap();
                writer.close().await.unwrap();
            });
            let (mut reader, _writer) = server.split();
            let mut all = BytesMut::new();
            loop {
                // A wake-up and nothing to read would show as a second `Pending` in a row.
                let mut waited = 0;
                let read = poll_fn(|cx| {
                    let polled = reader.poll_read(cx, &mut all, 100);
                    waited += u32::from(polled.is_pending());
                    polled
                });
                let n = read.await.unwrap();
                // A hold-up may follow on the wait for bytes.
                assert!(waited <= 2, "seed {seed}: woken {waited} times for one read");
                if n == 0 {
                    break;
                }
            }
            assert_eq!(&all[..], &pattern(3000)[..]);
        })
        .unwrap();
    }
}

#[test]
fn after_a_successful_read_nothing_is_registered() {
    let sim = Sim::with_config(SimConfig::calm(1));
    let (mut client, server) = sim.pair();
    let (mut reader, _writer) = server.split();
    let verdict = sim.run(SECOND, async {
        client.write_all(b"a").await.unwrap();
        let mut bytes = BytesMut::new();
        let mut polls = 0;
        let handle = sim.clone();
        sim.spawn(async move {
            handle.sleep(Duration::from_millis(1)).await;
            client.write_all(b"b").await.unwrap();
            pending::<()>().await;
        });
        poll_fn(|cx| {
            polls += 1;
            assert_eq!(polls, 1, "woken by bytes that nobody asked for");
            assert!(matches!(reader.poll_read(cx, &mut bytes, 9), Poll::Ready(Ok(1))));
            Poll::<()>::Pending
        })
        .await;
    });
    assert!(matches!(verdict, Err(Verdict::Deadlock { .. })), "{verdict:?}");
}

#[test]
fn windows_hold_what_they_hold_and_writes_end_inside_chunks() {
    let mut ends = Vec::new();
    for seed in 0..300 {
        let sim = Sim::new(seed);
        let (mut client, _server) = sim.pair();
        let mut out = Outbound::default();
        let cx = &mut Context::from_waker(Waker::noop());
        out.write(vec![1; 4096]);
        let (mut total, first) = (0, out.len());
        while let Poll::Ready(n) = client.poll_write(cx, &mut out) {
            total += n.unwrap();
        }
        assert_eq!((total, out.len()), (600, first - 600), "seed {seed}");

        let (mut client, _server) = sim.pair();
        let mut config = sim.config();
        config.window = 20_000;
        let sim = Sim::with_config(config);
        let (mut wide, _wide_server) = sim.pair();
        out.clear();
        out.write(vec![1; 4096]);
        out.write(vec![2; 5000]);
        out.write(&b"tail"[..]);
        match wide.poll_write(cx, &mut out) {
            Poll::Ready(n) => ends.push(n.unwrap()),
            Poll::Pending => panic!("there is room"),
        }
        assert!(client.poll_write(cx, &mut out).is_ready());
    }
    let whole = 4096 + 5000 + 4;
    for wanted in [1, 4095, 4097, whole] {
        assert!(ends.contains(&wanted), "no write of {wanted} bytes");
    }
    assert!(ends.iter().any(|&n| n > 4097 && n < 4096 + 5000));
}

#[test]
fn completion_based_writes_take_chunks_whole_and_keep_them() {
    let mut config = SimConfig::calm(9);
    config.window = 100;
    config.writes = Writes::Completion;
    let sim = Sim::with_config(config);
    let (mut client, mut server) = sim.pair();
    sim.run(SECOND, async {
        let mut out = Outbound::default();
        out.write(pattern(5000));
        out.write(pattern(4096));
        assert_eq!(poll_fn(|cx| client.poll_write(cx, &mut out)).await.unwrap(), 5000);
        assert_eq!(out.len(), 4096);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(client.poll_write(cx, &mut out).is_pending());
        assert!(client.poll_close(cx).is_pending());
        sim.spawn(async move {
            poll_fn(|cx| client.poll_write(cx, &mut out)).await.unwrap();
            client.close().await.unwrap();
        });
        let all = server.read_to_end().await.unwrap();
        assert_eq!(all, [pattern(5000), pattern(4096)].concat());
    })
    .unwrap();
}

#[test]
fn timers_fire_as_configured_and_then_stay_as_they_are() {
    let at = Instant::default() + SECOND;
    for (timing, expected) in [
        (Timing::Exact, SECOND),
        (Timing::Early, SECOND - Duration::from_nanos(1)),
        (Timing::Late, SECOND + Duration::from_millis(1)),
    ] {
        for fired in [Fired::Ready, Fired::Pending] {
            let mut config = SimConfig::new(1);
            (config.timing, config.fired) = (timing, fired);
            let sim = Sim::with_config(config);
            let mut timer = sim.timer();
            sim.run(5 * SECOND, async {
                let noop = &mut Context::from_waker(Waker::noop());
                assert!(timer.poll(noop).is_pending(), "not set");
                timer.reset(at + SECOND);
                timer.reset(at);
                poll_fn(|cx| timer.poll(cx)).await;
                assert_eq!(sim.elapsed(), expected);
                assert_eq!(timer.poll(noop).is_ready(), fired == Fired::Ready);
                // Set again to the same instant it fires, however early it was: time goes on.
                timer.reset(at);
                poll_fn(|cx| timer.poll(cx)).await;
                assert!(sim.elapsed() >= SECOND);
            })
            .unwrap();
        }
    }
}

#[test]
fn setting_a_timer_anew_forgets_the_old_instant_and_its_waker() {
    let sim = Sim::with_config(SimConfig::calm(1));
    let mut timer = sim.timer();
    let mut polls = 0;
    let verdict = sim.run(
        5 * SECOND,
        poll_fn(|cx| {
            polls += 1;
            timer.reset(Instant::default() + SECOND);
            assert!(timer.poll(cx).is_pending());
            timer.reset(Instant::default() + 2 * SECOND);
            Poll::<()>::Pending
        }),
    );
    assert!(matches!(verdict, Err(Verdict::Deadlock { .. })), "{verdict:?}");
    assert_eq!(polls, 1);
}

#[test]
fn reset_loses_what_was_not_read_and_fails_both_ends() {
    for seed in 0..50 {
        let sim = Sim::with_config(SimConfig::torture(seed));
        let (mut client, mut server) = sim.pair();
        sim.run(SECOND, async {
            let waiting = Arc::new(Mutex::new(None));
            let result = Arc::clone(&waiting);
            sim.spawn(async move {
                let read = server.read_to_end().await;
                *result.lock().unwrap() = Some((read, server.write_all(b"x").await, server.close().await));
            });
            sim.sleep(Duration::from_millis(1)).await;
            client.write_all(b"y").await.unwrap();
            client.reset();
            sim.sleep(Duration::from_millis(1)).await;
            let (read, write, close) = waiting.lock().unwrap().take().unwrap();
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            assert_eq!(write.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(close.unwrap_err().kind(), io::ErrorKind::NotConnected);
        })
        .unwrap();
        assert_eq!(sim.open_connections(), 1);
        drop(client);
        assert_eq!(sim.open_connections(), 0);
    }
}

#[test]
fn dropping_a_stream_with_unread_input_resets_and_without_it_ends() {
    let sim = Sim::with_config(SimConfig::calm(1));
    let (mut client, mut server) = sim.pair();
    let (mut other, mut rude) = sim.pair();
    sim.run(SECOND, async {
        server.write_all(b"last words").await.unwrap();
        drop(server);
        assert_eq!(client.read_to_end().await.unwrap(), b"last words");
        // The first write to an end that is gone is taken, and answered by a reset.
        client.write_all(b"x").await.unwrap();
        assert_eq!(client.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);

        other.write_all(b"unread").await.unwrap();
        rude.write_all(b"lost").await.unwrap();
        drop(rude);
        assert_eq!(other.read_to_end().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn half_close_leaves_the_other_direction_open() {
    let sim = Sim::new(4);
    let (mut client, mut server) = sim.pair();
    sim.run(SECOND, async {
        sim.spawn(async move {
            assert_eq!(server.read_to_end().await.unwrap(), b"question");
            server.write_all(b"answer").await.unwrap();
        });
        client.write_all(b"question").await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap();
        assert_eq!(client.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(client.read_exact(3).await.unwrap(), b"ans");
        assert_eq!(client.read_until(b"e").await.unwrap(), b"we");
        assert_eq!(client.read_until(b"e").await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(client.read_to_end().await.unwrap(), b"r");
    })
    .unwrap();
}

#[test]
fn planned_faults_happen_at_their_step() {
    for seed in 0..100 {
        let run = |step, fault| {
            let sim = Sim::new(seed);
            let (mut client, server) = sim.pair();
            client.plan(step, fault);
            let result = sim.run(60 * SECOND, async {
                sim.spawn(async move { drop(echo(server).await) });
                client.write_all(b"hello").await?;
                let back = client.read_exact(5).await;
                client.close().await?;
                back
            });
            (result, sim.elapsed(), client.steps())
        };
        let (plain, _, steps) = run(u64::MAX, Fault::Reset);
        assert_eq!(plain.unwrap().unwrap(), b"hello");
        for step in 0..steps.saturating_sub(2) {
            let (reset, ..) = run(step, Fault::Reset);
            assert!(reset.unwrap().is_err(), "seed {seed} step {step}");
            let (stalled, elapsed, _) = run(step, Fault::Stall(SECOND));
            assert_eq!(stalled.unwrap().unwrap(), b"hello", "seed {seed} step {step}");
            assert!(elapsed >= SECOND && elapsed < 2 * SECOND, "seed {seed} step {step}: {elapsed:?}");
            let (for_ever, ..) = run(step, Fault::Stall(Duration::MAX));
            assert!(matches!(for_ever, Err(Verdict::Deadlock { .. })), "seed {seed} step {step}");
        }
        let (cut, ..) = run(0, Fault::HalfClose);
        assert_eq!(cut.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn connecting_is_refused_where_nobody_listens_and_waits_where_the_backlog_is_full() {
    let mut config = SimConfig::new(6);
    config.backlog = 1;
    let sim = Sim::with_config(config);
    sim.run(SECOND, async {
        let nowhere = Peer::Tcp(address("127.0.0.1:9"));
        assert_eq!(sim.connect(&nowhere).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let mut listener = sim.bind(address("[::]:80")).unwrap();
        let to = Peer::Tcp(address("[::1]:80"));
        let _first = sim.connect(&to).await.unwrap();
        let second = Arc::new(Mutex::new(false));
        let (handle, there, done) = (sim.clone(), to.clone(), Arc::clone(&second));
        sim.spawn(async move {
            let _stream = handle.connect(&there).await.unwrap();
            *done.lock().unwrap() = true;
            pending::<()>().await;
        });
        sim.sleep(Duration::from_millis(1)).await;
        assert!(!*second.lock().unwrap());
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.local, Peer::Tcp(address("[::]:80")));
        sim.sleep(Duration::from_millis(1)).await;
        assert!(*second.lock().unwrap());
        drop(listener);
        assert_eq!(sim.connect(&to).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    })
    .unwrap();
}

#[test]
fn accept_fails_as_planned_and_recovers() {
    let sim = Sim::new(8);
    sim.fail_accepts([io::ErrorKind::ResourceBusy.into(), io::ErrorKind::ConnectionAborted.into()]);
    sim.run(SECOND, async {
        let mut listener = sim.bind(address("127.0.0.1:80")).unwrap();
        let to = Peer::Tcp(address("127.0.0.1:80"));
        let mut aborted = sim.connect(&to).await.unwrap();
        assert_eq!(listener.accept().await.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(listener.accept().await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(aborted.read_to_end().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut client = sim.connect(&to).await.unwrap();
        let mut server = listener.accept().await.unwrap().stream;
        server.write_all(b"hi").await.unwrap();
        assert_eq!(client.read_exact(2).await.unwrap(), b"hi");

        sim.fail_accepts_for(SECOND / 2, 24);
        let _client = sim.connect(&to).await.unwrap();
        assert_eq!(listener.accept().await.unwrap_err().raw_os_error(), Some(24));
        assert_eq!(listener.accept().await.unwrap_err().raw_os_error(), Some(24));
        sim.sleep(SECOND / 2).await;
        listener.accept().await.unwrap();
    })
    .unwrap();
}

#[test]
fn several_listeners_share_an_address() {
    let sim = Sim::new(1);
    let mut counts = [0, 0];
    sim.run(SECOND, async {
        let mut listeners =
            [sim.bind(address("127.0.0.1:80")).unwrap(), sim.bind(address("127.0.0.1:80")).unwrap()];
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(sim.connect(&Peer::Tcp(address("127.0.0.1:80"))).await.unwrap());
            let cx = &mut Context::from_waker(Waker::noop());
            for (listener, count) in listeners.iter_mut().zip(&mut counts) {
                *count += i32::from(listener.poll_accept(cx).is_ready());
            }
        }
    })
    .unwrap();
    assert_eq!(counts[0] + counts[1], 20);
    assert!(counts[0] > 0 && counts[1] > 0);
}

#[test]
fn sockets_of_the_operating_system_lend_their_address() {
    let sim = Sim::new(1);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let mut listener = sim.listen(Socket::Tcp(socket)).unwrap();
    sim.run(SECOND, async {
        let _client = sim.connect(&Peer::Tcp(at)).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().local, Peer::Tcp(at));
    })
    .unwrap();
}

#[test]
fn blocking_work_is_done_at_once_or_later_and_may_panic() {
    let mut times = Vec::new();
    for seed in 0..20 {
        let sim = Sim::new(seed);
        sim.run(SECOND, async {
            assert_eq!(sim.unblock(|| 6 * 7).await, Ok(42));
            times.push(sim.elapsed());
            let none = sim.unblock(|| -> u8 { panic!("planned") }).await;
            assert_eq!(none, Err(Panicked));
        })
        .unwrap();
    }
    assert!(times.contains(&Duration::ZERO) && times.iter().any(|time| !time.is_zero()));
}

#[test]
fn tasks_that_are_alive_in_the_end_are_dropped_with_what_they_hold() {
    struct Noisy(Rc<Cell<u32>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let sim = Sim::new(1);
    sim.run_local(SECOND, |local| {
        for _ in 0..3 {
            let (noisy, sim) = (Noisy(Rc::clone(&dropped)), sim.clone());
            let (client, server) = sim.pair();
            local.spawn(async move {
                let _held = (noisy, client, server);
                sim.sleep(100 * SECOND).await;
            });
        }
        sim.sleep(Duration::from_millis(1))
    })
    .unwrap();
    assert_eq!(dropped.get(), 3);
    assert_eq!(sim.open_connections(), 0);
}

#[test]
fn both_worker_models_run_and_take_the_configuration_of_the_scope() {
    fn shared<R: SharedRuntime>(runtime: R) -> R {
        runtime
    }
    let seeds = RefCell::new(Vec::new());
    let local = || {
        Sim::block_on_local(|sim, local| {
            seeds.borrow_mut().push(sim.seed());
            async move {
                let flag = Rc::new(Cell::new(false));
                let set = Rc::clone(&flag);
                local.spawn(async move { set.set(true) });
                sim.sleep(SECOND).await;
                assert!(flag.get());
            }
        })
    };
    local().unwrap();
    SimConfig::new(99).scope(local).unwrap();
    local().unwrap();
    assert_eq!(*seeds.borrow(), [0, 99, 0]);
    Sim::block_on_shared(4, |sim, spawner| async move {
        let sim = shared(sim);
        let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(sim.sleep(SECOND));
        spawner.spawn(task);
        sim.sleep(2 * SECOND).await;
    })
    .unwrap();
    let stuck = Sim::block_on_local(|_, _| pending()).unwrap_err();
    assert!(stuck.to_string().contains("seed 0: deadlock"), "{stuck}");
}

#[test]
fn the_trace_tells_the_last_steps_in_words() {
    let sim = Sim::with_config(SimConfig::calm(1));
    let (mut client, _server) = sim.pair();
    sim.run(SECOND, async {
        sim.sleep(Duration::from_millis(1500).min(SECOND)).await;
        client.write_all(b"abc").await.unwrap();
    })
    .unwrap();
    let steps = sim.trace();
    let wrote = steps.iter().find(|step| matches!(step.action, Action::Wrote { bytes: 3, .. })).unwrap();
    assert_eq!(format!("{wrote}"), "1.000000000 Wrote { connection: 1, side: Client, bytes: 3 }");
}

#[test]
fn nothing_is_shared_by_accident() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    both::<Sim>();
    send::<SimStream>();
    send::<SimListener>();
    send::<SimTimer>();
    send::<SimConnect>();
    send::<SimUnblock<Vec<u8>>>();
}
