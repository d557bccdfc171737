//! Any sequence of calls on the client's side of HTTP/1.
//!
//! The input is a line of operations, a letter each (see [`Conversation::operate`]), and then what the server sends. The
//! laws: no call panics; nothing comes without a request; the events of an exchange come in order, and body bytes stay
//! within the credit; an error is final; a call that is refused writes nothing; and whatever was called, the bytes that
//! leave are the requests that were sent, in order, with the framing that a server finds in them. Then the same bytes go
//! to a client that asks again as soon as a response is whole, in every partition: the events are the same.

use std::sync::Arc;

use crate::{partitions, tight, wide, written};
use anyloop_core::codec::{BodyKind, Codec, Event, INITIAL_CREDIT, Last, Misuse, Phase, Reason, StreamId};
use anyloop_core::error::Error;
use anyloop_core::framing::{Framing, decide_request};
use anyloop_core::h1::Client;
use anyloop_core::head::{Headers, Known, Method, RequestHead, ResponseHead, Status, Target};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::{Chunk, ChunkDecoder, RequestParser};
use anyloop_core::protocol::Eof;
use bytes::{Bytes, BytesMut};

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let split = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (operations, wire) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    for limits in [Limits::default(), tight()] {
        let output = Conversation::new(wire, limits.clone()).run(operations);
        assert_eq!(Conversation::new(wire, limits.clone()).run(operations), output, "the same calls (L5)");
        for how in [Eof::Clean, Eof::Cut] {
            let [whole, others @ ..] = partitions(wire).map(|parts| ask_all(&parts, limits.clone(), how));
            for other in others {
                assert_eq!(other, whole);
            }
        }
    }
}

/// How far a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    /// None is owed.
    None,
    /// A request was sent.
    Owed,
    /// Its body comes.
    Body,
    /// Nobody wants the rest of its body.
    Discarded,
    /// The stream is a tunnel.
    Tunnel,
}

struct Conversation<'w> {
    client: Client,
    wire: &'w [u8],
    inbound: BytesMut,
    out: Outbound,
    sent: Vec<u8>,
    stream: StreamId,
    /// What was opened and has no head yet.
    is_open: bool,
    response: Response,
    credit: usize,
    interims: usize,
    limits: Limits,
    /// The methods of the requests that were sent.
    methods: Vec<Method>,
    /// Whether the last of them became a tunnel.
    is_tunnel: bool,
    error: Option<Error>,
}

impl<'w> Conversation<'w> {
    fn new(wire: &'w [u8], limits: Limits) -> Self {
        Self {
            client: Client::new(Arc::new(limits.clone())),
            wire,
            inbound: BytesMut::new(),
            out: Outbound::default(),
            sent: Vec::new(),
            stream: StreamId(77),
            is_open: false,
            response: Response::None,
            credit: 0,
            interims: 0,
            limits,
            methods: Vec::new(),
            is_tunnel: false,
            error: None,
        }
    }

    fn run(mut self, operations: &[u8]) -> Vec<u8> {
        self.client.start(&mut self.out);
        for operation in operations.iter().take(512) {
            self.operate(*operation);
            if self.client.phase() == Phase::Idle {
                assert!(matches!(self.response, Response::None | Response::Discarded), "{:?}", self.response);
            }
            assert!(self.client.input_room() > 0);
        }
        self.sent.extend(written(&mut self.out));
        read_as_server(&self.sent, &self.methods, self.is_tunnel);
        self.sent
    }

    fn operate(&mut self, operation: u8) {
        match operation {
            b'f' => self.receive(7),
            b'F' => self.receive(usize::MAX),
            b'n' => _ = self.next_event(),
            b'N' => while self.next_event() {},
            b'o' => self.open(),
            b'k' => self.send_head("GET", "/", None, BodyKind::Empty),
            b'H' => self.send_head("HEAD", "/", None, BodyKind::Empty),
            b'p' => self.send_head("POST", "/", None, BodyKind::Empty),
            b's' => self.send_head("POST", "/", None, BodyKind::Sized(5)),
            b'h' => self.send_head("POST", "/", None, BodyKind::Streamed),
            b'y' => self.send_head("PUT", "/", Some(("expect", "100-continue")), BodyKind::Sized(5)),
            b't' => self.send_head("GET", "/", Some(("upgrade", "echo")), BodyKind::Empty),
            b'K' => self.send_head("GET", "/", Some(("connection", "close")), BodyKind::Empty),
            b'T' => self.send_head("CONNECT", "a:1", None, BodyKind::Empty),
            b'C' => self.send_head("CONNECT", "a:1", None, BodyKind::Sized(5)),
            b'X' => self.send_head("GET", "/", Some(("host", "b")), BodyKind::Empty),
            b'd' => self.send_data(b"he", Last::No),
            b'e' => self.send_data(b"llo", Last::Yes),
            b'D' => self.send_data(&[b'x'; 70_000], Last::No),
            b'l' => self.send_end(None),
            b'L' => self.send_end(Some(&trailers())),
            b'i' => {
                let stream = self.stream;
                let head = request("GET", "/", None);
                let sent = self.call(|client, out| client.send_interim(stream, &head, out));
                assert!(sent.is_none(), "a client has no interim responses");
            }
            b'c' => self.grant(0),
            b'g' => self.grant(1_000),
            b'G' => self.grant(1 << 20),
            b'x' => self.discard(),
            b'r' => self.client.reset(self.stream, Reason::Cancelled, &mut self.out),
            b'z' => self.client.eof(Eof::Clean),
            b'Z' => self.client.eof(Eof::Cut),
            b'q' => self.client.drain(&mut self.out),
            b'b' => self.fail(Error::BodyTooSlow),
            b'w' => self.sent.extend(written(&mut self.out)),
            _ => {}
        }
    }

    fn receive(&mut self, most: usize) {
        let (part, rest) = self.wire.split_at(most.min(self.wire.len()));
        self.inbound.extend_from_slice(part);
        self.wire = rest;
    }

    fn next_event(&mut self) -> bool {
        let before = self.inbound.len();
        let event = self.client.next_event(&mut self.inbound, &mut self.out);
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
                assert!(self.client.open().is_err(), "nothing is asked after an error");
                self.error = Some(error);
                false
            }
        }
    }

    fn check(&mut self, event: Event<ResponseHead>) {
        match event {
            Event::Interim { stream, head } => {
                assert_eq!((stream, self.response), (self.stream, Response::Owed));
                assert!(head.status.is_informational() && head.status != Status::SWITCHING_PROTOCOLS);
                self.interims += 1;
                assert!(self.interims <= self.limits.max_interim);
            }
            Event::Head { stream, head, body } => {
                assert_eq!((stream, self.response), (self.stream, Response::Owed), "nothing unasked for");
                self.credit = INITIAL_CREDIT;
                self.response = match body {
                    BodyKind::Empty => Response::None,
                    BodyKind::Sized(_) | BodyKind::Streamed => Response::Body,
                    BodyKind::Tunnel => Response::Tunnel,
                };
                if body == BodyKind::Tunnel {
                    let method = self.methods.last().copied();
                    let connects = method == Some(Method::CONNECT) && head.status.is_success();
                    assert!(connects || head.status == Status::SWITCHING_PROTOCOLS);
                    self.is_tunnel = true;
                }
            }
            Event::Data { stream, bytes } => {
                assert_eq!(stream, self.stream);
                assert!(!bytes.is_empty() && matches!(self.response, Response::Body | Response::Tunnel));
                self.credit = self.credit.checked_sub(bytes.len()).expect("credit for the data");
            }
            Event::End { stream, trailers: _ } => {
                assert_eq!(stream, self.stream);
                // That the peer ended its side of a tunnel is told even where nobody wants its bytes.
                let discarded = self.response == Response::Discarded && self.is_tunnel;
                assert!(matches!(self.response, Response::Body | Response::Tunnel) || discarded);
                self.response = Response::None;
            }
            Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. } => {
                panic!("no event of a client of HTTP/1: {event:?}")
            }
        }
    }

    fn open(&mut self) {
        if let Ok(stream) = self.client.open() {
            assert!(!self.is_open && matches!(self.response, Response::None | Response::Discarded));
            (self.stream, self.is_open, self.response) = (stream, true, Response::None);
        }
    }

    fn grant(&mut self, n: usize) {
        self.credit = self.credit.saturating_add(n);
        self.client.grant(self.stream, n, &mut self.out);
    }

    fn discard(&mut self) {
        if matches!(self.response, Response::Body | Response::Tunnel) {
            self.response = Response::Discarded;
        }
        self.client.discard(self.stream, &mut self.out);
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.client.fail(error);
    }

    /// Calls what may be refused.
    fn call<T>(&mut self, call: impl FnOnce(&mut Client, &mut Outbound) -> Result<T, Misuse>) -> Option<T> {
        let before = self.out.len();
        let outcome = call(&mut self.client, &mut self.out);
        if outcome.is_err() {
            assert_eq!(self.out.len(), before, "a refused call wrote: {:?}", outcome.err());
            return None;
        }
        outcome.ok()
    }

    fn send_head(
        &mut self,
        method: &str,
        target: &'static str,
        field: Option<(&'static str, &'static str)>,
        body: BodyKind,
    ) {
        let (stream, head) = (self.stream, request(method, target, field));
        if self.call(|client, out| client.send_head(stream, &head, body, out)).is_some() {
            assert!(self.is_open, "a head where none was owed");
            self.is_open = false;
            (self.response, self.interims) = (Response::Owed, 0);
            self.methods.push(head.method);
        }
    }

    fn send_data(&mut self, data: &'static [u8], last: Last) {
        let (stream, mut bytes) = (self.stream, Bytes::from_static(data));
        if self.call(|client, out| client.send_data(stream, &mut bytes, last, out)).is_some() {
            assert!(bytes.is_empty(), "HTTP/1 takes all");
        }
    }

    fn send_end(&mut self, trailers: Option<&Headers>) {
        let stream = self.stream;
        self.call(|client, out| client.send_end(stream, trailers, out));
    }
}

fn request(method: &str, target: &'static str, field: Option<(&'static str, &'static str)>) -> RequestHead {
    let method = Method::try_from(method).expect("a method");
    let mut head = RequestHead::new(method, Target::try_from(target).expect("a target"));
    head.headers.append("host", "a").expect("a valid field");
    if let Some((name, value)) = field {
        head.headers.append(name, value).expect("a valid field");
    }
    head
}

fn trailers() -> Headers {
    let mut trailers = Headers::new();
    trailers.append("x-sum", "1").expect("a valid field");
    trailers
}

/// Reads the output as a server that finds the requests which were sent. The last one may be unfinished.
fn read_as_server(output: &[u8], methods: &[Method], is_tunnel: bool) {
    let (mut inbound, limits) = (BytesMut::from(output), wide());
    for (at, method) in methods.iter().enumerate() {
        let head = RequestParser::new().parse(&mut inbound, &limits).expect("a valid head");
        let head = head.expect("a whole head");
        assert_eq!(head.method, *method);
        assert_eq!(head.headers.all_known(Known::Host).count(), 1);
        if is_tunnel && at + 1 == methods.len() && matches!(head.method, Method::CONNECT) {
            return;
        }
        let whole = match decide_request(&head.method, head.version, &head.headers).expect("a framing") {
            Framing::Empty => true,
            Framing::Length(length) => {
                let length = usize::try_from(length).expect("a short body");
                let whole = inbound.len() >= length;
                _ = inbound.split_to(length.min(inbound.len()));
                whole
            }
            Framing::Chunked => skip_chunks(&mut inbound, &limits),
            Framing::UntilClose | Framing::Tunnel => panic!("no framing of a request"),
        };
        if !whole {
            break;
        }
    }
    assert!(is_tunnel || inbound.is_empty(), "more was written than requests: {inbound:?}");
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

/// What a conversation gave in which the next request follows each whole response.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    heads: Vec<(StreamId, ResponseHead)>,
    bodies: Vec<(StreamId, Vec<u8>)>,
    ends: Vec<(StreamId, Option<Headers>)>,
    error: Option<Error>,
    phase: Option<Phase>,
    output: Vec<u8>,
}

fn ask_all(parts: &[&[u8]], limits: Limits, how: Eof) -> Transcript {
    let mut transcript = Transcript::default();
    let mut client = Client::new(Arc::new(limits));
    let (mut inbound, mut out) = (BytesMut::new(), Outbound::default());
    ask(&mut client, &mut out);
    for part in parts {
        inbound.extend_from_slice(part);
        take_all(&mut transcript, &mut client, &mut inbound, &mut out);
    }
    client.eof(how);
    take_all(&mut transcript, &mut client, &mut inbound, &mut out);
    transcript.phase = Some(client.phase());
    transcript.output = written(&mut out);
    transcript
}

/// Asks what the number of the exchange says, where something may be asked.
fn ask(client: &mut Client, out: &mut Outbound) {
    let Ok(stream) = client.open() else { return };
    let head = match stream.0 % 4 {
        0 => request("GET", "/", Some(("upgrade", "echo"))),
        1 => request("HEAD", "/", None),
        2 => request("POST", "/", None),
        _ => request("CONNECT", "a:1", None),
    };
    assert_eq!(client.send_head(stream, &head, BodyKind::Empty, out), Ok(Last::Yes));
}

fn take_all(transcript: &mut Transcript, client: &mut Client, inbound: &mut BytesMut, out: &mut Outbound) {
    while transcript.error.is_none() {
        match client.next_event(inbound, out) {
            Ok(None) => return,
            Ok(Some(Event::Interim { stream, head })) => transcript.heads.push((stream, head)),
            Ok(Some(Event::Head { stream, head, body })) => {
                transcript.heads.push((stream, head));
                if body == BodyKind::Empty {
                    ask(client, out);
                }
            }
            Ok(Some(Event::Data { stream, bytes })) => {
                client.grant(stream, bytes.len(), out);
                match transcript.bodies.last_mut().filter(|(last, _)| *last == stream) {
                    Some((_, body)) => body.extend_from_slice(&bytes),
                    None => transcript.bodies.push((stream, bytes.to_vec())),
                }
            }
            Ok(Some(Event::End { stream, trailers })) => {
                transcript.ends.push((stream, trailers));
                ask(client, out);
            }
            Ok(Some(event)) => panic!("no event of a client of HTTP/1: {event:?}"),
            Err(error) => transcript.error = Some(error),
        }
    }
}
