//! Whole requests through the core, with neither a socket nor an event loop: bytes into a link, the HTTP server with a
//! router and a handler, bytes out of the link.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

#[path = "inputs/heads.rs"]
#[allow(dead_code, reason = "each benchmark takes the heads it needs")]
mod heads;

#[path = "inputs/connection.rs"]
mod connection;
use connection::Connection;

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
