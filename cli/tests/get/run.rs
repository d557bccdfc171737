//! Runs `anyloop get`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text")
    }
}

pub(crate) fn command(folder: &Path, backend: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anyloop"));
    command.arg("get").args(["--backend", backend]).args(args).current_dir(folder);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it in a folder to its end.
pub(crate) fn get(folder: &Path, backend: &str, args: &[&str]) -> Got {
    got(&mut command(folder, backend, args))
}

pub(crate) fn got(command: &mut Command) -> Got {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    Got { code: status.code(), out: stdout, err: String::from_utf8(stderr).expect("text") }
}

/// Returns the names of what is in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().expect("text")).collect();
    names.sort();
    names
}
