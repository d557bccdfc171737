//! The server's side of HTTP/1.

use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::{Bytes, BytesMut};

use super::answer::{Asked, OURS_AND_UPGRADE, Owed};
use super::queue::Queue;
use super::recv::{Incoming, Piece};
use super::request::{self, Persistence};
use super::send::Outgoing;
use super::state::{self, After, Received, Recv, Send, Sent};
use crate::codec::{BodyKind, Busy, CloseReason, Codec, Event, Last, Misuse, Phase, Reason, StreamId};
use crate::encode;
use crate::error::Error;
use crate::framing::{self, Framing};
use crate::head::{Headers, RequestHead, ResponseHead, Status, Version};
use crate::limits::Limits;
use crate::link::{DEFAULT_INBOUND, FileRange, Outbound};
use crate::parse::{ChunkDecoder, RequestParser};
use crate::protocol::Eof;

mod answering;

/// What is there to be answered after the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It was in a head: an answer is owed to what was no request.
    Unanswered,
    /// It was in the body of a request, or it is answered.
    Answered,
}

/// The server's side of one HTTP/1 connection: bytes in, events out; answers in, bytes out.
///
/// No IO, no clock, no futures. Requests are yielded as they arrive, up to [`Limits::max_pipelined`] ahead of their
/// answers; the answers leave in the order of the requests.
///
/// ```
/// use anyloop_core::codec::{BodyKind, Codec, Event, Last};
/// use anyloop_core::h1::Server;
/// use anyloop_core::head::{ResponseHead, Status};
/// use anyloop_core::link::Outbound;
/// use bytes::{Bytes, BytesMut};
///
/// let mut server = Server::default();
/// let mut inbound = BytesMut::from("GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// let mut out = Outbound::default();
///
/// let Some(Event::Head { stream, head, body }) = server.next_event(&mut inbound, &mut out)? else { panic!() };
/// assert_eq!((head.target.path(), body), ("/hello", BodyKind::Empty));
///
/// server.send_head(stream, &ResponseHead::new(Status::OK), BodyKind::Sized(5), &mut out)?;
/// server.send_data(stream, &mut Bytes::from("world"), Last::Yes, &mut out)?;
/// let answer: Vec<u8> = out.slices().flatten().copied().collect();
/// assert_eq!(answer, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nworld");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    limits: Arc<Limits>,
    recv: Result<Recv, Error>,
    fault: Fault,
    send: Send,
    parser: RequestParser,
    incoming: Option<Box<Incoming>>,
    outgoing: Outgoing,
    /// The oldest first.
    owed: Queue,
    next: StreamId,
    close: Option<CloseReason>,
    eof: Option<Eof>,
    /// The method of the request that was refused, as far as it matters for the answer.
    refused: Asked,
    /// Whether the input holds bytes of a message that was not yielded yet.
    unread: bool,
    draining: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Server {
    /// Makes the codec of a new connection.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            recv: Ok(Recv::Head),
            fault: Fault::Answered,
            send: Send::Idle,
            parser: RequestParser::new(),
            incoming: None,
            outgoing: Outgoing::Length(0),
            owed: Queue::default(),
            next: StreamId(0),
            close: None,
            eof: None,
            refused: Asked::Other,
            unread: false,
            draining: false,
        }
    }

    /// Whether a request has begun that is not whole yet, or none has: what the head timeout is about.
    pub fn is_between_requests(&self) -> bool {
        self.receives(Recv::Head) && self.parser.is_idle() && !self.unread
    }

    /// Whether the receiving machine is there, and did not fail.
    #[inline]
    fn receives(&self, recv: Recv) -> bool {
        self.recv.is_ok_and(|now| now == recv)
    }

    #[inline]
    fn receive(&mut self, what: Received) {
        if let Ok(now) = self.recv {
            let next = state::receive(now, what);
            debug_assert!(next.is_some(), "{now:?} can't receive {what:?}");
            self.recv = Ok(next.unwrap_or(Recv::Closed));
        }
    }

    /// Steps the sending machine, and the receiving one where it waits for that.
    #[inline]
    fn step(&mut self, what: Sent) -> Result<(), Misuse> {
        self.send = state::send(self.send, what).ok_or(Misuse::OutOfOrder)?;
        if self.send == Send::Idle {
            self.end_turn();
        }
        if let Ok(recv) = self.recv {
            self.recv = Ok(state::couple(recv, self.send));
        }
        if self.receives(Recv::Tunnel) && self.send == Send::Tunnel && self.incoming.is_none() {
            let stream = self.owed.first().map_or(StreamId(0), |owed| owed.stream);
            self.incoming = Some(Incoming::new(stream, Framing::Tunnel, false));
        }
        Ok(())
    }

    fn stop_reading(&mut self, why: CloseReason) {
        self.close.get_or_insert(why);
        self.receive(Received::Stop);
        Incoming::end(&mut self.incoming);
        self.fault = Fault::Answered;
    }

    #[inline(always)]
    fn owe(&mut self, owed: Owed) {
        self.owed.push(owed);
        self.take_turn();
    }

    /// The oldest answer is not owed any more.
    #[inline]
    fn end_turn(&mut self) {
        self.owed.pop();
        if !self.owed.is_empty() {
            self.take_turn();
        }
    }

    /// Begins to owe the oldest answer, unless one is being sent.
    #[inline]
    fn take_turn(&mut self) {
        if let Some(send) = state::send(self.send, Sent::Owe) {
            self.send = send;
        }
    }

    fn next_stream(&mut self) -> StreamId {
        let stream = self.next;
        self.next = StreamId(stream.0.wrapping_add(1));
        stream
    }

    /// Takes a head in: checks what no single line shows, and decides what follows.
    fn begin(&mut self, head: RequestHead, size: usize) -> Result<Event<RequestHead>, Error> {
        let asked = Asked::from(&head.method);
        self.refused = asked;
        request::check(&head)?;
        let framing = framing::decide_request(&head.method, head.version, &head.headers)?;
        if let Framing::Length(length) = framing
            && length > self.limits.max_body
        {
            return Err(Error::BodyTooLarge { limit: self.limits.max_body });
        }
        let body = framing.kind();
        let expects_continue = request::expects_continue(&head)? && body != BodyKind::Empty;
        let persistence = request::persistence(&head);
        let may_switch = request::may_switch(&head);
        let stream = self.next_stream();
        let last = u64::from(stream.0) + 1 >= self.limits.max_requests;
        let after = if persistence == Persistence::Close || last {
            self.close.get_or_insert(if last { CloseReason::MaxRequests } else { CloseReason::PeerAsked });
            After::Stop
        } else {
            After::Next
        };
        // A tunnel may follow even where no other request may.
        let after = if may_switch { After::Wait } else { after };
        if body == BodyKind::Empty {
            self.receive(Received::HeadOnly(after));
        } else {
            self.receive(Received::HeadAndBody(after));
            self.incoming = Some(Incoming::new(stream, framing, expects_continue));
        }
        self.owe(Owed { stream, asked, version: head.version, may_switch, persistence, size });
        Ok(Event::Head { stream, head, body })
    }

    fn read_head(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Error> {
        if inbound.is_empty() && self.eof.is_none() && self.parser.is_idle() {
            self.refused = Asked::Other;
            return Ok(None);
        }
        if self.owed.len() >= self.limits.max_pipelined {
            return Ok(None);
        }
        if !self.owed.is_empty() {
            let ahead = self.owed.size();
            if ahead > 0 && ahead >= self.limits.longest_head() {
                return Ok(None);
            }
        }
        let before = inbound.len();
        let parsed = self.parser.parse(inbound, &self.limits);
        if !matches!(parsed, Ok(Some(_))) {
            let asks_for_head = inbound.trim_ascii_start().starts_with(b"HEAD ");
            self.refused = if asks_for_head { Asked::Head } else { Asked::Other };
        }
        match parsed? {
            Some(head) => self.begin(head, before - inbound.len()).map(Some),
            None if self.eof.is_none() => Ok(None),
            None if self.parser.is_idle() => {
                self.close.get_or_insert(CloseReason::PeerLeft);
                self.receive(Received::Eof);
                Ok(None)
            }
            None => Err(Error::HeadCut),
        }
    }

    /// Takes the next piece of the body; `Ok(Err(()))` says that the state changed and is to be looked at again.
    fn read_body(&mut self, inbound: &mut BytesMut) -> Result<Result<Option<Event<RequestHead>>, ()>, Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(Ok(None)) };
        let stream = incoming.stream();
        match incoming.next(inbound, &self.limits)? {
            Piece::Data(bytes) => Ok(Ok(Some(Event::Data { stream, bytes }))),
            Piece::Nothing if self.eof.is_none() || incoming.waits_for_credit(inbound) => Ok(Ok(None)),
            Piece::Nothing => Err(Error::BodyCut),
            Piece::NotWorthIt => {
                self.stop_reading(CloseReason::UnreadBody);
                Ok(Ok(None))
            }
            Piece::End(trailers) => {
                let wanted = incoming.is_wanted();
                Incoming::end(&mut self.incoming);
                self.receive(Received::End);
                if let Ok(recv) = self.recv {
                    self.recv = Ok(state::couple(recv, self.send));
                }
                Ok(if wanted { Ok(Some(Event::End { stream, trailers })) } else { Err(()) })
            }
        }
    }

    fn read_tunnel(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        let stream = incoming.stream();
        match incoming.next(inbound, &self.limits)? {
            Piece::Data(bytes) => Ok(Some(Event::Data { stream, bytes })),
            Piece::End(_) | Piece::NotWorthIt | Piece::Nothing => match self.eof {
                Some(how) if inbound.is_empty() => {
                    self.receive(Received::Eof);
                    Incoming::end(&mut self.incoming);
                    self.close.get_or_insert(CloseReason::TunnelEnded);
                    match how {
                        Eof::Clean => Ok(Some(Event::End { stream, trailers: None })),
                        Eof::Cut => Err(Error::Cut),
                    }
                }
                Some(_) | None => Ok(None),
            },
        }
    }

    fn read(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Error> {
        loop {
            return match self.recv? {
                Recv::Head if self.close.is_some() => Ok(None),
                Recv::Head => self.read_head(inbound),
                Recv::Body(_) => match self.read_body(inbound)? {
                    Ok(event) => Ok(event),
                    Err(()) => continue,
                },
                Recv::Tunnel => self.read_tunnel(inbound),
                Recv::Waiting | Recv::Closed => Ok(None),
            };
        }
    }
}

impl Codec for Server {
    type In = RequestHead;
    type Out = ResponseHead;
    const ORDERED: bool = true;

    fn start(&mut self, _: &mut Outbound) {}

    fn next_event(
        &mut self,
        inbound: &mut BytesMut,
        _: &mut Outbound,
    ) -> Result<Option<Event<RequestHead>>, Error> {
        let event = self.read(inbound);
        if let Err(error) = event
            && let Ok(recv) = self.recv
        {
            self.recv = Err(error);
            Incoming::end(&mut self.incoming);
            if recv == Recv::Head {
                self.fault = Fault::Unanswered;
            }
        }
        self.unread = !inbound.is_empty();
        event
    }

    fn eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn fail(&mut self, error: Error) {
        if let Ok(recv) = self.recv {
            if recv == Recv::Head && self.close.is_none() {
                self.fault = Fault::Unanswered;
            }
            self.recv = Err(error);
            Incoming::end(&mut self.incoming);
        }
    }

    fn grant(&mut self, stream: StreamId, n: usize, out: &mut Outbound) {
        let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.stream() == stream) else {
            return;
        };
        incoming.grant(n);
        let is_next = self.send == Send::Head && self.owed.first().is_some_and(|owed| owed.stream == stream);
        if is_next && incoming.take_expectation() {
            encode::status_line(out, Version::Http11, Status::CONTINUE);
            encode::end_of_head(out);
        }
    }

    fn discard(&mut self, stream: StreamId, _: &mut Outbound) {
        if let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.stream() == stream) {
            incoming.discard();
        }
    }

    fn open(&mut self) -> Result<StreamId, Busy> {
        if self.recv.is_ok() || self.fault == Fault::Answered {
            return Err(Busy);
        }
        self.fault = Fault::Answered;
        let stream = self.next_stream();
        // What could not be read may have been HTTP/1.0, which knows no chunks.
        self.owe(Owed {
            stream,
            asked: self.refused,
            version: Version::Http10,
            may_switch: false,
            persistence: Persistence::Close,
            size: 0,
        });
        Ok(stream)
    }

    fn send_interim(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        let version = self.front(stream)?.version;
        if !head.status.is_informational() || head.status == Status::SWITCHING_PROTOCOLS {
            return Err(Misuse::NotAllowed);
        }
        self.step(Sent::Interim)?;
        // RFC 9110 §15.2: none to a client of HTTP/1.0.
        if version >= Version::Http11 {
            encode::status_line(out, Version::Http11, head.status);
            encode::fields(out, &head.headers, OURS_AND_UPGRADE);
            encode::end_of_head(out);
        }
        Ok(())
    }

    fn send_head(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        body: BodyKind,
        out: &mut Outbound,
    ) -> Result<Last, Misuse> {
        let framing = self.begin_answer(stream, head, body, out)?;
        self.outgoing = Outgoing::new(framing);
        match framing {
            Framing::Tunnel => self.step(Sent::Switch)?,
            Framing::Empty | Framing::Length(0) => {
                self.step(Sent::HeadOnly)?;
                return Ok(Last::Yes);
            }
            Framing::Length(_) | Framing::Chunked | Framing::UntilClose => self.step(Sent::HeadAndBody)?,
        }
        Ok(Last::No)
    }

    fn send_whole(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        body: &mut Bytes,
        out: &mut Outbound,
    ) -> Result<Last, Misuse> {
        let framing = self.begin_answer(stream, head, BodyKind::of_whole(body), out)?;
        if let Framing::Length(_) = framing {
            out.take(body);
        }
        debug_assert!(matches!(framing, Framing::Length(_) | Framing::Empty), "its length is known");
        self.step(Sent::HeadOnly)?;
        Ok(Last::Yes)
    }

    fn send_data(
        &mut self,
        stream: StreamId,
        bytes: &mut Bytes,
        last: Last,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        self.front(stream)?;
        match self.send {
            Send::Body | Send::Tunnel => {}
            Send::Idle | Send::Head | Send::Closed => return Err(Misuse::OutOfOrder),
        }
        self.outgoing.data(bytes, last, out)?;
        match last {
            Last::No => Ok(()),
            Last::Yes => self.send_end(stream, None, out),
        }
    }

    fn send_file(&mut self, stream: StreamId, range: FileRange, out: &mut Outbound) -> Result<(), Misuse> {
        self.front(stream)?;
        match self.send {
            Send::Body => self.outgoing.file(range, out),
            Send::Tunnel => Err(Misuse::NotAllowed),
            Send::Idle | Send::Head | Send::Closed => Err(Misuse::OutOfOrder),
        }
    }

    fn send_end(
        &mut self,
        stream: StreamId,
        trailers: Option<&Headers>,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        self.front(stream)?;
        match self.send {
            Send::Body | Send::Tunnel => {}
            Send::Idle | Send::Head | Send::Closed => return Err(Misuse::OutOfOrder),
        }
        self.outgoing.end(trailers, out)?;
        if self.send == Send::Tunnel {
            self.close.get_or_insert(CloseReason::TunnelEnded);
        }
        self.step(Sent::End)
    }

    fn reset(&mut self, stream: StreamId, _: Reason, _: &mut Outbound) {
        if self.front(stream).is_ok() {
            let sent_unbounded =
                matches!(self.send, Send::Body | Send::Tunnel) && self.outgoing == Outgoing::UntilClose;
            self.send = state::send(self.send, Sent::GiveUp).unwrap_or(Send::Closed);
            self.owed.clear();
            self.stop_reading(CloseReason::Truncated);
            self.close = Some(if sent_unbounded { CloseReason::Cut } else { CloseReason::Truncated });
        }
    }

    fn drain(&mut self, _: &mut Outbound) {
        self.draining = true;
    }

    fn input_room(&self) -> usize {
        match self.recv {
            Ok(Recv::Head) if !self.parser.is_idle() => {
                RequestParser::room(&self.limits).max(DEFAULT_INBOUND)
            }
            Ok(Recv::Body(_)) => ChunkDecoder::room(&self.limits).max(DEFAULT_INBOUND),
            Ok(Recv::Head | Recv::Waiting | Recv::Tunnel | Recv::Closed) | Err(_) => DEFAULT_INBOUND,
        }
    }

    fn phase(&self) -> Phase {
        let stopped = match self.recv {
            Err(_) => self.fault == Fault::Answered,
            Ok(Recv::Closed) => true,
            Ok(Recv::Head) => self.close.is_some() || self.draining && self.is_between_requests(),
            Ok(Recv::Body(_)) => self.close.is_some(),
            Ok(Recv::Tunnel) => self.send == Send::Closed,
            Ok(Recv::Waiting) => false,
        };
        let why = match (self.close, self.recv) {
            (Some(why), _) => why,
            (None, Err(error)) => CloseReason::BadInput(error),
            (None, Ok(_)) => CloseReason::Shutdown,
        };
        let silent = match self.send {
            Send::Idle => self.owed.is_empty(),
            Send::Closed => true,
            Send::Head | Send::Body | Send::Tunnel => false,
        };
        match (stopped, silent) {
            (true, true) => Phase::Closed(why),
            (true, false) => Phase::Draining(why),
            (false, true) if self.receives(Recv::Head) => Phase::Idle,
            (false, _) => Phase::Busy,
        }
    }
}
