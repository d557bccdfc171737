//! The client's side of HTTP/1.

mod head;
mod state;

use alloc::boxed::Box;
use alloc::sync::Arc;
use bytes::{Bytes, BytesMut};

use self::head::Asked;
use self::state::{After, Received, Recv, Send, Sent};
use super::recv::{Incoming, Piece};
use super::send::Outgoing;
use crate::codec::{BodyKind, Busy, CloseReason, Codec, Event, Last, Misuse, Phase, Reason, StreamId};
use crate::error::Error;
use crate::framing::{self, Announced, Framing, Role};
use crate::head::{Headers, RequestHead, ResponseHead, Status};
use crate::limits::Limits;
use crate::link::{DEFAULT_INBOUND, Outbound};
use crate::parse::{ChunkDecoder, ResponseParser};
use crate::protocol::Eof;

/// The client's side of one HTTP/1 connection: requests in, bytes out; bytes in, events out.
///
/// No IO, no clock, no futures. One exchange at a time: [`Codec::open`] begins it, and the next one may begin once request
/// and response are whole and both sides keep the connection ([`Phase::Idle`]). Requests are not pipelined.
///
/// What it sees to, in both directions:
///
/// - `Content-Length` and `Transfer-Encoding` of a request follow from the [`BodyKind`] alone; those in its head are
///   left out. A `Host` that is missing comes from the target where the target has one, else the head is refused.
/// - A response ends where RFC 9112 §6.3 says, and one that is cut short is a fault. So are bytes behind it, and any that
///   come while nothing is asked. 1xx responses are [`Event::Interim`], at most [`Limits::max_interim`] to a request.
/// - A 101 is taken only for a protocol that the request offered. After it, and after 2xx to CONNECT, the stream is a
///   tunnel: [`Event::Data`] until the peer's end, and [`Codec::send_data`] until ours.
/// - It does not wait for `100 (Continue)`: whoever sent `Expect` sends the body when the interim response comes, or when
///   it does not want to wait any longer (RFC 9110 §10.1.1).
///
/// ```
/// use anyloop_core::codec::{BodyKind, Codec, Event, Phase};
/// use anyloop_core::h1::Client;
/// use anyloop_core::head::{Method, RequestHead, Status, Target};
/// use anyloop_core::link::Outbound;
/// use bytes::BytesMut;
///
/// let mut client = Client::default();
/// let mut out = Outbound::default();
/// let mut head = RequestHead::new(Method::GET, Target::try_from("/hello")?);
/// head.headers.append("Host", "example.com")?;
///
/// let stream = client.open().expect("nothing is asked yet");
/// client.send_head(stream, &head, BodyKind::Empty, &mut out)?;
/// let request: Vec<u8> = out.slices().flatten().copied().collect();
/// assert_eq!(request, b"GET /hello HTTP/1.1\r\nhost: example.com\r\n\r\n");
///
/// let mut inbound = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld");
/// let Some(Event::Head { head, body, .. }) = client.next_event(&mut inbound, &mut out)? else { panic!() };
/// assert_eq!((head.status, body), (Status::OK, BodyKind::Sized(5)));
/// let Some(Event::Data { bytes, .. }) = client.next_event(&mut inbound, &mut out)? else { panic!() };
/// assert_eq!(bytes, "world");
/// let Some(Event::End { .. }) = client.next_event(&mut inbound, &mut out)? else { panic!() };
/// assert_eq!(client.phase(), Phase::Idle); // the connection may be asked again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    limits: Arc<Limits>,
    recv: Result<Recv, Error>,
    send: Send,
    parser: ResponseParser,
    incoming: Option<Box<Incoming>>,
    outgoing: Outgoing,
    asked: Asked,
    /// The exchange that goes on, or the one before.
    stream: StreamId,
    close: Option<CloseReason>,
    eof: Option<Eof>,
    draining: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Client {
    /// Makes the codec of a new connection.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            recv: Ok(Recv::Quiet),
            send: Send::Idle,
            parser: ResponseParser::new(),
            incoming: None,
            outgoing: Outgoing::Length(0),
            asked: Asked::default(),
            stream: StreamId(u32::MAX),
            close: None,
            eof: None,
            draining: false,
        }
    }

    /// Steps the receiving machine, and the sending one where it follows.
    fn receive(&mut self, what: Received) {
        if let Ok(now) = self.recv {
            let next = state::receive(now, what);
            debug_assert!(next.is_some(), "{now:?} can't receive {what:?}");
            let next = next.unwrap_or(Recv::Closed);
            self.recv = Ok(next);
            self.couple(next);
        }
    }

    fn couple(&mut self, recv: Recv) {
        self.send = state::couple(self.send, recv);
        let over = self.send == Send::Idle && recv == Recv::Quiet;
        if over && (self.asked.closes || self.draining) {
            let why = if self.asked.closes { CloseReason::WeAsked } else { CloseReason::Shutdown };
            self.close.get_or_insert(why);
            self.recv = Ok(Recv::Closed);
            self.send = state::couple(self.send, Recv::Closed);
        }
    }

    /// Steps the sending machine.
    fn step(&mut self, what: Sent) -> Result<(), Misuse> {
        self.send = state::send(self.send, what).ok_or(Misuse::OutOfOrder)?;
        if let Ok(recv) = self.recv {
            self.couple(recv);
        }
        Ok(())
    }

    fn stop(&mut self, why: CloseReason) {
        self.close.get_or_insert(why);
        Incoming::end(&mut self.incoming);
        self.receive(Received::Stop);
    }

    /// Takes a head in, and decides what follows.
    fn begin(&mut self, head: ResponseHead) -> Result<Event<ResponseHead>, Error> {
        let stream = self.stream;
        let is_switch = head.status == Status::SWITCHING_PROTOCOLS;
        if is_switch && !self.asked.allows_switch(&head) {
            return Err(Error::SwitchNotAsked);
        }
        if head.status.is_informational() && !is_switch {
            let limit = self.limits.max_interim;
            if self.asked.interims >= limit {
                return Err(Error::TooManyInterim { limit });
            }
            self.asked.interims += 1;
            self.receive(Received::Interim);
            return Ok(Event::Interim { stream, head });
        }
        let role = Role::Response { method: &self.asked.method, status: head.status };
        let framing = framing::decide(role, head.version, &head.headers)?;
        if let Framing::Length(length) = framing
            && length > self.limits.max_body
        {
            return Err(Error::BodyTooLarge { limit: self.limits.max_body });
        }
        let after = self.after(&head, framing);
        let body = framing.kind();
        match framing {
            Framing::Tunnel => {
                self.incoming = Some(Incoming::new(stream, framing, false));
                self.receive(Received::Switch);
            }
            Framing::Empty | Framing::Length(0) => self.receive(Received::HeadOnly(after)),
            Framing::Length(_) | Framing::Chunked | Framing::UntilClose => {
                self.incoming = Some(Incoming::new(stream, framing, false));
                self.receive(Received::HeadAndBody(after));
            }
        }
        Ok(Event::Head { stream, head, body })
    }

    /// Decides what follows the response (RFC 9112 §9.3).
    fn after(&mut self, head: &ResponseHead, framing: Framing) -> After {
        let why = if framing == Framing::UntilClose {
            CloseReason::Delimiter
        } else if framing != Framing::Tunnel && !head::is_kept(head) {
            CloseReason::PeerAsked
        } else {
            return After::Next;
        };
        self.close.get_or_insert(why);
        After::Stop
    }

    fn read_head(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Error> {
        match self.parser.parse(inbound, &self.limits)? {
            Some(head) => self.begin(head).map(Some),
            None if self.eof.is_none() => Ok(None),
            None if self.parser.is_idle() && self.asked.interims == 0 => Err(Error::NoResponse),
            None => Err(Error::HeadCut),
        }
    }

    /// Takes the next piece of the body; `Ok(Err(()))` says that the state changed and is to be looked at again.
    fn read_body(
        &mut self,
        after: After,
        inbound: &mut BytesMut,
    ) -> Result<Result<Option<Event<ResponseHead>>, ()>, Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(Ok(None)) };
        let stream = incoming.stream();
        let trailers = match incoming.next(inbound, &self.limits)? {
            Piece::Data(bytes) => return Ok(Ok(Some(Event::Data { stream, bytes }))),
            Piece::NotWorthIt => {
                self.stop(CloseReason::UnreadBody);
                return Ok(Ok(None));
            }
            Piece::Nothing if self.eof.is_none() || incoming.waits_for_credit(inbound) => {
                return Ok(Ok(None));
            }
            Piece::Nothing if incoming.is_until_eof() => match self.eof {
                // Whoever closes without a notice may not be the server (RFC 9112 §9.8).
                Some(Eof::Cut) => return Err(Error::Cut),
                Some(Eof::Clean) | None => None,
            },
            Piece::Nothing => return Err(Error::BodyCut),
            Piece::End(trailers) => trailers,
        };
        debug_assert!(after == After::Stop || !incoming.is_until_eof());
        let wanted = incoming.is_wanted();
        Incoming::end(&mut self.incoming);
        self.receive(Received::End);
        Ok(if wanted { Ok(Some(Event::End { stream, trailers })) } else { Err(()) })
    }

    fn read_tunnel(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        let stream = incoming.stream();
        match incoming.next(inbound, &self.limits)? {
            Piece::Data(bytes) => Ok(Some(Event::Data { stream, bytes })),
            Piece::End(_) | Piece::NotWorthIt | Piece::Nothing => match self.eof {
                Some(how) if inbound.is_empty() => {
                    self.close.get_or_insert(CloseReason::TunnelEnded);
                    Incoming::end(&mut self.incoming);
                    self.receive(Received::Eof);
                    match how {
                        Eof::Clean => Ok(Some(Event::End { stream, trailers: None })),
                        Eof::Cut => Err(Error::Cut),
                    }
                }
                Some(_) | None => Ok(None),
            },
        }
    }

    fn read(&mut self, inbound: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Error> {
        loop {
            return match self.recv? {
                Recv::Quiet if !inbound.is_empty() => Err(Error::Unsolicited),
                Recv::Quiet if self.eof.is_some() => {
                    self.close.get_or_insert(CloseReason::PeerLeft);
                    self.receive(Received::Eof);
                    Ok(None)
                }
                Recv::Quiet | Recv::Closed => Ok(None),
                Recv::Head => self.read_head(inbound),
                Recv::Body(after) => match self.read_body(after, inbound)? {
                    Ok(event) => Ok(event),
                    Err(()) => continue,
                },
                Recv::Tunnel => self.read_tunnel(inbound),
            };
        }
    }

    fn check_stream(&self, stream: StreamId) -> Result<(), Misuse> {
        match self.send {
            Send::Head | Send::Body | Send::Whole | Send::Tunnel if stream == self.stream => Ok(()),
            Send::Idle | Send::Closed | Send::Head | Send::Body | Send::Whole | Send::Tunnel => {
                Err(Misuse::NotThisStream)
            }
        }
    }
}

impl Codec for Client {
    type In = ResponseHead;
    type Out = RequestHead;
    const ORDERED: bool = true;

    fn start(&mut self, _: &mut Outbound) {}

    fn next_event(
        &mut self,
        inbound: &mut BytesMut,
        _: &mut Outbound,
    ) -> Result<Option<Event<ResponseHead>>, Error> {
        let event = self.read(inbound);
        if let Err(error) = event {
            self.fail(error);
        }
        event
    }

    fn eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn fail(&mut self, error: Error) {
        if self.recv.is_ok() {
            self.recv = Err(error);
            Incoming::end(&mut self.incoming);
            self.send = state::couple(self.send, Recv::Closed);
        }
    }

    fn grant(&mut self, stream: StreamId, n: usize, _: &mut Outbound) {
        if let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.stream() == stream) {
            incoming.grant(n);
        }
    }

    fn discard(&mut self, stream: StreamId, _: &mut Outbound) {
        if let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.stream() == stream) {
            incoming.discard();
        }
    }

    fn open(&mut self) -> Result<StreamId, Busy> {
        if self.phase() != Phase::Idle || self.eof.is_some() {
            return Err(Busy);
        }
        self.send = state::send(self.send, Sent::Open).ok_or(Busy)?;
        self.stream = StreamId(self.stream.0.wrapping_add(1));
        Ok(self.stream)
    }

    /// Clients send none: [`Misuse::NotAllowed`].
    fn send_interim(&mut self, _: StreamId, _: &RequestHead, _: &mut Outbound) -> Result<(), Misuse> {
        Err(Misuse::NotAllowed)
    }

    fn send_head(
        &mut self,
        stream: StreamId,
        head: &RequestHead,
        body: BodyKind,
        out: &mut Outbound,
    ) -> Result<Last, Misuse> {
        self.check_stream(stream)?;
        if self.send != Send::Head {
            return Err(Misuse::OutOfOrder);
        }
        let (Announced { framing, .. }, asked) = head::write(head, body, out)?;
        self.asked = asked;
        self.outgoing = Outgoing::new(framing);
        self.receive(Received::Ask);
        match framing {
            Framing::Empty | Framing::Length(0) => {
                self.step(Sent::HeadOnly)?;
                Ok(Last::Yes)
            }
            Framing::Length(_) | Framing::Chunked | Framing::UntilClose | Framing::Tunnel => {
                self.step(Sent::HeadAndBody)?;
                Ok(Last::No)
            }
        }
    }

    fn send_data(
        &mut self,
        stream: StreamId,
        bytes: &mut Bytes,
        last: Last,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        self.check_stream(stream)?;
        match self.send {
            Send::Body => self.outgoing.data(bytes, last, out)?,
            Send::Tunnel => out.write(core::mem::take(bytes)),
            Send::Idle | Send::Head | Send::Whole | Send::Closed => return Err(Misuse::OutOfOrder),
        }
        match last {
            Last::No => Ok(()),
            Last::Yes => self.send_end(stream, None, out),
        }
    }

    fn send_end(
        &mut self,
        stream: StreamId,
        trailers: Option<&Headers>,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        self.check_stream(stream)?;
        match self.send {
            Send::Body => self.outgoing.end(trailers, out)?,
            Send::Tunnel => {
                self.close.get_or_insert(CloseReason::TunnelEnded);
            }
            Send::Idle | Send::Head | Send::Whole | Send::Closed => return Err(Misuse::OutOfOrder),
        }
        self.step(Sent::End)
    }

    fn reset(&mut self, stream: StreamId, _: Reason, _: &mut Outbound) {
        if stream == self.stream && self.phase() != Phase::Idle {
            // Nothing tells the server that the rest of a request will not come but the end of the connection.
            self.send = state::send(self.send, Sent::GiveUp).unwrap_or(Send::Closed);
            self.stop(CloseReason::Truncated);
        }
    }

    fn drain(&mut self, _: &mut Outbound) {
        self.draining = true;
        if let Ok(recv) = self.recv {
            self.couple(recv);
        }
    }

    fn input_room(&self) -> usize {
        match self.recv {
            Ok(Recv::Head) if !self.parser.is_idle() => {
                ResponseParser::room(&self.limits).max(DEFAULT_INBOUND)
            }
            Ok(Recv::Body(_)) => ChunkDecoder::room(&self.limits).max(DEFAULT_INBOUND),
            Ok(Recv::Quiet | Recv::Head | Recv::Tunnel | Recv::Closed) | Err(_) => DEFAULT_INBOUND,
        }
    }

    fn phase(&self) -> Phase {
        let why = match (self.close, self.recv) {
            (Some(why), _) => why,
            (None, Err(error)) => CloseReason::BadInput(error),
            (None, Ok(_)) => CloseReason::Shutdown,
        };
        match (self.recv, self.send) {
            (Err(_), _) | (Ok(Recv::Closed), Send::Closed) => Phase::Closed(why),
            (Ok(Recv::Quiet), Send::Idle) => Phase::Idle,
            (Ok(_), Send::Closed) => Phase::Draining(why),
            (Ok(_), Send::Idle | Send::Head | Send::Body | Send::Whole | Send::Tunnel) => {
                if self.close.is_some() { Phase::Draining(why) } else { Phase::Busy }
            }
        }
    }
}
