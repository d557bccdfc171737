//! A server that answers as it is told, over blocking sockets, and closes after each answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A server that answers as it is told.
pub(crate) struct Script {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    /// Starts it: `answer` writes what it likes.
    pub(crate) fn start(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.expect("a connection");
                    let request = read(&stream);
                    seen.lock().expect("no panic").push(request.clone());
                    answer(&request, &mut stream);
                });
            }
        });
        Self { url, asked }
    }

    /// Starts one that gives the same answer to all, with its length.
    pub(crate) fn fixed(status: &'static str, fields: &'static str, body: &'static str) -> Self {
        Self::start(move |_, stream| send(stream, status, fields, body.as_bytes()))
    }

    /// Takes what was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        core::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

/// Sends an answer with its length. A client may have gone.
pub(crate) fn send(stream: &mut TcpStream, status: &str, fields: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{fields}\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let (mut lines, mut bytes) = (Vec::new(), Vec::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        bytes.extend_from_slice(line.as_bytes());
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines[0].rsplit_once(' ').expect("a request line").0.to_owned();
    let pair = |line: &String| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_owned(), value.to_owned())
    };
    let mut asked = Asked { line, fields: lines[1..].iter().map(pair).collect(), body: String::new(), bytes };
    let length = asked.field("content-length").map_or(0, |length| length.parse().expect("a length"));
    reader.take(length).read_to_string(&mut asked.body).expect("text");
    asked
}
