//! Look-ups in the routes of a large REST service: one path of each route, beside matchit, which knows no methods.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::collections::BTreeSet;
use std::hint::black_box;

use anyloop_core::head::Method;
use anyloop_core::route::{Resolution, Table, Tree};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "../core/tests/fixtures/rest_routes.rs"]
mod rest_routes;
use rest_routes::REST_ROUTES;

/// A path that the pattern matches.
fn path_of(pattern: &str) -> String {
    let segments = pattern.split('/').map(|segment| match segment.strip_prefix('{') {
        None => segment,
        Some(name) if name.starts_with('*') => "guide/getting-started.html",
        Some(_) => "value-42",
    });
    segments.collect::<Vec<_>>().join("/")
}

fn route(criterion: &mut Criterion) {
    let patterns: BTreeSet<&str> = REST_ROUTES.iter().map(|(_, pattern)| *pattern).collect();
    let paths: Vec<Bytes> = patterns.iter().map(|pattern| path_of(pattern).into()).collect();

    let mut group = criterion.benchmark_group("route/path");
    group.throughput(Throughput::Elements(paths.len() as u64));
    let mut tree = Tree::new();
    let mut matchit = matchit::Router::new();
    for pattern in &patterns {
        tree.insert(pattern, *pattern).expect("no conflict");
        matchit.insert(*pattern, *pattern).expect("no conflict");
    }
    group.bench_function("anyloop", |bencher| {
        bencher.iter(|| {
            for path in &paths {
                black_box(tree.find(black_box(path)).expect("a valid path").expect("a route"));
            }
        });
    });
    group.bench_function("matchit", |bencher| {
        bencher.iter(|| {
            for path in &paths {
                let path = str::from_utf8(black_box(path)).expect("text");
                black_box(matchit.at(path).expect("a route"));
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("route/method and path");
    let requests: Vec<(Method, Bytes)> = REST_ROUTES
        .iter()
        .map(|(method, pattern)| (Method::try_from(*method).expect("a method"), path_of(pattern).into()))
        .collect();
    group.throughput(Throughput::Elements(requests.len() as u64));
    let mut table = Table::new();
    for (method, pattern) in REST_ROUTES {
        table.add(&Method::try_from(*method).expect("a method"), pattern, *pattern).expect("no conflict");
    }
    group.bench_function("anyloop", |bencher| {
        bencher.iter(|| {
            for (method, path) in &requests {
                let resolution = table.find(method, black_box(path));
                assert!(matches!(resolution, Resolution::Found { .. }));
                black_box(resolution);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, route);
criterion_main!(benches);
