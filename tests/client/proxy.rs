//! Requests through a proxy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Phase, Proxies, Proxy};

use crate::script::{Line, Scripted, ok};
use crate::wire::field;

pub(crate) async fn requests_go_through_whole<R: Runtime>(rt: R) {
    let proxy = Scripted::answering(|_| ok("from the proxy"));
    let origin = Scripted::answering(|_| ok("direct"));
    let address = format!("http://user:pass@{}", proxy.address);
    let proxies = Proxies::all(Proxy::new(&address).unwrap()).except("127.0.0.1");
    let client = Client::builder(rt).proxies(proxies).build();
    let text = client
        .get("http://a.example/x?y")
        .header("Authorization", "z")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "from the proxy");
    client.get("http://b.example:81/").send().await.unwrap().bytes().await.unwrap();
    assert_eq!(client.get(origin.url("/")).send().await.unwrap().text().await.unwrap(), "direct");
    let seen = proxy.seen();
    assert!(
        seen[0].1.starts_with("GET http://a.example/x?y HTTP/1.1\r\nhost: a.example\r\n"),
        "{}",
        seen[0].1
    );
    assert!(
        seen[1].1.starts_with("GET http://b.example:81/ HTTP/1.1\r\nhost: b.example:81\r\n"),
        "{}",
        seen[1].1
    );
    // One connection to the proxy serves all hosts.
    assert_eq!((seen[0].0, seen[1].0, seen.len()), (0, 0, 2));
    for (_, request) in &seen {
        assert_eq!(field(request, "proxy-authorization"), "Basic dXNlcjpwYXNz");
    }
    assert_eq!(field(&origin.seen()[0].1, "proxy-authorization"), "");
}

/// Connects to where the request asks, and carries bytes both ways.
fn carry(request: &str, line: &mut Line) {
    let target = request.split(' ').nth(1).unwrap();
    let mut origin = TcpStream::connect(target).unwrap();
    line.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 Connected\r\n\r\n");
    let (mut up, mut down) = (line.stream().try_clone().unwrap(), origin.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut down, &mut up));
    let mut chunk = [0; 1024];
    while let Ok(n @ 1..) = line.stream().read(&mut chunk) {
        if origin.write_all(&chunk[..n]).is_err() {
            return;
        }
    }
}

pub(crate) async fn tunnels_are_asked_for<R: Runtime>(rt: R) {
    let origin = Scripted::answering(|request| ok(request.split(' ').nth(1).unwrap()));
    let proxy = Scripted::start(|_, line| {
        if let Some(request) = line.request() {
            carry(&request, line);
        }
    });
    let address = Proxy::new(&proxy.address.to_string()).unwrap().basic_auth("user", "pass").unwrap();
    let client = Client::builder(rt).proxies(Proxies::all(address.always_tunnel())).build();
    for path in ["/a", "/b"] {
        assert_eq!(client.get(origin.url(path)).send().await.unwrap().text().await.unwrap(), path);
    }
    let expected = format!(
        "CONNECT {0} HTTP/1.1\r\nhost: {0}\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\n\r\n",
        origin.address
    );
    assert_eq!(proxy.seen(), [(0, expected)]);
    assert!(
        origin
            .seen()
            .iter()
            .all(|(number, request)| *number == 0 && field(request, "proxy-authorization").is_empty())
    );
}

pub(crate) async fn proxies_that_refuse_are_typed_errors<R: Runtime>(rt: R) {
    for (answer, is_expected) in [
        (
            "HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n",
            (|cause| matches!(cause, Cause::ProxyRefused(status) if status.code() == 407))
                as fn(&Cause) -> bool,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nmore", |cause| matches!(cause, Cause::ProxyData)),
        ("pong\r\n\r\n", |cause| matches!(cause, Cause::Protocol(_))),
        ("", |cause| matches!(cause, Cause::Closed | Cause::Io(_))),
        ("HTTP/1.1 200 OK\r\n", |cause| matches!(cause, Cause::Closed | Cause::Io(_))),
    ] {
        let proxy = Scripted::start(move |_, line| {
            line.request();
            line.send(answer.as_bytes());
        });
        let setting = Proxy::new(&proxy.address.to_string()).unwrap().always_tunnel();
        let client = Client::builder(rt.clone()).proxies(Proxies::all(setting)).build();
        let error = client.post("http://a.example/").send().await.unwrap_err();
        assert!(is_expected(error.cause()), "{answer:?}: {error}");
        assert_eq!((error.phase(), error.is_retry_safe()), (Phase::Proxy, true), "{error}");
        assert_eq!(error.peer().map(ToString::to_string), Some(proxy.address.to_string()));
        assert_eq!(client.connections().total, 0);
    }
    let many = Scripted::start(|_, line| {
        line.request();
        while line.stream().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
    });
    let setting = Proxy::new(&many.address.to_string()).unwrap().always_tunnel();
    let client = Client::builder(rt).proxies(Proxies::all(setting)).build();
    assert_eq!(client.get("http://a.example/").send().await.unwrap_err().phase(), Phase::Proxy);
}
