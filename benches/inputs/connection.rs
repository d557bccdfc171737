//! A connection of a server in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Waker};

use anyloop_core::driver::Peer;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Protocol, Work};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Response, Router};
use anyloop_core::time::Now;

/// What a driver lends a connection for reading and for writing.
const LENT: (usize, usize) = (16 * 1024, 4 * 1024);

/// One connection; the same in every iteration, as with keep-alive.
pub(crate) struct Connection {
    server: Server<Router>,
    link: Link,
}

impl Connection {
    pub(crate) fn new() -> Self {
        let hello = |_: Request| Response::text("Hello, World!");
        let app = Router::new().get("/", hello).get("/articles/{year}/{month}/{title}", hello);
        let address = Peer::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8888)));
        // No bound on the requests of a connection: it lives as long as the measurement.
        let mut config = Config::default();
        Arc::make_mut(&mut config.limits).max_requests = u64::MAX;
        let mut server = Server::new(app, Arc::new(config), address.clone(), address);
        let mut link = Link::new(Now::default());
        server.connection_made(&mut link).expect("a connection");
        link.inbound.reserve(LENT.0);
        link.outbound.tail().reserve(LENT.1);
        Self { server, link }
    }

    /// What a driver does in one poll for one read. Returns how many bytes are to leave, and takes them away.
    pub(crate) fn turn(&mut self, input: &[u8]) -> usize {
        let lent = self.link.inbound.try_reclaim(LENT.0) && self.link.outbound.tail().try_reclaim(LENT.1);
        assert!(lent, "nobody holds the buffers");
        self.link.inbound.extend_from_slice(input);
        self.server.data_received(&mut self.link).expect("valid requests");
        let mut cx = Context::from_waker(Waker::noop());
        while self.server.poll_work(&mut cx, &mut self.link).expect("answers") == Work::Again {}
        let written = self.link.outbound.len();
        self.link.outbound.advance(written);
        assert!(!self.link.is_closing());
        written
    }
}
