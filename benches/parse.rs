//! Request heads: our parser, which owns what it found, beside httparse, which borrows from the input.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;

use anyloop_core::limits::Limits;
use anyloop_core::parse::RequestParser;
use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

#[path = "inputs/heads.rs"]
mod heads;

fn parse(criterion: &mut Criterion) {
    for (name, inputs) in
        [("tiny", &[heads::TINY][..]), ("browser", &[heads::BROWSER][..]), ("varied", &heads::VARIED[..])]
    {
        let mut group = criterion.benchmark_group(format!("parse/{name}"));
        group.throughput(Throughput::Bytes(inputs.iter().map(|head| head.len() as u64).sum()));
        group.bench_function("anyloop", |bencher| {
            let limits = Limits::default();
            bencher.iter_batched_ref(
                || inputs.iter().map(|head| BytesMut::from(*head)).collect::<Vec<_>>(),
                |buffers| {
                    for buffer in buffers {
                        let head = RequestParser::new().parse(buffer, &limits);
                        black_box(head.expect("a valid head").expect("a whole head"));
                    }
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function("httparse", |bencher| {
            bencher.iter(|| {
                for head in inputs {
                    let mut fields = [const { core::mem::MaybeUninit::uninit() }; 128];
                    let mut request = httparse::Request::new(&mut []);
                    let status = request.parse_with_uninit_headers(black_box(head.as_bytes()), &mut fields);
                    assert!(status.expect("a valid head").is_complete());
                    black_box(&request);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
