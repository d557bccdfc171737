//! One future on an event loop of this thread.

use core::future::Future;
use std::io;

use super::runtime::Workers;

/// Runs a single-threaded event loop on this thread until the future that `make` returns is done, and returns its
/// output. The future need not be `Send`.
///
/// # Errors
/// When the event loop can't start.
pub fn block_on<W: Workers, F: Future>(make: impl FnOnce(W) -> F) -> io::Result<F::Output> {
    let mut output = None;
    W::block_on_local(|runtime, _| async {
        output = Some(make(runtime).await);
    })?;
    output.ok_or_else(|| io::Error::other("the event loop ended before the future was done"))
}
