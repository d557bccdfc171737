//! Any input, compared with itself in pieces and with httparse. The direction is one: what is accepted here is accepted
//! there as the same, and what is refused here may be accepted there; [`DISAGREEMENTS`] has every kind with its reason. It
//! accepts less in one thing: a minor version above 1, which is read as 1 here (RFC 9110 §2.5) and lowered for it.

use alloc::string::String;
use alloc::vec::Vec;
use bytes::BytesMut;
use proptest::prelude::*;

use crate::error::Error;
use crate::head::{Headers, RequestHead, ResponseHead, Version};
use crate::limits::Limits;
use crate::parse::{RequestParser, ResponseParser};

type Head<T> = Result<Option<(T, usize)>, Error>;

/// Reads one head in pieces of these lengths, round and round.
fn read<T>(
    bytes: &[u8],
    lengths: &[usize],
    mut parse: impl FnMut(&mut BytesMut) -> Result<Option<T>, Error>,
) -> Head<T> {
    let (mut inbound, mut rest, mut lengths) = (BytesMut::new(), bytes, lengths.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) =
            rest.split_at(lengths.next().map_or(rest.len(), |&length| length.min(rest.len())));
        inbound.extend_from_slice(piece);
        rest = after;
        if let Some(head) = parse(&mut inbound)? {
            return Ok(Some((head, bytes.len() - rest.len() - inbound.len())));
        }
    }
    Ok(None)
}

fn request(bytes: &[u8], lengths: &[usize]) -> Head<RequestHead> {
    let (mut parser, limits) = (RequestParser::new(), Limits::default());
    read(bytes, lengths, |inbound| parser.parse(inbound, &limits))
}

fn response(bytes: &[u8], lengths: &[usize]) -> Head<ResponseHead> {
    let (mut parser, limits) = (ResponseParser::new(), Limits::default());
    read(bytes, lengths, |inbound| parser.parse(inbound, &limits))
}

/// Makes the minor version behind the first `mark` 1 when it is higher, for httparse refuses those.
fn lower_minor(bytes: &[u8], mark: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(mark.len()).position(|window| window == mark);
    if let Some(minor @ b'2'..=b'9') = at.and_then(|at| bytes.get_mut(at + mark.len())) {
        *minor = b'1';
    }
    bytes
}

fn same_fields(headers: &Headers, fields: &[httparse::Header<'_>]) -> bool {
    headers.iter().eq(fields.iter().map(|field| (field.name, field.value)))
}

/// Who takes a head that the other refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    Ours,
    Httparse,
}

/// Every kind of disagreement, with its reason: a line of a request or response, who takes it, and why we differ.
const DISAGREEMENTS: &[(&[u8], Taker, &str)] = &[
    (b"GET / HTTP/1.2\r\n\r\n", Taker::Ours, "a higher minor version is served as 1.1 (RFC 9110 §2.5)"),
    (b"HTTP/1.2 404 Not Found\r\n\r\n", Taker::Ours, "a higher minor version is read as 1.1 (RFC 9110 §2.5)"),
    (
        b"GET / HTTP/1.1\nA: b\r\n\r\n",
        Taker::Httparse,
        "a bare LF ends no line here (RFC 9112 §2.2 allows either)",
    ),
    (
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        Taker::Httparse,
        "one empty line is skipped, no more (RFC 9112 §2.2)",
    ),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", Taker::Httparse, "none is skipped before a response (RFC 9112 §2.2)"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", Taker::Httparse, "no URI has such bytes (RFC 3986 §2)"),
    (b"GET /\" HTTP/1.1\r\n\r\n", Taker::Httparse, "no URI has such bytes (RFC 3986 §2)"),
    (b"GET a HTTP/1.1\r\n\r\n", Taker::Httparse, "of none of the four forms (RFC 9112 §3.2)"),
    (b"GET * HTTP/1.1\r\n\r\n", Taker::Httparse, "a form for OPTIONS only (RFC 9112 §3.2.4)"),
    (b"CONNECT / HTTP/1.1\r\n\r\n", Taker::Httparse, "a form that CONNECT has not (RFC 9112 §3.2.3)"),
    (
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n\r\n",
        Taker::Httparse,
        "methods have 32 bytes at most",
    ),
    (b"HTTP/1.1 000 x\r\n\r\n", Taker::Httparse, "a code has a class, which is never 0 (RFC 9110 §15)"),
];

#[test]
fn disagreements_are_as_explained() {
    for (bytes, taker, why) in DISAGREEMENTS {
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let is_response = bytes.trim_ascii_start().starts_with(b"HTTP/");
        let (ours, theirs) = if is_response {
            let mut theirs = httparse::Response::new(&mut fields);
            (
                response(bytes, &[]).is_ok_and(|head| head.is_some()),
                theirs.parse(bytes).is_ok_and(|s| s.is_complete()),
            )
        } else {
            let mut theirs = httparse::Request::new(&mut fields);
            (
                request(bytes, &[]).is_ok_and(|head| head.is_some()),
                theirs.parse(bytes).is_ok_and(|s| s.is_complete()),
            )
        };
        let expected = match taker {
            Taker::Ours => (true, false),
            Taker::Httparse => (false, true),
        };
        assert_eq!((ours, theirs), expected, "{}: {why}", bytes.escape_ascii());
    }
}

const PIECES: &[&[u8]] = &[
    b"Host: example.com\r\n",
    b"a:b\r\n",
    b"x-long-name-of-a-field:  value \t\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"\x80\xff",
    b"a",
    b"HTTP/1.1",
    b"/",
    b"Content-Length: 3\r\n",
];

/// Pieces of heads, put together in any order, with now and then any bytes.
fn soup(start: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let usual = prop::sample::select(PIECES);
    let other = prop::collection::vec(any::<u8>(), 1..4);
    let piece = prop_oneof![9 => usual.prop_map(<[u8]>::to_vec), 1 => other];
    (
        prop::sample::select(start),
        prop::collection::vec(piece, 0..8),
        prop::option::of((any::<usize>(), any::<u8>())),
    )
        .prop_map(|(start, pieces, flip)| {
            let mut bytes = [start, &pieces.concat()[..], b"\r\n"].concat();
            if let Some((at, byte)) = flip {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes
        })
}

const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"POST /a/b?c=d HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n",
    b"GET http://example.com/a HTTP/1.1\r\n",
    b"\r\nGET / HTTP/1.1\r\n",
    b"",
];
const RESPONSES: &[&[u8]] =
    &[b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 Not Found\r\n", b"HTTP/1.1 200\r\n", b"HTTP/1.1 500 \r\n", b""];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn requests_are_the_same_however_they_are_cut(
        bytes in soup(REQUESTS), lengths in prop::collection::vec(1..20_usize, 1..6),
    ) {
        prop_assert_eq!(request(&bytes, &lengths), request(&bytes, &[]));
        prop_assert_eq!(request(&bytes, &[1]), request(&bytes, &[]));
    }

    #[test]
    fn responses_are_the_same_however_they_are_cut(
        bytes in soup(RESPONSES), lengths in prop::collection::vec(1..20_usize, 1..6),
    ) {
        prop_assert_eq!(response(&bytes, &lengths), response(&bytes, &[]));
        prop_assert_eq!(response(&bytes, &[1]), response(&bytes, &[]));
    }

    #[test]
    fn a_request_that_is_accepted_is_the_same_to_httparse(bytes in soup(REQUESTS)) {
        let mut fields = [httparse::EMPTY_HEADER; 128];
        let mut theirs = httparse::Request::new(&mut fields);
        let lowered = lower_minor(&bytes, b" HTTP/1.");
        let outcome = theirs.parse(&lowered);
        match request(&bytes, &[]) {
            Ok(Some((head, len))) => {
                prop_assert_eq!(outcome, Ok(httparse::Status::Complete(len)));
                prop_assert_eq!(theirs.method, Some(head.method.as_str()));
                prop_assert_eq!(theirs.path, Some(head.target.as_str()));
                prop_assert_eq!(theirs.version, Some(u8::from(head.version == Version::Http11)));
                prop_assert!(same_fields(&head.headers, theirs.headers));
            }
            Ok(None) => prop_assert_eq!(outcome, Ok(httparse::Status::Partial)),
            Err(_) => {}
        }
    }

    #[test]
    fn a_response_that_is_accepted_is_the_same_to_httparse(bytes in soup(RESPONSES)) {
        let mut fields = [httparse::EMPTY_HEADER; 128];
        let mut theirs = httparse::Response::new(&mut fields);
        let lowered = lower_minor(&bytes, b"HTTP/1.");
        let outcome = theirs.parse(&lowered);
        match response(&bytes, &[]) {
            Ok(Some((head, len))) => {
                prop_assert_eq!(outcome, Ok(httparse::Status::Complete(len)));
                prop_assert_eq!(theirs.code, Some(head.status.code()));
                prop_assert_eq!(theirs.version, Some(u8::from(head.version == Version::Http11)));
                prop_assert!(same_fields(&head.headers, theirs.headers));
                let reason = head.reason.map_or(String::new(), |reason| String::from_utf8_lossy(&reason).into_owned());
                // httparse hands obs-text in a reason out as an empty one.
                let reason = if reason.is_ascii() { reason } else { String::new() };
                prop_assert_eq!(theirs.reason, Some(reason.as_str()));
            }
            Ok(None) => prop_assert_eq!(outcome, Ok(httparse::Status::Partial)),
            Err(_) => {}
        }
    }
}
