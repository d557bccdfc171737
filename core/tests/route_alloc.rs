//! A look-up in a large table allocates nothing.
//!
//! No test harness, for its threads would count too.

use anyloop_core::head::Method;
use anyloop_core::route::{Resolution, Table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[path = "fixtures/rest_routes.rs"]
mod rest_routes;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a request is expected to resolve to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Found { params: usize },
    Options,
    NotAllowed,
    NotFound,
    NotImplemented,
    Bad,
}

fn main() {
    let mut table = Table::new();
    for (method, pattern) in rest_routes::REST_ROUTES {
        table.add(&Method::try_from(*method).expect("a method"), pattern, *pattern).expect("no conflict");
    }
    table.any("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", "eight parameters").expect("no conflict");
    table.fallback("/", "nothing").expect("no conflict");
    table.fallback("/repos", "no such repository").expect("no conflict");

    let cases = [
        (Method::GET, "/", Kind::Found { params: 0 }),
        (Method::GET, "/gists/public", Kind::Found { params: 0 }),
        (Method::HEAD, "/repos/o/r/issues/1/comments", Kind::Found { params: 3 }),
        (Method::GET, "/repos/o/r/contents/src/route/tree.rs", Kind::Found { params: 3 }),
        (Method::PUT, "/1/2/3/4/5/6/7/8", Kind::Found { params: 8 }),
        (Method::OPTIONS, "/repos/o/r", Kind::Options),
        (Method::OPTIONS, "*", Kind::Options),
        (Method::PUT, "/zen", Kind::NotAllowed),
        (Method::GET, "/repos/o/r/issues/1/comments/nope", Kind::NotFound),
        (Method::GET, "/nope", Kind::NotFound),
        // Without values to decode, a rewritten path of up to 128 bytes is free as well.
        (Method::GET, "/gists/%70ublic", Kind::Found { params: 0 }),
        (Method::GET, "/gists/%zz", Kind::Bad),
    ];
    for (method, path, kind) in cases {
        expect(&table, method, path, kind, 0);
    }

    // Decoded values live in one text.
    let path = "/repos/%6f/r%20/issues/1/comments";
    expect(&table, Method::GET, path, Kind::Found { params: 3 }, 1);

    let copy = Method::try_from("COPY").expect("a token");
    let mut named = Table::new();
    named.add(&Method::GET, "/", ()).expect("no conflict");
    expect(&named, copy, "/", Kind::NotImplemented, 0);
    println!("ok");
}

fn expect<T>(table: &Table<T>, method: Method, path: &str, kind: Kind, allocations: usize) {
    let region = Region::new(GLOBAL);
    let resolution = table.find(&method, path);
    let change = region.change();
    let found = match &resolution {
        Resolution::Found(found) => {
            assert_eq!(found.params().iter().count(), found.params().len());
            Kind::Found { params: found.params().len() }
        }
        Resolution::Options { .. } => Kind::Options,
        Resolution::MethodNotAllowed { .. } => Kind::NotAllowed,
        Resolution::NotFound { fallback } => {
            assert!(fallback.is_some());
            Kind::NotFound
        }
        Resolution::NotImplemented => Kind::NotImplemented,
        Resolution::BadPath(_) => Kind::Bad,
    };
    assert_eq!(found, kind, "{method} {path:?}");
    let made = change.allocations + change.reallocations;
    assert_eq!(made, allocations, "allocations of {method} {path:?}");
}
