//! `--root`.

use std::fs;

use crate::program::{BACKENDS, Program};

#[test]
fn a_directory_is_served_alone_or_behind_the_demo() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("index.html"), "<h1>files</h1>").unwrap();
    fs::write(root.path().join("a b.txt"), "text").unwrap();
    fs::create_dir(root.path().join("sub")).unwrap();
    fs::write(root.path().join("sub/index.html"), "<h1>sub</h1>").unwrap();
    fs::write(root.path().join(".secret"), "dot").unwrap();
    let directory = root.path().to_str().unwrap();
    for backend in BACKENDS {
        let program = Program::start(&["--backend", backend, "--root", directory]);
        let mut client = program.connect();
        let index = client.get("/");
        assert_eq!((index.status, index.text()), (200, "<h1>files</h1>"));
        assert_eq!(index.field("content-type"), Some("text/html; charset=utf-8"));
        let etag = index.field("etag").expect("a validator").to_owned();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n"));
        assert_eq!(client.answer().status, 304);
        assert_eq!(client.get("/a%20b.txt").text(), "text");
        client.send("GET /a%20b.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2\r\n\r\n");
        let part = client.answer();
        assert_eq!((part.status, part.text()), (206, "ex"));
        let redirect = client.get("/sub");
        assert_eq!((redirect.status, redirect.field("location")), (308, Some("/sub/")));
        assert_eq!(client.get("/sub/").text(), "<h1>sub</h1>");
        for missing in ["/.secret", "/none", "/%2e%2e/etc/passwd", "/hello"] {
            assert_eq!(client.get(missing).status, 404, "{missing}");
        }
        drop(client);
        program.end();

        let program = Program::start(&["--backend", backend, "--root", directory, "--demo"]);
        let mut client = program.connect();
        assert_eq!(client.get("/hello").text(), r#"{"hello":"world"}"#);
        assert_eq!(client.get("/").text(), "<!DOCTYPE html><h3>Home page</h3>");
        assert_eq!(client.get("/a%20b.txt").text(), "text");
        assert_eq!(client.get("/none").status, 404);
        drop(client);
        program.end();
    }
}
