//! Encoded bodies and cookies.

use std::io::Write;

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Cookies, Phase};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::script::{Scripted, ok};
use crate::wire::field;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A server that sends the same encoded body again and again; to HEAD, only its head.
fn encoded(coding: &'static str, body: Vec<u8>) -> Scripted {
    Scripted::start(move |_, line| {
        while let Some(request) = line.request() {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\nX-Own: 1\r\n\r\n",
                body.len()
            );
            line.send(head.as_bytes());
            if !request.starts_with("HEAD") {
                line.send(&body);
            }
        }
    })
}

pub(crate) async fn encoded_bodies_are_decoded<R: Runtime>(rt: R) {
    let text = "a line of text\n".repeat(10_000);
    let server = encoded("gzip", gzip(text.as_bytes()));
    let client = Client::new(rt.clone());
    for _ in 0..2 {
        let response = client.get(server.url("/")).send().await.unwrap();
        let names: Vec<_> = response.headers().iter().map(|(name, _)| name).collect();
        assert_eq!((names, response.length()), (vec!["X-Own"], None));
        assert_eq!(response.text().await.unwrap(), text);
    }
    assert_eq!(client.connections().total, 1);
    assert_eq!(field(&server.seen()[0].1, "accept-encoding"), "gzip, deflate, br, zstd");
    // A head without its body keeps what it says of it.
    let head = client.head(server.url("/")).send().await.unwrap();
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!(head.bytes().await.unwrap(), "");
    // Parts are not asked for encoded, and whoever asks for a coding gets it.
    for (name, value, sent) in [("Range", "bytes=0-1", ""), ("Accept-Encoding", "gzip", "gzip")] {
        let response = client.get(server.url("/")).header(name, value).send().await.unwrap();
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert_eq!(response.bytes().await.unwrap(), gzip(text.as_bytes()));
        assert_eq!(field(&server.seen().pop().unwrap().1, "accept-encoding"), sent);
    }
    let raw = Client::builder(rt).decode(None).build();
    let response = raw.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert_eq!(response.bytes().await.unwrap(), gzip(text.as_bytes()));
    assert_eq!(field(&server.seen().pop().unwrap().1, "accept-encoding"), "");
}

pub(crate) async fn bombs_and_broken_data_are_typed_errors<R: Runtime>(rt: R) {
    let bomb = encoded("gzip", gzip(&vec![0; 32 << 20]));
    let client = Client::new(rt);
    let mut response = client.get(bomb.url("/")).send().await.unwrap();
    let mut size = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => size += chunk.len(),
            Ok(None) => panic!("{size} bytes came"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.cause(), Cause::Bomb { .. }), "{error}");
    assert!(size <= 9 << 20, "{size}");
    assert!(response.chunk().await.unwrap().is_none(), "nothing follows an error");
    let cut = gzip(b"a text that is cut");
    for body in [b"no gzip".to_vec(), cut[..cut.len() - 3].to_vec()] {
        let error =
            client.get(encoded("gzip", body).url("/")).send().await.unwrap().text().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Decode(_)), "{error}");
        assert_eq!(error.phase(), Phase::Decode);
    }
}

pub(crate) async fn cookies_come_and_go<R: Runtime>(rt: R) {
    let server = Scripted::answering(|request| {
        if request.starts_with("GET /set") {
            return "HTTP/1.1 302 Found\r\nSet-Cookie: one=1\r\nSet-Cookie: two=2; Path=/deep\r\n\
                    Location: /deep\r\nContent-Length: 0\r\n\r\n"
                .into();
        }
        ok("")
    });
    let jar = Cookies::new();
    let client = Client::builder(rt.clone()).cookies(jar.clone()).build();
    client.get(server.url("/")).send().await.unwrap();
    client.get(server.url("/set")).send().await.unwrap();
    client.get(server.url("/")).send().await.unwrap();
    client.get(server.url("/")).header("Cookie", "own=1").send().await.unwrap();
    let cookies: Vec<_> = server
        .seen()
        .iter()
        .map(|(_, request)| {
            let mut pairs: Vec<_> = field(request, "cookie").split("; ").map(str::to_owned).collect();
            pairs.sort();
            pairs.join(" ")
        })
        .collect();
    assert_eq!(cookies, ["", "", "one=1 two=2", "one=1", "own=1"]);
    jar.clear();
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(field(&server.seen().pop().unwrap().1, "cookie"), "");
    // Without a jar nothing is kept.
    let client = Client::new(rt);
    client.get(server.url("/set")).send().await.unwrap();
    assert_eq!(field(&server.seen().pop().unwrap().1, "cookie"), "");
}
