//! Whole requests through the core, with neither a socket nor an event loop: bytes into a link, the HTTP server with a
//! router and a handler, bytes out of the link.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Waker};

use anyloop_core::driver::Peer;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Protocol, Work};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::time::Now;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

#[path = "inputs/heads.rs"]
#[allow(dead_code, reason = "each benchmark takes the heads it needs")]
mod heads;

/// One connection; the same in every iteration, as with keep-alive.
struct Connection {
    server: Server<Router>,
    link: Link,
}

impl Connection {
    fn new() -> Self {
        let hello = |_: Request| Response::text("Hello, World!");
        let app = Router::new().get("/", hello).get("/articles/{year}/{month}/{title}", hello);
        let address = Peer::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8888)));
        // No bound on the requests of a connection: it lives as long as the measurement.
        let mut config = Config::default();
        Arc::make_mut(&mut config.limits).max_requests = u64::MAX;
        let mut server = Server::new(app, Arc::new(config), address.clone(), address);
        let mut link = Link::new(Now::default());
        server.connection_made(&mut link).expect("a connection");
        Self { server, link }
    }

    /// What a driver does in one poll for one read. Returns how many bytes are to leave, and takes them away.
    fn turn(&mut self, input: &[u8]) -> usize {
        self.link.inbound.extend_from_slice(input);
        self.server.data_received(&mut self.link).expect("valid requests");
        let mut cx = Context::from_waker(Waker::noop());
        while self.server.poll_work(&mut cx, &mut self.link).expect("answers") == Work::Again {}
        let written = self.link.outbound.len();
        self.link.outbound.advance(written);
        assert!(!self.link.is_closing());
        written
    }
}

fn core_in_memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_in_memory");
    for (name, head) in [("tiny", heads::TINY), ("browser", heads::BROWSER)] {
        for requests in [1, 16] {
            let input = head.repeat(requests).into_bytes();
            let mut connection = Connection::new();
            let expected = connection.turn(head.as_bytes()) * requests;
            assert_eq!(connection.turn(&input), expected, "each request is answered");
            group.throughput(Throughput::Elements(requests as u64));
            group.bench_function(BenchmarkId::new(name, format!("{requests} per read")), |bencher| {
                bencher.iter(|| black_box(connection.turn(black_box(&input))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, core_in_memory);
criterion_main!(benches);
