//! The laws of the codec: credit (C1), what nobody wants (C2), and the same events however the input is cut (L7).

use anyloop_core::codec::{BodyKind, Codec, Event, INITIAL_CREDIT, Last, Reason, StreamId};
use anyloop_core::h1::Server;
use anyloop_core::head::{ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use bytes::BytesMut;
use proptest::collection::vec as list;
use proptest::prelude::*;
use std::sync::Arc;

struct Peer {
    server: Server,
    inbound: BytesMut,
    out: Outbound,
}

impl Peer {
    fn new(limits: Limits, input: &[u8]) -> Self {
        Self {
            server: Server::new(Arc::new(limits)),
            inbound: BytesMut::from(input),
            out: Outbound::default(),
        }
    }

    /// Takes events until there are none; returns how many body bytes came.
    fn take(&mut self) -> usize {
        let mut taken = 0;
        while let Some(event) = self.server.next_event(&mut self.inbound, &mut self.out).unwrap() {
            if let Event::Data { bytes, .. } = event {
                taken += bytes.len();
            }
        }
        taken
    }
}

fn sized(len: usize) -> Vec<u8> {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
    [head.as_bytes(), &vec![b'x'; len]].concat()
}

fn chunked(len: usize, size: usize) -> Vec<u8> {
    let mut text = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in vec![b'x'; len].chunks(size) {
        text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        text.extend_from_slice(chunk);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    text
}

#[test]
fn c1_no_more_body_comes_than_was_granted() {
    let len = INITIAL_CREDIT + 5_000;
    for input in [sized(len), chunked(len, 999), chunked(len, len), chunked(len, 1)] {
        let mut peer = Peer::new(Limits::default(), &input);
        assert_eq!(peer.take(), INITIAL_CREDIT);
        let left = peer.inbound.len();
        assert!(left >= 5_000, "the rest stays where it is");
        assert_eq!((peer.take(), peer.inbound.len()), (0, left), "nothing moves without credit");
        peer.server.grant(StreamId(0), 0, &mut peer.out);
        assert_eq!(peer.take(), 0);
        peer.server.grant(StreamId(7), 100, &mut peer.out);
        assert_eq!(peer.take(), 0, "credit of another stream");
        for grant in [1, 999, 1_000] {
            peer.server.grant(StreamId(0), grant, &mut peer.out);
            assert_eq!(peer.take(), grant);
        }
        peer.server.grant(StreamId(0), usize::MAX, &mut peer.out);
        assert_eq!((peer.take(), peer.inbound.len()), (3_000, 0));
    }
}

#[test]
fn c1_the_end_needs_no_credit() {
    for input in [sized(INITIAL_CREDIT), chunked(INITIAL_CREDIT, 1_000)] {
        let mut peer = Peer::new(Limits::default(), &input);
        assert_eq!((peer.take(), peer.inbound.len()), (INITIAL_CREDIT, 0));
        let sent = peer.server.send_head(
            StreamId(0),
            &ResponseHead::new(Status::OK),
            BodyKind::Empty,
            &mut peer.out,
        );
        assert_eq!(sent, Ok(Last::Yes));
        assert!(peer.server.is_between_requests());
    }
}

#[test]
fn c2_what_nobody_wants_needs_no_credit() {
    let mut limits = Limits::default();
    limits.drain_unread = 1 << 20;
    let len = INITIAL_CREDIT * 3;
    for input in [sized(len), chunked(len, 999)] {
        let next = [&input[..], b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let mut peer = Peer::new(limits.clone(), &next);
        assert_eq!(peer.take(), INITIAL_CREDIT);
        peer.server.discard(StreamId(0), &mut peer.out);
        let event = peer.server.next_event(&mut peer.inbound, &mut peer.out);
        let Ok(Some(Event::Head { stream, head, .. })) = event else { panic!("{event:?}") };
        assert_eq!(
            (stream, head.target.path()),
            (StreamId(1), "/next"),
            "neither data nor an end of what was dropped"
        );
        assert!(peer.inbound.is_empty());
    }
}

#[test]
fn c2_a_stream_that_was_reset_yields_nothing_more() {
    let mut peer = Peer::new(Limits::default(), &sized(INITIAL_CREDIT * 2));
    assert_eq!(peer.take(), INITIAL_CREDIT);
    peer.server.reset(StreamId(0), Reason::Cancelled, &mut peer.out);
    peer.server.grant(StreamId(0), usize::MAX, &mut peer.out);
    assert_eq!(peer.take(), 0);
}

#[test]
fn the_longest_parts_fit_into_the_room_that_is_asked_for() {
    let mut limits = Limits::default();
    limits.max_target = 30_000;
    limits.max_head = 40_000;
    limits.max_trailers = 50_000;
    let method = "M".repeat(32);
    let (target, value) = ("a".repeat(29_999), "v".repeat(40_000 - 9 - 28 - 5));
    let trailer = "t".repeat(50_000 - 5);
    let input = format!(
        "\r\n{method} /{target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: {value}\r\n\r\n0\r\nX: {trailer}\r\n\r\n"
    );
    let mut peer = Peer::new(limits, b"");
    let mut rest = input.as_bytes();
    let mut whole = false;
    while !whole {
        let room = peer.server.input_room().saturating_sub(peer.inbound.len());
        assert!(room > 0 && !rest.is_empty(), "stuck with {} bytes", peer.inbound.len());
        let (piece, after) = rest.split_at(room.min(rest.len()));
        peer.inbound.extend_from_slice(piece);
        rest = after;
        while let Some(event) = peer.server.next_event(&mut peer.inbound, &mut peer.out).unwrap() {
            whole = matches!(event, Event::End { trailers: Some(_), .. });
        }
    }
    assert!(rest.is_empty() && peer.inbound.is_empty());
}

/// What comes of an input in pieces of these lengths, round and round; data joined.
fn events(input: &[u8], lengths: &[usize], credit: usize) -> Vec<String> {
    let (mut peer, mut shown, mut data) = (Peer::new(Limits::default(), b""), Vec::new(), Vec::new());
    let (mut rest, mut lengths) = (input, lengths.iter().cycle());
    loop {
        loop {
            let event = match peer.server.next_event(&mut peer.inbound, &mut peer.out) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    shown.push(format!("{data:?} {error:?}"));
                    return shown;
                }
            };
            if let Event::Data { stream, bytes } = event {
                data.extend_from_slice(&bytes);
                peer.server.grant(stream, bytes.len().min(credit), &mut peer.out);
            } else {
                shown.push(format!("{:?} {event:?}", core::mem::take(&mut data)));
            }
        }
        if rest.is_empty() {
            shown.push(format!("{data:?}"));
            return shown;
        }
        let (piece, after) = rest.split_at(lengths.next().map_or(rest.len(), |len| rest.len().min(*len)));
        peer.inbound.extend_from_slice(piece);
        rest = after;
    }
}

const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "3\r\nabc\r\n",
    "1;a=b\r\nx\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "\r\n",
    "\r",
    "\n",
    "GET ",
    "Host: a\r\n",
    " ",
    "0",
    ":",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn l7_events_are_the_same_however_the_input_is_cut(
        pieces in list(prop::sample::select(PIECES), 0..10), lengths in list(1..20_usize, 1..6),
    ) {
        let input = pieces.concat();
        let whole = events(input.as_bytes(), &[usize::MAX], usize::MAX);
        prop_assert_eq!(&events(input.as_bytes(), &lengths, usize::MAX), &whole);
        prop_assert_eq!(&events(input.as_bytes(), &[1], usize::MAX), &whole);
    }
}
