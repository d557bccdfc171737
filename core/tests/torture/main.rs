//! The driver in a hostile world: thousands of seeds, each with its own schedule, network and timers.
//!
//! A failure names its seed. `TORTURE_SEEDS` sets how many seeds each scenario gets, `TORTURE_FIRST` the first one.

#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "a test has std")]

mod protocols;
mod serving;
mod shaped;

use std::sync::Arc;
use std::time::Duration;

use anyloop_core::driver::{
    Config, Connections, Driver, Permits, Registration, Runtime, Shutdown, Spawn, Stage,
};
use anyloop_core::protocol::{Echo, Lost, Protocol};
use anyloop_core::sim::{Fault, Sim, SimConfig, SimStream, Verdict, Writes};
use anyloop_core::time::Instant;

use protocols::{Answers, Call, Failing, Idle, Log, Talker, Watched};
use shaped::{Shape, Shaped};

const SECOND: Duration = Duration::from_secs(1);
/// By this time each scenario must have ended.
const UNTIL: Duration = Duration::from_secs(120);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs a scenario for its share of seeds, on all shapes of transport.
fn torture(seeds: u64, scenario: impl Fn(&Case)) {
    let first = setting("TORTURE_FIRST", 0);
    for seed in first..first + setting("TORTURE_SEEDS", seeds) {
        for shape in Shape::ALL {
            scenario(&Case { seed, shape });
        }
    }
}

/// One seed on one shape of transport.
struct Case {
    seed: u64,
    shape: Shape,
}

impl Case {
    fn sim(&self, bytes: u64) -> Sim {
        let mut config = SimConfig::torture(self.seed);
        if !self.shape.buffers() {
            config.writes = Writes::Readiness;
        }
        // Whatever moves may move byte by byte, and cost each end a few polls.
        config.poll_limit = 2_000 + 30 * bytes;
        Sim::with_config(config)
    }

    /// The same tunables for the same seed: from one turn and one byte a poll to the defaults.
    fn driver_config(&self, sim: &Sim) -> Config {
        let mut config = Config::default();
        config.budget_turns = [1, 2, 32, 64][index(sim.draw(4))];
        config.budget_bytes = [1, 700, 64 * 1024][index(sim.draw(3))];
        config.high_water = [1, 1_000, 64 * 1024][index(sim.draw(3))];
        config.write_stall = 5 * SECOND;
        config.linger = 2 * SECOND;
        config
    }

    fn spawn<P: Protocol + Send + 'static>(
        &self,
        sim: &Sim,
        protocol: P,
        stream: SimStream,
        registration: Registration,
        config: Config,
    ) {
        fn start<P: Protocol + Send + 'static, const FREE: bool, const BUFFERS: bool>(
            sim: &Sim,
            protocol: P,
            stream: SimStream,
            registration: Registration,
            config: Config,
        ) {
            let runtime = Shaped::<FREE, BUFFERS>(sim.clone());
            let stream = shaped::Stream::<FREE, BUFFERS>(stream);
            sim.spawn(Driver::new(protocol, stream, runtime, registration, Arc::new(config)));
        }
        match self.shape {
            Shape::Plain => start::<P, false, false>(sim, protocol, stream, registration, config),
            Shape::FreeReads => start::<P, true, false>(sim, protocol, stream, registration, config),
            Shape::BufferedWrites => start::<P, false, true>(sim, protocol, stream, registration, config),
            Shape::Both => start::<P, true, true>(sim, protocol, stream, registration, config),
        }
    }

    /// Puts a watched protocol over a pair of streams, runs the client, and waits until the connection is lost.
    fn converse<P, T, F>(
        &self,
        sim: &Sim,
        config: Config,
        protocol: P,
        client: impl FnOnce(SimStream) -> F,
    ) -> (Result<T, Verdict>, Log)
    where
        P: Protocol + Send + 'static,
        F: Future<Output = T>,
    {
        let log = Log::default();
        let result = sim.run(UNTIL, async {
            let (near, far) = sim.pair();
            let watched = Watched::new(protocol, log.clone()).with_clock(sim);
            self.spawn(sim, watched, far, Registration::alone(), config);
            let result = client(near).await;
            while log.lost().is_none() {
                sim.sleep(Duration::from_millis(50)).await;
            }
            result
        });
        (result, log)
    }

    #[track_caller]
    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        assert!(holds, "seed {} on {:?}: {}", self.seed, self.shape, what());
    }

    /// The run ended, by itself, for this reason, and no law was broken.
    #[track_caller]
    fn finish<T>(&self, (result, log): (Result<T, Verdict>, Log), lost: &[Lost]) -> T {
        let faults = log.faults();
        self.check(faults.is_empty(), || faults.join("; "));
        let value = match result {
            Ok(value) => value,
            Err(verdict) => panic!("on {:?}: {verdict}", self.shape),
        };
        let was = log.lost();
        self.check(was.is_some_and(|was| lost.contains(&was)), || {
            format!("lost: {was:?}, expected one of {lost:?}")
        });
        value
    }
}

fn index(drawn: u64) -> usize {
    usize::try_from(drawn).expect("small")
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

/// Writes in another task than the one that reads, ends the stream, and returns all that came back.
async fn exchange(sim: &Sim, stream: SimStream, bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let (mut reader, mut writer) = stream.split();
    sim.spawn(async move {
        if writer.write_all(&bytes).await.is_ok() {
            let _ = writer.close().await;
        }
    });
    reader.read_to_end().await
}

#[test]
fn echo_gives_back_each_byte_and_ends() {
    torture(400, |case| {
        let sent = pattern(case.seed as usize % 3000);
        let sim = case.sim(4 * sent.len() as u64);
        let config = case.driver_config(&sim);
        let run = case.converse(&sim, config, Echo::default(), |stream| exchange(&sim, stream, sent.clone()));
        let back = case.finish(run, &[Lost::Closed]);
        case.check(back.as_ref().is_ok_and(|back| *back == sent), || {
            format!("{} bytes, got {back:?}", sent.len())
        });
    });
}

#[test]
fn work_that_takes_time_is_answered_in_order() {
    torture(300, |case| {
        let requests: Vec<u8> = (0..case.seed % 12).map(|n| (n * 37 % 9) as u8).collect();
        let expected = Answers::expected(&requests);
        let sim = case.sim(3 * expected.len() as u64 + 100);
        let config = case.driver_config(&sim);
        let run = case
            .converse(&sim, config, Answers::new(&sim), |stream| exchange(&sim, stream, requests.clone()));
        let back = case.finish(run, &[Lost::Closed]);
        case.check(back.as_ref().is_ok_and(|back| *back == expected), || {
            format!("{requests:?}: {} bytes of {}", back.map_or(0, |back| back.len()), expected.len())
        });
    });
}

#[test]
fn ping_pong_over_pauses_makes_progress_each_time() {
    torture(200, |case| {
        let sim = case.sim(2_000);
        let config = case.driver_config(&sim);
        let run = case.converse(&sim, config, Answers::new(&sim), |mut stream| {
            let sim = sim.clone();
            async move {
                for n in 0..6_u8 {
                    stream.write_all(&[n]).await?;
                    stream.read_exact(Answers::expected(&[n]).len()).await?;
                    sim.sleep(Duration::from_nanos(1 + sim.draw(2_000_000_000))).await;
                }
                stream.close().await?;
                stream.read_to_end().await
            }
        });
        let rest = case.finish(run, &[Lost::Closed]);
        case.check(rest.as_ref().is_ok_and(Vec::is_empty), || format!("{rest:?}"));
    });
}

#[test]
fn deadlines_are_reached_on_time_and_once() {
    torture(300, |case| {
        let sim = case.sim(500);
        let config = case.driver_config(&sim);
        // Each byte moves the deadline; then there is silence.
        let run = case.converse(&sim, config, Idle::new(SECOND), |mut stream| {
            let sim = sim.clone();
            async move {
                for _ in 0..sim.draw(5) {
                    stream.write_all(b"x").await?;
                    sim.sleep(Duration::from_millis(sim.draw(900))).await;
                }
                stream.read_to_end().await
            }
        });
        let log = run.1.clone();
        let words = case.finish(run, &[Lost::Closed]);
        case.check(words.as_ref().is_ok_and(|words| words == b"bye"), || format!("{words:?}"));
        let reached = log.count(Call::DeadlineReached);
        case.check(reached == 1, || format!("the deadline was reached {reached} times"));
    });
}

#[test]
fn last_words_leave_before_a_failure_closes() {
    torture(300, |case| {
        let words = pattern(case.seed as usize % 5_000);
        let sim = case.sim(3 * words.len() as u64 + 400);
        let config = case.driver_config(&sim);
        // The client goes on writing: without lingering a reset would destroy the last words.
        let run = case.converse(&sim, config, Failing::new(7, words.clone()), |stream| {
            exchange(&sim, stream, pattern(100))
        });
        let back = case.finish(run, &[Lost::Failed]);
        case.check(back.as_ref().is_ok_and(|back| *back == words), || format!("{back:?}"));
    });
}

#[test]
fn lingering_waits_without_a_busy_loop() {
    torture(100, |case| {
        let sim = case.sim(0);
        let config = case.driver_config(&sim);
        let run = case.converse(&sim, config, Failing::new(2, pattern(9)), |mut stream| {
            let sim = sim.clone();
            async move {
                stream.write_all(b"xx").await?;
                let words = stream.read_to_end().await?;
                sim.sleep(10 * SECOND).await;
                Ok::<_, std::io::Error>((words, sim.elapsed()))
            }
        });
        let log = run.1.clone();
        let (words, _) = case.finish(run, &[Lost::Failed]).expect("no reset");
        case.check(words == pattern(9), || format!("{words:?}"));
        let lingered = log.lost_at().unwrap_or_default() - Instant::default();
        case.check(lingered >= 2 * SECOND && lingered < 3 * SECOND, || format!("until {lingered:?}"));
    });
}

#[test]
fn a_peer_that_reads_half_an_answer_is_dropped_in_time() {
    torture(100, |case| {
        let mut settings = case.sim(1_000).config();
        settings.window = 100;
        let sim = Sim::with_config(settings);
        let config = case.driver_config(&sim);
        let run = case.converse(&sim, config, Answers::new(&sim), |mut stream| {
            let sim = sim.clone();
            async move {
                stream.write_all(&[8]).await.expect("open");
                stream.read_exact(150).await.expect("half of it");
                let stopped = sim.elapsed();
                sim.sleep(30 * SECOND).await;
                stopped
            }
        });
        let log = run.1.clone();
        let stopped = case.finish(run, &[Lost::Stalled]);
        let took = log.lost_at().unwrap_or_default() - (Instant::default() + stopped);
        case.check(took >= 4 * SECOND && took <= 6 * SECOND, || format!("took {took:?}"));
    });
}

#[test]
fn a_peer_that_takes_nothing_is_dropped_in_time_and_output_stays_bounded() {
    torture(100, |case| {
        let sim = case.sim(200_000);
        let config = case.driver_config(&sim);
        let limit = config.high_water + Talker::CHUNK;
        let run = case.converse(&sim, config, Talker::new(usize::MAX, limit), |mut stream| {
            let sim = sim.clone();
            async move {
                let _ = stream.read_exact(1_500).await;
                let stopped = sim.elapsed();
                sim.sleep(30 * SECOND).await;
                stopped
            }
        });
        let log = run.1.clone();
        let stopped = case.finish(run, &[Lost::Stalled]);
        let lost = log.lost_at().unwrap_or_default();
        let took = lost - (Instant::default() + stopped);
        case.check(took >= 4 * SECOND && took <= 6 * SECOND, || format!("took {took:?} to see the stall"));
    });
}

#[test]
fn a_slow_reader_gets_everything() {
    torture(100, |case| {
        let size = 4_000;
        let sim = case.sim(4 * size as u64);
        let config = case.driver_config(&sim);
        let limit = config.high_water + Talker::CHUNK;
        // What a transport took whole shows no progress until it has left.
        let pause = if case.shape.buffers() { SECOND / 5 } else { SECOND };
        let run = case.converse(&sim, config, Talker::new(size, limit), |mut stream| {
            let sim = sim.clone();
            async move {
                let mut all = Vec::new();
                while all.len() < size {
                    all.extend(stream.read_exact(500).await?);
                    sim.sleep(pause).await;
                }
                all.extend(stream.read_to_end().await?);
                Ok::<_, std::io::Error>(all)
            }
        });
        let all = case.finish(run, &[Lost::Closed]);
        case.check(all.as_ref().is_ok_and(|all| all.len() == size), || format!("{all:?}"));
    });
}

#[test]
fn a_fault_at_any_step_ends_the_connection_and_nothing_hangs() {
    torture(150, |case| {
        for fault in [Fault::Reset, Fault::HalfClose, Fault::Stall(SECOND), Fault::Stall(Duration::MAX)] {
            let sim = case.sim(8_000);
            let config = case.driver_config(&sim);
            let step = sim.draw(40);
            let run = case.converse(&sim, config, Answers::new(&sim), |stream| {
                stream.plan(step, fault);
                let sim = sim.clone();
                async move {
                    let (mut reader, mut writer) = stream.split();
                    let timer = sim.clone();
                    sim.spawn(async move {
                        let requests = async {
                            writer.write_all(&[3, 1, 8, 2]).await?;
                            writer.close().await
                        };
                        let _ = timer.timeout(20 * SECOND, requests).await;
                        // A peer that hangs goes away in the end.
                        timer.sleep(20 * SECOND).await;
                        writer.reset();
                    });
                    reader.read_to_end().await
                }
            });
            let read = case.finish(run, &[Lost::Closed, Lost::Broken, Lost::Stalled]);
            let whole = Answers::expected(&[3, 1, 8, 2]);
            match (fault, read) {
                (Fault::Stall(SECOND), read) => {
                    case.check(read.as_ref().is_ok_and(|read| *read == whole), || {
                        format!("step {step}: {read:?}")
                    });
                }
                (_, Ok(read)) => case.check(whole.starts_with(&read), || format!("step {step}: {read:?}")),
                (_, Err(_)) => {}
            }
        }
    });
}

#[test]
fn a_reset_is_not_taken_for_an_end() {
    torture(100, |case| {
        let sim = case.sim(2_000);
        let config = case.driver_config(&sim);
        let run = case.converse(&sim, config, Answers::new(&sim), |mut stream| {
            let sim = sim.clone();
            async move {
                let _ = stream.write_all(&[7, 7][..index(sim.draw(3))]).await;
                sim.sleep(Duration::from_nanos(sim.draw(3_000_000_000))).await;
                stream.reset();
            }
        });
        let log = run.1.clone();
        case.finish(run, &[Lost::Broken]);
        case.check(log.count(Call::EofReceived) == 0, || "the end was told".to_owned());
    });
}

#[test]
fn shutdown_is_announced_once_and_idle_connections_end() {
    torture(200, |case| {
        let sim = case.sim(4_000);
        let config = case.driver_config(&sim);
        let shutdown = Shutdown::new();
        let connections = Connections::new(&shutdown, &Permits::default());
        let logs: Vec<Log> = (0..3).map(|_| Log::default()).collect();
        let result = sim.run(UNTIL, async {
            let mut clients = Vec::new();
            for log in &logs {
                let (near, far) = sim.pair();
                let watched = Watched::new(Answers::new(&sim), log.clone());
                case.spawn(&sim, watched, far, connections.register(), config.clone());
                clients.push(near);
            }
            for client in &mut clients[1..] {
                client.write_all(&[6]).await.expect("open");
            }
            sim.sleep(Duration::from_nanos(1 + sim.draw(3_000_000_000))).await;
            shutdown.announce();
            for client in &mut clients[1..] {
                assert_eq!(client.read_to_end().await.expect("ended in order"), Answers::expected(&[6]));
            }
            // Whoever said nothing has until the drain.
            connections.advance(Stage::Drain);
            assert_eq!(clients[0].read_to_end().await.expect("ended in order"), b"");
            drop(clients);
            std::future::poll_fn(|cx| connections.poll_empty(cx)).await;
        });
        for log in logs {
            case.finish((result.clone(), log.clone()), &[Lost::Closed]);
            let told = log.count(Call::Shutdown);
            case.check(told <= 1, || format!("shutdown was announced {told} times"));
        }
    });
}

#[test]
fn killing_ends_everything_at_once() {
    torture(50, |case| {
        let sim = case.sim(1_000);
        let shutdown = Shutdown::new();
        let connections = Connections::new(&shutdown, &Permits::default());
        let log = Log::default();
        let config = case.driver_config(&sim);
        let result = sim.run(UNTIL, async {
            let (mut near, far) = sim.pair();
            case.spawn(
                &sim,
                Watched::new(Answers::new(&sim), log.clone()),
                far,
                connections.register(),
                config,
            );
            near.write_all(&[8]).await.expect("open");
            sim.sleep(Duration::from_micros(sim.draw(2_000))).await;
            shutdown.kill();
            std::future::poll_fn(|cx| connections.poll_empty(cx)).await;
        });
        case.finish((result, log), &[Lost::Killed]);
    });
}

#[test]
fn a_request_costs_few_polls() {
    for seed in 0..100 {
        for shape in Shape::ALL {
            let case = Case { seed, shape };
            let sim = Sim::with_config(SimConfig::calm(seed));
            let rounds = 50;
            let run = case.converse(&sim, Config::default(), Echo::default(), |mut stream| async move {
                for _ in 0..rounds {
                    stream.write_all(b"ping").await?;
                    stream.read_exact(4).await?;
                }
                stream.close().await?;
                stream.read_to_end().await
            });
            case.finish(run, &[Lost::Closed]).expect("in order");
            let (driver, polls) = sim.polls_per_task()[1];
            // A transport that is not read again in the poll of a short read costs a second one.
            let each = if shape.rereads() { 1 } else { 2 };
            case.check(polls <= each * rounds + 8, || {
                format!("{driver} was polled {polls} times for {rounds} rounds")
            });
        }
    }
}
