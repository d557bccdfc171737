//! The server's side of a connection: a codec below, a service above.

use core::convert::Infallible;
use core::fmt;
use core::mem;
use core::task::{Context, Waker};

use alloc::boxed::Box;
use alloc::sync::Arc;
use smallvec::SmallVec;

use super::config::Config;
use super::deadlines::Kind;
use super::exchange::{Env, Exchange, Moved};
use super::gathered::{Gathered, Incoming};
use super::wakers::Flag;
use crate::body::BodyError;
use crate::codec::{BodyKind, CloseReason, Codec, Event, Phase, StreamId};
use crate::driver::Peer;
use crate::error::Error;
use crate::h1;
use crate::head::{RequestHead, ResponseHead};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::service::{Connection, Request, Secured, Service, loan};
use crate::time::Instant;

/// How many answers may leave in one call before others get their turn.
const ANSWERS_A_TURN: usize = 64;

/// Whether a request ever came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    New,
    Used,
}

/// Whether the codec has taken all that it can from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
}

/// What the peer must do between exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// A head must be whole.
    Head,
    /// A kept connection must be used.
    Use,
}

/// How far an exchange came when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// It stands among the others.
    GoesOn,
    /// It is answered.
    IsOver,
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
    /// What requests borrow.
    lent: Option<Arc<Connection>>,
    /// Those that could not be answered at once, the oldest first. In boxes, for most connections wait for a request.
    exchanges: SmallVec<[Box<Exchange<S::Running>>; 1]>,
    /// The room of the last exchange, for the next one.
    room: S::Running,
    /// Until when the peer must do what is due, between exchanges.
    until: Option<Instant>,
    due: Due,
    age: Age,
    /// Which exchange is worked on first, where several are: each in its turn.
    turn: u32,
    is_draining: bool,
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
            lent: None,
            exchanges: SmallVec::new(),
            room: S::Running::default(),
            until: None,
            due: Due::Head,
            age: Age::New,
            turn: 0,
            is_draining: false,
        }
    }

    /// Sets what requests show of the TLS that the connection runs over.
    #[must_use]
    pub fn secured(mut self, secured: Secured) -> Self {
        // Nobody shares it before the first request.
        if let Some(connection) = Arc::get_mut(&mut self.connection) {
            connection.secure(secured);
        }
        self
    }

    fn exchange(&mut self, stream: StreamId) -> Option<&mut Exchange<S::Running>> {
        self.exchanges.iter_mut().map(|exchange| &mut **exchange).find(|exchange| exchange.stream == stream)
    }

    /// Takes events until one begins an exchange that goes on, none is left, or `answers`, to which those that are given
    /// here are added, are enough.
    fn intake(&mut self, cx: &mut Context<'_>, link: &mut Link, answers: &mut usize) -> Seen {
        loop {
            match self.codec.next_event(&mut link.inbound, &mut link.outbound) {
                Ok(None) => return Seen::Yes,
                Ok(Some(Event::Head { stream, head, body })) => {
                    if self.begin(stream, head, body, cx, link) == Begun::GoesOn {
                        return Seen::No;
                    }
                    *answers += 1;
                    if *answers >= ANSWERS_A_TURN || !link.can_write() {
                        return Seen::No;
                    }
                }
                Ok(Some(event)) => self.on_event(event, cx.waker()),
                Err(error) => {
                    return if self.on_fault(error, cx.waker(), link) { Seen::No } else { Seen::Yes };
                }
            }
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
                if let Some(exchange) = self.exchange(stream) {
                    exchange.wake();
                }
            }
            Event::Head { .. } | Event::Interim { .. } | Event::GoAway { .. } => {}
        }
    }

    /// The peer broke the protocol. Returns whether there is something new to say.
    fn on_fault(&mut self, error: Error, waker: &Waker, link: &Link) -> bool {
        for exchange in &mut self.exchanges {
            exchange.fail_body(&BodyError::Peer(error), waker);
        }
        let Ok(stream) = self.codec.open() else { return false };
        let mut exchange = self.new_exchange(stream, link.now().mono);
        exchange.answer(self.config.error_response(error));
        if !C::ORDERED {
            exchange.flag = Some(Flag::new(waker));
        }
        self.exchanges.push(Box::new(exchange));
        true
    }

    fn new_exchange(&mut self, stream: StreamId, now: Instant) -> Exchange<S::Running> {
        Exchange::new(stream, now, mem::take(&mut self.room))
    }

    /// Begins an exchange, and ends it where the answer is there at once.
    fn begin(
        &mut self,
        stream: StreamId,
        head: RequestHead,
        kind: BodyKind,
        cx: &mut Context<'_>,
        link: &mut Link,
    ) -> Begun {
        self.age = Age::Used;
        self.until = None;
        let mut exchange = self.new_exchange(stream, link.now().mono);
        if !C::ORDERED {
            exchange.flag = Some(Flag::new(cx.waker()));
        }
        let max_collect = self.config.limits.max_collect;
        let mut request = Request::of(head, stream, loan::borrow(&self.connection), max_collect);
        let incoming = match kind {
            BodyKind::Empty => None,
            BodyKind::Tunnel => {
                exchange.expect_tunnel();
                None
            }
            BodyKind::Sized(_) | BodyKind::Streamed if C::ORDERED => {
                Some(self.gather(kind, cx.waker(), link))
            }
            BodyKind::Sized(_) | BodyKind::Streamed => Some(Incoming::default().into_body(kind)),
        };
        if let Some(incoming) = incoming {
            let credit = self.codec.initial_credit();
            exchange.watch(incoming.watched);
            exchange.expect_body(request.head(), incoming.rest, incoming.received, credit);
            *request.body_mut() = incoming.body;
            request.body_mut().set_max_collect(max_collect);
        }
        if C::ORDERED && !self.exchanges.is_empty() {
            exchange.queue(request);
            self.exchanges.push(Box::new(exchange));
            return Begun::GoesOn;
        }
        let mut env = Env {
            codec: &mut self.codec,
            link,
            config: &self.config,
            connection: &self.connection,
            task: cx.waker(),
            is_draining: self.is_draining,
        };
        exchange.call(request, &self.service, &mut env);
        if C::ORDERED && !exchange.is_done() {
            exchange.drive(&self.service, &mut env, cx);
        }
        match exchange.into_room() {
            Ok(room) => {
                self.room = room;
                Begun::IsOver
            }
            Err(exchange) => {
                self.exchanges.push(Box::new(exchange));
                Begun::GoesOn
            }
        }
    }

    /// Takes what is there of a body before its handler is called, so that one which is wholly there costs no slot. The
    /// debug mode pays for one, to see whether the body is read.
    fn gather(&mut self, kind: BodyKind, waker: &Waker, link: &mut Link) -> Gathered {
        let mut incoming = Incoming::default();
        loop {
            match self.codec.next_event(&mut link.inbound, &mut link.outbound) {
                Ok(Some(Event::Data { bytes, .. })) => incoming.push(bytes, self.config.debug.is_some()),
                Ok(Some(Event::End { trailers, .. })) => return incoming.finish(trailers, kind),
                Ok(Some(event)) => self.on_event(event, waker),
                Ok(None) => return incoming.into_body(kind),
                Err(error) => {
                    let gathered = incoming.into_body(kind);
                    if let Some(slot) = &gathered.rest {
                        slot.fail(BodyError::Peer(error), None);
                    }
                    return Gathered { rest: None, ..gathered };
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
            let mut env = Env {
                codec,
                link,
                config: &self.config,
                connection: &self.connection,
                task: cx.waker(),
                is_draining: self.is_draining,
            };
            if front.drive(&self.service, &mut env, cx) == Moved::Yes {
                moved = Moved::Yes;
            }
            if !front.is_done() {
                break;
            }
            ended += 1;
            self.room = front.take_room();
            if self.exchanges.len() > 1 {
                self.exchanges.remove(0);
            } else {
                self.exchanges.clear();
            }
            if !link.can_write() || ended >= ANSWERS_A_TURN {
                break;
            }
        }
        (ended, moved)
    }

    /// Works on those exchanges that were woken, each with its own waker, a step each. Whoever was left without room
    /// comes first the next time.
    fn output_woken(&mut self, cx: &mut Context<'_>, link: &mut Link) -> (usize, Moved) {
        let mut moved = Moved::No;
        let count = self.exchanges.len();
        let task = cx.waker();
        for n in 0..count {
            let at = (self.turn as usize + n) % count;
            let codec = &mut self.codec;
            let mut env = Env {
                codec,
                link,
                config: &self.config,
                connection: &self.connection,
                task,
                is_draining: self.is_draining,
            };
            if n == 0 {
                env.send_interim();
            }
            if !env.link.can_write() {
                self.turn = at as u32;
                break;
            }
            let exchange = &mut self.exchanges[at];
            let Some(flag) = exchange.flag.clone().filter(|flag| flag.take()) else { continue };
            flag.follow(task);
            exchange.look_again();
            if exchange.drive(&self.service, &mut env, &mut Context::from_waker(&flag.waker())) == Moved::Yes
            {
                flag.mark();
                moved = Moved::Yes;
            }
        }
        (self.remove_done(), moved)
    }

    /// Returns how many exchanges were done.
    fn remove_done(&mut self) -> usize {
        let before = self.exchanges.len();
        let mut at = 0;
        while at < self.exchanges.len() {
            if !self.exchanges[at].is_done() {
                at += 1;
                continue;
            }
            self.room = self.exchanges[at].take_room();
            self.exchanges.remove(at);
            if at < self.turn as usize {
                self.turn -= 1;
            }
        }
        before - self.exchanges.len()
    }

    /// How many exchanges are worked on at a time.
    fn active(&self) -> usize {
        if C::ORDERED { self.exchanges.len().min(1) } else { self.exchanges.len() }
    }

    /// Sets the deadlines by what is waited for, and closes when nothing more will be said.
    fn settle(&mut self, seen: Seen, link: &mut Link) {
        self.settle_connection(link);
        if self.exchanges.is_empty() && self.exchanges.spilled() {
            // A connection that waits holds no more than it needs.
            self.exchanges = SmallVec::new();
        }
        let (now, has_room) = (link.now().mono, link.can_write());
        let active = self.active();
        let timeouts = &self.config.timeouts;
        let due = self.exchanges[..active].iter_mut().filter_map(|each| each.settle(now, has_room, timeouts));
        link.set_deadline(due.chain(self.until).min());
        link.allow(self.codec.input_room());
        match self.codec.phase() {
            // A request may have begun in what the codec has not seen.
            Phase::Closed(CloseReason::Shutdown) if seen == Seen::No && !link.inbound.is_empty() => {}
            Phase::Closed(why) => self.close(why, link),
            Phase::Idle | Phase::Busy | Phase::Draining(_) => {}
        }
    }

    /// Between exchanges the peer must finish a head that it began, or begin one.
    fn settle_connection(&mut self, link: &Link) {
        let timeouts = &self.config.timeouts;
        if !self.exchanges.is_empty() || !link.can_write() {
            // What is in the input may be whole.
            self.until = None;
        } else if self.age == Age::New || !link.inbound.is_empty() {
            self.wait_for(Due::Head, link.now().mono + timeouts.head);
        } else if !link.outbound.is_empty() {
            // The peer still takes its answer.
            self.until = None;
        } else {
            self.wait_for(Due::Use, link.now().mono + timeouts.idle);
        }
    }

    /// Begins to wait, unless this is waited for.
    fn wait_for(&mut self, what: Due, until: Instant) {
        if self.until.is_none() || self.due != what {
            (self.due, self.until) = (what, Some(until));
        }
    }

    fn close(&mut self, why: CloseReason, link: &mut Link) {
        let config = Arc::clone(&self.config);
        for mut exchange in self.exchanges.drain(..) {
            exchange.cancel(&config);
        }
        match why {
            CloseReason::Cut => link.abort(),
            CloseReason::PeerLeft => link.close(),
            CloseReason::PeerAsked
            | CloseReason::BadInput(_)
            | CloseReason::Delimiter
            | CloseReason::UnreadBody
            | CloseReason::Truncated
            | CloseReason::WeAsked
            | CloseReason::MaxRequests
            | CloseReason::Shutdown
            | CloseReason::TunnelEnded => link.close_lingering(),
        }
    }

    /// The connection as a whole waited too long.
    fn on_deadline(&mut self, due: Due, link: &mut Link) {
        match due {
            Due::Head if !link.inbound.is_empty() => self.fail(Error::HeadTimeout, link),
            Due::Head | Due::Use => link.close(),
        }
    }

    /// One exchange waited too long. A slow body ends the connection only where nothing else can follow it.
    fn on_exchange_deadline(&mut self, at: usize, kind: Kind, link: &mut Link) {
        let exchange = &mut self.exchanges[at];
        match kind {
            Kind::Body if C::ORDERED => self.fail(Error::BodyTooSlow, link),
            Kind::Body => {
                exchange.fail_body(&BodyError::Peer(Error::BodyTooSlow), Waker::noop());
                self.codec.discard(exchange.stream, &mut link.outbound);
            }
            Kind::Handler => exchange.time_out(&self.config),
            Kind::Tunnel => exchange.wake(),
        }
    }

    fn fail(&mut self, error: Error, link: &Link) {
        self.codec.fail(error);
        self.on_fault(error, Waker::noop(), link);
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
        self.settle(Seen::No, link);
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
        if self.until.take_if(|until| *until <= now).is_some() {
            self.on_deadline(self.due, link);
        }
        for at in 0..self.active() {
            while let Some(kind) = self.exchanges[at].take_due(now) {
                self.on_exchange_deadline(at, kind, link);
            }
        }
        Ok(())
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        let mut answers = 0;
        let mut work = Work::Waiting;
        let mut seen = Seen::No;
        loan::begin(&self.connection, self.lent.take());
        self.exchanges.iter_mut().for_each(|exchange| exchange.look_again());
        while link.can_write() && !link.is_closing() {
            let intake = self.intake(cx, link, &mut answers);
            if !link.can_write() {
                break;
            }
            let (ended, output) = self.output(cx, link);
            answers += ended;
            if intake == Seen::Yes && output == Moved::No {
                seen = Seen::Yes;
                break;
            }
            if answers >= ANSWERS_A_TURN {
                work = Work::Again;
                break;
            }
        }
        self.lent = loan::end();
        if !link.is_closing() {
            self.settle(seen, link);
        }
        Ok(work)
    }

    fn shutdown(&mut self, link: &mut Link) {
        self.is_draining = true;
        for exchange in &mut self.exchanges {
            exchange.shutdown();
        }
        self.codec.drain(&mut link.outbound);
        let idle = self.exchanges.is_empty() && link.inbound.is_empty() && link.outbound.is_empty();
        match self.codec.phase() {
            // Nobody is waiting for last words.
            Phase::Closed(_) if idle => link.close(),
            Phase::Closed(_) | Phase::Idle | Phase::Busy | Phase::Draining(_) => self.settle(Seen::No, link),
        }
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
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
