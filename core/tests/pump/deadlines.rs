//! Each timeout at its limit, a nanosecond before and a nanosecond after.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use anyloop_core::limits::Timeouts;
use anyloop_core::protocol::Protocol;
use anyloop_core::pump::Config;
use anyloop_core::service::{Request, Router};

use crate::{GET, NANOSECOND, Wire};

fn app() -> Router {
    Router::new()
        .get("/", |_: Request| "home")
        .get("/never", |_: Request| std::future::pending::<&str>())
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
}

fn wire() -> Wire {
    let mut config = Config::default();
    let mut timeouts = Timeouts::default();
    timeouts.handler = Some(Duration::from_secs(3));
    config.timeouts = Arc::new(timeouts);
    Wire::with(app(), config)
}

/// Brings a connection to a point, lets `limit` pass, less or more by a nanosecond, and looks for the answer.
fn at_the_limit(limit: Duration, answer: &str, bring: impl Fn(&mut Wire)) {
    let mut early = wire();
    bring(&mut early);
    assert_eq!(early.pass(limit - NANOSECOND), "", "a nanosecond too early");
    assert!(!early.link.is_closing(), "a nanosecond too early");
    for time in [limit, limit + NANOSECOND] {
        let mut due = wire();
        bring(&mut due);
        let got = due.pass(time);
        assert!(got.starts_with(answer) && got.is_empty() == answer.is_empty(), "after {time:?}: {got:?}");
        assert!(due.link.is_closing() || answer.contains(" 503 "), "after {time:?}");
    }
    assert_eq!(early.pass(NANOSECOND).is_empty(), answer.is_empty());
}

#[test]
fn a_first_head_has_its_time_from_the_accept() {
    let limit = Timeouts::default().head;
    at_the_limit(limit, "", |_| ());
    at_the_limit(limit, "HTTP/1.1 408 ", |wire| assert_eq!(wire.send("GET /"), ""));
    at_the_limit(Duration::from_secs(1), "HTTP/1.1 408 ", |wire| {
        wire.pass(limit - Duration::from_secs(1));
        wire.send("GET /");
    });
}

#[test]
fn a_later_head_has_its_time_from_its_first_byte() {
    let timeouts = Timeouts::default();
    at_the_limit(timeouts.head, "HTTP/1.1 408 ", |wire| {
        wire.send(GET);
        wire.pass(timeouts.idle / 2);
        wire.send("G");
        assert_eq!(wire.send("ET /"), "");
    });
    at_the_limit(timeouts.head - Duration::from_secs(20), "HTTP/1.1 408 ", |wire| {
        wire.send(GET);
        wire.send("G");
        wire.pass(Duration::from_secs(20));
        assert_eq!(wire.send("ET /"), "", "more bytes win no time");
    });
}

#[test]
fn a_kept_connection_has_its_time_from_the_last_answer() {
    let limit = Timeouts::default().idle;
    at_the_limit(limit, "", |wire| {
        for _ in 0..3 {
            wire.send(GET);
            assert_eq!(wire.pass(limit - NANOSECOND), "");
        }
        wire.send(GET);
    });
}

#[test]
fn a_body_has_its_grace_and_then_what_its_rate_earns() {
    let timeouts = Timeouts::default();
    let head = "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
    at_the_limit(timeouts.body_grace, "HTTP/1.1 408 ", |wire| assert_eq!(handlerless(wire, head), ""));
    at_the_limit(Duration::from_secs(20), "HTTP/1.1 408 ", |wire| {
        handlerless(wire, head);
        wire.send(&"x".repeat(10_000));
    });
    at_the_limit(Duration::from_secs(20) - timeouts.body_grace / 2, "HTTP/1.1 408 ", |wire| {
        handlerless(wire, head);
        wire.pass(timeouts.body_grace / 2);
        wire.send(&"x".repeat(10_000));
    });
}

/// Sends a head on a connection whose handlers may take for ever.
fn handlerless(wire: &mut Wire, head: &str) -> String {
    *wire = Wire::new(app());
    wire.send(head)
}

#[test]
fn a_handler_that_is_not_polled_for_want_of_room_is_not_late() {
    let mut wire = wire();
    assert_eq!(wire.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    assert!(wire.link.deadline().is_some());
    // What was said before it still stands in the way.
    wire.link.write(vec![b'x'; 100_000]);
    wire.server.poll_work(&mut Context::from_waker(Waker::noop()), &mut wire.link).unwrap();
    assert_eq!(wire.link.deadline(), None);
    wire.link.outbound.clear();
    assert_eq!(wire.turn(), "");
    assert!(wire.link.deadline().is_some());
}

#[test]
fn a_handler_has_its_time_from_its_own_beginning() {
    at_the_limit(Duration::from_secs(3), "HTTP/1.1 503 ", |wire| {
        assert_eq!(wire.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    });
    // The second one waited for its turn; that does not count.
    let mut wire = wire();
    assert_eq!(wire.send(&"GET /never HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2)), "");
    assert!(wire.pass(Duration::from_secs(3)).starts_with("HTTP/1.1 503 "));
    assert_eq!(wire.pass(Duration::from_secs(3) - NANOSECOND), "");
    assert!(wire.pass(NANOSECOND).starts_with("HTTP/1.1 503 "));
    assert!(wire.send(GET).starts_with("HTTP/1.1 200 "));
}
