//! Handlers by method and path.

use core::fmt;
use core::task::{Context, Poll};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;

use super::{Erase, Local, Request, Response, Running, Service, Shared, Sharing};
use crate::body::Body;
use crate::head::{Form, HeaderValue, Known, Method, Status};
use crate::route::{InsertError, Resolution, Table};

/// Routes requests to handlers, by method and path.
///
/// Patterns are static text, `{param}` for one segment and a final `{*rest}` for what remains; static goes before
/// `{param}`, that before `{*rest}`, whatever the order of insertion. HEAD is answered by GET's handler, OPTIONS and 405
/// from the table, other paths by the nearest enclosing fallback, else 404; a method that is no standard one and that no
/// route has is 501, and so is CONNECT without a handler; it has no path and is looked up as `/`.
///
/// A handler is a function of a [`Request`], and of the state when the router was made by [`Router::with_state`]; it
/// returns anything that is [`IntoResponse`](super::IntoResponse), or a future of it.
///
/// ```
/// use anyloop_core::service::{Request, Router};
///
/// async fn greet(request: Request) -> String {
///     format!("hello, {}", request.param("name").unwrap_or("world"))
/// }
///
/// let app = Router::new().get("/", |_: Request| "home").get("/hello/{name}", greet);
/// # let _ = app;
/// ```
///
/// `Router::new()` takes handlers that are `Send`; [`Router::local`] takes any, and serves in the per-core model.
pub struct Router<K: Sharing = Shared, S = ()> {
    table: Arc<Table<K::Handler>>,
    state: S,
}

impl Router {
    /// Makes a router for `Send` handlers, without routes.
    pub fn new() -> Self {
        Self::with_state(())
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Router<Shared, S> {
    /// Makes a router whose handlers may take a clone of `state` as their second argument.
    ///
    /// ```
    /// use anyloop_core::service::{Request, Router};
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    ///
    /// type Hits = Arc<AtomicU64>;
    /// async fn count(_: Request, hits: Hits) -> String {
    ///     format!("{}\n", hits.fetch_add(1, Ordering::Relaxed) + 1)
    /// }
    /// let app = Router::with_state(Hits::default()).get("/hits", count);
    /// # let _ = app;
    /// ```
    pub fn with_state(state: S) -> Self {
        Self { table: Arc::new(Table::new()), state }
    }
}

impl Router<Local> {
    /// Makes a router for handlers that may be `!Send`, without routes.
    pub fn local() -> Self {
        Self::local_with_state(())
    }
}

impl<S> Router<Local, S> {
    /// Makes a router for handlers that may be `!Send` and may take a clone of `state` as their second argument.
    #[allow(clippy::arc_with_non_send_sync, reason = "one type of pointer serves both kinds of routers")]
    pub fn local_with_state(state: S) -> Self {
        Self { table: Arc::new(Table::new()), state }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Panics
            /// When the pattern is malformed or is taken; the message names both routes. [`Router::try_on`] returns it.
            #[must_use]
            pub fn $name<H, M>(self, pattern: &str, handler: H) -> Self
            where
                K: Erase<H, M, S>,
            {
                self.on(&Method::$method, pattern, handler)
            }
        )*
    };
}

impl<K: Sharing, S: Clone> Router<K, S> {
    methods! {
        /// Adds a handler for GET, and for HEAD unless that has its own.
        get = GET;
        /// Adds a handler for HEAD.
        head = HEAD;
        /// Adds a handler for POST.
        post = POST;
        /// Adds a handler for PUT.
        put = PUT;
        /// Adds a handler for PATCH.
        patch = PATCH;
        /// Adds a handler for DELETE.
        delete = DELETE;
        /// Adds a handler for OPTIONS, which is answered from the table else.
        options = OPTIONS;
    }

    /// Adds a handler for a method.
    ///
    /// # Panics
    /// When the pattern is malformed or is taken; the message names both routes.
    #[must_use]
    pub fn on<H, M>(self, method: &Method, pattern: &str, handler: H) -> Self
    where
        K: Erase<H, M, S>,
    {
        expect(self.try_on(method, pattern, handler))
    }

    /// Adds a handler for a method.
    ///
    /// # Errors
    /// When the pattern is malformed, or conflicts with one that is there.
    pub fn try_on<H, M>(mut self, method: &Method, pattern: &str, handler: H) -> Result<Self, InsertError>
    where
        K: Erase<H, M, S>,
    {
        let handler = self.erase(handler);
        self.table_mut().add(method, pattern, handler)?;
        Ok(self)
    }

    /// Adds a handler for all methods.
    ///
    /// # Panics
    /// When the pattern is malformed or is taken; the message names both routes.
    #[must_use]
    pub fn any<H, M>(mut self, pattern: &str, handler: H) -> Self
    where
        K: Erase<H, M, S>,
    {
        let handler = self.erase(handler);
        expect(self.table_mut().any(pattern, handler));
        self
    }

    /// Answers the paths that no route has, below `prefix`; `"/"` is all of them. The nearest enclosing fallback answers.
    ///
    /// # Panics
    /// When the prefix has a fallback.
    #[must_use]
    pub fn fallback<H, M>(mut self, prefix: &str, handler: H) -> Self
    where
        K: Erase<H, M, S>,
    {
        let handler = self.erase(handler);
        expect(self.table_mut().fallback(prefix, handler));
        self
    }

    /// Answers the methods that a path below `prefix` does not have. `Allow` is added to the answer.
    ///
    /// # Panics
    /// When the prefix has such a fallback.
    #[must_use]
    pub fn method_fallback<H, M>(mut self, prefix: &str, handler: H) -> Self
    where
        K: Erase<H, M, S>,
    {
        let handler = self.erase(handler);
        expect(self.table_mut().method_fallback(prefix, handler));
        self
    }

    /// Adds another router's routes and fallbacks below a prefix. The other may have state of its own.
    ///
    /// # Panics
    /// When routes conflict; the message names both.
    #[must_use]
    pub fn nest<T: Clone>(mut self, prefix: &str, other: Router<K, T>) -> Self {
        expect(self.table_mut().nest(prefix, Arc::unwrap_or_clone(other.table)));
        self
    }

    /// Adds another router's routes and fallbacks. The other may have state of its own.
    ///
    /// # Panics
    /// When routes conflict; the message names both.
    #[must_use]
    pub fn merge<T: Clone>(mut self, other: Router<K, T>) -> Self {
        expect(self.table_mut().merge(Arc::unwrap_or_clone(other.table)));
        self
    }

    fn erase<H, M>(&self, handler: H) -> K::Handler
    where
        K: Erase<H, M, S>,
    {
        K::erase(handler, self.state.clone())
    }

    fn table_mut(&mut self) -> &mut Table<K::Handler> {
        Arc::make_mut(&mut self.table)
    }
}

fn expect<T>(result: Result<T, InsertError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

impl<K: Sharing, S: Clone> Clone for Router<K, S> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), state: self.state.clone() }
    }
}

impl<K: Sharing, S> fmt::Debug for Router<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.table.iter().map(|(pattern, method, _)| (method, pattern));
        f.debug_list().entries(routes).finish()
    }
}

/// The call that a router has running.
#[derive(Default)]
pub struct Routed<R> {
    running: R,
    /// What few calls need.
    special: Option<Box<Special>>,
}

#[derive(Default)]
struct Special {
    /// What to add to the answer of a method fallback.
    allow: Option<Bytes>,
    /// What a watched call is known by.
    name: String,
}

impl<R> Routed<R> {
    fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    fn finish(&mut self, response: Response) -> Response {
        match self.special.as_mut().and_then(|special| special.allow.take()) {
            Some(allow) => with_allow(response, allow),
            None => response,
        }
    }
}

impl<R: Running> Running for Routed<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let response = core::task::ready!(self.running.poll(cx));
        Poll::Ready(self.finish(response))
    }

    fn cancel(&mut self) {
        self.running.cancel();
    }

    fn name(&self) -> &str {
        self.special.as_ref().map_or("", |special| &special.name)
    }
}

impl<R: fmt::Debug + Running> fmt::Debug for Routed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routed")
            .field("name", &self.name())
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl<K: Sharing, S: Clone + 'static> Service for Router<K, S> {
    type Running = Routed<K::Running>;

    fn call(&self, mut request: Request, running: &mut Self::Running) -> Option<Response> {
        if let Some(special) = &mut running.special {
            special.allow = None;
        }
        let target = request.target();
        let is_connect = target.form() == Form::Authority;
        let path = if is_connect { b"/" } else { target.path_bytes() };
        let handler = match self.table.find(request.method(), path) {
            Resolution::Found(found) => {
                let handler = (found.value, found.pattern());
                if !found.params().is_empty() {
                    let places = found.into_places();
                    request.set_places(places);
                }
                Ok(handler)
            }
            // RFC 9110 §9.1: a tunnel is not something that a path has or lacks.
            Resolution::MethodNotAllowed { .. } | Resolution::NotFound { .. } if is_connect => {
                Err(own(Status::NOT_IMPLEMENTED, "method not implemented\n"))
            }
            Resolution::MethodNotAllowed { allow, fallback: Some(handler) } => {
                running.special().allow = Some(allow.clone());
                Ok((handler, "405"))
            }
            Resolution::NotFound { fallback: Some(handler) } => Ok((handler, "404")),
            Resolution::Options { allow } => {
                Err(with_allow(Response::empty(Status::NO_CONTENT), allow.clone()))
            }
            Resolution::MethodNotAllowed { allow, fallback: None } => {
                Err(with_allow(own(Status::METHOD_NOT_ALLOWED, "method not allowed\n"), allow.clone()))
            }
            Resolution::NotFound { fallback: None } => Err(own(Status::NOT_FOUND, "not found\n")),
            Resolution::NotImplemented => Err(own(Status::NOT_IMPLEMENTED, "method not implemented\n")),
            Resolution::BadPath(error) => Err(own(Status::BAD_REQUEST, alloc::format!("{error}\n"))),
        };
        if request.is_watched() {
            running.special().name = match &handler {
                Ok((_, pattern)) => alloc::format!("{} {pattern}", request.method()),
                Err(response) => alloc::format!("{} {}", request.method(), response.status().code()),
            };
        }
        let (handler, _) = match handler {
            Ok(handler) => handler,
            Err(response) => return Some(response),
        };
        let response = K::start(handler, request, &mut running.running)?;
        Some(running.finish(response))
    }
}

/// An answer of the router itself.
fn own(status: Status, text: impl Into<Body>) -> Response {
    Response::text(text).with_status(status)
}

fn with_allow(mut response: Response, allow: Bytes) -> Response {
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.insert(Known::Allow.into(), allow);
    }
    response
}
