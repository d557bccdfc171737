//! Calls that are refused: nothing leaves, and the right call works still.

use super::Step::{Data, End, Head, Is, Last, On, Refused, Trailers, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed, Tunnel};
use anyloop_core::codec::Misuse::{NotAllowed, NotThisStream, OutOfOrder, TooLittleBody, TooMuchBody};
use anyloop_core::codec::Phase;
use anyloop_core::limits::Limits;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const TWO: &str = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: super::Step = Head(200, "", Empty);
const STAYS: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const ABC: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");

pub(super) const ROWS: &[Row] = &[
    (
        "too much at once",
        GET,
        "§6.2",
        &[Head(200, "", Sized(3)), Refused(&Data("abcd"), TooMuchBody { left: 3 }), Last("abc"), ABC],
    ),
    (
        "too much in the end",
        GET,
        "§6.2",
        &[Head(200, "", Sized(3)), Data("ab"), Refused(&Last("cd"), TooMuchBody { left: 1 }), Last("c"), ABC],
    ),
    (
        "a byte after all",
        GET,
        "§6.2",
        &[Head(200, "", Sized(3)), Data("abc"), Refused(&Data("d"), TooMuchBody { left: 0 }), End, ABC],
    ),
    (
        "too little",
        GET,
        "§6.2",
        &[Head(200, "", Sized(3)), Refused(&Last("ab"), TooLittleBody { missing: 1 }), Last("abc"), ABC],
    ),
    (
        "the end too early",
        GET,
        "§6.2",
        &[Head(200, "", Sized(3)), Data("ab"), Refused(&End, TooLittleBody { missing: 1 }), Last("c"), ABC],
    ),
    (
        "trailers too early",
        GET,
        "§6.2",
        &[
            Head(200, "", Sized(3)),
            Refused(&Trailers("X: y"), TooLittleBody { missing: 3 }),
            Last("abc"),
            ABC,
        ],
    ),
    ("data before the head", GET, "§2.1", &[Refused(&Data("a"), OutOfOrder), OK, STAYS]),
    ("the end before the head", GET, "§2.1", &[Refused(&End, OutOfOrder), OK, STAYS]),
    ("two heads", GET, "§2.1", &[Head(200, "", Sized(3)), Refused(&OK, OutOfOrder), Last("abc"), ABC]),
    ("a head after the answer", GET, "§9.3.2", &[OK, STAYS, Refused(&On(0, &OK), NotThisStream)]),
    ("data after the answer", GET, "§9.3.2", &[OK, STAYS, Refused(&On(0, &Data("a")), NotThisStream)]),
    (
        "data after an answer to HEAD",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §9.3.2",
        &[
            Head(200, "", Sized(1)),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"),
            Refused(&On(0, &Data("a")), NotThisStream),
        ],
    ),
    (
        "data after 204",
        GET,
        "RFC 9110 §15.3.5",
        &[
            Head(204, "", Streamed),
            Wire("HTTP/1.1 204 No Content\r\n\r\n"),
            Refused(&On(0, &Last("a")), NotThisStream),
        ],
    ),
    ("the second answer first", TWO, "§9.3.2", &[Refused(&On(1, &OK), NotThisStream), OK, STAYS, OK, STAYS]),
    (
        "data of the second answer first",
        TWO,
        "§9.3.2",
        &[Head(200, "", Sized(3)), Refused(&On(1, &Data("a")), NotThisStream), Last("abc"), ABC],
    ),
    ("an answer to nothing", "", "§9.2", &[Refused(&OK, NotThisStream), Is(Phase::Idle)]),
    ("100 as the answer", GET, "RFC 9110 §15.2", &[Refused(&Head(100, "", Empty), NotAllowed), OK, STAYS]),
    ("103 as the answer", GET, "RFC 9110 §15.2", &[Refused(&Head(103, "", Empty), NotAllowed), OK, STAYS]),
    (
        "101 without a tunnel",
        GET,
        "RFC 9110 §15.2.2",
        &[Refused(&Head(101, "Upgrade: foo", Empty), NotAllowed), OK, STAYS],
    ),
    (
        "101 that was not offered",
        GET,
        "RFC 9110 §7.8",
        &[Refused(&Head(101, "Upgrade: foo", Tunnel), NotAllowed), OK, STAYS],
    ),
    ("200 as a tunnel", GET, "RFC 9110 §9.3.6", &[Refused(&Head(200, "", Tunnel), NotAllowed), OK, STAYS]),
    (
        "2xx to CONNECT that is no tunnel",
        "CONNECT b:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §9.3.6",
        &[
            Refused(&OK, NotAllowed),
            Refused(&Head(204, "", Empty), NotAllowed),
            Head(404, "", Empty),
            Wire("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        ],
    ),
    (
        "101 to CONNECT",
        "CONNECT b:1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "RFC 9110 §9.3.6",
        &[Refused(&Head(101, "Upgrade: foo", Tunnel), NotAllowed)],
    ),
    (
        "101 that does not say what",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "RFC 9110 §15.2.2",
        &[Refused(&Head(101, "", Tunnel), NotAllowed), OK, STAYS],
    ),
    (
        "101 to an offer of h2c",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "RFC 9113 §3.1",
        &[Refused(&Head(101, "Upgrade: h2c", Tunnel), NotAllowed), OK, STAYS],
    ),
    (
        "101 to 1.0",
        "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "RFC 9110 §7.8",
        &[Refused(&Head(101, "Upgrade: foo", Tunnel), NotAllowed)],
    ),
    (
        "101 before the body is read",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\nContent-Length: 2\r\n\r\na",
        "RFC 9110 §7.8",
        &[Refused(&Head(101, "Upgrade: foo", Tunnel), NotAllowed)],
    ),
];

#[test]
fn refused_calls() {
    check(ROWS, &Limits::default());
}
