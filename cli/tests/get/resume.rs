//! Downloads that were cut, and go on.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::tempdir;

use crate::program::{BACKENDS, Program};
use crate::run::{command, get, got, names};
use crate::script::{Asked, Script, send};

const LENGTH: usize = 700_000;
const CUT: usize = 300_000;

/// What the server has, and what it tells two versions apart by.
fn content(version: u8) -> Vec<u8> {
    (0..LENGTH).map(|at| u8::try_from((at + at / 256) % 251).unwrap() ^ version).collect()
}

/// Sends a head that promises all of it, and the first bytes.
fn send_cut(stream: &mut TcpStream, fields: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n{fields}\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &content(0)[..CUT]].concat());
}

fn range(asked: &Asked) -> Option<usize> {
    asked.field("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn content_range(first: usize, last: usize, total: usize) -> String {
    format!("Content-Range: bytes {first}-{last}/{total}\r\n")
}

/// Downloads once, cut, and once more with an answer of its own to the request for the rest.
fn cut_then(
    backend: &str,
    fields: &'static str,
    rest: impl Fn(&Asked, usize, &mut TcpStream) + Send + Sync + 'static,
) -> (Vec<u8>, Vec<Asked>) {
    let folder = tempdir().unwrap();
    let first = Mutex::new(true);
    let server = Script::start(move |asked, stream| {
        if core::mem::take(&mut *first.lock().unwrap()) {
            return send_cut(stream, fields);
        }
        match range(asked) {
            Some(from) => rest(asked, from, stream),
            None => send(stream, "200 OK", "", &content(1)),
        }
    });
    let url = format!("{}/file", server.url);
    let cut = get(folder.path(), backend, &["--save", &url]);
    assert_eq!((cut.code, cut.text()), (Some(1), "Downloaded: 0, failed: 1\n"), "{backend}");
    assert_eq!(cut.err.lines().count(), 1, "{}", cut.err);
    assert_eq!(fs::read(folder.path().join("file.part")).unwrap(), &content(0)[..CUT], "{backend}");
    let done = get(folder.path(), backend, &["--save", &url]);
    assert_eq!((done.code, done.text(), &*done.err), (Some(0), "Downloaded: 1\n", ""), "{backend}");
    assert_eq!(names(folder.path()), ["file"]);
    (fs::read(folder.path().join("file")).unwrap(), server.asked())
}

#[test]
fn the_rest_is_asked_for_by_its_validator() {
    const DATES: &str =
        "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nDate: Fri, 02 Jan 2026 00:00:00 GMT\r\n";
    for backend in BACKENDS {
        for (fields, if_range) in [("ETag: \"one\"\r\n", "\"one\""), (DATES, "Thu, 01 Jan 2026 00:00:00 GMT")]
        {
            let (file, asked) = cut_then(backend, fields, |_, from, stream| {
                let fields = content_range(from, LENGTH - 1, LENGTH);
                send(stream, "206 Partial Content", &fields, &content(0)[from..]);
            });
            assert!(file == content(0), "{backend} {fields}");
            assert_eq!(asked.len(), 2);
            assert_eq!((asked[0].field("range"), asked[0].field("if-range")), (None, None));
            assert_eq!((range(&asked[1]), asked[1].field("if-range")), (Some(CUT), Some(if_range)));
            assert_eq!(asked[1].field("accept-encoding"), Some("identity"));
        }
    }
}

#[test]
fn without_a_strong_validator_it_begins_anew() {
    for backend in BACKENDS {
        for fields in ["", "ETag: W/\"one\"\r\n", "ETag: \"one\"\r\nAccept-Ranges: none\r\n"] {
            let (file, asked) = cut_then(backend, fields, |_, _, _| panic!("nothing to go on from"));
            assert!(file == content(1) && range(&asked[1]).is_none(), "{backend} {fields}");
        }
    }
}

#[test]
fn answers_that_are_not_the_rest_begin_it_anew() {
    type Answer = fn(&Asked, usize, &mut TcpStream);
    let answers: [(&str, Answer); 6] = [
        ("another version", |_, _, stream| send(stream, "200 OK", "ETag: \"two\"\r\n", &content(1))),
        ("another version in parts", |_, from, stream| {
            let fields = content_range(from, LENGTH - 1, LENGTH) + "ETag: \"two\"\r\n";
            send(stream, "206 Partial Content", &fields, &content(1)[from..]);
        }),
        ("other bytes", |_, from, stream| {
            let fields = content_range(from - 1, LENGTH - 1, LENGTH);
            send(stream, "206 Partial Content", &fields, &content(0)[from - 1..]);
        }),
        ("another length", |_, from, stream| {
            let fields = content_range(from, LENGTH - 2, LENGTH - 1);
            send(stream, "206 Partial Content", &fields, &content(0)[from..LENGTH - 1]);
        }),
        ("no range", |_, from, stream| send(stream, "206 Partial Content", "", &content(0)[from..])),
        ("unsatisfiable", |_, _, stream| {
            send(stream, "416 Range Not Satisfiable", "Content-Range: bytes */1\r\n", b"")
        }),
    ];
    for backend in BACKENDS {
        for (name, answer) in answers {
            let (file, _) = cut_then(backend, "ETag: \"one\"\r\n", answer);
            assert!(file == content(1), "{backend}: {name}");
        }
    }
}

#[test]
fn a_server_that_gives_less_than_the_rest_is_asked_again() {
    for backend in BACKENDS {
        let (file, asked) = cut_then(backend, "ETag: \"one\"\r\n", |_, from, stream| {
            let end = (from + 150_000).min(LENGTH);
            let fields = content_range(from, end - 1, LENGTH);
            send(stream, "206 Partial Content", &fields, &content(0)[from..end]);
        });
        assert!(file == content(0), "{backend}");
        let ranges: Vec<_> = asked.iter().filter_map(range).collect();
        assert_eq!(ranges, [CUT, CUT + 150_000, CUT + 300_000]);
    }
}

/// Relays what a server sends, but for its end.
fn cutting_proxy(cut: usize) -> Script {
    Script::start(move |asked, stream| {
        let host = asked.field("host").expect("a host");
        let mut server = TcpStream::connect(host).expect("it listens");
        server.write_all(&asked.bytes).expect("it reads");
        let mut bytes = vec![0; cut];
        server.read_exact(&mut bytes).expect("so many bytes");
        let _ = stream.write_all(&bytes);
    })
}

#[test]
fn our_own_server_gives_the_rest() {
    let root = tempdir().unwrap();
    fs::write(root.path().join("file"), content(0)).unwrap();
    // So that the server trusts its date.
    thread::sleep(Duration::from_millis(10));
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let server = Program::start(&["--backend", backend, "--root", root.path().to_str().unwrap()]);
        let url = format!("http://{}/file", server.address(0));
        let proxy = cutting_proxy(CUT);
        let cut = got(command(folder.path(), backend, &["-O", &url]).env("http_proxy", &proxy.url));
        assert_eq!(cut.code, Some(1), "{backend}");
        let held = folder.path().join("file.part").metadata().unwrap().len();
        assert!(held > 0 && held < CUT as u64);
        let done = get(folder.path(), backend, &[&url, "-o", "file"]);
        assert_eq!((done.code, done.text()), (Some(0), ""), "{backend}");
        assert!(done.err.starts_with("HTTP/1.1 206 Partial Content\n"), "{}", done.err);
        assert!(fs::read(folder.path().join("file")).unwrap() == content(0), "{backend}");
        assert_eq!(names(folder.path()), ["file"]);

        // A part that has all of it already, and one of another file.
        for (key, part, expected) in [(true, content(0), "206"), (false, content(3), "200")] {
            let cut = got(command(folder.path(), backend, &["-O", &url]).env("http_proxy", &proxy.url));
            assert_eq!(cut.code, Some(1), "{backend}");
            fs::write(folder.path().join("file.part"), part).unwrap();
            let url = if key { url.clone() } else { format!("{url}?other") };
            let done = get(folder.path(), backend, &[&url, "-o", "file"]);
            assert!(done.err.starts_with(&format!("HTTP/1.1 {expected} ")), "{}", done.err);
            assert!(fs::read(folder.path().join("file")).unwrap() == content(0), "{backend}");
        }
        server.end();
    }
}

fn wait_for(path: &Path, length: u64) {
    while path.metadata().map_or(0, |found| found.len()) < length {
        thread::sleep(Duration::from_millis(5));
    }
}

/// With SIGTERM: programs that a shell starts in the background, and so perhaps these tests, are deaf to Ctrl-C.
#[test]
fn a_signal_ends_it_at_once_and_leaves_the_part() {
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let stalled = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&stalled);
        let server = Script::start(move |_, stream| {
            send_cut(stream, "ETag: \"one\"\r\n");
            kept.lock().unwrap().push(stream.try_clone().unwrap());
        });
        let mut command = command(folder.path(), backend, &["-O", &format!("{}/file", server.url)]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let part = folder.path().join("file.part");
        wait_for(&part, 200_000);
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (None, 0), "{backend}");
        let held = fs::read(&part).unwrap();
        assert!(content(0).starts_with(&held) && held.len() >= 200_000, "{backend}");
        assert_eq!(names(folder.path()), ["file.part", "file.part.from"]);
    }
}
