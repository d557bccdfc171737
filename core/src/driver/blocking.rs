//! Blocking work whose panics stay with it.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use super::runtime::Panicked;

/// Turns a panic of `work` into a value, for pools that would pass it on.
///
/// Unwind safety is asserted: what `work` captured is dropped by the unwinding, and nobody sees it again.
pub fn caught<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> Result<T, Panicked> {
    || catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_value() {
        assert_eq!(caught(|| 7)(), Ok(7));
        assert_eq!(caught(|| -> u8 { panic!("as planned") })(), Err(Panicked));
    }
}
