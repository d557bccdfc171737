//! Handlers of any type behind one, and the room that their futures run in.
//!
//! A connection keeps one room. A handler that finds its own future's type there puts the next future into the same
//! memory, so that repeated requests to one route allocate nothing.

use core::any::Any;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;

use super::{Handler, IntoResponse, Request, Response, Running, Started};

/// Which handlers a router takes: [`Shared`] or [`Local`].
pub trait Sharing: 'static {
    /// An erased handler.
    type Handler: Clone + 'static;
    /// The room for its futures.
    type Running: Running;

    /// Begins a call.
    fn start(handler: &Self::Handler, request: Request, running: &mut Self::Running) -> Option<Response>;
}

/// A kind of router that can take handler `H`.
pub trait Erase<H, M, S>: Sharing {
    /// Hides the handler's type.
    fn erase(handler: H, state: S) -> Self::Handler;
}

/// Handlers are `Send + Sync`, their futures `Send`: they run in either worker model.
#[derive(Clone, Copy, Debug)]
pub enum Shared {}

/// Handlers and futures may be `!Send`: they run in the per-core model.
#[derive(Clone, Copy, Debug)]
pub enum Local {}

impl Sharing for Shared {
    type Handler = Arc<dyn Start<SharedRoom> + Send + Sync>;
    type Running = SharedRoom;

    fn start(handler: &Self::Handler, request: Request, running: &mut SharedRoom) -> Option<Response> {
        handler.start(request, running)
    }
}

impl Sharing for Local {
    type Handler = Rc<dyn Start<LocalRoom>>;
    type Running = LocalRoom;

    fn start(handler: &Self::Handler, request: Request, running: &mut LocalRoom) -> Option<Response> {
        handler.start(request, running)
    }
}

impl<H, M, S> Erase<H, M, S> for Shared
where
    H: Handler<M, S, Future: Send> + Send + Sync + 'static,
    M: 'static,
    S: Send + Sync + 'static,
{
    fn erase(handler: H, state: S) -> Self::Handler {
        Arc::new(Typed { handler, state, marker: PhantomData })
    }
}

impl<H, M, S> Erase<H, M, S> for Local
where
    H: Handler<M, S> + 'static,
    M: 'static,
    S: 'static,
{
    fn erase(handler: H, state: S) -> Self::Handler {
        Rc::new(Typed { handler, state, marker: PhantomData })
    }
}

struct Typed<H, M, S> {
    handler: H,
    state: S,
    marker: PhantomData<fn() -> M>,
}

/// Begins a call in a room.
pub trait Start<R> {
    /// `Some` when it is done at once.
    fn start(&self, request: Request, room: &mut R) -> Option<Response>;
}

impl<H, M, S, R> Start<R> for Typed<H, M, S>
where
    H: Handler<M, S>,
    R: Room<H::Future>,
{
    fn start(&self, request: Request, room: &mut R) -> Option<Response> {
        match self.handler.start(request, &self.state) {
            Started::Done(response) => Some(response),
            Started::Running(future) => {
                room.put(future);
                None
            }
        }
    }
}

/// A room that can hold a future of type `F`.
pub trait Room<F> {
    /// Puts the future in, into the memory of the last one when it was of the same type.
    fn put(&mut self, future: F);
}

trait Guest: Any {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response>;
    fn leave(&mut self);
    fn as_any(&mut self) -> &mut dyn Any;
}

struct Place<F>(Pin<Box<Option<F>>>);

impl<F: Future<Output: IntoResponse> + 'static> Guest for Place<F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let Some(future) = self.0.as_mut().as_pin_mut() else { return Poll::Pending };
        let response = core::task::ready!(future.poll(cx)).into_response();
        self.0.set(None);
        Poll::Ready(response)
    }

    fn leave(&mut self) {
        self.0.set(None);
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

macro_rules! room {
    ($(#[$doc:meta])* $name:ident holds $guest:ty, of $($bound:tt)*) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name(Option<Box<$guest>>);

        impl<F: Future<Output: IntoResponse> + $($bound)*> Room<F> for $name {
            fn put(&mut self, future: F) {
                match self.0.as_mut().and_then(|guest| guest.as_any().downcast_mut::<Place<F>>()) {
                    Some(place) => place.0.set(Some(future)),
                    None => self.0 = Some(Box::new(Place(Box::pin(Some(future))))),
                }
            }
        }

        impl Running for $name {
            fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
                match &mut self.0 {
                    Some(guest) => guest.poll(cx),
                    None => Poll::Pending,
                }
            }

            fn cancel(&mut self) {
                if let Some(guest) = &mut self.0 {
                    guest.leave();
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("used", &self.0.is_some()).finish()
            }
        }
    };
}

room! {
    /// The room for futures that are `Send`.
    SharedRoom holds dyn Guest + Send, of Send + 'static
}
room! {
    /// The room for any futures.
    LocalRoom holds dyn Guest, of 'static
}
