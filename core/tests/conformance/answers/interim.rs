//! 1xx: leave to send a body, hints.

use super::Step::{Discard, Feed, Grant, Head, Interim, Is, Last, Refused, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed};
use anyloop_core::codec::{CloseReason, Misuse, Phase};
use anyloop_core::limits::Limits;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const EXPECTS: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
const EXPECTS_CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
const CONTINUE: super::Step = Wire("HTTP/1.1 100 Continue\r\n\r\n");
const OK: super::Step = Head(200, "", Empty);
const STAYS: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const CLOSES: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");

pub(super) const ROWS: &[Row] = &[
    (
        "leave is given when the body is asked for",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[Wire(""), Grant, CONTINUE, Feed("abc"), OK, STAYS, Is(Phase::Idle)],
    ),
    (
        "leave is given once",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[Grant, CONTINUE, Grant, Wire(""), Feed("a"), Grant, Wire("")],
    ),
    (
        "leave for chunks",
        EXPECTS_CHUNKED,
        "RFC 9110 §10.1.1",
        &[Grant, CONTINUE, Feed("1\r\na\r\n0\r\n\r\n"), OK, STAYS],
    ),
    (
        "no leave when the body is there",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[Feed("a"), Grant, Wire(""), Feed("bc"), OK, STAYS],
    ),
    (
        "no leave without a body",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        "RFC 9110 §10.1.1",
        &[Grant, OK, STAYS, Is(Phase::Idle)],
    ),
    (
        "no leave in 1.0",
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        "RFC 9110 §10.1.1",
        &[Grant, Wire("")],
    ),
    (
        "no leave after the head",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[
            Head(200, "", Streamed),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
            Grant,
            Wire(""),
        ],
    ),
    (
        "an answer without leave closes",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[
            Head(413, "", Empty),
            Wire("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        ],
    ),
    (
        "a body without leave is dropped with the connection",
        EXPECTS,
        "RFC 9110 §10.1.1",
        &[
            Discard,
            OK,
            CLOSES,
            Is(Phase::Closed(CloseReason::UnreadBody)),
            Feed("abc"),
            Is(Phase::Closed(CloseReason::UnreadBody)),
        ],
    ),
    (
        "no leave before the answer before it",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        "RFC 9110 §10.1.1",
        &[super::Step::On(1, &Grant), Wire(""), OK, STAYS, Grant, CONTINUE],
    ),
    (
        "hints",
        GET,
        "RFC 8297 §2",
        &[
            Interim(103, "Link: </a.css>"),
            OK,
            Wire(
                "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            ),
            Is(Phase::Idle),
        ],
    ),
    (
        "several",
        GET,
        "RFC 9110 §15.2",
        &[
            Interim(102, ""),
            Interim(103, ""),
            Wire("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"),
            OK,
            STAYS,
        ],
    ),
    ("100 by hand", EXPECTS, "RFC 9110 §15.2.1", &[Interim(100, ""), CONTINUE]),
    (
        "fields that an interim head may not have",
        GET,
        "RFC 9110 §15.2",
        &[
            Interim(103, "Content-Length: 1|Transfer-Encoding: chunked|Connection: close|Upgrade: foo|X: y"),
            Wire("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
        ],
    ),
    (
        "none to 1.0",
        "GET / HTTP/1.0\r\n\r\n",
        "RFC 9110 §15.2",
        &[Interim(103, "X: y"), Wire(""), OK, CLOSES],
    ),
    ("a final status is none", GET, "RFC 9110 §15.2", &[Refused(&Interim(200, ""), Misuse::NotAllowed)]),
    ("101 is none", GET, "RFC 9110 §15.2.2", &[Refused(&Interim(101, ""), Misuse::NotAllowed)]),
    (
        "none after the head",
        GET,
        "RFC 9110 §15.2",
        &[
            Head(200, "", Sized(1)),
            Refused(&Interim(103, ""), Misuse::OutOfOrder),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"),
        ],
    ),
    (
        "none after the answer",
        GET,
        "RFC 9110 §15.2",
        &[OK, STAYS, Refused(&Interim(103, ""), Misuse::NotThisStream)],
    ),
];

#[test]
fn interim_responses() {
    check(ROWS, &Limits::default());
}
