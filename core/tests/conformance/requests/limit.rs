//! Every limit one below, at, and one above.

use crate::harness::Verdict::{Accept, Close, Reject, RejectAfter};
use crate::harness::{Row, check};
use anyloop_core::codec::CloseReason;
use anyloop_core::error::Error;
use anyloop_core::limits::Limits;

const HEAD: &str = "POST / streamed";

const TARGET: &[Row] = &[
    (
        "target of 7",
        b"GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §15.5.15",
        Accept("GET /234567 empty"),
    ),
    (
        "target of 8",
        b"GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §15.5.15",
        Accept("GET /2345678 empty"),
    ),
    (
        "target of 9",
        b"GET /23456789 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §15.5.15",
        Reject(414, Error::TargetTooLong { limit: 8 }),
    ),
    (
        "target without end",
        b"GET /23456789",
        "RFC 9110 §15.5.15",
        Reject(414, Error::TargetTooLong { limit: 8 }),
    ),
];

const FIELDS: &[Row] = &[
    (
        "head of 24",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 2345678901\r\n\r\n",
        "RFC 6585 §5",
        Accept("GET / empty"),
    ),
    (
        "head of 25",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 23456789012\r\n\r\n",
        "RFC 6585 §5",
        Accept("GET / empty"),
    ),
    (
        "head of 26",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 234567890123\r\n\r\n",
        "RFC 6585 §5",
        Reject(431, Error::HeadTooLarge { limit: 25 }),
    ),
    (
        "name without end",
        b"GET / HTTP/1.1\r\nabcdefghijklmnopqrstuvwxyz",
        "RFC 6585 §5",
        Reject(431, Error::HeadTooLarge { limit: 25 }),
    ),
    (
        "value without end",
        b"GET / HTTP/1.1\r\na: defghijklmnopqrstuvwxyz",
        "RFC 6585 §5",
        Reject(431, Error::HeadTooLarge { limit: 25 }),
    ),
    ("two fields", b"GET / HTTP/1.1\r\nHost: a\r\nA:\r\n\r\n", "RFC 6585 §5", Accept("GET / empty")),
    ("three fields", b"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n", "RFC 6585 §5", Accept("GET / empty")),
    (
        "four fields",
        b"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n",
        "RFC 6585 §5",
        Reject(431, Error::TooManyFields { limit: 3 }),
    ),
];

const CHUNKS: &[Row] = &[
    ("extension of 3", chunked!("1;ab\r\na\r\n0\r\n\r\n"), "§7.1.1", Accept("POST / streamed|\"a\"|end")),
    ("extension of 4", chunked!("1;abc\r\na\r\n0\r\n\r\n"), "§7.1.1", Accept("POST / streamed|\"a\"|end")),
    (
        "extension of 5",
        chunked!("1;abcd\r\na\r\n0\r\n\r\n"),
        "§7.1.1",
        RejectAfter(HEAD, 400, Error::ChunkExtensionTooLong { limit: 4 }),
    ),
    (
        "blanks of 5",
        chunked!("1    ;\r\na\r\n0\r\n\r\n"),
        "§7.1.1",
        RejectAfter(HEAD, 400, Error::ChunkExtensionTooLong { limit: 4 }),
    ),
    (
        "extensions of 8",
        chunked!("1;abc\r\na\r\n1;abc\r\nb\r\n0\r\n\r\n"),
        "§7.1.1",
        Accept("POST / streamed|\"ab\"|end"),
    ),
    (
        "extensions of 9",
        chunked!("1;abc\r\na\r\n1;ab\r\nb\r\n0;c\r\n\r\n"),
        "§7.1.1",
        Accept("POST / streamed|\"ab\"|end"),
    ),
    (
        "extensions of 10",
        chunked!("1;abc\r\na\r\n1;abc\r\nb\r\n0;c\r\n\r\n"),
        "§7.1.1",
        RejectAfter("POST / streamed|\"ab\"", 400, Error::ChunkExtensionsTooLong { limit: 9 }),
    ),
    (
        "trailers of 11",
        chunked!("0\r\nabc: 3456\r\n\r\n"),
        "RFC 6585 §5",
        Accept("POST / streamed|end abc=3456"),
    ),
    (
        "trailers of 12",
        chunked!("0\r\nabc: 34567\r\n\r\n"),
        "RFC 6585 §5",
        Accept("POST / streamed|end abc=34567"),
    ),
    (
        "trailers of 13",
        chunked!("0\r\nabc: 345678\r\n\r\n"),
        "RFC 6585 §5",
        RejectAfter(HEAD, 431, Error::TrailersTooLarge { limit: 12 }),
    ),
    ("one trailer", chunked!("0\r\na:\r\n\r\n"), "RFC 6585 §5", Accept("POST / streamed|end a=")),
    ("two trailers", chunked!("0\r\na:\r\nb:\r\n\r\n"), "RFC 6585 §5", Accept("POST / streamed|end a= b=")),
    (
        "three trailers",
        chunked!("0\r\na:\r\nb:\r\nc:\r\n\r\n"),
        "RFC 6585 §5",
        RejectAfter(HEAD, 431, Error::TooManyTrailers { limit: 2 }),
    ),
];

const BODY: &[Row] = &[
    (
        "body of 3",
        post!("Content-Length: 3\r\n", "abc"),
        "RFC 9110 §15.5.14",
        Accept("POST / sized 3|\"abc\"|end"),
    ),
    (
        "body of 4",
        post!("Content-Length: 4\r\n", "abcd"),
        "RFC 9110 §15.5.14",
        Accept("POST / sized 4|\"abcd\"|end"),
    ),
    (
        "body of 5",
        post!("Content-Length: 5\r\n", "abcde"),
        "RFC 9110 §15.5.14",
        Reject(413, Error::BodyTooLarge { limit: 4 }),
    ),
    (
        "chunks of 3",
        chunked!("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        "RFC 9110 §15.5.14",
        Accept("POST / streamed|\"abc\"|end"),
    ),
    (
        "chunks of 4",
        chunked!("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"),
        "RFC 9110 §15.5.14",
        Accept("POST / streamed|\"abcd\"|end"),
    ),
    (
        "chunks of 5",
        chunked!("4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n"),
        "RFC 9110 §15.5.14",
        RejectAfter("POST / streamed|\"abcd\"", 413, Error::BodyTooLarge { limit: 4 }),
    ),
    (
        "a chunk of 5",
        chunked!("5\r\nabcde\r\n0\r\n\r\n"),
        "RFC 9110 §15.5.14",
        RejectAfter(HEAD, 413, Error::BodyTooLarge { limit: 4 }),
    ),
];

const REQUESTS: &[Row] = &[
    ("one request", get!("Host: a\r\n"), "§9.3", Accept("GET / empty")),
    (
        "two requests",
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "§9.3",
        Accept("GET /1 empty|GET /2 empty"),
    ),
    (
        "three requests",
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
        "§9.3",
        Close("GET /1 empty|GET /2 empty|GET /3 empty", CloseReason::MaxRequests),
    ),
    (
        "four requests",
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
        "§9.3",
        Close("GET /1 empty|GET /2 empty|GET /3 empty", CloseReason::MaxRequests),
    ),
];

/// Returns how many rows there are.
pub(crate) fn count() -> usize {
    [TARGET, FIELDS, CHUNKS, BODY, REQUESTS].iter().map(|rows| rows.len()).sum()
}

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

#[test]
fn targets_and_heads() {
    check(TARGET, &limits(|limits| limits.max_target = 8));
    let small = limits(|limits| {
        limits.max_head = 25;
        limits.max_fields = 3;
    });
    check(FIELDS, &small);
}

#[test]
fn chunks_and_trailers() {
    let small = limits(|limits| {
        limits.max_chunk_ext = 4;
        limits.max_chunk_ext_total = 9;
        limits.max_trailers = 12;
        limits.max_trailer_fields = 2;
    });
    check(CHUNKS, &small);
}

#[test]
fn bodies() {
    check(BODY, &limits(|limits| limits.max_body = 4));
}

#[test]
fn requests_of_a_connection() {
    check(REQUESTS, &limits(|limits| limits.max_requests = 3));
}
