//! The program, started and spoken to over sockets, on every event loop that it was built with.
#![cfg(unix)]

mod files;
mod program;

use std::io::BufRead;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use program::{BACKENDS, MESSAGE, Program, command, connect_unix, fail};
use rustix::process::Signal;

#[test]
fn every_backend_serves_in_both_models_and_ends_in_order() {
    for backend in BACKENDS {
        for (model, workers, noun) in [("per-core", "2", "workers"), ("stealing", "1", "worker")] {
            let args = ["--backend", backend, "--model", model, "--workers", workers];
            let program = Program::start(&args);
            let address = program.address(0).to_owned();
            assert!(!address.ends_with(":0"));
            let line = format!(
                "listening on http://{address} (backend {backend}, model {model}, {workers} {noun})\n"
            );
            assert_eq!(program.lines, [line]);

            let mut client = program.connect();
            let home = client.get("/");
            assert_eq!((home.status, home.text()), (200, "<!DOCTYPE html><h3>Home page</h3>"));
            assert_eq!(home.field("server"), Some("almost-an-nginx"));
            assert!(home.field("date").is_some_and(|date| date.ends_with(" GMT")), "{home:?}");
            assert_eq!(client.get("/stream/3").text(), "line 1\nline 2\nline 3\n");
            assert_eq!(client.get("/bytes/100000").body.len(), 100_000);
            assert_eq!(client.get("/delay/1").text(), "waited for 1 ms\n");
            assert_eq!(client.post("/echo", "text/plain", "h\u{e4}llo").text(), "h\u{e4}llo");
            client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /json HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.answer().text(), r#"{"hello":"world"}"#);
            assert_eq!(client.answer().text(), r#"{"message":"Hello, World!"}"#);
            drop(client);
            program.end();
        }
    }
}

#[test]
fn a_request_in_progress_is_answered_after_the_signal() {
    for backend in BACKENDS {
        for signal in [Signal::TERM, Signal::INT] {
            let program = Program::start(&["--backend", backend]);
            let mut client = program.connect();
            client.begin_message();
            program.signal(signal);
            client.send(MESSAGE);
            let answer = client.answer();
            assert_eq!((answer.status, answer.text()), (200, MESSAGE), "{backend}");
            assert_eq!(client.rest(), b"", "{backend}");
            drop(client);
            assert_eq!(program.wait().code(), Some(0), "{backend}");
        }
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    for backend in BACKENDS {
        let program = Program::start(&["--backend", backend, "--drain", "1h"]);
        let mut client = program.connect();
        client.begin_message();
        program.signal(Signal::TERM);
        program.signal(Signal::INT);
        let code = program.wait().code();
        assert!(matches!(code, Some(130 | 143)), "{backend}: {code:?}");
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn several_addresses_are_served_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let unix = format!("unix:{}", socket.display());
    for backend in BACKENDS {
        let mut args = vec!["--backend", backend, "-l", "127.0.0.1:0", "-l", "localhost:0", "-l", &unix];
        let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
        if has_ipv6 {
            args.extend(["-l", "[::1]:0"]);
        }
        let program = Program::spawn(command(&args), if has_ipv6 { 4 } else { 3 });
        assert!(program.lines[2].starts_with(&format!("listening on {unix} (backend {backend}, ")));
        assert_eq!(program.connect_to(0).get("/hello").status, 200);
        assert_eq!(program.connect_to(1).get("/hello").status, 200);
        assert_eq!(connect_unix(&socket).unwrap().get("/hello").status, 200);
        if has_ipv6 {
            assert!(program.address(3).starts_with("[::1]:"));
            assert_eq!(program.connect_to(3).get("/hello").status, 200);
        }
        program.end();
        assert!(!socket.exists(), "{backend}: the file goes at exit");
    }
}

#[test]
fn the_socket_of_a_dead_server_is_replaced_and_that_of_a_living_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let unix = format!("unix:{}", socket.display());
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let program = Program::spawn(command(&["--listen", &unix]), 1);
    assert_eq!(connect_unix(&socket).unwrap().get("/hello").status, 200);

    let (code, out, err) = fail(&["--listen", &unix]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with(&format!("anyloop: can't listen on {unix}: ")), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert_eq!(connect_unix(&socket).unwrap().get("/hello").status, 200, "the living one goes on");
    program.end();
}

#[test]
fn errors_are_one_line_and_a_code() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let holder = Program::start(&[]);
    let held = holder.address(0);
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = file.path().display().to_string();
    let free = "127.0.0.1:0";
    for (args, code, start) in [
        (&["--listen", held][..], 1, format!("anyloop: can't listen on {held}: Address already in use")),
        (&["--listen", free, "--listen", held], 1, format!("anyloop: can't listen on {held}: Address alr")),
        (&["--listen", free, "--root", "/no/where"], 1, "anyloop: no such directory: /no/where\n".into()),
        (&["--listen", free, "--root", &file], 1, format!("anyloop: not a directory: {file}\n")),
        (
            &["--listen", "nonsense"],
            2,
            "anyloop: invalid value 'nonsense' for '--listen <ADDR>': no port".into(),
        ),
        (&["--max-head", "1x"], 2, "anyloop: invalid value '1x' for '--max-head <SIZE>': write a".into()),
        (&["--idle", "5"], 2, "anyloop: invalid value '5' for '--idle <TIME>': write a span".into()),
        (&["--workers", "0"], 2, "anyloop: invalid value '0' for '--workers <N>'".into()),
    ] {
        let (found, out, err) = fail(args);
        assert_eq!((found, out.as_str()), (Some(code), ""), "{args:?}: {err}");
        assert!(err.starts_with(&start), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{args:?}: {err}");
    }
    for (args, start) in [
        (
            &["--backend", "nodejs"][..],
            "anyloop: invalid value 'nodejs' for '--backend <NAME>' [possible values: ",
        ),
        (
            &["--model", "magic"],
            "anyloop: invalid value 'magic' for '--model <MODEL>' [possible values: per-core",
        ),
        (
            &["--listne", "x"],
            "anyloop: unexpected argument '--listne' found; a similar argument exists: '--listen'\n",
        ),
        (&["--demo"], "anyloop: the following required arguments were not provided: --root <DIR>\n"),
        (&["more"], "anyloop: unexpected argument 'more' found\n"),
    ] {
        let (code, out, err) = fail(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.starts_with(start), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{args:?}: {err}");
    }
    assert_ne!(taken, held);
    holder.end();
}

#[test]
fn limits_and_timeouts_given_as_flags_take_effect() {
    for backend in BACKENDS {
        let flags = ["--max-target", "100", "--max-collect", "1k", "--handler", "50ms", "--head", "100ms"];
        let program = Program::start(&[&["--backend", backend][..], &flags].concat());
        let target = |length: usize| format!("/{}", "x".repeat(length - 1));
        assert_eq!(program.connect().get(&target(100)).status, 404);
        assert_eq!(program.connect().get(&target(101)).status, 414);
        let json = |length: usize| format!("{{\"message\":\"{}\"}}", "x".repeat(length - 14));
        let post = |body: &str| program.connect().post("/post-something", "application/json", body);
        assert_eq!(post(&json(1024)).status, 200);
        assert_eq!(post(&json(1025)).status, 413);
        assert_eq!(program.connect().get("/delay/9999").status, 503);
        let mut slow = program.connect();
        slow.send("GET / HTTP/1.1\r\nHo");
        assert_eq!(slow.answer().status, 408);
        drop(slow);
        program.end();
    }
}

#[test]
fn more_clients_than_descriptors_are_all_served() {
    for backend in BACKENDS {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_anyloop"), "serve"]);
        shell.args(["--backend", backend, "--workers", "2", "--linger", "0s", "--listen", "127.0.0.1:0"]);
        let program = Program::spawn(shell, 1);
        let mut clients: Vec<_> = (0..200).map(|_| program.connect()).collect();
        for client in &mut clients {
            client.send("GET /hello HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        }
        for mut client in clients {
            assert_eq!(client.answer().status, 200, "{backend}");
        }
        program.end();
    }
}

#[test]
fn debug_mode_names_the_handler() {
    for backend in BACKENDS {
        for by_flag in [true, false] {
            let mut command = command(&["--backend", backend, "--listen", "127.0.0.1:0"]);
            match by_flag {
                true => command.arg("--debug"),
                false => command.env("ANYLOOP_DEBUG", "1"),
            };
            let mut program = Program::spawn(
                {
                    command.stderr(Stdio::piped());
                    command
                },
                1,
            );
            let mut err = program.stderr();
            let mut client = program.connect();
            client.send("POST /params HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(client.answer().status, 200);
            let mut line = String::new();
            err.read_line(&mut line).unwrap();
            assert_eq!(line, "anyloop: POST /params: the request body was not read to its end\n");
            drop(client);
            let mut other = program.connect();
            assert_eq!(other.put("/hello", "x").status, 405);
            line.clear();
            err.read_line(&mut line).unwrap();
            assert_eq!(line, "anyloop: PUT 405: the request body was not read to its end\n");
            drop(other);
            program.end();
        }
    }
}

#[test]
fn debug_mode_counts_the_connections_alive_at_exit() {
    for backend in BACKENDS {
        let mut command = command(&["--backend", backend, "--listen", "127.0.0.1:0", "--debug"]);
        command.args(["--drain", "10ms", "--kill", "10ms"]).stderr(Stdio::piped());
        let mut program = Program::spawn(command, 1);
        let err = program.stderr();
        let mut client = program.connect();
        client.begin_message();
        program.signal(Signal::TERM);
        let lines: Vec<_> = err.lines().map(Result::unwrap).collect();
        assert!(lines.iter().any(|line| line == "anyloop: 1 connection alive at exit, dropped"), "{lines:?}");
        let dropped = "anyloop: POST /post-something: dropped before it answered";
        assert!(lines.iter().any(|line| line == dropped), "{lines:?}");
        assert_eq!(program.wait().code(), Some(0), "{backend}");
    }
}

#[test]
fn help_names_the_flags_and_what_they_are_by_default() {
    let (code, help, err) = fail(&["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for text in [
        "--listen <ADDR>",
        "[default: 127.0.0.1:8888]",
        "--max-target <SIZE>",
        "[default: 16g]",
        "[default: 75s]",
    ] {
        assert!(help.contains(text), "{text}");
    }
    let widest = help.lines().map(str::len).max();
    assert!(widest <= Some(100), "{widest:?}");
}
