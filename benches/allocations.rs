//! Allocations of a request in memory, ours and those of hyper. Counting costs time, so that times are taken elsewhere.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "inputs/connection.rs"]
mod connection;
#[path = "inputs/heads.rs"]
#[allow(dead_code, reason = "each benchmark takes the heads it needs")]
mod heads;
#[path = "inputs/hyper.rs"]
mod hyper_connection;

use connection::Connection;
use hyper_connection::Hyper;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Returns the allocations of a request, from the second turn of a connection on.
fn count(requests: usize, mut turn: impl FnMut() -> usize) -> f64 {
    const TURNS: usize = 1_000;
    turn();
    let region = Region::new(GLOBAL);
    (0..TURNS).for_each(|_| assert!(turn() > 0));
    let change = region.change();
    (change.allocations + change.reallocations) as f64 / (TURNS * requests) as f64
}

fn main() {
    // What a thread keeps for its connections is made once.
    let mut first = Connection::new();
    (0..2).for_each(|_| assert!(first.turn(heads::BROWSER.as_bytes()) > 0));
    println!("| head | per read | anyloop | hyper |\n| --- | ---: | ---: | ---: |");
    for (name, head) in [("tiny", heads::TINY), ("browser", heads::BROWSER)] {
        for requests in [1, 16] {
            let input = head.repeat(requests).into_bytes();
            let (mut ours, mut hyper) = (Connection::new(), Hyper::new());
            let ours = count(requests, || ours.turn(&input));
            let hyper = count(requests, || hyper.turn(&input));
            println!("| {name} | {requests} | {ours:.2} | {hyper:.2} |");
            assert!(ours < f64::MIN_POSITIVE, "no allocation from the second request of a connection on");
        }
    }
}
