//! What a connection of the server holds and allocates: laws L1 and L8 in bytes.
//!
//! No test harness, for its threads would count too.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

use std::alloc::System;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use anyloop_core::body::Body;
use anyloop_core::driver::Peer;
use anyloop_core::link::{DEFAULT_HIGH_WATER, Link};
use anyloop_core::protocol::{Echo, Protocol, Work};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::time::Now;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

struct Wire {
    server: Server<Router>,
    link: Link,
}

impl Wire {
    fn new(app: Router) -> Self {
        let nowhere = || Peer::Unix(None);
        let mut server = Server::new(app, Arc::new(Config::default()), nowhere(), nowhere());
        let mut link = Link::new(Now::default());
        server.connection_made(&mut link).unwrap();
        Self { server, link }
    }

    /// Takes turns until nothing moves, as a driver does while the peer takes no byte.
    fn work(&mut self) {
        loop {
            let before = (self.link.inbound.len(), self.link.outbound.len());
            let work =
                self.server.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link).unwrap();
            if work == Work::Waiting && before == (self.link.inbound.len(), self.link.outbound.len()) {
                return;
            }
        }
    }

    /// Feeds what the link has room for, as a driver does, and returns how much that was.
    fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut n = 0;
        loop {
            let fits = self.link.inbound_room().min(bytes.len() - n).min(16 * KIB);
            if fits == 0 {
                return n;
            }
            self.link.inbound.reserve(fits);
            self.link.inbound.extend_from_slice(&bytes[n..n + fits]);
            n += fits;
            self.server.data_received(&mut self.link).unwrap();
            self.work();
        }
    }

    fn send(&mut self, text: &str) {
        assert_eq!(self.feed(text.as_bytes()), text.len());
    }
}

/// Bytes on the heap since the region began.
fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    let held = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed();
    usize::try_from(held).unwrap_or(0)
}

fn app() -> Router {
    Router::new()
        .get("/", |_: Request| "home")
        .get("/async", |_: Request| async { "home" })
        .get(
            "/users/{name}/posts/{id}",
            |request: Request| {
                if request.param("id") == Some("42") { "found" } else { "lost" }
            },
        )
        .get("/large", |_: Request| Response::new(vec![0_u8; MIB]))
        .get("/upgrade", |_: Request| Response::upgrade("echo", Echo::default()))
        .post("/echo", |request: Request| async move { Response::new(request.into_body()) })
        .post("/collect", |request: Request| async move { request.into_body().collect().await })
}

/// An upload is echoed through a reader that takes less than half as often as the writer writes.
fn a_gibibyte_is_echoed_in_half_a_mebibyte() {
    const LENGTH: usize = 1 << 30;
    let mut wire = Wire::new(app());
    let piece = vec![b'x'; 64 * KIB];
    let region = Region::new(GLOBAL);
    wire.send(&format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"));
    let (mut sent, mut read, mut peak, mut turns) = (0, 0, 0, 0_usize);
    while read < LENGTH {
        sent += wire.feed(&piece[..piece.len().min(LENGTH - sent)]);
        peak = peak.max(held(&region));
        turns += 1;
        if turns.is_multiple_of(3) || sent == LENGTH {
            let n = wire.link.outbound.len().min(50 * KIB);
            wire.link.outbound.advance(n);
            read += n;
            wire.work();
        }
        assert!(turns < LENGTH / KIB, "it stands still at {sent} and {read}");
    }
    println!("1 GiB echoed: at most {} KiB held", peak / KIB);
    assert!(peak <= 512 * KIB, "{peak} bytes held");
    assert!(read > LENGTH, "the head came too");
}

/// L8: nothing follows an answer that passed the mark.
fn a_reader_that_reads_nothing_is_owed_one_answer() {
    let mut wire = Wire::new(app());
    let requests = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200);
    let region = Region::new(GLOBAL);
    wire.feed(requests.as_bytes());
    let peak = held(&region);
    println!("200 answers of 1 MiB to nobody: {} KiB held", peak / KIB);
    assert!(wire.link.outbound.len() <= MIB + KIB && wire.link.outbound.len() >= MIB);
    assert!(peak <= MIB + 64 * KIB, "{peak} bytes held");

    let mut wire = Wire::new(app());
    let requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000);
    wire.feed(requests.as_bytes());
    assert!(wire.link.outbound.len() <= DEFAULT_HIGH_WATER + 200, "{}", wire.link.outbound.len());
}

/// Whatever waits for a handler that does not answer: heads of any size, as many as are taken, then bodies.
fn a_connection_stays_below_its_ceiling() {
    let ceiling = Config::default().limits.connection_ceiling();
    let field = |size: usize| format!("x: {}\r\n", "v".repeat(size));
    let head = |method: &str, fields: &str| format!("{method} /never HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (name, input) in [
        ("small heads", head("GET", "").repeat(1_000)),
        ("heads of many fields", head("GET", &field(1).repeat(120)).repeat(1_000)),
        ("heads of some size", head("GET", &field(2 * KIB)).repeat(500)),
        ("the longest heads", head("GET", &field(65_000)).repeat(50)),
        ("a head that does not end", format!("GET /never HTTP/1.1\r\n{}", field(60_000))),
        ("a body", head("POST", chunked) + &format!("{:x}\r\n{}", MIB, "b".repeat(MIB))),
        ("tiny chunks", head("POST", chunked) + &"1\r\nb\r\n".repeat(200 * KIB)),
        (
            "a body behind heads",
            head("GET", &field(1).repeat(120)).repeat(60)
                + &head("POST", chunked)
                + &format!("{:x}\r\n{}", MIB, "b".repeat(MIB)),
        ),
    ] {
        let app = Router::new().get("/never", |_: Request| pending::<&str>()).post(
            "/never",
            |request: Request| async move {
                pending::<()>().await;
                Response::new(request.into_body())
            },
        );
        let mut wire = Wire::new(app);
        let region = Region::new(GLOBAL);
        let taken = wire.feed(input.as_bytes());
        let held = held(&region);
        println!("{name}: {} KiB taken, {} KiB held", taken / KIB, held / KIB);
        assert!(held <= ceiling, "{name}: {held} bytes held, the ceiling is {ceiling}");
    }
}

fn a_tunnel_holds_no_more_than_two_marks() {
    let mut wire = Wire::new(app());
    wire.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    let region = Region::new(GLOBAL);
    let mut sent = 0;
    loop {
        let n = wire.feed(&[b'x'; 16 * KIB]);
        sent += n;
        if n < 16 * KIB {
            break;
        }
    }
    let peak = held(&region);
    println!("a tunnel to nobody took {} KiB and holds {} KiB", sent / KIB, peak / KIB);
    assert!(wire.link.outbound.len() <= DEFAULT_HIGH_WATER + 64 * KIB);
    assert!(peak <= 384 * KIB, "{peak} bytes held");
}

/// L8: a body is pulled, and what a tunnel's protocol wrote moves outwards, only while there is room.
fn a_blocked_writer_takes_one_chunk_beyond_the_mark() {
    const CHUNK: usize = 20_000;
    struct Writes;
    impl Protocol for Writes {
        type Error = std::convert::Infallible;
        fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
            (0..50).for_each(|_| link.write(vec![b'x'; CHUNK]));
            Ok(())
        }
        fn data_received(&mut self, _: &mut Link) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let app = Router::new().get("/upgrade", |_: Request| Response::upgrade("writes", Writes)).get(
        "/stream",
        move |_: Request| {
            let count = Arc::clone(&count);
            Response::new(Body::produce(|mut sink| async move {
                for _ in 0..1_000 {
                    count.fetch_add(1, Ordering::Relaxed);
                    sink.send(vec![b'x'; CHUNK]).await?;
                }
                Ok(())
            }))
        },
    );
    for request in [
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: writes\r\n\r\n",
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut wire = Wire::new(app.clone());
        wire.send(request);
        let most = DEFAULT_HIGH_WATER + CHUNK + 300;
        let mut read = 0;
        while !wire.link.outbound.is_empty() {
            assert!(wire.link.outbound.len() <= most, "{} bytes queued", wire.link.outbound.len());
            let n = wire.link.outbound.len().min(10_000);
            wire.link.outbound.advance(n);
            read += n;
            wire.work();
            let ahead = made.load(Ordering::Relaxed) * CHUNK;
            assert!(ahead <= read + most + 2 * (64 * KIB + CHUNK), "{ahead} bytes made, {read} read");
        }
        assert!(read > 50 * CHUNK, "all of it came");
    }
}

/// Reading stops at `max_pipelined` requests that are not answered.
fn requests_wait_up_to_the_limit() {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let app = Router::new().get("/", move |_: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        pending::<&str>()
    });
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (sent, left) in [(63, 0), (64, 0), (65, 1), (80, 16)] {
        let mut wire = Wire::new(app.clone());
        wire.send(&request.repeat(sent));
        assert_eq!(wire.link.inbound.len(), left * request.len(), "{sent} requests");
    }
    assert_eq!(begun.load(Ordering::Relaxed), 4, "only the oldest runs");
}

/// Allocations of one request from the second of its connection on, on a thread that has served other connections.
fn allocations(name: &str, request: &str, most: usize) {
    const ROUNDS: usize = 1_000;
    let round = |wire: &mut Wire| {
        // As the driver does where a buffer comes back: the bytes stand in memory that was used before.
        let _ = wire.link.inbound.try_reclaim(16 * KIB);
        wire.send(request);
        assert!(!wire.link.outbound.is_empty());
        let n = wire.link.outbound.len();
        wire.link.outbound.advance(n);
        let _ = wire.link.outbound.tail().try_reclaim(4 * KIB);
    };
    let fresh = || {
        let mut wire = Wire::new(app());
        wire.link.inbound.reserve(16 * KIB);
        wire.link.outbound.tail().reserve(4 * KIB);
        wire
    };
    let mut before = fresh();
    (0..2).for_each(|_| round(&mut before));
    let mut wire = fresh();
    round(&mut wire);
    let region = Region::new(GLOBAL);
    (0..ROUNDS).for_each(|_| round(&mut wire));
    let change = region.change();
    let each = (change.allocations + change.reallocations) as f64 / ROUNDS as f64;
    println!("{name}: {each:.2} allocations a request");
    assert!(change.allocations + change.reallocations <= most * ROUNDS, "{name}: {change:?}");
}

fn main() {
    a_connection_stays_below_its_ceiling();
    a_gibibyte_is_echoed_in_half_a_mebibyte();
    a_reader_that_reads_nothing_is_owed_one_answer();
    a_tunnel_holds_no_more_than_two_marks();
    a_blocked_writer_takes_one_chunk_beyond_the_mark();
    requests_wait_up_to_the_limit();
    allocations("ready handler", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    allocations("async handler", "GET /async HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    allocations("routed parameters", "GET /users/ann/posts/42 HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    let browser = "GET /users/ann/posts/42?page=2 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n";
    allocations("head of a browser", browser, 0);
    let long = format!("GET /users/ann/posts/42?{} HTTP/1.1\r\nHost: a\r\n\r\n", "q".repeat(500));
    allocations("long target", &long, 0);
    allocations("pipelined", &browser.repeat(8), 0);
    let post = "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    allocations("small body, collected", post, 0);
    println!("ok");
}
