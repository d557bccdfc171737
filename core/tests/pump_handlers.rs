//! What a handler holds and what it is given: dropped in time, whole, and woken in whatever task it is used.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use anyloop_core::body::Body;
use anyloop_core::driver::Peer;
use anyloop_core::limits::Timeouts;
use anyloop_core::link::Link;
use anyloop_core::protocol::Protocol;
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Router};
use anyloop_core::time::Now;

struct Wire {
    server: Server<Router>,
    link: Link,
}

impl Wire {
    fn new(app: Router, config: Config) -> Self {
        let mut server = Server::new(app, Arc::new(config), Peer::Unix(None), Peer::Unix(None));
        let mut link = Link::new(Now::default());
        server.connection_made(&mut link).unwrap();
        Self { server, link }
    }

    /// One turn; returns what was written.
    fn turn(&mut self) -> String {
        self.server.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link).unwrap();
        let bytes: Vec<u8> = self.link.outbound.slices().flatten().copied().collect();
        self.link.outbound.clear();
        String::from_utf8(bytes).unwrap()
    }

    fn send(&mut self, bytes: &str) -> String {
        self.link.inbound.extend_from_slice(bytes.as_bytes());
        self.server.data_received(&mut self.link).unwrap();
        self.turn()
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn a_handler_that_took_too_long_is_gone_when_its_answer_leaves() {
    let held = Arc::new(());
    let app = {
        let held = Arc::downgrade(&held);
        Router::new().get("/", move |_: Request| {
            let held = held.upgrade();
            async move {
                pending::<()>().await;
                drop(held);
                ""
            }
        })
    };
    let mut config = Config::default();
    let mut timeouts = Timeouts::default();
    timeouts.handler = Some(Duration::from_secs(1));
    config.timeouts = Arc::new(timeouts);
    let mut wire = Wire::new(app, config);
    assert_eq!(wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "");
    assert_eq!(Arc::strong_count(&held), 2, "the handler holds it");
    let now = wire.link.now();
    wire.link.set_now(Now { mono: now.mono + Duration::from_secs(1), ..now });
    assert!(wire.link.take_due());
    wire.server.deadline_reached(&mut wire.link).unwrap();
    assert_eq!(Arc::strong_count(&held), 1, "the handler is dropped");
    assert!(wire.turn().starts_with("HTTP/1.1 503 "));
}

#[test]
fn all_pieces_that_come_with_the_head_reach_the_handler() {
    let app = || Router::new().post("/", |request: Request| request.into_body().collect());
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let pieces = ["1\r\na\r\n", "2\r\nbc\r\n", "3\r\ndef\r\n", "0\r\n\r\n"];
    for with_head in 0..=pieces.len() {
        let mut wire = Wire::new(app(), Config::default());
        let mut answer = wire.send(&[&[head], &pieces[..with_head]].concat().concat());
        for piece in &pieces[with_head..] {
            answer += &wire.send(piece);
        }
        assert!(answer.ends_with("\r\n\r\nabcdef"), "{with_head}: {answer}");
    }
}

#[test]
fn a_body_that_another_task_reads_wakes_that_task_and_the_connection() {
    let place: Arc<Mutex<Option<Body>>> = Arc::default();
    let app = {
        let place = Arc::clone(&place);
        Router::new().post("/", move |request: Request| {
            *place.lock().unwrap() = Some(request.into_body());
            pending::<&str>()
        })
    };
    let mut wire = Wire::new(app, Config::default());
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    let mut body = place.lock().unwrap().take().unwrap();
    let (reader, connection) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (reading, driving) = (Waker::from(Arc::clone(&reader)), Waker::from(Arc::clone(&connection)));
    let mut read =
        || body.poll_chunk(&mut Context::from_waker(&reading)).map(|chunk| chunk.map(Result::unwrap));
    assert!(read().is_pending());
    for piece in ["abc", "def", "ghi"] {
        wire.link.inbound.extend_from_slice(piece.as_bytes());
        wire.server.poll_work(&mut Context::from_waker(&driving), &mut wire.link).unwrap();
        assert_eq!(reader.take(), 1, "{piece}: the reader waits for it");
        connection.take();
        assert_eq!(read(), Poll::Ready(Some(piece.into())));
        if piece != "ghi" {
            assert_eq!(connection.take(), 1, "{piece}: the peer may send more");
            assert!(read().is_pending());
        }
    }
    assert_eq!(read(), Poll::Ready(None));
}
