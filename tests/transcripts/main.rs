//! One set of recorded conversations, played to every backend in both worker models: each answers the same bytes.
//!
//! `recorded.txt` holds them. A conversation begins with `# NAME` and runs to the next one. A line `> TEXT` is sent, a
//! line `| ` stands for the end of what the client sends, and lines `< TEXT` are what the server answers, to the byte
//! but for the date. Answers before the last `>` or `|` of a conversation are read before the client goes on; after it,
//! the client reads until the server closes. Where chunks follow the reads of the server, `~ TEXT` stands for the
//! answer with its chunks joined. Text is escaped as in Rust; what stands in one line is sent in one write.

mod app;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use std::{fs, thread};

use anyloop::core::driver::{Peer, Spawn, Workers};
use anyloop::core::server::Connection;
use anyloop::{Model, Router, Server, SharedRuntime};

const RECORDED: &str = include_str!("recorded.txt");
/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(20);
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Send,
    End,
    Answer,
    Joined,
}

struct Step {
    kind: Kind,
    bytes: Vec<u8>,
}

struct Conversation {
    name: &'static str,
    steps: Vec<Step>,
}

fn recorded() -> Vec<Conversation> {
    let mut all: Vec<Conversation> = Vec::new();
    for line in RECORDED.lines().filter(|line| !line.is_empty()) {
        let (mark, text) = line.split_once(' ').unwrap_or((line, ""));
        if mark == "#" {
            all.push(Conversation { name: text, steps: Vec::new() });
            continue;
        }
        let kind = match mark {
            ">" => Kind::Send,
            "|" => Kind::End,
            "<" => Kind::Answer,
            "~" => Kind::Joined,
            _ => panic!("{line}"),
        };
        let steps = &mut all.last_mut().expect("a conversation").steps;
        let bytes = unescape(text);
        match steps.last_mut() {
            // An answer is written a line of its own for each line that it has.
            Some(last) if last.kind == kind && matches!(kind, Kind::Answer | Kind::Joined) => {
                last.bytes.extend(bytes);
            }
            _ => steps.push(Step { kind, bytes }),
        }
    }
    all
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        rest = more;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, more) = rest.split_first().expect("an escape");
        rest = more;
        match kind {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'\\' | b'"' | b'\'' => bytes.push(kind),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("a byte"));
                rest = &rest[2..];
            }
            _ => panic!("{text}"),
        }
    }
    bytes
}

/// Plays a conversation and writes down what was said, as it would stand in the file.
fn play(conversation: &Conversation, address: SocketAddr) -> String {
    let mut said = format!("# {}\n", conversation.name);
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    let last = conversation.steps.iter().rposition(|step| matches!(step.kind, Kind::Send | Kind::End));
    let last = last.expect("something to send");
    for step in &conversation.steps[..=last] {
        match step.kind {
            Kind::Send => {
                stream.write_all(&step.bytes).expect("it reads");
                note(&mut said, '>', &step.bytes);
            }
            Kind::End => {
                stream.shutdown(Shutdown::Write).expect("an end");
                said.push_str("|\n");
            }
            Kind::Answer => {
                let mut bytes = vec![0; step.bytes.len()];
                stream.read_exact(&mut bytes).expect("an answer");
                note_lines(&mut said, '<', &undated(bytes));
            }
            Kind::Joined => panic!("{}: chunks are joined at the end only", conversation.name),
        }
    }
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer and its end");
    let bytes = undated(bytes);
    match conversation.steps.get(last + 1).map(|step| step.kind) {
        Some(Kind::Joined) => note_lines(&mut said, '~', &joined(&bytes)),
        Some(Kind::Answer | Kind::Send | Kind::End) | None => note_lines(&mut said, '<', &bytes),
    }
    said
}

fn note(said: &mut String, mark: char, bytes: &[u8]) {
    writeln!(said, "{mark} {}", bytes.escape_ascii()).expect("memory");
}

fn note_lines(said: &mut String, mark: char, bytes: &[u8]) {
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        note(said, mark, line);
    }
}

/// Puts one date for every date.
fn undated(mut bytes: Vec<u8>) -> Vec<u8> {
    let name = b"\r\ndate: ";
    for at in 0..bytes.len() {
        let value = at + name.len()..at + name.len() + DATE.len();
        if bytes.len() > value.end && bytes[at..value.start].eq_ignore_ascii_case(name) {
            assert!(bytes[..value.end].ends_with(b" GMT"), "a date of the fixed form");
            bytes[value].copy_from_slice(DATE.as_bytes());
        }
    }
    bytes
}

/// Joins the chunks of the last answer: what stands before it stays as it is.
fn joined(bytes: &[u8]) -> Vec<u8> {
    let find = |from: usize, what: &[u8]| {
        from + bytes[from..].windows(what.len()).position(|found| found == what).expect("a line's end")
    };
    let coding = b"transfer-encoding: chunked\r\n";
    let field = bytes.windows(coding.len()).rposition(|found| found.eq_ignore_ascii_case(coding));
    let mut at = find(field.expect("chunks"), b"\r\n\r\n") + 4;
    let mut whole = bytes[..at].to_vec();
    loop {
        let end = find(at, b"\r\n");
        let size =
            std::str::from_utf8(&bytes[at..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a size");
        at = end + 2;
        if size == 0 {
            whole.extend_from_slice(&bytes[at..]);
            return whole;
        }
        whole.extend_from_slice(&bytes[at..at + size]);
        assert_eq!(&bytes[at + size..at + size + 2], b"\r\n");
        at += size + 2;
    }
}

/// Plays all conversations at once to one server, and writes them down in their order.
fn play_all<W>(model: Model) -> String
where
    W: Workers + SharedRuntime,
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let server = Server::builder()
        .workers(2)
        .model(model)
        .limits(|limits| {
            (limits.max_target, limits.max_head, limits.max_fields) = (1000, 2000, 20);
            limits.max_collect = 1000;
            (limits.max_pipelined, limits.max_requests) = (4, 10);
        })
        .bind("127.0.0.1:0")
        .expect("a port");
    let Peer::Tcp(address) = *server.local_addr() else { panic!("no port") };
    let serving = server.serve::<W, _, _>(app::app::<W>).expect("it starts");
    let conversations = recorded();
    let said = thread::scope(|scope| {
        let playing: Vec<_> =
            conversations.iter().map(|one| (one.name, scope.spawn(move || play(one, address)))).collect();
        let said = playing.into_iter().map(|(name, one)| one.join().unwrap_or_else(|_| panic!("{name}")));
        said.collect::<Vec<_>>().join("\n")
    });
    serving.shutdown().announce();
    serving.wait_closed().expect("an end in order");
    said
}

fn plays_as_recorded<W>()
where
    W: Workers + SharedRuntime,
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    for model in [Model::PerCore, Model::Stealing] {
        let said = play_all::<W>(model);
        if said != RECORDED {
            let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/recorded.txt");
            fs::write(path, &said).expect("a file");
            let other = said.lines().zip(RECORDED.lines()).find(|(said, recorded)| said != recorded);
            panic!("{model}: not as recorded: {other:#?}; all of it is in {path}");
        }
    }
}

#[test]
fn tokio_plays_as_recorded() {
    plays_as_recorded::<anyloop_tokio::Tokio>();
}

#[test]
fn smol_plays_as_recorded() {
    plays_as_recorded::<anyloop_smol::Smol>();
}

#[test]
fn async_std_plays_as_recorded() {
    plays_as_recorded::<anyloop_async_std::AsyncStd>();
}
