//! What is counted.

use std::hint::black_box;

use anyloop_core::encode;
use anyloop_core::head::{HeaderValue, Known, Method, ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::{RequestParser, ResponseParser};
use anyloop_core::route::{Resolution, Table, Tree};
use bytes::{Bytes, BytesMut};

#[path = "../inputs/connection.rs"]
mod connection;
#[path = "../inputs/github.rs"]
mod github;
#[path = "../inputs/heads.rs"]
mod heads;
#[path = "../inputs/routes.rs"]
mod routes;

use connection::Connection;
use github::{GITHUB, GITHUB_PATHS};

/// A piece of work that can be repeated.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How many rounds tell what one takes; three times as many are run too.
    pub(crate) rounds: u32,
    /// Prepares it, and returns what does one round.
    prepare: fn() -> Round,
}

type Round = Box<dyn FnMut()>;

impl Workload {
    pub(crate) fn run(&self, rounds: u32) {
        let mut round = (self.prepare)();
        (0..rounds).for_each(|_| round());
    }
}

macro_rules! workloads {
    ($($name:literal, $rounds:literal: $prepare:expr;)*) => {
        &[$(Workload { name: $name, rounds: $rounds, prepare: || $prepare },)*]
    };
}

pub(crate) const WORKLOADS: &[Workload] = workloads! {
    "parse/tiny", 1000: requests(&[heads::TINY]);
    "parse/browser", 1000: requests(&[heads::BROWSER]);
    "parse/varied", 200: requests(&heads::VARIED.map(|(_, head)| head));
    "parse/response", 1000: response();
    "serialize/head of 4 fields", 1000: serialize();
    "serialize/chunk of 28 bytes", 1000: chunk();
    "route/GitHub, 4 paths", 1000: paths(tree(&GITHUB), &GITHUB_PATHS);
    "route/GitHub, methods", 1000: methods();
    "route/escaped", 1000: paths(tree(&GITHUB), &["/repos/caf%C3%A9/a%20b/issues"]);
    "route/1 route", 1000: generated(1);
    "route/100 routes", 1000: generated(100);
    "route/10000 routes", 1000: generated(10_000);
    "core/tiny, 1 per read", 1000: core(heads::TINY, 1);
    "core/tiny, 16 per read", 200: core(heads::TINY, 16);
    "core/browser, 1 per read", 1000: core(heads::BROWSER, 1);
    "core/browser, 16 per read", 200: core(heads::BROWSER, 16);
    "scale/head of 1 field", 1000: requests(&[&fields(1)]);
    "scale/head of 10 fields", 1000: requests(&[&fields(10)]);
    "scale/head of 100 fields", 200: requests(&[&fields(100)]);
    "scale/head of 512 bytes, by bytes", 20: by_bytes(512);
    "scale/head of 1 KiB, by bytes", 20: by_bytes(1 << 10);
    "scale/head of 2 KiB, by bytes", 20: by_bytes(2 << 10);
};

/// Parses heads that are there as a whole.
fn requests(heads: &[&str]) -> Round {
    let heads: Vec<_> = heads.iter().map(|head| head.to_string()).collect();
    let (mut inbound, limits) = (BytesMut::with_capacity(16 << 10), Limits::default());
    Box::new(move || {
        for head in &heads {
            inbound.extend_from_slice(head.as_bytes());
            let head = RequestParser::new().parse(&mut inbound, &limits);
            black_box(&head.expect("a valid head").expect("a whole head"));
        }
    })
}

fn response() -> Round {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5120\r\n\
        Date: Sat, 14 Nov 2026 09:30:00 GMT\r\nServer: anyloop\r\nETag: \"3f9c2d-18c4\"\r\n\
        Cache-Control: public, max-age=3600\r\nVary: accept-encoding\r\nConnection: keep-alive\r\n\r\n";
    let (mut inbound, limits) = (BytesMut::with_capacity(16 << 10), Limits::default());
    Box::new(move || {
        inbound.extend_from_slice(head.as_bytes());
        let head = ResponseParser::new().parse(&mut inbound, &limits);
        black_box(&head.expect("a valid head").expect("a whole head"));
    })
}

/// Parses a head of so many bytes that arrive one by one.
fn by_bytes(len: usize) -> Round {
    let mut head = String::from("GET /articles HTTP/1.1\r\nHost: www.example.com\r\n");
    while head.len() + 72 < len {
        head.push_str("Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n");
    }
    let last = "X-Last: ";
    let value = "v".repeat(len - head.len() - last.len() - 4);
    head.push_str(&format!("{last}{value}\r\n\r\n"));
    assert_eq!(head.len(), len);
    let (mut inbound, limits) = (BytesMut::with_capacity(16 << 10), Limits::default());
    Box::new(move || {
        let mut parser = RequestParser::new();
        let mut heads = 0;
        for byte in head.as_bytes() {
            inbound.extend_from_slice(&[*byte]);
            heads += usize::from(parser.parse(&mut inbound, &limits).expect("a valid head").is_some());
        }
        assert_eq!(heads, 1);
    })
}

/// A head of so many fields that no parser knows.
fn fields(count: usize) -> String {
    let fields: String = (0..count).map(|n| format!("x-field-{n:03}: the value of the field\r\n")).collect();
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

fn serialize() -> Round {
    let mut head = ResponseHead::new(Status::OK);
    let fields =
        [("content-type", "text/plain"), ("server", "anyloop"), ("date", "Sat, 14 Nov 2026 09:30:00 GMT")];
    for (name, value) in fields {
        head.headers.append(name, HeaderValue::from_static(value)).expect("a valid field");
    }
    head.headers.append(Known::ContentLength, 13_u64).expect("a valid field");
    let mut out = Outbound::default();
    Box::new(move || {
        encode::response(&mut out, black_box(&head));
        out.advance(out.len());
    })
}

fn chunk() -> Round {
    let (mut out, data) = (Outbound::default(), Bytes::from_static(b"a line of a streamed answer\n"));
    Box::new(move || {
        encode::chunk(&mut out, black_box(data.clone()));
        out.advance(out.len());
    })
}

fn tree(patterns: &[impl AsRef<str>]) -> Tree<()> {
    let mut tree = Tree::new();
    for pattern in patterns {
        tree.insert(pattern.as_ref(), ()).expect("no conflict");
    }
    tree
}

/// Looks each path up.
fn paths(tree: Tree<()>, paths: &[&str]) -> Round {
    let paths: Vec<_> = paths.iter().map(|path| path.to_string()).collect();
    Box::new(move || {
        for path in &paths {
            black_box(&tree.find(black_box(path)).expect("a valid path").expect("a route"));
        }
    })
}

/// Looks one path up among so many.
fn generated(count: usize) -> Round {
    let patterns = routes::generated(count);
    paths(tree(&patterns), &[&routes::path_of(&patterns[count / 2])])
}

fn methods() -> Round {
    let mut table = Table::new();
    for pattern in GITHUB {
        table.add(&Method::GET, pattern, ()).expect("no conflict");
        table.add(&Method::POST, pattern, ()).expect("no conflict");
    }
    Box::new(move || {
        for path in GITHUB_PATHS {
            let resolution = table.find(&Method::POST, black_box(path));
            assert!(matches!(resolution, Resolution::Found(_)));
            black_box(&resolution);
        }
    })
}

/// Answers so many requests that arrive at once.
fn core(head: &'static str, requests: usize) -> Round {
    let input = head.repeat(requests).into_bytes();
    let mut connection = Connection::new();
    let expected = connection.turn(head.as_bytes()) * requests;
    Box::new(move || assert_eq!(connection.turn(black_box(&input)), expected, "each request is answered"))
}
