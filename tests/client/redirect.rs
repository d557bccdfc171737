//! Redirects.

use anyloop::client::{Cause, Client, Phase};
use anyloop::{Body, Method, Runtime};

use crate::script::{Scripted, ok};
use crate::wire::field;

/// `/STATUS/REST` redirects to `/REST`.
fn hops() -> Scripted {
    Scripted::answering(|request| {
        let path = request.split(' ').nth(1).unwrap();
        match path[1..].split_once('/') {
            Some((status, rest)) => {
                format!("HTTP/1.1 {status} Moved\r\nLocation: /{rest}\r\nContent-Length: 3\r\n\r\nold")
            }
            None => ok("here"),
        }
    })
}

pub(crate) async fn redirects_are_followed_by_the_rules<R: Runtime>(rt: R) {
    let client = Client::new(rt);
    for (method, path, expected) in [
        (Method::GET, "/301/302/303/307/308/x", "GET / "),
        (Method::POST, "/301/x", "GET "),
        (Method::POST, "/302/x", "GET "),
        (Method::POST, "/303/x", "GET "),
        (Method::POST, "/307/x", "POST body"),
        (Method::POST, "/308/x", "POST body"),
        (Method::PUT, "/302/x", "PUT body"),
        (Method::PUT, "/303/x", "GET "),
    ] {
        let server = hops();
        let mut request = client.request(method, server.url(path)).header("X-Own", "1");
        if method != Method::GET {
            request = request.header("Content-Type", "text/plain").body("body");
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.url().as_str(), server.url("/x"));
        assert_eq!(response.text().await.unwrap(), "here");
        let (_, last) = server.seen().pop().unwrap();
        let (head, body) = last.split_once("\r\n\r\n").unwrap();
        let (wanted, wanted_body) = expected.split_once(' ').unwrap();
        assert!(head.starts_with(&format!("{wanted} /x HTTP/1.1\r\n")), "{method} {path}: {head}");
        assert_eq!(body, wanted_body.trim_matches(['/', ' ']), "{method} {path}");
        assert_eq!(field(head, "content-type").is_empty(), body.is_empty(), "{method} {path}");
        assert_eq!((field(head, "x-own").as_str(), field(head, "referer").as_str()), ("1", ""));
        // The bodies of redirects are read, so that one connection serves all.
        assert!(server.seen().iter().all(|(number, _)| *number == 0), "{:?}", server.lines());
    }
}

pub(crate) async fn credentials_stay_with_their_origin<R: Runtime>(rt: R) {
    let other = Scripted::answering(|_| ok("other"));
    let target = other.url("/landed");
    let server = Scripted::answering(move |request| {
        if request.starts_with("GET /same") {
            return "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n".into();
        }
        let target = target.replace("http://", "http://evil:secret@");
        format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n")
    });
    let client = Client::new(rt);
    let request = client
        .get(server.url("/same").replace("http://", "http://user:password@"))
        .header("Cookie", "a=b")
        .header("Proxy-Authorization", "Basic x")
        .header("Host", "given.example")
        .header("X-Own", "1");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "other");
    for (_, request) in server.seen() {
        assert_eq!(field(&request, "authorization"), "Basic dXNlcjpwYXNzd29yZA==");
        assert_eq!(
            (field(&request, "cookie").as_str(), field(&request, "host").as_str()),
            ("a=b", "given.example")
        );
    }
    let (_, landed) = other.seen().pop().unwrap();
    for name in ["authorization", "cookie", "proxy-authorization"] {
        assert_eq!(field(&landed, name), "", "{landed}");
    }
    assert_eq!((field(&landed, "host"), field(&landed, "x-own")), (other.address.to_string(), "1".into()));
}

pub(crate) async fn loops_and_streams_are_typed_errors<R: Runtime>(rt: R) {
    let server = Scripted::answering(|request| {
        let location = match request.split(' ').nth(1).unwrap() {
            "/ftp" => "ftp://a/",
            "/none" => return "HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nbody".into(),
            _ => "/loop",
        };
        format!("HTTP/1.1 307 Again\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    });
    let client = Client::new(rt.clone());
    let error = client.get(server.url("/loop")).send().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TooManyRedirects { limit: 10 }), "{error}");
    assert_eq!((error.phase(), server.seen().len()), (Phase::Redirect, 11));
    let error = client.get(server.url("/ftp")).send().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::RedirectTarget), "{error}");
    let stream = Body::produce(|mut sink| async move { sink.send("streamed").await });
    let error = client.post(server.url("/loop")).body(stream).send().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::RedirectBody), "{error}");
    assert_eq!(client.get(server.url("/none")).send().await.unwrap().text().await.unwrap(), "body");
    let client = Client::builder(rt).redirects(|redirects| redirects.limit = 0).build();
    assert_eq!(client.get(server.url("/loop")).send().await.unwrap().status().code(), 307);
}
