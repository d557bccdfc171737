//! Connections that stop being HTTP.

use super::Step::{Data, End, Eof, Feed, Head, Is, Last, Reset, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Tunnel};
use anyloop_core::codec::{CloseReason, Phase};
use anyloop_core::limits::Limits;
use anyloop_core::protocol::Eof::{Clean, Cut};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
const CONNECT: &str = "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n";
const SWITCH: super::Step = Head(101, "Upgrade: foo", Tunnel);
const SWITCHED: super::Step =
    Wire("HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\n");
const ENDED: super::Step = Is(Phase::Closed(CloseReason::TunnelEnded));

pub(super) const ROWS: &[Row] = &[
    (
        "upgrade",
        UPGRADE,
        "RFC 9110 §7.8",
        &[SWITCH, SWITCHED, Is(Phase::Busy), Data("ab"), Wire("ab"), End, ENDED],
    ),
    (
        "upgrade, and the last bytes",
        UPGRADE,
        "RFC 9110 §7.8",
        &[
            SWITCH,
            Last("ab"),
            Wire("HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\nab"),
            ENDED,
        ],
    ),
    (
        "upgrade after a body",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\nContent-Length: 1\r\n\r\na",
        "RFC 9110 §7.8",
        &[SWITCH, SWITCHED],
    ),
    (
        "upgrade in a second request",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "RFC 9110 §7.8",
        &[Head(200, "", Empty), Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), SWITCH, SWITCHED],
    ),
    (
        "upgrade that is refused",
        UPGRADE,
        "RFC 9110 §7.8",
        &[
            Head(200, "", Empty),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
            Is(Phase::Idle),
            Feed(UPGRADE),
            SWITCH,
            SWITCHED,
        ],
    ),
    (
        "connect",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[Head(200, "", Tunnel), Wire("HTTP/1.1 200 OK\r\n\r\n"), Data("ab"), Wire("ab"), End, ENDED],
    ),
    (
        "connect, framing fields are not sent",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[Head(200, "Content-Length: 1|Transfer-Encoding: chunked", Tunnel), Wire("HTTP/1.1 200 OK\r\n\r\n")],
    ),
    (
        "connect that is refused",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[Head(403, "", Empty), Wire("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"), Is(Phase::Idle)],
    ),
    (
        "the peer ends its side",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[
            Head(200, "", Tunnel),
            Eof(Clean),
            Is(Phase::Draining(CloseReason::TunnelEnded)),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\n\r\na"),
            ENDED,
        ],
    ),
    (
        "the peer is cut off",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[
            Head(200, "", Tunnel),
            Eof(Cut),
            Is(Phase::Draining(CloseReason::TunnelEnded)),
            End,
            Wire("HTTP/1.1 200 OK\r\n\r\n"),
            ENDED,
        ],
    ),
    (
        "the peer ends its side before the answer",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[Eof(Clean), Head(200, "", Tunnel), Last("a"), Wire("HTTP/1.1 200 OK\r\n\r\na"), ENDED],
    ),
    (
        "the peer ends its side and is refused",
        CONNECT,
        "§9.6",
        &[
            Eof(Clean),
            Head(403, "", Empty),
            Wire("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            Is(Phase::Closed(CloseReason::PeerLeft)),
        ],
    ),
    (
        "reset",
        CONNECT,
        "RFC 9110 §9.3.6",
        &[
            Head(200, "", Tunnel),
            Data("a"),
            Reset,
            Wire("HTTP/1.1 200 OK\r\n\r\na"),
            Is(Phase::Closed(CloseReason::Cut)),
        ],
    ),
];

#[test]
fn tunnels() {
    check(ROWS, &Limits::default());
}

#[test]
fn bytes_behind_an_upgrade_are_the_tunnel_s_whatever_they_look_like() {
    use anyloop_core::codec::{Codec, Event, StreamId};
    use bytes::BytesMut;
    let mut server = super::Server::default();
    let mut out = super::Outbound::default();
    let mut inbound = BytesMut::from(UPGRADE);
    inbound.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let Ok(Some(Event::Head { stream, .. })) = server.next_event(&mut inbound, &mut out) else { panic!() };
    assert_eq!(server.next_event(&mut inbound, &mut out), Ok(None), "not before the answer");
    server.send_head(stream, &super::head(101, "Upgrade: foo"), Tunnel, &mut out).unwrap();
    let event = server.next_event(&mut inbound, &mut out);
    let bytes = super::Bytes::from_static(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(event, Ok(Some(Event::Data { stream: StreamId(0), bytes })));
}
