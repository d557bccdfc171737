//! The pump over a bare link: no driver, no runtime.

use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{Config, Server};
use crate::body::{Body, BodyError, BodySource};
use crate::codec::INITIAL_CREDIT;
use crate::driver::Peer;
use crate::head::{Headers, Method, Status};
use crate::limits::{Limits, Timeouts};
use crate::link::Link;
use crate::protocol::{Echo, Eof, Lost, Protocol};
use crate::service::{Request, Response, Router};
use crate::time::Now;

struct Wire {
    server: Server<Router>,
    link: Link,
}

impl Wire {
    fn new(app: Router) -> Self {
        Self::with(app, Config::default())
    }

    fn with(app: Router, config: Config) -> Self {
        let mut server = Server::new(app, Arc::new(config), Peer::Unix(None), Peer::Unix(None));
        let mut link = Link::new(Now { unix_secs: DATE, ..Now::default() });
        server.connection_made(&mut link).unwrap();
        Self { server, link }
    }

    /// Turns until no more output comes, as a driver does.
    fn turn(&mut self) -> String {
        let mut all = String::new();
        loop {
            self.server.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link).unwrap();
            let output = self.take();
            if output.is_empty() || self.link.is_closing() {
                return all + &output;
            }
            all += &output;
        }
    }

    fn take(&mut self) -> String {
        let bytes: Vec<u8> = self.link.outbound.slices().flatten().copied().collect();
        self.link.outbound.clear();
        String::from_utf8(bytes).unwrap()
    }

    fn send(&mut self, bytes: &str) -> String {
        self.link.inbound.extend_from_slice(bytes.as_bytes());
        self.server.data_received(&mut self.link).unwrap();
        self.turn()
    }

    fn eof(&mut self) -> String {
        self.server.eof_received(&mut self.link, Eof::Clean).unwrap();
        self.turn()
    }

    /// Lets time pass without a turn.
    fn pause(&mut self, time: Duration) {
        let now = self.link.now();
        self.link.set_now(Now { mono: now.mono + time, ..now });
        if self.link.take_due() {
            self.server.deadline_reached(&mut self.link).unwrap();
        }
    }

    /// Sets the calendar back, so that answers carry the date that the tests know.
    fn rewind_date(&mut self) {
        self.link.set_now(Now { unix_secs: DATE, ..self.link.now() });
    }

    fn pass(&mut self, time: Duration) -> String {
        let now = self.link.now();
        self.link.set_now(Now { mono: now.mono + time, unix_secs: now.unix_secs + time.as_secs() });
        if self.link.take_due() {
            self.server.deadline_reached(&mut self.link).unwrap();
        }
        self.turn()
    }
}

/// The date of the examples of RFC 9110 §5.6.7.
const DATE: u64 = 784_111_777;
const OWN: &str = "server: almost-an-nginx\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn ok(fields: &str, body: &str) -> String {
    alloc::format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n{OWN}{fields}\r\n{body}")
}

fn app() -> Router {
    Router::new()
        .get("/", |_: Request| "home")
        .get("/later", |_: Request| async {
            YieldOnce(false).await;
            "later"
        })
        .get("/never", |_: Request| async {
            core::future::pending::<()>().await;
            "never"
        })
        .post("/echo", |request: Request| async move { Response::new(request.into_body()) })
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
        .post("/ignore", |_: Request| "ignored")
        .get("/panic", |_: Request| -> &'static str { panic!("planted") })
        .get("/lines", |_: Request| {
            Response::new(Body::produce(|mut sink| async move {
                for i in 0..3 {
                    sink.send(alloc::format!("{i}\n")).await?;
                }
                Ok(())
            }))
        })
        .get("/hints", |request: Request| async move {
            let mut links = Headers::new();
            links.append("link", "</style.css>; rel=preload").unwrap();
            request.interim().send(Status::EARLY_HINTS, links).unwrap();
            "hinted"
        })
        .get("/upgrade", |_: Request| Response::upgrade("echo", Echo::default()))
        .on(&Method::CONNECT, "/", |_: Request| Response::connect(Echo::default()))
}

struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();
    fn poll(mut self: core::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_ready_handler_is_answered_in_the_same_turn() {
    let mut wire = Wire::new(app());
    assert_eq!(wire.send(GET), ok("content-length: 4\r\n", "home"));
    assert!(!wire.link.is_closing());
    assert_eq!(wire.send(&GET.repeat(3)), ok("content-length: 4\r\n", "home").repeat(3));
}

#[test]
fn answers_keep_the_order_of_their_requests() {
    let mut wire = Wire::new(app());
    let later = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(wire.send(&alloc::format!("{later}{GET}")), "");
    assert_eq!(wire.turn(), ok("content-length: 5\r\n", "later") + &ok("content-length: 4\r\n", "home"));
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let mut wire = Wire::new(app());
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        wire.send(&alloc::format!("{head}{GET}")),
        ok("content-length: 4\r\n", "") + &ok("content-length: 4\r\n", "home")
    );
}

#[test]
fn http10_closes_unless_asked_and_gets_no_chunks() {
    let mut wire = Wire::new(app());
    assert_eq!(
        wire.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        ok("content-length: 4\r\nconnection: keep-alive\r\n", "home")
    );
    assert_eq!(
        wire.send("GET /lines HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        alloc::format!("HTTP/1.1 200 OK\r\n{OWN}connection: close\r\n\r\n0\n1\n2\n")
    );
    assert!(wire.link.is_closing());
    let mut wire = Wire::new(app());
    assert_eq!(wire.send("GET / HTTP/1.0\r\n\r\n"), ok("content-length: 4\r\nconnection: close\r\n", "home"));
    assert!(wire.link.is_closing());
}

#[test]
fn nothing_is_served_after_connection_close() {
    let mut wire = Wire::new(app());
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(
        wire.send(&alloc::format!("{last}{GET}")),
        ok("content-length: 4\r\nconnection: close\r\n", "home")
    );
    assert!(wire.link.is_closing());
}

#[test]
fn bodies_stream_both_ways() {
    let mut wire = Wire::new(app());
    let chunked = alloc::format!("HTTP/1.1 200 OK\r\n{OWN}transfer-encoding: chunked\r\n\r\n");
    assert_eq!(wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), chunked);
    assert_eq!(wire.send("3\r\nabc\r\n"), "3\r\nabc\r\n");
    assert_eq!(wire.send("2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n"), "2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n");
    let sized = alloc::format!("HTTP/1.1 200 OK\r\n{OWN}content-length: 5\r\n\r\n");
    assert_eq!(wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"), sized + "ab");
    assert_eq!(wire.send("cde"), "cde");
    assert_eq!(wire.send(GET), ok("content-length: 4\r\n", "home"));
    assert_eq!(
        wire.send("GET /lines HTTP/1.1\r\nHost: a\r\n\r\n"),
        chunked + "2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"
    );
}

#[test]
fn continue_is_sent_when_the_handler_asks_for_the_body() {
    let mut wire = Wire::new(app());
    let head = "POST /collect HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(wire.send(head), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(wire.send("abc").ends_with("\r\ncontent-length: 3\r\n\r\nabc"));
    assert!(
        wire.send(&alloc::format!("{head}abc")).starts_with("HTTP/1.1 200 OK"),
        "the body is there already"
    );
    let unwanted = head.replace("/collect", "/ignore");
    assert_eq!(wire.send(&unwanted), ok("content-length: 7\r\nconnection: close\r\n", "ignored"));
    assert!(wire.link.is_closing(), "whether the body follows can't be known");
}

#[test]
fn an_unread_body_is_dropped_to_keep_the_connection() {
    let mut wire = Wire::new(app());
    let answer = wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    assert_eq!(answer, ok("content-length: 7\r\n", "ignored"));
    assert_eq!(wire.send(&alloc::format!("cd{GET}")), ok("content-length: 4\r\n", "home"));
    let answer = wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nab");
    assert_eq!(answer, ok("content-length: 7\r\nconnection: close\r\n", "ignored"));
    assert!(wire.link.is_closing());
}

#[test]
fn faults_are_answered_in_order_and_end_the_connection() {
    let mut wire = Wire::new(app());
    let answer = wire.send(&alloc::format!("{GET}GET / HTTP/1.1\r\nHost : a\r\n\r\n{GET}"));
    let (first, second) = answer.split_at(ok("content-length: 4\r\n", "home").len());
    assert_eq!(first, ok("content-length: 4\r\n", "home"));
    assert!(
        second.starts_with("HTTP/1.1 400 Bad Request\r\n") && second.contains("\r\nconnection: close\r\n")
    );
    assert!(second.ends_with("white space stands between a field name and its colon\n"));
    assert!(wire.link.is_closing());

    for (request, status) in [
        ("GET / HTTP/2.0\r\n", "505"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", "417"),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
    ] {
        let mut wire = Wire::new(app());
        let answer = wire.send(request);
        assert_eq!(answer.get(9..12), Some(status), "{request:?}: {answer}");
    }
}

#[test]
fn a_bad_chunk_reaches_the_handler_as_an_error_and_ends_the_connection() {
    let mut wire = Wire::new(app());
    let head = "POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(wire.send(head), "");
    let answer = wire.send("3\r\nabcX\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close"), "{answer}");
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    let head = head.replace("collect", "echo");
    assert!(wire.send(&head).starts_with("HTTP/1.1 200 "));
    assert_eq!(wire.send("3\r\nabcX\r\n"), "3\r\nabc\r\n", "and no last chunk");
    assert!(wire.link.is_closing());
}

#[test]
fn a_panic_is_answered_and_the_connection_lives() {
    let mut wire = Wire::new(app());
    let answer = wire.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert_eq!(wire.send(GET), ok("content-length: 4\r\n", "home"));
}

#[test]
fn interim_responses_go_before_the_answer() {
    let mut wire = Wire::new(app());
    let hints = "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n";
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
    assert_eq!(wire.send(hints), alloc::format!("{early}{}", ok("content-length: 6\r\n", "hinted")));
    assert_eq!(
        wire.send("GET /hints HTTP/1.0\r\n\r\n"),
        ok("content-length: 6\r\nconnection: close\r\n", "hinted")
    );
}

#[test]
fn upgrade_and_connect_hand_the_stream_over() {
    let mut wire = Wire::new(app());
    let upgrade = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let answer = wire.send(&alloc::format!("{upgrade}early"));
    let head = alloc::format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n{OWN}connection: upgrade\r\n\r\n"
    );
    assert_eq!(answer, head + "early");
    assert_eq!(wire.send(GET), GET, "nothing is a request any more");
    assert_eq!(wire.eof(), "");
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    let answer = wire.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhello");
    assert_eq!(answer, alloc::format!("HTTP/1.1 200 OK\r\n{OWN}\r\nhello"));

    let none = Router::new().get("/", |_: Request| "home").fallback("/", |_: Request| "fallback");
    let answer = Wire::new(none).send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");

    let plain = Router::new().on(&Method::CONNECT, "/", |_: Request| "no tunnel");
    let answer = Wire::new(plain).send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 "), "the client would take it for a tunnel: {answer}");

    let mut wire = Wire::new(app());
    let answer = wire.send("GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 "), "it was not offered: {answer}");
}

#[test]
fn half_close_is_answered_and_then_closed() {
    let mut wire = Wire::new(app());
    assert_eq!(wire.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    assert_eq!(wire.eof(), ok("content-length: 5\r\nconnection: close\r\n", "later"));
    assert!(wire.link.is_closing());
    let mut wire = Wire::new(app());
    assert_eq!(wire.eof(), "");
    assert!(wire.link.is_closing());
    let mut wire = Wire::new(app());
    wire.send("GET / HT");
    assert!(wire.eof().starts_with("HTTP/1.1 400 "));
}

#[test]
fn timeouts_are_answered_or_silent() {
    let timeouts = Timeouts::default();
    let mut wire = Wire::new(app());
    assert_eq!(wire.pass(timeouts.head), "");
    assert!(wire.link.is_closing(), "nothing came");

    let mut wire = Wire::new(app());
    wire.send("GET /");
    assert_eq!(wire.pass(timeouts.head - Duration::from_nanos(1)), "");
    assert!(wire.pass(Duration::from_nanos(1)).starts_with("HTTP/1.1 408 "));
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    wire.send(GET);
    wire.pass(timeouts.idle - Duration::from_nanos(1));
    assert!(!wire.link.is_closing());
    assert_eq!(wire.pass(Duration::from_nanos(1)), "");
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    wire.send("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    assert_eq!(wire.pass(timeouts.body_grace - Duration::from_nanos(1)), "");
    assert!(wire.pass(Duration::from_nanos(1)).starts_with("HTTP/1.1 408 "));

    let mut config = Config::default();
    let timeouts = Timeouts { handler: Some(Duration::from_secs(1)), ..Timeouts::default() };
    config.timeouts = Arc::new(timeouts);
    let mut wire = Wire::with(app(), config);
    wire.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(wire.pass(Duration::from_secs(1)).starts_with("HTTP/1.1 503 "));
    assert_eq!(wire.send(GET).lines().next(), Some("HTTP/1.1 200 OK"));
}

#[test]
fn shutdown_answers_what_has_begun_and_announces_the_close() {
    let mut wire = Wire::new(app());
    wire.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wire.server.shutdown(&mut wire.link);
    assert!(!wire.link.is_closing());
    assert_eq!(wire.turn(), ok("content-length: 5\r\nconnection: close\r\n", "later"));
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    wire.send(GET);
    wire.server.shutdown(&mut wire.link);
    assert!(wire.link.is_closing(), "an idle connection goes at once");

    let mut wire = Wire::new(app());
    wire.send("GET / HT");
    wire.server.shutdown(&mut wire.link);
    assert!(!wire.link.is_closing(), "a request of which a byte was read is answered");
    assert_eq!(
        wire.send("TP/1.1\r\nHost: a\r\n\r\n"),
        ok("content-length: 4\r\nconnection: close\r\n", "home")
    );
    assert!(wire.link.is_closing());
}

#[test]
fn the_last_of_max_requests_announces_the_close() {
    let limits = Limits { max_requests: 2, ..Limits::default() };
    let mut config = Config::default();
    config.limits = Arc::new(limits);
    let mut wire = Wire::with(app(), config);
    assert_eq!(wire.send(GET), ok("content-length: 4\r\n", "home"));
    assert_eq!(wire.send(&GET.repeat(2)), ok("content-length: 4\r\nconnection: close\r\n", "home"));
    assert!(wire.link.is_closing());
}

#[test]
fn a_lost_connection_drops_its_handler() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let app = Router::new().get("/", move |_: Request| {
        let bomb = Bomb(Arc::clone(&count));
        async move {
            core::future::pending::<()>().await;
            drop(bomb);
        }
    });
    let mut wire = Wire::new(app);
    assert_eq!(wire.send(GET), "");
    wire.server.connection_lost(Lost::Broken);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn l8_nothing_is_produced_without_room() {
    let polled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&polled);
    let app = Router::new().get("/", move |_: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        Response::new(alloc::vec![0_u8; 100_000])
    });
    let mut wire = Wire::new(app);
    wire.link.inbound.extend_from_slice(GET.repeat(200).as_bytes());
    let cx = &mut Context::from_waker(Waker::noop());
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert_eq!(polled.load(Ordering::Relaxed), 1);
    assert!(wire.link.outbound.len() < 100_000 + 1_000);
}

#[test]
fn each_request_begins_its_own_wait() {
    let timeouts = Timeouts::default();
    let nanosecond = Duration::from_nanos(1);
    let mut wire = Wire::new(app());
    for _ in 0..5 {
        assert_eq!(wire.send(GET), ok("content-length: 4\r\n", "home"));
        assert_eq!(wire.pass(timeouts.idle - nanosecond), "");
        assert!(!wire.link.is_closing(), "idle is counted from the last answer");
        wire.rewind_date();
    }
    // A head that began is given its time from its own first byte.
    let (begun, rest) = GET.split_at(5);
    assert_eq!(wire.send(begun), "");
    for _ in 0..3 {
        assert_eq!(wire.pass(timeouts.head - nanosecond), "");
        assert!(!wire.link.is_closing());
        wire.rewind_date();
        assert_eq!(wire.send(&alloc::format!("{rest}{begun}")), ok("content-length: 4\r\n", "home"));
    }
    assert!(wire.pass(timeouts.head).starts_with("HTTP/1.1 408 "));
}

#[test]
fn waiting_for_a_slow_reader_is_not_idling() {
    let timeouts = Timeouts::default();
    let cx = &mut Context::from_waker(Waker::noop());
    let app = Router::new().get("/", |_: Request| Response::new(alloc::vec![0_u8; 100_000]));
    let mut wire = Wire::new(app);
    wire.link.inbound.extend_from_slice(GET.repeat(2).as_bytes());
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert!(wire.link.outbound.len() > 100_000 && !wire.link.inbound.is_empty());
    assert_eq!(wire.link.deadline(), None, "the second request is there; it is not late");
    wire.link.outbound.advance(60_000);
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert!(wire.link.inbound.is_empty() && wire.link.outbound.len() > 130_000);
    wire.link.outbound.advance(wire.link.outbound.len() - 10);
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert_eq!(wire.link.deadline(), None, "the peer still takes its answer");
    wire.link.outbound.clear();
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert_eq!(wire.link.deadline(), Some(wire.link.now().mono + timeouts.idle));
}

#[test]
fn a_request_that_came_in_the_turn_of_the_shutdown_is_answered() {
    let mut wire = Wire::new(app());
    wire.send(GET);
    wire.link.inbound.extend_from_slice(GET.as_bytes());
    wire.server.data_received(&mut wire.link).unwrap();
    wire.server.shutdown(&mut wire.link);
    assert!(!wire.link.is_closing());
    assert_eq!(wire.turn(), ok("content-length: 4\r\nconnection: close\r\n", "home"));
    assert!(wire.link.is_closing());
}

#[test]
fn a_tunnel_hears_of_the_shutdown_whenever_it_begins() {
    #[derive(Default)]
    struct Bye(bool);
    impl Protocol for Bye {
        type Error = core::convert::Infallible;
        fn connection_made(&mut self, _: &mut Link) -> Result<(), Self::Error> {
            self.0 = true;
            Ok(())
        }
        fn data_received(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            link.inbound.clear();
            Ok(())
        }
        fn shutdown(&mut self, link: &mut Link) {
            assert!(self.0, "it has begun");
            link.write("bye");
            link.close();
        }
    }
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: bye\r\n\r\n";
    let app = || Router::new().get("/", |_: Request| Response::upgrade("bye", Bye::default()));
    let mut wire = Wire::new(app());
    assert!(wire.send(upgrade).starts_with("HTTP/1.1 101 "));
    wire.server.shutdown(&mut wire.link);
    assert_eq!(wire.turn(), "bye");
    assert!(wire.link.is_closing());

    let mut wire = Wire::new(app());
    assert_eq!(wire.send(&upgrade[..5]), "");
    wire.server.shutdown(&mut wire.link);
    assert!(wire.send(&upgrade[5..]).ends_with("\r\n\r\nbye"));
    assert!(wire.link.is_closing());
}

#[test]
fn a_tunnel_grants_what_its_protocol_allows_and_fails_once() {
    struct Unit(usize);
    impl Protocol for Unit {
        type Error = crate::body::BoxError;
        fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            link.allow(self.0);
            Ok(())
        }
        fn data_received(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            if link.inbound.len() < self.0 {
                return Ok(());
            }
            assert!(!link.inbound.is_empty(), "nothing is called after an error");
            link.inbound.clear();
            link.write("last words");
            Err(crate::body::BoxError::new("planted"))
        }
    }
    const UNIT: usize = 200_000;
    let app = Router::new().get("/", |_: Request| Response::upgrade("unit", Unit(UNIT)));
    let mut wire = Wire::new(app);
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: unit\r\n\r\n");
    for _ in 0..UNIT / 10_000 - 1 {
        assert_eq!(wire.send(&"x".repeat(10_000)), "");
        assert!(wire.link.inbound.is_empty(), "the inner protocol needs it whole");
    }
    assert_eq!(wire.send(&"x".repeat(10_000)), "last words");
    assert!(wire.link.is_closing());
}

#[test]
fn a_tunnel_without_room_does_not_ask_to_be_called() {
    struct Late;
    impl Protocol for Late {
        type Error = core::convert::Infallible;
        fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            link.set_deadline(Some(link.now().mono + Duration::from_secs(1)));
            link.write(alloc::vec![0_u8; 200_000]);
            Ok(())
        }
        fn data_received(&mut self, _: &mut Link) -> Result<(), Self::Error> {
            Ok(())
        }
        fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            link.write("late");
            link.close();
            Ok(())
        }
    }
    let app = Router::new().get("/", |_: Request| Response::upgrade("late", Late));
    let mut wire = Wire::new(app);
    let cx = &mut Context::from_waker(Waker::noop());
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: late\r\n\r\n";
    wire.link.inbound.extend_from_slice(upgrade.as_bytes());
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    assert!(!wire.link.can_write());
    assert_eq!(wire.link.deadline(), None, "it could do nothing");
    wire.take();
    assert_eq!(wire.turn(), "");
    assert_eq!(wire.pass(Duration::from_secs(1)), "late");
    assert!(wire.link.is_closing());
}

#[test]
fn a_handler_that_timed_out_leaves_a_connection_that_works() {
    let mut config = Config::default();
    let timeouts = Timeouts { handler: Some(Duration::from_secs(1)), ..Timeouts::default() };
    config.timeouts = Arc::new(timeouts);
    let app = Router::new().get("/", |_: Request| "home").post("/", |request: Request| async move {
        core::future::pending::<()>().await;
        request.into_body().collect().await
    });
    let mut wire = Wire::with(app, config);
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx");
    assert!(wire.pass(Duration::from_secs(1)).starts_with("HTTP/1.1 503 "));
    wire.rewind_date();
    let rest = "x".repeat(99_999);
    assert_eq!(wire.send(&(rest + GET)), ok("content-length: 4\r\n", "home"), "the rest was dropped");
}

#[test]
fn leave_to_send_the_body_comes_before_the_head_of_its_echo() {
    let mut wire = Wire::new(app());
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let answer = wire.send(head);
    assert_eq!(
        answer,
        alloc::format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{OWN}content-length: 3\r\n\r\n")
    );
    assert_eq!(wire.send("abc"), "abc");
    assert!(!wire.link.is_closing());
}

#[test]
fn a_peer_without_leave_to_send_is_not_slow() {
    let timeouts = Timeouts::default();
    let app = Router::new().post("/", |request: Request| async move {
        YieldOnce(false).await;
        request.into_body().collect().await
    });
    let mut wire = Wire::new(app);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(wire.send(head), "");
    wire.pause(timeouts.body_grace * 2);
    assert_eq!(wire.turn(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(wire.pass(timeouts.body_grace - Duration::from_nanos(1)), "");
    assert!(wire.pass(Duration::from_nanos(1)).starts_with("HTTP/1.1 408 "));
}

#[test]
fn what_came_with_the_head_counts_as_received() {
    let app = Router::new().post("/", |request: Request| async move {
        core::future::pending::<()>().await;
        drop(request);
    });
    let mut wire = Wire::new(app);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    wire.send(&alloc::format!("{head}{}", "x".repeat(INITIAL_CREDIT)));
    assert_eq!(wire.link.deadline(), None, "all that was granted is here; it is the handler's turn");
}

#[test]
fn a_source_of_nothing_lets_others_go_on() {
    struct Nothing(u32);
    impl BodySource for Nothing {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
            self.0 += 1;
            assert!(self.0 < 10, "one look a turn");
            Poll::Ready(Some(Ok(Bytes::new())))
        }
    }
    let app = Router::new().get("/", |_: Request| Response::new(Body::from_source(Nothing(0))));
    let mut wire = Wire::new(app);
    assert!(wire.send(GET).starts_with("HTTP/1.1 200 "));
    assert_eq!(wire.turn(), "");
}

#[test]
fn what_comes_after_an_announced_close_does_not_keep_the_connection() {
    let app = Router::new().get("/", |_: Request| {
        Response::new(Body::produce(|mut sink| async move {
            sink.send("1").await?;
            YieldOnce(false).await;
            YieldOnce(false).await;
            sink.send("2").await
        }))
    });
    let mut wire = Wire::new(app);
    wire.link.inbound.extend_from_slice(GET.as_bytes());
    wire.server.shutdown(&mut wire.link);
    let cx = &mut Context::from_waker(Waker::noop());
    wire.server.poll_work(cx, &mut wire.link).unwrap();
    let head = wire.take();
    assert!(head.contains("connection: close") && !wire.link.is_closing(), "{head}");
    assert_eq!(wire.send(GET), "1\r\n2\r\n0\r\n\r\n");
    assert!(wire.link.is_closing());
}

/// What is handed from step to step is small, and so is what a connection holds.
#[test]
fn sizes() {
    assert_eq!(size_of::<crate::codec::Event<crate::head::RequestHead>>(), 40);
    assert_eq!((size_of::<Request>(), size_of::<Response>()), (16, 8));
    assert_eq!(size_of::<Server<Router>>(), 224);
}
