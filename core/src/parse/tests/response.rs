use alloc::format;
use alloc::string::String;
use bytes::BytesMut;

use super::{Machine, assert_names_differ, every_split};
use crate::error::Error;
use crate::head::ResponseHead;
use crate::limits::Limits;
use crate::parse::ResponseParser;

struct Responses {
    parser: ResponseParser,
    limits: Limits,
    head: Option<ResponseHead>,
}

impl Machine for Responses {
    type Output = ResponseHead;

    fn feed(&mut self, inbound: &mut BytesMut) -> Result<bool, Error> {
        let outcome = self.parser.parse(inbound, &self.limits);
        let untouched = outcome.is_ok() && inbound.is_empty();
        assert_eq!(self.parser.is_idle(), matches!(outcome, Ok(Some(_))) || untouched);
        self.head = outcome?;
        Ok(self.head.is_some())
    }

    fn output(self) -> ResponseHead {
        self.head.unwrap()
    }
}

#[derive(Clone, Copy)]
enum Want {
    Head(&'static str),
    Fault(Error),
    More,
}
use Want::{Fault, Head, More};

fn show(head: &ResponseHead) -> String {
    let reason = head.reason.as_ref().map_or("-".into(), |reason| format!("{}", reason.escape_ascii()));
    let mut text = format!("{} {} {reason}", head.version, head.status.code());
    for (name, value) in &head.headers {
        text.push_str(&format!("|{name}={}", value.escape_ascii()));
    }
    text
}

const ROWS: &[(&str, &[u8], Want)] = &[
    ("ok", b"HTTP/1.1 200 OK\r\n\r\n", Head("HTTP/1.1 200 OK")),
    ("1.0", b"HTTP/1.0 200 OK\r\n\r\n", Head("HTTP/1.0 200 OK")),
    ("1.2", b"HTTP/1.2 200 OK\r\n\r\n", Head("HTTP/1.1 200 OK")),
    ("spaces in the reason", b"HTTP/1.1 404 Not Found\r\n\r\n", Head("HTTP/1.1 404 Not Found")),
    ("blanks of the reason stay", b"HTTP/1.1 404  a\t \r\n\r\n", Head("HTTP/1.1 404  a\\t ")),
    ("empty reason", b"HTTP/1.1 200 \r\n\r\n", Head("HTTP/1.1 200 -")),
    ("no reason, no space", b"HTTP/1.1 200\r\n\r\n", Head("HTTP/1.1 200 -")),
    ("obs-text in the reason", b"HTTP/1.1 200 d\xe9j\xe0\r\n\r\n", Head("HTTP/1.1 200 d\\xe9j\\xe0")),
    ("fields", b"HTTP/1.1 200 OK\r\nA: b\r\nc:d\r\n\r\n", Head("HTTP/1.1 200 OK|A=b|c=d")),
    ("fields without reason", b"HTTP/1.1 200\r\nA: b\r\n\r\n", Head("HTTP/1.1 200 -|A=b")),
    ("interim", b"HTTP/1.1 100 Continue\r\n\r\n", Head("HTTP/1.1 100 Continue")),
    ("unknown code", b"HTTP/1.1 799 x\r\n\r\n", Head("HTTP/1.1 799 x")),
    ("lowest code", b"HTTP/1.1 100\r\n\r\n", Head("HTTP/1.1 100 -")),
    ("highest code", b"HTTP/1.1 999\r\n\r\n", Head("HTTP/1.1 999 -")),
    ("code below 100", b"HTTP/1.1 099 x\r\n\r\n", Fault(Error::StatusLine)),
    ("code 000", b"HTTP/1.1 000 x\r\n\r\n", Fault(Error::StatusLine)),
    ("two digits", b"HTTP/1.1 20 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("four digits", b"HTTP/1.1 2000 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("signed code", b"HTTP/1.1 +20 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("letters for a code", b"HTTP/1.1 2xx OK\r\n\r\n", Fault(Error::StatusLine)),
    ("no code", b"HTTP/1.1\r\n\r\n", Fault(Error::StatusLine)),
    ("no code but a space", b"HTTP/1.1 \r\n\r\n", Fault(Error::StatusLine)),
    ("two spaces behind the version", b"HTTP/1.1  200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("tab behind the version", b"HTTP/1.1\t200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("tab behind the code", b"HTTP/1.1 200\tOK\r\n\r\n", Fault(Error::StatusLine)),
    ("space first", b" HTTP/1.1 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("empty line first", b"\r\nHTTP/1.1 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("lf first", b"\nHTTP/1.1 200 OK\r\n\r\n", Fault(Error::LineEnd)),
    ("icy", b"ICY 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("lower-case version", b"http/1.1 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("no minor", b"HTTP/1 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("0.9", b"HTTP/0.9 200 OK\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("2.0", b"HTTP/2.0 200 OK\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("two digits minor", b"HTTP/1.10 200 OK\r\n\r\n", Fault(Error::StatusLine)),
    ("body without head", b"<html>", Fault(Error::StatusLine)),
    ("nul in the reason", b"HTTP/1.1 200 O\0K\r\n\r\n", Fault(Error::StatusLine)),
    ("del in the reason", b"HTTP/1.1 200 O\x7fK\r\n\r\n", Fault(Error::StatusLine)),
    ("cr in the reason", b"HTTP/1.1 200 O\rK\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in the reason", b"HTTP/1.1 200 O\nK\r\n\r\n", Fault(Error::LineEnd)),
    ("lf behind the code", b"HTTP/1.1 200\n\r\n", Fault(Error::LineEnd)),
    ("lf behind the version", b"HTTP/1.1\n200 OK\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in the version", b"HTTP/\n1.1 200 OK\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in the code", b"HTTP/1.1 2\n00 OK\r\n\r\n", Fault(Error::LineEnd)),
    ("cr without lf", b"HTTP/1.1 200\rOK\r\n\r\n", Fault(Error::LineEnd)),
    ("lf ends the head", b"HTTP/1.1 200 OK\r\nA: b\r\n\n", Fault(Error::LineEnd)),
    ("leading space", b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", Fault(Error::LeadingSpace)),
    ("obs-fold", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Fault(Error::ObsFold)),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Fault(Error::SpaceBeforeColon)),
    ("bad name", b"HTTP/1.1 200 OK\r\n(A): b\r\n\r\n", Fault(Error::FieldName)),
    ("bad value", b"HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n", Fault(Error::FieldValue)),
    ("nothing", b"", More),
    ("half a version", b"HTT", More),
    ("a version", b"HTTP/1.1", More),
    ("half a code", b"HTTP/1.1 2", More),
    ("a code", b"HTTP/1.1 200", More),
    ("half a reason", b"HTTP/1.1 200 O", More),
    ("half an end", b"HTTP/1.1 200 OK\r", More),
    ("a line", b"HTTP/1.1 200 OK\r\n", More),
    ("half a head", b"HTTP/1.1 200 OK\r\nA", More),
];

const AT_LIMITS: &[(&str, &[u8], Want)] = &[
    ("reason of 7", b"HTTP/1.1 200 1234567\r\n\r\n", Head("HTTP/1.1 200 1234567")),
    ("reason of 8", b"HTTP/1.1 200 12345678\r\n\r\n", Head("HTTP/1.1 200 12345678")),
    ("reason of 9", b"HTTP/1.1 200 123456789\r\n\r\n", Fault(Error::HeadTooLarge { limit: 8 })),
    ("reason without end", b"HTTP/1.1 200 123456789", Fault(Error::HeadTooLarge { limit: 8 })),
    ("fields of 8", b"HTTP/1.1 200\r\na:\r\nb:\r\n\r\n", Head("HTTP/1.1 200 -|a=|b=")),
    ("fields of 9", b"HTTP/1.1 200\r\na:\r\nb:c\r\n\r\n", Fault(Error::HeadTooLarge { limit: 8 })),
    ("three fields", b"HTTP/1.1 200\r\na:\r\nb:\r\nc:\r\n\r\n", Fault(Error::HeadTooLarge { limit: 8 })),
];

fn check(rows: &[(&str, &[u8], Want)], limits: &Limits) {
    assert_names_differ(rows.iter().map(|row| row.0));
    for (name, bytes, want) in rows {
        let make = || Responses { parser: ResponseParser::new(), limits: limits.clone(), head: None };
        match (want, every_split(name, make, bytes)) {
            (Head(text), Ok(Some((head, left)))) => {
                assert_eq!((show(&head).as_str(), &left[..]), (*text, &b""[..]), "{name}")
            }
            (Fault(error), Err(found)) => assert_eq!(found, *error, "{name}"),
            (More, Ok(None)) => {}
            (_, outcome) => panic!("{name}: {outcome:?}"),
        }
    }
}

#[test]
fn status_lines_and_fields() {
    check(ROWS, &Limits::default());
    assert!(ROWS.len() >= 50);
}

#[test]
fn limits_are_passed_by_the_byte_behind_them() {
    check(AT_LIMITS, &Limits { max_head: 8, ..Limits::default() });
    let limits = Limits { max_fields: 1, ..Limits::default() };
    check(
        &[("two fields", b"HTTP/1.1 200\r\na:\r\nb:\r\n\r\n", Fault(Error::TooManyFields { limit: 1 }))],
        &limits,
    );
}

#[test]
fn the_longest_head_fits_into_the_room_asked_for() {
    let limits = Limits { max_head: 8, ..Limits::default() };
    let longest = b"HTTP/1.1 200 12345678\r\na:\r\nb:\r\n\r\n";
    assert_eq!(ResponseParser::room(&limits), longest.len());
}

#[test]
fn work_is_linear_however_the_head_arrives() {
    let head = format!("HTTP/1.1 200 {}\r\n{}\r\n", "r".repeat(30_000), "name: value\r\n".repeat(100));
    for size in [1, 17, head.len()] {
        let (mut parser, mut inbound, mut heads) = (ResponseParser::new(), BytesMut::new(), 0);
        for piece in head.as_bytes().chunks(size) {
            inbound.extend_from_slice(piece);
            heads += usize::from(parser.parse(&mut inbound, &Limits::default()).unwrap().is_some());
        }
        assert_eq!((heads, parser.scanned()), (1, head.len() as u64));
    }
}
