//! Response cases: the parser of heads, and the decision where the body ends, as a client needs them.

mod framing;
mod head;

use anyloop_core::codec::{BodyKind, Codec, Event};
use anyloop_core::error::Error;
use anyloop_core::framing::{Framing, Role, decide};
use anyloop_core::h1::Client;
use anyloop_core::head::{Method, RequestHead, Target};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::ResponseParser;
use bytes::BytesMut;
use std::sync::Arc;

/// What a row's bytes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// This status, and a body that ends so.
    Accept(u16, Framing),
    /// This fault.
    Reject(Error),
    /// Nothing before more comes.
    Incomplete,
}

/// Name, method of the request, bytes, section, verdict. Sections without a name are of RFC 9112.
type Row = (&'static str, Method, &'static [u8], &'static str, Verdict);

/// Reads the head in these pieces; what stands behind it stays where it is.
fn read<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> (Verdict, Vec<u8>) {
    let (mut parser, mut inbound, mut verdict) =
        (ResponseParser::new(), BytesMut::new(), Verdict::Incomplete);
    for piece in pieces {
        inbound.extend_from_slice(piece);
        if verdict != Verdict::Incomplete {
            continue;
        }
        verdict = match parser.parse(&mut inbound, limits) {
            Ok(None) => Verdict::Incomplete,
            Err(error) => Verdict::Reject(error),
            Ok(Some(head)) => {
                let role = Role::Response { method: &method, status: head.status };
                match decide(role, head.version, &head.headers) {
                    Ok(framing) => Verdict::Accept(head.status.code(), framing),
                    Err(error) => Verdict::Reject(error),
                }
            }
        };
    }
    (verdict, inbound.to_vec())
}

/// Lets the client's codec read the head in these pieces, after a request of this method that offers `foo`.
fn converse<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Spoken {
    let target = if method == Method::CONNECT { "a:1" } else { "/" };
    let mut head = RequestHead::new(method, Target::try_from(target).unwrap());
    head.headers.append("host", "a").unwrap().append("upgrade", "foo").unwrap();
    let (mut client, mut out) = (Client::new(Arc::new(limits.clone())), Outbound::default());
    let stream = client.open().unwrap();
    client.send_head(stream, &head, BodyKind::Empty, &mut out).unwrap();
    let (mut inbound, mut spoken) = (BytesMut::new(), Spoken::Incomplete);
    for piece in pieces {
        inbound.extend_from_slice(piece);
        if spoken != Spoken::Incomplete {
            continue;
        }
        spoken = match client.next_event(&mut inbound, &mut out) {
            Ok(None) => Spoken::Incomplete,
            Ok(Some(Event::Interim { head, .. })) => Spoken::Accept(head.status.code(), BodyKind::Empty),
            Ok(Some(Event::Head { head, body, .. })) => Spoken::Accept(head.status.code(), body),
            Ok(Some(event)) => panic!("{event:?} before a head"),
            Err(error) => Spoken::Reject(error),
        };
    }
    spoken
}

/// What the codec makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Accept(u16, BodyKind),
    Reject(Error),
    Incomplete,
}

/// What the codec should make of it: the same, but that it knows what was asked for.
fn spoken(verdict: Verdict, limits: &Limits, bytes: &[u8]) -> Spoken {
    match verdict {
        Verdict::Accept(101, _) if !bytes.windows(12).any(|window| window == b"Upgrade: foo") => {
            Spoken::Reject(Error::SwitchNotAsked)
        }
        Verdict::Accept(_, Framing::Length(length)) if length > limits.max_body => {
            Spoken::Reject(Error::BodyTooLarge { limit: limits.max_body })
        }
        Verdict::Accept(status, framing) => Spoken::Accept(status, framing.kind()),
        Verdict::Reject(error) => Spoken::Reject(error),
        Verdict::Incomplete => Spoken::Incomplete,
    }
}

fn check(rows: &[Row], limits: &Limits) {
    for (name, method, bytes, _, wanted) in rows {
        let wanted = spoken(*wanted, limits, bytes);
        assert_eq!(converse(*method, [*bytes], limits), wanted, "{name}: whole, by the codec");
        assert_eq!(converse(*method, bytes.chunks(1), limits), wanted, "{name}: byte by byte, by the codec");
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(converse(*method, [head, tail], limits), wanted, "{name}: cut at {at}, by the codec");
        }
    }
    for (name, method, bytes, section, wanted) in rows {
        assert!(section.contains('§'), "{name}: a row stands on a section");
        assert_eq!(read(*method, [*bytes], limits).0, *wanted, "{name}: whole");
        assert_eq!(read(*method, bytes.chunks(1), limits).0, *wanted, "{name}: byte by byte");
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(read(*method, [head, tail], limits).0, *wanted, "{name}: cut at {at}");
        }
        const BEHIND: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
        let (verdict, left) = read(*method, [*bytes, BEHIND], limits);
        match wanted {
            Verdict::Accept(..) => {
                assert_eq!((verdict, &left[..]), (*wanted, BEHIND), "{name}: with bytes behind")
            }
            Verdict::Reject(_) => assert_eq!(verdict, *wanted, "{name}: with bytes behind"),
            Verdict::Incomplete => {}
        }
    }
}

#[test]
fn heads() {
    check(head::ROWS, &Limits::default());
}

#[test]
fn where_bodies_end() {
    check(framing::ROWS, &Limits::default());
}

#[test]
fn limits() {
    let mut limits = Limits::default();
    limits.max_head = 8;
    limits.max_fields = 2;
    check(head::AT_LIMITS, &limits);
}

#[test]
fn there_are_enough_rows() {
    let rows = head::ROWS.len() + head::AT_LIMITS.len() + framing::ROWS.len();
    assert!(rows >= 100, "{rows}");
}
