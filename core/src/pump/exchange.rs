//! One request and its answer, from the head to the last byte.

use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;

use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::Bytes;

use super::config::{Config, Debug, DebugEvent};
use super::deadlines::{BodyClock, Deadlines, Kind, Starts};
use super::tunnel::{Early, Tunnel};
use super::wakers::Flag;
use crate::body::{Body, BodyError, Slot, Waiting};
use crate::codec::{Codec, StreamId};
use crate::head::{Headers, Known, RequestHead, ResponseHead, Status};
use crate::limits::Timeouts;
use crate::link::Link;
use crate::protocol::Eof;
use crate::service::{Connection, Request, Response, Running, Service};
use crate::time::Instant;

mod answer;

/// What an exchange works with, lent for the time of a call.
pub(super) struct Env<'a, C> {
    pub(super) codec: &'a mut C,
    pub(super) link: &'a mut Link,
    pub(super) config: &'a Config,
    pub(super) connection: &'a Arc<Connection>,
    /// The connection's own waker.
    pub(super) task: &'a Waker,
    pub(super) is_draining: bool,
}

impl<C: Codec<Out = ResponseHead>> Env<'_, C> {
    /// Sends the interim responses that handlers asked for. One that comes after its answer has no place any more.
    #[inline]
    pub(super) fn send_interim(&mut self) {
        if self.connection.has_interim() {
            self.send_waiting_interim();
        }
    }

    #[cold]
    fn send_waiting_interim(&mut self) {
        for (stream, head) in self.connection.take_interim() {
            let _late = self.codec.send_interim(stream, &head, &mut self.link.outbound);
        }
    }
}

/// How far the answer is.
enum State {
    /// It is not its turn; nothing has begun.
    Queued(Request),
    /// The answer is there, and its turn is not.
    Answered(Box<Response>),
    /// The handler works.
    Running,
    /// The head is out, the body follows.
    Sending(Box<Sending>),
    /// The connection belongs to another protocol.
    Tunnel(Box<Tunnel>),
    /// All is said.
    Done,
}

/// A body on its way out.
struct Sending {
    body: Body,
    /// What did not fit of the last chunk.
    left: Bytes,
}

/// What is still to come of a request, and what came of it.
#[derive(Default)]
struct Coming {
    clock: Option<BodyClock>,
    slot: Option<Arc<Slot>>,
    /// What the body stands in once it came whole.
    watched: Option<Arc<Slot>>,
    /// Where the request asked for a tunnel: what came before there is one.
    early: Option<Early>,
    /// Whether the body was asked for.
    asked: bool,
}

pub(super) struct Exchange<R> {
    pub(super) stream: StreamId,
    /// Its own waker, where several exchanges live at once.
    pub(super) flag: Option<Arc<Flag>>,
    started: Instant,
    deadlines: Deadlines,
    state: State,
    /// Nothing where the request was whole with its head.
    coming: Option<Box<Coming>>,
    /// Whether it was polled and waits: nothing is gained by another poll before something new comes.
    waits: bool,
    running: R,
}

/// Whether something moved that makes another look worthwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Yes,
    No,
}

impl<R: Running> Exchange<R> {
    pub(super) fn new(stream: StreamId, now: Instant, running: R) -> Self {
        Self {
            stream,
            flag: None,
            started: now,
            deadlines: Deadlines::default(),
            state: State::Done,
            coming: None,
            waits: false,
            running,
        }
    }

    /// The request has a body of which more will come, into `slot`, behind `received` bytes that came already; `credit`
    /// is how many bytes might have come.
    pub(super) fn expect_body(
        &mut self,
        head: &RequestHead,
        slot: Option<Arc<Slot>>,
        received: usize,
        credit: usize,
    ) {
        if slot.is_some() {
            let waits = head.headers.known(Known::Expect).is_some() && received == 0;
            let mut clock = BodyClock::new(if waits { Starts::WhenAsked } else { Starts::Now }, credit);
            if received > 0 {
                clock.received(received);
            }
            let coming = self.coming.get_or_insert_default();
            coming.clock = Some(clock);
            coming.slot = slot;
        }
    }

    /// The request is one for a tunnel.
    pub(super) fn expect_tunnel(&mut self) {
        self.coming.get_or_insert_default().early = Some(Early::default());
    }

    /// The request waits for its turn.
    pub(super) fn queue(&mut self, request: Request) {
        self.state = State::Queued(request);
    }

    /// The debug mode wants to know whether the body is read.
    pub(super) fn watch(&mut self, whole: Option<Arc<Slot>>) {
        if whole.is_some() {
            self.coming.get_or_insert_default().watched = whole;
        }
    }

    /// The answer is known without a handler.
    pub(super) fn answer(&mut self, response: Response) {
        self.state = State::Answered(Box::new(response));
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running)
    }

    /// Sets the deadlines by what is waited for, and returns the earliest. Without room for output nothing is waited for
    /// but the peer's reading, which is the driver's business.
    pub(super) fn settle(&mut self, now: Instant, has_room: bool, timeouts: &Timeouts) -> Option<Instant> {
        let clock = self.coming.as_mut().and_then(|coming| coming.clock.as_mut());
        let body = clock.and_then(|clock| clock.deadline(now, !has_room, timeouts));
        let handler = timeouts.handler.filter(|_| self.is_running()).map(|limit| self.started + limit);
        let tunnel = match &self.state {
            State::Tunnel(tunnel) => tunnel.deadline(),
            State::Queued(_) | State::Answered(_) | State::Running | State::Sending(_) | State::Done => None,
        };
        self.deadlines.set(Kind::Body, body);
        self.deadlines.set(Kind::Handler, handler.filter(|_| has_room));
        self.deadlines.set(Kind::Tunnel, tunnel.filter(|_| has_room));
        self.deadlines.next()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Kind> {
        self.deadlines.take_due(now)
    }

    pub(super) fn shutdown(&mut self) {
        if let State::Tunnel(tunnel) = &mut self.state {
            tunnel.shutdown();
            self.wake();
        }
    }

    /// Marks the exchange as one that something came for, while the pump runs.
    pub(super) fn wake(&mut self) {
        self.waits = false;
        if let Some(flag) = &self.flag {
            flag.mark();
        }
    }

    /// Ends an exchange that is done, and returns the room for the next one.
    #[inline]
    pub(super) fn into_room(self) -> Result<R, Self> {
        match self {
            Self { state: State::Done, running, .. } => Ok(running),
            goes_on => Err(goes_on),
        }
    }

    /// Takes the room for the next exchange.
    pub(super) fn take_room(&mut self) -> R {
        mem::take(&mut self.running)
    }

    /// Lets the exchange be polled again: it may have been woken.
    pub(super) fn look_again(&mut self) {
        self.waits = false;
    }

    pub(super) fn feed(&mut self, bytes: Bytes, task: &Waker) {
        if let State::Tunnel(tunnel) = &mut self.state {
            tunnel.feed(bytes);
            self.wake();
            return;
        }
        let Some(coming) = &mut self.coming else { return };
        if let Some(clock) = &mut coming.clock {
            clock.received(bytes.len());
        }
        if let Some(slot) = &coming.slot {
            let waiting = slot.feed(bytes, Some(&waker(self.flag.as_ref(), task)));
            self.hear(waiting);
        } else if let Some(early) = &mut coming.early {
            early.feed(bytes);
        }
    }

    pub(super) fn end(&mut self, trailers: Option<Headers>, task: &Waker) {
        if let State::Tunnel(tunnel) = &mut self.state {
            tunnel.eof(Eof::Clean);
            self.wake();
            return;
        }
        let Some(coming) = &mut self.coming else { return };
        coming.clock = None;
        if let Some(slot) = coming.slot.take() {
            let waiting = slot.finish(trailers, Some(&waker(self.flag.as_ref(), task)));
            if self.flag.is_none() {
                slot.forget_feeder();
            }
            coming.watched = Some(slot);
            self.hear(waiting);
        } else if let Some(early) = &mut coming.early {
            early.eof();
        }
    }

    /// The rest of the request's body will not come.
    pub(super) fn fail_body(&mut self, error: &BodyError, task: &Waker) {
        if let State::Tunnel(tunnel) = &mut self.state {
            tunnel.eof(Eof::Cut);
            self.wake();
            return;
        }
        let Some(coming) = &mut self.coming else { return };
        coming.clock = None;
        if let Some(slot) = coming.slot.take() {
            let waiting = slot.fail(error.clone(), Some(&waker(self.flag.as_ref(), task)));
            self.hear(waiting);
        }
    }

    /// The body's reader was waiting here or elsewhere.
    fn hear(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Here => self.wake(),
            Waiting::Elsewhere => {}
        }
    }

    /// Drops what the exchange was doing: its peer is gone.
    pub(super) fn cancel(&mut self, config: &Config) {
        if let Some(slot) = self.coming.as_mut().and_then(|coming| coming.slot.take()) {
            slot.fail(BodyError::Gone, None);
        }
        let state = mem::replace(&mut self.state, State::Done);
        if let (State::Running, Some(debug)) = (&state, &config.debug) {
            debug.report(&DebugEvent::Cancelled { handler: self.running.name() });
        }
        if let State::Tunnel(tunnel) = state {
            tunnel.lost();
            return;
        }
        self.drop_call(state, config);
    }

    fn drop_call(&mut self, state: State, config: &Config) {
        let running = &mut self.running;
        let unharmed = catch_unwind(AssertUnwindSafe(|| {
            drop(state);
            running.cancel();
        }));
        if unharmed.is_err() {
            self.discard_room(config);
        }
    }

    /// The handler took too long: it is dropped and answered for.
    pub(super) fn time_out(&mut self, config: &Config) {
        if self.is_running() {
            if let Some(debug) = &config.debug {
                debug.report(&DebugEvent::Cancelled { handler: self.running.name() });
            }
            let state = mem::replace(&mut self.state, State::Done);
            self.drop_call(state, config);
            self.wake();
            let text = "the handler took too long\n";
            self.answer(Response::text(text).with_status(Status::SERVICE_UNAVAILABLE));
        }
    }

    /// Goes on as far as can be gone without waiting; where several exchanges share the connection, one step.
    pub(super) fn drive<S, C>(&mut self, service: &S, env: &mut Env<'_, C>, cx: &mut Context<'_>) -> Moved
    where
        S: Service<Running = R>,
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        let mut moved = Moved::No;
        loop {
            let step = match &self.state {
                State::Queued(_) => self.start(service, env),
                State::Answered(_) => self.send_answer(env),
                State::Running | State::Sending(_) | State::Tunnel(_) if self.waits => Moved::No,
                State::Running => self.poll_handler(env, cx),
                State::Sending(_) => self.send_body(env, cx),
                State::Tunnel(_) => self.drive_tunnel(env, cx),
                State::Done => Moved::No,
            };
            let taken = self.take_intake(env, cx);
            if step == Moved::Yes || taken == Moved::Yes {
                moved = Moved::Yes;
            }
            self.waits = step == Moved::No;
            if self.waits || !C::ORDERED || !env.link.can_write() {
                return moved;
            }
        }
    }

    fn start<S, C>(&mut self, service: &S, env: &mut Env<'_, C>) -> Moved
    where
        S: Service<Running = R>,
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        if let State::Queued(request) = mem::replace(&mut self.state, State::Done) {
            self.call(request, service, env);
        }
        Moved::Yes
    }

    /// Calls the handler; an answer that is there at once is sent at once.
    pub(super) fn call<S, C>(&mut self, request: Request, service: &S, env: &mut Env<'_, C>)
    where
        S: Service<Running = R>,
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        self.set(State::Running);
        self.started = env.link.now().mono;
        let running = &mut self.running;
        let before = env.config.debug.as_deref().map(Debug::now);
        let called = catch_unwind(AssertUnwindSafe(|| service.call(request, running)));
        self.report_slow(env.config, before);
        match called {
            Ok(None) => {}
            Ok(Some(response)) => self.send(response, env),
            Err(_) => self.panicked(env.config),
        }
    }

    fn poll_handler<C>(&mut self, env: &mut Env<'_, C>, cx: &mut Context<'_>) -> Moved
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        let running = &mut self.running;
        let before = env.config.debug.as_deref().map(Debug::now);
        let polled = catch_unwind(AssertUnwindSafe(|| running.poll(cx)));
        self.report_slow(env.config, before);
        match polled {
            Ok(Poll::Pending) => {
                env.connection.watch_interim(env.task);
                env.send_interim();
                return Moved::No;
            }
            Ok(Poll::Ready(response)) => self.send(response, env),
            Err(_) => self.panicked(env.config),
        }
        Moved::Yes
    }

    fn report_slow(&self, config: &Config, before: Option<Instant>) {
        let (Some(debug), Some(before)) = (&config.debug, before) else { return };
        let took = debug.now() - before;
        if took > Debug::SLOW_POLL {
            debug.report(&DebugEvent::SlowPoll { handler: self.running.name(), took });
        }
    }

    fn panicked(&mut self, config: &Config) {
        if let Some(debug) = &config.debug {
            debug.report(&DebugEvent::Panicked { handler: self.running.name() });
        }
        self.discard_room(config);
        self.answer(Response::text("the handler failed\n").with_status(Status::INTERNAL_SERVER_ERROR));
    }

    /// Leaves the room to itself: what is in it panicked once and may do so again while it is dropped.
    fn discard_room(&mut self, config: &Config) {
        let room = mem::take(&mut self.running);
        if catch_unwind(AssertUnwindSafe(|| drop(room))).is_err()
            && let Some(debug) = &config.debug
        {
            debug.report(&DebugEvent::Panicked { handler: "drop of a handler" });
        }
    }

    /// Tells the codec before the head is sent whether anybody will read the rest of the request. Whoever keeps the body
    /// beyond the answer will, so that a peer which waits for leave to send it gets that now, ahead of the head.
    fn note_unread<C: Codec>(&mut self, env: &mut Env<'_, C>) {
        let Some(coming) = &mut self.coming else { return };
        let Some(slot) = &coming.slot else { return };
        if slot.is_dropped() {
            self.discard_rest(env);
        } else if !mem::replace(&mut coming.asked, true) {
            self.ask(env, 0);
        }
    }

    /// Lets the peer send `taken` more bytes of the body.
    fn ask<C: Codec>(&mut self, env: &mut Env<'_, C>, taken: usize) {
        if let Some(clock) = self.coming.as_mut().and_then(|coming| coming.clock.as_mut()) {
            clock.ask();
            clock.granted(taken);
        }
        env.codec.grant(self.stream, taken, &mut env.link.outbound);
    }

    fn discard_rest<C: Codec>(&mut self, env: &mut Env<'_, C>) {
        let Some(coming) = &mut self.coming else { return };
        if coming.slot.take().is_none() {
            return;
        }
        coming.clock = None;
        if let Some(debug) = &env.config.debug {
            debug.report(&DebugEvent::BodyNotConsumed { handler: self.running.name() });
        }
        env.codec.discard(self.stream, &mut env.link.outbound);
    }

    /// Tells the codec what the reader of the request's body did.
    fn take_intake<C: Codec>(&mut self, env: &mut Env<'_, C>, cx: &Context<'_>) -> Moved {
        let Some(coming) = &mut self.coming else { return Moved::No };
        let Some(slot) = &coming.slot else { return self.take_ended(env, cx) };
        let intake = slot.intake(cx);
        if intake.dropped {
            self.discard_rest(env);
            return Moved::Yes;
        }
        let first = intake.wanted && !mem::replace(&mut coming.asked, intake.wanted);
        if intake.taken == 0 && !first {
            return Moved::No;
        }
        self.ask(env, intake.taken);
        Moved::Yes
    }

    /// The body came whole. What is read of it is still granted: other streams may wait for the connection's credit.
    fn take_ended<C: Codec>(&self, env: &mut Env<'_, C>, cx: &Context<'_>) -> Moved {
        let watched = self.coming.as_ref().and_then(|coming| coming.watched.as_ref());
        let Some(slot) = watched.filter(|_| !C::ORDERED) else { return Moved::No };
        let taken = slot.intake(cx).taken;
        if taken == 0 {
            return Moved::No;
        }
        env.codec.grant(self.stream, taken, &mut env.link.outbound);
        Moved::Yes
    }

    fn drive_tunnel<C>(&mut self, env: &mut Env<'_, C>, cx: &mut Context<'_>) -> Moved
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        let State::Tunnel(tunnel) = &mut self.state else { return Moved::No };
        let turn = tunnel.turn(self.stream, env.codec, env.link, cx);
        if turn.is_over {
            self.finish(env);
        }
        turn.moved
    }

    /// Moves on, and returns the state that was, where it holds something.
    #[inline]
    fn replace(&mut self, state: State) -> Option<State> {
        match mem::replace(&mut self.state, state) {
            empty @ (State::Running | State::Done) => {
                // There is nothing to drop, and to find that out would be a call.
                mem::forget(empty);
                None
            }
            held @ (State::Queued(_) | State::Answered(_) | State::Sending(_) | State::Tunnel(_)) => {
                Some(held)
            }
        }
    }

    /// Moves on.
    #[inline]
    fn set(&mut self, state: State) {
        drop(self.replace(state));
    }

    /// The answer is out. Nobody is left to read what remains of the request.
    #[inline]
    fn finish<C: Codec>(&mut self, env: &mut Env<'_, C>) {
        if let Some(held) = self.replace(State::Done) {
            self.drop_call(held, env.config);
        }
        if self.coming.is_some() {
            self.finish_request(env);
        }
    }

    fn finish_request<C: Codec>(&mut self, env: &mut Env<'_, C>) {
        let Some(coming) = &mut self.coming else { return };
        if let Some(slot) = &coming.slot {
            slot.fail(BodyError::Gone, None);
        }
        if coming.early.take().is_some() {
            env.codec.discard(self.stream, &mut env.link.outbound);
        }
        self.discard_rest(env);
        self.report_unread(env.config);
    }

    /// Reports a body that came whole and that nobody read.
    fn report_unread(&mut self, config: &Config) {
        let watched = self.coming.as_mut().and_then(|coming| coming.watched.take());
        if let (Some(slot), Some(debug)) = (watched, &config.debug)
            && slot.is_wasted()
        {
            debug.report(&DebugEvent::BodyNotConsumed { handler: self.running.name() });
        }
    }
}

/// Returns the waker that an exchange is polled with.
fn waker(flag: Option<&Arc<Flag>>, task: &Waker) -> Waker {
    flag.map_or_else(|| task.clone(), Flag::waker)
}
