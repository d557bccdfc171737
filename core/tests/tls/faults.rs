//! What is no TLS, or not for long.

use std::task::{Context, Waker};

use anyloop_core::head::HeaderValue;
use anyloop_core::protocol::{Lost, Protocol};
use anyloop_core::tls::{Error, Failed, MAX_MESSAGE, Tls};

use super::certs;
use super::raw::Raw;
use super::wire::{End, pattern};

/// Whether the output is one alert in the clear with this description (RFC 8446 §6).
fn is_alert(output: &[u8], description: u8) -> bool {
    matches!(output, [21, 3, _, 0, 2, 2, found] if *found == description)
}

#[test]
fn garbage_gets_an_alert_and_an_error() {
    for (bytes, alert) in [
        (&b"hello, is there anybody?"[..], 50),
        (b"\x80\x2e\x01\x00\x02", 50),
        (b"\x16\x03\x01\xff\xff", 50),
        (b"\x16\x02\x00\x00\x05hello", 50),
        (b"\x17\x03\x03\x00\x05hello", 10),
        (b"\x16\x03\x01\x00\x05\x63\x00\x00\x01\x00", 10),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 50),
        (b"\x14\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00", 10),
    ] {
        for portion in [1, usize::MAX] {
            let mut server = End::server(&certs::server());
            server.feed(bytes, portion);
            assert!(
                matches!(server.error, Some(Failed::Tls(Error::Tls(_)))),
                "{bytes:x?}: {:?}",
                server.error
            );
            let output = server.output();
            assert!(is_alert(&output, alert), "{bytes:x?}: {output:?} {:?}", server.error);
            server.lost(Lost::Failed);
            assert_eq!(server.inside.see().lost, [Lost::Failed]);
        }
    }
}

#[test]
fn an_end_in_the_handshake_is_a_cut() {
    let hello = End::client(certs::client()).output();
    for sent in [0, 1, hello.len() - 1, hello.len()] {
        let mut server = End::server(&certs::server());
        server.feed(&hello[..sent], usize::MAX);
        server.eof();
        assert_eq!(server.error, Some(Failed::Tls(Error::HandshakeCut)), "{sent}");
    }
    let mut client = End::client(certs::client());
    client.eof();
    assert_eq!(client.error, Some(Failed::Tls(Error::HandshakeCut)));
}

#[test]
fn a_record_that_was_tampered_with_ends_it_after_what_came_before() {
    for portion in [1, usize::MAX] {
        let (mut raw, mut server) = Raw::pair();
        raw.write(b"good");
        let mut bytes = raw.output();
        raw.write(b"evil");
        let mut evil = raw.output();
        let last = evil.len() - 1;
        evil[last] ^= 1;
        bytes.extend_from_slice(&evil);
        server.feed(&bytes, portion);
        assert_eq!(server.inside.see().received, b"good");
        let alert = server.output();
        raw.feed(&alert);
        let error = raw.error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("BadRecordMac"), "{error}");
        assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))));
        server.lost(Lost::Failed);
        assert_eq!(server.inside.see().lost, [Lost::Failed]);
    }
}

#[test]
fn a_record_longer_than_any_may_be_is_refused_by_its_header() {
    let (_, mut server) = Raw::pair();
    server.feed(&[23, 3, 3, 0x48, 1], usize::MAX);
    assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))), "{:?}", server.error);
}

/// A hello that never ends: in long records rustls refuses it by its length, in tiny ones we do by what they take.
#[test]
fn a_message_without_end_is_bounded() {
    let record = |payload: &[u8]| {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[22, 3, 1, length[0], length[1]][..], payload].concat()
    };
    let mut server = End::server(&certs::server());
    server.feed(&record(&[1, 1, 0, 0, 0]), usize::MAX);
    assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))), "{:?}", server.error);

    let mut server = End::server(&certs::server());
    server.feed(&record(&[1, 0, 0xff, 0xff]), usize::MAX);
    let mut fed = 9;
    while server.is_open() && fed < 2 * MAX_MESSAGE {
        let bytes = record(&[0]).repeat(100);
        let n = server.feed(&bytes, usize::MAX);
        assert!(n == bytes.len() || !server.is_open(), "it neither reads nor fails");
        fed += n;
    }
    assert_eq!(server.error, Some(Failed::Tls(Error::MessageTooLarge)));
    assert!(fed <= MAX_MESSAGE && server.most.0 <= MAX_MESSAGE, "{fed}");
}

/// The longest message that is taken, in records of the longest kind.
#[test]
fn a_long_message_in_long_records_is_taken() {
    let body = pattern(65_535);
    let message = [&[1, 0, 0xff, 0xff][..], &body].concat();
    let mut server = End::server(&certs::server());
    for part in message.chunks(16_384) {
        assert!(server.is_open(), "{:?}", server.error);
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        let record = [&[22, 3, 1, length[0], length[1]][..], part].concat();
        assert_eq!(server.feed(&record, usize::MAX), record.len());
    }
    // It was looked at, and is none.
    assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))), "{:?}", server.error);
}

#[test]
fn plain_http_is_answered_in_the_clear() {
    let config = certs::server();
    let expected = "HTTP/1.1 400 Bad Request\r\nserver: here\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for request in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\n", b"X "] {
        for portion in [1, usize::MAX] {
            let here = Some(HeaderValue::from_static("here"));
            let mut server =
                End::new(|begin| Tls::server(&config, begin).with_plain_http_answer(here)).begun();
            server.feed(request, portion);
            assert_eq!(server.error, Some(Failed::Tls(Error::PlainHttp)));
            let answer = String::from_utf8(server.output()).unwrap();
            assert!(answer.starts_with(expected), "{answer}");
        }
    }
    // Unless asked to, it answers as TLS does; and so it does to what is no HTTP.
    let mut server = End::server(&config);
    server.feed(b"GET / HTTP/1.1\r\n", usize::MAX);
    assert!(is_alert(&server.output(), 50));
    let mut server = End::new(|begin| Tls::server(&config, begin).with_plain_http_answer(None)).begun();
    server.feed(b"EHLO\r\n", 1);
    assert!(is_alert(&server.output(), 50));
    // A method that never comes to its end.
    let mut server = End::new(|begin| Tls::server(&config, begin).with_plain_http_answer(None)).begun();
    server.feed(b"GE", 1);
    assert!(server.is_open());
    server.eof();
    assert_eq!(server.error, Some(Failed::Tls(Error::HandshakeCut)));
}

#[test]
fn a_failed_connection_stays_failed() {
    let mut server = End::server(&certs::server());
    server.feed(b"garbage!", usize::MAX);
    let output = server.output();
    server.link.inbound.extend_from_slice(&End::client(certs::client()).output());
    let again = server.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut server.link);
    assert_eq!(again, Err(Failed::Tls(Error::Over)));
    assert!(!output.is_empty() && server.output().is_empty());
}

#[test]
fn a_configuration_that_is_wrong_shows_when_the_connection_begins() {
    let mut config = certs::server();
    config.max_fragment_size = Some(1);
    let server = End::server(&config);
    assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))), "{:?}", server.error);
}
