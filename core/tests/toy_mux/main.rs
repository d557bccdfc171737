//! A toy multiplexed codec through the pump: what HTTP/2 will need of it.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

mod codec;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use anyloop_core::body::Body;
use anyloop_core::driver::Peer;
use anyloop_core::head::{Headers, Method, Status};
use anyloop_core::limits::Timeouts;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Echo, Eof, Lost, Protocol, Work};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Interim, Request, Response, Router};
use anyloop_core::time::Now;

use codec::{CONNECTION, Toy, WINDOW, frame};

/// Counts how often the connection's task was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the peer got on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Got {
    interim: Vec<String>,
    status: String,
    body: Vec<u8>,
    ended: bool,
    reset: bool,
    credit: usize,
}

struct Wire {
    server: Server<Router, Toy>,
    link: Link,
    wakes: Arc<Wakes>,
    got: BTreeMap<u8, Got>,
    going_away: bool,
}

impl Wire {
    fn new(app: Router) -> Self {
        Self::with(app, Timeouts::default())
    }

    fn with(app: Router, timeouts: Timeouts) -> Self {
        let mut config = Config::default();
        config.timeouts = Arc::new(timeouts);
        let nowhere = || Peer::Unix(None);
        let mut server = Server::with_codec(Toy::default(), app, Arc::new(config), nowhere(), nowhere());
        let mut link = Link::new(Now::default());
        server.connection_made(&mut link).unwrap();
        Self { server, link, wakes: Arc::default(), got: BTreeMap::new(), going_away: false }
    }

    fn turn(&mut self) -> Work {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let work = self.server.poll_work(&mut Context::from_waker(&waker), &mut self.link).unwrap();
        let mut bytes: Vec<u8> = self.link.outbound.slices().flatten().copied().collect();
        self.link.outbound.clear();
        while let [kind, stream, length, ..] = bytes[..] {
            let payload: Vec<u8> = bytes.drain(..3 + usize::from(length)).skip(3).collect();
            let got = self.got.entry(stream).or_default();
            let text = String::from_utf8_lossy(&payload).into_owned();
            match kind {
                b'I' => got.interim.push(text),
                b'H' => got.status = text,
                b'D' => got.body.extend(payload),
                b'E' => got.ended = true,
                b'R' => got.reset = true,
                b'W' => got.credit += usize::from(u16::from_be_bytes([payload[0], payload[1]])),
                b'G' => self.going_away = true,
                other => panic!("unknown frame {other}"),
            }
        }
        work
    }

    fn send(&mut self, kind: u8, stream: u8, payload: &[u8]) {
        self.link.inbound.extend_from_slice(&frame(kind, stream, payload));
        self.server.data_received(&mut self.link).unwrap();
        self.turn();
    }

    fn window(&mut self, stream: u8, n: u16) {
        self.send(b'W', stream, &n.to_be_bytes());
    }

    fn pass(&mut self, time: Duration) {
        let now = self.link.now();
        self.link.set_now(Now { mono: now.mono + time, ..now });
        if self.link.take_due() {
            self.server.deadline_reached(&mut self.link).unwrap();
        }
        self.turn();
    }

    fn got(&self, stream: u8) -> Got {
        self.got.get(&stream).cloned().unwrap_or_default()
    }

    fn body(&self, stream: u8) -> String {
        String::from_utf8(self.got(stream).body).unwrap()
    }
}

/// Counts polls by path, and holds the wakers of those who wait.
#[derive(Clone, Default)]
struct Gates(Arc<Mutex<BTreeMap<String, Gate>>>);

#[derive(Default)]
struct Gate {
    polls: usize,
    open: bool,
    waker: Option<Waker>,
}

impl Gates {
    async fn pass(self, name: String) {
        poll_fn(|cx| {
            let mut gates = self.0.lock().unwrap();
            let gate = gates.entry(name.clone()).or_default();
            gate.polls += 1;
            gate.waker = Some(cx.waker().clone());
            if gate.open { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn open(&self, name: &str) {
        let mut gates = self.0.lock().unwrap();
        let gate = gates.get_mut(name).expect("somebody waits");
        gate.open = true;
        gate.waker.take().expect("once").wake();
    }

    fn polls(&self) -> Vec<usize> {
        self.0.lock().unwrap().values().map(|gate| gate.polls).collect()
    }
}

fn app(gates: &Gates) -> Router {
    let gates = gates.clone();
    Router::new()
        .get("/", |_: Request| "home")
        .get("/gate/{name}", move |request: Request| {
            let gates = gates.clone();
            async move {
                gates.pass(request.param("name").unwrap().to_owned()).await;
                "open"
            }
        })
        .get("/bytes/{n}", |request: Request| {
            Response::new(vec![b'x'; request.param("n").unwrap().parse().unwrap()])
        })
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
        .post("/echo", |request: Request| async move { Response::new(request.into_body()) })
        .post("/sleep", |request: Request| async move {
            std::future::pending::<()>().await;
            drop(request);
        })
        .post("/ignore", |request: Request| async move {
            drop(request);
            std::future::pending::<()>().await;
        })
        .on(&Method::CONNECT, "/", |_: Request| Response::connect(Echo::default()))
}

#[test]
fn requests_interleave_and_each_is_answered_when_it_is_whole() {
    let mut wire = Wire::new(app(&Gates::default()));
    wire.send(b'H', 1, b"POST /collect");
    wire.send(b'H', 3, b"POST /collect");
    wire.send(b'D', 1, b"on");
    wire.send(b'D', 3, b"t");
    wire.send(b'D', 1, b"e");
    wire.send(b'h', 5, b"GET /");
    assert_eq!((wire.got(5).ended, wire.body(5)), (true, "home".to_owned()));
    wire.send(b'D', 3, b"wo");
    wire.send(b'E', 3, b"");
    assert_eq!((wire.got(3).ended, wire.body(3)), (true, "two".to_owned()));
    assert_eq!(wire.got(1).status, "", "the first is not whole");
    wire.send(b'E', 1, b"");
    assert_eq!((wire.got(1).ended, wire.body(1)), (true, "one".to_owned()));
    assert_eq!(wire.wakes.0.load(Ordering::Relaxed), 0, "all of it in the turns of its bytes");
    assert_eq!(wire.got(0).credit, 6, "the connection has its credit back");
}

#[test]
fn a_handler_that_reads_nothing_holds_up_nobody() {
    let mut wire = Wire::new(app(&Gates::default()));
    wire.send(b'H', 1, b"POST /sleep");
    wire.send(b'D', 1, &[b'a'; WINDOW]);
    assert_eq!(wire.got(1).credit, 0, "C1: nothing was taken, nothing is granted");
    wire.send(b'H', 3, b"POST /echo");
    for n in 1..=100_usize {
        wire.send(b'D', 3, b"0123456789");
        wire.window(3, 10);
        assert_eq!((wire.got(3).body.len(), wire.got(3).credit), (10 * n, 10 * n));
    }
    wire.send(b'E', 3, b"");
    assert!(wire.got(3).ended);
    assert_eq!(wire.got(1).credit, 0);
}

#[test]
fn only_the_exchange_that_was_woken_is_polled() {
    let gates = Gates::default();
    let mut wire = Wire::new(app(&gates));
    for (stream, name) in [(1, "a"), (3, "b"), (5, "c"), (7, "d")] {
        wire.send(b'h', stream, format!("GET /gate/{name}").as_bytes());
    }
    assert_eq!(gates.polls(), [1, 1, 1, 1]);
    wire.turn();
    assert_eq!(gates.polls(), [1, 1, 1, 1], "nobody was woken");
    gates.open("c");
    assert_eq!(wire.wakes.0.load(Ordering::Relaxed), 1);
    wire.turn();
    assert_eq!(gates.polls(), [1, 1, 2, 1]);
    assert!(wire.got(5).ended && !wire.got(1).ended);
    wire.send(b'H', 9, b"POST /echo");
    wire.send(b'D', 9, b"bytes");
    wire.window(9, 100);
    wire.window(1, 100);
    wire.send(b'R', 3, b"");
    gates.open("d");
    wire.turn();
    // Stream 1 may send more, which is news to it, whatever it waits for.
    assert_eq!(gates.polls(), [2, 1, 2, 2]);
}

#[test]
fn a_handler_that_wakes_itself_is_polled_again() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let app = app(&Gates::default()).get("/spin", move |_: Request| {
        let polls = Arc::clone(&counted);
        poll_fn(move |cx| {
            if polls.fetch_add(1, Ordering::Relaxed) < 5 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready("done")
        })
    });
    let mut wire = Wire::new(app);
    wire.send(b'H', 1, b"POST /echo");
    wire.send(b'h', 3, b"GET /spin");
    for turn in 0..5 {
        assert!(!wire.got(3).ended, "{turn}");
        let woken = wire.wakes.0.load(Ordering::Relaxed);
        assert!(woken > turn, "the task was not woken");
        // The other stream moves, so that the loop of the turn goes round more than once.
        wire.send(b'D', 1, b"x");
        if wire.got(3).ended {
            break;
        }
    }
    wire.turn();
    assert_eq!(wire.body(3), "done");
}

#[test]
fn the_peers_windows_are_respected() {
    let gates = Gates::default();
    let mut wire = Wire::new(app(&gates));
    wire.send(b'h', 1, b"GET /bytes/1000");
    wire.send(b'h', 3, b"GET /bytes/12");
    wire.send(b'h', 5, b"GET /gate/a");
    assert_eq!((wire.got(1).body.len(), wire.got(3).body.len()), (WINDOW, WINDOW));
    wire.turn();
    assert_eq!((wire.got(1).body.len(), wire.got(3).body.len()), (WINDOW, WINDOW));
    wire.window(3, 1);
    assert_eq!((wire.got(1).body.len(), wire.got(3).body.len()), (WINDOW, WINDOW + 1));
    wire.window(3, 1);
    assert!(wire.got(3).ended && wire.got(3).body.len() == 12);
    wire.window(1, 989);
    assert!(wire.got(1).body.len() == 999 && !wire.got(1).ended);
    wire.window(1, 1);
    assert!(wire.got(1).ended);
    assert_eq!(gates.polls(), [1]);
}

#[test]
fn a_reset_drops_the_handler_and_gives_the_credit_back() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let app = app(&Gates::default()).post("/bomb", move |request: Request| {
        let bomb = Bomb(Arc::clone(&count));
        async move {
            std::future::pending::<()>().await;
            drop((bomb, request));
        }
    });
    let mut wire = Wire::new(app);
    for round in 1..=5 {
        let stream = u8::try_from(2 * round + 1).unwrap();
        wire.send(b'H', stream, b"POST /bomb");
        wire.send(b'D', stream, b"12345678");
        assert_eq!(wire.got(0).credit, 8 * (round - 1));
        wire.send(b'R', stream, b"");
        assert_eq!(dropped.load(Ordering::Relaxed), round);
        assert_eq!(wire.got(0).credit, 8 * round, "C2: of {CONNECTION} bytes, none is lost");
        wire.send(b'D', stream, b"late");
        wire.got.get_mut(&0).unwrap().credit -= 4;
    }
    wire.send(b'h', 101, b"GET /");
    assert!(wire.got(101).ended);
}

#[test]
fn a_body_that_nobody_wants_is_granted_back_at_once() {
    let mut wire = Wire::new(app(&Gates::default()));
    wire.send(b'H', 1, b"POST /ignore");
    for n in 1..=20 {
        wire.send(b'D', 1, &[b'x'; WINDOW]);
        assert_eq!((wire.got(0).credit, wire.got(1).credit), (n * WINDOW, n * WINDOW));
    }
    assert_eq!(wire.got(1).status, "", "the handler still works");
}

#[test]
fn what_is_read_after_the_end_is_granted_to_the_connection() {
    let held: Arc<Mutex<Option<Body>>> = Arc::default();
    let place = Arc::clone(&held);
    let app = app(&Gates::default()).post("/hold", move |request: Request| {
        *place.lock().unwrap() = Some(request.into_body());
        std::future::pending::<&str>()
    });
    let mut wire = Wire::new(app);
    wire.send(b'H', 1, b"POST /hold");
    wire.send(b'D', 1, &[b'x'; WINDOW]);
    wire.send(b'E', 1, b"");
    assert_eq!(wire.got(0).credit, 0);
    let mut body = held.lock().unwrap().take().unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(matches!(body.poll_chunk(cx), Poll::Ready(Some(Ok(bytes))) if bytes.len() == WINDOW));
    assert_eq!(wire.wakes.0.load(Ordering::Relaxed), 1, "the connection hears of it");
    wire.turn();
    assert_eq!(wire.got(0).credit, WINDOW);
}

#[test]
fn a_peer_that_sends_beyond_its_window_is_at_fault() {
    let mut wire = Wire::new(app(&Gates::default()));
    wire.send(b'H', 1, b"POST /sleep");
    wire.send(b'h', 3, b"GET /");
    wire.send(b'D', 1, &[b'x'; WINDOW + 1]);
    assert!(wire.link.is_closing());
}

#[test]
fn a_tunnel_is_one_stream_among_others() {
    let gates = Gates::default();
    let mut wire = Wire::new(app(&gates));
    wire.send(b'h', 1, b"GET /gate/a");
    // What is sent before the answer belongs to the tunnel.
    wire.link.inbound.extend_from_slice(&frame(b'C', 3, b"CONNECT a:1"));
    wire.link.inbound.extend_from_slice(&frame(b'D', 3, b"early"));
    wire.turn();
    assert_eq!((wire.got(3).status, wire.body(3)), ("200".to_owned(), "early".to_owned()));
    wire.window(3, 100);
    for n in 0..10 {
        wire.send(b'D', 3, b"12345");
        assert_eq!(wire.got(3).body.len(), 5 * (n + 2), "echoed");
        assert_eq!(wire.got(3).credit, 5 * (n + 2), "granted");
    }
    wire.send(b'h', 5, b"GET /");
    assert!(wire.got(5).ended);
    wire.send(b'E', 3, b"");
    assert!(wire.got(3).ended && !wire.link.is_closing());
    gates.open("a");
    wire.turn();
    assert!(wire.got(1).ended);
    assert_eq!(gates.polls(), [2]);
}

#[test]
fn tunnels_are_refused_and_aborted_alone() {
    struct Aborts;
    impl Protocol for Aborts {
        type Error = std::convert::Infallible;
        fn data_received(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            match &link.inbound[..] {
                b"abort" => link.abort(),
                b"panic" => panic!("planted"),
                _ => {}
            }
            Ok(())
        }
    }
    let app = Router::new()
        .get("/", |_: Request| "home")
        .on(&Method::CONNECT, "/", |_: Request| Response::connect(Aborts))
        .on(&Method::OPTIONS, "/no", |_: Request| Status::FORBIDDEN);
    let mut wire = Wire::new(app);
    wire.send(b'C', 1, b"CONNECT a:1");
    wire.send(b'C', 3, b"CONNECT a:1");
    wire.send(b'C', 5, b"OPTIONS /no");
    wire.send(b'D', 5, b"unwanted");
    assert_eq!((wire.got(5).status, wire.got(5).ended), ("403".to_owned(), true));
    assert_eq!(wire.got(5).credit, 8, "C2");
    wire.send(b'D', 1, b"abort");
    wire.send(b'D', 3, b"panic");
    assert!(wire.got(1).reset && wire.got(3).reset && !wire.link.is_closing());
    assert_eq!(wire.got(0).credit, 8 + 5 + 5);
    wire.send(b'h', 7, b"GET /");
    assert!(wire.got(7).ended);
}

#[test]
fn room_for_output_is_shared_fairly() {
    let endless = |_: Request| {
        Response::new(Body::produce(|mut sink| async move {
            loop {
                sink.send(vec![0_u8; 100]).await?;
            }
        }))
    };
    let mut wire = Wire::new(Router::new().get("/endless", endless));
    wire.link.outbound.set_high_water(1);
    for stream in [1, 3, 5] {
        wire.send(b'h', stream, b"GET /endless");
        wire.window(stream, 60_000);
    }
    let before: Vec<usize> = [1, 3, 5].map(|stream| wire.got(stream).body.len()).to_vec();
    for _ in 0..300 {
        wire.turn();
    }
    for (stream, before) in [1, 3, 5].into_iter().zip(before) {
        let sent = wire.got(stream).body.len() - before;
        assert!((9_900..=10_100).contains(&sent), "stream {stream} sent {sent} bytes of 30,000");
    }
}

#[test]
fn each_exchange_has_its_own_deadlines() {
    struct Late;
    impl Protocol for Late {
        type Error = std::convert::Infallible;
        fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            link.set_deadline(Some(link.now().mono + Duration::from_secs(7)));
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
        fn connection_lost(&mut self, cause: Lost) {
            assert_eq!(cause, Lost::Closed);
        }
    }
    let mut timeouts = Timeouts::default();
    timeouts.handler = Some(Duration::from_secs(15));
    let gates = Gates::default();
    let app = Router::new()
        .merge(app_without_connect(&gates))
        .on(&Method::CONNECT, "/", |_: Request| Response::connect(Late));
    let mut wire = Wire::with(app, timeouts);
    let second = Duration::from_secs(1);
    wire.send(b'h', 1, b"GET /gate/a");
    wire.pass(second);
    wire.send(b'H', 3, b"POST /collect");
    wire.send(b'C', 5, b"CONNECT a:1");
    wire.pass(6 * second);
    assert_eq!(wire.body(5), "");
    wire.pass(second);
    assert_eq!((wire.body(5), wire.got(5).ended), ("late".to_owned(), true), "at 8 s");
    assert_eq!(wire.got(3).status, "");
    wire.pass(3 * second);
    assert_eq!((wire.got(3).status, wire.got(1).status), ("408".to_owned(), String::new()), "at 11 s");
    wire.pass(3 * second);
    assert_eq!(wire.got(1).status, "");
    wire.pass(second);
    assert_eq!((wire.got(1).status, gates.polls()), ("503".to_owned(), vec![1]), "at 15 s");
    assert!(!wire.link.is_closing());
    wire.send(b'h', 7, b"GET /");
    assert!(wire.got(7).ended);
}

fn app_without_connect(gates: &Gates) -> Router {
    let gates = gates.clone();
    Router::new()
        .get("/", |_: Request| "home")
        .get("/gate/{name}", move |request: Request| {
            let gates = gates.clone();
            async move {
                gates.pass(request.param("name").unwrap().to_owned()).await;
                "open"
            }
        })
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
}

#[test]
fn interim_responses_need_no_poll_of_their_handler() {
    let gates = Gates::default();
    let senders: Arc<Mutex<Vec<Interim>>> = Arc::default();
    let place = Arc::clone(&senders);
    let inner = gates.clone();
    let app = Router::new().get("/{name}", move |request: Request| {
        place.lock().unwrap().push(request.interim());
        let gates = inner.clone();
        async move {
            gates.pass(request.param("name").unwrap().to_owned()).await;
            "open"
        }
    });
    let mut wire = Wire::new(app);
    wire.send(b'h', 1, b"GET /a");
    wire.send(b'h', 3, b"GET /b");
    gates.open("b");
    wire.turn();
    assert!(wire.got(3).ended);
    let woken = wire.wakes.0.load(Ordering::Relaxed);
    let senders = senders.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| senders[0].send(Status::EARLY_HINTS, Headers::new()).unwrap());
    });
    assert_eq!(wire.wakes.0.load(Ordering::Relaxed), woken + 1);
    wire.turn();
    assert_eq!((wire.got(1).interim, gates.polls()), (vec!["103".to_owned()], vec![1, 2]));
    senders[1].send(Status::EARLY_HINTS, Headers::new()).unwrap();
    wire.turn();
    assert!(wire.got(3).interim.is_empty(), "it is answered");
}

#[test]
fn a_shutdown_finishes_each_stream_and_closes() {
    let gates = Gates::default();
    let mut wire = Wire::new(app(&gates));
    wire.send(b'h', 1, b"GET /gate/a");
    wire.send(b'h', 3, b"GET /bytes/30");
    wire.server.shutdown(&mut wire.link);
    wire.turn();
    assert!(wire.going_away && !wire.link.is_closing());
    wire.window(3, 30);
    assert!(wire.got(3).ended && !wire.link.is_closing());
    gates.open("a");
    wire.turn();
    assert!(wire.got(1).ended && wire.link.is_closing());

    let mut wire = Wire::new(app(&Gates::default()));
    wire.send(b'h', 1, b"GET /bytes/12");
    wire.server.eof_received(&mut wire.link, Eof::Clean).unwrap();
    wire.turn();
    assert!(!wire.link.is_closing());
    wire.server.connection_lost(Lost::Broken);
}
