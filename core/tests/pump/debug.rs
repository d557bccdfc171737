//! What the debug mode tells, and to whom.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use anyloop_core::body::{Body, BodyError};
use anyloop_core::limits::Timeouts;
use anyloop_core::protocol::{Lost, Protocol};
use anyloop_core::pump::{Config, Debug};
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::time::Instant;

use crate::{GET, Wire};

type Reports = Arc<Mutex<Vec<String>>>;

/// A connection in debug mode, what it reports, and the clock that it looks at, in nanoseconds.
fn watched(app: impl Fn(Arc<AtomicU64>) -> Router) -> (Wire, Reports, Config) {
    let (clock, reports) = (Arc::new(AtomicU64::new(0)), Reports::default());
    let (time, place) = (Arc::clone(&clock), Arc::clone(&reports));
    let mut config = Config::default();
    let mut timeouts = Timeouts::default();
    timeouts.handler = Some(Duration::from_secs(9));
    config.timeouts = Arc::new(timeouts);
    config.debug = Some(Arc::new(Debug::new(
        move || Instant::from_nanos(time.load(Ordering::Relaxed)),
        move |event| place.lock().unwrap().push(event.to_string()),
    )));
    (Wire::with(app(clock), config.clone()), reports, config)
}

fn take(reports: &Reports) -> Vec<String> {
    std::mem::take(&mut *reports.lock().unwrap())
}

const LIMIT: u64 = 100_000_000;

#[test]
fn a_poll_beyond_the_limit_is_reported_with_its_handler() {
    let (mut wire, reports, _) = watched(|clock| {
        let plain = Arc::clone(&clock);
        Router::new()
            .get("/plain/{ns}", move |request: Request| {
                plain.fetch_add(request.param("ns").unwrap().parse().unwrap(), Ordering::Relaxed);
                "done"
            })
            .get("/async/{ns}", move |request: Request| {
                let (clock, mut polls) = (Arc::clone(&clock), 0);
                std::future::poll_fn(move |cx| {
                    clock.fetch_add(request.param("ns").unwrap().parse().unwrap(), Ordering::Relaxed);
                    polls += 1;
                    cx.waker().wake_by_ref();
                    if polls < 3 { Poll::Pending } else { Poll::Ready("done") }
                })
            })
    });
    for (path, ns, times) in
        [("plain", LIMIT, 0), ("plain", LIMIT + 1, 1), ("async", LIMIT, 0), ("async", LIMIT + 1, 3)]
    {
        let mut answer = wire.send(&format!("GET /{path}/{ns} HTTP/1.1\r\nHost: a\r\n\r\n"));
        for _ in 0..5 {
            answer += &wire.turn();
        }
        assert!(answer.ends_with("done"), "{answer}");
        let expected = format!("GET /{path}/{{ns}}: one poll took 100 ms; it holds up its event loop");
        assert_eq!(take(&reports), vec![expected; times], "{path} {ns}");
    }
}

#[test]
fn panics_failed_bodies_and_cancelled_handlers_are_reported() {
    let app = |_: Arc<AtomicU64>| {
        Router::new()
            .get("/panic", |_: Request| -> &'static str { std::panic::resume_unwind(Box::new("planted")) })
            .get("/cut", |_: Request| {
                Response::new(Body::produce(|mut sink| async move {
                    sink.send("some").await?;
                    Err(BodyError::source("planted"))
                }))
            })
            .get("/never", |_: Request| std::future::pending::<&str>())
            .get("/", |_: Request| "home")
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut wire, reports, config) = watched(app);
    assert!(wire.send(&get("/panic")).starts_with("HTTP/1.1 500 "));
    assert_eq!(take(&reports), ["GET /panic: panicked"]);
    assert!(wire.send(&get("/never")).is_empty());
    assert!(wire.pass(Duration::from_secs(9)).starts_with("HTTP/1.1 503 "));
    assert_eq!(take(&reports), ["GET /never: dropped before it answered"]);
    assert!(wire.send(GET).ends_with("home"));
    assert!(wire.send(&get("/cut")).ends_with("4\r\nsome\r\n"));
    assert_eq!(
        take(&reports),
        ["GET /cut: the response was cut short: the source of the body failed: planted"]
    );
    let mut wire = Wire::with(app(Arc::default()), config);
    wire.send(&get("/never").repeat(2));
    wire.server.connection_lost(Lost::Broken);
    assert_eq!(take(&reports), ["GET /never: dropped before it answered"], "the second had not begun");
}

#[test]
fn bodies_that_nobody_read_are_reported_whether_they_came_or_not() {
    let app = |_: Arc<AtomicU64>| {
        Router::new()
            .post("/ignore", |_: Request| "ignored")
            .post("/first", |mut request: Request| async move {
                let _ = request.body_mut().chunk().await;
                "first"
            })
            .post("/collect", |request: Request| async move { request.into_body().collect().await })
            .post("/echo", |request: Request| Response::new(request.into_body()))
    };
    let (mut wire, reports, _) = watched(app);
    let mut post = |path: &str, parts: &[&str]| {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut answer = String::new();
        let mut bytes = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        for part in parts {
            answer += &wire.send(&(bytes + part));
            bytes = String::new();
        }
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        take(&reports)
    };
    let unread = |path: &str| vec![format!("POST {path}: the request body was not read to its end")];
    assert_eq!(post("/ignore", &["whole"]), unread("/ignore"));
    assert_eq!(post("/ignore", &["in ", "parts"]), unread("/ignore"));
    assert_eq!(post("/ignore", &["", "later"]), unread("/ignore"));
    assert!(post("/ignore", &[""]).is_empty(), "there is no body");
    assert_eq!(post("/first", &["in ", "parts"]), unread("/first"));
    for path in ["/collect", "/echo", "/first"] {
        assert!(post(path, &["whole"]).is_empty(), "{path}");
    }
    for path in ["/collect", "/echo"] {
        assert!(post(path, &["in ", "parts"]).is_empty(), "{path}");
        assert!(post(path, &["", "in ", "parts"]).is_empty(), "{path}");
    }
}
