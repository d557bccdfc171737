//! A thousand handshakes at once, on every backend: all come through, those that stall are closed at their deadline and
//! disturb nobody, and what they took is given back.
//!
//! No test harness, for its threads would count too.

#[path = "../core/tests/tls/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of core")]
mod authority;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyloop::core::driver::{Peer, Spawn, Workers};
use anyloop::core::server::Connection;
use anyloop::tls::rustls::client::Resumption;
use anyloop::tls::rustls::pki_types::ServerName;
use anyloop::tls::rustls::server::NoServerSessionStorage;
use anyloop::tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use anyloop::tls::{Acceptor, ServerTls, ring_provider};
use anyloop::{Model, Request, Router, Server, Serving};
use authority::Authority;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Handshakes at once, if there may be so many sockets.
const CROWD: usize = 1_000;
/// Turns a hang into a failure.
const HANG: Duration = Duration::from_secs(120);
/// The same where there is no timer.
const PAUSES: usize = 12_000;
/// What is not given back, for all of them together: far less than one byte in fifty of what they take.
const SLACK: usize = 64 * 1024;

/// Bytes that are allocated in the whole program.
fn live() -> usize {
    let stats = GLOBAL.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Waits a little for what other threads free, and returns what is allocated then.
fn pause() -> usize {
    thread::sleep(Duration::from_millis(10));
    live()
}

/// Two sockets a connection, and some for the event loops: how many connections may there be?
fn most() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = 2 * CROWD as u64 + 200;
    let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)).max(limit.current.unwrap_or(0));
    let _stays = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    CROWD.min((current as usize - 200) / 2)
}

/// A listener and who trusts it. Nothing of a session is kept on either side.
struct World {
    address: SocketAddr,
    client: Arc<ClientConfig>,
    serving: Serving,
}

impl World {
    fn new<W: Workers>(model: Model, handshake: Duration) -> Self
    where
        W::Local: Spawn<Connection<Router, W>>,
        W::Shared: Spawn<Connection<Router, W>>,
    {
        let (authority, provider) = (Authority::new("ours"), ring_provider());
        let identity = authority.sign(&["localhost"]).identity(&provider);
        let mut config = ServerTls::new(provider.clone(), [identity]).config().unwrap();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let server = Server::builder().workers(2).model(model);
        let server = server.timeouts(|timeouts| timeouts.handshake = handshake);
        let server = server.bind_tls("127.0.0.1:0", &Acceptor::new(config)).unwrap();
        let Peer::Tcp(address) = *server.local_addr() else { panic!("not TCP") };
        let app = Router::new().get("/", |_: Request| "here");
        let serving = server.serve::<W, _, _>(app).unwrap();
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_no_client_auth();
        client.resumption = Resumption::disabled();
        Self { address, client: Arc::new(client), serving }
    }

    /// A connection whose hello has left.
    fn begin(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let socket = self.connect();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(self.client.clone(), name).unwrap(), socket);
        stream.conn.write_tls(&mut stream.sock).unwrap();
        stream
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(HANG)).unwrap();
        socket
    }

    /// Connections that stall: before the hello, in its midst, and behind it.
    fn stall(&self) -> [TcpStream; 3] {
        let (silent, mut half) = (self.connect(), self.connect());
        half.write_all(&[22, 3, 1, 1, 0, 1, 0]).unwrap();
        [silent, half, self.begin().sock]
    }

    fn end(self) {
        self.serving.shutdown().announce();
        self.serving.wait_closed().unwrap();
    }
}

fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"here") {
        let mut part = [0; 512];
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "the server left");
        answer.extend_from_slice(&part[..n]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// All begin before the first goes on, and stay until the last was answered. Returns what was allocated then.
fn crowd(world: &World, count: usize) -> usize {
    let mut all = Vec::new();
    let mut stalled = Vec::new();
    for n in 0..count {
        all.push(world.begin());
        if n % (count / 5) == 0 {
            stalled.extend(world.stall());
        }
    }
    let at_once = 8;
    thread::scope(|scope| {
        for part in all.chunks_mut(count.div_ceil(at_once)) {
            scope.spawn(|| {
                for stream in part {
                    while stream.conn.is_handshaking() {
                        stream.conn.complete_io(&mut stream.sock).unwrap();
                    }
                    ask(stream);
                }
            });
        }
    });
    for stream in &mut all {
        ask(stream);
    }
    live()
}

fn comes_through<W: Workers>(model: Model, count: usize)
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let world = World::new::<W>(model, HANG);
    // What a first crowd leaves is kept for the next: tables of the event loop, spare buffers.
    crowd(&world, count);
    // The server hears of the ends by and by.
    let before = (0..50).map(|_| pause()).min().unwrap();
    let held = crowd(&world, count);
    assert!(held > before + count * 4_096, "{held} bytes say nothing, {before} before");
    let back = (0..PAUSES).map(|_| pause()).find(|live| *live <= before + SLACK);
    assert!(back.is_some(), "{} bytes were not given back", live() - before);
    println!("{} {model:?}: {count} at once held {} bytes more than none", W::NAME, held - before);
    world.end();
}

fn stalled_ones_are_closed<W: Workers>()
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let world = World::new::<W>(Model::PerCore, Duration::from_secs(2));
    let mut others: Vec<_> = (0..20).map(|_| world.begin()).collect();
    others.iter_mut().for_each(ask);
    let stalled: Vec<_> = (0..10).flat_map(|_| world.stall()).collect();
    for mut socket in stalled {
        // What was there to be read, and then the end; it may be a reset.
        let mut rest = Vec::new();
        if let Err(error) = socket.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    others.iter_mut().for_each(ask);
    ask(&mut world.begin());
    drop(others);
    world.end();
}

fn on<W: Workers>(count: usize)
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    for model in [Model::PerCore, Model::Stealing] {
        comes_through::<W>(model, count);
    }
    stalled_ones_are_closed::<W>();
}

fn main() {
    let count = most();
    assert!(count >= 100, "the limit of open files leaves room for {count} connections");
    on::<anyloop_tokio::Tokio>(count);
    on::<anyloop_smol::Smol>(count);
    on::<anyloop_async_std::AsyncStd>(count);
}
