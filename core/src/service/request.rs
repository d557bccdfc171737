//! A request, and the connection it came on.

use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering, fence};
use core::task::{Context, Poll, Waker};

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::rest::Rest;
use super::{Extensions, Secured};
use crate::body::Body;
use crate::codec::{Misuse, StreamId};
use crate::driver::Peer;
use crate::head::{Headers, Method, RequestHead, ResponseHead, Status, Target, Version};
use crate::route::{Params, Places};
use crate::spare::Kept;

/// How the request reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as URIs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What the requests of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    pub(crate) local: Peer,
    pub(crate) scheme: Scheme,
    watched: bool,
    left: AtomicBool,
    interim_used: AtomicBool,
    interim_waits: AtomicBool,
    /// Made where something of it is wanted, which is seldom.
    extra: OnceLock<Box<Extra>>,
}

#[derive(Debug, Default)]
struct Extra {
    secured: Option<Secured>,
    shared: Mutex<SharedState>,
}

#[derive(Debug, Default)]
struct SharedState {
    /// One place for each [`Wait`], free places reused.
    waiting_for_left: Vec<Option<Waker>>,
    interim: Vec<(StreamId, ResponseHead)>,
    task: Option<Waker>,
}

impl Connection {
    /// `watched` says that handlers are to be known by name.
    pub(crate) fn new(peer: Peer, local: Peer, scheme: Scheme, watched: bool) -> Arc<Self> {
        Arc::new(Self {
            peer,
            local,
            scheme,
            watched,
            left: AtomicBool::new(false),
            interim_used: AtomicBool::new(false),
            interim_waits: AtomicBool::new(false),
            extra: OnceLock::new(),
        })
    }

    /// The connection runs over TLS.
    pub(crate) fn secure(&mut self, secured: Secured) {
        self.extra = OnceLock::from(Box::new(Extra { secured: Some(secured), shared: Mutex::default() }));
    }

    fn secured(&self) -> Option<&Secured> {
        self.extra.get().and_then(|extra| extra.secured.as_ref())
    }

    fn shared(&self) -> MutexGuard<'_, SharedState> {
        lock(self.extra.get_or_init(Box::default))
    }

    /// The peer ended its side, or the connection is gone.
    pub(crate) fn set_left(&self) {
        if self.left.swap(true, Ordering::AcqRel) {
            return;
        }
        // Either this sees what the first waiter made, or that one sees the mark.
        fence(Ordering::SeqCst);
        let waiting = self.extra.get().map(|extra| core::mem::take(&mut lock(extra).waiting_for_left));
        waiting.into_iter().flatten().flatten().for_each(Waker::wake);
    }

    /// Whether handlers asked for interim responses.
    #[inline]
    pub(crate) fn has_interim(&self) -> bool {
        self.interim_waits.load(Ordering::Acquire)
    }

    /// Takes the interim responses that handlers asked for.
    pub(crate) fn take_interim(&self) -> Vec<(StreamId, ResponseHead)> {
        if !self.interim_waits.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        core::mem::take(&mut self.shared().interim)
    }

    /// Remembers whom to wake for interim responses, if any handler can send them.
    pub(crate) fn watch_interim(&self, waker: &Waker) {
        if !self.interim_used.load(Ordering::Acquire) {
            return;
        }
        self.shared().task.get_or_insert_with(|| waker.clone()).clone_from(waker);
    }
}

fn lock(extra: &Extra) -> MutexGuard<'_, SharedState> {
    extra.shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells that the client ended its side of the connection.
///
/// A client may do so and still read the answer (RFC 9112 §9.6), so nothing is cancelled for it; a connection that
/// breaks drops the handler by itself. The token outlives the handler, for tasks and threads that work for it.
#[derive(Clone, Debug)]
pub struct ClientLeft(Arc<Connection>);

impl ClientLeft {
    /// Whether the client left.
    pub fn is_set(&self) -> bool {
        self.0.left.load(Ordering::Acquire)
    }

    /// Waits until the client leaves.
    pub async fn wait(&self) {
        Wait { connection: &self.0, place: None }.await;
    }
}

/// One waiter; its waker stands in a place of its own, so that polling again replaces it.
struct Wait<'a> {
    connection: &'a Connection,
    place: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.connection.shared();
        fence(Ordering::SeqCst);
        if self.connection.left.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let places = &mut shared.waiting_for_left;
        let place = self.place.unwrap_or_else(|| {
            places.iter().position(Option::is_none).unwrap_or_else(|| {
                places.push(None);
                places.len() - 1
            })
        });
        places[place] = Some(cx.waker().clone());
        drop(shared);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place
            && let Some(waker) = self.connection.shared().waiting_for_left.get_mut(place)
        {
            *waker = None;
        }
    }
}

/// Sends 1xx responses ahead of the answer, such as 103 Early Hints (RFC 8297).
#[derive(Clone, Debug)]
pub struct Interim {
    connection: Arc<Connection>,
    stream: StreamId,
    version: Version,
}

impl Interim {
    /// Sends one. A client of HTTP/1.0 gets none (RFC 9110 §15.2): it is dropped silently.
    ///
    /// # Errors
    /// [`Misuse::NotAllowed`] for a status that is not 1xx, and for 100 and 101, which the server sends by itself.
    pub fn send(&self, status: Status, headers: Headers) -> Result<(), Misuse> {
        if !status.is_informational() || status == Status::CONTINUE || status == Status::SWITCHING_PROTOCOLS {
            return Err(Misuse::NotAllowed);
        }
        if self.version < Version::Http11 {
            return Ok(());
        }
        let mut head = ResponseHead::new(status);
        head.headers = headers;
        let mut shared = self.connection.shared();
        shared.interim.push((self.stream, head));
        // Under the lock: whoever looks before this has left its waker by then, or sees the mark.
        self.connection.interim_waits.store(true, Ordering::Release);
        let task = shared.task.take();
        drop(shared);
        if let Some(task) = task {
            task.wake();
        }
        Ok(())
    }
}

/// Where a request made by hand comes from.
static NOWHERE: Peer = Peer::Unix(None);

/// A request as its handler gets it.
///
/// ```
/// use anyloop_core::service::Request;
///
/// let request = Request::get("/search?q=rust");
/// assert_eq!((request.path(), request.query()), ("/search", Some("q=rust")));
/// ```
pub struct Request {
    head: RequestHead,
    rest: Kept<Rest>,
}

impl Request {
    /// Makes a request without a body.
    #[inline]
    pub(crate) fn of(
        head: RequestHead,
        stream: StreamId,
        connection: Arc<Connection>,
        max_collect: usize,
    ) -> Self {
        let mut rest = Kept::<Rest>::default();
        rest.body.set_max_collect(max_collect);
        rest.stream = stream;
        rest.connection = Some(connection);
        Self { head, rest }
    }

    /// Makes a request by hand, for tests and for in-memory calls. It comes from nowhere, over `http`.
    pub fn new(head: RequestHead, body: impl Into<Body>) -> Self {
        let mut rest = Kept::<Rest>::default();
        rest.body = body.into();
        Self { head, rest }
    }

    /// Makes a GET request with an empty body, for tests.
    ///
    /// # Panics
    /// When the target is not valid.
    pub fn get(target: &str) -> Self {
        Self::with_method(Method::GET, target, Body::empty())
    }

    /// Makes a POST request, for tests.
    ///
    /// # Panics
    /// When the target is not valid.
    pub fn post(target: &str, body: impl Into<Body>) -> Self {
        Self::with_method(Method::POST, target, body)
    }

    /// Makes a request of any method, for tests.
    ///
    /// # Panics
    /// When the target is not valid.
    pub fn with_method(method: Method, target: &str, body: impl Into<Body>) -> Self {
        let target = match Target::try_from(target) {
            Ok(target) => target,
            Err(error) => panic!("{target:?}: {error}"),
        };
        Self::new(RequestHead::new(method, target), body)
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// Returns the request target as it came.
    pub fn target(&self) -> &Target {
        &self.head.target
    }

    /// Returns the path of the target, still percent-encoded.
    pub fn path(&self) -> &str {
        self.head.target.path()
    }

    /// Returns the query of the target, without the question mark, still percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.head.target.query()
    }

    /// Returns the host and perhaps the port that the request is for: the target's own where it is in absolute form,
    /// else the `Host` field (RFC 9112 §3.2.2).
    pub fn host(&self) -> Option<&str> {
        self.head.target.authority().or_else(|| self.header("host"))
    }

    /// Returns the HTTP version.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the field lines in the order and case in which they came.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Returns the field lines, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.head.headers
    }

    /// Returns the first value of a field, when it is there and is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get_str(name)
    }

    /// Returns the head.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Returns a path parameter, percent-decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().get(name)
    }

    /// Returns all path parameters.
    pub fn params(&self) -> Params<'_> {
        self.rest.places.of(self.head.target.path_bytes())
    }

    /// Whether handlers are to be known by name.
    pub(crate) fn is_watched(&self) -> bool {
        self.rest.connection.as_ref().is_some_and(|connection| connection.watched)
    }

    fn connection(&self) -> Arc<Connection> {
        self.rest
            .connection
            .clone()
            .unwrap_or_else(|| Connection::new(NOWHERE.clone(), NOWHERE.clone(), Scheme::Http, false))
    }

    /// Takes the places of the parameters in the path of this request.
    pub(crate) fn set_places(&mut self, places: Places) {
        self.rest.places = places;
    }

    /// Returns the address of the other end.
    pub fn peer_addr(&self) -> &Peer {
        self.rest.connection.as_ref().map_or(&NOWHERE, |connection| &connection.peer)
    }

    /// Returns the address the client connected to.
    pub fn local_addr(&self) -> &Peer {
        self.rest.connection.as_ref().map_or(&NOWHERE, |connection| &connection.local)
    }

    /// Returns how the request reached the server.
    pub fn scheme(&self) -> Scheme {
        self.rest.connection.as_ref().map_or(Scheme::Http, |connection| connection.scheme)
    }

    /// Returns what TLS told of the connection; `None` in the clear.
    pub fn secured(&self) -> Option<&Secured> {
        self.rest.connection.as_ref().and_then(|connection| connection.secured())
    }

    /// Returns the certificate by which the client proved who it is, in DER. It was verified against the authorities that
    /// the listener names; `None` when it showed none or was not asked.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.secured().and_then(|secured| secured.client_certificates.first()).map(AsRef::as_ref)
    }

    /// Returns the values attached to this request.
    pub fn extensions(&self) -> &Extensions {
        &self.rest.extensions
    }

    /// Returns the values attached to this request, to be changed.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.rest.extensions
    }

    /// Returns the signal that the client has left.
    pub fn client_left(&self) -> ClientLeft {
        ClientLeft(self.connection())
    }

    /// Returns the sender of interim responses.
    pub fn interim(&self) -> Interim {
        let connection = self.connection();
        connection.interim_used.store(true, Ordering::Release);
        Interim { connection, stream: self.rest.stream, version: self.version() }
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.rest.body
    }

    /// Returns the body, to read from it.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.rest.body
    }

    /// Takes the body and drops the rest.
    pub fn into_body(mut self) -> Body {
        core::mem::take(&mut self.rest.body)
    }

    /// Takes the request apart.
    pub fn into_parts(mut self) -> (RequestHead, Body) {
        (self.head, core::mem::take(&mut self.rest.body))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("head", self.head())
            .field("body", self.body())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_may_hold_a_request_by_reference_while_it_waits() {
        fn is_shared<T: Send + Sync>(_: &T) {}
        is_shared(&Request::get("/"));
    }

    #[test]
    fn the_host_of_the_target_goes_before_the_field() {
        let mut request = Request::get("http://a.example:8080/x");
        request.headers_mut().append("host", "b.example").unwrap();
        assert_eq!(request.host(), Some("a.example:8080"));
        let mut request = Request::get("/x");
        assert_eq!(request.host(), None);
        request.headers_mut().append("host", "b.example").unwrap();
        assert_eq!(request.host(), Some("b.example"));
    }
}
