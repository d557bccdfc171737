//! A second reading of the RFCs, slow and simple, and the server held against it: over generated and damaged input both
//! find the same requests with the same bodies, and end in the same way.

use anyloop_core::codec::{BodyKind, Codec, Event, Phase};
use anyloop_core::error::Error;
use anyloop_core::h1::Server;
use anyloop_core::head::{ResponseHead, Status};
use anyloop_core::link::Outbound;
use bytes::BytesMut;
use proptest::collection::vec as list;
use proptest::prelude::*;

/// How a connection's input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Between requests.
    Idle,
    /// In a request that could go on.
    More,
    /// In something that is no request.
    Bad,
    /// The last request asked for the close.
    Close,
}

/// A request: method, target, body.
type Message = (String, String, Vec<u8>);

/// Reads all requests of an input that is wholly there.
fn reference(input: &[u8]) -> (Vec<Message>, End) {
    let (mut messages, mut rest) = (Vec::new(), input);
    loop {
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        if rest.is_empty() {
            return (messages, End::Idle);
        }
        match request(rest) {
            Ok((message, closes, len)) => {
                messages.push(message);
                rest = &rest[len..];
                if closes {
                    return (messages, End::Close);
                }
            }
            Err(end) => return (messages, end),
        }
    }
}

/// Cuts a line off at its CR LF. A lone CR or LF before that is a fault (RFC 9112 §2.2).
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), End> {
    let at = bytes.windows(2).position(|two| two == b"\r\n").ok_or(End::More)?;
    if bytes[..at].iter().any(|byte| b"\r\n".contains(byte)) {
        return Err(End::Bad);
    }
    Ok((&bytes[..at], &bytes[at + 2..]))
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char::from(byte))
}

/// `token` (RFC 9110 §5.6.2).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}

fn bad_unless(fits: bool) -> Result<(), End> {
    if fits { Ok(()) } else { Err(End::Bad) }
}

/// Field lines up to the empty line: names in small letters, values without blanks around them (RFC 9112 §5).
#[expect(clippy::type_complexity, reason = "a list of pairs and the rest")]
fn fields(mut bytes: &[u8]) -> Result<(Vec<(String, Vec<u8>)>, &[u8]), End> {
    let mut fields = Vec::new();
    loop {
        let (text, rest) = line(bytes)?;
        bytes = rest;
        if text.is_empty() {
            return Ok((fields, bytes));
        }
        let colon = text.iter().position(|byte| *byte == b':').ok_or(End::Bad)?;
        let (name, value) = (&text[..colon], &text[colon + 1..]);
        bad_unless(is_token(name))?;
        bad_unless(value.iter().all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f))?;
        let mut value = value.to_vec();
        while matches!(value.last(), Some(b' ' | b'\t')) {
            value.pop();
        }
        while matches!(value.first(), Some(b' ' | b'\t')) {
            value.remove(0);
        }
        fields.push((String::from_utf8(name.to_ascii_lowercase()).map_err(|_| End::Bad)?, value));
    }
}

fn values<'a>(fields: &'a [(String, Vec<u8>)], name: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|field| field.0 == name).map(|field| &*field.1).collect()
}

/// Elements of all values of a list, in small letters, the empty ones too.
fn elements(fields: &[(String, Vec<u8>)], name: &str) -> Vec<String> {
    let values: Vec<String> = values(fields, name)
        .iter()
        .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
        .collect();
    if values.is_empty() {
        return Vec::new();
    }
    values.join(",").split(',').map(|element| element.trim_matches([' ', '\t']).to_owned()).collect()
}

/// `uri-host [ ":" port ]` with names and IPv4 addresses only, which is all that the generator makes (RFC 9110 §7.2).
fn is_host(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let (name, port) = text.split_once(':').unwrap_or((&text, ""));
    let reg_name = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
    name.chars().all(reg_name) && port.chars().all(|c| c.is_ascii_digit())
}

/// The target forms but the authority form (RFC 9112 §3.2).
fn is_target(target: &str, method: &str) -> bool {
    let visible = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(c);
    if target.is_empty() || !target.chars().all(visible) || method == "CONNECT" {
        return false;
    }
    if target == "*" {
        return method == "OPTIONS";
    }
    if target.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = target.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let first = scheme.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let host = authority.split(':').next().unwrap_or_default();
    first
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !host.is_empty()
        && is_host(authority.as_bytes())
}

/// Reads one request; returns whether it is the last one, and its length.
fn request(bytes: &[u8]) -> Result<(Message, bool, usize), End> {
    let (text, rest) = line(bytes)?;
    let parts: Vec<String> =
        text.split(|byte| *byte == b' ').map(|part| part.iter().copied().map(char::from).collect()).collect();
    let [method, target, version] = &parts[..] else { return Err(End::Bad) };
    bad_unless(is_token(method.as_bytes()) && method.len() <= 32 && is_target(target, method))?;
    let minor = match version.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => minor - b'0',
        _ => return Err(End::Bad),
    };
    let (fields, rest) = fields(rest)?;
    let hosts = values(&fields, "host");
    bad_unless(hosts.len() == 1 && is_host(hosts[0]) || hosts.is_empty() && minor == 0)?;
    let expectations = elements(&fields, "expect");
    bad_unless(minor == 0 || expectations.iter().all(|one| one.is_empty() || one == "100-continue"))?;
    let (body, rest) = body(&fields, minor, rest)?;
    let options = elements(&fields, "connection");
    let has = |option: &str| options.iter().any(|one| one == option);
    let closes = has("close") || minor == 0 && !has("keep-alive");
    Ok(((method.clone(), target.clone(), body), closes, bytes.len() - rest.len()))
}

/// RFC 9112 §6.3, the strict way at every fork.
fn body<'a>(fields: &[(String, Vec<u8>)], minor: u8, rest: &'a [u8]) -> Result<(Vec<u8>, &'a [u8]), End> {
    let lengths = values(fields, "content-length");
    let codings = values(fields, "transfer-encoding");
    bad_unless(lengths.is_empty() || codings.is_empty())?;
    if !codings.is_empty() {
        bad_unless(minor > 0 && codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked"))?;
        return chunks(rest);
    }
    let [length] = lengths[..] else {
        bad_unless(lengths.is_empty())?;
        return Ok((Vec::new(), rest));
    };
    bad_unless(!length.is_empty() && length.iter().all(u8::is_ascii_digit))?;
    let length: u64 = String::from_utf8_lossy(length).parse().map_err(|_| End::Bad)?;
    bad_unless(length <= 16 << 30)?;
    let length = usize::try_from(length).map_err(|_| End::Bad)?;
    if rest.len() < length {
        return Err(End::More);
    }
    Ok((rest[..length].to_vec(), &rest[length..]))
}

/// RFC 9112 §7.1.
fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), End> {
    let mut body = Vec::new();
    loop {
        let (text, after) = line(rest)?;
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        bad_unless((1..=16).contains(&digits) && are_extensions(&text[digits..]))?;
        let size =
            u64::from_str_radix(&String::from_utf8_lossy(&text[..digits]), 16).map_err(|_| End::Bad)?;
        if size == 0 {
            let (trailers, after) = fields(after)?;
            let forbidden = |name: &str| {
                ["host", "transfer-encoding", "connection", "expect"].contains(&name)
                    || name.starts_with("content-")
            };
            bad_unless(!trailers.iter().any(|trailer| forbidden(&trailer.0)))?;
            return Ok((body, after));
        }
        bad_unless(size <= 16 << 30)?;
        let size = usize::try_from(size).map_err(|_| End::Bad)?;
        let Some(data) = after.get(..size) else { return Err(End::More) };
        body.extend_from_slice(data);
        rest = match &after[size..] {
            [b'\r', b'\n', next @ ..] => next,
            [] | [b'\r'] => return Err(End::More),
            _ => return Err(End::Bad),
        };
    }
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112 §7.1.1).
fn are_extensions(text: &[u8]) -> bool {
    let blanks = |text: &mut &[u8]| {
        while let [b' ' | b'\t', rest @ ..] = *text {
            *text = rest;
        }
    };
    let token = |text: &mut &[u8]| {
        let len = text.iter().take_while(|byte| is_tchar(**byte)).count();
        *text = &text[len..];
        len > 0
    };
    let mut text = text;
    while !text.is_empty() {
        blanks(&mut text);
        let Some(rest) = text.strip_prefix(b";") else { return false };
        text = rest;
        blanks(&mut text);
        if !token(&mut text) {
            return false;
        }
        let mut ahead = text;
        blanks(&mut ahead);
        let Some(rest) = ahead.strip_prefix(b"=") else { continue };
        text = rest;
        blanks(&mut text);
        if !text.starts_with(b"\"") {
            if !token(&mut text) {
                return false;
            }
            continue;
        }
        let mut escaped = false;
        let close = text[1..].iter().position(|&byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let Some(close) = close else { return false };
        let quoted = &text[1..=close];
        if quoted.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            return false;
        }
        text = &text[close + 2..];
    }
    true
}

/// What the server makes of the input, offered in pieces of this size.
fn server(input: &[u8], size: usize) -> (Vec<Message>, End) {
    let (mut server, mut inbound, mut out) = (Server::default(), BytesMut::new(), Outbound::default());
    let mut messages: Vec<Message> = Vec::new();
    let mut whole = true;
    let mut step = |server: &mut Server, inbound: &mut BytesMut, out: &mut Outbound| -> Result<(), Error> {
        while let Some(event) = server.next_event(inbound, out)? {
            let done = match event {
                Event::Head { stream, ref head, body } => {
                    messages.push((
                        head.method.as_str().to_owned(),
                        head.target.as_str().to_owned(),
                        Vec::new(),
                    ));
                    (body == BodyKind::Empty).then_some(stream)
                }
                Event::Data { stream, ref bytes } => {
                    messages.last_mut().unwrap().2.extend_from_slice(bytes);
                    server.grant(stream, bytes.len(), out);
                    None
                }
                Event::End { stream, .. } => Some(stream),
                Event::Interim { .. }
                | Event::Reset { .. }
                | Event::Sendable { .. }
                | Event::GoAway { .. } => {
                    panic!("{event:?}")
                }
            };
            whole = done.is_some();
            if let Some(stream) = done {
                server
                    .send_head(stream, &ResponseHead::new(Status::NOT_FOUND), BodyKind::Empty, out)
                    .unwrap();
            }
        }
        Ok(())
    };
    let mut failed = false;
    for piece in input.chunks(size) {
        inbound.extend_from_slice(piece);
        failed = failed || step(&mut server, &mut inbound, &mut out).is_err();
    }
    if !whole {
        // A request that is not whole is none.
        messages.pop();
    }
    let end = match server.phase() {
        _ if failed => End::Bad,
        Phase::Closed(_) => End::Close,
        Phase::Idle if server.is_between_requests() => End::Idle,
        Phase::Idle | Phase::Busy | Phase::Draining(_) => End::More,
    };
    (messages, end)
}

/// What may stand behind an input that the reference could go on with. If the server refused it, none of these makes a
/// request of it.
const ENDINGS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"\n\r\n",
    b"\r\nHost: a\r\n\r\n",
    b"\nHost: a\r\n\r\n",
    b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"1\r\nHost: a\r\n\r\n",
    b": a\r\n\r\n",
    b"0\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"a\r\n0\r\n\r\n",
];

fn agree(input: &[u8], size: usize) -> Result<(), TestCaseError> {
    let (messages, end) = reference(input);
    let (ours, our_end) = server(input, size);
    prop_assert_eq!(&ours, &messages, "{}", input.escape_ascii());
    if (end, our_end) == (End::More, End::Bad) {
        // The reference looks at whole lines only; the server need not wait for them.
        for ending in ENDINGS {
            let (longer, _) = reference(&[input, ending].concat());
            prop_assert_eq!(&longer, &messages, "{} + {}", input.escape_ascii(), ending.escape_ascii());
        }
    } else {
        prop_assert_eq!(our_end, end, "{}", input.escape_ascii());
    }
    Ok(())
}

const LINES: &[&str] = &[
    "GET / HTTP/1.1",
    "POST /a?b HTTP/1.1",
    "HEAD http://b:80/c HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "PUT / HTTP/1.0",
    "M-X / HTTP/1.7",
    "GET * HTTP/1.1",
    "GET / HTTP/2.0",
    "GET /",
    "GET  / HTTP/1.1",
];
const HOSTS: &[&str] = &[
    "Host: a\r\n",
    "host: a.b:8\r\n",
    "HOST:\r\n",
    "",
    "Host: a\r\nHost: a\r\n",
    "Host: a b\r\n",
    "Host : a\r\n",
];
const FIELDS: &[&str] = &[
    "X: y\r\n",
    "X: \t y \r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, x\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 03\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: +3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: CHUNKED \r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    " folded\r\n",
    "bare\n",
    "X\r\n",
];
const BODIES: &[&str] = &[
    "abc",
    "3\r\nabc\r\n",
    "1;a=b\r\nx\r\n",
    "2 ; a = \"b;\\\"\"\r\nxy\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "0;a\r\n\r\n",
    "0\r\nHost: a\r\n\r\n",
    "3\r\nabc",
    "\r\n",
    "0x1\r\n",
    "1 \r\na\r\n",
    "1;\nx\r\n",
];

/// A request of likely and unlikely parts.
fn any_request() -> impl Strategy<Value = String> {
    let line = prop_oneof![8 => Just(LINES[0]), 6 => Just(LINES[1]), 5 => prop::sample::select(LINES)];
    let host = prop_oneof![12 => Just(HOSTS[0]), 2 => prop::sample::select(HOSTS)];
    let field = prop::sample::select(FIELDS);
    (line, host, list(field, 0..3), list(prop::sample::select(BODIES), 0..3)).prop_map(
        |(line, host, fields, bodies)| format!("{line}\r\n{host}{}\r\n{}", fields.concat(), bodies.concat()),
    )
}

/// A request that is well-formed.
fn good_request() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        Just(String::new()),
        "[a-z\r\n]{0,40}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        list("[a-z\r\n]{1,20}", 0..4).prop_map(|chunks| {
            let chunks: String =
                chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
            format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        }),
    ];
    ("[A-BD-Z]{1,8}", "/[a-z?=&]{0,12}", list("x-[a-z]{1,6}: [ -~]{0,10}\r\n", 0..3), body).prop_map(
        |(method, target, fields, body)| {
            let fields = fields.concat();
            let body = if body.is_empty() { "\r\n".to_owned() } else { body };
            format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}{body}")
        },
    )
}

/// What is done to an input: bytes replaced, removed, put in, or said twice.
fn damage(input: &mut Vec<u8>, (kind, at, byte): (u8, usize, u8)) {
    const BYTES: &[u8] = b"\r\n\0 \t:;,+-0x1a\x0b\x80\"=";
    let byte = BYTES.get(usize::from(byte)).copied().unwrap_or(byte);
    if input.is_empty() {
        return;
    }
    let at = at % input.len();
    match kind % 5 {
        0 => input[at] = byte,
        1 => {
            input.remove(at);
        }
        2 => input.insert(at, byte),
        3 => input.truncate(at),
        _ => {
            let twice = input[at..].to_vec();
            input.extend_from_slice(&twice);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn requests_of_any_parts(requests in list(any_request(), 1..4), size in 1..60_usize) {
        agree(requests.concat().as_bytes(), size)?;
    }

    #[test]
    fn good_requests(requests in list(good_request(), 1..5), size in 1..60_usize) {
        let input = requests.concat();
        prop_assert_eq!(reference(input.as_bytes()).0.len(), requests.len());
        agree(input.as_bytes(), size)?;
    }

    #[test]
    fn damaged_requests(
        requests in list(good_request(), 1..4), faults in list((any::<u8>(), any::<usize>(), any::<u8>()), 1..4),
        size in 1..60_usize,
    ) {
        let mut input = requests.concat().into_bytes();
        faults.into_iter().for_each(|fault| damage(&mut input, fault));
        agree(&input, size)?;
    }
}
