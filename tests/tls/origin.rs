//! A TLS server that follows a script, on blocking sockets and threads of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyloop::Runtime;
use anyloop::client::{Client, ClientTls, Roots};
use anyloop::tls::rustls::{ServerConfig, ServerConnection, StreamOwned};
use anyloop::tls::{ServerTls, ring_provider};

use super::authority::Authority;

/// Turns a hang into a failure.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// The server. Each of its connections is handled by a function, which is given its number.
pub(crate) struct Origin {
    authority: Authority,
    address: SocketAddr,
    /// How many connections there were.
    connections: Arc<AtomicUsize>,
    /// The requests that came, each with the number of its connection.
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

/// The server's end of a connection.
pub(crate) struct Line {
    pub(crate) stream: StreamOwned<ServerConnection, TcpStream>,
    pub(crate) number: usize,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Origin {
    pub(crate) fn start(handle: impl Fn(&mut Line) + Send + Sync + 'static) -> Self {
        let authority = Authority::new("ours");
        let identity = authority.sign(&["localhost"]).identity(&ring_provider());
        let config: Arc<ServerConfig> =
            Arc::new(ServerTls::new(ring_provider(), [identity]).config().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let this = Self { authority, address, connections: Arc::default(), seen: Arc::default() };
        let (connections, seen, handle) =
            (Arc::clone(&this.connections), Arc::clone(&this.seen), Arc::new(handle));
        thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let Ok(socket) = socket else { return };
                connections.store(number + 1, Ordering::SeqCst);
                socket.set_read_timeout(Some(HANG)).unwrap();
                socket.set_nodelay(true).unwrap();
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut line =
                    Line { stream: StreamOwned::new(tls, socket), number, seen: Arc::clone(&seen) };
                let handle = Arc::clone(&handle);
                thread::spawn(move || handle(&mut line));
            }
        });
        this
    }

    /// A client that trusts this server.
    pub(crate) fn client<R: Runtime>(&self, rt: &R) -> Client<R> {
        let tls = ClientTls::new(ring_provider()).roots(Roots::Only(self.authority.roots()));
        // Not by its name, which may have an address of version 6, where nobody listens.
        Client::builder(rt.clone()).tls(tls).resolve("localhost", &[self.address]).build()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<(usize, String)> {
        self.seen.lock().unwrap().clone()
    }
}

impl Line {
    /// Reads the head of a request; those here have no body. `None` when the client ends.
    pub(crate) fn request(&mut self) -> Option<String> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) | Err(_) => return None,
            }
        }
        let line = String::from_utf8(head).unwrap().lines().next().unwrap().to_owned();
        self.seen.lock().unwrap().push((self.number, line.clone()));
        Some(line)
    }

    /// How many requests came on all connections.
    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn send(&mut self, text: &str) {
        // The client may have left.
        let _gone = self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush());
    }

    pub(crate) fn answer(&mut self) {
        self.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
    }

    /// Has the client change its keys, as it may be asked at any time.
    pub(crate) fn new_keys(&mut self) {
        self.stream.conn.refresh_traffic_keys().unwrap();
        self.stream.flush().unwrap();
    }

    /// Says that nothing more comes.
    pub(crate) fn notice(&mut self) {
        self.stream.conn.send_close_notify();
        let _gone = self.stream.flush();
    }

    /// Ends the connection below TLS.
    pub(crate) fn cut(&mut self) {
        let _gone = self.stream.sock.shutdown(Shutdown::Write);
    }
}
