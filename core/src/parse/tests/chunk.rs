use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::BytesMut;
use proptest::prelude::*;

use super::{Machine, assert_names_differ, every_split};
use crate::error::Error;
use crate::head::Headers;
use crate::limits::Limits;
use crate::parse::{Chunk, ChunkDecoder};

struct Body {
    decoder: ChunkDecoder,
    credit: usize,
    limits: Limits,
    data: Vec<u8>,
    trailers: Option<Headers>,
}

impl Body {
    fn new(credit: usize, limits: &Limits) -> Self {
        Self {
            decoder: ChunkDecoder::new(),
            credit,
            limits: limits.clone(),
            data: Vec::new(),
            trailers: None,
        }
    }
}

impl Machine for Body {
    type Output = (Vec<u8>, Option<Headers>);

    fn feed(&mut self, inbound: &mut BytesMut) -> Result<bool, Error> {
        while let Some(chunk) = self.decoder.decode(inbound, self.credit, &self.limits)? {
            match chunk {
                Chunk::Data(bytes) => {
                    assert!((1..=self.credit).contains(&bytes.len()));
                    self.data.extend_from_slice(&bytes);
                }
                Chunk::End(trailers) => {
                    assert!(self.decoder.is_done());
                    self.trailers = trailers;
                    assert_eq!(self.decoder.decode(inbound, self.credit, &self.limits), Ok(None));
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn output(self) -> Self::Output {
        (self.data, self.trailers)
    }
}

/// What a row expects: data and trailers, or a fault, or that more must come.
#[derive(Clone, Copy)]
enum Want {
    Body(&'static str),
    Fault(Error),
    More,
}
use Want::{Body as Whole, Fault, More};

fn show((data, trailers): &(Vec<u8>, Option<Headers>)) -> String {
    let mut text = format!("{}", data.escape_ascii());
    for (name, value) in trailers.iter().flatten() {
        text.push_str(&format!("|{name}={}", value.escape_ascii()));
    }
    text
}

fn check(rows: &[(&str, &[u8], Want)], limits: &Limits) {
    assert_names_differ(rows.iter().map(|row| row.0));
    for (name, bytes, want) in rows {
        for credit in [1, 3, usize::MAX] {
            match (want, every_split(name, || Body::new(credit, limits), bytes)) {
                (Whole(text), Ok(Some((body, left)))) => {
                    assert_eq!((show(&body).as_str(), &left[..]), (*text, &b""[..]), "{name}");
                }
                (Fault(error), Err(found)) => assert_eq!(found, *error, "{name}"),
                (More, Ok(None)) => {}
                (_, outcome) => panic!("{name}: {outcome:?}"),
            }
        }
    }
}

const SIZES: &[(&str, &[u8], Want)] = &[
    ("empty body", b"0\r\n\r\n", Whole("")),
    ("one chunk", b"5\r\nhello\r\n0\r\n\r\n", Whole("hello")),
    ("two chunks", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Whole("abcde")),
    ("lower-case digits", b"a\r\n0123456789\r\n0\r\n\r\n", Whole("0123456789")),
    ("upper-case digits", b"A\r\n0123456789\r\n0\r\n\r\n", Whole("0123456789")),
    ("two digits", b"1b\r\nabcdefghijklmnopqrstuvwxyz.\r\n0\r\n\r\n", Whole("abcdefghijklmnopqrstuvwxyz.")),
    ("leading zeros", b"0003\r\nabc\r\n0000\r\n\r\n", Whole("abc")),
    ("sixteen digits", b"0000000000000003\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("sixteen zeros", b"0000000000000000\r\n\r\n", Whole("")),
    ("data with line ends", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", Whole("\\r\\n\\r\\n")),
    ("data like a last chunk", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", Whole("0\\r\\n\\r\\n")),
    ("binary data", b"3\r\n\0\xff\n\r\n0\r\n\r\n", Whole("\\x00\\xff\\n")),
    ("seventeen digits", b"00000000000000003\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("overflow", b"10000000000000000\r\n", Fault(Error::ChunkSize)),
    ("largest size", b"ffffffffffffffff\r\nabc", Fault(Error::BodyTooLarge { limit: 16 << 30 })),
    ("size at the limit", b"400000000\r\nabc", More),
    ("size above the limit", b"400000001\r\nabc", Fault(Error::BodyTooLarge { limit: 16 << 30 })),
    ("zeros for framing", b"5\r\nhello\r\n5\r\nhello\0\0\0\0\0hello", Fault(Error::ChunkEnd)),
    ("plus", b"+3\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("minus", b"-3\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("0x", b"0x3\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("underscore", b"1_0\r\n", Fault(Error::ChunkSize)),
    ("not hex", b"g\r\n", Fault(Error::ChunkSize)),
    ("no size", b"\r\n", Fault(Error::ChunkSize)),
    ("no size but an extension", b";a\r\n", Fault(Error::ChunkSize)),
    ("space before", b" 3\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("tab before", b"\t3\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("space behind", b"3 \r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("tab behind", b"3\t\r\nabc\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("space within", b"1 0\r\n", Fault(Error::ChunkSize)),
    ("comma", b"3,3\r\n", Fault(Error::ChunkSize)),
    ("quote", b"\"3\"\r\n", Fault(Error::ChunkSize)),
    ("nul", b"3\0\r\n", Fault(Error::ChunkSize)),
    ("full-width digit", b"\xef\xbc\x93\r\n", Fault(Error::ChunkSize)),
    ("lf ends the size", b"3\nabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("cr ends the size", b"3\rabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("two crs end the size", b"3\r\r\nabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("lf ends the last size", b"0\n\r\n", Fault(Error::LineEnd)),
    ("lf first", b"\n3\r\n", Fault(Error::LineEnd)),
    ("no end of data", b"3\r\nabc0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("more data than said", b"3\r\nabcd\r\n0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("less data than said", b"3\r\nab\r\n0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("lf ends the data", b"3\r\nabc\n0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("cr ends the data", b"3\r\nabc\r0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("space behind the data", b"3\r\nabc \r\n0\r\n\r\n", Fault(Error::ChunkEnd)),
    ("empty line behind a chunk", b"3\r\nabc\r\n\r\n0\r\n\r\n", Fault(Error::ChunkSize)),
    ("nothing", b"", More),
    ("half a size", b"1", More),
    ("half a line", b"3\r", More),
    ("a size", b"3\r\n", More),
    ("half the data", b"3\r\nab", More),
    ("the data", b"3\r\nabc", More),
    ("half an end", b"3\r\nabc\r", More),
    ("a chunk", b"3\r\nabc\r\n", More),
    ("last chunk", b"0\r\n", More),
    ("half the last line", b"0\r\n\r", More),
];

const EXTENSIONS: &[(&str, &[u8], Want)] = &[
    ("name", b"3;a\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("token", b"3;a=b\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("quoted", b"3;a=\"b c;\\\"\\\\\t\xff\"\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("empty quoted", b"3;a=\"\"\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("several", b"3;a;b=c;d=\"e\";f\r\nabc\r\n0;g=h\r\n\r\n", Whole("abc")),
    ("blanks where they may be", b"3 \t; a\t=\t b ;\tc = \"d\"\t;e\r\nabc\r\n0\r\n\r\n", Whole("abc")),
    ("no name", b"3;\r\nabc", Fault(Error::ChunkExtension)),
    ("no name but a blank", b"3; \r\nabc", Fault(Error::ChunkExtension)),
    ("no name but a value", b"3;=b\r\nabc", Fault(Error::ChunkExtension)),
    ("two semicolons", b"3;;a\r\nabc", Fault(Error::ChunkExtension)),
    ("semicolon last", b"3;a;\r\nabc", Fault(Error::ChunkExtension)),
    ("no value", b"3;a=\r\nabc", Fault(Error::ChunkExtension)),
    ("no value but a blank", b"3;a= \r\nabc", Fault(Error::ChunkExtension)),
    ("no value but another", b"3;a=;b\r\nabc", Fault(Error::ChunkExtension)),
    ("two equals signs", b"3;a==b\r\nabc", Fault(Error::ChunkExtension)),
    ("two values", b"3;a=b c\r\nabc", Fault(Error::ChunkExtension)),
    ("two names", b"3;a b\r\nabc", Fault(Error::ChunkExtension)),
    ("blank behind a name", b"3;a \r\nabc", Fault(Error::ChunkExtension)),
    ("blank behind a token", b"3;a=b \r\nabc", Fault(Error::ChunkExtension)),
    ("blank behind a quoted string", b"3;a=\"b\" \r\nabc", Fault(Error::ChunkExtension)),
    ("text behind a quoted string", b"3;a=\"b\"c\r\nabc", Fault(Error::ChunkExtension)),
    ("open quoted string", b"3;a=\"b\r\nabc", Fault(Error::ChunkExtension)),
    ("escaped end", b"3;a=\"b\\\"\r\nabc", Fault(Error::ChunkExtension)),
    ("escaped cr", b"3;a=\"\\\r\nabc", Fault(Error::ChunkExtension)),
    ("quote in a token", b"3;a=b\"c\"\r\nabc", Fault(Error::ChunkExtension)),
    ("nul in a name", b"3;a\0\r\nabc", Fault(Error::ChunkExtension)),
    ("nul in a quoted string", b"3;a=\"\0\"\r\nabc", Fault(Error::ChunkExtension)),
    ("del in a quoted string", b"3;a=\"\x7f\"\r\nabc", Fault(Error::ChunkExtension)),
    ("obs-text in a name", b"3;\xe9\r\nabc", Fault(Error::ChunkExtension)),
    ("slash in a token", b"3;a=b/c\r\nabc", Fault(Error::ChunkExtension)),
    ("lf in a name", b"3;a\nabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in a token", b"3;a=b\nabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in a quoted string", b"3;a=\"\n\"\r\nabc", Fault(Error::LineEnd)),
    ("lf behind the semicolon", b"3;\n\r\nabc", Fault(Error::LineEnd)),
    ("cr in a name", b"3;a\rb\r\nabc", Fault(Error::LineEnd)),
    ("smuggled chunk", b"3;\nxx\r\nabc\r\n0\r\n\r\n", Fault(Error::LineEnd)),
    ("half an extension", b"3;a=\"", More),
];

const TRAILERS: &[(&str, &[u8], Want)] = &[
    ("one", b"0\r\nx-sum: 1\r\n\r\n", Whole("|x-sum=1")),
    ("several", b"1\r\na\r\n0\r\nX: 1\r\netag: \"b\"\r\nX:\r\n\r\n", Whole("a|X=1|etag=\\\"b\\\"|X=")),
    ("behind an extension", b"0;a=b\r\nx: y\r\n\r\n", Whole("|x=y")),
    ("content-digest", b"0\r\nContent-Digest: a\r\n\r\n", Whole("|Content-Digest=a")),
    ("content", b"0\r\ncontent: a\r\n\r\n", Whole("|content=a")),
    ("content-length", b"0\r\ncontent-length: 1\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("transfer-encoding", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("host", b"0\r\nHOST: a\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("connection", b"0\r\nconnection: close\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("trailer", b"0\r\ntrailer: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("te", b"0\r\nte: trailers\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("upgrade", b"0\r\nupgrade: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("authorization", b"0\r\nauthorization: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("cookie", b"0\r\ncookie: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("set-cookie", b"0\r\nset-cookie: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("cache-control", b"0\r\ncache-control: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("expect", b"0\r\nexpect: 100-continue\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("range", b"0\r\nrange: bytes=0-\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("max-forwards", b"0\r\nmax-forwards: 1\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("content-type", b"0\r\ncontent-type: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("unknown content field", b"0\r\nCONTENT-foo: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("x-forwarded-for", b"0\r\nx-forwarded-for: x\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("forbidden second", b"0\r\na: b\r\nhost: c\r\n\r\n", Fault(Error::TrailerForbidden)),
    ("forbidden, seen at the colon", b"0\r\nhost:", Fault(Error::TrailerForbidden)),
    ("space before the colon of a forbidden one", b"0\r\nhost : c\r\n\r\n", Fault(Error::SpaceBeforeColon)),
    ("leading space", b"0\r\n a: b\r\n\r\n", Fault(Error::LeadingSpace)),
    ("obs-fold", b"0\r\na: b\r\n c\r\n\r\n", Fault(Error::ObsFold)),
    ("no colon", b"0\r\na\r\n\r\n", Fault(Error::FieldName)),
    ("nul", b"0\r\na: \0\r\n\r\n", Fault(Error::FieldValue)),
    ("lf ends a line", b"0\r\na: b\n\r\n", Fault(Error::LineEnd)),
    ("lf ends the section", b"0\r\n\n", Fault(Error::LineEnd)),
    ("lf ends the section behind a field", b"0\r\na: b\r\n\n", Fault(Error::LineEnd)),
    ("cr without lf", b"0\r\n\rx", Fault(Error::LineEnd)),
    ("half a trailer", b"0\r\nx-s", More),
    ("a trailer line", b"0\r\nx-sum: 1\r\n", More),
];

const AT_LIMITS: &[(&str, &[u8], Want)] = &[
    ("extension of 3", b"1;ab\r\na\r\n0\r\n\r\n", Whole("a")),
    ("extension of 4", b"1;abc\r\na\r\n0\r\n\r\n", Whole("a")),
    ("extension of 5", b"1;abcd\r\na\r\n0\r\n\r\n", Fault(Error::ChunkExtensionTooLong { limit: 4 })),
    ("blanks count", b"1    ;a\r\na\r\n0\r\n\r\n", Fault(Error::ChunkExtensionTooLong { limit: 4 })),
    ("extensions of 9", b"1;abc\r\na\r\n1;abc\r\na\r\n0\t\r\n", Fault(Error::ChunkSize)),
    ("extensions of 10", b"1;abc\r\na\r\n1;abc\r\na\r\n0;a\r\n\r\n", Whole("aa")),
    (
        "extensions of 11",
        b"1;abc\r\na\r\n1;abc\r\na\r\n0;ab\r\n\r\n",
        Fault(Error::ChunkExtensionsTooLong { limit: 10 }),
    ),
    ("trailers of 11", b"0\r\nabc: 345\r\n\r\n", Whole("|abc=345")),
    ("trailers of 12", b"0\r\na: 23\r\nb:\r\n\r\n", Whole("|a=23|b=")),
    ("trailers of 13", b"0\r\na: 234567890\r\n\r\n", Fault(Error::TrailersTooLarge { limit: 12 })),
    ("trailer without end", b"0\r\na: 2345678901234", Fault(Error::TrailersTooLarge { limit: 12 })),
    ("two trailers", b"0\r\na:\r\nb:\r\n\r\n", Whole("|a=|b=")),
    ("three trailers", b"0\r\na:\r\nb:\r\nc:\r\n\r\n", Fault(Error::TooManyTrailers { limit: 2 })),
];

#[test]
fn sizes_and_ends() {
    check(SIZES, &Limits::default());
}

#[test]
fn extensions() {
    check(EXTENSIONS, &Limits::default());
}

#[test]
fn trailers() {
    check(TRAILERS, &Limits::default());
}

#[test]
fn limits_are_passed_by_the_byte_behind_them() {
    let limits = Limits {
        max_chunk_ext: 4,
        max_chunk_ext_total: 10,
        max_trailers: 12,
        max_trailer_fields: 2,
        ..Limits::default()
    };
    check(AT_LIMITS, &limits);
    assert!(SIZES.len() + EXTENSIONS.len() + TRAILERS.len() + AT_LIMITS.len() >= 60);
}

#[test]
fn without_credit_data_stays_where_it_is() {
    let (mut decoder, limits) = (ChunkDecoder::new(), Limits::default());
    let mut inbound = BytesMut::from(&b"3\r\nabc\r\n0\r\n\r\n"[..]);
    assert_eq!(decoder.decode(&mut inbound, 0, &limits), Ok(None));
    assert_eq!(decoder.decode(&mut inbound, 0, &limits), Ok(None));
    assert_eq!(inbound, "abc\r\n0\r\n\r\n");
    assert_eq!(decoder.decode(&mut inbound, 3, &limits), Ok(Some(Chunk::Data("abc".into()))));
    assert_eq!(decoder.decode(&mut inbound, 0, &limits), Ok(Some(Chunk::End(None))));
}

#[test]
fn data_is_cut_from_the_input() {
    let mut inbound = BytesMut::from(&b"3\r\nabc\r\n"[..]);
    let place = inbound[3..].as_ptr();
    match ChunkDecoder::new().decode(&mut inbound, 9, &Limits::default()) {
        Ok(Some(Chunk::Data(data))) => assert_eq!(data.as_ptr(), place),
        other => panic!("{other:?}"),
    }
}

#[test]
fn work_is_linear_however_the_body_arrives() {
    let trailers = "name: value\r\n".repeat(30);
    let text = format!("{}0;{}\r\n{trailers}\r\n", "1;abc=\"d\"\r\nx\r\n".repeat(500), "n".repeat(1000));
    for size in [1, 17, text.len()] {
        let mut body = Body::new(usize::MAX, &Limits::default());
        let mut inbound = BytesMut::new();
        for piece in text.as_bytes().chunks(size) {
            inbound.extend_from_slice(piece);
            body.feed(&mut inbound).unwrap();
        }
        assert!(body.decoder.is_done());
        assert_eq!((body.data.len(), body.decoder.scanned()), (500, text.len() as u64 - 500));
    }
}

const PIECES: &[&[u8]] = &[
    b"0\r\n",
    b"3\r\nabc\r\n",
    b"2;a=b\r\nxy\r\n",
    b"1",
    b"\r\n",
    b"\r",
    b"\n",
    b"a: b\r\n",
    b"host: c\r\n",
    b";",
    b"\"",
    b"=",
    b" ",
    b"f",
    b"0",
    b"\0",
    b"abc",
];

/// Pieces of chunked bodies, put together in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_input_is_the_same_however_it_is_cut(bytes in soup(), credit in 1..5_usize) {
        let limits = Limits { max_trailers: 12, max_chunk_ext_total: 9, max_trailer_fields: 2, ..Limits::default() };
        let _ = every_split("soup", || Body::new(credit, &limits), &bytes);
    }
}
