//! Heads of requests: every partition gives the same, what is taken httparse takes too with the same parts, and what is
//! written is read back.

use crate::{Outcome, each_way, feed, tight, wide, with_minor_version_1, written};
use anyloop_core::encode;
use anyloop_core::head::{RequestHead, Version};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::RequestParser;

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let outcome = parse_each_way(data, &Limits::default());
    if let Ok(Some((head, taken))) = &outcome {
        compare(head, &data[..*taken]);
        read_back(head);
    }
    // Limits refuse; they change nothing else.
    if let Ok(Some(bounded)) = parse_each_way(data, &tight()) {
        assert_eq!(Ok(Some(bounded)), outcome);
    }
}

fn parse_each_way(data: &[u8], limits: &Limits) -> Outcome<RequestHead> {
    each_way(data, |parts| {
        let mut parser = RequestParser::new();
        let outcome = feed(&parts, |inbound| parser.parse(inbound, limits));
        assert!(parser.scanned() <= data.len() as u64, "a byte was looked at twice");
        outcome
    })
}

/// Asserts that httparse finds the same head.
pub(crate) fn compare(head: &RequestHead, bytes: &[u8]) {
    let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let line = bytes[start..].windows(2).position(|pair| pair == b"\r\n").expect("a line end");
    let bytes = with_minor_version_1(bytes, start + line);

    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut fields);
    let status = request.parse(&bytes).expect("httparse refuses what was taken");
    assert_eq!(status, httparse::Status::Complete(bytes.len()));
    assert_eq!(request.method, Some(head.method.as_str()));
    assert_eq!(request.path, Some(head.target.as_str()));
    assert_eq!(request.version, Some(u8::from(head.version == Version::Http11)));
    let expected: Vec<_> = request.headers.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(head.headers.iter().collect::<Vec<_>>(), expected);
}

fn read_back(head: &RequestHead) {
    let mut out = Outbound::default();
    encode::request(&mut out, head).expect("a form that the parser took");
    let bytes = written(&mut out);
    let mut parser = RequestParser::new();
    let again = feed(&[&bytes], |inbound| parser.parse(inbound, &wide()));
    assert_eq!(again, Ok(Some((head.clone(), bytes.len()))));
}
