//! Faults of the peer: an answer where one is owed, an announced close, and silence where nobody asked.

use super::Step::{Data, Discard, Eof, Fail, Feed, Head, Is, Last, NotOpen, Open, Refused, Reset, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed};
use anyloop_core::codec::{CloseReason, Misuse, Phase};
use anyloop_core::error::Error;
use anyloop_core::limits::Limits;
use anyloop_core::protocol::Eof::{Clean, Cut};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const BAD: &str = "GET /\r\n";
const GOOD_AND_BAD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const OK: super::Step = Head(200, "", Empty);
const STAYS: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const CLOSES: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
const REFUSE: super::Step = Head(400, "", Empty);
const REFUSED: super::Step =
    Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
const LATE: super::Step =
    Wire("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");

const fn closed(error: Error) -> super::Step {
    Is(Phase::Closed(CloseReason::BadInput(error)))
}

const fn draining(error: Error) -> super::Step {
    Is(Phase::Draining(CloseReason::BadInput(error)))
}

pub(super) const ROWS: &[Row] = &[
    (
        "a bad head",
        BAD,
        "RFC 9110 §15.5.1",
        &[Is(Phase::Busy), Open, draining(Error::Version), REFUSE, REFUSED, closed(Error::Version), NotOpen],
    ),
    (
        "a bad head, with a body for it",
        BAD,
        "RFC 9110 §15.5.1",
        &[
            Open,
            Head(400, "", Sized(2)),
            Last("no"),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"),
            closed(Error::Version),
        ],
    ),
    (
        "a bad head, with a streamed body for it",
        BAD,
        "§6.1",
        &[
            Open,
            Head(400, "", Streamed),
            Last("no"),
            Wire("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nno"),
            Is(Phase::Closed(CloseReason::Delimiter)),
        ],
    ),
    ("nothing is to be answered", GET, "§9.2", &[NotOpen, OK, STAYS, NotOpen]),
    ("nothing came", "", "§9.2", &[NotOpen, Is(Phase::Idle)]),
    (
        "a bad HEAD has an answer without a body",
        "HEAD / HTTP/1.1\r\n\r\n",
        "RFC 9110 §9.3.2",
        &[
            Open,
            Head(400, "", Sized(2)),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"),
            closed(Error::HostMissing),
        ],
    ),
    (
        "a HEAD with a bad line too",
        "HEAD / HTTP/1.1\r\nX : y\r\n",
        "RFC 9110 §9.3.2",
        &[
            Open,
            Head(400, "", Sized(2)),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"),
            closed(Error::SpaceBeforeColon),
        ],
    ),
    (
        "a bad GET behind HEAD has one with",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /\r\n",
        "RFC 9110 §9.3.2",
        &[
            OK,
            STAYS,
            Open,
            Head(400, "", Sized(2)),
            Last("no"),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"),
        ],
    ),
    (
        "a bad GET before HEAD has one with",
        "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §9.3.2",
        &[
            Open,
            Head(400, "", Sized(2)),
            Last("no"),
            Wire("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"),
        ],
    ),
    (
        "a good one and a bad one",
        GOOD_AND_BAD,
        "§9.3.2",
        &[Open, OK, STAYS, REFUSE, REFUSED, closed(Error::Version)],
    ),
    (
        "a good one is answered first",
        GOOD_AND_BAD,
        "§9.3.2",
        &[OK, STAYS, Is(Phase::Busy), Open, REFUSE, REFUSED, closed(Error::Version)],
    ),
    (
        "a bad one waits for its turn",
        GOOD_AND_BAD,
        "§9.3.2",
        &[Open, Refused(&super::Step::On(1, &REFUSE), Misuse::NotThisStream), OK, STAYS, REFUSE, REFUSED],
    ),
    (
        "a bad one comes in while an answer goes out",
        GET,
        "§9.3.2",
        &[
            Head(200, "", Sized(2)),
            Data("a"),
            Feed(BAD),
            Open,
            Last("b"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"),
            REFUSE,
            REFUSED,
            closed(Error::Version),
        ],
    ),
    (
        "no second answer behind a close",
        GOOD_AND_BAD,
        "§9.6",
        &[Head(200, "Connection: close", Empty), CLOSES, NotOpen, Is(Phase::Closed(CloseReason::WeAsked))],
    ),
    (
        "no second answer behind a close, when it was opened",
        GOOD_AND_BAD,
        "§9.6",
        &[
            Open,
            Head(200, "Connection: close", Empty),
            CLOSES,
            Is(Phase::Closed(CloseReason::WeAsked)),
            Refused(&REFUSE, Misuse::NotThisStream),
        ],
    ),
    (
        "reset before the fault is answered",
        GOOD_AND_BAD,
        "§8",
        &[Reset, NotOpen, Is(Phase::Closed(CloseReason::Truncated))],
    ),
    (
        "a bad body before the answer",
        CHUNKED,
        "§7.1",
        &[Feed("x"), draining(Error::ChunkSize), NotOpen, REFUSE, REFUSED, closed(Error::ChunkSize)],
    ),
    (
        "a bad body after the head",
        CHUNKED,
        "§7.1",
        &[
            Head(200, "", Streamed),
            Feed("x"),
            draining(Error::ChunkSize),
            NotOpen,
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            closed(Error::ChunkSize),
        ],
    ),
    (
        "a bad body after the answer",
        CHUNKED,
        "§7.1",
        &[OK, STAYS, Feed("x"), closed(Error::ChunkSize), NotOpen],
    ),
    (
        "a bad body after a drop",
        CHUNKED,
        "§7.1",
        &[Discard, Feed("x"), draining(Error::ChunkSize), NotOpen, REFUSE, REFUSED],
    ),
    (
        "a bad head behind a body that nobody wants",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "§9.3.2",
        &[Discard, Feed("abcGET /\r\n"), Open, OK, STAYS, REFUSE, REFUSED, closed(Error::Version)],
    ),
    ("the end in a head", "GET / HT", "§8", &[Eof(Clean), Open, REFUSE, REFUSED, closed(Error::HeadCut)]),
    ("the cut in a head", "GET / HT", "§8", &[Eof(Cut), Open, REFUSE, REFUSED, closed(Error::HeadCut)]),
    (
        "the end in a second head",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGE",
        "§8",
        &[Eof(Clean), OK, STAYS, Open, REFUSE, REFUSED, closed(Error::HeadCut)],
    ),
    (
        "the end in a length",
        CHUNKED,
        "§8",
        &[Feed("3"), Eof(Clean), draining(Error::BodyCut), NotOpen, REFUSE, REFUSED, closed(Error::BodyCut)],
    ),
    (
        "the end in a trailer",
        CHUNKED,
        "§8",
        &[Feed("0\r\nX: y"), Eof(Clean), draining(Error::BodyCut), REFUSE, REFUSED, closed(Error::BodyCut)],
    ),
    (
        "the end before the last line",
        CHUNKED,
        "§8",
        &[Feed("0\r\n\r"), Eof(Cut), draining(Error::BodyCut), REFUSE, REFUSED, closed(Error::BodyCut)],
    ),
    (
        "the end in a body after the answer",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "§8",
        &[OK, STAYS, Eof(Clean), closed(Error::BodyCut), NotOpen],
    ),
    (
        "the end in a body that nobody wants",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "§8",
        &[Discard, Eof(Clean), REFUSE, REFUSED, closed(Error::BodyCut)],
    ),
    (
        "a head that takes too long",
        "GET / HT",
        "RFC 9110 §15.5.9",
        &[Fail(Error::HeadTimeout), Open, Head(408, "", Empty), LATE, closed(Error::HeadTimeout)],
    ),
    (
        "nothing that takes too long",
        "",
        "RFC 9110 §15.5.9",
        &[Fail(Error::HeadTimeout), Open, Head(408, "", Empty), LATE, closed(Error::HeadTimeout)],
    ),
    (
        "a second head that takes too long",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGE",
        "RFC 9110 §15.5.9",
        &[Fail(Error::HeadTimeout), Open, OK, STAYS, Head(408, "", Empty), LATE, closed(Error::HeadTimeout)],
    ),
    (
        "a body that takes too long",
        CHUNKED,
        "RFC 9110 §15.5.9",
        &[Fail(Error::BodyTooSlow), NotOpen, Head(408, "", Empty), LATE, closed(Error::BodyTooSlow)],
    ),
    (
        "a body that takes too long after the answer",
        CHUNKED,
        "RFC 9110 §15.5.9",
        &[OK, STAYS, Fail(Error::BodyTooSlow), NotOpen, closed(Error::BodyTooSlow)],
    ),
    (
        "a wait for an answer that takes too long",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "RFC 9110 §7.8",
        &[Fail(Error::BodyTooSlow), NotOpen, REFUSE, REFUSED],
    ),
    (
        "the last request, and then a failure",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "§9.6",
        &[Fail(Error::HeadTimeout), NotOpen, OK, CLOSES],
    ),
    (
        "the first failure counts",
        "GET /\r\n",
        "§9.6",
        &[Fail(Error::HeadTimeout), Open, REFUSE, REFUSED, closed(Error::Version)],
    ),
    (
        "no request behind a failure",
        "GE",
        "§9.6",
        &[Fail(Error::HeadTimeout), Feed("T / HTTP/1.1\r\nHost: a\r\n\r\n"), Open, REFUSE, REFUSED, NotOpen],
    ),
];

#[test]
fn faults() {
    check(ROWS, &Limits::default());
}
