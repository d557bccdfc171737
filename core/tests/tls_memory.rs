//! What an idle connection over TLS holds.
//!
//! No test harness, for its threads would count too.

#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::unwrap_used,
    reason = "a test has std"
)]

#[path = "tls/certs.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod certs;

use std::alloc::System;
use std::io::{Read, Write};
use std::sync::Arc;
use std::task::{Context, Waker};

use anyloop_core::driver::Peer;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Protocol, Work};
use anyloop_core::pump::{Config, Server};
use anyloop_core::service::{Request, Router};
use anyloop_core::time::Now;
use anyloop_core::tls::rustls::server::NoServerSessionStorage;
use anyloop_core::tls::rustls::{ClientConfig, ClientConnection, ServerConfig};
use anyloop_core::tls::{Negotiated, Tls};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CONNECTIONS: usize = 100;
/// What TLS with HTTP inside may hold for a connection that waits; a client's certificates come on top.
const MOST: usize = 4_600;

fn work<P: Protocol>(tls: &mut P, link: &mut Link) {
    loop {
        let before = (link.inbound.len(), link.outbound.len());
        let work = tls.poll_work(&mut Context::from_waker(Waker::noop()), link).unwrap();
        if work == Work::Waiting && before == (link.inbound.len(), link.outbound.len()) {
            return;
        }
    }
}

/// A connection that has shaken hands, answered a request, and waits; the link is empty and not counted.
fn waiting(config: &ServerConfig, client: &Arc<ClientConfig>, app: &Router) -> Box<dyn std::any::Any> {
    let app = app.clone();
    let make = move |_: Negotiated<'_>| {
        let nowhere = || Peer::Unix(None);
        Server::new(app, Arc::new(Config::default()), nowhere(), nowhere())
    };
    let mut server = Box::new(Tls::server(config, make));
    let mut link = Link::new(Now::default());
    server.connection_made(&mut link).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), certs::name()).unwrap();
    client.writer().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let mut up = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut up).unwrap();
        }
        link.inbound.extend_from_slice(&up);
        work(&mut *server, &mut link);
        let down: Vec<u8> = link.outbound.slices().flatten().copied().collect();
        link.outbound.clear();
        let mut rest = &down[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
            let mut part = [0; 1024];
            while let Ok(n @ 1..) = client.reader().read(&mut part) {
                answer.extend_from_slice(&part[..n]);
            }
        }
    }
    assert!(!server.is_handshaking() && link.inbound.is_empty());
    server
}

fn main() {
    let app = Router::new().get("/", |_: Request| "hello");
    let client = Arc::new(certs::client());
    for version in certs::VERSIONS {
        let mut config = certs::server_of(version);
        // Sessions that may be resumed belong to the listener.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let mut kept: Vec<_> = (0..10).map(|_| waiting(&config, &client, &app)).collect();
        kept.reserve(CONNECTIONS);
        let region = Region::new(GLOBAL);
        kept.extend((0..CONNECTIONS).map(|_| waiting(&config, &client, &app)));
        let change = region.change();
        let held = (change.bytes_allocated - change.bytes_deallocated) / CONNECTIONS;
        println!("{:?}: an idle connection holds {held} bytes", version.version);
        assert!(held <= MOST, "{held} bytes held");
    }
}
