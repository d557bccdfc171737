//! The poll loop of one connection.
//!
//! # The progress law
//!
//! A [`Driver`] returns `Pending` only if it has woken itself, or if each source of progress is registered with the waker
//! of this poll:
//!
//! | source | registered by |
//! | --- | --- |
//! | read | [`Transport::poll_read`] was `Pending` in this poll, or the link does not want to be fed |
//! | work | [`Protocol::poll_work`] said [`Work::Waiting`] and moved nothing |
//! | timer | armed at the earliest deadline or before it, by the worker or by an alarm of our own; or there is none |
//! | write | [`Transport::poll_write`] was `Pending` in this poll, or queue and transport are empty |
//! | close | [`Transport::poll_close`] was `Pending` in this poll, or it is not time to close |
//! | shutdown | the waker stands in [`Connections`](super::Connections), and the stage was read after it was put there |
//!
//! # Turns
//!
//! One poll reads the clock once and takes turns while something moves. One turn: write what is left over; read, if
//! wanted, and hand over what came; poll the protocol's work; judge the deadline by the clock; write all that goes. A
//! budget of bytes and turns bounds a poll; then the driver wakes itself and yields. After a short read from a transport
//! whose reads cost a system call ([`Transport::REREAD_IS_FREE`]), the driver yields once before it reads again; so it does
//! after a poll that was to write alone ([`Driver::speak_first`]).
//!
//! # Closing
//!
//! Open, flushing, lingering, closed. [`Link::close`] and an error of the protocol lead to flushing: output is written and
//! our side is ended, and nothing but [`Protocol::connection_lost`] is called any more. If the peer has not ended its
//! side by then, lingering reads and drops what it still sends, for a bounded time and a bounded number of bytes, so that
//! the last bytes reach it and not a reset. [`Link::abort`] and errors of the transport close at once. The driver owns
//! two deadlines, in each state and for each protocol: a peer that takes no byte for [`Config::write_stall`] is dropped,
//! and lingering ends after [`Config::linger`].

use alloc::boxed::Box;
mod owned;

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::panic::catch_unwind;

use super::config::Config;
use super::runtime::{Runtime, Transport};
use super::shutdown::{Registration, Stage};
use super::spares::{self, Fit, Parked};
use super::timers::Reminder;
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::time::Instant;

/// One connection as a future: a protocol over a byte stream of a runtime.
///
/// It ends when the connection has ended. Dropping it earlier drops the connection, and the protocol hears
/// [`Lost::Killed`]. A panic in the protocol ends this connection and nothing else.
pub struct Driver<P: Protocol, R: Runtime> {
    /// There until the future has ended.
    protocol: Option<P>,
    link: Parked,
    stream: R::Stream,
    runtime: R,
    registration: Registration,
    reminder: Reminder<R::Timer>,
    config: Arc<Config>,
    waker: Option<Waker>,
    /// The write-stall deadline; while lingering, its end.
    own_deadline: Option<Instant>,
    /// What the transport reported last.
    fault: Option<io::ErrorKind>,
    state: State,
    input: Input,
    output: Output,
    notice: Notice,
    fit: Fit,
    /// Whether the transport took a byte.
    has_written: bool,
    /// What the next poll takes for known of its reads.
    opening: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Open,
    Flushing { cause: Lost, linger: Linger },
    Lingering { cause: Lost, bytes: u32, linger: Linger },
    Closed(Lost),
}

/// Whether the connection is read on after we closed, so that the peer gets our last bytes and not a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linger {
    /// When a look at the socket finds something unread.
    IfUnread,
    /// Until the peer ends, within the bounds: it is sending.
    UntilEof,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

/// Whether the transport still holds bytes that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Flushed,
    UnderWay,
}

/// Whether the protocol knows of the shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Nothing came from the peer. It may say what it came for before the protocol is told, until the drain.
    Unheard,
    /// The protocol will be told as soon as the shutdown is announced.
    Due,
    /// The shutdown is announced, and input waits of which the event loop has yet to tell: that is read first.
    Behind,
    Told,
}

/// What a direction of the stream said in this poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Nothing is known: ask.
    Ask,
    /// It gave less than it could have: ask in the next poll.
    Short,
    /// `Pending`: the waker is registered.
    Blocked,
}

/// How a poll ends that does not end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Park,
    Yield,
}

/// What is there within one poll.
struct Round {
    link: Box<Link>,
    now: Instant,
    shutdown: Stage,
    bytes: usize,
    read: Side,
    write: Side,
}

impl Round {
    fn spend(&mut self, n: usize) {
        self.bytes = self.bytes.saturating_sub(n);
    }
}

/// Nothing is ever pinned inside.
impl<P: Protocol, R: Runtime> Unpin for Driver<P, R> {}

impl<P: Protocol, R: Runtime> Driver<P, R> {
    /// Puts a protocol over a stream. Nothing is called before the first poll.
    pub fn new(
        protocol: P,
        stream: R::Stream,
        runtime: R,
        registration: Registration,
        config: Arc<Config>,
    ) -> Self {
        Self {
            protocol: Some(protocol),
            link: Parked::default(),
            stream,
            runtime,
            registration,
            reminder: Reminder::new(),
            config,
            waker: None,
            own_deadline: None,
            fault: None,
            state: State::New,
            input: Input::Open,
            output: Output::Flushed,
            notice: Notice::Unheard,
            fit: Fit::Large,
            has_written: false,
            opening: Side::Ask,
        }
    }

    /// The link, if it holds anything between polls.
    #[cfg(test)]
    pub(crate) fn link(&self) -> Option<&Link> {
        self.link.kept()
    }

    /// One poll. `Ready` says why the connection is over.
    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Lost> {
        self.keep_waker(cx.waker());
        let now = self.runtime.now();
        let shutdown = self.registration.stage();
        if shutdown == Stage::Kill {
            return Poll::Ready(Lost::Killed);
        }
        let mut round = Round {
            link: self.link.lend(now, self.config.high_water),
            now: now.mono,
            shutdown,
            bytes: self.config.budget_bytes.max(1),
            read: core::mem::replace(&mut self.opening, Side::Ask),
            write: Side::Ask,
        };
        round.link.outbound.set_takes_files(R::Stream::SENDS_FILES);
        let rest = self.turns(cx, &mut round);
        let rest = match rest.and_then(|rest| self.judge_own_deadline(round.now).map(|()| rest)) {
            Ok(rest) => rest,
            Err(lost) => return Poll::Ready(lost),
        };
        let deadline = round.link.deadline().into_iter().chain(self.own_deadline).min();
        self.link.park(round.link, self.config.high_water, &mut self.fit);
        if rest == Rest::Yield || self.arm(cx, round.now, deadline).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn keep_waker(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return;
        }
        self.registration.set_waker(waker);
        self.reminder.waker_changed();
        self.waker = Some(waker.clone());
    }

    fn turns(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<Rest, Lost> {
        for _ in 0..self.config.budget_turns.max(1) {
            if !self.turn(cx, round)? {
                return Ok(self.rest(round));
            }
            if round.bytes == 0 {
                break;
            }
        }
        Ok(Rest::Yield)
    }

    /// Keeps the progress law: nothing moved, so each direction that matters must be registered.
    fn rest(&self, round: &Round) -> Rest {
        let reads = self.reads(&round.link) && round.read != Side::Blocked;
        let writes = self.writes(&round.link) && round.write != Side::Blocked;
        if reads || writes { Rest::Yield } else { Rest::Park }
    }

    fn reads(&self, link: &Link) -> bool {
        let wanted = match self.state {
            State::Open => link.wants_read(),
            State::Lingering { .. } => true,
            State::New | State::Flushing { .. } | State::Closed(_) => false,
        };
        wanted && self.input == Input::Open
    }

    fn writes(&self, link: &Link) -> bool {
        !link.outbound.is_empty() || self.output == Output::UnderWay
    }

    /// Returns whether anything moved.
    fn turn(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        match self.state {
            State::New => {
                self.state = State::Open;
                self.call(round, P::connection_made)?;
                Ok(true)
            }
            State::Open => self.converse(cx, round),
            State::Flushing { cause, linger } => self.flush(cx, round, cause, linger),
            State::Lingering { cause, bytes, linger } => self.linger(cx, round, cause, bytes, linger),
            State::Closed(_) => Ok(false),
        }
    }

    fn converse(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        let mut moved = self.write_or_look(cx, round)?;
        moved |= self.read(cx, round)?;
        if self.state == State::Open {
            moved |= self.give_notice(round)?;
        }
        if self.state == State::Open {
            moved |= self.work(cx, round)?;
        }
        if self.state == State::Open && round.link.take_due() {
            self.call(round, P::deadline_reached)?;
            moved = true;
        }
        moved |= self.write_or_look(cx, round)?;
        Ok(moved || self.state != State::Open)
    }

    /// Writes; when that fails, the protocol gets what the peer sent before, if its owner asked for that.
    fn write_or_look(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        let written = self.write(cx, round);
        if written.is_err() && self.config.last_look && self.state == State::Open {
            let fault = self.fault;
            round.read = Side::Ask;
            while round.bytes > 0 && self.read(cx, round) == Ok(true) && self.state == State::Open {
                self.work(cx, round)?;
            }
            self.fault = fault;
        }
        written
    }

    /// Calls the protocol and acts upon what it asked for.
    fn call<E>(
        &mut self,
        round: &mut Round,
        f: impl FnOnce(&mut P, &mut Link) -> Result<(), E>,
    ) -> Result<(), Lost> {
        let Some(protocol) = &mut self.protocol else {
            return Err(Lost::Failed);
        };
        let result = f(protocol, &mut round.link);
        self.follow(&mut round.link, result.is_err())
    }

    fn follow(&mut self, link: &mut Link, failed: bool) -> Result<(), Lost> {
        if link.is_aborted() {
            return Err(Lost::Aborted);
        }
        if failed || link.is_closing() {
            let sending = failed || link.lingers() || !link.inbound.is_empty();
            self.state = State::Flushing {
                cause: if failed { Lost::Failed } else { Lost::Closed },
                linger: if sending { Linger::UntilEof } else { Linger::IfUnread },
            };
            link.set_deadline(None);
            link.inbound.clear();
        }
        Ok(())
    }

    /// Tells the protocol of the shutdown when it is time: at once where the peer was heard and no more of it waits.
    fn give_notice(&mut self, round: &mut Round) -> Result<bool, Lost> {
        if round.shutdown < Stage::Announce {
            return Ok(false);
        }
        let blocked = round.read == Side::Blocked;
        let waits = match self.notice {
            Notice::Unheard => self.input == Input::Open,
            Notice::Due => blocked && self.reads(&round.link) && self.stream.is_quiet() == Some(false),
            Notice::Behind => blocked,
            Notice::Told => return Ok(false),
        };
        if waits && round.shutdown < Stage::Drain {
            if self.notice == Notice::Due {
                self.notice = Notice::Behind;
            }
            return Ok(false);
        }
        self.notice = Notice::Told;
        self.call(round, |protocol, link| {
            protocol.shutdown(link);
            Ok::<_, P::Error>(())
        })?;
        Ok(true)
    }

    fn work(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        let Some(protocol) = &mut self.protocol else {
            return Err(Lost::Failed);
        };
        let link = &mut round.link;
        let before = (link.inbound.len(), link.outbound.len(), link.wants_read());
        let result = protocol.poll_work(cx, link);
        let after = (link.inbound.len(), link.outbound.len(), link.wants_read());
        self.follow(link, result.is_err())?;
        let again = match result {
            Ok(Work::Waiting) => false,
            Ok(Work::Again) | Err(_) => true,
        };
        Ok(again || before != after)
    }

    fn read(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        if round.read != Side::Ask || !self.reads(&round.link) {
            return Ok(false);
        }
        let limit = spares::make_room(&mut round.link, &mut self.fit);
        match self.stream.poll_read(cx, &mut round.link.inbound, limit) {
            Poll::Pending => {
                round.read = Side::Blocked;
                return Ok(false);
            }
            Poll::Ready(Err(error)) => return Err(self.broken(&error)),
            Poll::Ready(Ok(0)) => {
                self.input = Input::Ended;
                self.call(round, |protocol, link| protocol.eof_received(link, Eof::Clean))?;
            }
            Poll::Ready(Ok(n)) => {
                note_read::<R::Stream>(round, n, limit);
                if self.notice == Notice::Unheard {
                    self.notice = Notice::Due;
                }
                self.call(round, P::data_received)?;
            }
        }
        Ok(true)
    }

    /// Writes all that goes.
    fn write(&mut self, cx: &mut Context<'_>, round: &mut Round) -> Result<bool, Lost> {
        if !self.writes(&round.link) {
            if self.state == State::Open {
                self.own_deadline = None;
            }
            return Ok(false);
        }
        let mut moved = false;
        while round.write == Side::Ask && round.bytes > 0 && self.writes(&round.link) {
            let empty = round.link.outbound.is_empty();
            match self.stream.poll_write(cx, &mut round.link.outbound) {
                Poll::Pending => {
                    round.write = Side::Blocked;
                    self.own_deadline.get_or_insert(round.now + self.config.write_stall);
                }
                Poll::Ready(Err(error)) => return Err(self.broken(&error)),
                Poll::Ready(Ok(0)) if empty => self.output = Output::Flushed,
                Poll::Ready(Ok(0)) => return Err(Lost::Broken),
                Poll::Ready(Ok(n)) => {
                    moved = true;
                    round.spend(n);
                    self.has_written = true;
                    self.own_deadline = Some(round.now + self.config.write_stall);
                    if R::Stream::BUFFERS_WRITES {
                        self.output = Output::UnderWay;
                    }
                }
            }
        }
        if !self.writes(&round.link) {
            self.own_deadline = None;
        }
        Ok(moved)
    }

    fn flush(
        &mut self,
        cx: &mut Context<'_>,
        round: &mut Round,
        cause: Lost,
        linger: Linger,
    ) -> Result<bool, Lost> {
        let moved = self.write(cx, round)?;
        if !round.link.outbound.is_empty() {
            return Ok(moved);
        }
        self.output = Output::Flushed;
        match self.stream.poll_close(cx) {
            Poll::Pending => {
                self.own_deadline.get_or_insert(round.now + self.config.write_stall);
                Ok(moved)
            }
            Poll::Ready(Err(error)) => Err(self.broken(&error)),
            Poll::Ready(Ok(())) if self.input == Input::Ended || self.config.linger.is_zero() => Err(cause),
            Poll::Ready(Ok(())) => {
                let bytes = u32::try_from(self.config.linger_bytes).unwrap_or(u32::MAX);
                self.state = State::Lingering { cause, bytes, linger };
                self.own_deadline = Some(round.now + self.config.linger);
                Ok(true)
            }
        }
    }

    fn linger(
        &mut self,
        cx: &mut Context<'_>,
        round: &mut Round,
        cause: Lost,
        bytes: u32,
        linger: Linger,
    ) -> Result<bool, Lost> {
        match (round.read, linger) {
            (Side::Ask, _) => {}
            (Side::Blocked, Linger::IfUnread) => return Err(cause),
            (Side::Blocked, Linger::UntilEof) | (Side::Short, _) => return Ok(false),
        }
        let limit = spares::make_space(&mut round.link, &mut self.fit, spares::READ);
        match self.stream.poll_read(cx, &mut round.link.inbound, limit) {
            Poll::Pending if linger == Linger::IfUnread => Err(cause),
            Poll::Pending => {
                round.read = Side::Blocked;
                Ok(false)
            }
            Poll::Ready(Ok(n @ 1..)) if n < bytes as usize => {
                round.link.inbound.clear();
                note_read::<R::Stream>(round, n, limit);
                self.state = State::Lingering { cause, bytes: bytes - n as u32, linger: Linger::UntilEof };
                Ok(true)
            }
            Poll::Ready(Ok(_) | Err(_)) => Err(cause),
        }
    }

    fn judge_own_deadline(&self, now: Instant) -> Result<(), Lost> {
        if self.own_deadline.is_none_or(|at| at > now) {
            return Ok(());
        }
        match self.state {
            State::Lingering { cause, .. } => Err(cause),
            State::New | State::Open | State::Flushing { .. } | State::Closed(_) => Err(Lost::Stalled),
        }
    }

    /// Sees to the timer. `Ready`: a deadline is due by now.
    fn arm(&mut self, cx: &mut Context<'_>, now: Instant, deadline: Option<Instant>) -> Poll<()> {
        match deadline {
            None => Poll::Pending,
            Some(at) => self.reminder.poll_at(cx, now, at, &self.registration, &self.runtime),
        }
    }

    fn broken(&mut self, error: &io::Error) -> Lost {
        self.fault = Some(error.kind());
        Lost::Broken
    }

    /// Tells the protocol, once. Nothing that it does any more can harm the worker.
    fn end(&mut self, cause: Lost) {
        self.state = State::Closed(cause);
        if let Some(protocol) = &mut self.protocol {
            forget_panic(catch_unwind(AssertUnwindSafe(|| protocol.connection_lost(cause))));
        }
    }

    fn drop_protocol(&mut self) {
        let protocol = self.protocol.take();
        forget_panic(catch_unwind(AssertUnwindSafe(|| drop(protocol))));
    }
}

/// Counts what was read, and notes whether another read in this poll is worth it.
fn note_read<T: Transport>(round: &mut Round, n: usize, limit: usize) {
    round.spend(n);
    if n < limit && !T::REREAD_IS_FREE {
        round.read = Side::Short;
    }
}

/// The payload of a panic is the handler's: dropping it may panic again.
fn forget_panic(result: std::thread::Result<()>) {
    if let Err(payload) = result
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        core::mem::forget(again);
    }
}

impl<P: Protocol, R: Runtime> Future for Driver<P, R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        core::task::ready!(this.poll_lost(cx));
        this.drop_protocol();
        Poll::Ready(())
    }
}

impl<P: Protocol, R: Runtime> Drop for Driver<P, R> {
    fn drop(&mut self) {
        match self.state {
            State::Closed(_) => {}
            State::New | State::Open | State::Flushing { .. } | State::Lingering { .. } => {
                self.end(Lost::Killed)
            }
        }
        self.drop_protocol();
    }
}

impl<P: Protocol, R: Runtime> fmt::Debug for Driver<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("state", &self.state).field("link", &self.link).finish_non_exhaustive()
    }
}
