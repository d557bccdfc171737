//! The decision about an answer: whether it may be sent, how it is framed, and whether anything follows it.

use super::{Fault, Server};
use crate::codec::{BodyKind, CloseReason, Misuse, StreamId};
use crate::framing::{self, Framing, Role};
use crate::h1::answer::{Asked, Owed, write_head};
use crate::h1::request::Persistence;
use crate::h1::state::{Recv, Send};
use crate::head::{Known, ResponseHead, Status};
use crate::link::Outbound;

impl Server {
    /// Returns why nothing follows the answer that is about to be sent, if so.
    fn reason_to_close(&self, owed: &Owed, head: &ResponseHead, framing: Framing) -> Option<CloseReason> {
        if framing == Framing::UntilClose {
            return Some(CloseReason::Delimiter);
        }
        if head.headers.has(Known::Connection) && head.headers.has_token(Known::Connection, "close") {
            return Some(CloseReason::WeAsked);
        }
        if self.owed.has_others() {
            return None;
        }
        if let Err(error) = self.recv {
            return (self.fault == Fault::Answered).then_some(CloseReason::BadInput(error));
        }
        if owed.persistence == Persistence::Close || self.close.is_some() {
            return Some(self.close.unwrap_or(CloseReason::PeerAsked));
        }
        if self.incoming.as_ref().is_some_and(|body| !body.will_end(&self.limits)) {
            return Some(CloseReason::UnreadBody);
        }
        let whole = self.incoming.is_none() && self.parser.is_idle() && !self.unread;
        if whole && self.draining {
            return Some(CloseReason::Shutdown);
        }
        (whole && self.eof.is_some()).then_some(CloseReason::PeerLeft)
    }

    #[inline]
    pub(super) fn front(&self, stream: StreamId) -> Result<&Owed, Misuse> {
        self.owed.first().filter(|owed| owed.stream == stream).ok_or(Misuse::NotThisStream)
    }

    /// Refuses heads that may not be sent to this request.
    fn check_head(&self, owed: &Owed, head: &ResponseHead, body: BodyKind) -> Result<(), Misuse> {
        if self.send != Send::Head {
            return Err(Misuse::OutOfOrder);
        }
        let tunnel = body == BodyKind::Tunnel;
        let switching = head.status == Status::SWITCHING_PROTOCOLS;
        if head.status.is_informational() && !switching || switching && !tunnel {
            return Err(Misuse::NotAllowed);
        }
        if !tunnel {
            // RFC 9110 §9.3.6: the client takes any 2xx to CONNECT as the beginning of a tunnel.
            let misleads = owed.asked == Asked::Connect && head.status.is_success();
            return if misleads { Err(Misuse::NotAllowed) } else { Ok(()) };
        }
        let fits = if owed.asked == Asked::Connect {
            head.status.is_success()
        } else {
            // RFC 9110 §15.2.2: the switch names what it switches to.
            switching && head.headers.known(Known::Upgrade).is_some()
        };
        if owed.may_switch && fits && self.receives(Recv::Waiting) { Ok(()) } else { Err(Misuse::NotAllowed) }
    }

    /// Decides how an answer is framed and whether anything follows it, and writes its head.
    #[inline]
    pub(super) fn begin_answer(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        body: BodyKind,
        out: &mut Outbound,
    ) -> Result<Framing, Misuse> {
        let owed = self.front(stream)?;
        self.check_head(owed, head, body)?;
        let role = Role::Response { method: &owed.asked.method(), status: head.status };
        let framing::Announced { framing, field } = framing::announce(role, owed.version, body);
        let close = match body {
            BodyKind::Tunnel => None,
            BodyKind::Empty | BodyKind::Sized(_) | BodyKind::Streamed => {
                self.reason_to_close(owed, head, framing)
            }
        };
        write_head(owed, head, field, body, close.is_some(), out);
        if let Some(why) = close {
            self.close = Some(why);
            self.owed.keep_first();
            // What is left of a body that somebody still reads is read to its end.
            let reads_on =
                self.incoming.as_ref().is_some_and(|body| body.stream() == stream && body.is_wanted());
            if !reads_on {
                self.stop_reading(why);
            }
        }
        Ok(framing)
    }
}
