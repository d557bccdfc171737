//! The limit: epoll, system calls, and answers made beforehand. Nothing is checked that need not be known to answer.
//!
//! Its figures for large bodies are those of writing the same bytes in a loop, and of reading them in a loop.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;

use memchr::memmem;
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::listen;
use crate::routes::{PATTERN, PIECE, WHOLE};

const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: raw\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
/// The descriptor of the listener in the answers of epoll.
const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 1024;
/// The pattern of bodies repeats after so many bytes.
const PERIOD: usize = 256;
/// A chunk of one piece: its size, the piece, the end of its line.
static CHUNK: LazyLock<Vec<u8>> =
    LazyLock::new(|| [format!("{PIECE:x}\r\n").as_bytes(), &PATTERN[..PIECE], b"\r\n"].concat());

pub(crate) fn serve(addr: SocketAddr, threads: usize) -> io::Result<()> {
    let listeners = listen::bind_each(addr, threads)?;
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            listeners.into_iter().map(|listener| scope.spawn(|| Worker::run(listener))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })
}

/// One thread, its listener and its connections.
struct Worker {
    epoll: rustix::fd::OwnedFd,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    plaintext: Vec<u8>,
    json: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a request.
    rest: Vec<u8>,
    /// The end of answers that did not fit into the socket.
    unsent: Vec<u8>,
    doing: Doing,
    waits_to_write: bool,
}

/// What a connection is in the middle of.
#[derive(Clone, Copy)]
enum Doing {
    Requests,
    /// `at` is where the next byte of a sized body stands in the pattern, modulo its period.
    Sending {
        left: u64,
        at: usize,
        chunked: bool,
    },
    Echoing {
        left: u64,
    },
    Draining {
        left: u64,
        total: u64,
    },
}

/// What became of a connection.
enum Fate {
    Reads,
    Writes,
    Ends,
}

impl Worker {
    fn run(listener: TcpListener) -> io::Result<()> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let answer = |media_type, body: &str| {
            format!("{HEAD}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes()
        };
        let mut worker = Self {
            epoll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            plaintext: answer("text/plain", crate::routes::PLAINTEXT),
            json: answer("application/json", r#"{"message":"Hello, World!"}"#),
            input: vec![0; PIECE],
            output: Vec::new(),
        };
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            match epoll::wait(&worker.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Err(rustix::io::Errno::INTR) => {}
                other => _ = other?,
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => worker.accept()?,
                    at => worker.turn(at as usize)?,
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            epoll::add(&self.epoll, &stream, EventData::new_u64(at as u64), EventFlags::IN)?;
            self.connections[at] = Some(Connection {
                stream,
                rest: Vec::new(),
                unsent: Vec::new(),
                doing: Doing::Requests,
                waits_to_write: false,
            });
        }
        Ok(())
    }

    /// Goes on with a connection that can read or write.
    fn turn(&mut self, at: usize) -> io::Result<()> {
        let Some(mut connection) = self.connections[at].take() else { return Ok(()) };
        let fate = self.work(&mut connection).unwrap_or(Fate::Ends);
        let wants_to_write = match fate {
            Fate::Reads => false,
            Fate::Writes => true,
            Fate::Ends => {
                self.free.push(at);
                return Ok(());
            }
        };
        if wants_to_write != connection.waits_to_write {
            let flags = if wants_to_write { EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(&self.epoll, &connection.stream, EventData::new_u64(at as u64), flags)?;
            connection.waits_to_write = wants_to_write;
        }
        self.connections[at] = Some(connection);
        Ok(())
    }

    /// Writes what is owed, then reads once: level-triggered epoll reports what is left.
    fn work(&mut self, connection: &mut Connection) -> io::Result<Fate> {
        if connection.waits_to_write && !connection.write_on()? {
            return Ok(Fate::Writes);
        }
        let read = match connection.stream.read(&mut self.input) {
            Ok(0) => return Ok(Fate::Ends),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Fate::Reads),
            Err(error) => return Err(error),
        };
        self.output.clear();
        if connection.rest.is_empty() {
            let used = connection.take(&self.input[..read], &self.plaintext, &self.json, &mut self.output)?;
            connection.rest.extend_from_slice(&self.input[used..read]);
        } else {
            let mut rest = core::mem::take(&mut connection.rest);
            rest.extend_from_slice(&self.input[..read]);
            let used = connection.take(&rest, &self.plaintext, &self.json, &mut self.output)?;
            rest.drain(..used);
            connection.rest = rest;
        }
        Ok(if connection.write_first(&self.output)? { Fate::Reads } else { Fate::Writes })
    }
}

impl Connection {
    /// Puts the answers to all whole requests of `input` into `output`, and returns how many bytes those were.
    fn take(
        &mut self,
        input: &[u8],
        plaintext: &[u8],
        json: &[u8],
        output: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let mut at = 0;
        while at < input.len() {
            let left = &input[at..];
            match self.doing {
                Doing::Requests => {
                    let Some(end) = memmem::find(left, b"\r\n\r\n") else { break };
                    at += end + 4;
                    let head = &left[..end];
                    if head.starts_with(b"GET /plaintext ") {
                        output.extend_from_slice(plaintext);
                    } else if head.starts_with(b"GET /json ") {
                        output.extend_from_slice(json);
                    } else {
                        self.doing = begin(head, output).ok_or(io::ErrorKind::InvalidData)?;
                    }
                }
                Doing::Echoing { left: body } => {
                    let size = left.len().min(usize::try_from(body).unwrap_or(usize::MAX));
                    output.extend_from_slice(&left[..size]);
                    at += size;
                    let body = body - size as u64;
                    self.doing = if body == 0 { Doing::Requests } else { Doing::Echoing { left: body } };
                }
                Doing::Draining { left: body, total } => {
                    let size = left.len().min(usize::try_from(body).unwrap_or(usize::MAX));
                    at += size;
                    let body = body - size as u64;
                    self.doing = Doing::Draining { left: body, total };
                    if body == 0 {
                        let count = total.to_string();
                        write!(output, "{HEAD}Content-Length: {}\r\n\r\n{count}", count.len())?;
                        self.doing = Doing::Requests;
                    }
                }
                Doing::Sending { .. } => break,
            }
        }
        Ok(at)
    }

    /// Writes `output`, and what follows it. Returns whether all went.
    fn write_first(&mut self, output: &[u8]) -> io::Result<bool> {
        // The head and the bytes of a body that has one buffer leave in one call.
        let body: &[u8] = match self.doing {
            Doing::Sending { left, chunked: false, .. } if left <= WHOLE as u64 => {
                self.doing = Doing::Requests;
                &PATTERN[..left as usize]
            }
            Doing::Sending { .. } | Doing::Requests | Doing::Echoing { .. } | Doing::Draining { .. } => &[],
        };
        let total = output.len() + body.len();
        let mut sent = 0;
        while sent < total {
            let head = &output[sent.min(output.len())..];
            let rest = &body[sent.saturating_sub(output.len())..];
            let result = match (head, rest) {
                ([], bytes) | (bytes, []) => self.stream.write(bytes),
                (head, rest) => self.stream.write_vectored(&[IoSlice::new(head), IoSlice::new(rest)]),
            };
            match result {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unsent.extend_from_slice(head);
                    if !rest.is_empty() {
                        let at = (body.len() - rest.len()) % PERIOD;
                        self.doing = Doing::Sending { left: rest.len() as u64, at, chunked: false };
                    }
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.write_on()
    }

    /// Writes what is left. Returns whether all went.
    fn write_on(&mut self) -> io::Result<bool> {
        loop {
            if !self.unsent.is_empty() {
                match self.stream.write(&self.unsent) {
                    Ok(written) => _ = self.unsent.drain(..written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
                continue;
            }
            let Doing::Sending { left, at, chunked } = self.doing else { return Ok(true) };
            let size = left.min(PIECE as u64);
            let bytes: &[u8] = match (chunked, size as usize) {
                (false, size) => &PATTERN[at..at + size],
                (true, PIECE) => &CHUNK,
                (true, 0) => b"0\r\n\r\n",
                (true, size) => {
                    write!(self.unsent, "{size:x}\r\n")?;
                    self.unsent.extend_from_slice(&PATTERN[..size]);
                    self.unsent.extend_from_slice(b"\r\n");
                    &[]
                }
            };
            let written = match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unsent.extend_from_slice(if chunked { bytes } else { &[] });
                    0
                }
                Err(error) => return Err(error),
            };
            let blocked = written == 0 && !bytes.is_empty();
            if chunked {
                if written > 0 {
                    self.unsent.extend_from_slice(&bytes[written..]);
                }
                self.doing = if size == 0 {
                    Doing::Requests
                } else {
                    Doing::Sending { left: left - size, at, chunked }
                };
            } else {
                let (left, at) = (left - written as u64, (at + written) % PERIOD);
                self.doing = if left == 0 { Doing::Requests } else { Doing::Sending { left, at, chunked } };
            }
            if blocked {
                return Ok(false);
            }
        }
    }
}

/// Begins the answer to a request that is not canned.
fn begin(head: &[u8], output: &mut Vec<u8>) -> Option<Doing> {
    let text = core::str::from_utf8(head).ok()?;
    let (line, fields) = text.split_once("\r\n")?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let number = |prefix| path.strip_prefix(prefix)?.parse::<u64>().ok();
    if method == "POST" {
        let length = fields.split("\r\n").filter_map(|field| field.split_once(':'));
        let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: u64 = length.next()?.1.trim().parse().ok()?;
        if path == "/sink" && length == 0 {
            write!(output, "{HEAD}Content-Length: 1\r\n\r\n0").ok()?;
            return Some(Doing::Requests);
        }
        if path == "/sink" {
            return Some(Doing::Draining { left: length, total: length });
        }
        write!(output, "{HEAD}Content-Length: {length}\r\n\r\n").ok()?;
        return Some(if length == 0 { Doing::Requests } else { Doing::Echoing { left: length } });
    }
    if let Some(left) = number("/bytes/") {
        write!(output, "{HEAD}Content-Type: application/octet-stream\r\nContent-Length: {left}\r\n\r\n")
            .ok()?;
        return Some(Doing::Sending { left, at: 0, chunked: false });
    }
    let left = number("/chunked/")?;
    write!(output, "{HEAD}Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .ok()?;
    Some(Doing::Sending { left, at: 0, chunked: true })
}
