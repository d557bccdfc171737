//! What a kept connection that waits for its next request holds.
//!
//! No test harness, for its threads would count too.

#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "a test has std")]

use std::alloc::System;
use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyloop_core::driver::{
    Accepted, Config, Connections, Panicked, Peer, Permits, Runtime, Shutdown, Socket, Timer, Transport,
};
use anyloop_core::link::Outbound;
use anyloop_core::pump;
use anyloop_core::server::{Connection, Http};
use anyloop_core::service::{Request, Router};
use anyloop_core::time::{Instant, Now};
use bytes::BytesMut;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CONNECTIONS: usize = 1000;
/// What one may hold, with its driver and its place among the connections of its worker.
const MOST: usize = 472;

/// A runtime that takes no memory. Its streams bring one request.
#[derive(Clone, Copy)]
struct Nothing;

struct One {
    sent: usize,
    came: bool,
}

impl Transport for One {
    const REREAD_IS_FREE: bool = true;

    fn poll_read(&mut self, _: &mut Context<'_>, into: &mut BytesMut, _: usize) -> Poll<io::Result<usize>> {
        if std::mem::replace(&mut self.came, true) {
            return Poll::Pending;
        }
        into.extend_from_slice(REQUEST);
        Poll::Ready(Ok(REQUEST.len()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        let n = out.len();
        out.advance(n);
        self.sent += n;
        Poll::Ready(Ok(n))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Timer for Nothing {
    fn reset(&mut self, _: Instant) {}

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Runtime for Nothing {
    type Stream = One;
    type Listener = ();
    type Timer = Self;
    type Connect = Ready<io::Result<One>>;

    const NAME: &'static str = "nothing";

    fn now(&self) -> Now {
        Now::default()
    }

    fn timer(&self) -> Self {
        *self
    }

    fn listen(&self, _: Socket) -> io::Result<()> {
        Ok(())
    }

    fn poll_accept(&self, (): &mut (), _: &mut Context<'_>) -> Poll<io::Result<Accepted<One>>> {
        Poll::Pending
    }

    fn connect(&self, _: &Peer) -> Ready<io::Result<One>> {
        ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        ready(Ok(work()))
    }
}

type Driver = Connection<Router, Nothing>;

#[cfg(feature = "tls")]
fn http(server: pump::Server<Router>) -> Http<Router> {
    anyloop_core::protocol::Either::First(server)
}

#[cfg(not(feature = "tls"))]
fn http(server: pump::Server<Router>) -> Http<Router> {
    server
}

fn main() {
    let app = Router::new().get("/", |_: Request| "home");
    let (config, drivers) = (Arc::new(pump::Config::default()), Arc::new(Config::default()));
    let connections = Connections::new(&Shutdown::new(), &Permits::default());
    let serve_one = || {
        let server = pump::Server::new(app.clone(), config.clone(), Peer::Unix(None), Peer::Unix(None));
        let stream = One { sent: 0, came: false };
        let mut driver =
            Box::new(Driver::new(http(server), stream, Nothing, connections.register(), drivers.clone()));
        let pending = Pin::new(&mut *driver).poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(pending && driver.has_written(), "it answered and waits");
        driver
    };
    let mut kept: Vec<_> = (0..10).map(|_| serve_one()).collect();
    kept.reserve(CONNECTIONS);
    let region = Region::new(GLOBAL);
    kept.extend((0..CONNECTIONS).map(|_| serve_one()));
    let change = region.change();
    let held = (change.bytes_allocated - change.bytes_deallocated) / CONNECTIONS;
    println!("an idle connection holds {held} bytes, {} of them in its driver", size_of::<Driver>());
    assert!(held <= MOST, "{held} bytes held");
}
