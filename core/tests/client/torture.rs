//! The client against our own server in a hostile world: torn reads and writes, tiny windows, timers and wakers as bad as
//! allowed, and connections that are reset, half closed or stalled at any step.
//!
//! Each response is the right one or an error, and a request of which no byte is said to have left was never seen.
//! `TORTURE_SEEDS` sets how many seeds there are, `TORTURE_FIRST` the first one.

use std::collections::BTreeSet;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::body::Body;
use anyloop_core::client::{Config, Connection, Error, Kind, Retry};
use anyloop_core::driver::{self, Connections, Driver, Permits, Shutdown, Spawn};
use anyloop_core::head::{Method, RequestHead};
use anyloop_core::pump;
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::sim::{Fault, Sim, SimConfig};

use crate::world::{LONG, body, peer, request};

type Seen = Arc<Mutex<BTreeSet<u64>>>;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + length) as u8).collect()
}

fn number(request: &Request, name: &str) -> u64 {
    request.headers().get_str(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn app(seen: &Seen) -> Router {
    let (got, posted) = (Arc::clone(seen), Arc::clone(seen));
    Router::new()
        .get("/sized", move |request: Request| {
            got.lock().unwrap().insert(number(&request, "x-id"));
            Response::new(Body::from(pattern(number(&request, "x-length"))))
        })
        .post("/echo", move |request: Request| {
            posted.lock().unwrap().insert(number(&request, "x-id"));
            Response::new(request.into_body())
        })
}

/// What is asked, and what should come back.
struct Ask {
    head: RequestHead,
    body: Body,
    expected: Vec<u8>,
}

fn ask(sim: &Sim, id: u64) -> Ask {
    // Each byte costs polls where the window holds one.
    let largest = if sim.config().window < 100 { 1_500 } else { 70_000 };
    let length = [0, 1, 100, 3_000, 70_000][sim.draw(5) as usize].min(largest);
    let content = pattern(length);
    let (method, path, body, expected) = match sim.draw(4) {
        0 => (Method::GET, "/sized", Body::empty(), content),
        1 => (Method::HEAD, "/sized", Body::empty(), Vec::new()),
        2 => (Method::POST, "/echo", Body::from(content.clone()), content),
        _ => {
            let streamed = content.clone();
            let body = Body::produce(move |mut sink| async move {
                for piece in streamed.chunks(777) {
                    sink.send(piece.to_vec()).await?;
                }
                Ok(())
            });
            (Method::POST, "/echo", body, content)
        }
    };
    let mut head = request(method, path);
    head.headers.append("x-id", id).unwrap().append("x-length", length).unwrap();
    if method == Method::POST && sim.draw(3) == 0 {
        head.headers.append("expect", "100-continue").unwrap();
    }
    Ask { head, body, expected }
}

async fn converse(sim: Sim, mut connection: Connection<Sim>, seen: Seen, faulty: bool) -> Result<(), Error> {
    for id in 1..=6 {
        let Ask { head, body: content, expected } = ask(&sim, id);
        let mut response = match connection.send(head, content).await {
            Ok(response) => response,
            Err(failed) => {
                if failed.error.retry() == Retry::Safe {
                    assert!(failed.head.is_some(), "it can be sent again");
                    sim.sleep(Duration::from_secs(200)).await;
                    assert!(!seen.lock().unwrap().contains(&id), "the server saw what no byte left of");
                }
                return Err(failed.error);
            }
        };
        assert_eq!(response.head().status.code(), 200);
        let got = body(&mut response).await?;
        assert!(got == expected, "{} bytes for {}", got.len(), expected.len());
        assert!(response.is_whole());
        let Some(back) = response.recover() else {
            assert!(faulty, "both sides keep the connection");
            return Ok(());
        };
        connection = back;
        if sim.draw(3) == 0 {
            sim.sleep(Duration::from_secs(sim.draw(3))).await;
        }
    }
    Ok(())
}

fn play(seed: u64) {
    let mut config = SimConfig::torture(seed);
    config.poll_limit = 300_000;
    let sim = Sim::with_config(config);
    let faulty = seed.is_multiple_of(3);
    let seen = Seen::default();
    let config = Arc::<Config>::default();
    let result = sim.run(LONG, {
        let (sim, seen) = (sim.clone(), seen.clone());
        async move {
            let (near, far) = sim.pair();
            if faulty {
                let fault = match sim.draw(3) {
                    0 => Fault::Reset,
                    1 => Fault::HalfClose,
                    _ => Fault::Stall(Duration::from_secs(sim.draw(100))),
                };
                let stream = if sim.draw(2) == 0 { &near } else { &far };
                stream.plan(sim.draw(40), fault);
            }
            let server = pump::Server::new(app(&seen), Arc::default(), peer(), peer());
            let connections = Connections::new(&Shutdown::new(), &Permits::default());
            let settings = Arc::new(driver::Config::default());
            sim.spawn(Driver::new(server, far, sim.clone(), connections.register(), settings));
            let connection = Connection::new(sim.clone(), near, peer(), &config);
            converse(sim, connection, seen, faulty).await
        }
    });
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            assert!(faulty, "seed {seed}: {error:?}");
            assert!(!matches!(error.kind(), Kind::Request(_) | Kind::Body(_)), "seed {seed}: {error:?}");
        }
        Err(verdict) => panic!("seed {seed}: {verdict:?}"),
    }
}

#[test]
fn each_response_is_the_right_one_or_an_error() {
    let first = setting("TORTURE_FIRST", 0);
    for seed in first..first + setting("TORTURE_SEEDS", 150) {
        play(seed);
    }
}
