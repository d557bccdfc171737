//! Servers that follow a script, on blocking sockets and threads of their own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A server whose connections are each handled by a function, which is given their number.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// The requests with the number of their connection, in order.
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

/// A connection of a scripted server.
pub(crate) struct Line {
    stream: TcpStream,
    buffered: Vec<u8>,
    number: usize,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Scripted {
    pub(crate) fn start(handle: impl Fn(usize, &mut Line) + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", handle)
    }

    pub(crate) fn on(address: &str, handle: impl Fn(usize, &mut Line) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let this = Self { address: listener.local_addr().expect("an address"), seen: Arc::default() };
        let (seen, handle) = (Arc::clone(&this.seen), Arc::new(handle));
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
                stream.set_nodelay(true).expect("no delay");
                let (handle, seen) = (Arc::clone(&handle), Arc::clone(&seen));
                thread::spawn(move || {
                    let mut line = Line { stream, buffered: Vec::new(), number, seen };
                    handle(number, &mut line);
                });
            }
        });
        this
    }

    /// A server that answers each request with what the function makes of it, and keeps connections.
    pub(crate) fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::start(move |_, line| {
            while let Some(request) = line.request() {
                line.send(answer(&request).as_bytes());
            }
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<(usize, String)> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines, with the number of their connection.
    pub(crate) fn lines(&self) -> Vec<(usize, String)> {
        let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
        self.seen().into_iter().map(|(number, text)| (number, first(text))).collect()
    }
}

impl Line {
    /// Reads a request with its body, unless the peer is gone.
    pub(crate) fn request(&mut self) -> Option<String> {
        let request = self.read_message()?;
        self.seen.lock().unwrap().push((self.number, request.clone()));
        Some(request)
    }

    fn read_message(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffered, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffered[..end]).to_ascii_lowercase();
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let whole = match length {
                    Some(length) => Some(end + 4 + length.parse::<usize>().expect("a length")),
                    None if head.contains("transfer-encoding: chunked") => {
                        find(&self.buffered[end..], b"\r\n0\r\n\r\n").map(|at| end + at + 7)
                    }
                    None => Some(end + 4),
                };
                if let Some(whole) = whole.filter(|whole| self.buffered.len() >= *whole) {
                    let rest = self.buffered.split_off(whole);
                    let message = core::mem::replace(&mut self.buffered, rest);
                    return Some(String::from_utf8_lossy(&message).into_owned());
                }
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.buffered.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Sends bytes; a peer that is gone is no news.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits until the peer closes, or for the end of the test.
    pub(crate) fn wait_for_end(&mut self) {
        let mut chunk = [0; 4096];
        while self.stream.read(&mut chunk).is_ok_and(|n| n > 0) {}
    }

    /// The connection itself.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
