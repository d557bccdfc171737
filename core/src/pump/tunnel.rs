//! A protocol that took over an exchange: a link inside a stream.

use core::task::Context;

use bytes::{Buf, Bytes};

use super::exchange::Moved;
use crate::body::BoxError;
use crate::codec::{Codec, INITIAL_CREDIT, Last, Reason, StreamId};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Work};
use crate::service::BoxProtocol;
use crate::time::{Instant, Now};

/// What the peer still owes the inner protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerSide {
    Open,
    /// It ended; the inner protocol is to be told.
    Ended,
    Told,
}

/// The inner protocol, with its link.
///
/// Law L8: output moves outwards only while the outer link has room. Law L6: input that the inner protocol left is
/// offered again in every turn.
pub(super) struct Tunnel {
    protocol: BoxProtocol,
    link: Link,
    peer: PeerSide,
    begun: bool,
    fresh: bool,
}

/// What a turn came to.
pub(super) struct Turn {
    pub(super) moved: Moved,
    pub(super) is_over: bool,
}

impl Tunnel {
    pub(super) fn new(protocol: BoxProtocol, now: Now) -> Self {
        let mut link = Link::new(now);
        link.allow(INITIAL_CREDIT);
        Self { protocol, link, peer: PeerSide::Open, begun: false, fresh: false }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.link.deadline()
    }

    pub(super) fn feed(&mut self, bytes: Bytes) {
        self.fresh = true;
        match bytes.try_into_mut() {
            Ok(bytes) if self.link.inbound.is_empty() => self.link.inbound = bytes,
            Ok(bytes) => self.link.inbound.unsplit(bytes),
            Err(bytes) => self.link.inbound.extend_from_slice(&bytes),
        }
    }

    pub(super) fn eof(&mut self) {
        self.peer = PeerSide::Ended;
    }

    pub(super) fn shutdown(&mut self) {
        self.protocol.shutdown(&mut self.link);
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
        let called = self.call(cx);
        let consumed = before - self.link.inbound.len().min(before);
        if consumed > 0 {
            codec.grant(stream, consumed, &mut outer.outbound);
        }
        let sent = self.move_out(stream, codec, outer);
        let failed = called.is_err();
        let again = matches!(called, Ok(Work::Again));
        if self.link.is_aborted() {
            codec.reset(stream, Reason::Cancelled, &mut outer.outbound);
            outer.abort();
            self.protocol.connection_lost(Lost::Aborted);
            return Turn { moved: Moved::Yes, is_over: true };
        }
        if (failed || self.link.is_closing()) && self.link.outbound.is_empty() {
            let ended = codec.send_end(stream, None, &mut outer.outbound);
            debug_assert!(ended.is_ok(), "a tunnel may always end");
            self.protocol.connection_lost(if failed { Lost::Failed } else { Lost::Closed });
            return Turn { moved: Moved::Yes, is_over: true };
        }
        let moved = if consumed > 0 || sent || again { Moved::Yes } else { Moved::No };
        Turn { moved, is_over: false }
    }

    fn call(&mut self, cx: &mut Context<'_>) -> Result<Work, BoxError> {
        if self.link.is_closing() {
            return Ok(Work::Waiting);
        }
        if !core::mem::replace(&mut self.begun, true) {
            self.protocol.connection_made(&mut self.link)?;
        }
        if core::mem::take(&mut self.fresh) {
            self.protocol.data_received(&mut self.link)?;
        }
        if self.peer == PeerSide::Ended {
            self.peer = PeerSide::Told;
            self.protocol.eof_received(&mut self.link, Eof::Clean)?;
        }
        let work = self.protocol.poll_work(cx, &mut self.link)?;
        if self.link.take_due() {
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
