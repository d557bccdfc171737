//! Servers that stop, reset or say too much, at each byte.

use anyloop_core::body::Body;
use anyloop_core::client::{Error, Kind, Phase, Retry};
use anyloop_core::error::Error as Fault;
use anyloop_core::head::Method;

use crate::world::{Wire, body, get, play, request};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Close,
    Reset,
}

const RESPONSES: [&[u8]; 3] = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
];

/// Answers whole as often as asked, then so many bytes of this response, and cuts.
async fn serve(mut wire: Wire, before: usize, response: &'static [u8], at: usize, cut: Cut) {
    for _ in 0..before {
        wire.read_head().await;
        wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    }
    wire.read_head().await;
    wire.write(&response[..at]).await;
    match cut {
        Cut::Close => {
            let _gone = wire.stream.close().await;
            // What is unread would make it a reset.
            let _rest = wire.stream.read_to_end().await;
        }
        Cut::Reset => wire.stream.reset(),
    }
}

/// Asks as often, and once more.
fn ask(seed: u64, before: usize, response: &'static [u8], at: usize, cut: Cut) -> Result<Vec<u8>, Error> {
    play(
        seed,
        move |wire| serve(wire, before, response, at, cut),
        move |_, mut connection| async move {
            for _ in 0..before {
                let response = connection.send(get(), Body::empty()).await.unwrap();
                connection = response.recover().unwrap();
            }
            let mut response = connection.send(get(), Body::empty()).await?;
            body(&mut response).await
        },
    )
}

#[test]
fn a_cut_is_never_a_short_success() {
    for response in RESPONSES {
        for at in 0..response.len() {
            for before in [0, 1] {
                for cut in [Cut::Close, Cut::Reset] {
                    let error = ask(at as u64, before, response, at, cut).unwrap_err();
                    let at =
                        format!("{before} before, {cut:?} at {at} of {}: {error:?}", response.escape_ascii());
                    let retry = if error.phase() == Phase::Body { Retry::No } else { error.retry() };
                    match (cut, error.kind()) {
                        (Cut::Reset, Kind::Io(_)) => {}
                        (Cut::Close, Kind::Peer(Fault::NoResponse | Fault::HeadCut)) => {
                            assert_eq!(error.phase(), Phase::Head, "{at}");
                        }
                        (Cut::Close, Kind::Peer(Fault::BodyCut)) => {
                            assert_eq!((error.phase(), error.retry()), (Phase::Body, Retry::No), "{at}");
                        }
                        (_, _) => panic!("{at}"),
                    }
                    assert_eq!(error.retry(), retry, "{at}");
                    assert_ne!(error.retry(), Retry::Safe, "the server read the request; {at}");
                    assert!(before > 0 || error.retry() == Retry::No, "a new connection; {at}");
                }
            }
        }
    }
}

#[test]
fn only_a_reused_connection_that_said_nothing_may_be_tried_again() {
    for cut in [Cut::Close, Cut::Reset] {
        for (before, at, retry) in
            [(1, 0, Retry::IfIdempotent), (0, 0, Retry::No), (1, 1, Retry::No), (2, 20, Retry::No)]
        {
            if cut == Cut::Reset && at > 0 {
                // What was on its way may be lost with the reset.
                continue;
            }
            let error = ask(7, before, RESPONSES[0], at, cut).unwrap_err();
            assert_eq!(error.retry(), retry, "{before} before, {cut:?} at {at}: {error:?}");
        }
    }
}

#[test]
fn a_connection_that_ended_while_it_rested_took_no_byte() {
    for seed in 0..20 {
        play(
            seed,
            |mut wire| async move {
                wire.read_head().await;
                wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
                let _gone = wire.stream.close().await;
                assert!(
                    wire.stream.read_to_end().await.unwrap_or_default().is_empty(),
                    "nothing more was sent"
                );
            },
            |sim, connection| async move {
                let response = connection.send(get(), Body::empty()).await.unwrap();
                let Some(connection) = response.recover() else { return };
                sim.sleep(core::time::Duration::from_secs(1)).await;
                let post = request(Method::POST, "/");
                let failed = connection.send(post, Body::from("once")).await.unwrap_err();
                assert_eq!(failed.error.retry(), Retry::Safe, "{failed:?}");
                assert!(matches!(failed.error.kind(), Kind::Closed));
                assert_eq!(failed.head.unwrap().method, Method::POST);
                assert_eq!(failed.body.unwrap().collect().await.unwrap(), "once");
            },
        );
    }
}

#[test]
fn bytes_that_nobody_asked_for_end_the_connection() {
    for late in [false, true] {
        for seed in 0..10 {
            play(
                seed,
                move |mut wire| async move {
                    wire.read_head().await;
                    wire.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                    if late {
                        wire.read_until(|bytes| !bytes.is_empty()).await;
                    }
                    wire.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison").await;
                    wire.read_until(|_| false).await;
                },
                move |sim, connection| async move {
                    let mut response = connection.send(get(), Body::empty()).await.unwrap();
                    assert_eq!(body(&mut response).await.unwrap(), b"ok", "what was asked for is whole");
                    let Some(mut connection) = response.recover() else { return };
                    if late {
                        assert!(connection.is_reusable());
                        return;
                    }
                    sim.sleep(core::time::Duration::from_secs(1)).await;
                    assert!(!connection.is_reusable(), "the poison is there");
                    let failed = connection.send(get(), Body::empty()).await.unwrap_err();
                    assert_eq!(failed.error.retry(), Retry::Safe, "{failed:?}");
                },
            );
        }
    }
}

#[test]
fn pong_is_no_status_line() {
    let error = play(
        1,
        |mut wire| async move {
            wire.read_head().await;
            wire.write("pong\r\n").await;
        },
        |_, connection| async move { connection.send(get(), Body::empty()).await.unwrap_err().error },
    );
    assert!(matches!(error.kind(), Kind::Peer(Fault::StatusLine)), "{error:?}");
    let text = error.to_string();
    assert_eq!(
        text,
        "waiting for the response (127.0.0.1:80): the response does not begin with a status line"
    );
}

#[test]
fn an_endless_head_and_endless_interims_are_bounded() {
    let endless = |text: &'static str| {
        play(
            2,
            move |mut wire| async move {
                wire.read_head().await;
                wire.write("HTTP/1.1 ").await;
                for _ in 0..100_000 {
                    if wire.stream.write_all(text.as_bytes()).await.is_err() {
                        break;
                    }
                }
            },
            |_, connection| async move { connection.send(get(), Body::empty()).await.unwrap_err().error },
        )
    };
    let error = endless("103 Early Hints\r\n\r\nHTTP/1.1 ");
    assert!(matches!(error.kind(), Kind::Peer(Fault::TooManyInterim { limit: 16 })), "{error:?}");
    let error =
        endless("200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nz: ");
    let bounded =
        matches!(error.kind(), Kind::Peer(Fault::TooManyFields { .. } | Fault::HeadTooLarge { .. }));
    assert!(bounded, "{error:?}");
}
