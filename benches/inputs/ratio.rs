//! How long one thing takes beside another, as far as a busy machine can tell.

use std::time::{Duration, Instant};

/// How many windows each of both gets.
const WINDOWS: usize = 201;

/// How long a window lasts, roughly.
const WINDOW: Duration = Duration::from_micros(200);

/// Prints the medians of both per `items` and their ratio. Both take turns in short windows, so that what else the
/// machine does comes upon both. When benchmarks are only tested, each runs once.
pub(crate) fn print(name: &str, items: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    if std::env::args().any(|argument| argument == "--test") {
        ours();
        return theirs();
    }
    let rounds = [rounds(&mut ours), rounds(&mut theirs)];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..WINDOWS {
        first.push(window(rounds[0], &mut ours));
        second.push(window(rounds[1], &mut theirs));
    }
    let [ours, theirs] = [first, second].map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[WINDOWS / 2] * 1e9 / items as f64
    });
    println!("{name:32} {ours:8.1} ns beside {theirs:8.1} ns: {:5.2}", ours / theirs);
}

/// Returns how many calls fill a window.
fn rounds(work: &mut impl FnMut()) -> u32 {
    let mut rounds = 1;
    while window(rounds, work) * f64::from(rounds) < WINDOW.as_secs_f64() {
        rounds *= 2;
    }
    rounds
}

/// Returns the seconds of one call, on average.
#[allow(clippy::disallowed_methods, reason = "what is measured here is time")]
fn window(rounds: u32, work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..rounds).for_each(|_| work());
    start.elapsed().as_secs_f64() / f64::from(rounds)
}
