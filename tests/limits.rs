//! Limits and timeouts over real sockets, on every backend: what happens when each is passed, never how long that took.
//! What a head, chunks and trailers may hold is in the request tables of `conformance_sockets`.

use std::future::{pending, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use anyloop::core::driver::{Peer, Spawn, Workers};
use anyloop::core::server::Connection;
use anyloop::{Body, BodyError, BodySource, Builder, Request, Response, Router, Server, Serving};
use bytes::Bytes;

/// Turns a hang into a failure.
const HANG: Duration = Duration::from_secs(60);
/// A timeout that is to pass.
const SHORT: Duration = Duration::from_millis(50);
/// One that is not.
const LONG: Duration = Duration::from_secs(600);

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// What handlers report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A handler waits.
    Waits,
    /// A handler was dropped before its answer.
    HandlerDropped,
    /// An endless body was dropped.
    BodyDropped,
}

/// Reports when it is dropped.
struct Watch(Sender<Seen>, Seen);

impl Drop for Watch {
    fn drop(&mut self) {
        // The test may be over.
        let _ = self.0.send(self.1);
    }
}

/// Holds handlers back until it opens.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let wakers = {
            let mut gate = self.0.lock().expect("nobody panics with it");
            gate.0 = true;
            std::mem::take(&mut gate.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    async fn pass(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.lock().expect("nobody panics with it");
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Never ends.
struct Endless(#[allow(dead_code, reason = "it is there for its drop")] Watch);

impl BodySource for Endless {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'x'; 1 << 16]))))
    }
}

fn app(report: &Sender<Seen>, gate: &Gate) -> Router {
    let (endless, never, hold) = (report.clone(), report.clone(), (report.clone(), gate.clone()));
    Router::new()
        .get("/", |_: Request| "ok")
        .post("/ignore", |_: Request| "ignored")
        .post("/collect", async |request: Request| {
            request.into_body().collect().await.map(|body| body.len().to_string())
        })
        .get("/endless", move |_: Request| {
            Response::new(Body::from_source(Endless(Watch(endless.clone(), Seen::BodyDropped))))
        })
        .get("/never", move |_: Request| {
            let watch = Watch(never.clone(), Seen::HandlerDropped);
            async move {
                let _ = watch.0.send(Seen::Waits);
                pending::<()>().await;
                drop(watch);
                "done"
            }
        })
        .get("/hold", move |_: Request| {
            let (report, gate) = hold.clone();
            async move {
                let _ = report.send(Seen::Waits);
                gate.pass().await;
                "held"
            }
        })
}

/// A server of one worker.
struct Running {
    address: SocketAddr,
    serving: Serving,
    seen: Receiver<Seen>,
    gate: Gate,
}

type Start = fn(Builder) -> Running;

fn start<W: Workers>(settings: Builder) -> Running
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let server = settings.workers(1).bind("127.0.0.1:0").expect("a port");
    let &Peer::Tcp(address) = server.local_addr() else { unreachable!("bound to TCP") };
    let ((report, seen), gate) = (channel(), Gate::default());
    let serving = server.serve::<W, _, _>(app(&report, &gate)).expect("it starts");
    Running { address, serving, seen, gate }
}

/// The timeouts of these tests are never reached unless one sets them.
fn patient() -> Builder {
    Server::builder().timeouts(|times| {
        (times.head, times.idle, times.body_grace) = (LONG, LONG, LONG);
        (times.write_stall, times.linger, times.drain, times.kill) = (LONG, LONG, LONG, LONG);
    })
}

impl Running {
    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(HANG)).expect("an option of sockets");
        stream.set_write_timeout(Some(HANG)).expect("an option of sockets");
        Client { stream, unread: Vec::new() }
    }

    fn send(&self, text: &str) -> Client {
        let mut client = self.connect();
        client.send(text);
        client
    }

    fn expect(&self, what: Seen) {
        assert_eq!(self.seen.recv_timeout(HANG), Ok(what));
    }

    /// Serves still, and ends in order.
    fn finish(self) {
        assert_eq!(self.send(LAST).rest().len(), 1);
        self.serving.shutdown().announce();
        self.serving.wait_closed().expect("an end in order");
    }
}

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    closes: bool,
    body: String,
}

fn ok(body: &str) -> Answer {
    Answer { status: 200, closes: false, body: body.to_owned() }
}

impl Answer {
    /// Reads one from the front; returns its length too.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = end + length.map_or(Some(0), |digits| digits.parse::<usize>().ok())?;
        let body = String::from_utf8_lossy(bytes.get(end..length)?).into_owned();
        let closes = head.contains("\r\nconnection: close\r\n");
        Some((Self { status, closes, body }, length))
    }
}

impl Client {
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("it reads");
    }

    fn answer(&mut self) -> Answer {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some((answer, length)) = Answer::read(&self.unread) {
                self.unread.drain(..length);
                return answer;
            }
            let n = self.stream.read(&mut buffer).expect("no reset");
            assert!(n > 0, "the end instead of an answer: {:?}", self.unread.escape_ascii().to_string());
            self.unread.extend_from_slice(&buffer[..n]);
        }
    }

    /// Reads to the end, which must not be a reset.
    fn rest(&mut self) -> Vec<Answer> {
        self.stream.read_to_end(&mut self.unread).expect("no reset");
        let (mut answers, mut at) = (Vec::new(), 0);
        while let Some((answer, length)) = Answer::read(&self.unread[at..]) {
            at += length;
            answers.push(answer);
        }
        assert_eq!(at, self.unread.len(), "no part of an answer");
        answers
    }

    /// The one answer that is left, which announces the close.
    fn last(&mut self) -> (u16, String) {
        let mut answers = self.rest();
        assert_eq!(answers.len(), 1, "{answers:?}");
        let answer = answers.remove(0);
        assert!(answer.closes, "{answer:?}");
        (answer.status, answer.body)
    }

    fn has_nothing_to_read(&self) -> bool {
        self.stream.set_nonblocking(true).expect("an option of sockets");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("an option of sockets");
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// Sends the whole request and then the beginning of another. Returns what came, unless this client was late itself: then the
/// server had nothing to answer.
fn send_half_a_head(server: &Running, whole: &str, half: &str) -> Option<Vec<Answer>> {
    let mut client = server.connect();
    client.stream.write_all(whole.as_bytes()).ok()?;
    while !whole.is_empty() && Answer::read(&client.unread).is_none() {
        let mut buffer = [0; 1024];
        let n = client.stream.read(&mut buffer).ok().filter(|&n| n > 0)?;
        client.unread.extend_from_slice(&buffer[..n]);
    }
    client.stream.write_all(half.as_bytes()).ok()?;
    client.stream.read_to_end(&mut client.unread).ok()?;
    (!client.unread.is_empty()).then(|| client.rest())
}

fn a_head_that_is_late_is_answered(start: Start) {
    let server = start(patient().timeouts(|times| times.head = SHORT));
    for (whole, before) in [("", None), (GET, Some(200))] {
        let answers = (0..100).find_map(|_| send_half_a_head(&server, whole, "GET / HTTP/1.1\r\nHost"));
        let answers = answers.expect("one of a hundred is quick enough");
        let statuses: Vec<_> = answers.iter().map(|answer| (answer.status, answer.closes)).collect();
        let wanted: Vec<_> = before.map(|status| (status, false)).into_iter().chain([(408, true)]).collect();
        assert_eq!(statuses, wanted);
    }
    server.serving.shutdown().kill();
}

fn a_connection_without_a_request_closes_silently(start: Start) {
    let server = start(patient().timeouts(|times| times.head = SHORT));
    assert_eq!(server.connect().rest(), []);
    server.serving.shutdown().kill();
}

fn an_idle_connection_closes_silently(start: Start) {
    let server = start(patient().timeouts(|times| times.idle = SHORT));
    assert_eq!(server.send(GET).rest(), [ok("ok")]);
    server.finish();
}

fn a_body_that_is_slow_is_answered(start: Start) {
    let server = start(patient().timeouts(|times| {
        (times.body_rate, times.body_grace) = (1, SHORT);
    }));
    for framing in ["Content-Length: 9\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n9\r\n"] {
        let text = format!("POST /collect HTTP/1.1\r\nHost: a\r\n{framing}");
        assert_eq!(server.send(&text).last().0, 408, "{framing}");
    }
    server.finish();
}

fn a_body_may_be_slow_where_no_rate_is_asked_for(start: Start) {
    let server = start(patient().timeouts(|times| {
        (times.body_rate, times.body_grace) = (0, Duration::ZERO);
    }));
    let mut client = server.send("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    for byte in ["a", "b", "c"] {
        assert!(client.has_nothing_to_read());
        assert_eq!(server.send(LAST).rest().len(), 1);
        client.send(byte);
    }
    assert_eq!(client.answer(), ok("3"));
    drop(client);
    server.finish();
}

fn a_reader_that_stops_is_dropped(start: Start) {
    let server = start(patient().timeouts(|times| times.write_stall = SHORT));
    let client = server.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    server.expect(Seen::BodyDropped);
    drop(client);
    server.finish();
}

fn an_answer_outlives_input_that_nobody_reads(start: Start) {
    let server = start(patient());
    let mut text = "GET / HTTP/1.1\r\nHost : a\r\n\r\n".to_owned();
    text.push_str(&"x".repeat(200 << 10));
    let mut client = server.connect();
    client.send(&text);
    assert_eq!(client.last().0, 400);
    drop(client);
    server.finish();
}

fn lingering_ends(start: Start) {
    let settings = patient().limits(|limits| limits.max_connections = 1);
    let server = start(settings.timeouts(|times| times.linger = SHORT));
    // Says more than is read, so that there is something to linger for, and keeps its side open.
    let mut open = server.send("GET / HTTP/1.1\r\nHost : a\r\n\r\nmore");
    assert_eq!(open.last().0, 400);
    assert_eq!(server.send(LAST).rest().len(), 1, "there is a place for the next connection");
    drop(open);
    server.finish();
}

fn a_shutdown_waits_for_answers(start: Start) {
    let server = start(patient());
    let mut idle = server.send(GET);
    assert_eq!(idle.answer(), ok("ok"));
    let mut busy = server.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    server.expect(Seen::Waits);
    server.serving.shutdown().announce();
    assert_eq!(idle.rest(), [], "idle connections close at once");
    drop(idle);
    server.gate.open();
    assert_eq!(busy.last(), (200, "held".to_owned()));
    drop(busy);
    server.serving.wait_closed().expect("an end in order");
}

fn a_shutdown_does_not_wait_for_ever(start: Start) {
    let server = start(patient().timeouts(|times| (times.drain, times.kill) = (SHORT, SHORT)));
    let mut client = server.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    server.expect(Seen::Waits);
    server.serving.shutdown().announce();
    server.expect(Seen::HandlerDropped);
    server.serving.wait_closed().expect("an end in order");
    assert_eq!(client.stream.read(&mut [0]).unwrap_or(0), 0, "no answer");
}

fn a_kill_waits_for_nothing(start: Start) {
    let server = start(patient());
    let mut client = server.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    server.expect(Seen::Waits);
    server.serving.shutdown().announce();
    server.serving.shutdown().kill();
    server.expect(Seen::HandlerDropped);
    server.serving.wait_closed().expect("an end in order");
    assert_eq!(client.stream.read(&mut [0]).unwrap_or(0), 0, "no answer");
}

fn a_handler_that_is_late_is_answered_for(start: Start) {
    let server = start(patient().timeouts(|times| times.handler = Some(SHORT)));
    let mut client = server.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().status, 503);
    server.expect(Seen::Waits);
    server.expect(Seen::HandlerDropped);
    client.send(GET);
    assert_eq!(client.answer(), ok("ok"), "the connection is none the worse");
    drop(client);
    server.finish();
}

fn connections_beyond_the_limit_wait(start: Start) {
    let server = start(patient().limits(|limits| limits.max_connections = 2));
    let mut clients = [server.send(GET), server.send(GET)];
    for client in &mut clients {
        assert_eq!(client.answer(), ok("ok"));
    }
    let mut third = server.send(GET);
    for _ in 0..20 {
        for client in &mut clients {
            client.send(GET);
            assert_eq!(client.answer(), ok("ok"));
        }
    }
    assert!(third.has_nothing_to_read());
    drop(clients);
    assert_eq!(third.answer(), ok("ok"));
    drop(third);
    server.finish();
}

fn the_last_request_of_a_connection_says_so(start: Start) {
    let server = start(patient().limits(|limits| limits.max_requests = 3));
    let answers = server.send(&GET.repeat(5)).rest();
    let closes: Vec<_> = answers.iter().map(|answer| (answer.status, answer.closes)).collect();
    assert_eq!(closes, [(200, false), (200, false), (200, true)]);
    server.finish();
}

fn reading_stops_at_the_pipelined_limit_and_goes_on(start: Start) {
    const MOST: usize = 64 << 20;
    let server = start(patient().limits(|limits| limits.max_pipelined = 2));
    let mut client = server.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    server.expect(Seen::Waits);
    client.stream.set_write_timeout(Some(Duration::from_millis(500))).expect("an option of sockets");
    let batch = GET.repeat(1000);
    let mut sent = 0;
    let stopped = loop {
        match client.stream.write(&batch.as_bytes()[sent % batch.len()..]) {
            Ok(n) => sent += n,
            Err(error) => break error.kind(),
        }
        assert!(sent < MOST, "a server that answers nothing read {MOST} bytes");
    };
    assert!(matches!(stopped, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stopped}");
    client.stream.set_write_timeout(Some(HANG)).expect("an option of sockets");
    server.gate.open();
    let rest = format!("{}{LAST}", &GET[sent % GET.len()..]);
    let mut writer = client.stream.try_clone().expect("another descriptor");
    let writing = thread::spawn(move || writer.write_all(rest.as_bytes()));
    let answers = client.rest();
    writing.join().expect("no panic").expect("it reads again");
    assert_eq!(answers.len(), 1 + sent / GET.len() + 1 + 1, "every request is answered once");
    assert!(answers.iter().all(|answer| answer.status == 200));
    drop(client);
    server.finish();
}

fn a_body_is_gathered_up_to_the_limit(start: Start) {
    let server = start(patient().limits(|limits| limits.max_collect = 4));
    for (body, status) in [("abc", 200), ("abcd", 200), ("abcde", 413)] {
        let sized = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{}\r\n{body}\r\n0\r\n\r\n", body.len());
        for framing in [sized, chunked] {
            let text = format!("POST /collect HTTP/1.1\r\nHost: a\r\n{framing}");
            assert_eq!(server.send(&text).answer().status, status, "{framing}");
        }
    }
    server.finish();
}

fn a_body_that_nobody_reads_is_dropped_up_to_the_limit(start: Start) {
    let server = start(patient().limits(|limits| limits.drain_unread = 1000));
    for (length, closes) in [(1000, false), (1 << 20, true)] {
        let text = format!("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let mut client = server.send(&text);
        let answer = client.answer();
        assert_eq!((answer.status, answer.closes), (200, closes), "{length}");
        if !closes {
            client.send(&"x".repeat(length));
            client.send(GET);
            assert_eq!(client.answer(), ok("ok"));
        }
    }
    server.finish();
}

macro_rules! on_every_backend {
    ($($scenario:ident),* $(,)?) => {
        on_every_backend!(@ tokio, anyloop_tokio::Tokio; $($scenario),*);
        on_every_backend!(@ smol, anyloop_smol::Smol; $($scenario),*);
        on_every_backend!(@ async_std, anyloop_async_std::AsyncStd; $($scenario),*);
    };
    (@ $name:ident, $backend:ty; $($scenario:ident),*) => {
        mod $name {
            $(#[test] fn $scenario() {
                super::$scenario(super::start::<$backend>);
            })*
        }
    };
}

on_every_backend! {
    a_head_that_is_late_is_answered,
    a_connection_without_a_request_closes_silently,
    an_idle_connection_closes_silently,
    a_body_that_is_slow_is_answered,
    a_body_may_be_slow_where_no_rate_is_asked_for,
    a_reader_that_stops_is_dropped,
    an_answer_outlives_input_that_nobody_reads,
    lingering_ends,
    a_shutdown_waits_for_answers,
    a_shutdown_does_not_wait_for_ever,
    a_kill_waits_for_nothing,
    a_handler_that_is_late_is_answered_for,
    connections_beyond_the_limit_wait,
    the_last_request_of_a_connection_says_so,
    reading_stops_at_the_pipelined_limit_and_goes_on,
    a_body_is_gathered_up_to_the_limit,
    a_body_that_nobody_reads_is_dropped_up_to_the_limit,
}
