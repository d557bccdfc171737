//! What the server writes, the parsers of the client's side read back: whatever a handler gives, the response is one message
//! that ends where it says, with the body that was sent.

use anyloop_core::codec::{BodyKind, CloseReason, Codec, Event, Last, Phase, StreamId};
use anyloop_core::framing::{Framing, Role, decide};
use anyloop_core::h1::Server;
use anyloop_core::head::{HeaderName, HeaderValue, Headers, Known, Method, ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::{Chunk, ChunkDecoder, ResponseParser};
use bytes::{Bytes, BytesMut};
use proptest::collection::vec as list;
use proptest::prelude::*;

/// The fields that only the codec writes.
const OURS: &[&str] = &["connection", "content-length", "transfer-encoding", "keep-alive", "upgrade"];

fn headers() -> impl Strategy<Value = Headers> {
    let name = prop_oneof![
        6 => "x-[a-z]{1,8}",
        1 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}",
        1 => "content-length|transfer-encoding|keep-alive|upgrade|etag|set-cookie",
    ];
    let value = prop_oneof![
        list(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..40),
        prop::sample::select(vec![b"chunked".to_vec(), b"5".to_vec(), b"close".to_vec(), b"+1".to_vec()]),
    ];
    list((name, value), 0..12).prop_map(|fields| {
        let field = |(name, value): (String, Vec<u8>)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
        };
        fields.into_iter().map(field).collect()
    })
}

/// How a handler gives its body.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Headers,
    body: Vec<Vec<u8>>,
    streamed: bool,
    trailers: Headers,
}

fn answer() -> impl Strategy<Value = Answer> {
    let status =
        prop_oneof![4 => Just(200_u16), 2 => prop::sample::select(vec![204, 205, 304]), 2 => 200..=999_u16];
    let body = list(list(any::<u8>(), 0..200), 0..5);
    (status, headers(), body, any::<bool>(), headers()).prop_map(
        |(status, headers, body, streamed, trailers)| Answer { status, headers, body, streamed, trailers },
    )
}

const REQUESTS: &[(Method, &str)] = &[
    (Method::GET, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (Method::HEAD, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (Method::GET, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    (Method::GET, "GET / HTTP/1.0\r\n\r\n"),
    (Method::GET, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    (Method::HEAD, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
];

/// Answers a request as the handler's side of a connection does.
fn send(server: &mut Server, stream: StreamId, answer: &Answer, out: &mut Outbound) {
    let head = ResponseHead {
        headers: answer.headers.clone(),
        ..ResponseHead::new(Status::new(answer.status).unwrap())
    };
    let len = answer.body.concat().len() as u64;
    let kind = if answer.streamed { BodyKind::Streamed } else { BodyKind::Sized(len) };
    if server.send_head(stream, &head, kind, out).unwrap() == Last::Yes {
        return;
    }
    for piece in &answer.body {
        server.send_data(stream, &mut Bytes::from(piece.clone()), Last::No, out).unwrap();
    }
    server.send_end(stream, Some(&answer.trailers), out).unwrap();
}

/// What a client reads.
struct Received {
    head: ResponseHead,
    framing: Framing,
    body: Vec<u8>,
    trailers: Option<Headers>,
}

/// Reads one response out of the wire; nothing in it may be refused.
fn receive(wire: &mut BytesMut, method: &Method) -> Received {
    let limits = Limits::default();
    let head = ResponseParser::new().parse(wire, &limits).unwrap().unwrap();
    let role = Role::Response { method, status: head.status };
    let framing = decide(role, head.version, &head.headers).unwrap();
    let (mut body, mut trailers) = (Vec::new(), None);
    match framing {
        Framing::Empty => {}
        Framing::Length(length) => body.extend_from_slice(&wire.split_to(usize::try_from(length).unwrap())),
        Framing::UntilClose => body.extend_from_slice(&wire.split()),
        Framing::Tunnel => panic!("no tunnel was sent"),
        Framing::Chunked => {
            let mut decoder = ChunkDecoder::new();
            while !decoder.is_done() {
                match decoder.decode(wire, usize::MAX, &limits).unwrap().unwrap() {
                    Chunk::Data(bytes) => body.extend_from_slice(&bytes),
                    Chunk::End(section) => trailers = section,
                }
            }
        }
    }
    Received { head, framing, body, trailers }
}

/// The fields that are the handler's, in order.
fn own(headers: &Headers) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| !OURS.contains(&name.as_str()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn answers_are_read_back(
        exchanges in list((prop::sample::select(REQUESTS), answer()), 1..4),
    ) {
        let (mut server, mut out) = (Server::default(), Outbound::default());
        let input: String = exchanges.iter().map(|exchange| exchange.0.1).collect();
        let mut inbound = BytesMut::from(input.as_str());
        let mut wire = BytesMut::new();
        for ((method, _), answer) in &exchanges {
            let Some(event) = server.next_event(&mut inbound, &mut out).unwrap() else {
                prop_assert!(matches!(server.phase(), Phase::Closed(_)), "a request is left unread on an open connection");
                break;
            };
            let Event::Head { stream, .. } = event else { panic!("{event:?}") };
            send(&mut server, stream, answer, &mut out);
            out.slices().for_each(|slice| wire.extend_from_slice(slice));
            out.clear();
            let Received { head, framing, body, trailers } = receive(&mut wire, method);
            prop_assert!(wire.is_empty(), "bytes behind the answer: {:?}", wire);
            prop_assert_eq!(head.status.code(), answer.status);
            prop_assert_eq!(own(&head.headers), own(&answer.headers));
            let has_body = *method != Method::HEAD && ![204, 205, 304].contains(&answer.status);
            prop_assert_eq!(body, if has_body { answer.body.concat() } else { Vec::new() });
            if framing == Framing::Chunked {
                let kept = trailers.as_ref().map_or(Vec::new(), own);
                prop_assert!(kept.iter().all(|field| own(&answer.trailers).contains(field)));
                let plain = |fields: Vec<(String, Vec<u8>)>| fields.into_iter().filter(|field| field.0.starts_with("x-")).collect::<Vec<_>>();
                let forbidden = ["x-forwarded-for", "x-forwarded-proto"];
                prop_assert_eq!(
                    plain(kept),
                    plain(own(&answer.trailers)).into_iter().filter(|field| !forbidden.contains(&&*field.0)).collect::<Vec<_>>()
                );
            } else {
                prop_assert_eq!(trailers, None);
            }
            // A client of HTTP/1.1 learns from the head alone whether more may follow.
            let closes = head.headers.has_token(Known::Connection, "close");
            prop_assert_eq!(closes, matches!(server.phase(), Phase::Closed(_)));
            prop_assert_eq!(framing == Framing::UntilClose, server.phase() == Phase::Closed(CloseReason::Delimiter));
        }
    }

    #[test]
    fn interim_heads_are_read_back(headers in headers(), code in prop_oneof![Just(100_u16), 102..=199_u16]) {
        let (mut server, mut out) = (Server::default(), Outbound::default());
        let mut inbound = BytesMut::from(REQUESTS[0].1);
        server.next_event(&mut inbound, &mut out).unwrap();
        let head = ResponseHead { headers, ..ResponseHead::new(Status::new(code).unwrap()) };
        server.send_interim(StreamId(0), &head, &mut out).unwrap();
        let mut wire: BytesMut = out.slices().flatten().copied().collect::<Vec<u8>>().as_slice().into();
        let received = receive(&mut wire, &Method::GET);
        prop_assert!(wire.is_empty());
        prop_assert_eq!((received.head.status.code(), received.framing), (code, Framing::Empty));
        prop_assert_eq!(own(&received.head.headers), own(&head.headers));
    }
}
