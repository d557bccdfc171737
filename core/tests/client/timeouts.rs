//! Each bound on time, by the virtual clock.

use std::time::Duration;

use anyloop_core::body::Body;
use anyloop_core::client::{Config, Error, Kind, Phase, Retry, Timeout};
use anyloop_core::driver::Runtime;
use anyloop_core::head::Method;
use anyloop_core::sim::{Sim, SimConfig};

use crate::world::{Wire, body, get, play_with, request};

const SECOND: Duration = Duration::from_secs(1);
/// Timers of the simulation are a millisecond late at most, and closing takes a moment.
const SLACK: Duration = Duration::from_millis(10);

/// Sends a GET and reads the response to its end or its error; returns that, and how long it took.
fn outcome<S>(
    config: &Config,
    seed: u64,
    server: impl FnOnce(Wire, Sim) -> S + 'static,
) -> (Result<Vec<u8>, Error>, Duration)
where
    S: Future<Output = ()> + Send + 'static,
{
    let sim = Sim::with_config(SimConfig::new(seed));
    let clock = sim.clone();
    play_with(
        &sim,
        config.clone(),
        |wire| server(wire, clock),
        |sim, connection| async move {
            let began = sim.now().mono;
            let result = async {
                let mut response = connection.send(get(), Body::empty()).await?;
                body(&mut response).await
            };
            (result.await, sim.now().mono - began)
        },
    )
}

fn assert_timeout(
    (result, took): (Result<Vec<u8>, Error>, Duration),
    which: Timeout,
    phase: Phase,
    after: Duration,
) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), Kind::Timeout(found) if *found == which), "{error:?}");
    assert_eq!((error.phase(), error.retry()), (phase, Retry::No));
    assert!(took >= after && took < after + SLACK, "{took:?} for {after:?}");
}

#[test]
fn a_head_that_does_not_come() {
    for seed in 0..10 {
        let mut config = Config::default();
        config.timeouts.head = Some(7 * SECOND);
        let silent = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            sim.sleep(60 * SECOND).await;
        });
        assert_timeout(silent, Timeout::Head, Phase::Head, 7 * SECOND);
        let drip = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            for byte in b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n" {
                wire.write([*byte]).await;
                sim.sleep(SECOND).await;
            }
        });
        assert_timeout(drip, Timeout::Head, Phase::Head, 7 * SECOND);
        let interims = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            for _ in 0..10 {
                wire.write("HTTP/1.1 102 Processing\r\n\r\n").await;
                sim.sleep(SECOND).await;
            }
        });
        assert_timeout(interims, Timeout::Head, Phase::Head, 7 * SECOND);
    }
}

#[test]
fn a_body_that_stops() {
    for seed in 0..10 {
        let mut config = Config::default();
        config.timeouts.between_bytes = Some(3 * SECOND);
        let stops = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
            sim.sleep(2 * SECOND).await;
            wire.write("d").await;
            sim.sleep(60 * SECOND).await;
        });
        assert_timeout(stops, Timeout::BetweenBytes, Phase::Body, 5 * SECOND);
        let goes_on = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
            for _ in 0..9 {
                sim.sleep(2 * SECOND).await;
                wire.write("x").await;
            }
        });
        assert_eq!(goes_on.0.unwrap(), b"xxxxxxxxx");
    }
}

#[test]
fn a_body_that_is_too_slow() {
    let mut config = Config::default();
    (config.timeouts.min_rate, config.timeouts.rate_grace) = (10, 5 * SECOND);
    let slow = outcome(&config, 1, |mut wire, sim| async move {
        wire.read_head().await;
        wire.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        for _ in 0..1000 {
            sim.sleep(SECOND).await;
            wire.write("x").await;
        }
    });
    assert_timeout(slow, Timeout::Rate, Phase::Body, 5 * SECOND);
    let fast = outcome(&config, 1, |mut wire, sim| async move {
        wire.read_head().await;
        wire.write("HTTP/1.1 200 OK\r\ncontent-length: 330\r\n\r\n").await;
        for _ in 0..30 {
            wire.write("xxxxxxxxxxx").await;
            sim.sleep(SECOND).await;
        }
    });
    assert_eq!(fast.0.unwrap().len(), 330);
}

#[test]
fn the_whole_exchange() {
    for seed in 0..10 {
        let mut config = Config::default();
        config.timeouts.total = Some(4 * SECOND);
        let in_head = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            sim.sleep(60 * SECOND).await;
        });
        assert_timeout(in_head, Timeout::Total, Phase::Head, 4 * SECOND);
        let in_body = outcome(&config, seed, |mut wire, sim| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
            for _ in 0..1000 {
                sim.sleep(SECOND).await;
                wire.write("x").await;
            }
        });
        assert_timeout(in_body, Timeout::Total, Phase::Body, 4 * SECOND);
    }
}

#[test]
fn a_reader_that_takes_its_time_is_not_the_servers_fault() {
    let mut config = Config::default();
    config.timeouts.between_bytes = Some(3 * SECOND);
    (config.timeouts.min_rate, config.timeouts.rate_grace) = (1000, SECOND);
    let sim = Sim::with_config(SimConfig::new(3));
    let read = play_with(
        &sim,
        config,
        |mut wire| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n").await;
            wire.write(vec![b'x'; 200_000]).await;
        },
        |sim, connection| async move {
            let mut response = connection.send(get(), Body::empty()).await.unwrap();
            let mut read = 0;
            while let Some(chunk) = response.chunk().await {
                read += chunk.unwrap().len();
                sim.sleep(Duration::from_millis(500)).await;
                if read < 2_000 {
                    sim.sleep(10 * SECOND).await;
                }
            }
            read
        },
    );
    assert_eq!(read, 200_000);
}

#[test]
fn a_server_that_reads_nothing() {
    let mut config = Config::default();
    config.timeouts.write_stall = 6 * SECOND;
    let sim = Sim::with_config(SimConfig::new(5));
    let clock = sim.clone();
    let (error, took) = play_with(
        &sim,
        config,
        |wire| async move {
            clock.sleep(60 * SECOND).await;
            drop(wire);
        },
        |sim, connection| async move {
            let began = sim.now().mono;
            let post = request(Method::POST, "/");
            let failed = connection.send(post, Body::from(vec![b'x'; 100_000])).await.unwrap_err();
            assert_eq!(failed.head.unwrap().method, Method::POST);
            assert_eq!(failed.body.unwrap().length(), Some(100_000), "it can be sent again");
            (failed.error, sim.now().mono - began)
        },
    );
    assert!(matches!(error.kind(), Kind::Timeout(Timeout::WriteStall)), "{error:?}");
    assert_eq!((error.phase(), error.retry()), (Phase::Write, Retry::No), "some of it left");
    assert!(took >= 6 * SECOND && took < 6 * SECOND + 2 * SLACK, "{took:?}");
}
