//! `anyloop get`, run against our own server and one that answers as it is told, on every event loop that the program was
//! built with.
#![cfg(unix)]

mod downloads;
#[path = "../serve/program.rs"]
#[allow(dead_code, reason = "it is that of the tests of `serve`, which use all of it")]
mod program;
mod resume;
mod run;
mod script;
mod terminal;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use program::{BACKENDS, Program};
use run::{command, get, got, names};
use script::{Script, send};
use tempfile::tempdir;

#[test]
fn the_head_goes_to_stderr_and_the_body_to_stdout() {
    let folder = tempdir().unwrap();
    for backend in BACKENDS {
        let server = Program::start(&["--backend", backend]);
        let url = format!("http://{}/hello", server.address(0));
        let shown = get(folder.path(), backend, &[&url]);
        assert_eq!((shown.code, shown.text()), (Some(0), r#"{"hello":"world"}"#), "{backend}");
        let lines: Vec<_> = shown.err.lines().collect();
        assert_eq!(lines[0], "HTTP/1.1 200 OK");
        assert!(lines.contains(&"server: almost-an-nginx"), "{lines:?}");
        assert_eq!(lines.last(), Some(&""));

        let quiet = get(folder.path(), backend, &["-q", &url]);
        assert_eq!((quiet.code, quiet.text(), &*quiet.err), (Some(0), r#"{"hello":"world"}"#, ""));
        let without_scheme = get(folder.path(), backend, &["-q", url.strip_prefix("http://").unwrap()]);
        assert_eq!(without_scheme.text(), r#"{"hello":"world"}"#);
        let large = get(folder.path(), backend, &["-q", &url.replace("hello", "bytes/3000000")]);
        assert_eq!((large.code, large.out.len()), (Some(0), 3_000_000), "{backend}");
        server.end();
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn methods_items_and_credentials_are_sent() {
    let folder = tempdir().unwrap();
    let server = Script::fixed("200 OK", "", "ok");
    for backend in BACKENDS {
        let ask = |args: &[&str]| {
            let code = get(folder.path(), backend, &[&[&*server.url, "-q"], args].concat()).code;
            assert_eq!(code, Some(0), "{backend} {args:?}");
            server.asked().pop().unwrap()
        };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            assert_eq!(ask(&["-X", method]).line, format!("{method} /"), "{backend}");
        }
        assert_eq!(ask(&["-X", "put"]).line, "PUT /");

        let json = ask(&["name=Ada", "year:=1815", "X-Tag:a", "tags:=[\"x\",1.50]", "-H", "X-Other: b"]);
        assert_eq!(json.line, "POST /");
        assert_eq!(json.body, r#"{"name":"Ada","year":1815,"tags":["x",1.50]}"#);
        assert_eq!(json.field("content-type"), Some("application/json"));
        assert_eq!((json.field("X-Tag"), json.field("X-Other")), (Some("a"), Some("b")));
        let own = ask(&["a=b", "Content-Type:application/vnd.x+json", "-X", "PATCH"]);
        assert_eq!((&*own.line, own.field("content-type")), ("PATCH /", Some("application/vnd.x+json")));

        let form = ask(&["--form", "a=1 2", "a=\u{e4}&"]);
        assert_eq!((&*form.line, &*form.body), ("POST /", "a=1+2&a=%C3%A4%26"));
        assert_eq!(form.field("content-type"), Some("application/x-www-form-urlencoded"));

        assert_eq!(ask(&["-u", "ada:a:b"]).field("authorization"), Some("Basic YWRhOmE6Yg=="));
        assert_eq!(ask(&["--bearer", "t"]).field("authorization"), Some("Bearer t"));
    }
}

#[test]
fn a_head_has_no_body() {
    let folder = tempdir().unwrap();
    for backend in BACKENDS {
        let server = Program::start(&["--backend", backend]);
        let url = format!("http://{}/about", server.address(0));
        let head = get(folder.path(), backend, &["-X", "HEAD", &url]);
        assert_eq!((head.code, head.text()), (Some(0), ""), "{backend}");
        assert!(head.err.contains("content-length: 34\n"), "{}", head.err);
        server.end();
    }
}

#[test]
fn redirects_are_followed() {
    let folder = tempdir().unwrap();
    let server = Script::start(|asked, stream| match &*asked.line {
        "GET /from" => send(stream, "302 Found", "Location: /to\r\n", b""),
        "POST /from" => send(stream, "307 Temporary Redirect", "Location: /to\r\n", b""),
        "GET /loop" => send(stream, "302 Found", "Location: /loop\r\n", b""),
        line => send(stream, "200 OK", "", format!("{line} {}", asked.body).as_bytes()),
    });
    for backend in BACKENDS {
        let ask = |path: &str, item: &[&str]| {
            get(folder.path(), backend, &[&[&*format!("{}{path}", server.url), "-q"], item].concat())
        };
        assert_eq!(ask("/from", &[]).text(), "GET /to ", "{backend}");
        assert_eq!(ask("/from", &["a=b"]).text(), r#"POST /to {"a":"b"}"#, "{backend}");
        let endless = ask("/loop", &[]);
        assert_eq!((endless.code, endless.text()), (Some(1), ""));
        let line = format!("anyloop: {}/loop: can't follow the redirect", server.url);
        assert!(
            endless.err.starts_with(&line) && endless.err.contains("more than 10 redirects"),
            "{}",
            endless.err
        );
    }
}

#[test]
fn the_body_goes_where_it_is_wanted() {
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let binary = Script::fixed("200 OK", "", "a\0b");
        let missing = Script::fixed("404 Not Found", "", "no such page");
        let ask = |url: &str, args: &[&str]| get(folder.path(), backend, &[&[url], args].concat());

        let file = ask(&binary.url, &["-o", "x"]);
        assert_eq!((file.code, file.text()), (Some(0), ""), "{backend}");
        assert!(file.err.starts_with("HTTP/1.1 200 OK\n"), "{}", file.err);
        assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"a\0b");
        // A device stays one.
        assert_eq!(ask(&binary.url, &["-q", "-o", "/dev/null"]).code, Some(0));
        assert_eq!(ask(&binary.url, &["-q", "-o", "-"]).out, b"a\0b");
        assert_eq!(ask(&binary.url, &["-q"]).out, b"a\0b", "a pipe is no terminal");

        let page = ask(&missing.url, &["-q"]);
        assert_eq!((page.code, page.text()), (Some(1), "no such page"), "{backend}");
        assert_eq!(page.err, format!("anyloop: {}/: the server refused: 404 Not Found\n", missing.url));
        assert_eq!(ask(&missing.url, &["-q", "-o", "y"]).code, Some(1));
        assert_eq!(
            ask(&binary.url, &["-q", "-o", "none/z"]).err,
            "anyloop: none/z.part: No such file or directory (os error 2)\n"
        );
        assert_eq!(names(folder.path()), ["x"]);
    }
}

#[test]
fn errors_are_one_line() {
    let folder = tempdir().unwrap();
    let silent = Script::start(|_, _| std::thread::park());
    let pong = Script::start(|_, stream| stream.write_all(b"pong").unwrap());
    let cut = Script::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").unwrap()
    });
    let long_label = format!("http://{}.invalid/", "x".repeat(64));
    for backend in BACKENDS {
        for (args, line) in [
            (&["http://127.0.0.1:1/"][..], "anyloop: http://127.0.0.1:1/: can't connect: 127.0.0.1:1: "),
            (&[&long_label], &format!("anyloop: {long_label}: can't look up the name: ")),
            (&[&silent.url, "--timeout", "100ms"], &format!("anyloop: {}/: no response (", silent.url)),
            (&[&pong.url], &format!("anyloop: {}/: no response (", pong.url)),
            (&[&cut.url, "-q"], &format!("anyloop: {}/: can't read the body (", cut.url)),
        ] {
            let failed = get(folder.path(), backend, args);
            assert_eq!(failed.code, Some(1), "{backend} {args:?}");
            assert!(failed.err.starts_with(line), "{backend}: {}", failed.err);
            assert_eq!(failed.err.lines().count(), 1, "{}", failed.err);
        }
    }
}

#[test]
fn wrong_arguments_are_told_in_one_line() {
    let folder = tempdir().unwrap();
    let url = "http://127.0.0.1:1/";
    for args in [
        &[][..],
        &["http://a b/"],
        &["ftp://a/"],
        &["http://"],
        &[url, "word"],
        &[url, "a:={"],
        &[url, "a=1", "a=2"],
        &[url, "--form", "a:=1"],
        &[url, "-H", "no field"],
        &[url, "-X", "CONNECT"],
        &[url, "-X", "a b"],
        &[url, "-u", "name"],
        &[url, "-u", "a:b", "--bearer", "c"],
        &[url, "--checksum", "md5:0"],
        &[url, "--checksum", &format!("sha256:{}", "0".repeat(64))],
        &[url, "--timeout", "5"],
        &[url, "-c", "0"],
        &[url, "-c", "1001"],
        &[url, "-o", "x", "--save"],
        &[url, url, "a=b"],
        &[url, url, "-o", "x"],
        &[url, "--save", "-X", "POST"],
        &[url, "--backend", "none"],
        &["--list", "x", "-o", "y"],
    ] {
        let refused = got(std::process::Command::new(env!("CARGO_BIN_EXE_anyloop"))
            .arg("get")
            .args(args)
            .current_dir(folder.path()));
        assert_eq!((refused.code, refused.text()), (Some(2), ""), "{args:?}");
        assert!(refused.err.starts_with("anyloop: "), "{args:?}: {}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{args:?}: {}", refused.err);
    }
}

#[test]
fn a_reader_who_goes_away_ends_it_silently() {
    let folder = tempdir().unwrap();
    for backend in BACKENDS {
        let server = Program::start(&["--backend", backend]);
        let url = format!("http://{}/stream/1000000000", server.address(0));
        let mut command = command(folder.path(), backend, &["-q", &url]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(1), &b""[..]), "{backend}");
    }
}
