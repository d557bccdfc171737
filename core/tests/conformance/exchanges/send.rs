//! What leaves of a request, and what is refused.

use super::head;
use anyloop_core::codec::{BodyKind, Codec, Last, Misuse};
use anyloop_core::error::Error;
use anyloop_core::h1::Client;
use anyloop_core::head::{Headers, Method, RequestHead, Target, Version};
use anyloop_core::link::Outbound;
use bytes::Bytes;

fn wire(out: &Outbound) -> String {
    String::from_utf8(out.slices().flatten().copied().collect()).unwrap()
}

/// What leaves of a head.
fn sent(head: &RequestHead, body: BodyKind) -> Result<String, Misuse> {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    let result = client.send_head(stream, head, body, &mut out);
    if result.is_err() {
        assert!(out.is_empty(), "nothing leaves of a request that is refused");
        let again = client.send_head(stream, &super::head("GET"), BodyKind::Empty, &mut out);
        assert_eq!(again, Ok(Last::Yes), "the right call works still");
    }
    result.map(|_| wire(&out))
}

#[test]
fn framing_follows_from_the_body_alone() {
    let lies = "|Content-Length: 7|Transfer-Encoding: gzip";
    let rows = [
        ("GET", BodyKind::Empty, ""),
        ("DELETE", BodyKind::Empty, ""),
        ("POST", BodyKind::Empty, "content-length: 0\r\n"),
        ("PUT", BodyKind::Empty, "content-length: 0\r\n"),
        ("PATCH", BodyKind::Empty, "content-length: 0\r\n"),
        ("GET", BodyKind::Sized(3), "content-length: 3\r\n"),
        ("POST", BodyKind::Sized(3), "content-length: 3\r\n"),
        ("POST", BodyKind::Streamed, "transfer-encoding: chunked\r\n"),
    ];
    for (method, body, field) in rows {
        let head = head(&format!("{method} X-Y: z{lies}"));
        let expected = format!("{method} / HTTP/1.1\r\nhost: a\r\nX-Y: z\r\n{field}\r\n");
        assert_eq!(sent(&head, body), Ok(expected), "{method} {body:?}");
    }
}

#[test]
fn a_host_is_there_or_told_by_the_target() {
    let with = |target: &str, method| RequestHead::new(method, Target::try_from(target).unwrap());
    let told = sent(&with("http://h:8/x", Method::GET), BodyKind::Empty);
    assert_eq!(told.as_deref(), Ok("GET http://h:8/x HTTP/1.1\r\nhost: h:8\r\n\r\n"));
    let told = sent(&with("h:443", Method::CONNECT), BodyKind::Empty);
    assert_eq!(told.as_deref(), Ok("CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n"));
    let mut old = with("/", Method::GET);
    old.version = Version::Http10;
    assert_eq!(sent(&old, BodyKind::Empty).as_deref(), Ok("GET / HTTP/1.0\r\n\r\n"));
}

#[test]
fn heads_that_a_server_would_refuse_do_not_leave() {
    let refused = |head: &RequestHead, body| match sent(head, body) {
        Err(Misuse::Head(error)) => Some(error),
        Ok(_) | Err(_) => None,
    };
    let bare = RequestHead::new(Method::GET, Target::default());
    assert_eq!(refused(&bare, BodyKind::Empty), Some(Error::HostMissing));
    assert_eq!(refused(&head("GET Host: b"), BodyKind::Empty), Some(Error::HostRepeated));
    let mut bad = bare.clone();
    bad.headers.append("host", "a b").unwrap();
    assert_eq!(refused(&bad, BodyKind::Empty), Some(Error::Host));
    for (method, target) in [("GET", "a:1"), ("CONNECT", "/"), ("GET", "*")] {
        let mut head = head("GET");
        (head.method, head.target) = (Method::try_from(method).unwrap(), Target::try_from(target).unwrap());
        assert_eq!(refused(&head, BodyKind::Empty), Some(Error::TargetForm), "{method} {target}");
    }
    for body in [BodyKind::Sized(1), BodyKind::Sized(0), BodyKind::Streamed] {
        assert_eq!(refused(&head("CONNECT"), body), Some(Error::ConnectContent), "{body:?}");
    }
    let mut old = head("POST");
    old.version = Version::Http10;
    assert_eq!(refused(&old, BodyKind::Streamed), Some(Error::CodingInHttp10));
    assert_eq!(refused(&head("POST Expect: tea"), BodyKind::Sized(1)), Some(Error::Expectation));
    assert_eq!(sent(&head("GET"), BodyKind::Tunnel), Err(Misuse::NotAllowed));
}

#[test]
fn expectations_and_upgrades_are_consistent() {
    let expects = sent(&head("POST Expect: 100-continue"), BodyKind::Sized(1)).unwrap();
    assert!(expects.contains("expect: 100-continue\r\n"));
    let none = sent(&head("POST Expect: 100-continue"), BodyKind::Empty).unwrap();
    assert!(!none.contains("expect"), "no expectation without content");
    let upgrade = sent(&head("GET Upgrade: foo"), BodyKind::Empty).unwrap();
    assert!(upgrade.contains("connection: upgrade\r\n"));
    let named = sent(&head("GET Upgrade: foo|Connection: x, Upgrade"), BodyKind::Empty).unwrap();
    assert_eq!(named.matches("onnection: ").count(), 1);
}

#[test]
fn bodies_have_the_length_that_was_announced() {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    assert_eq!(client.send_data(stream, &mut Bytes::new(), Last::No, &mut out), Err(Misuse::OutOfOrder));
    client.send_head(stream, &head("POST"), BodyKind::Sized(4), &mut out).unwrap();
    let again = client.send_head(stream, &head("POST"), BodyKind::Sized(4), &mut out);
    assert_eq!(again, Err(Misuse::OutOfOrder));
    let data = |client: &mut Client, out: &mut Outbound, text: &'static str, last| {
        client.send_data(stream, &mut Bytes::from(text), last, out)
    };
    assert_eq!(data(&mut client, &mut out, "abcde", Last::No), Err(Misuse::TooMuchBody { left: 4 }));
    assert_eq!(data(&mut client, &mut out, "abc", Last::Yes), Err(Misuse::TooLittleBody { missing: 1 }));
    assert_eq!(data(&mut client, &mut out, "abc", Last::No), Ok(()));
    let short = client.send_end(stream, None, &mut out);
    assert_eq!(short, Err(Misuse::TooLittleBody { missing: 1 }));
    assert_eq!(data(&mut client, &mut out, "d", Last::Yes), Ok(()));
    assert_eq!(data(&mut client, &mut out, "e", Last::No), Err(Misuse::OutOfOrder));
    assert!(wire(&out).ends_with("content-length: 4\r\n\r\nabcd"));
    let interim = client.send_interim(stream, &head("GET"), &mut out);
    assert_eq!(interim, Err(Misuse::NotAllowed));
}

#[test]
fn chunks_and_trailers_leave() {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    client.send_head(stream, &head("POST"), BodyKind::Streamed, &mut out).unwrap();
    client.send_data(stream, &mut Bytes::from("abc"), Last::No, &mut out).unwrap();
    let mut trailers = Headers::new();
    trailers.append("x", "y").unwrap();
    client.send_end(stream, Some(&trailers), &mut out).unwrap();
    assert!(wire(&out).ends_with("\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n"));
}

#[test]
fn a_request_that_is_given_up_ends_the_connection() {
    let (mut client, mut out) = (Client::default(), Outbound::default());
    let stream = client.open().unwrap();
    client.send_head(stream, &head("POST"), BodyKind::Streamed, &mut out).unwrap();
    client.reset(stream, anyloop_core::codec::Reason::Cancelled, &mut out);
    assert!(client.open().is_err());
    let late = client.send_data(stream, &mut Bytes::from("abc"), Last::No, &mut out);
    assert_eq!(late, Err(Misuse::NotThisStream));
}
