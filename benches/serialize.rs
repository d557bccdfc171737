//! Heads, chunks and dates into the output of a connection.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;

use anyloop_core::encode;
use anyloop_core::encode::date::ImfFixdate;
use anyloop_core::head::{HeaderValue, Known, ResponseHead, Status};
use anyloop_core::link::Outbound;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A head with these fields after the usual ones.
fn head(fields: &[(&'static str, &'static str)]) -> ResponseHead {
    let mut head = ResponseHead::new(Status::OK);
    let usual =
        [("content-type", "text/plain"), ("server", "anyloop"), ("date", "Sat, 14 Nov 2026 09:30:00 GMT")];
    for (name, value) in usual.iter().chain(fields) {
        head.headers.append(*name, HeaderValue::from_static(value)).expect("a valid field");
    }
    head.headers.append(Known::ContentLength, 13_u64).expect("a valid field");
    head
}

/// Writes once to learn the length, then again and again into the same output.
fn measure(criterion: &mut Criterion, name: &str, write: impl Fn(&mut Outbound)) {
    let mut out = Outbound::default();
    write(&mut out);
    let mut group = criterion.benchmark_group("serialize");
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            write(&mut out);
            let length = out.len();
            out.advance(length);
            black_box(length)
        });
    });
    group.finish();
}

fn serialize(criterion: &mut Criterion) {
    let small = head(&[]);
    measure(criterion, "head of 4 fields", |out| encode::response(out, black_box(&small)));
    let large = head(&[
        ("cache-control", "public, max-age=31536000, immutable"),
        ("etag", "\"3f9c2d-18c4\""),
        ("last-modified", "Sat, 14 Nov 2026 09:30:00 GMT"),
        ("vary", "accept-encoding"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"),
        ("set-cookie", "session=9f8b2c1e7d; Path=/; HttpOnly; SameSite=Lax"),
    ]);
    measure(criterion, "head of 12 fields", |out| encode::response(out, black_box(&large)));
    let data = Bytes::from_static(b"a line of a streamed answer\n");
    measure(criterion, "chunk of 28 bytes", |out| encode::chunk(out, black_box(data.clone())));
    let data = Bytes::from(vec![b'x'; 64 << 10]);
    measure(criterion, "chunk of 64 KiB", |out| encode::chunk(out, black_box(data.clone())));
    criterion.bench_function("serialize/date", |bencher| {
        bencher.iter(|| ImfFixdate::new(black_box(1_795_253_400)));
    });
}

criterion_group!(benches, serialize);
criterion_main!(benches);
