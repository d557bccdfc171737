//! A named future for [`Runtime::connect`](super::Runtime::connect).

use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

/// A connection being made, for runtimes whose own futures for it have no name.
pub struct Connecting<S>(Pin<Box<dyn Future<Output = io::Result<S>> + Send>>);

impl<S> Connecting<S> {
    /// Moves the future to the heap.
    pub fn new(future: impl Future<Output = io::Result<S>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<S> Future for Connecting<S> {
    type Output = io::Result<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<S> fmt::Debug for Connecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
