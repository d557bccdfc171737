//! Bodies of every kind, both ways.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use anyloop_core::body::{Body, BodyError, BodySource};
use anyloop_core::head::{Headers, Status};
use anyloop_core::limits::Limits;
use anyloop_core::pump::Config;
use anyloop_core::service::{Request, Response, Router};
use bytes::Bytes;

use crate::{GET, Wire};

/// Says `declared` and makes `chunks`.
struct Source {
    declared: Option<u64>,
    chunks: Vec<&'static str>,
}

impl BodySource for Source {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        Poll::Ready(
            (!self.chunks.is_empty()).then(|| Ok(Bytes::from_static(self.chunks.remove(0).as_bytes()))),
        )
    }

    fn length(&self) -> Option<u64> {
        self.declared
    }

    fn trailers(&mut self) -> Option<Headers> {
        let mut trailers = Headers::new();
        trailers.append("x-sum", "1").unwrap();
        Some(trailers)
    }
}

fn answer_with(declared: Option<u64>, chunks: &'static [&'static str], request: &str) -> (String, bool) {
    let make =
        move |_: Request| Response::new(Body::from_source(Source { declared, chunks: chunks.to_vec() }));
    let mut wire = Wire::new(Router::new().get("/", make));
    // A source that makes an empty chunk is asked again in the next turn only.
    let answer = wire.send(request) + &wire.turn();
    (answer, wire.link.is_closing())
}

#[test]
fn a_source_is_sent_by_its_length_or_in_chunks() {
    let (answer, closes) = answer_with(Some(5), &["hel", "", "lo"], GET);
    assert_eq!((&*answer, closes), ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false));
    let (answer, closes) = answer_with(None, &["hel", "", "lo"], GET);
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n";
    assert_eq!((&*answer, closes), (chunked, false), "an empty chunk would end the body");
    let (answer, closes) = answer_with(None, &["hel", "lo"], GET);
    assert_eq!((&*answer, closes), (chunked, false));
}

#[test]
fn a_source_that_misstates_its_length_never_desyncs() {
    let two = GET.repeat(2);
    let (answer, closes) = answer_with(Some(4), &["hel", "lo"], &two);
    assert_eq!((&*answer, closes), ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhel", true), "too long");
    let (answer, closes) = answer_with(Some(6), &["hel", "lo"], &two);
    assert_eq!((&*answer, closes), ("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello", true), "too short");
    let (answer, closes) = answer_with(Some(0), &["hello"], &two);
    assert_eq!(
        (&*answer, closes),
        (&*"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".repeat(2), false),
        "none"
    );
}

#[test]
fn head_and_statuses_without_a_body_send_none() {
    let head = GET.replace("GET", "HEAD");
    let (answer, closes) = answer_with(Some(5), &["hello"], &head);
    assert_eq!((&*answer, closes), ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false));
    let (answer, closes) = answer_with(None, &["hello"], &head);
    assert_eq!((&*answer, closes), ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false));
    for status in [Status::NO_CONTENT, Status::NOT_MODIFIED] {
        for streamed in [true, false] {
            let make = move |_: Request| {
                let source = Source { declared: None, chunks: vec!["hello"] };
                let body = if streamed { Body::from_source(source) } else { Body::from("hello") };
                Response::new(body).with_status(status)
            };
            let mut wire = Wire::new(Router::new().get("/", make));
            let answer = wire.send(&GET.repeat(2));
            let line = format!("HTTP/1.1 {} {}\r\n\r\n", status.code(), status.reason());
            assert_eq!(answer, line.repeat(2));
            assert!(!wire.link.is_closing());
        }
    }
}

#[test]
fn an_interim_status_is_no_answer() {
    for code in [100, 101, 103, 199] {
        let status = Status::try_from(code).unwrap();
        let app = Router::new().get("/", move |_: Request| Response::new("body").with_status(status));
        let mut wire = Wire::new(app);
        assert!(wire.send(GET).starts_with("HTTP/1.1 500 "), "{code}");
        assert!(wire.send(GET).starts_with("HTTP/1.1 500 "), "{code}");
    }
}

#[test]
fn framing_and_connection_are_the_servers_business() {
    let app = Router::new()
        .get("/", |_: Request| {
            let response = Response::new("four").with_header("Content-Length", "400").unwrap();
            response
                .with_header("Transfer-Encoding", "chunked")
                .unwrap()
                .with_header("Keep-Alive", "1")
                .unwrap()
        })
        .get("/close", |_: Request| Response::new("bye").with_header("Connection", "close").unwrap());
    let mut wire = Wire::new(app);
    assert_eq!(wire.send(GET), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour");
    let close = GET.replace("GET /", "GET /close");
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbye";
    assert_eq!(wire.send(&(close + GET)), closing, "honoured");
    assert!(wire.link.is_closing());
}

#[test]
fn gathering_stops_at_the_limit() {
    const LIMIT: usize = 50;
    let app = || {
        Router::new()
            .post("/", |request: Request| async move { request.into_body().collect().await })
            .post("/own", |request: Request| async move { request.into_body().collect_up_to(LIMIT).await })
    };
    let mut config = Config::default();
    let mut limits = Limits::default();
    limits.max_collect = LIMIT;
    config.limits = Arc::new(limits);
    for (length, status) in [(LIMIT - 1, "200"), (LIMIT, "200"), (LIMIT + 1, "413")] {
        let body = "x".repeat(length);
        for path in ["/", "/own"] {
            let sized = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
            let chunks = format!("{:x}\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", length - 1, &body[1..]);
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            for request in [sized, head + &chunks] {
                let mut whole = Wire::with(app(), config.clone());
                assert_eq!(whole.send(&request).get(9..12), Some(status), "{length}");
                let mut bytewise = Wire::with(app(), config.clone());
                let answer: String = request.split("").map(|byte| bytewise.send(byte)).collect();
                assert_eq!(answer.get(9..12), Some(status), "{length}, byte by byte");
            }
        }
    }
}

#[test]
fn a_dropped_sink_cuts_and_a_finished_one_ends() {
    for finish in [true, false] {
        let app = Router::new().get("/", move |_: Request| {
            let (mut sink, body) = Body::channel();
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(pin!(sink.send("some")).poll(cx), Poll::Ready(Ok(()))));
            if finish {
                let mut trailers = Headers::new();
                trailers.append("x-sum", "2").unwrap();
                sink.finish(Some(trailers));
            }
            Response::new(body)
        });
        let mut wire = Wire::new(app);
        let answer = wire.send(GET);
        assert!(answer.contains("\r\n\r\n4\r\nsome\r\n"), "{answer}");
        assert_eq!(answer.ends_with("0\r\nx-sum: 2\r\n\r\n"), finish, "{answer}");
        assert_eq!(wire.link.is_closing(), !finish, "a body that is cut must look so");
    }
}

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// Polls only when it was woken.
fn block_on<F: Future>(future: F) -> F::Output {
    let (bell, rung) = channel();
    let waker = Waker::from(Arc::new(Bell(bell)));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => rung.recv_timeout(Duration::from_secs(60)).expect("a wake-up was lost"),
        }
    }
}

#[test]
fn a_body_crosses_threads_without_losing_a_wake_up() {
    for round in 0..200_usize {
        let (mut sink, mut body) = Body::channel();
        let feeder = std::thread::spawn(move || {
            block_on(async {
                for n in 0..50 {
                    sink.send(vec![n; 1 + round * 37 % 9_000]).await?;
                }
                sink.finish(None);
                Ok::<_, BodyError>(())
            })
        });
        let read = block_on(async {
            let mut read = 0;
            while let Some(chunk) = body.chunk().await {
                read += chunk.unwrap().len();
                if round % 10 == 9 && read > 100_000 {
                    break;
                }
            }
            drop(body);
            read
        });
        let fed = feeder.join().unwrap();
        assert!(fed.is_ok() && read == 50 * (1 + round * 37 % 9_000) || round % 10 == 9, "{round}: {fed:?}");
    }
}
