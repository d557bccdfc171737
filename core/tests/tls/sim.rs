//! TLS on the driver at both ends, in a hostile world: thousands of schedules, each with its own network and timers.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::driver::{Config, Driver, Duplex, Peer, Registration, Spawn, Task};
use anyloop_core::protocol::{Echo, Lost};
use anyloop_core::pump;
use anyloop_core::service::{Request, Router};
use anyloop_core::sim::{Fault, Sim, SimConfig, Writes};
use anyloop_core::tls::rustls::ClientConfig;
use anyloop_core::tls::{Establish, Negotiated, Tls};

use super::certs;
use super::wire::pattern;

const SECOND: Duration = Duration::from_secs(1);
/// By this time each scenario must have ended.
pub(crate) const UNTIL: Duration = Duration::from_secs(120);
pub(crate) const SEEDS: u64 = 60;

pub(crate) fn world(seed: u64, bytes: u64) -> Sim {
    let mut config = SimConfig::torture(seed);
    config.writes = Writes::Readiness;
    // A handshake has some 3,000 bytes, and whatever moves may move byte by byte.
    config.poll_limit = 60_000 + 60 * bytes;
    Sim::with_config(config)
}

/// From one turn and one byte a poll to the defaults.
pub(crate) fn tunables(sim: &Sim) -> Arc<Config> {
    let mut config = Config::default();
    config.budget_turns = [1, 2, 32, 64][sim.draw(4) as usize];
    config.budget_bytes = [1, 700, 64 * 1024][sim.draw(3) as usize];
    config.high_water = [1, 1_000, 64 * 1024][sim.draw(3) as usize];
    config.write_stall = 5 * SECOND;
    config.linger = 2 * SECOND;
    Arc::new(config)
}

/// A client without the certificate of its own.
fn client_config() -> Arc<ClientConfig> {
    Arc::new(certs::client())
}

/// Puts the two ends over a stream and waits for the end of the client, which says what it got.
fn converse<M, F>(
    seed: u64,
    bytes: u64,
    server: Tls<M>,
    plan: Option<(u64, Fault)>,
    client: impl FnOnce(Duplex) -> F + 'static,
) -> Option<F::Output>
where
    M: Establish<Protocol: Send> + Send + 'static,
    F: Future<Output: Clone> + 'static,
{
    let sim = world(seed, bytes);
    let result = Arc::new(Mutex::new(None));
    let ended = sim.run(UNTIL, async {
        let (near, far) = sim.pair();
        if let Some((step, fault)) = plan {
            near.plan(step, fault);
        }
        let sets = Arc::clone(&result);
        let make = move |_: Negotiated<'_>| {
            Task::new(move |duplex| async move {
                let got = client(duplex).await;
                *sets.lock().unwrap() = Some(got);
                Ok::<(), io::Error>(())
            })
        };
        let client = Tls::client(client_config(), certs::name(), make);
        sim.spawn(Driver::new(server, far, sim.clone(), Registration::alone(), tunables(&sim)));
        Driver::new(client, near, sim.clone(), Registration::alone(), tunables(&sim)).await;
        while sim.open_connections() > 0 {
            sim.sleep(Duration::from_millis(100)).await;
        }
    });
    ended.unwrap_or_else(|verdict| panic!("seed {seed}: {verdict}"));
    let result = result.lock().unwrap();
    result.clone()
}

#[test]
fn echo_gives_back_each_byte_and_ends() {
    for seed in 0..SEEDS {
        let sent = pattern(seed as usize * 331 % 20_000);
        let echo = Tls::server(&certs::server_of(certs::VERSIONS[seed as usize % 2]), |_: Negotiated<'_>| {
            Echo::default()
        });
        let bytes = sent.clone();
        let back = converse(seed, 4 * sent.len() as u64, echo, None, move |mut duplex| async move {
            let (mut back, mut asked) = (Vec::new(), 0);
            for chunk in bytes.chunks(3_000) {
                duplex.write_all(chunk.to_vec()).await.ok()?;
                asked += chunk.len();
                while back.len() < asked {
                    let some = duplex.read().await.ok()?;
                    back.extend_from_slice(Some(&some).filter(|some| !some.is_empty())?);
                }
            }
            Some(back)
        });
        assert!(back.flatten() == Some(sent), "seed {seed}");
    }
}

#[test]
fn requests_are_answered_and_the_connection_ends_in_order() {
    for seed in 0..SEEDS {
        let body = pattern(seed as usize * 977 % 30_000);
        let app = Router::new().post("/echo", |request: Request| async move { request.into_body() });
        let sent = body.clone();
        let make = move |_: Negotiated<'_>| {
            let nowhere = || Peer::Unix(None);
            pump::Server::new(app, Arc::new(pump::Config::default()), nowhere(), nowhere())
        };
        let server = Tls::server(&certs::server(), make);
        let answer = converse(seed, 8 * body.len() as u64 + 2_000, server, None, move |duplex| async move {
            let (mut reader, mut writer) = duplex.split();
            let length = sent.len();
            let head = format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            writer.write_all(head.into_bytes()).await.ok()?;
            let mut all = Vec::new();
            // Both ways at once: neither side holds the whole body.
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(500));
                rest = later;
                writer.write_all(now.to_vec()).await.ok()?;
                if all.len() + 2_000 < length - rest.len() {
                    all.extend_from_slice(&reader.read().await.ok()?);
                }
            }
            loop {
                let bytes = reader.read().await.ok()?;
                if bytes.is_empty() {
                    return Some(all);
                }
                all.extend_from_slice(&bytes);
            }
        });
        let answer = answer.flatten().unwrap_or_default();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_default();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer[at + 4..] == body, "seed {seed}");
    }
}

/// Wherever the network breaks, both ends come to their end, and nothing is made of what was not there.
#[test]
fn a_break_at_any_step_ends_both_sides() {
    let (mut whole, mut broken) = (0, 0);
    for seed in 0..SEEDS {
        for fault in [Fault::Reset, Fault::HalfClose] {
            let sent = pattern(2_000);
            let bytes = sent.clone();
            let echo = Tls::server(&certs::server(), |_: Negotiated<'_>| Echo::default());
            let step = seed * 7 % 300 + 1;
            let back = converse(seed, 10_000, echo, Some((step, fault)), move |mut duplex| async move {
                duplex.write_all(bytes).await.ok()?;
                let mut back = Vec::new();
                while back.len() < 2_000 {
                    let some = duplex.read().await.ok()?;
                    back.extend_from_slice(Some(&some).filter(|some| !some.is_empty())?);
                }
                Some(back)
            });
            match back.flatten() {
                Some(back) => {
                    assert!(back == sent, "seed {seed}, {fault:?} at {step}");
                    whole += 1;
                }
                None => broken += 1,
            }
        }
    }
    assert!(whole > 0 && broken > 0, "{whole} whole, {broken} broken");
}

/// Nobody answers the hello: the client's end is its deadline.
#[test]
fn a_silent_server_is_left_at_the_deadline() {
    for seed in 0..SEEDS {
        let sim = world(seed, 0);
        let lost = Arc::new(Mutex::new(None));
        let told = Arc::clone(&lost);
        let ended = sim.run(UNTIL, async {
            let (near, far) = sim.pair();
            let (mut reader, _writer) = far.split();
            sim.spawn(async move { drop(reader.read_to_end().await) });
            let tls = Tls::client(client_config(), certs::name(), Heir(told));
            let report = tls.report();
            Driver::new(tls, near, sim.clone(), Registration::alone(), tunables(&sim)).await;
            (report.error().cloned(), sim.elapsed())
        });
        let (error, elapsed) = ended.unwrap_or_else(|verdict| panic!("seed {seed}: {verdict}"));
        assert_eq!(error, Some(anyloop_core::tls::Error::HandshakeTimeout), "seed {seed}");
        assert_eq!(*lost.lock().unwrap(), Some(Lost::Failed));
        // The deadline, late timers, and lingering.
        assert!(elapsed >= 10 * SECOND && elapsed <= 13 * SECOND, "seed {seed}: {elapsed:?}");
    }
}

/// Hears of the end, and never begins.
struct Heir(Arc<Mutex<Option<Lost>>>);

impl Establish for Heir {
    type Protocol = Echo;

    fn establish(self, _: Negotiated<'_>) -> Echo {
        unreachable!("nobody answers")
    }

    fn lost(&mut self, cause: Lost) {
        *self.0.lock().unwrap() = Some(cause);
    }
}
