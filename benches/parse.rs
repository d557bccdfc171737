//! Heads and chunked bodies: our parsers, which own what they found, beside httparse, which borrows from the input.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;
use std::mem::MaybeUninit;

use anyloop_core::limits::Limits;
use anyloop_core::parse::{Chunk, ChunkDecoder, RequestParser, ResponseParser};
use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

#[path = "inputs/heads.rs"]
mod heads;
#[path = "inputs/responses.rs"]
mod responses;

/// As many fields as the longest of the inputs has, and more.
const FIELDS: usize = 64;

/// Runs ours on buffers of its own, and httparse on the same text.
fn compare(
    criterion: &mut Criterion,
    name: &str,
    text: &[u8],
    mut ours: impl FnMut(&mut BytesMut),
    mut httparse: impl FnMut(&[u8]),
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("anyloop", |bencher| {
        bencher.iter_batched_ref(|| BytesMut::from(text), &mut ours, BatchSize::SmallInput);
    });
    group.bench_function("httparse", |bencher| bencher.iter(|| httparse(black_box(text))));
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let limits = Limits::default();
    for (name, head) in [("tiny", heads::TINY), ("browser", heads::BROWSER)].into_iter().chain(heads::VARIED)
    {
        let ours = |buffer: &mut BytesMut| {
            let head = RequestParser::new().parse(buffer, &limits);
            black_box(head.expect("a valid head").expect("a whole head"));
        };
        let httparse = |text: &[u8]| {
            let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
            let mut request = httparse::Request::new(&mut []);
            let status = request.parse_with_uninit_headers(text, &mut fields);
            assert!(status.expect("a valid head").is_complete());
            black_box(&request);
        };
        compare(criterion, &format!("parse/{name}"), head.as_bytes(), ours, httparse);
    }
}

fn responses(criterion: &mut Criterion) {
    let (limits, config) = (Limits::default(), httparse::ParserConfig::default());
    for (name, head) in responses::RESPONSES {
        let ours = |buffer: &mut BytesMut| {
            let head = ResponseParser::new().parse(buffer, &limits);
            black_box(head.expect("a valid head").expect("a whole head"));
        };
        let httparse = |text: &[u8]| {
            let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
            let mut response = httparse::Response::new(&mut []);
            let status = config.parse_response_with_uninit_headers(&mut response, text, &mut fields);
            assert!(status.expect("a valid head").is_complete());
            black_box(&response);
        };
        compare(criterion, &format!("parse response/{name}"), head.as_bytes(), ours, httparse);
    }
}

fn chunks(criterion: &mut Criterion) {
    let limits = Limits::default();
    for size in [16_usize, 100, 4096] {
        let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        let body = format!("{}0\r\n\r\n", chunk.repeat(8));
        let ours = |buffer: &mut BytesMut| {
            let mut decoder = ChunkDecoder::new();
            while let Some(Chunk::Data(data)) =
                decoder.decode(buffer, usize::MAX, &limits).expect("a valid body")
            {
                black_box(data);
            }
            assert!(decoder.is_done());
        };
        // httparse reads the sizes; what stands between them is passed over.
        let httparse = |mut text: &[u8]| {
            while let httparse::Status::Complete((start, size)) =
                httparse::parse_chunk_size(text).expect("a valid size")
                && size > 0
            {
                let end = start + size as usize;
                black_box(&text[start..end]);
                text = &text[end + 2..];
            }
        };
        compare(criterion, &format!("parse chunks/{size} bytes"), body.as_bytes(), ours, httparse);
    }
}

criterion_group!(benches, requests, responses, chunks);
criterion_main!(benches);
