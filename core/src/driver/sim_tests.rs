//! The poll loop and the accept loop under a hostile event loop: the progress law, attacked with many seeds.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::io;
use std::sync::Mutex;

use super::shutdown::lock;
use super::{
    Config, Connections, Driver, Duplex, Options, Peer, Permits, Registration, Runtime, Shutdown, Spawn,
    Task, serve,
};
use crate::protocol::{Echo, Lost, Protocol};
use crate::sim::{Sim, SimConfig, SimStream};

const SEEDS: u64 = 40;
const TIME: Duration = Duration::from_secs(20);

fn configs() -> impl Iterator<Item = (SimConfig, usize)> {
    (0..SEEDS).flat_map(|seed| [1, 32].map(|turns| (SimConfig::torture(seed), turns)))
}

fn driver<P: Protocol>(sim: &Sim, protocol: P, stream: SimStream, turns: usize) -> Driver<P, Sim> {
    let config = Config { budget_turns: turns, high_water: 2_000, ..Config::default() };
    Driver::new(protocol, stream, sim.clone(), Registration::alone(), Arc::new(config))
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect()
}

async fn echo(mut stream: Duplex) -> io::Result<()> {
    loop {
        let bytes = stream.read().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        stream.write_all(bytes).await?;
    }
}

/// Echoes in a task of its own, apart from the connection's.
fn echo_elsewhere(sim: Sim) -> impl FnOnce(Duplex) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    move |stream| {
        Box::pin(async move {
            let (done, wait) = signal();
            sim.spawn(Box::pin(async move {
                let _ = echo(stream).await;
                drop(done);
            }));
            wait.await;
        })
    }
}

/// A future that is done when the other half is dropped.
fn signal() -> (OnDrop, super::Announced) {
    let shutdown = Shutdown::new();
    let wait = shutdown.announced();
    (OnDrop(shutdown), wait)
}

struct OnDrop(Shutdown);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.announce();
    }
}

/// Sends `n` bytes and ends its side, reading at the same time; returns what came back.
async fn talk(sim: &Sim, stream: SimStream, n: usize) -> io::Result<Vec<u8>> {
    let (mut reader, mut writer) = stream.split();
    let (pause, rest) = (sim.clone(), pattern(n));
    sim.spawn(Box::pin(async move {
        for (i, part) in rest.chunks(777).enumerate() {
            if writer.write_all(part).await.is_err() {
                return;
            }
            if i % 5 == 4 {
                pause.sleep(Duration::from_millis(2)).await;
            }
        }
        let _ = writer.close().await;
    }));
    reader.read_to_end().await
}

fn check(name: &str, start: impl Fn(&Sim, SimStream, usize)) {
    for (config, turns) in configs() {
        let seed = config.seed;
        let sim = Sim::with_config(config);
        let n = 1 + usize::try_from(sim.draw(9_000)).unwrap_or(0);
        let result = sim.run(TIME, async {
            let (client, server) = sim.pair();
            start(&sim, server, turns);
            talk(&sim, client, n).await
        });
        match result {
            Ok(Ok(back)) => assert!(back == pattern(n), "{name}, seed {seed}, {turns} turns: other bytes"),
            Ok(Err(error)) => panic!("{name}, seed {seed}, {turns} turns: {error}"),
            Err(verdict) => panic!("{name}, {turns} turns: {verdict}"),
        }
    }
}

#[test]
fn the_progress_law_holds_for_a_plain_protocol() {
    check("echo", |sim, stream, turns| sim.spawn(driver(sim, Echo::default(), stream, turns)));
}

#[test]
fn the_progress_law_holds_for_a_function() {
    check("function", |sim, stream, turns| sim.spawn(driver(sim, Task::new(echo), stream, turns)));
}

#[test]
fn the_progress_law_holds_for_a_stream_in_another_task() {
    check("elsewhere", |sim, stream, turns| {
        let task = Task::new(echo_elsewhere(sim.clone()));
        sim.spawn(driver(sim, task, stream, turns));
    });
}

#[test]
fn a_round_trip_takes_a_bounded_number_of_polls() {
    for seed in 0..SEEDS {
        let sim = Sim::with_config(SimConfig::calm(seed));
        let polls = sim.run(TIME, async {
            let (client, server) = sim.pair();
            sim.spawn(driver(&sim, Echo::default(), server, 32));
            let (mut reader, mut writer) = client.split();
            for _ in 0..100 {
                writer.write_all(b"ping").await?;
                reader.read_exact(4).await?;
            }
            io::Result::Ok(sim.polls_per_task())
        });
        let polls = polls.expect("a verdict").expect("no error");
        let driver = polls[1].1;
        // One that reads, and one that reads again in vain.
        assert!(driver <= 2 * 100 + 2, "seed {seed}: {driver} polls for 100 round trips");
    }
}

#[test]
fn a_function_with_time_limits_keeps_them() {
    for (config, turns) in configs() {
        let sim = Sim::with_config(config);
        let rt = sim.clone();
        let result = sim.run(TIME, async {
            let (client, server) = sim.pair();
            let slow = move |mut stream: Duplex| async move {
                let first = rt.timeout(Duration::from_secs(1), stream.read()).await;
                assert!(first.is_err(), "nothing is sent in the first second");
                rt.sleep(Duration::from_millis(500)).await;
                stream.write_all(format!("{}", rt.now().mono.as_nanos())).await
            };
            sim.spawn(driver(&sim, Task::new(slow), server, turns));
            let (mut reader, _writer) = client.split();
            reader.read_to_end().await
        });
        let bytes = result.expect("it ends").expect("no error");
        let nanos: u64 = String::from_utf8(bytes).expect("digits").parse().expect("digits");
        assert!((1_500_000_000..1_600_000_000).contains(&nanos), "{nanos}");
    }
}

/// Logs how it ended.
struct Logged(Echo, Arc<Mutex<Vec<Lost>>>);

impl Protocol for Logged {
    type Error = core::convert::Infallible;
    fn data_received(&mut self, link: &mut crate::link::Link) -> Result<(), Self::Error> {
        self.0.data_received(link)
    }
    fn eof_received(
        &mut self,
        link: &mut crate::link::Link,
        how: crate::protocol::Eof,
    ) -> Result<(), Self::Error> {
        self.0.eof_received(link, how)
    }
    fn poll_work(
        &mut self,
        cx: &mut core::task::Context<'_>,
        link: &mut crate::link::Link,
    ) -> Result<crate::protocol::Work, Self::Error> {
        self.0.poll_work(cx, link)
    }
    fn connection_lost(&mut self, cause: Lost) {
        lock(&self.1).push(cause);
    }
}

#[test]
fn a_peer_that_stops_reading_is_dropped_in_time() {
    for seed in 0..SEEDS {
        let mut config = SimConfig::torture(seed);
        config.window = 600;
        let sim = Sim::with_config(config);
        let log = Arc::default();
        let ended = sim.run(Duration::from_secs(60), async {
            let (client, server) = sim.pair();
            sim.spawn(driver(&sim, Logged(Echo::default(), Arc::clone(&log)), server, 32));
            let (_reader, mut writer) = client.split();
            // More than all buffers on the way hold.
            let _ = writer.write_all(&vec![0; 100_000]).await;
            while lock(&log).is_empty() {
                sim.sleep(Duration::from_millis(10)).await;
            }
            sim.elapsed()
        });
        let elapsed = ended.expect("it ends");
        assert_eq!(*lock(&log), [Lost::Stalled], "seed {seed}");
        assert!((30..33).contains(&elapsed.as_secs()), "seed {seed}: {elapsed:?}");
    }
}

#[test]
fn a_server_answers_all_and_ends() {
    let address = core::net::SocketAddr::from(([127, 0, 0, 1], 80));
    for (config, _) in configs().step_by(2) {
        let seed = config.seed;
        let sim = Sim::with_config(config);
        let shutdown = Shutdown::new();
        let result = sim.run(Duration::from_secs(120), async {
            let listener = sim.bind(address)?;
            sim.fail_accepts([
                io::Error::from_raw_os_error(24),
                io::ErrorKind::ConnectionReset.into(),
                io::Error::from_raw_os_error(24),
            ]);
            let options = Options { permits: Permits::new(3), ..Options::default() };
            let make = |_| Task::new(echo);
            let serving =
                serve(sim.clone(), sim.clone(), vec![listener], make, options.clone(), shutdown.clone());
            sim.spawn(Box::pin(serving));
            let clients: Vec<_> = (0..8).map(|i| (sim.connect(&Peer::Tcp(address)), 100 + 500 * i)).collect();
            let (done, counted) = (Arc::new(Mutex::new(0)), clients.len());
            for (connect, n) in clients {
                let (sim2, done) = (sim.clone(), done.clone());
                sim.spawn(Box::pin(async move {
                    let stream = connect.await.expect("somebody listens");
                    let back = talk(&sim2, stream, n).await.expect("it is answered");
                    assert!(back == pattern(n));
                    *lock(&done) += 1;
                }));
            }
            while *lock(&done) < counted {
                sim.sleep(Duration::from_millis(100)).await;
            }
            shutdown.announce();
            while options.permits.used() > 0 || sim.open_connections() > 0 {
                sim.sleep(Duration::from_millis(100)).await;
            }
            // Nobody listens any more.
            sim.sleep(Duration::from_secs(1)).await;
            assert!(sim.connect(&Peer::Tcp(address)).await.is_err());
            io::Result::Ok(())
        });
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => panic!("seed {seed}: {error}"),
            Err(verdict) => panic!("{verdict}"),
        }
    }
}

#[test]
fn an_announced_shutdown_reaches_connections_that_are_idle() {
    for seed in 0..SEEDS {
        let sim = Sim::with_config(SimConfig::torture(seed));
        let shutdown = Shutdown::new();
        let connections = Connections::new(&shutdown, &Permits::default());
        let ended = sim.run(TIME, async {
            let (mut client, server) = sim.pair();
            let config = Arc::new(Config::default());
            let registration = connections.register();
            sim.spawn(Driver::new(Echo::default(), server, sim.clone(), registration, config));
            client.write_all(b"x").await?;
            sim.sleep(Duration::from_millis(50)).await;
            shutdown.announce();
            client.split().0.read_to_end().await
        });
        assert!(ended.is_ok_and(|read| read.is_ok_and(|bytes| bytes == b"x")), "seed {seed}");
    }
}
