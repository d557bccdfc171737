use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use proptest::collection::vec as list;
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::head::{
    HeaderName, HeaderValue, Headers, Known, KnownSet, Method, RequestHead, RequestParts, ResponseHead,
    Status, Target, Version,
};
use crate::limits::Limits;
use crate::link::Outbound;
use crate::parse::{Chunk, ChunkDecoder, RequestParser, ResponseParser};

fn written(write: impl FnOnce(&mut Outbound)) -> BytesMut {
    let mut out = Outbound::default();
    write(&mut out);
    out.slices().flatten().copied().collect::<Vec<_>>().as_slice().into()
}

#[test]
fn lines_as_they_stand_on_the_wire() {
    let line = |version, status| written(|out| status_line(out, version, status));
    assert_eq!(line(Version::Http11, Status::OK), "HTTP/1.1 200 OK\r\n");
    assert_eq!(line(Version::Http10, Status::OK), "HTTP/1.0 200 OK\r\n");
    assert_eq!(line(Version::Http11, Status::NOT_FOUND), "HTTP/1.1 404 Not Found\r\n");
    assert_eq!(line(Version::Http11, Status::new(799).unwrap()), "HTTP/1.1 799 \r\n");
    let target = Target::try_from("/a?b").unwrap();
    let line = written(|out| request_line(out, Method::POST, &target, Version::Http10).unwrap());
    assert_eq!(line, "POST /a?b HTTP/1.0\r\n");
    let fields = written(|out| {
        field(out, &HeaderName::from_static("X-A"), &HeaderValue::from_static("b"));
        field(out, &Known::Te.into(), &HeaderValue::from_static(""));
        number(out, Known::ContentLength, u64::MAX);
        end_of_head(out);
    });
    assert_eq!(fields, "X-A: b\r\nte: \r\ncontent-length: 18446744073709551615\r\n\r\n");
}

#[test]
fn a_target_that_does_not_suit_the_method_is_not_written() {
    for (method, target) in [(Method::GET, "*"), (Method::CONNECT, "/"), (Method::GET, "a:1")] {
        let head = RequestHead::new(method, Target::try_from(target).unwrap());
        let mut out = Outbound::default();
        assert_eq!(request(&mut out, &head), Err(Error::TargetForm));
        assert!(out.is_empty());
    }
}

#[test]
fn known_fields_can_be_skipped() {
    let mut headers = Headers::new();
    headers.append("connection", "close").unwrap().append("x", "y").unwrap().append("te", "z").unwrap();
    let text = written(|out| fields(out, &headers, KnownSet::NONE.with(Known::Connection)));
    assert_eq!(text, "x: y\r\nte: z\r\n");
}

#[test]
fn chunks_as_they_stand_on_the_wire() {
    assert_eq!(written(|out| chunk(out, Bytes::new())), "");
    assert_eq!(written(|out| chunk(out, "hello".into())), "5\r\nhello\r\n");
    assert_eq!(written(|out| last_chunk(out, None)), "0\r\n\r\n");
    for (len, line) in [(16, "10\r\n"), (255, "ff\r\n"), (4096, "1000\r\n"), (70_000, "11170\r\n")] {
        let text = written(|out| chunk(out, vec![b'x'; len].into()));
        assert!(text.starts_with(line.as_bytes()) && text.len() == line.len() + len + 2);
    }
}

#[test]
fn large_chunks_travel_by_reference() {
    let data = Bytes::from(vec![b'x'; 8192]);
    let mut out = Outbound::default();
    chunk(&mut out, data.clone());
    assert!(out.slices().any(|slice| slice.as_ptr() == data.as_ptr()));
}

#[test]
fn forbidden_trailers_are_left_out() {
    let mut trailers = Headers::new();
    for name in ["Content-Length", "x-sum", "content-foo", "Host", "content-digest", "etag", "warning"] {
        trailers.append(name, "1").unwrap();
    }
    let text = written(|out| last_chunk(out, Some(&trailers)));
    assert_eq!(text, "0\r\nx-sum: 1\r\ncontent-digest: 1\r\netag: 1\r\n\r\n");
}

fn headers() -> impl Strategy<Value = Headers> {
    let name = prop_oneof!["[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", "[Hh]ost|[Cc]ontent-[Ll]ength|TE|etag|accept"];
    let value = list(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..40);
    list((name, value), 0..20).prop_map(|fields| {
        let field = |(name, value): (String, Vec<u8>)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
        };
        fields.into_iter().map(field).collect()
    })
}

fn method_and_target() -> impl Strategy<Value = (Method, Target)> {
    let method = prop_oneof!["GET|POST|HEAD|PUT|DELETE|OPTIONS|TRACE|PATCH", "[A-Z!#a-z]{1,32}"]
        .prop_filter("CONNECT has its own targets", |method| method != "CONNECT");
    let target = "(https?://[a-z]{1,9}(:[0-9]{1,4})?)?/[!$%&'()*+,./0-9:;=?@A-Z_a-z~\\[\\]-]{0,60}";
    prop_oneof![
        8 => (method, target),
        1 => (Just("OPTIONS".into()), "\\*"),
        1 => (Just("CONNECT".into()), "[a-z.]{1,20}:[1-9][0-9]{0,3}"),
    ]
    .prop_map(|(method, target): (String, String)| {
        (Method::try_from(method.as_str()).unwrap(), Target::try_from(target).unwrap())
    })
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::Http10), Just(Version::Http11)]
}

/// Cuts a text into pieces of these lengths, round and round.
fn pieces<'a>(mut text: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lengths.iter().cycle().map_while(move |&length| {
        let (piece, rest) = text.split_at(length.min(text.len()));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

proptest! {
    #[test]
    fn requests_are_read_back(
        (method, target) in method_and_target(), version in version(), headers in headers(),
        lengths in list(1..40_usize, 1..8),
    ) {
        let head = RequestHead::from(RequestParts { method, target, version, headers });
        let text = written(|out| request(out, &head).unwrap());
        let (mut parser, mut inbound, mut read) = (RequestParser::new(), BytesMut::new(), None);
        for piece in pieces(&text, &lengths) {
            prop_assert!(read.is_none());
            inbound.extend_from_slice(piece);
            read = parser.parse(&mut inbound, &Limits::default()).unwrap();
        }
        prop_assert_eq!(read, Some(head));
        prop_assert!(inbound.is_empty());
        prop_assert_eq!(parser.scanned(), text.len() as u64);
    }

    #[test]
    fn responses_are_read_back(code in 100..=999_u16, version in version(), headers in headers()) {
        let status = Status::new(code).unwrap();
        let reason = Some(Bytes::from(status.reason())).filter(|reason| !reason.is_empty());
        let head = ResponseHead { status, version, reason, headers };
        let mut text = written(|out| response(out, &head));
        let read = ResponseParser::new().parse(&mut text, &Limits::default()).unwrap();
        prop_assert_eq!(read, Some(head));
        prop_assert!(text.is_empty());
    }

    #[test]
    fn chunked_bodies_are_read_back(
        body in list(list(any::<u8>(), 0..300), 0..8), trailers in headers(),
        lengths in list(1..60_usize, 1..8), credit in 1..50_usize,
    ) {
        let text = written(|out| {
            body.iter().for_each(|data| chunk(out, data.clone().into()));
            last_chunk(out, Some(&trailers));
        });
        let (mut decoder, mut inbound, mut data, mut end) = (ChunkDecoder::new(), BytesMut::new(), Vec::new(), None);
        for piece in pieces(&text, &lengths) {
            inbound.extend_from_slice(piece);
            while let Some(chunk) = decoder.decode(&mut inbound, credit, &Limits::default()).unwrap() {
                match chunk {
                    Chunk::Data(bytes) => {
                        prop_assert!((1..=credit).contains(&bytes.len()));
                        data.extend_from_slice(&bytes);
                    }
                    Chunk::End(trailers) => end = Some(trailers),
                }
            }
        }
        prop_assert_eq!(data, body.concat());
        let kept: Headers = trailers
            .iter()
            .filter(|(name, _)| crate::parse::is_trailer(name.as_bytes()))
            .map(|(name, value)| {
                (HeaderName::copy_from(name.as_bytes()).unwrap(), HeaderValue::copy_from(value).unwrap())
            })
            .collect();
        prop_assert_eq!(end, Some((!kept.is_empty()).then_some(kept)));
        prop_assert!(inbound.is_empty() && decoder.is_done());
    }
}
