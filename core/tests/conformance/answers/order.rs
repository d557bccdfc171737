//! Pipelining: answers leave in the order of their requests, each framed for its own.

use super::Step::{Data, Feed, Head, Is, Last, Wire};
use super::{Row, check};
use anyloop_core::codec::BodyKind::{Empty, Sized, Streamed};
use anyloop_core::codec::{CloseReason, Phase};
use anyloop_core::limits::Limits;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const STAYS: super::Step = Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
const OK: super::Step = Head(200, "", Empty);

pub(super) const ROWS: &[Row] = &[
    (
        "a body goes to GET and none to HEAD",
        "HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n",
        "RFC 9110 §9.3.2",
        &[
            Head(200, "", Sized(1)),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"),
            Head(200, "", Sized(1)),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"),
            Head(200, "", Streamed),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            Is(Phase::Idle),
        ],
    ),
    (
        "chunks go to 1.1 and none to 1.0",
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
        "§6.1",
        &[
            Head(200, "", Streamed),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            Head(200, "", Streamed),
            Last("b"),
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nb"),
            Is(Phase::Closed(CloseReason::Delimiter)),
        ],
    ),
    (
        "a request comes in while an answer goes out",
        GET,
        "§9.3.2",
        &[
            Head(200, "", Sized(2)),
            Data("a"),
            Feed(GET),
            Last("b"),
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"),
            Is(Phase::Busy),
            OK,
            STAYS,
            Is(Phase::Idle),
        ],
    ),
    (
        "a close of the second is announced by the second",
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "§9.6",
        &[
            OK,
            STAYS,
            OK,
            Wire("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
            Is(Phase::Closed(CloseReason::PeerAsked)),
        ],
    ),
    (
        "a body that ends with the connection is the last answer",
        "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "§6.3 step 8",
        &[
            Head(200, "", Streamed),
            Last("a"),
            Wire("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\na"),
            Is(Phase::Closed(CloseReason::Delimiter)),
        ],
    ),
];

#[test]
fn pipelined_answers() {
    check(ROWS, &Limits::default());
}

#[test]
fn no_more_requests_are_read_than_may_wait() {
    let mut limits = Limits::default();
    for (max, sent, left) in [(2, 1, 0), (2, 2, 0), (2, 3, 1), (1, 3, 2), (3, 3, 0)] {
        limits.max_pipelined = max;
        let mut play = super::Play {
            server: super::Server::new(super::Arc::new(limits.clone())),
            inbound: super::BytesMut::from(GET.repeat(sent).as_str()),
            out: super::Outbound::default(),
            owed: Vec::new(),
            error: None,
        };
        play.take_in();
        assert_eq!(
            (play.owed.len(), play.inbound.len()),
            (sent - left, left * GET.len()),
            "{sent} with {max}"
        );
        for answered in 0..sent {
            assert!(play.owed.len() <= max && !play.owed.is_empty(), "{answered} of {sent} with {max}");
            let stream = play.front();
            play.step("pipelined", &OK, stream);
            assert_eq!(play.wire(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
        assert_eq!((play.inbound.len(), super::Codec::phase(&play.server)), (0, Phase::Idle));
    }
}

#[test]
fn no_more_bytes_of_heads_are_read_ahead_than_the_longest_has() {
    for (max_head, ahead) in
        [(9, 1), (GET.len() - 2, 1), (GET.len(), 2), (2 * GET.len() - 1, 2), (2 * GET.len(), 3)]
    {
        let mut limits = Limits::default();
        (limits.max_target, limits.max_head) = (1, max_head);
        let mut server = super::Server::new(super::Arc::new(limits));
        let mut inbound = super::BytesMut::from(GET.repeat(5).as_str());
        let mut out = super::Outbound::default();
        let mut taken = 0;
        while super::Codec::next_event(&mut server, &mut inbound, &mut out).unwrap().is_some() {
            taken += 1;
        }
        assert_eq!(taken, ahead, "{max_head}");
    }
}

#[test]
fn limits_of_nothing_refuse_and_do_not_wait() {
    let mut limits = Limits::default();
    (limits.max_target, limits.max_head) = (0, 0);
    let mut server = super::Server::new(super::Arc::new(limits));
    let mut inbound = super::BytesMut::from(GET);
    let refused = super::Codec::next_event(&mut server, &mut inbound, &mut super::Outbound::default());
    assert_eq!(refused, Err(anyloop_core::error::Error::TargetTooLong { limit: 0 }));
}
