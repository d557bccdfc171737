//! Keep-alive GETs over a real socket of this machine, on each backend: what a client waits for who has one request on its
//! way at a time, or 16. Throughput under load is a matter for load generators.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::io::{Read, Write};
use std::net::TcpStream;

use anyloop_async_std::AsyncStd;
use anyloop_core::driver::Serving;
use anyloop_core::server::Server;
use anyloop_core::service::{Request, Response, Router};
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// How many requests are on their way at a time.
const PIPELINED: [usize; 2] = [1, 16];
const BODY: &str = "Hello, World!";

/// A way to start a server.
type Serve = fn(Server, Router) -> std::io::Result<Serving>;

/// Asks and reads the answers, whose length is always the same.
fn ask(stream: &mut TcpStream, requests: &[u8], answers: &mut [u8]) {
    stream.write_all(requests).expect("the requests leave");
    stream.read_exact(answers).expect("the answers come");
}

/// The first answer tells how long they are.
fn first_answer(stream: &mut TcpStream) -> Vec<u8> {
    stream.write_all(REQUEST).expect("the request leaves");
    let (mut answer, mut part) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(BODY.as_bytes()) {
        let read = stream.read(&mut part).expect("the answer comes");
        assert_ne!(read, 0, "the server closed");
        answer.extend_from_slice(&part[..read]);
    }
    answer
}

fn loopback(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loopback");
    let backends: [(&str, Serve); 3] = [
        ("tokio", Server::serve::<Tokio, _, _>),
        ("smol", Server::serve::<Smol, _, _>),
        ("async-std", Server::serve::<AsyncStd, _, _>),
    ];
    for (name, serve) in backends {
        let app = Router::new().get("/", |_: Request| Response::text(BODY));
        let server = Server::builder().workers(1).bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().to_string();
        let serving = serve(server, app).expect("a running server");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let answer = first_answer(&mut stream);
        for count in PIPELINED {
            let (requests, mut answers) = (REQUEST.repeat(count), answer.repeat(count));
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(name, format!("{count} at a time")), |bencher| {
                bencher.iter(|| ask(&mut stream, &requests, &mut answers));
            });
            for answer in answers.chunks(answer.len()) {
                assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(BODY.as_bytes()));
            }
        }
        drop(stream);
        serving.shutdown().announce();
        serving.wait_closed().expect("an orderly end");
    }
    group.finish();
}

criterion_group!(benches, loopback);
criterion_main!(benches);
