//! What is sent: whatever is given to a head, a body or trailers, it is refused, or it is read back as it was given, and
//! nothing of it ends its line, its head or its message early.
//!
//! The input is text. A line `METHOD TARGET` and the fields of a request; an empty line; a line `STATUS LETTERS` (see
//! [`Options`]) and the fields of a response; an empty line; the fields of a trailer section; an empty line; the body. A
//! field is `name: value`. For a line feed within a line stands `\n`, and `\\` for a backslash.

use std::sync::Arc;

use anyloop_core::codec::{BodyKind, Codec, Event, Last, Misuse, Phase, Reason, StreamId};
use anyloop_core::encode;
use anyloop_core::error::Error;
use anyloop_core::framing::{Framing, Role, decide};
use anyloop_core::h1::Server;
use anyloop_core::head::{
    HeaderName, HeaderValue, Headers, InvalidHeader, InvalidMethod, Known, Method, RequestHead, ResponseHead,
    Status, Target, Version,
};
use anyloop_core::link::Outbound;
use anyloop_core::parse::{Chunk, ChunkDecoder, RequestParser, ResponseParser};
use bytes::{Bytes, BytesMut};

use crate::{feed, partitions, request_head, response_head, shared, wide, written};

/// Most fields of a section; more are left out.
const MAX_FIELDS: usize = 100;

/// The fields that only the codec writes.
const OURS: &[&str] = &["connection", "content-length", "transfer-encoding", "keep-alive", "upgrade"];

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let message = Message::read(data);
    let requested = message.request();
    if let Some(head) = &requested {
        send_request(head);
    }
    if let Some(status) = message.status {
        for version in [Version::Http10, Version::Http11] {
            send_response(&ResponseHead {
                version,
                headers: message.headers.clone(),
                ..ResponseHead::new(status)
            });
        }
        let asked =
            requested.map_or((Method::GET, Target::default()), |head| (head.method, head.target.clone()));
        if asked.1.form().suits(asked.0) {
            serve(&message, status, asked);
        }
    }
}

/// How a server answers.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    /// `0`: the client speaks HTTP/1.0.
    http10: bool,
    /// `c`: it asks to close.
    close: bool,
    /// `k`: it asks to keep the connection.
    keep: bool,
    /// `u`: it offers an upgrade.
    upgrade: bool,
    /// `i`: interim responses go before.
    interim: bool,
    body: Body,
}

/// How the body is announced.
#[derive(Clone, Copy, Debug, Default)]
enum Body {
    /// By no letter: with its length.
    #[default]
    Exact,
    /// `+`: one byte longer than it is.
    Longer,
    /// `-`: one byte shorter.
    Shorter,
    /// `e`: as if there were none.
    Empty,
    /// `h`: without a length.
    Streamed,
    /// `t`: as a tunnel.
    Tunnel,
}

impl Options {
    fn read(letters: &[u8]) -> Self {
        let mut options = Self::default();
        for letter in letters {
            match letter {
                b'0' => options.http10 = true,
                b'c' => options.close = true,
                b'k' => options.keep = true,
                b'u' => options.upgrade = true,
                b'i' => options.interim = true,
                b'+' => options.body = Body::Longer,
                b'-' => options.body = Body::Shorter,
                b'e' => options.body = Body::Empty,
                b'h' => options.body = Body::Streamed,
                b't' => options.body = Body::Tunnel,
                _ => {}
            }
        }
        options
    }
}

/// The input.
#[derive(Debug)]
struct Message {
    method: Vec<u8>,
    target: Vec<u8>,
    fields: Headers,
    status: Option<Status>,
    options: Options,
    headers: Headers,
    trailers: Headers,
    body: Bytes,
}

impl Message {
    fn read(mut data: &[u8]) -> Self {
        let (method, target) = pair(line(&mut data).unwrap_or_default(), b" ");
        let fields = section(&mut data);
        let (status, letters) = pair(line(&mut data).unwrap_or_default(), b" ");
        let headers = section(&mut data);
        let trailers = section(&mut data);
        let status = str::from_utf8(&status).ok().and_then(|code| code.parse().ok()).and_then(Status::new);
        let options = Options::read(&letters);
        Self { method, target, fields, status, options, headers, trailers, body: shared(data) }
    }

    /// The request head, if its parts are valid.
    fn request(&self) -> Option<RequestHead> {
        let method = Method::try_from(&self.method[..]);
        let is_method = is_token(&self.method) && self.method.len() <= 32;
        assert_eq!(method, if is_method { Ok(method.unwrap_or_default()) } else { Err(InvalidMethod) });
        let target = Target::try_from(Bytes::from(self.target.clone()));
        if let Ok(target) = &target {
            assert_eq!(target.as_bytes(), self.target);
            assert!(self.target.iter().all(u8::is_ascii_graphic), "a target that can be split");
        }
        let (method, target) = (method.ok()?, target.ok()?);
        assert_eq!(method.as_str().as_bytes(), self.method);
        let mut head = RequestHead::new(method, target);
        head.headers = self.fields.clone();
        Some(head)
    }

    /// How the body is announced, and what of it leaves then.
    fn announced(&self) -> (BodyKind, Bytes) {
        let length = self.body.len() as u64;
        match self.options.body {
            Body::Exact => (BodyKind::Sized(length), self.body.clone()),
            Body::Longer => (BodyKind::Sized(length + 1), self.body.clone()),
            Body::Shorter => {
                let kept = self.body.len().saturating_sub(1);
                (BodyKind::Sized(kept as u64), self.body.slice(..kept))
            }
            Body::Empty => (BodyKind::Empty, Bytes::new()),
            Body::Streamed => (BodyKind::Streamed, self.body.clone()),
            Body::Tunnel => (BodyKind::Tunnel, self.body.clone()),
        }
    }
}

/// Takes a line; `None` for an empty one and at the end.
fn line(data: &mut &[u8]) -> Option<Vec<u8>> {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let mut line = Vec::new();
    let mut bytes = data[..end].iter();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(b'n')) => line.push(b'\n'),
            (b'\\', Some(b'\\')) => line.push(b'\\'),
            (other, _) => {
                line.push(*other);
                continue;
            }
        }
        bytes.next();
    }
    *data = data.get(end + 1..).unwrap_or_default();
    (!line.is_empty()).then_some(line)
}

/// Cuts a line at the first separator.
fn pair(line: Vec<u8>, separator: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match line.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (line[..at].to_vec(), line[at + separator.len()..].to_vec()),
        None => (line, Vec::new()),
    }
}

/// Takes the fields up to an empty line, without those that are refused.
fn section(data: &mut &[u8]) -> Headers {
    let mut headers = Headers::new();
    while let Some(line) = line(data) {
        let (name, value) = pair(line, b": ");
        if let (Some(name), Some(value)) = (checked_name(&name), checked_value(&value))
            && headers.len() < MAX_FIELDS
        {
            headers.append(name, value).expect("valid parts");
        }
    }
    headers
}

/// Makes a name in each way there is.
fn checked_name(name: &[u8]) -> Option<HeaderName> {
    let made = HeaderName::copy_from(name);
    assert_eq!(made.is_ok(), is_token(name), "{name:?}");
    assert_eq!(HeaderName::try_from(shared(name)), made);
    assert_eq!(HeaderName::try_from(name.to_vec()), made);
    let made = made.ok()?;
    assert!(made.as_str().as_bytes().eq_ignore_ascii_case(name));
    Some(made)
}

/// Makes a value in each way there is.
fn checked_value(value: &[u8]) -> Option<HeaderValue> {
    let is_value = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    let start = value.iter().position(|byte| !matches!(byte, b'\t' | b' ')).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !matches!(byte, b'\t' | b' ')).map_or(start, |last| last + 1);
    let made = HeaderValue::copy_from(value);
    assert_eq!(HeaderValue::try_from(shared(value)), made);
    assert_eq!(HeaderValue::try_from(value.to_vec()), made);
    match &made {
        Ok(made) => assert_eq!((is_value, made.as_bytes()), (true, &value[start..end])),
        Err(error) => assert_eq!((is_value, error), (false, &InvalidHeader::Value)),
    }
    made.ok()
}

/// RFC 9110 §5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_char)
}

/// Asserts that a head is a start line, so many field lines and an empty line, and that nothing else could end a line.
fn assert_lines(head: &[u8], fields: usize) {
    let text = head.strip_suffix(b"\r\n\r\n").expect("an empty line at the end");
    let ends = text.windows(2).filter(|window| window == b"\r\n").count();
    assert_eq!(ends, fields, "a line a field");
    let controls = text.iter().filter(|byte| byte.is_ascii_control() && **byte != b'\t').count();
    assert_eq!(controls, 2 * ends, "no control characters but those of line ends");
}

fn send_request(head: &RequestHead) {
    for version in [Version::Http10, Version::Http11] {
        let (mut out, mut head) = (Outbound::default(), head.clone());
        head.version = version;
        let sent = encode::request(&mut out, &head);
        let bytes = written(&mut out);
        if !head.target.form().suits(head.method) {
            assert_eq!((sent, &bytes[..]), (Err(Error::TargetForm), &[][..]));
            continue;
        }
        assert_eq!(sent, Ok(()));
        assert_lines(&bytes, head.headers.len());
        for parts in partitions(&bytes) {
            let mut parser = RequestParser::new();
            let read = feed(&parts, |inbound| parser.parse(inbound, &wide()));
            assert_eq!(read, Ok(Some((head.clone(), bytes.len()))));
        }
        request_head::compare(&head, &bytes);
    }
}

fn send_response(head: &ResponseHead) {
    let mut out = Outbound::default();
    encode::response(&mut out, head);
    let bytes = written(&mut out);
    assert_lines(&bytes, head.headers.len());
    for parts in partitions(&bytes) {
        let mut parser = ResponseParser::new();
        let read = feed(&parts, |inbound| parser.parse(inbound, &wide()));
        let (read, taken) = read.expect("a valid head").expect("a whole head");
        assert_eq!(taken, bytes.len());
        response_head::compare(&read, &bytes);
        assert_eq!(ResponseHead { reason: None, ..read }, *head);
    }
}

/// What a server was told to send.
#[derive(Debug)]
struct Answer {
    method: Method,
    status: Status,
    headers: Headers,
    interim: bool,
    body: Bytes,
    end: End,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With its head.
    Head,
    /// With its body.
    Body,
    /// Never: it was given up.
    Cut,
    /// With the connection.
    Tunnel,
}

/// Answers two requests, and reads what leaves as a client.
fn serve(message: &Message, status: Status, asked: (Method, Target)) {
    let mut inbound = BytesMut::from(&requests(message.options, asked)[..]);
    let (mut server, mut out) = (Server::new(Arc::new(wide())), Outbound::default());
    let mut answers = Vec::new();
    while answers.len() < 2 && answers.last().is_none_or(|answer: &Answer| answer.end != End::Tunnel) {
        match server.next_event(&mut inbound, &mut out).expect("what we send is taken") {
            Some(Event::Head { stream, head, body }) => {
                assert_eq!(body, BodyKind::Empty);
                answers.push(answer(message, status, &head, stream, &mut server, &mut out));
            }
            None => {
                assert_ne!(server.phase(), Phase::Idle, "a request is left unread");
                break;
            }
            other => panic!("no event of a request without a body: {other:?}"),
        }
    }
    read_answers(&written(&mut out), &answers, &message.trailers);
}

fn requests(options: Options, (method, target): (Method, Target)) -> Vec<u8> {
    let mut head = RequestHead::new(method, target);
    let mut add = |name, value: &'static str| _ = head.headers.append(name, value).expect("a valid field");
    add(Known::Host, "a");
    for (wanted, value) in
        [(options.close, "close"), (options.keep, "keep-alive"), (options.upgrade, "upgrade")]
    {
        if wanted {
            add(Known::Connection, value);
        }
    }
    if options.upgrade {
        add(Known::Upgrade, "echo");
    }
    if options.http10 {
        head.version = Version::Http10;
    }
    let mut out = Outbound::default();
    encode::request(&mut out, &head).expect("a target that suits the method");
    let mut bytes = written(&mut out);
    bytes.extend_from_slice(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    bytes
}

fn answer(
    message: &Message,
    status: Status,
    request: &RequestHead,
    stream: StreamId,
    server: &mut Server,
    out: &mut Outbound,
) -> Answer {
    let (kind, body) = message.announced();
    let head = |status| ResponseHead { headers: message.headers.clone(), ..ResponseHead::new(status) };
    let mut answer = Answer {
        method: request.method,
        status,
        headers: message.headers.clone(),
        interim: message.options.interim && request.version == Version::Http11,
        body,
        end: End::Head,
    };
    if message.options.interim {
        server.send_interim(stream, &head(Status::EARLY_HINTS), out).expect("an interim response");
    }
    let before = out.len();
    let last = match server.send_head(stream, &head(status), kind, out) {
        Ok(last) => last,
        Err(misuse) => {
            assert_eq!((misuse, out.len()), (Misuse::NotAllowed, before), "a refused head writes nothing");
            answer.status = Status::INTERNAL_SERVER_ERROR;
            let last = server.send_head(stream, &head(answer.status), BodyKind::Empty, out);
            last.expect("an answer that suits each request")
        }
    };
    match last {
        Last::Yes => answer.body = Bytes::new(),
        Last::No => answer.end = send_body(message, stream, kind, server, out),
    }
    answer
}

fn send_body(
    message: &Message,
    stream: StreamId,
    kind: BodyKind,
    server: &mut Server,
    out: &mut Outbound,
) -> End {
    let [.., parts] = partitions(&message.body);
    let mut left = match kind {
        BodyKind::Sized(length) => length as usize,
        BodyKind::Empty | BodyKind::Streamed | BodyKind::Tunnel => usize::MAX,
    };
    for part in parts {
        let (before, mut bytes) = (out.len(), shared(part));
        let sent = server.send_data(stream, &mut bytes, Last::No, out);
        if part.len() > left {
            assert_eq!(sent, Err(Misuse::TooMuchBody { left: left as u64 }));
            assert_eq!((out.len(), &bytes[..]), (before, part), "a refused call changes nothing");
            bytes.truncate(left);
            assert_eq!(server.send_data(stream, &mut bytes, Last::No, out), Ok(()));
            left = 0;
        } else {
            assert_eq!(sent, Ok(()));
            left -= part.len();
        }
    }
    match (server.send_end(stream, Some(&message.trailers), out), kind) {
        (Ok(()), BodyKind::Tunnel) => End::Tunnel,
        (Ok(()), BodyKind::Empty | BodyKind::Sized(_) | BodyKind::Streamed) => End::Body,
        (Err(misuse), _) => {
            assert_eq!(misuse, Misuse::TooLittleBody { missing: left as u64 });
            server.reset(stream, Reason::Internal, out);
            End::Cut
        }
    }
}

/// Reads each answer, and nothing besides.
fn read_answers(output: &[u8], answers: &[Answer], trailers: &Headers) {
    let mut inbound = BytesMut::from(output);
    for answer in answers {
        if answer.interim {
            let head = read_head(&mut inbound);
            assert_eq!((head.status, own(&head.headers)), (Status::EARLY_HINTS, own(&answer.headers)));
            assert!(head.headers.iter().all(|(name, _)| !OURS.contains(&name)), "{head:?}");
        }
        let head = read_head(&mut inbound);
        assert_eq!((head.status, own(&head.headers)), (answer.status, own(&answer.headers)));
        let of_framing = [Known::ContentLength, Known::TransferEncoding];
        let count: usize = of_framing.iter().map(|name| head.headers.all_known(*name).count()).sum();
        assert!(count <= 1, "more than one framing: {head:?}");
        for value in head.headers.all_known(Known::Connection) {
            assert!([&b"close"[..], b"keep-alive", b"upgrade"].contains(&value), "{head:?}");
        }
        let role = Role::Response { method: &answer.method, status: head.status };
        let framing = decide(role, head.version, &head.headers).expect("a framing");
        read_body(&mut inbound, answer, framing, trailers);
    }
    assert!(inbound.is_empty(), "bytes of no answer: {inbound:?}");
}

fn read_head(inbound: &mut BytesMut) -> ResponseHead {
    let bytes = inbound.clone();
    let head = ResponseParser::new().parse(inbound, &wide()).expect("a valid head").expect("a whole head");
    let bytes = &bytes[..bytes.len() - inbound.len()];
    assert_lines(bytes, head.headers.len());
    response_head::compare(&head, bytes);
    head
}

fn read_body(inbound: &mut BytesMut, answer: &Answer, framing: Framing, trailers: &Headers) {
    match framing {
        Framing::Empty => assert_eq!((answer.end, answer.body.len()), (End::Head, 0)),
        Framing::Length(length) => {
            let missing = u64::from(answer.end == End::Cut);
            assert_eq!(length, answer.body.len() as u64 + missing);
            assert_eq!(inbound.split_to(answer.body.len()), answer.body);
        }
        Framing::UntilClose | Framing::Tunnel => {
            let end = if framing == Framing::Tunnel { End::Tunnel } else { End::Body };
            assert_eq!((answer.end, inbound.split().freeze()), (end, answer.body.clone()));
        }
        Framing::Chunked => {
            let (mut decoder, mut body) = (ChunkDecoder::new(), Vec::new());
            let section = loop {
                match decoder
                    .decode(inbound, usize::MAX, &wide())
                    .expect("valid chunks")
                    .expect("a whole body")
                {
                    Chunk::Data(bytes) => body.extend_from_slice(&bytes),
                    Chunk::End(section) => break section.unwrap_or_default(),
                }
            };
            assert_eq!((answer.end, &body[..]), (End::Body, &answer.body[..]));
            let allowed = trailers.iter().filter(|(name, _)| may_be_trailer(name));
            assert_eq!(section.iter().collect::<Vec<_>>(), allowed.collect::<Vec<_>>());
        }
    }
}

/// Whether the decoder takes a trailer of this name: just these are to be sent.
fn may_be_trailer(name: &str) -> bool {
    let mut inbound = BytesMut::from(format!("0\r\n{name}: a\r\n\r\n").as_bytes());
    match ChunkDecoder::new().decode(&mut inbound, 0, &wide()) {
        Ok(Some(Chunk::End(Some(_)))) => true,
        Err(Error::TrailerForbidden) => false,
        other => panic!("{name}: {other:?}"),
    }
}

/// The fields that are the handler's, in order.
fn own(headers: &Headers) -> Vec<(&str, &[u8])> {
    headers.iter().filter(|(name, _)| !OURS.contains(name)).collect()
}
