//! What takes too long.

use std::time::Duration;

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Phase, Timeout, Timeouts};

use crate::script::{Scripted, ok};

type Change = fn(&mut Timeouts);

const SHORT: Option<Duration> = Some(Duration::from_millis(40));

/// Answers by what the path asks for.
fn slow() -> Scripted {
    Scripted::start(|_, line| {
        while let Some(request) = line.request() {
            match request.split(' ').nth(1).unwrap() {
                "/silent" => {}
                "/half-head" => line.send(b"HTTP/1.1 200 OK\r\nX:"),
                "/half-body" => line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
                "/drip" => {
                    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                    for _ in 0..1000 {
                        line.send(b"x");
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                _ => {
                    line.send(ok("fine").as_bytes());
                    continue;
                }
            }
            return line.wait_for_end();
        }
    })
}

pub(crate) async fn each_phase_has_its_time<R: Runtime>(rt: R) {
    let server = slow();
    let table: [(&str, Change, Phase, Timeout); 6] = [
        ("/silent", |timeouts| timeouts.head = SHORT, Phase::Head, Timeout::Head),
        ("/half-head", |timeouts| timeouts.head = SHORT, Phase::Head, Timeout::Head),
        ("/silent", |timeouts| timeouts.total = SHORT, Phase::Head, Timeout::Total),
        ("/half-body", |timeouts| timeouts.between_bytes = SHORT, Phase::Body, Timeout::BetweenBytes),
        ("/drip", |timeouts| timeouts.total = Some(Duration::from_secs(1)), Phase::Body, Timeout::Total),
        (
            "/drip",
            |timeouts| (timeouts.min_rate, timeouts.rate_grace) = (1_000_000, Duration::from_millis(40)),
            Phase::Body,
            Timeout::Rate,
        ),
    ];
    for (path, change, phase, which) in table {
        // As the client's own, and as those of one request on a connection that was made with others.
        for own in [false, true] {
            let mut timeouts = Timeouts::default();
            change(&mut timeouts);
            let client = match own {
                false => Client::builder(rt.clone()).timeouts(change).build(),
                true => Client::new(rt.clone()),
            };
            let warm = client.get(server.url("/fine")).timeouts(Timeouts::default());
            warm.send().await.unwrap().bytes().await.unwrap();
            let request = client.get(server.url(path));
            let request = if own { request.timeouts(timeouts) } else { request };
            let result = async { request.send().await?.bytes().await }.await;
            let error = result.unwrap_err();
            assert!(matches!(error.cause(), Cause::Timeout(found) if *found == which), "{path}: {error}");
            assert_eq!((error.phase(), client.connections().total), (phase, 0), "{path}: {error}");
            assert!(error.peer().is_some() && error.url().is_some());
        }
    }
    // Waiting for a place is part of the whole.
    let client = Client::builder(rt)
        .pool(|pool| pool.per_host = 1)
        .timeouts(|timeouts| timeouts.total = SHORT)
        .build();
    let held = client.get(server.url("/half-body")).timeouts(Timeouts::default()).send().await.unwrap();
    let error = client.get(server.url("/fine")).send().await.unwrap_err();
    assert!(
        matches!((error.phase(), error.cause()), (Phase::Pool, Cause::Timeout(Timeout::Total))),
        "{error}"
    );
    drop(held);
}
