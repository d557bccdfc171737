//! Many URLs at once.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use sha2::{Digest, Sha256};
use tempfile::tempdir;

use crate::program::{BACKENDS, Program};
use crate::run::{command, get, got, names};
use crate::script::{Script, send};

fn sum(bytes: &[u8]) -> String {
    let digits: Vec<_> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// Bytes that differ from those of other seeds.
fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + seed * 7 + at / 251) % 256).unwrap()).collect()
}

#[test]
fn two_thousand_files_arrive_whole() {
    let root = tempdir().unwrap();
    let files: Vec<_> = (0..2_000).map(|number| content(number, number * 5)).collect();
    for (number, bytes) in files.iter().enumerate() {
        fs::write(root.path().join(format!("file {number}")), bytes).unwrap();
    }
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let server = Program::start(&["--backend", backend, "--root", root.path().to_str().unwrap()]);
        let mut list = String::from("# all of them\n\n");
        for (number, bytes) in files.iter().enumerate() {
            list += &format!("http://{}/file%20{number} {}\n", server.address(0), sum(bytes));
        }
        let mut command = command(folder.path(), backend, &["--list", "-", "-c", "64"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{backend}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "Downloaded: 2000\n", "{backend}");
        assert_eq!(output.status.code(), Some(0), "{backend}");
        assert_eq!(names(folder.path()).len(), 2_000);
        for (number, bytes) in files.iter().enumerate() {
            let found = fs::read(folder.path().join(format!("file {number}"))).unwrap();
            assert_eq!(sum(&found), sum(bytes), "{backend}: {number}");
        }
        server.end();
    }
}

/// Nobody gets an answer before so many have asked.
#[test]
fn so_many_are_asked_for_at_once_and_no_more() {
    const AT_ONCE: usize = 5;
    for backend in BACKENDS {
        let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (seen, together) = (Arc::clone(&most), Barrier::new(AT_ONCE));
        let server = Script::start(move |_, stream| {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            together.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            send(stream, "200 OK", "", b"x");
        });
        let folder = tempdir().unwrap();
        let urls: Vec<_> = (0..6 * AT_ONCE).map(|number| format!("{}/{number}", server.url)).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let done = get(folder.path(), backend, &[&urls[..], &["-c", "5"]].concat());
        assert_eq!((done.code, done.text(), &*done.err), (Some(0), "Downloaded: 30\n", ""), "{backend}");
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE, "{backend}");
    }
}

#[test]
fn few_descriptors_are_enough() {
    let server = Script::start(|asked, stream| send(stream, "200 OK", "", asked.line.as_bytes()));
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let list: String = (0..200).map(|number| format!("{}/{number}\n", server.url)).collect();
        fs::write(folder.path().join("list"), list).unwrap();
        let get = command(folder.path(), backend, &["--list", "list", "-c", "200"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]).arg(get.get_program()).args(get.get_args());
        let done = got(shell.current_dir(folder.path()).env("no_proxy", "*"));
        assert_eq!((done.code, done.text(), &*done.err), (Some(0), "Downloaded: 200\n", ""), "{backend}");
    }
}

#[test]
fn names_are_safe_and_given_once() {
    let server = Script::start(|asked, stream| send(stream, "200 OK", "", asked.line.as_bytes()));
    for backend in BACKENDS {
        let above = tempdir().unwrap();
        let folder = above.path().join("here");
        fs::create_dir(&folder).unwrap();
        let hostile = ["/..%2fout", "/%2fetc%2fx", "/..%5cout", "/%2ebashrc", "/.hidden", "/a%00b", "/a%0ab"];
        let good = ["/a", "/sub/a", "/a?b", "/", "/sub/", "/a%20b", "/a.part", "/../b"];
        let urls: Vec<_> = hostile.iter().chain(&good).map(|path| format!("{}{path}", server.url)).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let done = get(&folder, backend, &[&urls[..], &["-c", "1"]].concat());
        assert_eq!((done.code, done.text()), (Some(1), "Downloaded: 8, failed: 7\n"), "{backend}");
        assert_eq!(done.err.lines().count(), hostile.len(), "{}", done.err);
        let here = ["a", "a b", "a.1", "a.2", "a.part.1", "b", "index.html", "index.html.1"];
        assert_eq!(names(&folder), here, "{backend}");
        assert_eq!(names(above.path()), ["here"]);
        assert_eq!(fs::read_to_string(folder.join("a.1")).unwrap(), "GET /sub/a");
        assert_eq!(fs::read_to_string(folder.join("a.2")).unwrap(), "GET /a?b");
    }
}

/// Runs a download where the files that it uses lead outside.
#[test]
fn links_are_not_followed() {
    let server = Script::fixed("200 OK", "ETag: \"a\"\r\n", "new");
    for backend in BACKENDS {
        let above = tempdir().unwrap();
        let (folder, outside) = (above.path().join("here"), above.path().join("outside"));
        fs::create_dir(&folder).unwrap();
        fs::write(&outside, "mine").unwrap();
        for link in ["a", "a.part", "a.part.from"] {
            symlink(&outside, folder.join(link)).unwrap();
        }
        let done = get(&folder, backend, &["--save", &format!("{}/a", server.url)]);
        assert_eq!((done.code, done.text(), &*done.err), (Some(0), "Downloaded: 1\n", ""), "{backend}");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
        assert!(folder.join("a").symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read_to_string(folder.join("a")).unwrap(), "new");
        assert_eq!(names(&folder), ["a"]);
    }
}

#[test]
fn failures_are_counted_and_the_rest_goes_on() {
    let server = Script::start(|asked, stream| match &*asked.line {
        "GET /missing" => send(stream, "404 Not Found", "", b"no"),
        "GET /same" => send(stream, "304 Not Modified", "", b""),
        "GET /partial" => send(stream, "206 Partial Content", "Content-Range: bytes 0-1/9\r\n", b"ab"),
        "GET /folder" => send(stream, "200 OK", "", b"x"),
        _ => send(stream, "200 OK", "", b"good"),
    });
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let url = &server.url;
        let list = format!(
            "{url}/missing\n{url}/same\n{url}/partial\n{url}/folder\n{url}/wrong {}\n{url}/right {}\n\
             {url}/bad sha256:0\nftp://a/\nhttps://127.0.0.1:1/secure\n{url}/good\n",
            sum(b"other"),
            sum(b"good")
        );
        fs::write(folder.path().join("list"), list).unwrap();
        let done = get(folder.path(), backend, &["--list", "list", "-c", "1"]);
        assert_eq!((done.code, done.text()), (Some(1), "Downloaded: 2, failed: 8\n"), "{backend}");
        let lines: Vec<_> = done.err.lines().collect();
        assert_eq!(lines.len(), 8, "{}", done.err);
        for (line, text) in lines.iter().zip([
            "404 Not Found",
            "304 Not Modified",
            "206 Partial Content",
            "folder: Is a directory",
            "was wanted; deleted",
            "64 hexadecimal digits",
            "neither http nor https",
            "/secure: ",
        ]) {
            assert!(line.starts_with("anyloop: ") && line.contains(text), "{line}: {text}");
        }
        assert_eq!(names(folder.path()), ["folder", "folder.part", "good", "list", "right"]);

        let quiet = get(folder.path(), backend, &["-q", "--list", "list", "-c", "1"]);
        assert_eq!((quiet.code, quiet.text(), quiet.err.lines().count()), (Some(1), "", 8));
        let missing = get(folder.path(), backend, &["--list", "none"]);
        assert_eq!(missing.err, "anyloop: none: No such file or directory (os error 2)\n");
        assert_eq!(missing.code, Some(1));
    }
}

#[test]
fn a_full_disk_is_told() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = tempdir().unwrap();
    let server = Script::fixed("200 OK", "", "x");
    for backend in BACKENDS {
        let failed = get(folder.path(), backend, &["-q", "-o", "/dev/full", &server.url]);
        assert_eq!(failed.code, Some(1));
        assert_eq!(failed.err, "anyloop: /dev/full: No space left on device (os error 28)\n", "{backend}");
    }
}
