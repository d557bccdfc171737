//! Heads of responses: every partition gives the same, what is taken httparse takes too with the same parts, and what is
//! written is read back but for the reason phrase.

use crate::{Outcome, each_way, feed, tight, wide, with_minor_version_1, written};
use anyloop_core::encode;
use anyloop_core::head::{ResponseHead, Version};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::ResponseParser;

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

fn parse_each_way(data: &[u8], limits: &Limits) -> Outcome<ResponseHead> {
    each_way(data, |parts| {
        let mut parser = ResponseParser::new();
        let outcome = feed(&parts, |inbound| parser.parse(inbound, limits));
        assert!(parser.scanned() <= data.len() as u64, "a byte was looked at twice");
        outcome
    })
}

/// Asserts that httparse finds the same head.
pub(crate) fn compare(head: &ResponseHead, bytes: &[u8]) {
    let bytes = with_minor_version_1(bytes, "HTTP/1.1".len());
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut response = httparse::Response::new(&mut fields);
    let status = response.parse(&bytes).expect("httparse refuses what was taken");
    assert_eq!(status, httparse::Status::Complete(bytes.len()));
    assert_eq!(response.code, Some(head.status.code()));
    assert_eq!(response.version, Some(u8::from(head.version == Version::Http11)));
    let reason = head.reason.as_deref().unwrap_or_default();
    // httparse drops a phrase that is not ASCII.
    if reason.is_ascii() {
        assert_eq!(response.reason.map(str::as_bytes), Some(reason));
    }
    let expected: Vec<_> = response.headers.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(head.headers.iter().collect::<Vec<_>>(), expected);
}

fn read_back(head: &ResponseHead) {
    let mut out = Outbound::default();
    encode::response(&mut out, head);
    let bytes = written(&mut out);
    let mut parser = ResponseParser::new();
    let (again, taken) = feed(&[&bytes], |inbound| parser.parse(inbound, &wide()))
        .expect("a valid head")
        .expect("a whole head");
    assert_eq!(taken, bytes.len());
    assert_eq!(ResponseHead { reason: None, ..again }, ResponseHead { reason: None, ..head.clone() });
}
