//! The program as a child process, and a client that speaks HTTP by hand.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `/post-something` gives back as it is.
pub(crate) const MESSAGE: &str = r#"{"message":"in progress"}"#;

/// The event loops that the program was built with.
pub(crate) const BACKENDS: &[&str] = &[
    #[cfg(feature = "tokio")]
    "tokio",
    #[cfg(feature = "smol")]
    "smol",
    #[cfg(feature = "async-std")]
    "async-std",
];

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anyloop"));
    command.arg("serve").args(args).env_remove("ANYLOOP_DEBUG");
    command
}

/// Runs the program to its end and returns the exit code, stdout and stderr.
pub(crate) fn fail(args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(args).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running server. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it printed at its start, a line for each address.
    pub(crate) lines: Vec<String>,
}

impl Program {
    /// Starts it on a free port of 127.0.0.1, with one worker unless `args` say more.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(&[&["--listen", "127.0.0.1:0"], args].concat()), 1)
    }

    /// Starts it and waits until it announced so many addresses.
    pub(crate) fn spawn(mut command: Command, addresses: usize) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let lines = (0..addresses)
            .map(|_| {
                let mut line = String::new();
                out.read_line(&mut line).expect("a line");
                line
            })
            .collect();
        Self { child, out, lines }
    }

    /// Returns the address of a line, as `127.0.0.1:1234`.
    pub(crate) fn address(&self, line: usize) -> &str {
        let (_, rest) = self.lines[line].split_once("http://").expect("an address");
        rest.split(' ').next().expect("an address")
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        self.connect_to(0)
    }

    pub(crate) fn connect_to(&self, line: usize) -> Client<TcpStream> {
        let stream = TcpStream::connect(self.address(line)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(BufReader::new(stream))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it lives");
    }

    pub(crate) fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().expect("piped"))
    }

    /// Waits for the end. Nothing more may have been printed.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, "");
        self.child.wait().expect("an end")
    }

    /// Ends it in order.
    pub(crate) fn end(self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait().code(), Some(0));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn connect_unix(path: &std::path::Path) -> io::Result<Client<UnixStream>> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(Client(BufReader::new(stream)))
}

/// A connection.
pub(crate) struct Client<S: Read>(BufReader<S>);

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("it reads");
    }

    /// Sends a GET request and reads the answer.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.answer()
    }

    /// Sends a POST request and reads the answer.
    pub(crate) fn post(&mut self, target: &str, media_type: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        self.answer()
    }

    /// Sends a PUT request and reads the answer.
    pub(crate) fn put(&mut self, target: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!("PUT {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"));
        self.answer()
    }

    /// Begins a POST to `/post-something` and waits until its handler asks for the body, which is [`MESSAGE`].
    pub(crate) fn begin_message(&mut self) {
        let length = MESSAGE.len();
        self.send(format!(
            "POST /post-something HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ));
        assert_eq!(self.head().status, 100);
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("cut short: {line:?}")).to_owned()
    }

    fn head(&mut self) -> Answer {
        let line = self.line();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            fields.push((name.to_owned(), value.to_owned()));
        }
        Answer { status, fields, body: Vec::new() }
    }

    /// Reads an answer, with the chunks of its body joined.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        if answer.field("transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).expect("a size");
                self.take(size, &mut answer.body);
                assert_eq!(self.line(), "");
                if size == 0 {
                    return answer;
                }
            }
        }
        let length = answer.field("content-length").map_or(0, |length| length.parse().expect("a length"));
        self.take(length, &mut answer.body);
        answer
    }

    fn take(&mut self, length: usize, into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + length, 0);
        self.0.read_exact(&mut into[start..]).expect("the whole body");
    }

    /// Reads what comes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut rest);
        rest
    }
}
