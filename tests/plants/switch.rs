//! The switch of the planted bugs: standard input names the one that is on, if any.
//!
//! Nothing is allocated here, for there are tests that count allocations.

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::io::{Read, Write};
use std::sync::OnceLock;

static CHOSEN: OnceLock<([u8; 64], usize)> = OnceLock::new();
static REACHED: AtomicBool = AtomicBool::new(false);

/// Whether this plant is on. The first time, says on standard error that it was reached.
pub(crate) fn is(plant: &str) -> bool {
    let (name, length) = CHOSEN.get_or_init(|| {
        let mut name = [0; 64];
        let length = File::open("/dev/stdin").and_then(|mut input| input.read(&mut name)).unwrap_or(0);
        (name, length)
    });
    if name[..*length] != *plant.as_bytes() {
        return false;
    }
    if !REACHED.swap(true, Ordering::Relaxed) {
        let _ = std::io::stderr().write_all(b"the plant is reached\n");
    }
    true
}
