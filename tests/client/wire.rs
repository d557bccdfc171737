//! The bytes of requests.

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Phase, Proxies};

use crate::script::{Scripted, ok};

/// Returns the first request that the server saw.
fn first(server: &Scripted) -> String {
    server.seen().swap_remove(0).1
}

pub(crate) async fn heads_are_as_they_were_given<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok(""));
    let client = Client::builder(rt)
        .header("X-Default", "d")
        .unwrap()
        .header("ACCEPT", "text/*")
        .unwrap()
        .without_header("user-agent")
        .decode(None)
        .build();
    let request = client
        .post(server.url("/a%20b?c=d#fragment"))
        .header("X-First", "1")
        .header("CoNtEnT-tYpE", "text/plain")
        .header("x-first", "2")
        .header("cookie", "a=b")
        .body("12");
    request.send().await.unwrap().bytes().await.unwrap();
    let expected = format!(
        "POST /a%20b?c=d HTTP/1.1\r\nhost: {}\r\nX-First: 1\r\nCoNtEnT-tYpE: text/plain\r\nx-first: 2\r\n\
         cookie: a=b\r\nX-Default: d\r\nACCEPT: text/*\r\ncontent-length: 2\r\n\r\n12",
        server.address
    );
    assert_eq!(first(&server), expected);

    let server = Scripted::answering(|_| {
        "HTTP/1.1 200 Fine\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nCONTENT-LENGTH: 0\r\n\r\n".into()
    });
    let response =
        client.get(server.url("")).header("X-Own", "1").header("HOST", "other.example").send().await.unwrap();
    let fields: Vec<_> = response.headers().iter().collect();
    let expected = [("X-B", "1"), ("x-a", "2"), ("X-b", "3"), ("CONTENT-LENGTH", "0")];
    assert_eq!(fields, expected.map(|(name, value)| (name, value.as_bytes())));
    assert_eq!(response.head().reason.as_deref(), Some(&b"Fine"[..]));
    assert!(
        first(&server).starts_with("GET / HTTP/1.1\r\nX-Own: 1\r\nHOST: other.example\r\n"),
        "{}",
        first(&server)
    );

    let server = Scripted::answering(|_| ok(""));
    let url = server.url("/").replace("http://", "http://us%20er:pass@");
    client.get(&url).send().await.unwrap();
    client.get(&url).bearer_auth("token").send().await.unwrap();
    client.get(&url).basic_auth("a", "b").send().await.unwrap();
    let authorizations: Vec<_> = server.seen().iter().map(|(_, text)| field(text, "authorization")).collect();
    assert_eq!(authorizations, ["Basic dXMgZXI6cGFzcw==", "Bearer token", "Basic YTpi"]);
}

pub(crate) fn field(request: &str, name: &str) -> String {
    let mut lines = request.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map_or_else(String::new, |(_, value)| value.to_owned())
}

pub(crate) async fn hosts_have_no_default_port<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok(""));
    let port = server.address.port();
    let addresses = [server.address];
    let client = Client::builder(rt.clone())
        .proxies(Proxies::none())
        .resolve("a.example", &addresses)
        .resolve("xn--bcher-kva.example", &addresses)
        .build();
    // An override has its own port, so the one of the address does not matter.
    for (url, host) in [
        ("http://a.example/", "a.example"),
        ("http://a.example:80/", "a.example"),
        ("http://A.EXAMPLE:080/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("http://user@a.example:8080/", "a.example:8080"),
        ("http://b\u{fc}cher.example/", "xn--bcher-kva.example"),
    ] {
        client.get(url).send().await.unwrap();
        assert_eq!(field(&server.seen().pop().unwrap().1, "host"), host, "{url}");
    }
    client.get(format!("http://127.1:{port}/")).send().await.unwrap();
    assert_eq!(field(&server.seen().pop().unwrap().1, "host"), format!("127.0.0.1:{port}"));
    let server = Scripted::on("[::1]:0", |_, line| {
        while line.request().is_some() {
            line.send(ok("six").as_bytes());
        }
    });
    let text = client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
    assert_eq!((text.as_str(), field(&first(&server), "host")), ("six", server.address.to_string()));
}

pub(crate) async fn what_cannot_be_sent_is_an_error<R: Runtime>(rt: R) {
    let client = Client::builder(rt).proxies(Proxies::none()).resolve("nowhere.example", &[]).build();
    if cfg!(not(feature = "tls-no-provider")) {
        let error = client.get("https://127.0.0.1:1/").send().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::MissingFeature("tls")), "{error}");
        assert_eq!(
            error.to_string(),
            "https://127.0.0.1:1/: no encryption: this needs the feature `tls`, which is not built in"
        );
    }
    for (url, is_expected) in [
        ("", (|cause| matches!(cause, Cause::Url(_))) as fn(&Cause) -> bool),
        ("/path", |cause| matches!(cause, Cause::Url(_))),
        ("http://", |cause| matches!(cause, Cause::Url(_))),
        ("http://a:99999/", |cause| matches!(cause, Cause::Url(_))),
        ("ftp://a/", |cause| matches!(cause, Cause::Scheme)),
        ("mailto:a@b", |cause| matches!(cause, Cause::Scheme)),
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(is_expected(error.cause()), "{url}: {error}");
        assert_eq!((error.phase(), error.is_retry_safe()), (Phase::Build, true));
    }
    for request in [
        client.get("http://a/").header("a b", "c"),
        client.get("http://a/").header("a", "b\r\nc: d"),
        client.get("http://a/").bearer_auth("a b"),
        client.get("http://a/").basic_auth("a:b", "c"),
    ] {
        let error = request.send().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Invalid(_)), "{error}");
    }
    let error = client.get("http://nowhere.example/").send().await.unwrap_err();
    assert!(matches!((error.phase(), error.cause()), (Phase::Resolve, Cause::NoAddress)), "{error}");
    assert!(!format!("{:?}", client.get("http://u:secret@a/").bearer_auth("secret")).contains("secret"));
}
