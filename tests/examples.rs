//! Runs the programs of `examples/` as a reader would, on each event loop.
//!
//! `cargo test` builds them; with `cargo test --test examples` run `cargo build --examples` first. A test waits for what
//! a program prints or sends; the only limit in time is the one that turns a hang into a failure.

#![cfg(unix)]

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyloop::core::sim::Sim;
use rustix::process::{Pid, Signal, kill_process};

#[allow(dead_code, reason = "its main is for the program")]
#[path = "../examples/timed_wait.rs"]
mod timed_wait;

/// Turns a hang into a failure; no program comes near it.
const HANG: Duration = Duration::from_secs(60);

/// A running example. Dropping it kills it.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(words: &[&str]) -> Self {
        let (name, args) = words.split_first().expect("a name");
        let mut child = Command::new(path(name))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path(name).display()));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// Starts it on any port and waits until it listens.
    fn listening(words: &[&str]) -> (Self, SocketAddr) {
        let program = Self::start(&[words, &["--port", "0"]].concat());
        let line = program.line();
        let address = line.strip_prefix("listening on ").expect("it says where it listens");
        (program, address.parse().expect("an address"))
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(HANG).expect("a line")
    }

    /// Waits for its end, and returns what it still printed.
    fn end(mut self) -> (Vec<String>, ExitStatus) {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(HANG) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end; it printed {rest:?}"),
            }
        }
        let status = self.child.wait().expect("its status");
        (rest, status)
    }

    /// Presses Ctrl-C.
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo puts an example: beside the folder of this test.
fn path(example: &str) -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("a folder").join("examples");
    folder.join(example).with_extension(env::consts::EXE_EXTENSION)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    stream
}

fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    stream.write_all(bytes.as_ref()).expect("write");
}

fn expect(stream: &mut TcpStream, expected: &str) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).expect("read");
    assert_eq!(String::from_utf8_lossy(&got), expected);
}

fn expect_end(stream: &mut TcpStream, expected: &str) {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("read");
    assert_eq!(String::from_utf8_lossy(&got), expected);
}

fn pong(words: &[&str]) {
    let (_program, address) = Program::listening(words);
    let browser = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for request in ["ping", browser, &"long".repeat(5_000)] {
        let mut stream = connect(address);
        send(&mut stream, request);
        expect_end(&mut stream, "pong");
    }
    let mut silent = connect(address);
    silent.shutdown(Shutdown::Write).expect("shutdown");
    expect_end(&mut silent, "");
}

fn echo_protocol(words: &[&str]) {
    let (program, address) = Program::listening(words);
    let mut stream = connect(address);
    assert_eq!(program.line(), "Connection made");
    send(&mut stream, "hello\n");
    expect(&mut stream, "echo:hello\n");
    assert_eq!(program.line(), "b\"hello\\n\"");
    send(&mut stream, "grüße\x1b");
    expect(&mut stream, "echo:grüße\x1b");
    assert_eq!(program.line(), "b\"gr\\xc3\\xbc\\xc3\\x9fe\\x1b\"");
    stream.shutdown(Shutdown::Write).expect("shutdown");
    expect_end(&mut stream, "");
    let (rest, status) = program.end();
    assert_eq!(rest, ["Connection lost! Closing server..."]);
    assert!(status.success());
    assert_eq!(TcpStream::connect(address).expect_err("it is closed").kind(), ErrorKind::ConnectionRefused);
}

fn echo_task(words: &[&str]) {
    let (program, address) = Program::listening(words);
    let (mut one, mut two, mut three) = (connect(address), connect(address), connect(address));
    send(&mut one, "first\nsec");
    expect(&mut one, "echo:first\n");
    send(&mut two, "other\r\n\n");
    expect(&mut two, "echo:other\necho:\n");
    send(&mut one, "ond\nlast");
    expect(&mut one, "echo:second\n");
    one.shutdown(Shutdown::Write).expect("shutdown");
    expect_end(&mut one, "echo:last\n");
    let longest = "x".repeat(8 * 1024 - 1);
    send(&mut three, format!("{longest}\n"));
    expect(&mut three, &format!("echo:{longest}\n"));
    send(&mut three, format!("{longest}x\n"));
    expect_end(&mut three, "");
    drop((one, three));
    program.interrupt();
    expect_end(&mut two, "");
    drop(two);
    let (lines, status) = program.end();
    let long = format!("b\"{longest}\"");
    assert_eq!(
        lines,
        ["b\"first\"", "b\"other\"", "b\"\"", "b\"second\"", "b\"last\"", &long, "3 Clients Served"]
    );
    assert!(status.success());
}

fn timed_wait(words: &[&str]) {
    let (lines, status) = Program::start(words).end();
    assert!(status.success());
    let [wait, waited] = &lines[..] else { panic!("two lines, not {lines:?}") };
    for (line, start) in [(wait, "wait for 2 seconds at "), (waited, "waited for 2 seconds at ")] {
        let time = line.strip_prefix(start).expect("what it does");
        let digits: Vec<u8> = time.split(':').map(|part| part.parse().expect("a number")).collect();
        assert!(time.len() == 8 && matches!(digits[..], [0..24, 0..60, 0..60]), "{time}");
    }
}

fn http(words: &[&str], page: &str) {
    let (_program, address) = Program::listening(words);
    let mut stream = connect(address);
    send(
        &mut stream,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    let mut got = String::new();
    stream.read_to_string(&mut got).expect("read");
    let (first, second) = got.split_once(page).expect("the page");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && first.ends_with("\r\n\r\n"), "{first}");
    assert!(second.starts_with("HTTP/1.1 404 Not Found\r\n"), "{second}");
    let mut broken = connect(address);
    send(&mut broken, "no HTTP\r\n\r\n");
    let mut got = String::new();
    broken.read_to_string(&mut got).expect("read");
    assert!(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{got}");
}

fn slow_neighbour(words: &[&str]) {
    let (program, _) = Program::listening(words);
    let (lines, status) = program.end();
    assert!(status.success());
    let position = |start| lines.iter().position(|line| line.starts_with(start)).expect(start);
    let waits = position("GET /waits: ");
    let elsewhere = position("GET /elsewhere: ");
    let named = position("debug: GET /blocks: one poll took ");
    let blocks = position("GET /blocks: ");
    assert!(waits < elsewhere && elsewhere < named && named < blocks, "{lines:?}");
}

/// Makes a test of each program for each backend.
fn downloads(words: &[&str]) {
    let (_server, address) = Program::listening(&["blocking", "http"]);
    let refused =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let mut urls: Vec<_> = (0..100).map(|n| format!("http://{address}/?{n}")).collect();
    urls.push(format!("http://{refused}/"));
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let (mut lines, status) = Program::start(&[words, &urls].concat()).end();
    assert!(status.success());
    assert_eq!(lines.pop().as_deref(), Some("downloaded: 100, failed: 1"));
    let report = "22 bytes, 3 of them 'o'";
    let is_done = |url: &&str| lines.contains(&format!("{url}: {report}"));
    assert_eq!(urls.iter().filter(|url| is_done(url)).count(), 100, "{lines:?}");
    let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("failed: ")).collect();
    assert!(failed.len() == 1 && failed[0].contains(&refused.to_string()), "{failed:?}");
}

macro_rules! on_each_backend {
    ($($program:ident),*) => {
        on_each_backend!(@backend tokio, "tokio"; $($program),*);
        on_each_backend!(@backend smol, "smol"; $($program),*);
        on_each_backend!(@backend async_std, "async-std"; $($program),*);
    };
    (@backend $module:ident, $backend:literal; $($program:ident),*) => {
        mod $module {
            $(#[test] fn $program() {
                super::$program(&[stringify!($program), "--backend", $backend]);
            })*
        }
    };
}

on_each_backend!(pong, echo_protocol, echo_task, timed_wait, slow_neighbour, downloads);

#[test]
fn blocking_threads_speak_the_same_protocols() {
    pong(&["blocking", "pong"]);
    echo_protocol(&["blocking", "echo"]);
    http(&["blocking", "http"], "<h1>no event loop</h1>");
}

#[test]
fn a_blocking_socket_gets_a_page_and_a_pong_is_none() {
    let get = |url: String| Command::new(path("blocking_get")).arg(url).output().expect("it runs");
    let (_page, address) = Program::listening(&["blocking", "http"]);
    let output = get(format!("http://{address}/"));
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && notes.starts_with("200 OK\n"), "{notes}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "<h1>no event loop</h1>");
    let output = get(format!("http://{address}/nowhere?x=y"));
    assert!(output.stderr.starts_with(b"404 Not Found\n"));

    let (_pong, address) = Program::listening(&["pong"]);
    let output = get(format!("http://{address}"));
    assert!(!output.status.success() && output.stdout.is_empty());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "the response does not begin with a status line\n");

    let output = get("ftp://localhost/".to_owned());
    assert!(!output.status.success());
}

#[test]
fn the_mini_loop_speaks_the_same_protocols() {
    pong(&["mini_loop", "pong"]);
    echo_protocol(&["mini_loop", "echo"]);
    http(&["mini_loop", "http"], "<h1>my own event loop</h1>");
}

#[test]
fn options_that_are_none_are_refused() {
    for (words, reason) in [
        (&["--backend", "asyncio"][..], "the backends are tokio, smol and async-std"),
        (&["--backend"], "the backends are"),
        (&["--port", "65536"], "PosOverflow"),
        (&["--bind", "::1"], "unknown option --bind"),
    ] {
        let output = Command::new(path("pong")).args(words).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(reason), "{words:?}: {errors}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_simulated_wait_takes_no_time() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let mut lines = Vec::new();
        sim.run(Duration::from_secs(3), timed_wait::timed_wait(sim.clone(), |line| lines.push(line)))
            .unwrap();
        assert_eq!(lines, ["wait for 2 seconds at 08:49:37", "waited for 2 seconds at 08:49:39"]);
    }
}
