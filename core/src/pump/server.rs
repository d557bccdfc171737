//! The server's side of a connection: a codec below, a service above.

use core::convert::Infallible;
use core::fmt;
use core::task::{Context, Waker};

use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

use super::config::Config;
use super::deadlines::{Deadlines, Kind};
use super::exchange::{Env, Exchange, Moved};
use super::wakers::Flag;
use crate::body::{Body, BodyError, Slot};
use crate::codec::{BodyKind, CloseReason, Codec, Event, Phase, StreamId};
use crate::driver::Peer;
use crate::error::Error;
use crate::h1;
use crate::head::{Headers, RequestHead, ResponseHead};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::service::{Connection, Request, Service};
use crate::time::Instant;

/// How many answers may leave in one call before others get their turn.
const ANSWERS_A_TURN: usize = 64;

/// Whether a request ever came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    New,
    Used,
}

/// Serves one connection.
///
/// ```
/// use anyloop_core::driver::Peer;
/// use anyloop_core::link::Link;
/// use anyloop_core::protocol::Protocol;
/// use anyloop_core::pump::Server;
/// use anyloop_core::service::{Request, Router};
/// use anyloop_core::time::Now;
/// use std::sync::Arc;
/// use std::task::{Context, Waker};
///
/// let app = Router::new().get("/", |_: Request| "hello");
/// let mut server = Server::new(app, Arc::default(), Peer::Unix(None), Peer::Unix(None));
/// let mut link = Link::new(Now::default());
/// link.inbound.extend_from_slice(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// server.data_received(&mut link)?;
/// server.poll_work(&mut Context::from_waker(Waker::noop()), &mut link)?;
/// let answer: Vec<u8> = link.outbound.slices().flatten().copied().collect();
/// assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\nhello"));
/// # Ok::<(), std::convert::Infallible>(())
/// ```
pub struct Server<S: Service, C = h1::Server> {
    codec: C,
    service: S,
    config: Arc<Config>,
    connection: Arc<Connection>,
    exchanges: Vec<Exchange<S::Running>>,
    /// The room of the last exchange, for the next one.
    room: Option<S::Running>,
    deadlines: Deadlines,
    age: Age,
}

impl<S: Service> Server<S> {
    /// Makes the HTTP/1 server of a connection from `peer` to `local`.
    pub fn new(service: S, config: Arc<Config>, peer: Peer, local: Peer) -> Self {
        let codec = h1::Server::new(Arc::clone(&config.limits));
        Self::with_codec(codec, service, config, peer, local)
    }
}

impl<S, C> Server<S, C>
where
    S: Service,
    C: Codec<In = RequestHead, Out = ResponseHead>,
{
    /// Makes the server of a connection that speaks another HTTP version.
    pub fn with_codec(codec: C, service: S, config: Arc<Config>, peer: Peer, local: Peer) -> Self {
        let connection = Connection::new(peer, local, config.scheme, config.debug.is_some());
        Self {
            codec,
            service,
            config,
            connection,
            exchanges: Vec::new(),
            room: None,
            deadlines: Deadlines::default(),
            age: Age::New,
        }
    }

    fn exchange(&mut self, stream: StreamId) -> Option<&mut Exchange<S::Running>> {
        self.exchanges.iter_mut().find(|exchange| exchange.stream == stream)
    }

    /// Takes events until one begins an exchange, or none is left.
    fn intake(&mut self, cx: &Context<'_>, link: &mut Link) -> Moved {
        let mut moved = Moved::No;
        loop {
            match self.codec.next_event(&mut link.inbound, &mut link.outbound) {
                Ok(None) => return moved,
                Ok(Some(Event::Head { stream, head, body })) => {
                    self.begin(stream, head, body, cx, link);
                    return Moved::Yes;
                }
                Ok(Some(event)) => self.on_event(event, cx.waker()),
                Err(error) => return if self.on_fault(error, cx.waker(), link) { Moved::Yes } else { moved },
            }
            moved = Moved::Yes;
        }
    }

    fn on_event(&mut self, event: Event<RequestHead>, waker: &Waker) {
        match event {
            Event::Data { stream, bytes } => {
                if let Some(exchange) = self.exchange(stream) {
                    exchange.feed(bytes, waker);
                }
            }
            Event::End { stream, trailers } => {
                if let Some(exchange) = self.exchange(stream) {
                    exchange.end(trailers, waker);
                }
            }
            Event::Reset { stream, reason: _ } => {
                let config = Arc::clone(&self.config);
                if let Some(exchange) = self.exchange(stream) {
                    exchange.cancel(&config);
                }
            }
            Event::Sendable { stream } => {
                if let Some(flag) = self.exchange(stream).and_then(|exchange| exchange.flag.as_ref()) {
                    flag.mark();
                }
            }
            Event::Head { .. } | Event::Interim { .. } | Event::GoAway { .. } => {}
        }
        if !C::ORDERED {
            self.exchanges.iter().filter_map(|exchange| exchange.flag.as_ref()).for_each(|flag| flag.mark());
        }
    }

    /// The peer broke the protocol. Returns whether there is something new to say.
    fn on_fault(&mut self, error: Error, waker: &Waker, link: &Link) -> bool {
        for exchange in &mut self.exchanges {
            exchange.fail_body(&BodyError::Peer(error), Some(waker));
        }
        let Ok(stream) = self.codec.open() else { return false };
        let mut exchange = self.new_exchange(stream, link.now().mono);
        exchange.answer(self.config.error_response(error));
        self.exchanges.push(exchange);
        true
    }

    fn new_exchange(&mut self, stream: StreamId, now: Instant) -> Exchange<S::Running> {
        Exchange::new(stream, now, self.room.take().unwrap_or_default())
    }

    fn begin(
        &mut self,
        stream: StreamId,
        head: RequestHead,
        kind: BodyKind,
        cx: &Context<'_>,
        link: &mut Link,
    ) {
        self.age = Age::Used;
        let (body, slot) = match kind {
            BodyKind::Empty => (Body::empty(), None),
            BodyKind::Sized(_) | BodyKind::Streamed | BodyKind::Tunnel if C::ORDERED => {
                self.gather(kind, cx.waker(), link)
            }
            BodyKind::Sized(_) | BodyKind::Streamed | BodyKind::Tunnel => Incoming::default().into_body(kind),
        };
        let body = body.with_max_collect(self.config.limits.max_collect);
        let mut exchange = self.new_exchange(stream, link.now().mono);
        if !C::ORDERED {
            exchange.flag = Some(Flag::new(cx.waker()));
        }
        exchange.queue(Request::from_parts(head, body, stream, Arc::clone(&self.connection)), slot);
        self.exchanges.push(exchange);
    }

    /// Takes what is there of a body before its handler is called, so that one which is wholly there costs no slot.
    fn gather(&mut self, kind: BodyKind, waker: &Waker, link: &mut Link) -> (Body, Option<Arc<Slot>>) {
        let mut incoming = Incoming::default();
        loop {
            match self.codec.next_event(&mut link.inbound, &mut link.outbound) {
                Ok(Some(Event::Data { bytes, .. })) => incoming.push(bytes),
                Ok(Some(Event::End { trailers, .. })) => return (incoming.finish(trailers, kind), None),
                Ok(Some(event)) => self.on_event(event, waker),
                Ok(None) => return incoming.into_body(kind),
                Err(error) => {
                    let (body, slot) = incoming.into_body(kind);
                    if let Some(slot) = slot {
                        slot.fail(BodyError::Peer(error), None);
                    }
                    return (body, None);
                }
            }
        }
    }

    /// Works on the exchanges. Returns how many ended, and whether anything moved.
    fn output(&mut self, cx: &mut Context<'_>, link: &mut Link) -> (usize, Moved) {
        if C::ORDERED { self.output_in_order(cx, link) } else { self.output_woken(cx, link) }
    }

    fn output_in_order(&mut self, cx: &mut Context<'_>, link: &mut Link) -> (usize, Moved) {
        let mut moved = Moved::No;
        let mut ended = 0;
        while let Some(front) = self.exchanges.first_mut() {
            let codec = &mut self.codec;
            let mut env = Env { codec, link, config: &self.config, connection: &self.connection };
            if front.drive(&self.service, &mut env, cx) == Moved::Yes {
                moved = Moved::Yes;
            }
            if !front.is_done() {
                break;
            }
            ended += 1;
            self.room = Some(self.exchanges.remove(0).into_room());
            if !link.can_write() || ended >= ANSWERS_A_TURN {
                break;
            }
        }
        (ended, moved)
    }

    /// Works on those exchanges that were woken, each with its own waker, a step each.
    fn output_woken(&mut self, cx: &mut Context<'_>, link: &mut Link) -> (usize, Moved) {
        let mut moved = Moved::No;
        for exchange in &mut self.exchanges {
            let Some(flag) = exchange.flag.clone() else { continue };
            if !link.can_write() {
                break;
            }
            if !flag.take() {
                continue;
            }
            flag.follow(cx.waker());
            let waker = Waker::from(Arc::clone(&flag));
            let codec = &mut self.codec;
            let mut env = Env { codec, link, config: &self.config, connection: &self.connection };
            let mut cx = Context::from_waker(&waker);
            if exchange.drive(&self.service, &mut env, &mut cx) == Moved::Yes {
                flag.mark();
                moved = Moved::Yes;
            }
        }
        let before = self.exchanges.len();
        self.exchanges.retain(|exchange| !exchange.is_done());
        (before - self.exchanges.len(), moved)
    }

    /// Sets the deadlines by what is waited for.
    fn settle(&mut self, link: &mut Link) {
        let now = link.now().mono;
        let timeouts = &self.config.timeouts;
        let deadlines = &mut self.deadlines;
        match self.exchanges.first_mut() {
            Some(front) => {
                deadlines.set(Kind::Head, None);
                deadlines.set(Kind::Idle, None);
                let ours = !link.can_write();
                let body = front.body_clock.as_mut().and_then(|clock| clock.deadline(now, ours, timeouts));
                deadlines.set(Kind::Body, body);
                let handler =
                    timeouts.handler.filter(|_| front.is_running()).map(|limit| front.started + limit);
                deadlines.set(Kind::Handler, handler);
                deadlines.set(Kind::Tunnel, front.tunnel_deadline());
            }
            None => {
                deadlines.set(Kind::Body, None);
                deadlines.set(Kind::Handler, None);
                deadlines.set(Kind::Tunnel, None);
                if self.age == Age::New || !link.inbound.is_empty() {
                    deadlines.set(Kind::Idle, None);
                    deadlines.start(Kind::Head, || now + timeouts.head);
                } else {
                    deadlines.set(Kind::Head, None);
                    deadlines.start(Kind::Idle, || now + timeouts.idle);
                }
            }
        }
        link.set_deadline(deadlines.next());
        link.allow(self.codec.input_room());
        if let Phase::Closed(why) = self.codec.phase() {
            self.close(why, link);
        }
    }

    fn close(&mut self, why: CloseReason, link: &mut Link) {
        let config = Arc::clone(&self.config);
        for mut exchange in self.exchanges.drain(..) {
            exchange.cancel(&config);
        }
        match why {
            CloseReason::Cut => link.abort(),
            CloseReason::PeerAsked
            | CloseReason::PeerLeft
            | CloseReason::BadInput(_)
            | CloseReason::Delimiter
            | CloseReason::UnreadBody
            | CloseReason::Truncated
            | CloseReason::WeAsked
            | CloseReason::MaxRequests
            | CloseReason::Shutdown
            | CloseReason::TunnelEnded => link.close(),
        }
    }

    fn on_deadline(&mut self, kind: Kind, link: &mut Link) {
        let fault = match kind {
            Kind::Head if !link.inbound.is_empty() => Error::HeadTimeout,
            Kind::Body => Error::BodyTooSlow,
            Kind::Head | Kind::Idle => return link.close(),
            Kind::Handler => {
                let config = Arc::clone(&self.config);
                if let Some(front) = self.exchanges.first_mut() {
                    front.time_out(&config);
                }
                return;
            }
            Kind::Tunnel => return,
        };
        self.codec.fail(fault);
        self.on_fault(fault, Waker::noop(), link);
    }
}

/// A body of which some may be there.
#[derive(Default)]
struct Incoming {
    first: Option<Bytes>,
    slot: Option<Arc<Slot>>,
}

impl Incoming {
    fn push(&mut self, bytes: Bytes) {
        match (&self.slot, self.first.take()) {
            (Some(slot), _) => slot.feed(bytes, None),
            (None, None) => self.first = Some(bytes),
            (None, Some(first)) => {
                let slot = self.slot.insert(Slot::new());
                slot.feed(first, None);
                slot.feed(bytes, None);
            }
        }
    }

    fn finish(self, trailers: Option<Headers>, kind: BodyKind) -> Body {
        match (self.slot, self.first) {
            (Some(slot), _) => {
                slot.finish(trailers, None);
                Body::from_slot(slot, declared(kind))
            }
            (None, first) => Body::from(first.unwrap_or_default()).with_trailers(trailers),
        }
    }

    fn into_body(self, kind: BodyKind) -> (Body, Option<Arc<Slot>>) {
        let slot = self.slot.unwrap_or_else(Slot::new);
        if let Some(first) = self.first {
            slot.feed(first, None);
        }
        (Body::from_slot(Arc::clone(&slot), declared(kind)), Some(slot))
    }
}

fn declared(kind: BodyKind) -> Option<u64> {
    match kind {
        BodyKind::Empty => Some(0),
        BodyKind::Sized(length) => Some(length),
        BodyKind::Streamed | BodyKind::Tunnel => None,
    }
}

impl<S, C> Protocol for Server<S, C>
where
    S: Service,
    C: Codec<In = RequestHead, Out = ResponseHead>,
{
    type Error = Infallible;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Infallible> {
        self.codec.start(&mut link.outbound);
        self.settle(link);
        Ok(())
    }

    /// Leaves everything to [`Protocol::poll_work`], which runs in the same turn and owns the handlers.
    fn data_received(&mut self, _: &mut Link) -> Result<(), Infallible> {
        Ok(())
    }

    fn eof_received(&mut self, _: &mut Link, how: Eof) -> Result<(), Infallible> {
        self.codec.eof(how);
        self.connection.set_left();
        Ok(())
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Infallible> {
        let now = link.now().mono;
        while let Some(kind) = self.deadlines.take_due(now) {
            self.on_deadline(kind, link);
        }
        link.set_deadline(self.deadlines.next());
        Ok(())
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        let mut answers = 0;
        let mut work = Work::Waiting;
        self.exchanges.iter_mut().for_each(Exchange::look_again);
        while link.can_write() && !link.is_closing() {
            let intake = self.intake(cx, link);
            let (ended, output) = self.output(cx, link);
            answers += ended;
            if intake == Moved::No && output == Moved::No {
                break;
            }
            if answers >= ANSWERS_A_TURN {
                work = Work::Again;
                break;
            }
        }
        if !link.is_closing() {
            self.settle(link);
        }
        Ok(work)
    }

    fn shutdown(&mut self, link: &mut Link) {
        for exchange in &mut self.exchanges {
            exchange.shutdown();
        }
        self.codec.drain(&mut link.outbound);
        self.settle(link);
    }

    fn connection_lost(&mut self, _: Lost) {
        self.connection.set_left();
        for mut exchange in self.exchanges.drain(..) {
            exchange.cancel(&self.config);
        }
    }
}

impl<S: Service, C> fmt::Debug for Server<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("connection", &self.connection)
            .field("exchanges", &self.exchanges.len())
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
