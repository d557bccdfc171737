//! Whole requests through the core, with neither a socket nor an event loop: bytes into a link, the HTTP server with a
//! router and a handler, bytes out of the link. Beside it hyper, over a stream in memory.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

#[path = "inputs/heads.rs"]
#[allow(dead_code, reason = "each benchmark takes the heads it needs")]
mod heads;

#[path = "inputs/connection.rs"]
mod connection;
use connection::Connection;

#[path = "inputs/hyper.rs"]
mod hyper_connection;
use hyper_connection::Hyper;

#[path = "inputs/ratio.rs"]
mod ratio;

const INPUTS: [(&str, &str, usize); 4] = [
    ("tiny", heads::TINY, 1),
    ("tiny", heads::TINY, 16),
    ("browser", heads::BROWSER, 1),
    ("browser", heads::BROWSER, 16),
];

/// Makes both connections and checks that they answer each request.
fn connections(head: &str, requests: usize) -> (Connection, Hyper, Vec<u8>) {
    let (mut ours, mut hyper) = (Connection::new(), Hyper::new());
    let input = head.repeat(requests).into_bytes();
    assert_eq!(ours.turn(&input), ours.turn(head.as_bytes()) * requests);
    assert_eq!(hyper.turn(&input), hyper.turn(head.as_bytes()) * requests);
    (ours, hyper, input)
}

fn core_in_memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_in_memory");
    for (name, head, requests) in INPUTS {
        let (mut ours, mut hyper, input) = connections(head, requests);
        group.throughput(Throughput::Elements(requests as u64));
        let id = |whose: &str| BenchmarkId::new(format!("{whose}/{name}"), format!("{requests} per read"));
        group.bench_function(id("anyloop"), |bencher| {
            bencher.iter(|| black_box(ours.turn(black_box(&input))));
        });
        group.bench_function(id("hyper"), |bencher| {
            bencher.iter(|| black_box(hyper.turn(black_box(&input))));
        });
    }
    group.finish();
}

/// Prints our time in terms of hyper's.
fn ratios(_: &mut Criterion) {
    for (name, head, requests) in INPUTS {
        let (mut ours, mut hyper, input) = connections(head, requests);
        ratio::print(
            &format!("{name}, {requests} per read"),
            requests,
            || _ = black_box(ours.turn(black_box(&input))),
            || _ = black_box(hyper.turn(black_box(&input))),
        );
    }
}

criterion_group!(benches, core_in_memory, ratios);
criterion_main!(benches);
