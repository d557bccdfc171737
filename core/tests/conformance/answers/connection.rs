//! Whether the connection stays: what was asked, announced and done.

use super::Step::{Data, Discard, Drain, Eof, Feed, Grant, Head, Is, Last, Reset, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed};
use anyloop_core::codec::{CloseReason, Phase};
use anyloop_core::error::Error;
use anyloop_core::limits::Limits;
use anyloop_core::protocol::Eof::{Clean, Cut};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const TWO: &str = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
const LARGE: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

const STAYS: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const CLOSES: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
const OK: super::Step = Head(200, "", Empty);
const IDLE: super::Step = Is(Phase::Idle);

const fn closed(why: CloseReason) -> super::Step {
    Is(Phase::Closed(why))
}

const fn draining(why: CloseReason) -> super::Step {
    Is(Phase::Draining(why))
}

pub(super) const ROWS: &[Row] = &[
    ("nothing came", "", "§9.3", &[IDLE]),
    ("a request came", GET, "§9.3", &[Is(Phase::Busy), OK, STAYS, IDLE]),
    ("one after the other", GET, "§9.3", &[OK, STAYS, Feed(GET), Is(Phase::Busy), OK, STAYS, IDLE]),
    (
        "the client asks for the close",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "§9.6",
        &[draining(CloseReason::PeerAsked), OK, CLOSES, closed(CloseReason::PeerAsked)],
    ),
    (
        "the handler asks for the close",
        GET,
        "§9.6",
        &[Head(200, "Connection: close", Empty), CLOSES, closed(CloseReason::WeAsked)],
    ),
    (
        "the handler asks in a list",
        GET,
        "§9.6",
        &[Head(200, "Connection: x, CLOSE", Empty), CLOSES, closed(CloseReason::WeAsked)],
    ),
    (
        "the handler asks before a streamed body",
        GET,
        "§9.6",
        &[
            Head(200, "Connection: close", Streamed),
            draining(CloseReason::WeAsked),
            Last("a"),
            Wire(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n",
            ),
            closed(CloseReason::WeAsked),
        ],
    ),
    (
        "requests behind the handler's close get no answer",
        TWO,
        "§9.6",
        &[Head(200, "Connection: close", Empty), CLOSES, closed(CloseReason::WeAsked)],
    ),
    (
        "input behind the close stays unread",
        GET,
        "§9.6",
        &[Head(200, "Connection: close", Empty), CLOSES, Feed(GET), closed(CloseReason::WeAsked)],
    ),
    (
        "the client ends its side before the answer",
        GET,
        "§9.6",
        &[Eof(Clean), OK, CLOSES, closed(CloseReason::PeerLeft)],
    ),
    (
        "the client is cut off before the answer",
        GET,
        "§9.6",
        &[Eof(Cut), OK, CLOSES, closed(CloseReason::PeerLeft)],
    ),
    (
        "the client ends its side after the answer",
        GET,
        "§9.6",
        &[OK, STAYS, Eof(Clean), closed(CloseReason::PeerLeft)],
    ),
    ("the client comes and goes", "", "§9.6", &[Eof(Clean), closed(CloseReason::PeerLeft)]),
    ("the client goes behind an empty line", "\r\n", "§2.2", &[Eof(Clean), closed(CloseReason::PeerLeft)]),
    (
        "the client ends its side behind two requests",
        TWO,
        "§9.6",
        &[Eof(Clean), OK, STAYS, OK, CLOSES, closed(CloseReason::PeerLeft)],
    ),
    (
        "the client ends its side during the answer",
        GET,
        "§9.6",
        &[
            Head(200, "", Sized(2)),
            Data("a"),
            Eof(Clean),
            draining(CloseReason::PeerLeft),
            Last("b"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"),
            closed(CloseReason::PeerLeft),
        ],
    ),
    ("a drain between requests", GET, "§9.6", &[OK, STAYS, Drain, closed(CloseReason::Shutdown)]),
    ("a drain before any request", "", "§9.6", &[Drain, closed(CloseReason::Shutdown)]),
    ("a drain before the answer", GET, "§9.6", &[Drain, OK, CLOSES, closed(CloseReason::Shutdown)]),
    (
        "a drain is announced on the last answer only",
        TWO,
        "§9.6",
        &[Drain, OK, STAYS, OK, CLOSES, closed(CloseReason::Shutdown)],
    ),
    (
        "a drain waits for a request that has begun",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT",
        "§9.6",
        &[
            Drain,
            OK,
            STAYS,
            Is(Phase::Idle),
            Feed("TP/1.1\r\nHost: a\r\n\r\n"),
            OK,
            CLOSES,
            closed(CloseReason::Shutdown),
        ],
    ),
    (
        "a drain does not wait for an empty line",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
        "§2.2",
        &[Drain, OK, CLOSES, closed(CloseReason::Shutdown)],
    ),
    (
        "a drain during the answer",
        GET,
        "§9.6",
        &[
            Head(200, "", Sized(2)),
            Drain,
            Data("a"),
            Last("b"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"),
            closed(CloseReason::Shutdown),
        ],
    ),
    (
        "a drain before the body is there",
        POST,
        "§9.6",
        &[Drain, OK, STAYS, Is(Phase::Busy), Feed("abc"), closed(CloseReason::Shutdown)],
    ),
    ("the body is read before the answer", POST, "§9.3", &[Feed("abc"), OK, STAYS, IDLE]),
    ("the answer comes before the body", POST, "§9.3", &[OK, STAYS, Is(Phase::Busy), Feed("abc"), IDLE]),
    (
        "a small body that nobody wants",
        POST,
        "§9.3",
        &[Discard, OK, STAYS, Feed("abc"), IDLE, Feed(GET), OK, STAYS],
    ),
    (
        "a body at the limit that nobody wants",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n",
        "§9.3",
        &[Discard, OK, STAYS, Feed("abcd"), IDLE],
    ),
    (
        "a body above the limit that nobody wants",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        "§9.3",
        &[Discard, OK, CLOSES, closed(CloseReason::UnreadBody)],
    ),
    (
        "a large body that nobody wants",
        LARGE,
        "§9.3",
        &[Discard, OK, CLOSES, closed(CloseReason::UnreadBody)],
    ),
    (
        "a large body that nobody wants any more",
        LARGE,
        "§9.3",
        &[Feed("abcdef"), Discard, OK, STAYS, Feed("ghi"), IDLE],
    ),
    (
        "a large body that came and nobody wanted",
        LARGE,
        "§9.3",
        &[
            Discard,
            Feed("abcdef"),
            draining(CloseReason::UnreadBody),
            OK,
            CLOSES,
            closed(CloseReason::UnreadBody),
        ],
    ),
    (
        "a large body is dropped after the answer",
        LARGE,
        "§9.3",
        &[
            OK,
            STAYS,
            super::Step::On(0, &Discard),
            Is(Phase::Busy),
            Feed("abcdef"),
            closed(CloseReason::UnreadBody),
        ],
    ),
    ("chunks that nobody wants", CHUNKED, "§9.3", &[Discard, OK, CLOSES, closed(CloseReason::UnreadBody)]),
    (
        "chunks that came and nobody wanted",
        CHUNKED,
        "§9.3",
        &[Discard, Feed("3\r\nabc\r\n0\r\n\r\n"), OK, STAYS, IDLE],
    ),
    (
        "the handler closes and reads on",
        POST,
        "§9.6",
        &[
            Head(200, "Connection: close", Streamed),
            Feed("abc"),
            draining(CloseReason::WeAsked),
            Last(""),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n"),
            closed(CloseReason::WeAsked),
        ],
    ),
    (
        "the client ends its side in a body",
        POST,
        "§8",
        &[
            Feed("ab"),
            Eof(Clean),
            draining(CloseReason::BadInput(Error::BodyCut)),
            Head(400, "", Empty),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            closed(CloseReason::BadInput(Error::BodyCut)),
        ],
    ),
    ("reset before the head", GET, "§8", &[Reset, closed(CloseReason::Truncated)]),
    (
        "reset in a sized body",
        GET,
        "§8",
        &[
            Head(200, "", Sized(2)),
            Data("a"),
            Reset,
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"),
            closed(CloseReason::Truncated),
        ],
    ),
    (
        "reset in chunks",
        GET,
        "§8",
        &[
            Head(200, "", Streamed),
            Data("a"),
            Reset,
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"),
            closed(CloseReason::Truncated),
        ],
    ),
    (
        "reset in a body that ends with the connection",
        "GET / HTTP/1.0\r\n\r\n",
        "§8",
        &[
            Head(200, "", Streamed),
            Data("a"),
            Reset,
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na"),
            closed(CloseReason::Cut),
        ],
    ),
    ("reset with others waiting", TWO, "§8", &[Reset, closed(CloseReason::Truncated)]),
    (
        "reset of one that waits does nothing",
        TWO,
        "§9.3.2",
        &[super::Step::On(1, &Reset), OK, STAYS, OK, STAYS, IDLE],
    ),
    ("no leave to send without being asked", POST, "RFC 9110 §10.1.1", &[Grant, OK, STAYS, Is(Phase::Busy)]),
];

#[test]
fn persistence_and_close_reasons() {
    let mut limits = Limits::default();
    limits.drain_unread = 4;
    check(ROWS, &limits);
}

/// With two requests a connection.
const AT_MOST_TWO: &[Row] = &[
    ("two of two", TWO, "§9.6", &[OK, STAYS, OK, CLOSES, closed(CloseReason::MaxRequests)]),
    (
        "one by one",
        GET,
        "§9.6",
        &[
            OK,
            STAYS,
            IDLE,
            Feed(GET),
            draining(CloseReason::MaxRequests),
            OK,
            CLOSES,
            closed(CloseReason::MaxRequests),
        ],
    ),
    (
        "a third is not read",
        TWO,
        "§9.6",
        &[Feed(GET), OK, STAYS, OK, CLOSES, closed(CloseReason::MaxRequests)],
    ),
];

#[test]
fn the_last_request_of_a_connection_announces_the_close() {
    let mut limits = Limits::default();
    limits.max_requests = 2;
    check(AT_MOST_TWO, &limits);
}
