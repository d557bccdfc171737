//! The accept loop: errors, bounds and shutdown, with clients that come and go as the seed wants.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::driver::{Options, Peer, Permits, Runtime, Shutdown, Spawn, serve};
use anyloop_core::sim::{Sim, SimConfig, SimListener};
use bytes::BytesMut;

use crate::protocols::{Answers, Log, Watched};
use crate::{SECOND, UNTIL, index, setting};

/// `EMFILE`, `ECONNABORTED`, `ENOMEM` and `EPROTO` of Linux.
const ERRORS: [i32; 4] = [24, 103, 12, 71];

struct Client {
    /// `None` while it runs.
    outcome: Option<io::Result<Vec<u8>>>,
    /// Whether its request had been written, and the server had had a second to read it, when the shutdown began.
    early: bool,
}

/// Asks one question and reads all that comes.
async fn ask(sim: &Sim, to: &Peer, written: impl FnOnce()) -> io::Result<Vec<u8>> {
    let mut stream = sim.connect(to).await?;
    stream.write_all(&[5]).await?;
    written();
    let answer = stream.read_exact(Answers::expected(&[5]).len()).await?;
    stream.close().await?;
    let rest = stream.read_to_end().await?;
    Ok([answer, rest].concat())
}

fn torture(seeds: u64, scenario: impl Fn(u64)) {
    let first = setting("TORTURE_FIRST", 0);
    (first..first + setting("TORTURE_SEEDS", seeds)).for_each(scenario);
}

fn fail(seed: u64, why: &str) -> ! {
    panic!("seed {seed}: {why}")
}

#[test]
fn every_client_is_answered_whatever_accept_says_and_however_few_may_live() {
    torture(200, |seed| {
        let mut config = SimConfig::torture(seed);
        config.backlog = 3;
        config.poll_limit = 200_000;
        let sim = Sim::with_config(config);
        let logs = Arc::new(Mutex::new(Vec::<Log>::new()));
        let (clients, most) = (12, 1 + index(sim.draw(5)));
        sim.fail_accepts(
            (0..sim.draw(8)).map(|_| ERRORS[index(sim.draw(4))]).map(io::Error::from_raw_os_error),
        );
        let mut options = Options::default();
        options.permits = Permits::new(most);
        let permits = options.permits.clone();
        let result = sim.run(UNTIL, async {
            let listeners: Vec<_> = (0..2)
                .map(|_| sim.bind(SocketAddr::from(([127, 0, 0, 1], 80))).expect("an address"))
                .collect();
            let to = listeners[0].address().clone();
            let shutdown = Shutdown::new();
            let (runtime, make, all) = (sim.clone(), sim.clone(), Arc::clone(&logs));
            let server = serve(
                sim.clone(),
                sim.clone(),
                listeners,
                move |_| {
                    let log = Log::default();
                    all.lock().expect("whole").push(log.clone());
                    Watched::new(Answers::new(&make), log).with_clock(&make)
                },
                options,
                shutdown.clone(),
            );
            let over = Arc::new(Mutex::new(false));
            let seen = Arc::clone(&over);
            sim.spawn(async move {
                server.await;
                *seen.lock().expect("whole") = true;
            });
            let answered = Arc::new(Mutex::new(0));
            for _ in 0..clients {
                let (sim, to, answered) = (runtime.clone(), to.clone(), Arc::clone(&answered));
                runtime.spawn(async move {
                    sim.sleep(Duration::from_millis(sim.draw(3_000))).await;
                    // An aborted connection is the client's to repeat.
                    while !matches!(ask(&sim, &to, || ()).await, Ok(answer) if answer == Answers::expected(&[5])) {
                        sim.sleep(SECOND / 10).await;
                    }
                    *answered.lock().expect("whole") += 1;
                });
            }
            while *answered.lock().expect("whole") < clients {
                assert!(permits.used() <= most + 1, "{} live where {most} may", permits.used());
                sim.sleep(SECOND / 20).await;
            }
            shutdown.announce();
            while !*over.lock().expect("whole") {
                sim.sleep(SECOND / 20).await;
            }
            assert_eq!(permits.used(), 0, "permits are not given back");
        });
        if let Err(verdict) = result {
            panic!("{verdict}");
        }
        for log in logs.lock().expect("whole").iter() {
            if let Some(fault) = log.faults().first() {
                fail(seed, fault);
            }
        }
    });
}

fn bind(sim: &Sim) -> (SimListener, Peer) {
    let listener = sim.bind(SocketAddr::from(([127, 0, 0, 1], 80))).expect("an address");
    let to = listener.address().clone();
    (listener, to)
}

/// Starts a server of [`Answers`]; the flag says when it has ended.
fn start(sim: &Sim, listener: SimListener, shutdown: &Shutdown) -> Arc<Mutex<bool>> {
    let (make, over) = (sim.clone(), Arc::new(Mutex::new(false)));
    let options = Options::default();
    let server = serve(
        sim.clone(),
        sim.clone(),
        vec![listener],
        move |_| Answers::new(&make),
        options,
        shutdown.clone(),
    );
    let ended = Arc::clone(&over);
    sim.spawn(async move {
        server.await;
        *ended.lock().expect("whole") = true;
    });
    over
}

/// Lets so many clients ask at once; returns where their answers are counted.
fn burst(sim: &Sim, to: &Peer, clients: usize) -> Arc<Mutex<usize>> {
    let answered = Arc::new(Mutex::new(0));
    for _ in 0..clients {
        let (sim, to, answered) = (sim.clone(), to.clone(), Arc::clone(&answered));
        sim.clone().spawn(async move {
            if ask(&sim, &to, || ()).await.is_ok_and(|answer| answer == Answers::expected(&[5])) {
                *answered.lock().expect("whole") += 1;
            }
        });
    }
    answered
}

#[test]
fn a_burst_is_accepted_whole() {
    torture(20, |seed| {
        let sim = Sim::with_config(SimConfig::calm(seed));
        let answered = sim.run(UNTIL, async {
            let (listener, to) = bind(&sim);
            start(&sim, listener, &Shutdown::new());
            let answered = burst(&sim, &to, 100);
            sim.sleep(10 * SECOND).await;
            *answered.lock().expect("whole")
        });
        assert_eq!(answered, Ok(100), "seed {seed}");
    });
}

#[test]
fn descriptors_used_up_make_no_busy_loop_and_a_shutdown_empties_the_queue() {
    torture(100, |seed| {
        let mut config = SimConfig::torture(seed);
        config.poll_limit = 60_000;
        config.window = config.window.max(17);
        let sim = Sim::with_config(config);
        let result = sim.run(UNTIL, async {
            let shutdown = Shutdown::new();
            let (listener, to) = bind(&sim);
            let over = start(&sim, listener, &shutdown);
            sim.fail_accepts_for(3 * SECOND, ERRORS[0]);
            let answered = burst(&sim, &to, 8);
            sim.sleep(SECOND).await;
            let before = sim.polls();
            sim.sleep(SECOND).await;
            // Pauses double from 50 ms up to a second.
            let polls = sim.polls() - before;
            assert!(polls < 20, "{polls} polls in a second of pauses");
            // What waits in the queue when the shutdown begins was written long ago.
            shutdown.announce();
            while !*over.lock().expect("whole") {
                sim.sleep(SECOND / 20).await;
            }
            *answered.lock().expect("whole")
        });
        assert_eq!(result, Ok(8), "seed {seed}");
    });
}

#[test]
fn whoever_stood_in_the_queue_at_a_shutdown_may_still_ask() {
    torture(100, |seed| {
        let sim = Sim::with_config(SimConfig::torture(seed));
        let result = sim.run(UNTIL, async {
            let shutdown = Shutdown::new();
            let (listener, to) = bind(&sim);
            let mut clients = Vec::new();
            for _ in 0..4 {
                clients.push(sim.connect(&to).await.expect("a place in the queue"));
            }
            shutdown.announce();
            let over = start(&sim, listener, &shutdown);
            sim.sleep(SECOND / 10).await;
            for client in &mut clients {
                client.write_all(&[1]).await.expect("open");
            }
            for client in &mut clients {
                assert_eq!(client.read_to_end().await.expect("ended in order"), Answers::expected(&[1]));
            }
            drop(clients);
            while !*over.lock().expect("whole") {
                sim.sleep(SECOND / 20).await;
            }
        });
        if let Err(verdict) = result {
            panic!("{verdict}");
        }
        assert!(sim.elapsed() < 2 * SECOND, "seed {seed}: the shutdown took until {:?}", sim.elapsed());
    });
}

/// What was in the socket when the shutdown was announced is answered, though the event loop tells of it later; a client
/// that has yet to ask may do so.
#[test]
fn a_shutdown_answers_what_had_come_and_who_never_asked() {
    torture(300, |seed| {
        let mut config = SimConfig::torture(seed);
        config.latency = Duration::ZERO;
        config.stall = Duration::from_millis(3);
        let sim = Sim::with_config(config);
        let result = sim.run(UNTIL, async {
            let shutdown = Shutdown::new();
            let (listener, to) = bind(&sim);
            let over = start(&sim, listener, &shutdown);
            let mut clients = Vec::new();
            for _ in 0..4 {
                clients.push(sim.connect(&to).await.expect("a place in the queue"));
            }
            // Two that were answered ask again, two are new.
            let expected = Answers::expected(&[1]);
            for client in &mut clients[..2] {
                client.write_all(&[1]).await.expect("open");
                let mut answer = BytesMut::new();
                while answer.len() < expected.len() {
                    assert!(client.read(&mut answer, expected.len()).await.expect("open") > 0);
                }
            }
            sim.sleep(SECOND / 10).await;
            for client in &mut clients[..2] {
                client.write_all(&[1]).await.expect("open");
            }
            shutdown.announce();
            sim.sleep(SECOND / 10).await;
            for client in &mut clients[2..] {
                client.write_all(&[1]).await.expect("open");
            }
            for (n, client) in clients.iter_mut().enumerate() {
                assert_eq!(client.read_to_end().await.expect("ended in order"), expected, "client {n}");
            }
            drop(clients);
            while !*over.lock().expect("whole") {
                sim.sleep(SECOND / 20).await;
            }
        });
        if let Err(verdict) = result {
            panic!("seed {seed}: {verdict}");
        }
        assert!(sim.elapsed() < 2 * SECOND, "seed {seed}: the shutdown took until {:?}", sim.elapsed());
    });
}

#[test]
fn a_shutdown_answers_what_was_read_and_ends() {
    torture(300, |seed| {
        let mut config = SimConfig::torture(seed);
        config.poll_limit = 200_000;
        let sim = Sim::with_config(config);
        let clients: Arc<Mutex<Vec<Client>>> = Arc::default();
        let result = sim.run(UNTIL, async {
            let listener = sim.bind(SocketAddr::from(([127, 0, 0, 1], 80))).expect("an address");
            let to = listener.address().clone();
            let shutdown = Shutdown::new();
            for n in 0..10 {
                clients.lock().expect("whole").push(Client { outcome: None, early: false });
                let (sim, to, all) = (sim.clone(), to.clone(), Arc::clone(&clients));
                let stopping = shutdown.clone();
                sim.clone().spawn(async move {
                    sim.sleep(Duration::from_millis(sim.draw(4_000))).await;
                    let (clock, early) = (sim.clone(), Arc::clone(&all));
                    let written = move || {
                        let checker = clock.clone();
                        clock.spawn(async move {
                            checker.sleep(SECOND / 4).await;
                            let serving = stopping.stage() == anyloop_core::driver::Stage::Serving;
                            early.lock().expect("whole")[n].early = serving;
                        });
                    };
                    let outcome = ask(&sim, &to, written).await;
                    all.lock().expect("whole")[n].outcome = Some(outcome);
                });
            }
            let trigger = (sim.clone(), shutdown.clone());
            sim.spawn(async move {
                let (sim, shutdown) = trigger;
                sim.sleep(Duration::from_millis(sim.draw(5_000))).await;
                shutdown.announce();
            });
            let make = sim.clone();
            let mut options = Options::default();
            options.drain = 10 * SECOND;
            serve(sim.clone(), sim.clone(), vec![listener], move |_| Answers::new(&make), options, shutdown)
                .await;
            let ended = sim.elapsed();
            assert!(ended < 17 * SECOND, "the shutdown took until {ended:?}");
            sim.sleep(10 * SECOND).await;
        });
        if let Err(verdict) = result {
            panic!("{verdict}");
        }
        for (n, client) in clients.lock().expect("whole").iter().enumerate() {
            match &client.outcome {
                None => fail(seed, &format!("client {n} still waits")),
                Some(Ok(answer)) if *answer == Answers::expected(&[5]) => {}
                Some(other) if client.early => fail(seed, &format!("client {n} was early and got {other:?}")),
                Some(Ok(answer)) => fail(seed, &format!("client {n} got {answer:?}")),
                Some(Err(_)) => {}
            }
        }
    });
}
