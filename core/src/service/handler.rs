//! Functions as handlers.

use core::future::{Future, Ready};

use super::{IntoResponse, Request, Response};

/// How a call began.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Started<F> {
    /// It is done already.
    Done(Response),
    /// It is to be polled.
    Running(F),
}

/// A function that answers requests: `Fn(Request)`, or `Fn(Request, S)` on a router with state, that returns something
/// that is [`IntoResponse`], or a future of it.
///
/// `M` is inferred; it only keeps the kinds of functions apart.
pub trait Handler<M, S> {
    /// The future that is polled for the answer.
    type Future: Future<Output: IntoResponse>;

    /// Begins a call.
    fn start(&self, request: Request, state: &S) -> Started<Self::Future>;
}

/// Marks functions that return a future.
#[derive(Debug)]
pub struct Async<F>(core::marker::PhantomData<F>);
/// Marks functions that return the answer itself.
#[derive(Debug)]
pub struct Plain<R>(core::marker::PhantomData<R>);
/// Marks functions of a request and the state that return a future.
#[derive(Debug)]
pub struct AsyncState<F>(core::marker::PhantomData<F>);
/// Marks functions of a request and the state that return the answer itself.
#[derive(Debug)]
pub struct PlainState<R>(core::marker::PhantomData<R>);

impl<H, S, F> Handler<Async<F>, S> for H
where
    H: Fn(Request) -> F,
    F: Future<Output: IntoResponse>,
{
    type Future = F;

    fn start(&self, request: Request, _: &S) -> Started<F> {
        Started::Running(self(request))
    }
}

impl<H, S, R> Handler<Plain<R>, S> for H
where
    H: Fn(Request) -> R,
    R: IntoResponse,
{
    type Future = Ready<Response>;

    fn start(&self, request: Request, _: &S) -> Started<Ready<Response>> {
        Started::Done(self(request).into_response())
    }
}

impl<H, S, F> Handler<AsyncState<F>, S> for H
where
    H: Fn(Request, S) -> F,
    S: Clone,
    F: Future<Output: IntoResponse>,
{
    type Future = F;

    fn start(&self, request: Request, state: &S) -> Started<F> {
        Started::Running(self(request, state.clone()))
    }
}

impl<H, S, R> Handler<PlainState<R>, S> for H
where
    H: Fn(Request, S) -> R,
    S: Clone,
    R: IntoResponse,
{
    type Future = Ready<Response>;

    fn start(&self, request: Request, state: &S) -> Started<Ready<Response>> {
        Started::Done(self(request, state.clone()).into_response())
    }
}
