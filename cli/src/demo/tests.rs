use core::time::Duration;

use anyloop::test::{Answer, call, exchange};
use anyloop::{Body, Headers, Method, Request};
use anyloop_core::sim::Sim;

use super::app;

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=XX";

fn send(request: Request) -> Answer {
    call(&app(Sim::new(1)), request)
}

fn get(target: &str) -> Answer {
    send(Request::get(target))
}

fn post(target: &str, fields: &[(&'static str, &'static str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::post(target, body);
    for (name, value) in fields {
        request.headers_mut().append(*name, *value).unwrap();
    }
    send(request)
}

fn media_type(answer: &Answer) -> &str {
    answer.headers.get_str("content-type").unwrap_or_default()
}

#[test]
fn fixed_routes_byte_by_byte() {
    for (path, status, kind, text) in [
        ("/", 200, "text/html; charset=utf-8", "<!DOCTYPE html><h3>Home page</h3>"),
        ("/about", 200, "text/html; charset=utf-8", "<!DOCTYPE html><h3>About page</h3>"),
        ("/hello", 200, "application/json", r#"{"hello":"world"}"#),
        ("/plaintext", 200, "text/plain", "Hello, World!"),
        ("/json", 200, "application/json", r#"{"message":"Hello, World!"}"#),
        ("/nowhere", 404, "text/html; charset=utf-8", "<!DOCTYPE html>Not found"),
        ("/params", 200, "text/html; charset=utf-8", "<h1>It Works!</h1>"),
        ("/stream/0", 200, "text/plain; charset=utf-8", ""),
        ("/stream/3", 200, "text/plain; charset=utf-8", "line 1\nline 2\nline 3\n"),
        ("/bytes/0", 200, "application/octet-stream", ""),
    ] {
        let answer = get(path);
        assert_eq!(
            (answer.status.code(), media_type(&answer), answer.text()),
            (status, kind, text),
            "{path}"
        );
    }
    assert_eq!(get("/").body.len(), 33);
    assert_eq!(get("/about").body.len(), 34);
    assert_eq!(get("/nowhere").body.len(), 24);
}

#[test]
fn the_page_for_browsers_is_html_and_names_the_other_routes() {
    let answer = get("/index.html");
    assert_eq!(media_type(&answer), "text/html; charset=utf-8");
    for route in ["/params", "/post-something", "/echo", "/stream/", "/bytes/", "/delay/"] {
        assert!(answer.text().contains(route), "{route}");
    }
}

#[test]
fn methods_are_checked() {
    for (method, path, status, allow) in [
        (Method::POST, "/", 405, "GET, HEAD, OPTIONS"),
        (Method::GET, "/post-something", 405, "OPTIONS, POST"),
        (Method::DELETE, "/params", 405, "GET, HEAD, OPTIONS, POST"),
        (Method::OPTIONS, "/echo", 204, "OPTIONS, POST"),
        (Method::OPTIONS, "/params", 204, "GET, HEAD, OPTIONS, POST"),
    ] {
        let answer = send(Request::with_method(method, path, ""));
        let mut allowed: Vec<_> = answer.headers.get_str("allow").unwrap_or_default().split(", ").collect();
        allowed.sort_unstable();
        assert_eq!((answer.status.code(), allowed.join(", ").as_str()), (status, allow), "{path}");
    }
    assert_eq!(send(Request::with_method(Method::HEAD, "/", "")).status.code(), 200);
}

#[test]
fn a_message_goes_out_as_the_client_likes_it() {
    let json = r#"{"message": "lorem ipsum dolor sit amet"}"#;
    let as_json = ("application/json", r#"{"message":"lorem ipsum dolor sit amet"}"#);
    let as_html = ("text/html; charset=utf-8", "<!DOCTYPE html><h3>lorem ipsum dolor sit amet</h3>");
    assert_eq!(as_html.1.len(), 50);
    for (accept, expected) in [
        (None, as_json),
        (Some("*/*"), as_json),
        (Some("text/html"), as_html),
        (Some("text/html, application/json"), as_json),
        (Some("text/html, application/json;q=0.9"), as_html),
        (Some("text/html;q=0.9, application/json"), as_json),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), as_html),
        (Some("text/*;q=0.2, */*;q=0.1"), as_html),
        (Some("image/png"), as_json),
    ] {
        let mut fields = vec![("content-type", "application/json")];
        fields.extend(accept.map(|accept| ("accept", accept)));
        let answer = post("/post-something", &fields, json);
        assert_eq!((media_type(&answer), answer.text()), expected, "{accept:?}");
    }
}

#[test]
fn messages_are_escaped_in_html_and_whole_in_json() {
    let json = "{\"message\":\"<b>\\u0026 \u{1f980} \\\"\",\"more\":1}";
    let fields = [("content-type", "application/json"), ("accept", "text/html")];
    let html = post("/post-something", &fields, json);
    assert_eq!(html.text(), "<!DOCTYPE html><h3>&lt;b&gt;&amp; \u{1f980} &quot;</h3>");
    let same = post("/post-something", &fields[..1], json);
    assert_eq!(same.text(), "{\"message\":\"<b>& \u{1f980} \\\"\"}");
}

#[test]
fn what_is_no_message_says_why() {
    for (kind, body, status) in [
        ("text/plain", r#"{"message":"x"}"#, 415),
        ("application/json", "no json", 400),
        ("application/json", "", 400),
        ("application/json", "{}", 422),
        ("application/json", r#"{"message":1}"#, 422),
        ("application/json", "[]", 422),
        ("application/json", "5", 422),
    ] {
        let answer = post("/post-something", &[("content-type", kind)], body);
        let text = answer.text();
        assert_eq!(answer.status.code(), status, "{kind} {body}");
        assert!(text.starts_with("{\"error\":\"") && text.ends_with("\"}") && !text.contains('\n'), "{text}");
    }
}

#[test]
fn params_of_query_and_form_with_repeated_keys_escaped() {
    let works = "<h1>It Works!</h1>";
    let query = "<h2>Get params</h2><p>a: 1<br>a: 2<br>&lt;b&gt;: x &amp; &quot;y&quot;</p>";
    let target = "/params?a=1&a=2&%3Cb%3E=x+%26+%22y%22";
    assert_eq!(get(target).text(), format!("{works}{query}"));
    assert_eq!(get("/params?").text(), works);
    assert_eq!(post(target, &[], "").text(), format!("{works}{query}"));
    assert_eq!(post("/params", &[("content-type", "text/plain")], "a=1").text(), works);
    assert_eq!(post("/params", &[("content-type", FORM)], "").text(), works);
    let form = post(target, &[("content-type", FORM)], "k=v&k=%3Ci%3E&%C3%BC=");
    assert_eq!(
        form.text(),
        format!("{works}{query}<h2>Post params</h2><p>k: v<br>k: &lt;i&gt;<br>\u{fc}: </p>")
    );
}

#[test]
fn params_of_multipart_forms() {
    let body = "--XX\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n1\r\n\
                --XX\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n<2>\r\n\
                --XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a&b.txt\"\r\n\r\n12345\r\n--XX--\r\n";
    let answer = post("/params", &[("content-type", MULTIPART)], body);
    assert_eq!(
        answer.text(),
        "<h1>It Works!</h1><h2>Post params</h2><p>k: 1<br>k: &lt;2&gt;<br>f: a&amp;b.txt (5 bytes)</p>"
    );
    assert_eq!(post("/params", &[("content-type", MULTIPART)], "--XX\r\n").status.code(), 400);
}

#[test]
fn many_small_multipart_fields_are_bounded_together() {
    let part = "--XX\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n\r\n";
    let fits = part.repeat((2 << 20) / 65) + "--XX--\r\n";
    assert_eq!(post("/params", &[("content-type", MULTIPART)], fits).status.code(), 200);
    let too_many = part.repeat((2 << 20) / 65 + 1) + "--XX--\r\n";
    assert_eq!(post("/params", &[("content-type", MULTIPART)], too_many).status.code(), 413);
}

#[test]
fn echo_keeps_bytes_type_and_trailers() {
    let answer = post("/echo", &[("content-type", "x/y; z=1")], "\u{e4}\0\r\n");
    assert_eq!((media_type(&answer), answer.text()), ("x/y; z=1", "\u{e4}\0\r\n"));
    let (mut sink, body) = Body::channel();
    let fed = std::thread::spawn(move || {
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        let sent = core::pin::pin!(sink.send("chunk")).poll(&mut cx);
        assert!(sent.is_ready());
        let mut trailers = Headers::new();
        trailers.append("x-sum", "5").unwrap();
        sink.finish(Some(trailers));
    });
    fed.join().unwrap();
    let answer = post("/echo", &[], body);
    assert_eq!((media_type(&answer), answer.text()), ("", "chunk"));
    assert_eq!(answer.trailers.unwrap().get_str("x-sum"), Some("5"));
}

#[test]
fn numbers_have_bounds() {
    for (path, status) in [
        ("/bytes/1099511627777", 400),
        ("/bytes/+1", 400),
        ("/bytes/-1", 400),
        ("/bytes/x", 400),
        ("/bytes/1e3", 400),
        ("/bytes/99999999999999999999999", 400),
        ("/stream/1000000001", 400),
        ("/stream/x", 400),
        ("/delay/10001", 400),
        ("/delay/x", 400),
        ("/delay/0", 200),
        ("/bytes/007", 200),
        ("/bytes/", 404),
    ] {
        let answer = get(path);
        assert_eq!(answer.status.code(), status, "{path}");
        if status == 400 {
            assert!(answer.text().starts_with("{\"error\":\""), "{path}");
        }
    }
    let head = |path| send(Request::with_method(Method::HEAD, path, "")).status.code();
    assert_eq!((head("/bytes/1099511627776"), head("/stream/1000000000")), (200, 200));
}

#[test]
fn bytes_repeat_and_their_number_is_known() {
    let answer = get("/bytes/200003");
    assert_eq!(answer.body.len(), 200_003);
    assert!(answer.body.iter().enumerate().all(|(at, &byte)| at % 256 == usize::from(byte)));
}

#[test]
fn lines_are_counted() {
    let answer = get("/stream/10000");
    assert!(answer.text().lines().zip(1..).all(|(line, number)| line == format!("line {number}")));
    assert_eq!(answer.text().lines().count(), 10_000);
}

#[test]
fn a_delay_takes_its_time() {
    let sim = Sim::new(1);
    let app = app(sim.clone());
    let answer = sim.run(Duration::from_secs(11), exchange(&app, Request::get("/delay/10000"))).unwrap();
    assert_eq!(answer.text(), "waited for 10000 ms\n");
    assert!(sim.elapsed() >= Duration::from_secs(10));
}
