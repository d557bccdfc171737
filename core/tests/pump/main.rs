//! The pump over a bare link: deadlines to the nanosecond, bodies of every kind, the debug mode, and the same answers
//! however the input is cut.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

mod bodies;
mod deadlines;
mod debug;
mod split;

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use anyloop_core::driver::Peer;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Eof, Protocol};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::Router;
use anyloop_core::time::Now;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const NANOSECOND: Duration = Duration::from_nanos(1);

/// A server without `Server` and a clock that stands still unless it is told.
struct Wire {
    server: Server<Router>,
    link: Link,
}

impl Wire {
    fn new(app: Router) -> Self {
        Self::with(app, Config::default())
    }

    fn with(app: Router, mut config: Config) -> Self {
        config.server = None;
        let nowhere = || Peer::Unix(None);
        let mut server = Server::new(app, Arc::new(config), nowhere(), nowhere());
        let mut link = Link::new(Now { unix_secs: 784_111_777, ..Now::default() });
        server.connection_made(&mut link).unwrap();
        Self { server, link }
    }

    /// Turns until no more output comes, as a driver does.
    fn turn(&mut self) -> String {
        let mut all = String::new();
        loop {
            self.server.poll_work(&mut Context::from_waker(Waker::noop()), &mut self.link).unwrap();
            let bytes: Vec<u8> = self.link.outbound.slices().flatten().copied().collect();
            self.link.outbound.clear();
            all += &String::from_utf8(bytes.clone()).unwrap();
            if bytes.is_empty() || self.link.is_closing() {
                return all.replace("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
            }
        }
    }

    fn send(&mut self, bytes: &str) -> String {
        self.link.inbound.extend_from_slice(bytes.as_bytes());
        self.server.data_received(&mut self.link).unwrap();
        self.turn()
    }

    fn eof(&mut self) -> String {
        self.server.eof_received(&mut self.link, Eof::Clean).unwrap();
        self.turn()
    }

    fn pass(&mut self, time: Duration) -> String {
        let now = self.link.now();
        self.link.set_now(Now { mono: now.mono + time, ..now });
        let early = self.turn();
        if self.link.take_due() {
            self.server.deadline_reached(&mut self.link).unwrap();
        }
        early + &self.turn()
    }
}
