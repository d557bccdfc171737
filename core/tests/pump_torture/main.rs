//! The whole HTTP/1 server in a hostile world: codec, pump, bodies, router and driver, with a client that checks each
//! answer against what it asked.
//!
//! A failure names its seed. `TORTURE_SEEDS` sets how many seeds each scenario gets, `TORTURE_FIRST` the first one.

#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "a test has std")]

mod client;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::body::Body;
use anyloop_core::driver::{Connections, Driver, Options, Peer, Permits, Runtime, Shutdown, Spawn, serve};
use anyloop_core::head::{Headers, Status};
use anyloop_core::limits::Timeouts;
use anyloop_core::protocol::Echo;
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::sim::{Fault, Sim, SimConfig, SimStream};

use client::{Ask, Got, Manners, Progress, pattern};

/// By this time each scenario must have ended.
const UNTIL: Duration = Duration::from_secs(900);

/// How long the server waits for the client.
const PATIENCE: Duration = Duration::from_secs(300);

fn index(drawn: u64) -> usize {
    usize::try_from(drawn).expect("small")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs a scenario for its share of seeds.
fn torture(seeds: u64, scenario: impl Fn(u64)) {
    let first = setting("TORTURE_FIRST", 0);
    (first..first + setting("TORTURE_SEEDS", seeds)).for_each(scenario);
}

/// Counts the handlers that live.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct Guard(Alive);

impl Alive {
    fn enter(&self) -> Guard {
        self.0.fetch_add(1, Ordering::Relaxed);
        Guard(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn number(request: &Request) -> usize {
    request.param("n").and_then(|n| n.parse().ok()).expect("a number")
}

fn app(sim: &Sim, alive: &Alive) -> Router {
    let (sleeper, sleeping) = (sim.clone(), alive.clone());
    let (relaying, elsewhere, streaming) = (sim.clone(), sim.clone(), sim.clone());
    Router::new()
        .get("/", |_: Request| "home")
        .get("/bytes/{n}", |request: Request| Response::new(pattern(number(&request))))
        .get("/stream/{n}", move |request: Request| {
            let sim = streaming.clone();
            Response::new(Body::produce(move |mut sink| async move {
                for piece in pattern(number(&request)).chunks(97) {
                    sink.send(piece.to_vec()).await?;
                    if sim.draw(8) == 0 {
                        sim.sleep(Duration::from_millis(2)).await;
                    }
                }
                Ok(())
            }))
        })
        .get("/sleep/{n}", move |request: Request| {
            let (sim, guard) = (sleeper.clone(), sleeping.enter());
            async move {
                sim.sleep(Duration::from_millis(number(&request) as u64)).await;
                drop(guard);
                "slept"
            }
        })
        .get("/hints", |request: Request| async move {
            let interim = request.interim();
            interim.send(Status::EARLY_HINTS, Headers::new()).expect("103");
            interim.send(Status::EARLY_HINTS, Headers::new()).expect("103");
            "hinted"
        })
        .get("/panic", |_: Request| -> &'static str { std::panic::resume_unwind(Box::new("planted")) })
        .get("/upgrade", |_: Request| Response::upgrade("echo", Echo::default()))
        .post("/echo", |request: Request| async move { Response::new(request.into_body()) })
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
        .post("/ignore", |_: Request| "ignored")
        .post("/relay", move |request: Request| {
            let (mut sink, body) = Body::channel();
            relaying.spawn(async move {
                let mut from = request.into_body();
                while let Some(chunk) = from.chunk().await {
                    let sent = match chunk {
                        Ok(chunk) => sink.send(chunk).await,
                        Err(error) => return sink.fail(error),
                    };
                    if sent.is_err() {
                        return;
                    }
                }
                sink.finish(None);
            });
            Response::new(body)
        })
        .post("/elsewhere", move |request: Request| {
            let (mut sink, counted) = Body::channel();
            elsewhere.spawn(async move {
                let (mut from, mut n) = (request.into_body(), 0);
                while let Some(chunk) = from.chunk().await {
                    match chunk {
                        Ok(chunk) => n += chunk.len(),
                        Err(error) => return sink.fail(error),
                    }
                }
                if sink.send(n.to_string()).await.is_ok() {
                    sink.finish(None);
                }
            });
            async move { counted.collect().await }
        })
}

fn server(sim: &Sim, alive: &Alive) -> Server<Router> {
    let mut config = Config::default();
    let mut timeouts = Timeouts::default();
    // Clients take their time here: a byte in 2 ms at the worst.
    (timeouts.head, timeouts.idle, timeouts.body_grace) = (PATIENCE, PATIENCE, PATIENCE);
    config.timeouts = Arc::new(timeouts);
    Server::new(app(sim, alive), Arc::new(config), Peer::Unix(None), Peer::Unix(None))
}

fn options(sim: &Sim) -> Options {
    let mut options = Options::default();
    options.drain = PATIENCE;
    let mut config = (*options.config).clone();
    config.write_stall = PATIENCE;
    config.budget_turns = [1, 2, 32, 64][index(sim.draw(4))];
    config.budget_bytes = [1, 700, 64 * 1024][index(sim.draw(3))];
    config.high_water = [1, 1_000, 64 * 1024][index(sim.draw(3))];
    options.config = Arc::new(config);
    options
}

struct World {
    sim: Sim,
    alive: Alive,
    connections: Connections,
    asks: Vec<Ask>,
    manners: Manners,
}

impl World {
    fn new(seed: u64, asks: u64) -> Self {
        Self::with(seed, |sim| (0..1 + sim.draw(asks)).map(|_| Ask::any(sim, 1_500)).collect())
    }

    fn with(seed: u64, asks: impl FnOnce(&Sim) -> Vec<Ask>) -> Self {
        let mut config = SimConfig::torture(seed);
        config.poll_limit = 300_000;
        let sim = Sim::with_config(config);
        let asks = asks(&sim);
        let connections = Connections::new(&Shutdown::new(), &Permits::default());
        let manners = Manners::draw(&sim);
        Self { sim, alive: Alive::default(), connections, asks, manners }
    }

    /// Starts the server's side and returns the client's.
    fn connect(&self) -> SimStream {
        let (near, far) = self.sim.pair();
        let config = options(&self.sim).config;
        let protocol = server(&self.sim, &self.alive);
        let driver = Driver::new(protocol, far, self.sim.clone(), self.connections.register(), config);
        self.sim.spawn(driver);
        near
    }

    async fn converse(&self, stream: SimStream) -> Result<Vec<Got>, String> {
        let (mut reader, mut writer) = stream.split();
        let progress = Progress::default();
        let (sim, asks, manners, seen) =
            (self.sim.clone(), self.asks.clone(), self.manners, progress.clone());
        self.sim.spawn(async move {
            // An error means that the server closed, of which the reading half knows more.
            let _ = client::write(&sim, &mut writer, &asks, manners, &seen).await;
        });
        client::read(&self.sim, &mut reader, &self.asks, self.manners, &progress).await
    }

    /// Waits until the connection is gone and nothing of it is left.
    async fn over(&self) {
        std::future::poll_fn(|cx| self.connections.poll_empty(cx)).await;
        assert_eq!(self.alive.count(), 0, "a handler outlives its connection");
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        let asked: Vec<_> = self.asks.iter().map(|ask| String::from_utf8_lossy(&ask.head)).collect();
        panic!("seed {}: {why}\nasked: {asked:#?}\n{:?}", self.sim.seed(), self.manners)
    }

    /// What came is what was asked for, up to an announced close.
    #[track_caller]
    fn check(&self, got: &[Got], whole: bool) {
        for (n, (got, ask)) in got.iter().zip(&self.asks).enumerate() {
            let right = got.status == ask.status && got.body == ask.answer && got.interim == ask.interim;
            if !right {
                self.fail(&format!("answer {n} is {got:?}, asked {ask:?}"));
            }
        }
        let complete = got.len() == self.asks.len() || got.last().is_some_and(|last| last.closes);
        if whole && !complete {
            self.fail(&format!("{} of {} answers, and no close was announced", got.len(), self.asks.len()));
        }
    }
}

#[test]
fn every_answer_is_the_one_that_was_asked_for() {
    torture(600, |seed| {
        let world = World::new(seed, 6);
        let result = world.sim.run(UNTIL, async {
            let got = world.converse(world.connect()).await;
            world.over().await;
            got
        });
        match result {
            Ok(Ok(got)) => world.check(&got, true),
            Ok(Err(why)) => world.fail(&why),
            Err(verdict) => world.fail(&verdict.to_string()),
        }
    });
}

#[test]
fn whatever_happens_on_the_way_no_answer_is_wrong_and_nothing_is_left() {
    torture(600, |seed| {
        let world = World::new(seed, 4);
        let faults = [Fault::Reset, Fault::HalfClose, Fault::Stall(Duration::from_secs(1))];
        let fault = faults[index(world.sim.draw(3))];
        let step = world.sim.draw(120);
        let result = world.sim.run(UNTIL, async {
            let stream = world.connect();
            stream.plan(step, fault);
            let got = world.converse(stream).await;
            world.over().await;
            got
        });
        match (result, fault) {
            (Err(verdict), _) => world.fail(&format!("{fault:?} at {step}: {verdict}")),
            (Ok(Ok(got)), Fault::Stall(_)) => world.check(&got, true),
            (Ok(Err(why)), Fault::Stall(_)) => world.fail(&why),
            // A request that was cut is answered 400, which is right and ends the connection.
            (Ok(Ok(got)), _) => {
                let cut = got.iter().position(|got| got.status == 400 && got.closes).unwrap_or(got.len());
                world.check(&got[..cut], false);
            }
            (Ok(Err(why)), _) if why.starts_with("cut") => {}
            (Ok(Err(why)), _) => world.fail(&why),
        }
    });
}

#[test]
fn a_tunnel_echoes_behind_whatever_was_asked_before() {
    torture(400, |seed| {
        let world = World::with(seed, |sim| {
            (0..sim.draw(3)).map(|_| Ask { waits: false, ..Ask::any(sim, 300) }).collect()
        });
        let sent = pattern(index(world.sim.draw(3_000)));
        let upgrade = b"GET /upgrade HTTP/1.1\r\nHost: sim\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut bytes: Vec<u8> =
            world.asks.iter().flat_map(|ask| [&ask.head[..], &ask.body].concat()).collect();
        bytes.extend(upgrade);
        bytes.extend(&sent);
        let result = world.sim.run(UNTIL, async {
            let (mut reader, mut writer) = world.connect().split();
            world.sim.spawn(async move {
                if writer.write_all(&bytes).await.is_ok() {
                    let _ = writer.close().await;
                }
            });
            let all = reader.read_to_end().await;
            world.over().await;
            all
        });
        match result {
            Err(verdict) => world.fail(&verdict.to_string()),
            Ok(Err(error)) => world.fail(&error.to_string()),
            Ok(Ok(all)) => {
                let text = String::from_utf8_lossy(&all);
                let switched = text.contains("HTTP/1.1 101 ");
                let closed = text.contains("connection: close\r\n");
                if !(switched && all.ends_with(&sent) || closed && !switched) {
                    world.fail(&format!("{} bytes sent, got {text}", sent.len()));
                }
            }
        }
    });
}

#[test]
fn a_shutdown_answers_what_had_begun_and_ends() {
    torture(600, |seed| {
        let world = World::new(seed, 5);
        let announce = Duration::from_millis(world.sim.draw(4_000));
        let result = world.sim.run(UNTIL, async {
            let sim = &world.sim;
            let listener = sim.bind(SocketAddr::from(([127, 0, 0, 1], 80))).expect("an address");
            let (to, shutdown) = (listener.address().clone(), Shutdown::new());
            let (runtime, alive) = (sim.clone(), world.alive.clone());
            let serving = serve(
                sim.clone(),
                sim.clone(),
                vec![listener],
                move |_| server(&runtime, &alive),
                options(sim),
                shutdown.clone(),
            );
            let ended: Arc<Mutex<Option<Duration>>> = Arc::default();
            let (clock, end) = (sim.clone(), Arc::clone(&ended));
            sim.spawn(async move {
                serving.await;
                *end.lock().expect("whole") = Some(clock.elapsed());
            });
            let clock = sim.clone();
            sim.spawn(async move {
                clock.sleep(announce).await;
                shutdown.announce();
            });
            let stream = sim.connect(&to).await.expect("it listens");
            let begun = sim.elapsed();
            let got = world.converse(stream).await;
            while ended.lock().expect("whole").is_none() {
                sim.sleep(Duration::from_millis(50)).await;
            }
            let ended = ended.lock().expect("whole").expect("a time");
            (got, begun, ended)
        });
        match result {
            Err(verdict) => world.fail(&verdict.to_string()),
            Ok((Err(why), ..)) => world.fail(&why),
            Ok((Ok(got), begun, ended)) => {
                world.check(&got, false);
                if ended > announce.max(begun) + PATIENCE {
                    world.fail(&format!("announced at {announce:?}, ended at {ended:?}: {got:?}"));
                }
                // The first request's first byte was there a second before the announcement.
                if got.is_empty() && begun + Duration::from_secs(1) < announce {
                    world.fail(&format!(
                        "nothing was answered; begun at {begun:?}, announced at {announce:?}"
                    ));
                }
            }
        }
    });
}

#[test]
fn a_request_costs_few_polls() {
    const ROUNDS: u64 = 50;
    for (target, most) in [("/", 2), ("/bytes/3000", 2), ("/sleep/1", 4), ("/stream/1000", 8)] {
        let sim = Sim::with_config(SimConfig::calm(1));
        let connections = Connections::new(&Shutdown::new(), &Permits::default());
        let request = format!("GET {target} HTTP/1.1\r\nHost: sim\r\n\r\n");
        let asks = vec![Ask { head: request.into_bytes(), ..Ask::get("", Vec::new()) }; index(ROUNDS)];
        let manners = Manners { ping_pong: true, half_closes: true, pause: Duration::ZERO };
        let world = World { sim, alive: Alive::default(), connections, asks, manners };
        let result = world.sim.run(UNTIL, async {
            let got = world.converse(world.connect()).await;
            world.over().await;
            got
        });
        assert_eq!(result.expect("in time").expect("answers").len(), index(ROUNDS));
        let (_, polls) = world.sim.polls_per_task()[1];
        assert!(polls <= most * ROUNDS + 8, "{target}: {polls} polls for {ROUNDS} requests");
    }
}
