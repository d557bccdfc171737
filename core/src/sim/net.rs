//! Connections: two pipes, and all that can go wrong with them.

use core::task::{Poll, Waker};
use core::time::Duration;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use std::io;

use super::config::{Portions, Writes};
use super::trace::Action;
use super::world::{Event, World};
use crate::link::Outbound;
use crate::time::Instant;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that connected.
    Client,
    /// The end that was accepted.
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What can be planned to happen to a connection; see [`SimStream::plan`](super::SimStream::plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Both ends fail from here on; what was not read is lost.
    Reset,
    /// The end that planned it ends its stream and can write no more.
    HalfClose,
    /// Nothing moves for so long; [`Duration::MAX`] is for ever.
    Stall(Duration),
}

/// How far an end is with its stream of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// The end follows as soon as the staged bytes have left.
    Finishing,
    Finished,
}

/// The operations that an end can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Read,
    Write,
    /// Until what was taken has left.
    Flush,
    Close,
}

impl Op {
    const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Flush, Self::Close];
}

/// One operation of one end: who waits for it, and until when it is held up.
#[derive(Debug, Default)]
struct Wait {
    waker: Option<Waker>,
    held_until: Option<Instant>,
}

#[derive(Debug)]
struct End {
    /// Held by somebody.
    alive: bool,
    /// Arrived and not read.
    inbox: VecDeque<u8>,
    /// Taken whole by a completion-based write, and not yet in the peer's inbox.
    staged: Bytes,
    sending: Sending,
    waits: [Wait; 4],
}

impl End {
    fn new(alive: bool) -> Self {
        Self {
            alive,
            inbox: VecDeque::new(),
            staged: Bytes::new(),
            sending: Sending::Open,
            waits: Default::default(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Conn {
    ends: [End; 2],
    is_reset: bool,
    stalled_until: Option<Instant>,
    steps: u64,
    faults: Vec<(u64, Side, Fault)>,
}

impl Conn {
    /// Moves staged bytes into the inbox they are for, and ends streams whose last bytes are there.
    fn carry(&mut self, window: usize) -> Option<Side> {
        let mut finished = None;
        for side in [Side::Client, Side::Server] {
            let room = window.saturating_sub(self.ends[side.other() as usize].inbox.len());
            let n = room.min(self.ends[side as usize].staged.len());
            let moved = self.ends[side as usize].staged.split_to(n);
            self.ends[side.other() as usize].inbox.extend(moved);
            let end = &mut self.ends[side as usize];
            if end.sending == Sending::Finishing && end.staged.is_empty() {
                end.sending = Sending::Finished;
                finished = Some(side);
            }
        }
        finished
    }

    /// Whether an operation would do something, hold-ups aside.
    fn can(&self, side: Side, op: Op, window: usize) -> bool {
        let (end, peer) = (&self.ends[side as usize], &self.ends[side.other() as usize]);
        self.is_reset
            || match op {
                Op::Read => !end.inbox.is_empty() || peer.sending == Sending::Finished,
                Op::Write => {
                    end.sending != Sending::Open
                        || !peer.alive
                        || (end.staged.is_empty() && peer.inbox.len() < window)
                }
                Op::Flush | Op::Close => end.staged.is_empty(),
            }
    }

    fn is_held(&self, side: Side, op: Op, now: Instant) -> bool {
        let stalled =
            matches!(op, Op::Read | Op::Write) && self.stalled_until.is_some_and(|until| until > now);
        let held = self.ends[side as usize].waits[op as usize].held_until;
        !self.is_reset && (stalled || held.is_some_and(|until| until > now))
    }
}

/// What an operation has to do when it may go on.
enum Gate {
    Open,
    Wait,
}

impl World {
    pub(super) fn add_conn(&mut self, alive: [bool; 2]) -> u64 {
        let number = self.number();
        let conn = Conn {
            ends: alive.map(End::new),
            is_reset: false,
            stalled_until: None,
            steps: 0,
            faults: Vec::new(),
        };
        self.conns.insert(number, conn);
        self.record(Action::Connected { connection: number });
        number
    }

    fn end(&mut self, conn: u64, side: Side) -> Option<&mut End> {
        self.conns.get_mut(&conn).map(|conn| &mut conn.ends[side as usize])
    }

    pub(super) fn plan(&mut self, conn: u64, side: Side, step: u64, fault: Fault) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.faults.push((step, side, fault));
        }
    }

    pub(super) fn steps_of(&self, conn: u64) -> u64 {
        self.conns.get(&conn).map_or(0, |conn| conn.steps)
    }

    /// Wakes everybody whose operation can go on, and nobody else.
    pub(super) fn settle(&mut self, number: u64) {
        let window = self.config.window.max(1);
        while let Some(side) = self.conns.get_mut(&number).and_then(|conn| conn.carry(window)) {
            self.record(Action::Finished { connection: number, side });
        }
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&number) else { return };
        let mut woken = Vec::new();
        for side in [Side::Client, Side::Server] {
            for op in Op::ALL {
                if conn.can(side, op, window) && !conn.is_held(side, op, now) {
                    woken.extend(conn.ends[side as usize].waits[op as usize].waker.take());
                }
            }
        }
        let gone = conn.ends.iter().all(|end| !end.alive);
        if gone {
            self.conns.remove(&number);
        }
        for waker in woken {
            self.wake_later(Some(waker));
        }
    }

    pub(super) fn reset_conn(&mut self, number: u64) {
        let Some(conn) = self.conns.get_mut(&number) else { return };
        if !conn.is_reset {
            conn.is_reset = true;
            for end in &mut conn.ends {
                end.inbox.clear();
                end.staged.clear();
                end.sending = Sending::Finished;
            }
            self.record(Action::Reset { connection: number });
        }
        self.settle(number);
    }

    /// Counts a step and lets the faults planned for it happen.
    fn step(&mut self, number: u64) {
        let Some(conn) = self.conns.get_mut(&number) else { return };
        let step = conn.steps;
        conn.steps += 1;
        let (due, later) = conn.faults.drain(..).partition::<Vec<_>, _>(|&(at, _, _)| at <= step);
        conn.faults = later;
        for (_, side, fault) in due {
            match fault {
                Fault::Reset => self.reset_conn(number),
                Fault::HalfClose => self.finish(number, side),
                Fault::Stall(time) => {
                    let until = self.now + time;
                    if let Some(conn) = self.conns.get_mut(&number) {
                        conn.stalled_until = Some(until);
                    }
                    if time < Duration::MAX {
                        self.schedule(until, Event::Settle(number));
                    }
                }
            }
        }
    }

    fn finish(&mut self, number: u64, side: Side) {
        if let Some(end) = self.end(number, side)
            && end.sending == Sending::Open
        {
            end.sending = Sending::Finishing;
        }
        self.settle(number);
    }

    /// Decides whether an operation goes on; registers the waker when it does not.
    fn gate(&mut self, number: u64, side: Side, op: Op, waker: &Waker) -> Gate {
        let window = self.config.window.max(1);
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&number) else { return Gate::Open };
        let can = conn.can(side, op, window);
        let before = conn.ends[side as usize].waits[op as usize].waker.take();
        // What can go on is sometimes held up, once, though not a connection that is broken.
        if can && !conn.is_reset && conn.ends[side as usize].waits[op as usize].held_until.is_none() {
            let hold = match op {
                Op::Read | Op::Write if self.config.stall > Duration::ZERO && self.rng.one_in(8) => {
                    1 + self.rng.below(u64::try_from(self.config.stall.as_nanos()).unwrap_or(u64::MAX - 1))
                }
                Op::Read | Op::Write | Op::Flush => 0,
                Op::Close => u64::try_from(self.delay(self.config.latency).as_nanos()).unwrap_or(0),
            };
            if hold > 0 {
                let until = now + Duration::from_nanos(hold);
                self.schedule(until, Event::Settle(number));
                if let Some(end) = self.end(number, side) {
                    end.waits[op as usize].held_until = Some(until);
                }
            }
        }
        self.discard(before);
        let Some(conn) = self.conns.get_mut(&number) else { return Gate::Open };
        if can && !conn.is_held(side, op, now) {
            conn.ends[side as usize].waits[op as usize].held_until = None;
            return Gate::Open;
        }
        conn.ends[side as usize].waits[op as usize].waker = Some(waker.clone());
        Gate::Wait
    }

    /// How many of `most` bytes to move, with `edge` a boundary that is worth ending near.
    fn portion(&mut self, most: usize, edge: usize) -> usize {
        match self.config.portions {
            Portions::Whole => most,
            Portions::Seeded => match self.rng.below(8) {
                0 => 1,
                1 => edge.saturating_sub(1).clamp(1, most),
                2 => edge.saturating_add(1).clamp(1, most),
                3 | 4 => most,
                _ => 1 + self.rng.index(most),
            },
        }
    }

    /// Whether a read would wait, even if nothing held it up.
    pub(super) fn is_quiet(&self, number: u64, side: Side) -> bool {
        self.conns.get(&number).is_some_and(|conn| !conn.can(side, Op::Read, self.config.window.max(1)))
    }

    pub(super) fn read(
        &mut self,
        number: u64,
        side: Side,
        waker: &Waker,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.step(number);
        match self.gate(number, side, Op::Read, waker) {
            Gate::Wait => return Poll::Pending,
            Gate::Open => {}
        }
        let most = match self.conns.get(&number) {
            None => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Some(conn) if conn.is_reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(conn) => conn.ends[side as usize].inbox.len().min(limit),
        };
        let bytes = if most == 0 { 0 } else { self.portion(most, most) };
        if let Some(end) = self.end(number, side) {
            into.reserve(bytes);
            into.extend(end.inbox.drain(..bytes));
        }
        self.record(Action::Read { connection: number, side, bytes });
        self.settle(number);
        Poll::Ready(Ok(bytes))
    }

    pub(super) fn write(
        &mut self,
        number: u64,
        side: Side,
        waker: &Waker,
        out: &mut Outbound,
    ) -> Poll<io::Result<usize>> {
        self.step(number);
        let (op, other) = if out.is_empty() { (Op::Flush, Op::Write) } else { (Op::Write, Op::Flush) };
        let before = self.end(number, side).and_then(|end| end.waits[other as usize].waker.take());
        self.discard(before);
        match self.gate(number, side, op, waker) {
            Gate::Wait => return Poll::Pending,
            Gate::Open => {}
        }
        let window = self.config.window.max(1);
        let writes = self.config.writes;
        let first = out.slices().next().map_or(0, <[u8]>::len);
        let Some(conn) = self.conns.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let (end, peer) = (&conn.ends[side as usize], &conn.ends[side.other() as usize]);
        if conn.is_reset || end.sending != Sending::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (room, deaf) = (window.saturating_sub(peer.inbox.len()), !peer.alive);
        let bytes = match writes {
            Writes::Completion => first,
            Writes::Readiness if deaf => self.portion(out.len(), first),
            Writes::Readiness => self.portion(out.len().min(room), first),
        };
        self.record(Action::Wrote { connection: number, side, bytes });
        if deaf {
            // The bytes go nowhere, and the answer is a reset.
            out.advance(bytes);
            self.reset_conn(number);
            return Poll::Ready(Ok(bytes));
        }
        if let Some(conn) = self.conns.get_mut(&number) {
            match writes {
                Writes::Completion => {
                    conn.ends[side as usize].staged = out.pop_front().unwrap_or_default();
                }
                Writes::Readiness => {
                    let mut left = bytes;
                    for slice in out.slices() {
                        let n = left.min(slice.len());
                        conn.ends[side.other() as usize].inbox.extend(&slice[..n]);
                        left -= n;
                    }
                    out.advance(bytes);
                }
            }
        }
        self.settle(number);
        Poll::Ready(Ok(bytes))
    }

    pub(super) fn close(&mut self, number: u64, side: Side, waker: &Waker) -> Poll<io::Result<()>> {
        self.step(number);
        match self.gate(number, side, Op::Close, waker) {
            Gate::Wait => return Poll::Pending,
            Gate::Open => {}
        }
        match self.conns.get(&number) {
            None => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Some(conn) if conn.is_reset => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Some(_) => {}
        }
        self.finish(number, side);
        Poll::Ready(Ok(()))
    }

    /// Somebody let go of an end: unread input means a reset, else the stream ends after what is under way.
    pub(super) fn drop_end(&mut self, number: u64, side: Side) {
        let Some(end) = self.end(number, side) else { return };
        end.alive = false;
        let unread = !end.inbox.is_empty();
        let wakers: Vec<_> = end.waits.iter_mut().filter_map(|wait| wait.waker.take()).collect();
        for waker in wakers {
            self.discard(Some(waker));
        }
        if unread {
            self.reset_conn(number);
        } else {
            self.finish(number, side);
        }
    }
}
