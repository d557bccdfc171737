//! On a terminal: bars, and no binary data.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::tempdir;

use crate::program::BACKENDS;
use crate::run::command;
use crate::script::{Script, send};

/// Runs a program with a terminal in place of what `wire` connects, and returns the exit code and what the terminal saw.
fn on_terminal(mut command: Command, wire: impl Fn(&mut Command, Stdio)) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("rights");
    unlockpt(&ours).expect("no lock");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    let theirs = OpenOptions::new().read(true).write(true).open(name).expect("the other end");
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    wire(&mut command, theirs.into());
    let mut child = command.env("TERM", "xterm").spawn().expect("the program starts");
    // Its ends are closed with it, so that reading ends when the program does.
    drop(command);
    let mut seen = Vec::new();
    // The end of a terminal is an error on Linux.
    let _ = File::from(ours).read_to_end(&mut seen);
    let code = child.wait().expect("an end").code();
    (code, String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn binary_data_is_refused_unless_it_is_asked_for() {
    let folder = tempdir().unwrap();
    let binary = Script::fixed("200 OK", "", "abc\0def");
    let text = Script::fixed("200 OK", "", "abc");
    let stdout = |command: &mut Command, terminal| {
        command.stdout(terminal).stderr(Stdio::null());
    };
    for backend in BACKENDS {
        let ask = |args: &[&str]| on_terminal(command(folder.path(), backend, args), stdout);
        assert_eq!(ask(&[&binary.url]), (Some(1), String::new()), "{backend}");
        assert_eq!(ask(&[&binary.url, "-o", "-"]), (Some(0), "abc\0def".into()), "{backend}");
        assert_eq!(ask(&[&text.url]), (Some(0), "abc".into()), "{backend}");
    }
}

#[test]
fn bars_are_drawn_and_go() {
    let server = Script::start(|_, stream| send(stream, "200 OK", "", &[b'x'; 100_000]));
    let stderr = |command: &mut Command, terminal| {
        command.stderr(terminal).stdout(Stdio::null());
    };
    for backend in BACKENDS {
        let folder = tempdir().unwrap();
        let urls = ["/one", "/two", "/three", "/.bad"].map(|path| format!("{}{path}", server.url));
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let (code, seen) = on_terminal(command(folder.path(), backend, &urls), stderr);
        assert_eq!(code, Some(1), "{backend}");
        assert!(seen.contains("/4"), "{backend}: {seen:?}");
        assert!(seen.contains("its name begins with a dot\r\n"), "{backend}: {seen:?}");
        let quiet = on_terminal(command(folder.path(), backend, &[&urls[..3], &["-q"]].concat()), stderr);
        assert_eq!(quiet, (Some(0), String::new()), "{backend}");
    }
}
