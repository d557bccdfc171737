//! Bodies: which framing, which field, and for whom none.

use super::Step::{Data, End, Head, Is, Last, Trailers, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed};
use anyloop_core::codec::{CloseReason, Phase};
use anyloop_core::limits::Limits;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const OLD_KEPT: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const OLD_HEAD: &str = "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const IDLE: super::Step = Is(Phase::Idle);

pub(super) const ROWS: &[Row] = &[
    (
        "empty",
        GET,
        "RFC 9110 §8.6",
        &[Head(200, "", Empty), Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "sized",
        GET,
        "§6.2",
        &[
            Head(200, "", Sized(3)),
            Is(Phase::Busy),
            Last("abc"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"),
            IDLE,
        ],
    ),
    (
        "sized in parts",
        GET,
        "§6.2",
        &[
            Head(200, "", Sized(3)),
            Data("a"),
            Data(""),
            Data("bc"),
            End,
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"),
            IDLE,
        ],
    ),
    (
        "sized with none",
        GET,
        "§6.2",
        &[Head(200, "", Sized(0)), Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "streamed",
        GET,
        "§7.1",
        &[
            Head(200, "", Streamed),
            Data("abc"),
            Last("0123456789"),
            Wire(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
            ),
            IDLE,
        ],
    ),
    (
        "streamed without bytes",
        GET,
        "§7.1",
        &[
            Head(200, "", Streamed),
            Data(""),
            Last(""),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            IDLE,
        ],
    ),
    (
        "trailers",
        GET,
        "§7.1.2",
        &[
            Head(200, "Trailer: X", Streamed),
            Data("a"),
            Trailers("X: 1|Y: 2"),
            Wire(
                "HTTP/1.1 200 OK\r\ntrailer: X\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\n",
            ),
            IDLE,
        ],
    ),
    (
        "trailers that may not be",
        GET,
        "RFC 9110 §6.5.1",
        &[
            Head(200, "", Streamed),
            Trailers("Content-Length: 1|Set-Cookie: a|X: 1|Transfer-Encoding: chunked"),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\n"),
        ],
    ),
    (
        "trailers of a sized body are dropped",
        GET,
        "RFC 9110 §6.5.1",
        &[
            Head(200, "", Sized(1)),
            Data("a"),
            Trailers("X: 1"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"),
            IDLE,
        ],
    ),
    (
        "trailers to 1.0 are dropped",
        OLD,
        "§7.1.2",
        &[
            Head(200, "", Streamed),
            Data("a"),
            Trailers("X: 1"),
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na"),
        ],
    ),
    (
        "HEAD, empty",
        HEAD,
        "RFC 9110 §9.3.2",
        &[Head(200, "", Empty), Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "HEAD, sized",
        HEAD,
        "RFC 9110 §9.3.2",
        &[Head(200, "", Sized(3)), Wire("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"), IDLE],
    ),
    (
        "HEAD, streamed",
        HEAD,
        "RFC 9110 §9.3.2",
        &[Head(200, "", Streamed), Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), IDLE],
    ),
    (
        "HEAD, a length that the handler states",
        HEAD,
        "RFC 9110 §8.6",
        &[
            Head(200, "Content-Length: 77|X: y", Empty),
            Wire("HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 77\r\n\r\n"),
            IDLE,
        ],
    ),
    (
        "HEAD, a length that is none",
        HEAD,
        "RFC 9110 §8.6",
        &[
            Head(200, "Content-Length: +77", Empty),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            IDLE,
        ],
    ),
    (
        "HEAD, two lengths",
        HEAD,
        "RFC 9110 §8.6",
        &[
            Head(200, "Content-Length: 77|Content-Length: 78", Empty),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            IDLE,
        ],
    ),
    (
        "HEAD of 1.0, streamed",
        OLD_HEAD,
        "§6.1",
        &[Head(200, "", Streamed), Wire("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n"), IDLE],
    ),
    (
        "HEAD, 204",
        HEAD,
        "RFC 9110 §15.3.5",
        &[Head(204, "", Sized(3)), Wire("HTTP/1.1 204 No Content\r\n\r\n"), IDLE],
    ),
    (
        "HEAD, 205",
        HEAD,
        "RFC 9110 §15.3.6",
        &[Head(205, "", Sized(3)), Wire("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "204",
        GET,
        "§6.1",
        &[Head(204, "Content-Length: 3", Empty), Wire("HTTP/1.1 204 No Content\r\n\r\n"), IDLE],
    ),
    ("204, sized", GET, "§6.1", &[Head(204, "", Sized(3)), Wire("HTTP/1.1 204 No Content\r\n\r\n"), IDLE]),
    ("204, streamed", GET, "§6.1", &[Head(204, "", Streamed), Wire("HTTP/1.1 204 No Content\r\n\r\n"), IDLE]),
    (
        "204, streamed to 1.0",
        OLD_KEPT,
        "§6.1",
        &[Head(204, "", Streamed), Wire("HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n"), IDLE],
    ),
    (
        "205, sized",
        GET,
        "RFC 9110 §15.3.6",
        &[Head(205, "", Sized(3)), Wire("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "205, streamed",
        GET,
        "RFC 9110 §15.3.6",
        &[Head(205, "", Streamed), Wire("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "304, sized",
        GET,
        "RFC 9110 §15.4.5",
        &[Head(304, "ETag: \"a\"", Sized(3)), Wire("HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n"), IDLE],
    ),
    (
        "304, streamed",
        GET,
        "RFC 9110 §15.4.5",
        &[Head(304, "", Streamed), Wire("HTTP/1.1 304 Not Modified\r\n\r\n"), IDLE],
    ),
    (
        "1.0, sized",
        OLD,
        "§9.3",
        &[
            Head(200, "", Sized(1)),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\na"),
            Is(Phase::Closed(CloseReason::PeerAsked)),
        ],
    ),
    (
        "1.0, streamed",
        OLD,
        "§6.1",
        &[
            Head(200, "", Streamed),
            Data("abc"),
            Is(Phase::Draining(CloseReason::Delimiter)),
            Last("d"),
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcd"),
            Is(Phase::Closed(CloseReason::Delimiter)),
        ],
    ),
    (
        "1.0 kept alive, sized",
        OLD_KEPT,
        "§9.3",
        &[
            Head(200, "", Sized(1)),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\na"),
            IDLE,
        ],
    ),
    (
        "1.0 kept alive, empty",
        OLD_KEPT,
        "§9.3",
        &[
            Head(200, "", Empty),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n"),
            IDLE,
        ],
    ),
    (
        "1.0 kept alive, streamed",
        OLD_KEPT,
        "§6.1",
        &[
            Head(200, "", Streamed),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na"),
            Is(Phase::Closed(CloseReason::Delimiter)),
        ],
    ),
    (
        "framing fields of the handler are not sent",
        GET,
        "§6",
        &[
            Head(
                200,
                "Content-Length: 9|Transfer-Encoding: gzip|Connection: x|Keep-Alive: 1|Upgrade: foo|X: y",
                Sized(1),
            ),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 1\r\n\r\na"),
            IDLE,
        ],
    ),
    (
        "fields keep their order and case",
        GET,
        "RFC 9110 §5.3",
        &[
            Head(200, "b: 1|A: 2|B: 3|x-c: x|X-C: y", Empty),
            Wire("HTTP/1.1 200 OK\r\nb: 1\r\nA: 2\r\nB: 3\r\nx-c: x\r\nX-C: y\r\ncontent-length: 0\r\n\r\n"),
        ],
    ),
    (
        "a status without a reason",
        GET,
        "§4",
        &[Head(299, "", Empty), Wire("HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"), IDLE],
    ),
    (
        "426 names what it wants",
        GET,
        "RFC 9110 §7.8",
        &[
            Head(426, "Upgrade: foo", Empty),
            Wire(
                "HTTP/1.1 426 Upgrade Required\r\nupgrade: foo\r\ncontent-length: 0\r\nconnection: upgrade\r\n\r\n",
            ),
            IDLE,
        ],
    ),
    (
        "426 before the close",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "RFC 9110 §7.8",
        &[
            Head(426, "Upgrade: foo", Empty),
            Wire(
                "HTTP/1.1 426 Upgrade Required\r\nupgrade: foo\r\ncontent-length: 0\r\nconnection: upgrade\r\nconnection: close\r\n\r\n",
            ),
            Is(Phase::Closed(CloseReason::PeerAsked)),
        ],
    ),
    (
        "405 to CONNECT",
        "CONNECT b:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §9.3.6",
        &[
            Head(405, "", Sized(1)),
            Last("a"),
            Wire("HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 1\r\n\r\na"),
            IDLE,
        ],
    ),
];

#[test]
fn bodies() {
    check(ROWS, &Limits::default());
}
