//! A protocol that took over an exchange: a link inside a stream.

use core::panic::AssertUnwindSafe;
use core::task::Context;
use std::panic::catch_unwind;

use alloc::vec::Vec;
use bytes::{Buf, Bytes};

use super::exchange::Moved;
use crate::body::BoxError;
use crate::codec::{Codec, Last, Reason, StreamId};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Work};
use crate::service::BoxProtocol;
use crate::time::{Instant, Now};

/// What the peer still owes the inner protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerSide {
    Open,
    /// It ended; the inner protocol is to be told.
    Ended(Eof),
    Told,
}

/// Whether the inner protocol knows that the server is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    None,
    Due,
    Told,
}

/// What came for the inner protocol before the answer that lets it speak.
#[derive(Debug, Default)]
pub(super) struct Early {
    chunks: Vec<Bytes>,
    peer_is_done: bool,
}

impl Early {
    pub(super) fn feed(&mut self, bytes: Bytes) {
        self.chunks.push(bytes);
    }

    pub(super) fn eof(&mut self) {
        self.peer_is_done = true;
    }
}

/// How the inner protocol fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    New,
    Begun,
    /// It failed; its last words leave (L4).
    Failed,
}

/// The inner protocol, with its link.
///
/// Law L8: output moves outwards only while the outer link has room. Law L6: input that the inner protocol left is
/// offered again in every turn. The peer gets as much credit as the inner link has room for input.
pub(super) struct Tunnel {
    protocol: BoxProtocol,
    link: Link,
    peer: PeerSide,
    notice: Notice,
    /// Bytes that the peer may still send.
    credit: usize,
    health: Health,
    /// Whether bytes came since the last turn.
    fresh: bool,
}

/// What a turn came to.
pub(super) struct Turn {
    pub(super) moved: Moved,
    pub(super) is_over: bool,
}

impl Tunnel {
    pub(super) fn new(protocol: BoxProtocol, now: Now, credit: usize, early: Option<Early>) -> Self {
        let mut link = Link::new(now);
        link.allow(credit);
        let mut tunnel = Self {
            protocol,
            link,
            peer: PeerSide::Open,
            notice: Notice::None,
            credit,
            health: Health::New,
            fresh: false,
        };
        let Early { chunks, peer_is_done } = early.unwrap_or_default();
        chunks.into_iter().for_each(|bytes| tunnel.feed(bytes));
        if peer_is_done {
            tunnel.eof(Eof::Clean);
        }
        tunnel
    }

    /// What the inner protocol waits for; nothing once it closes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.link.deadline().filter(|_| !self.link.is_closing())
    }

    pub(super) fn feed(&mut self, bytes: Bytes) {
        self.fresh = true;
        self.credit = self.credit.saturating_sub(bytes.len());
        match bytes.try_into_mut() {
            Ok(bytes) if self.link.inbound.is_empty() => self.link.inbound = bytes,
            Ok(bytes) => self.link.inbound.unsplit(bytes),
            Err(bytes) => self.link.inbound.extend_from_slice(&bytes),
        }
    }

    pub(super) fn eof(&mut self, how: Eof) {
        if self.peer == PeerSide::Open {
            self.peer = PeerSide::Ended(how);
        }
    }

    /// The inner protocol will be told, once it has begun.
    pub(super) fn shutdown(&mut self) {
        if self.notice == Notice::None {
            self.notice = Notice::Due;
        }
    }

    pub(super) fn lost(mut self) {
        self.protocol.connection_lost(Lost::Broken);
    }

    /// Runs the inner protocol once and moves its output outwards.
    pub(super) fn turn<C: Codec>(
        &mut self,
        stream: StreamId,
        codec: &mut C,
        outer: &mut Link,
        cx: &mut Context<'_>,
    ) -> Turn {
        self.link.set_now(outer.now());
        let before = self.link.inbound.len();
        match catch_unwind(AssertUnwindSafe(|| self.call(cx))) {
            Ok(Ok(work)) => self.settle(before, work, stream, codec, outer),
            Ok(Err(_)) => {
                self.health = Health::Failed;
                self.link.close();
                self.settle(before, Work::Again, stream, codec, outer)
            }
            Err(_) => {
                self.link.abort();
                self.settle(before, Work::Again, stream, codec, outer)
            }
        }
    }

    /// Moves what the call left: credit and output.
    fn settle<C: Codec>(
        &mut self,
        before: usize,
        work: Work,
        stream: StreamId,
        codec: &mut C,
        outer: &mut Link,
    ) -> Turn {
        let consumed = before - self.link.inbound.len().min(before);
        let room = self.link.inbound_room();
        if room > self.credit && !self.link.is_closing() {
            codec.grant(stream, room - self.credit, &mut outer.outbound);
            self.credit = room;
        }
        let sent = self.move_out(stream, codec, outer);
        if self.link.is_aborted() {
            codec.reset(stream, Reason::Cancelled, &mut outer.outbound);
            self.protocol.connection_lost(Lost::Aborted);
            return Turn { moved: Moved::Yes, is_over: true };
        }
        if self.link.is_closing() && self.link.outbound.is_empty() {
            let ended = codec.send_end(stream, None, &mut outer.outbound);
            debug_assert!(ended.is_ok(), "a tunnel may always end");
            codec.discard(stream, &mut outer.outbound);
            let cause = match self.health {
                Health::New | Health::Begun => Lost::Closed,
                Health::Failed => Lost::Failed,
            };
            self.protocol.connection_lost(cause);
            return Turn { moved: Moved::Yes, is_over: true };
        }
        let moved = if consumed > 0 || sent || work == Work::Again { Moved::Yes } else { Moved::No };
        Turn { moved, is_over: false }
    }

    fn call(&mut self, cx: &mut Context<'_>) -> Result<Work, BoxError> {
        if self.link.is_closing() {
            return Ok(Work::Waiting);
        }
        if self.health == Health::New {
            self.health = Health::Begun;
            self.protocol.connection_made(&mut self.link)?;
        }
        if core::mem::take(&mut self.fresh) && !self.link.is_closing() {
            self.protocol.data_received(&mut self.link)?;
        }
        if let PeerSide::Ended(how) = self.peer
            && !self.link.is_closing()
        {
            self.peer = PeerSide::Told;
            self.protocol.eof_received(&mut self.link, how)?;
        }
        if self.notice == Notice::Due && !self.link.is_closing() {
            self.notice = Notice::Told;
            self.protocol.shutdown(&mut self.link);
        }
        if self.link.is_closing() {
            return Ok(Work::Waiting);
        }
        let work = self.protocol.poll_work(cx, &mut self.link)?;
        if !self.link.is_closing() && self.link.take_due() {
            self.protocol.deadline_reached(&mut self.link)?;
            return Ok(Work::Again);
        }
        Ok(work)
    }

    fn move_out<C: Codec>(&mut self, stream: StreamId, codec: &mut C, outer: &mut Link) -> bool {
        let mut moved = false;
        while outer.can_write()
            && let Some(mut chunk) = self.link.outbound.pop_front()
        {
            let before = chunk.remaining();
            if codec.send_data(stream, &mut chunk, Last::No, &mut outer.outbound).is_err() {
                self.link.abort();
                return true;
            }
            moved |= chunk.remaining() < before;
            if chunk.has_remaining() {
                self.link.outbound.push_front(chunk);
                return moved;
            }
        }
        moved
    }
}
