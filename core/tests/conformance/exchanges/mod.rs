//! What the client's codec makes of what a server sends: rows of a request, the server's bytes, and the events.

mod body;
mod reuse;
mod send;

use anyloop_core::codec::{BodyKind, Codec, Event, Last, Phase};
use anyloop_core::error::Error;
use anyloop_core::h1::Client;
use anyloop_core::head::{Method, RequestHead, Target};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::protocol::Eof;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Name, request as `METHOD fields`, what the server sends, how it ends, section, and the events as text: heads as status
/// and body, data, `end` with trailers, a fault behind `!`, and the phase at last. Sections without a name are of RFC 9112.
pub(crate) type Row =
    (&'static str, &'static str, &'static [u8], Option<Eof>, &'static str, &'static [&'static str]);

pub(crate) fn head(request: &str) -> RequestHead {
    let (method, fields) = request.split_once(' ').unwrap_or((request, ""));
    let method = Method::try_from(method).unwrap();
    let target = if method == Method::CONNECT { "a:1" } else { "/" };
    let mut head = RequestHead::new(method, Target::try_from(target).unwrap());
    head.headers.append("host", "a").unwrap();
    for field in fields.split('|').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once(": ").unwrap();
        head.headers.append(name.to_owned(), value.to_owned()).unwrap();
    }
    head
}

/// Runs a row with the input in these pieces.
fn play<'a>(request: &str, pieces: impl IntoIterator<Item = &'a [u8]>, eof: Option<Eof>) -> Vec<String> {
    let (mut client, mut out) = (Client::new(Arc::new(limits())), Outbound::default());
    let stream = client.open().unwrap();
    let sent = client.send_head(stream, &head(request), BodyKind::Empty, &mut out).unwrap();
    assert_eq!(sent, Last::Yes);
    let (mut inbound, mut seen, mut failed) = (BytesMut::new(), Vec::new(), false);
    for piece in pieces {
        inbound.extend_from_slice(piece);
        failed = failed || !take(&mut client, &mut inbound, &mut out, &mut seen);
    }
    if let Some(how) = eof {
        client.eof(how);
        let _whole = failed || take(&mut client, &mut inbound, &mut out, &mut seen);
    }
    seen.push(match client.phase() {
        Phase::Idle => "idle".to_owned(),
        Phase::Busy => "busy".to_owned(),
        Phase::Draining(why) => format!("draining {why:?}"),
        Phase::Closed(why) => format!("closed {why:?}"),
    });
    seen
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_interim = 3;
    limits.max_body = 1_000;
    limits
}

/// Takes events; false after a fault.
fn take(client: &mut Client, inbound: &mut BytesMut, out: &mut Outbound, seen: &mut Vec<String>) -> bool {
    loop {
        match client.next_event(inbound, out) {
            Ok(None) => return true,
            Ok(Some(Event::Head { head, body, .. })) => seen.push(format!("{} {body:?}", head.status.code())),
            Ok(Some(Event::Interim { head, .. })) => seen.push(format!("{}", head.status.code())),
            Ok(Some(Event::Data { bytes, .. })) => {
                let text = format!("= {}", String::from_utf8_lossy(&bytes));
                match seen.last_mut().filter(|last| last.starts_with("= ")) {
                    Some(last) => last.push_str(&text[2..]),
                    None => seen.push(text),
                }
            }
            Ok(Some(Event::End { trailers, .. })) => match trailers {
                Some(trailers) => seen.push(format!("end {trailers:?}")),
                None => seen.push("end".to_owned()),
            },
            Ok(Some(event)) => panic!("HTTP/1 has no {event:?}"),
            Err(error) => {
                seen.push(format!("! {error:?}"));
                assert_eq!(client.next_event(inbound, out), Err(error), "an error is final");
                return false;
            }
        }
    }
}

fn check(rows: &[Row]) {
    for (name, request, bytes, eof, section, wanted) in rows {
        assert!(section.contains('§'), "{name}: a row stands on a section");
        assert_eq!(play(request, [*bytes], *eof), *wanted, "{name}: whole");
        assert_eq!(play(request, bytes.chunks(1), *eof), *wanted, "{name}: byte by byte");
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(play(request, [first, second], *eof), *wanted, "{name}: cut at {at}");
        }
    }
}

#[test]
fn bodies() {
    check(body::ROWS);
}

#[test]
fn reuse_and_tunnels() {
    check(reuse::ROWS);
}

/// Every proper beginning of a response that has an end of its own is a fault once the stream ends, and never a response.
#[test]
fn a_response_that_is_cut_is_never_whole() {
    let responses: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\na: b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ];
    for response in responses {
        for how in [Eof::Clean, Eof::Cut] {
            for at in 0..response.len() {
                let seen = play("GET", [&response[..at]], Some(how));
                let fault = &seen[seen.len() - 2];
                let expected = if at == 0 {
                    "! NoResponse"
                } else if seen.iter().any(|event| event.starts_with("200")) {
                    "! BodyCut"
                } else {
                    "! HeadCut"
                };
                assert_eq!(fault, expected, "{at} of {}", String::from_utf8_lossy(response));
            }
            let seen = play("GET", [response], Some(how));
            assert_eq!(seen.last().map(String::as_str), Some("closed PeerLeft"));
        }
    }
}

/// The second exchange is like the first, and nothing may come in between.
#[test]
fn a_connection_is_used_again_and_quiet_in_between() {
    let (mut client, mut out, mut inbound) = (Client::default(), Outbound::default(), BytesMut::new());
    let mut seen = Vec::new();
    for n in 0..3 {
        let stream = client.open().unwrap();
        assert_eq!(stream.0, n);
        client.send_head(stream, &head("GET"), BodyKind::Empty, &mut out).unwrap();
        assert!(client.open().is_err(), "one exchange at a time");
        inbound.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        assert!(take(&mut client, &mut inbound, &mut out, &mut seen));
        assert_eq!(client.phase(), Phase::Idle);
    }
    inbound.extend_from_slice(b"H");
    assert_eq!(client.next_event(&mut inbound, &mut out), Err(Error::Unsolicited));
    assert!(client.open().is_err());
}

#[test]
fn the_request_may_go_on_while_the_response_comes() {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    client.send_head(stream, &head("POST"), BodyKind::Sized(6), &mut out).unwrap();
    let mut inbound = BytesMut::from(&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"[..]);
    let mut seen = Vec::new();
    client.send_data(stream, &mut Bytes::from("abc"), Last::No, &mut out).unwrap();
    assert!(take(&mut client, &mut inbound, &mut out, &mut seen));
    assert_eq!((seen.last().map(String::as_str), client.phase()), (Some("end"), Phase::Busy));
    assert!(client.open().is_err(), "the request is not whole");
    client.send_data(stream, &mut Bytes::from("def"), Last::Yes, &mut out).unwrap();
    assert_eq!(client.phase(), Phase::Idle);
}

#[test]
fn a_body_that_nobody_wants_is_dropped_within_its_limit() {
    for (length, phase) in [(10, "idle"), (11, "closed UnreadBody")] {
        let mut limits = Limits::default();
        limits.drain_unread = 10;
        let (mut client, mut out) = (Client::new(Arc::new(limits)), Outbound::default());
        let stream = client.open().unwrap();
        client.send_head(stream, &head("GET"), BodyKind::Empty, &mut out).unwrap();
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
        let mut inbound = BytesMut::from(text.as_bytes());
        assert!(matches!(client.next_event(&mut inbound, &mut out), Ok(Some(Event::Head { .. }))));
        client.discard(stream, &mut out);
        assert_eq!(client.next_event(&mut inbound, &mut out), Ok(None));
        let found = match client.phase() {
            Phase::Idle => "idle".to_owned(),
            Phase::Closed(why) => format!("closed {why:?}"),
            Phase::Busy | Phase::Draining(_) => "in between".to_owned(),
        };
        assert_eq!(found, phase, "{length}");
    }
}

#[test]
fn a_drained_connection_ends_after_its_exchange() {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    client.send_head(stream, &head("GET"), BodyKind::Empty, &mut out).unwrap();
    client.drain(&mut out);
    let mut inbound = BytesMut::from(&b"HTTP/1.1 204 No Content\r\n\r\n"[..]);
    assert!(take(&mut client, &mut inbound, &mut out, &mut Vec::new()));
    assert!(client.open().is_err());
    assert!(matches!(client.phase(), Phase::Closed(_)));
}
