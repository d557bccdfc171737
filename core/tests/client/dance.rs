//! Expectations, early answers, interim responses, and bodies of both sides at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyloop_core::body::{Body, BodyError};
use anyloop_core::client::{Config, Kind, Phase};
use anyloop_core::driver::Runtime;
use anyloop_core::head::{Method, RequestHead};
use anyloop_core::sim::{Sim, SimConfig};

use crate::world::{body, get, play, play_with, request};

fn expecting() -> RequestHead {
    let mut head = request(Method::PUT, "/");
    head.headers.append("expect", "100-continue").unwrap();
    head
}

#[test]
fn a_body_is_held_back_until_the_server_gives_leave() {
    for seed in 0..10 {
        play(
            seed,
            |mut wire| async move {
                let head = wire.read_head().await;
                assert!(head.ends_with(b"\r\n\r\n"), "no body before leave");
                wire.write("HTTP/1.1 100 Continue\r\n\r\n").await;
                assert_eq!(wire.read_until(|bytes| bytes.len() >= 4).await, b"body");
                wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
                wire.read_until(|_| false).await;
            },
            |sim, connection| async move {
                let began = sim.now().mono;
                let seen = Arc::new(Mutex::new(Vec::new()));
                let statuses = Arc::clone(&seen);
                let sending = connection
                    .send(expecting(), Body::from("body"))
                    .on_interim(move |head| statuses.lock().unwrap().push(head.status.code()));
                let response = sending.await.unwrap();
                assert_eq!(*seen.lock().unwrap(), [100]);
                assert!(sim.now().mono - began < Duration::from_secs(1), "it did not wait for the timeout");
                assert!(response.recover().is_some(), "both are whole");
            },
        );
    }
}

#[test]
fn without_leave_the_body_is_sent_after_a_while() {
    let mut config = Config::default();
    config.timeouts.expect_continue = Duration::from_secs(3);
    let sim = Sim::with_config(SimConfig::new(4));
    play_with(
        &sim,
        config,
        |mut wire| async move {
            let all = wire.read_until(|bytes| bytes.ends_with(b"body")).await;
            assert!(all.ends_with(b"\r\n\r\nbody"));
            wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
            wire.read_until(|_| false).await;
        },
        |sim, connection| async move {
            let began = sim.now().mono;
            let response = connection.send(expecting(), Body::from("body")).await.unwrap();
            let took = sim.now().mono - began;
            assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(4), "{took:?}");
            assert!(response.recover().is_some());
        },
    );
}

#[test]
fn a_final_answer_instead_of_leave_stops_the_body() {
    for seed in 0..10 {
        play(
            seed,
            |mut wire| async move {
                wire.read_head().await;
                wire.write("HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno").await;
                assert!(wire.read_until(|_| false).await.is_empty(), "the body never leaves");
            },
            |_, connection| async move {
                let mut response = connection.send(expecting(), Body::from("body")).await.unwrap();
                assert_eq!(response.head().status.code(), 417);
                assert_eq!(body(&mut response).await.unwrap(), b"no");
                assert!(response.recover().is_none(), "the request is not whole");
            },
        );
    }
}

#[test]
fn an_early_answer_that_closes_stops_the_upload() {
    for seed in 0..10 {
        let sim = Sim::with_config(SimConfig::new(seed));
        let clock = sim.clone();
        play_with(
            &sim,
            Config::default(),
            |mut wire| async move {
                wire.read_head().await;
                wire.write(
                    "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 5\r\n\r\n",
                )
                .await;
                let more = wire.read_until(|bytes| bytes.len() > 200_000);
                assert!(clock.timeout(Duration::from_secs(5), more).await.is_err(), "it goes on");
                wire.write("large").await;
                wire.read_until(|_| false).await;
            },
            |_, connection| async move {
                let long = Body::produce(|mut sink| async move {
                    for _ in 0..300 {
                        sink.send(vec![b'x'; 1000]).await?;
                    }
                    Ok(())
                });
                let mut response = connection.send(request(Method::POST, "/"), long).await.unwrap();
                assert_eq!(response.head().status.code(), 413);
                assert_eq!(body(&mut response).await.unwrap(), b"large");
                assert!(response.recover().is_none());
            },
        );
    }
}

#[test]
fn a_request_goes_on_while_its_response_is_read() {
    for seed in 0..10 {
        play(
            seed,
            |mut wire| async move {
                wire.stream.read_until(b"\r\n\r\n").await.unwrap();
                wire.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
                // What comes is chunks, and chunks go back: an echo with a window much smaller than the body.
                loop {
                    let some = wire.read_until(|bytes| !bytes.is_empty()).await;
                    wire.write(&some).await;
                    if some.ends_with(b"0\r\n\r\n") || some.is_empty() {
                        break;
                    }
                }
                wire.read_until(|_| false).await;
            },
            |_, connection| async move {
                let pieces = Body::produce(|mut sink| async move {
                    for n in 0..50_u8 {
                        sink.send(vec![n | 0x80; 700]).await?;
                    }
                    Ok(())
                });
                let mut response = connection.send(request(Method::POST, "/"), pieces).await.unwrap();
                let echoed = body(&mut response).await.unwrap();
                let expected: Vec<u8> = (0..50_u8).flat_map(|n| [n | 0x80; 700]).collect();
                assert!(echoed == expected, "{} bytes came back", echoed.len());
            },
        );
    }
}

#[test]
fn a_body_that_fails_fails_the_request() {
    let error = play(
        1,
        |mut wire| async move {
            let all = wire.read_until(|_| false).await;
            assert!(!all.ends_with(b"0\r\n\r\n"), "the server must not take it for whole");
        },
        |_, connection| async move {
            let fails = Body::produce(|mut sink| async move {
                sink.send("some").await?;
                Err(BodyError::source("no more"))
            });
            connection.send(request(Method::POST, "/"), fails).await.unwrap_err().error
        },
    );
    assert!(matches!(error.kind(), Kind::Body(BodyError::Source(_))), "{error:?}");
    assert_eq!(error.phase(), Phase::Write);
}

#[test]
fn a_request_that_may_not_be_sent_is_refused_and_given_back() {
    play(
        1,
        |mut wire| async move {
            assert!(wire.read_until(|_| false).await.is_empty());
        },
        |_, connection| async move {
            let mut head = get();
            head.headers.remove("host");
            let failed = connection.send(head, Body::from("x")).await.unwrap_err();
            assert!(matches!(failed.error.kind(), Kind::Request(_)), "{failed:?}");
            assert!(failed.head.is_some() && failed.body.is_some());
        },
    );
}

#[test]
fn an_unread_rest_is_dropped_when_it_is_there_and_small() {
    for (length, kept) in [(1_000, true), (1_000_000, false)] {
        let mut config = SimConfig::calm(1);
        config.window = 2_000_000;
        play_with(
            &Sim::with_config(config),
            Config::default(),
            move |mut wire| async move {
                wire.read_head().await;
                wire.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
                wire.write(vec![b'x'; length]).await;
                wire.read_until(|_| false).await;
            },
            move |sim, connection| async move {
                let response = connection.send(get(), Body::empty()).await.unwrap();
                sim.sleep(Duration::from_secs(1)).await;
                assert_eq!(response.recover().is_some(), kept, "{length}");
            },
        );
    }
}

#[test]
fn dropping_what_waits_closes_the_connection() {
    let sim = Sim::with_config(SimConfig::calm(1));
    let world = sim.clone();
    play_with(
        &sim,
        Config::default(),
        |mut wire| async move {
            wire.read_head().await;
            assert!(wire.read_until(|_| false).await.is_empty());
            drop(wire);
        },
        |sim, connection| async move {
            let sending = connection.send(get(), Body::empty());
            assert!(sim.timeout(Duration::from_secs(1), sending).await.is_err());
            sim.sleep(Duration::from_secs(1)).await;
            assert_eq!(world.open_connections(), 0);
        },
    );
}
