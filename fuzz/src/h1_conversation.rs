//! Any sequence of calls on the server's side of HTTP/1.
//!
//! The input is a line of operations, a letter each (see [`Conversation::run`]), and then what the client sends. The laws:
//! no call panics; body bytes stay within the credit; the events of a stream come in order; an error is final; a call
//! that is refused writes nothing; and whatever was called, the bytes that leave are responses, in the order of the
//! requests, with the framing that a client finds in them. Then the same bytes go to a server that answers each
//! request, in every partition: the events and the output are the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::{partitions, tight, wide, written};
use anyloop_core::codec::{BodyKind, Codec, Event, INITIAL_CREDIT, Last, Misuse, Phase, Reason, StreamId};
use anyloop_core::error::Error;
use anyloop_core::h1::Server;
use anyloop_core::head::{Headers, Known, Method, RequestHead, ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::{Chunk, ChunkDecoder, ResponseParser};
use anyloop_core::protocol::Eof;
use bytes::{Bytes, BytesMut};

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let split = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (operations, wire) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    for limits in [Limits::default(), tight()] {
        let output = Conversation::new(wire, limits.clone()).run(operations);
        assert_eq!(Conversation::new(wire, limits.clone()).run(operations), output, "the same calls (L5)");
        let [whole, others @ ..] = partitions(wire).map(|parts| answer_all(&parts, limits.clone()));
        for other in others {
            assert_eq!(other, whole);
        }
    }
}

/// What is known of a request.
struct Stream {
    credit: usize,
    body: Body,
    is_tunnel: bool,
}

/// How much of a request's body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Coming,
    Whole,
    /// Nobody wants the rest.
    Discarded,
}

struct Conversation<'w> {
    server: Server,
    wire: &'w [u8],
    inbound: BytesMut,
    out: Outbound,
    sent: Vec<u8>,
    streams: BTreeMap<StreamId, Stream>,
    /// The methods of the requests, in order, and GET for a head that could not be read.
    methods: Vec<Method>,
    /// The requests whose answer is not whole.
    owed: VecDeque<StreamId>,
    /// What is spoken about: the oldest of them, or the newest.
    newest: bool,
    error: Option<Error>,
}

impl<'w> Conversation<'w> {
    fn new(wire: &'w [u8], limits: Limits) -> Self {
        Self {
            server: Server::new(Arc::new(limits)),
            wire,
            inbound: BytesMut::new(),
            out: Outbound::default(),
            sent: Vec::new(),
            streams: BTreeMap::new(),
            methods: Vec::new(),
            owed: VecDeque::new(),
            newest: false,
            error: None,
        }
    }

    fn run(mut self, operations: &[u8]) -> Vec<u8> {
        self.server.start(&mut self.out);
        for operation in operations.iter().take(512) {
            self.operate(*operation);
            let _: Phase = self.server.phase();
            assert!(self.server.input_room() > 0);
        }
        self.sent.extend(written(&mut self.out));
        read_as_client(&self.sent, &self.methods);
        self.sent
    }

    fn operate(&mut self, operation: u8) {
        let stream = self.current();
        match operation {
            b'f' => self.receive(7),
            b'F' => self.receive(usize::MAX),
            b'n' => _ = self.next_event(),
            b'N' => while self.next_event() {},
            b'c' => self.server.grant(stream, 0, &mut self.out),
            b'g' => self.grant(stream, 1_000),
            b'G' => self.grant(stream, 1 << 20),
            b'x' => self.discard(stream),
            b'i' => {
                _ = self.call(|server, out| {
                    server.send_interim(stream, &ResponseHead::new(Status::EARLY_HINTS), out)
                })
            }
            b'k' => self.send_head(Status::OK, BodyKind::Empty),
            b's' => self.send_head(Status::OK, BodyKind::Sized(5)),
            b'h' => self.send_head(Status::OK, BodyKind::Streamed),
            b'm' => self.send_head(Status::NOT_MODIFIED, BodyKind::Sized(5)),
            b'v' => self.send_head(Status::NO_CONTENT, BodyKind::Empty),
            b't' => self.send_head(Status::SWITCHING_PROTOCOLS, BodyKind::Tunnel),
            b'T' => self.send_head(Status::OK, BodyKind::Tunnel),
            b'd' => self.send_data(b"he", Last::No),
            b'e' => self.send_data(b"llo", Last::Yes),
            b'D' => self.send_data(&[b'x'; 70_000], Last::No),
            b'l' => self.send_end(None),
            b'L' => self.send_end(Some(&trailers())),
            b'r' => self.server.reset(stream, Reason::Internal, &mut self.out),
            b'z' => self.server.eof(Eof::Clean),
            b'Z' => self.server.eof(Eof::Cut),
            b'q' => self.server.drain(&mut self.out),
            b'b' => self.fail(Error::HeadTimeout),
            b'o' => self.open(),
            b'w' => self.sent.extend(written(&mut self.out)),
            b'>' => self.newest = true,
            b'<' => self.newest = false,
            _ => {}
        }
    }

    fn current(&self) -> StreamId {
        let stream = if self.newest { self.owed.back() } else { self.owed.front() };
        stream.copied().unwrap_or(StreamId(77))
    }

    fn receive(&mut self, most: usize) {
        let (part, rest) = self.wire.split_at(most.min(self.wire.len()));
        self.inbound.extend_from_slice(part);
        self.wire = rest;
    }

    fn next_event(&mut self) -> bool {
        let before = self.inbound.len();
        let event = self.server.next_event(&mut self.inbound, &mut self.out);
        if let Some(error) = self.error {
            assert_eq!(event, Err(error), "an error is final");
        }
        match event {
            Ok(None) => false,
            Ok(Some(event)) => {
                self.check(event);
                true
            }
            Err(error) => {
                assert!(self.inbound.len() <= before);
                self.error = Some(error);
                false
            }
        }
    }

    fn check(&mut self, event: Event<RequestHead>) {
        match event {
            Event::Head { stream, head, body } => {
                assert!(self.streams.last_key_value().is_none_or(|(last, _)| *last < stream));
                assert_ne!(body, BodyKind::Tunnel, "a tunnel begins with the answer");
                let body = if body == BodyKind::Empty { Body::Whole } else { Body::Coming };
                self.streams.insert(stream, Stream { credit: INITIAL_CREDIT, body, is_tunnel: false });
                self.methods.push(head.method);
                self.owed.push_back(stream);
            }
            Event::Data { stream, bytes } => {
                assert!(!bytes.is_empty());
                let known = self.streams.get_mut(&stream).expect("data after a head");
                assert_eq!(known.body, Body::Coming);
                known.credit = known.credit.checked_sub(bytes.len()).expect("credit for the data");
            }
            Event::End { stream, trailers: _ } => {
                let known = self.streams.get_mut(&stream).expect("an end after a head");
                // That the peer ended its side of a tunnel is told even where nobody wants its bytes.
                assert!(known.body == Body::Coming || known.body == Body::Discarded && known.is_tunnel);
                known.body = Body::Whole;
            }
            Event::Interim { .. } | Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. } => {
                panic!("no event of a server of HTTP/1: {event:?}")
            }
        }
    }

    fn grant(&mut self, stream: StreamId, n: usize) {
        if let Some(known) = self.streams.get_mut(&stream) {
            known.credit += n;
        }
        self.server.grant(stream, n, &mut self.out);
    }

    fn discard(&mut self, stream: StreamId) {
        if let Some(known) = self.streams.get_mut(&stream)
            && known.body == Body::Coming
        {
            known.body = Body::Discarded;
        }
        self.server.discard(stream, &mut self.out);
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.server.fail(error);
    }

    fn open(&mut self) {
        if let Ok(stream) = self.server.open() {
            assert!(self.error.is_some(), "an answer to a head that could be read");
            self.methods.push(Method::GET);
            self.owed.push_back(stream);
        }
    }

    /// Calls what may be refused.
    fn call<T>(&mut self, call: impl FnOnce(&mut Server, &mut Outbound) -> Result<T, Misuse>) -> Option<T> {
        let before = self.out.len();
        let outcome = call(&mut self.server, &mut self.out);
        if outcome.is_err() {
            assert_eq!(self.out.len(), before, "a refused call wrote: {:?}", outcome.err());
            return None;
        }
        outcome.ok()
    }

    fn send_head(&mut self, status: Status, body: BodyKind) {
        let stream = self.current();
        let mut head = ResponseHead::new(status);
        if status == Status::SWITCHING_PROTOCOLS {
            head.headers.append(Known::Upgrade, "echo").expect("a valid field");
        }
        let last = self.call(|server, out| server.send_head(stream, &head, body, out));
        match (last, body) {
            (Some(Last::Yes), _) => self.answered(stream),
            (Some(Last::No), BodyKind::Tunnel) => {
                let known = self.streams.get_mut(&stream).expect("a tunnel for a request");
                *known = Stream { credit: INITIAL_CREDIT, body: Body::Coming, is_tunnel: true };
            }
            (Some(Last::No) | None, _) => {}
        }
    }

    fn send_data(&mut self, data: &'static [u8], last: Last) {
        let (stream, mut bytes) = (self.current(), Bytes::from_static(data));
        let sent = self.call(|server, out| server.send_data(stream, &mut bytes, last, out));
        if sent.is_some() && last == Last::Yes && bytes.is_empty() {
            self.answered(stream);
        }
    }

    fn send_end(&mut self, trailers: Option<&Headers>) {
        let stream = self.current();
        if self.call(|server, out| server.send_end(stream, trailers, out)).is_some() {
            self.answered(stream);
        }
    }

    fn answered(&mut self, stream: StreamId) {
        assert_eq!(self.owed.pop_front(), Some(stream), "answers leave in the order of the requests");
    }
}

fn trailers() -> Headers {
    let mut trailers = Headers::new();
    trailers.append("x-sum", "1").expect("a valid field");
    trailers
}

/// Reads the output as a client that knows what it asked. The last answer may be unfinished.
fn read_as_client(output: &[u8], methods: &[Method]) {
    let (mut inbound, limits) = (BytesMut::from(output), wide());
    for method in methods {
        let head = loop {
            match ResponseParser::new().parse(&mut inbound, &limits).expect("a valid head") {
                None => {
                    assert!(inbound.is_empty(), "half a head was written");
                    return;
                }
                Some(head) if head.status == Status::SWITCHING_PROTOCOLS => return,
                Some(head) if head.status.is_informational() => {}
                Some(head) => break head,
            }
        };
        if *method == Method::CONNECT && head.status.is_success() {
            return;
        }
        let codings = head.headers.all_known(Known::TransferEncoding).count();
        let lengths: Vec<_> = head.headers.all_known(Known::ContentLength).collect();
        assert!(codings + lengths.len() <= 1, "more than one framing");
        if *method == Method::HEAD || matches!(head.status, Status::NO_CONTENT | Status::NOT_MODIFIED) {
            continue;
        }
        if codings == 1 {
            if !skip_chunks(&mut inbound, &limits) {
                return;
            }
        } else if let [length] = lengths[..] {
            let length: usize =
                str::from_utf8(length).ok().and_then(|text| text.parse().ok()).expect("a length");
            if inbound.len() < length {
                return;
            }
            _ = inbound.split_to(length);
        } else {
            // The end of the connection ends the body.
            assert!(head.headers.has_token(Known::Connection, "close"));
            return;
        }
        if head.headers.has_token(Known::Connection, "close") {
            break;
        }
    }
    assert!(inbound.is_empty(), "more was written than answers: {inbound:?}");
}

fn skip_chunks(inbound: &mut BytesMut, limits: &Limits) -> bool {
    let mut decoder = ChunkDecoder::new();
    loop {
        match decoder.decode(inbound, usize::MAX, limits).expect("valid chunks") {
            Some(Chunk::Data(_)) => {}
            Some(Chunk::End(_)) => return true,
            None => return false,
        }
    }
}

/// What a conversation gave in which each request is answered when it is whole.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    heads: Vec<(StreamId, RequestHead, BodyKind)>,
    bodies: BTreeMap<StreamId, Vec<u8>>,
    ends: Vec<(StreamId, Option<Headers>)>,
    error: Option<Error>,
    output: Vec<u8>,
}

fn answer_all(parts: &[&[u8]], limits: Limits) -> Transcript {
    let mut transcript = Transcript::default();
    let mut server = Server::new(Arc::new(limits));
    let (mut inbound, mut out) = (BytesMut::new(), Outbound::default());
    for part in parts {
        inbound.extend_from_slice(part);
        while transcript.error.is_none() {
            match server.next_event(&mut inbound, &mut out) {
                Ok(None) => break,
                Ok(Some(event)) => take(&mut transcript, event, &mut server, &mut out),
                Err(error) => {
                    transcript.error = Some(error);
                    if let Ok(stream) = server.open() {
                        answer(&mut server, stream, error.status(), &mut out);
                    }
                }
            }
        }
    }
    transcript.output = written(&mut out);
    transcript
}

fn take(transcript: &mut Transcript, event: Event<RequestHead>, server: &mut Server, out: &mut Outbound) {
    match event {
        Event::Head { stream, head, body } => {
            transcript.heads.push((stream, head, body));
            if body == BodyKind::Empty {
                answer(server, stream, Status::NOT_FOUND, out);
            }
        }
        Event::Data { stream, bytes } => {
            server.grant(stream, bytes.len(), out);
            transcript.bodies.entry(stream).or_default().extend_from_slice(&bytes);
        }
        Event::End { stream, trailers } => {
            transcript.ends.push((stream, trailers));
            answer(server, stream, Status::NOT_FOUND, out);
        }
        Event::Interim { .. } | Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. } => {
            panic!("no event of a server of HTTP/1: {event:?}")
        }
    }
}

fn answer(server: &mut Server, stream: StreamId, status: Status, out: &mut Outbound) {
    let last = server.send_head(stream, &ResponseHead::new(status), BodyKind::Empty, out);
    assert_eq!(last, Ok(Last::Yes));
}
