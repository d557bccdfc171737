//! Look-ups of paths beside matchit, which knows no methods and decodes nothing: the set of its own benchmark, and tables
//! of 1 to 10,000 routes. The ratios come first, from short windows of both that take turns.

#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use std::hint::black_box;

use anyloop_core::head::Method;
use anyloop_core::route::{Resolution, Table, Tree};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};

#[path = "../core/tests/fixtures/rest_routes.rs"]
mod rest_routes;
use rest_routes::REST_ROUTES;

#[path = "inputs/github.rs"]
mod github;
use github::{GITHUB, GITHUB_PATHS};

#[path = "inputs/ratio.rs"]
mod ratio;

#[path = "inputs/routes.rs"]
mod routes;
use routes::{generated, path_of};

/// A table of paths in both routers, and paths that it has.
struct Case {
    name: String,
    tree: Tree<()>,
    matchit: matchit::Router<()>,
    paths: Vec<String>,
}

impl Case {
    fn new(name: impl Into<String>, patterns: &[impl AsRef<str>], paths: &[impl ToString]) -> Self {
        let (mut tree, mut matchit) = (Tree::new(), matchit::Router::new());
        for pattern in patterns {
            tree.insert(pattern.as_ref(), ()).expect("no conflict");
            matchit.insert(pattern.as_ref(), ()).expect("no conflict");
        }
        Self { name: name.into(), tree, matchit, paths: paths.iter().map(ToString::to_string).collect() }
    }

    fn ours(&self) {
        for path in &self.paths {
            black_box(&self.tree.find(black_box(&**path)).expect("a valid path").expect("a route"));
        }
    }

    fn theirs(&self) {
        for path in &self.paths {
            black_box(&self.matchit.at(black_box(path)).expect("a route"));
        }
    }
}

fn cases() -> Vec<Case> {
    let all: Vec<_> = GITHUB.iter().map(|pattern| path_of(pattern)).collect();
    let mut cases = vec![
        Case::new("GitHub, 4 paths", &GITHUB, &GITHUB_PATHS),
        Case::new("GitHub, all paths", &GITHUB, &all),
        Case::new("GitHub, static", &GITHUB, &["/user/repos"]),
        Case::new("GitHub, one parameter", &GITHUB, &["/users/rust-lang"]),
    ];
    for count in [1, 10, 100, 1_000, 10_000] {
        let patterns = generated(count);
        let one = [path_of(&patterns[count / 2])];
        cases.push(Case::new(format!("{count} routes, one path"), &patterns, &one));
        let all: Vec<_> = patterns.iter().map(|pattern| path_of(pattern)).collect();
        cases.push(Case::new(format!("{count} routes, all paths"), &patterns, &all));
    }
    cases
}

fn path(criterion: &mut Criterion) {
    for case in cases() {
        let mut group = criterion.benchmark_group("route/path");
        group.throughput(Throughput::Elements(case.paths.len() as u64));
        group.bench_function(BenchmarkId::new("anyloop", &case.name), |bencher| bencher.iter(|| case.ours()));
        group.bench_function(BenchmarkId::new("matchit", &case.name), |bencher| {
            bencher.iter(|| case.theirs())
        });
        group.finish();
    }
}

fn method_and_path(criterion: &mut Criterion) {
    let mut table = Table::new();
    let mut requests = Vec::new();
    for (name, pattern) in REST_ROUTES {
        let method = Method::try_from(*name).expect("a method");
        table.add(&method, pattern, *pattern).expect("no conflict");
        requests.push((method, path_of(pattern)));
    }
    let mut group = criterion.benchmark_group("route/method and path");
    group.throughput(Throughput::Elements(requests.len() as u64));
    group.bench_function("anyloop", |bencher| {
        bencher.iter(|| {
            for (method, path) in &requests {
                let resolution = table.find(method, black_box(path));
                assert!(matches!(resolution, Resolution::Found(_)));
                black_box(&resolution);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, path, method_and_path);

fn main() {
    for case in cases() {
        ratio::print(&case.name, case.paths.len(), || case.ours(), || case.theirs());
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
