//! The same protocols with blocking sockets and a thread for each connection: no async, no event loop.
//!
//! A handler that waits for something needs an event loop; the HTTP application here answers at once.
//!
//! ```text
//! cargo run --example blocking -- [--port N] [pong|echo|http]
//! ```

mod common;
mod protocols;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyloop::core::driver::{Bound, Peer, Socket, clock};
use anyloop::core::link::Link;
use anyloop::core::protocol::{Eof, Lost, Protocol, Work};
use anyloop::core::pump;
use anyloop::{Html, Request, Router};
use protocols::{Echo, Pong};

/// How long a peer may take no byte.
const WRITE_STALL: Duration = Duration::from_secs(30);
/// How long, and for how many bytes, a connection that we close is read on, so that the last bytes arrive.
const LINGER: (Duration, u64) = (Duration::from_secs(5), 64 * 1024);

fn main() -> io::Result<()> {
    let args = common::args()?;
    match args.words.first().map_or("pong", String::as_str) {
        "pong" => wait(serve(args.listen(8888)?, |_, _| Pong)?),
        "echo" => {
            let (lost, losses) = mpsc::channel();
            serve(args.listen(4242)?, move |_, _| {
                let lost = lost.clone();
                Echo::new(move || lost.send(()).unwrap_or_default())
            })?;
            losses.recv().map_err(io::Error::other)
        }
        "http" => {
            let app = Router::new().get("/", |_: Request| Html("<h1>no event loop</h1>"));
            let config = Arc::new(pump::Config::default());
            let make = move |peer, local| pump::Server::new(app.clone(), config.clone(), peer, local);
            wait(serve(args.listen(8888)?, make)?)
        }
        _ => Err(common::invalid("the protocols are pong, echo and http")),
    }
}

fn wait(accepting: JoinHandle<()>) -> io::Result<()> {
    accepting.join().map_err(|_| io::Error::other("accepting failed"))
}

/// Accepts on a thread of its own.
fn serve<P: Protocol + Send + 'static>(
    mut bound: Bound,
    make: impl Fn(Peer, Peer) -> P + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let local = bound.local_addr().clone();
    let Some(Socket::Tcp(listener)) = bound.sockets(1)?.pop() else {
        return Err(common::invalid("not a TCP address"));
    };
    listener.set_nonblocking(false)?;
    let accept = move || {
        loop {
            match listener.accept() {
                Ok((socket, peer)) => {
                    let protocol = make(Peer::Tcp(peer), local.clone());
                    thread::spawn(move || drive(protocol, &socket));
                }
                // Most likely there are too many sockets: some will go.
                Err(error) => {
                    eprintln!("can't accept: {error}");
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
    };
    thread::Builder::new().name("accepting".into()).spawn(accept)
}

/// Runs one connection: what `anyloop::core::driver::Driver` does without blocking.
fn drive<P: Protocol>(mut protocol: P, socket: &TcpStream) {
    let mut link = Link::new(clock::now());
    let ended = converse(&mut protocol, &mut link, socket);
    let cause = match ended {
        Ok(()) if link.is_aborted() => Lost::Aborted,
        // The last words leave, also those of a protocol that failed.
        Ok(()) | Err(Lost::Failed) => match hang_up(&mut link, socket) {
            Ok(()) => ended.err().unwrap_or(Lost::Closed),
            Err(_) => Lost::Broken,
        },
        Err(cause) => cause,
    };
    protocol.connection_lost(cause);
}

/// What a thread waits for.
enum Event {
    Data(usize),
    Eof,
    Time,
}

/// When something happens, calls the protocol; until either side has had enough.
fn converse<P: Protocol>(protocol: &mut P, link: &mut Link, socket: &TcpStream) -> Result<(), Lost> {
    let failed = |_: P::Error| Lost::Failed;
    let broken = |_: io::Error| Lost::Broken;
    let mut room = vec![0; 16 * 1024];
    let mut reads = true;
    socket.set_write_timeout(Some(WRITE_STALL)).map_err(broken)?;
    protocol.connection_made(link).map_err(failed)?;
    loop {
        settle(protocol, link, socket)?;
        if link.is_closing() {
            return Ok(());
        }
        let event = next_event(link, socket, &mut room, reads).map_err(broken)?;
        link.set_now(clock::now());
        match event {
            Event::Data(n) => {
                link.inbound.extend_from_slice(&room[..n]);
                protocol.data_received(link).map_err(failed)?;
            }
            Event::Eof => {
                reads = false;
                protocol.eof_received(link, Eof::Clean).map_err(failed)?;
            }
            Event::Time if link.take_due() => protocol.deadline_reached(link).map_err(failed)?,
            Event::Time => {}
        }
    }
}

/// Lets the protocol work and writes what it has to say, until neither gives anything new.
fn settle<P: Protocol>(protocol: &mut P, link: &mut Link, socket: &TcpStream) -> Result<(), Lost> {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        flush(link, socket).map_err(|_| Lost::Broken)?;
        if link.is_closing() {
            return Ok(());
        }
        let unread = link.inbound.len();
        let work = protocol.poll_work(&mut cx, link).map_err(|_| Lost::Failed)?;
        if work == Work::Waiting && link.outbound.is_empty() && link.inbound.len() == unread {
            return Ok(());
        }
    }
}

/// Blocks until there are bytes, no more bytes, or the deadline is near.
fn next_event(link: &Link, mut socket: &TcpStream, room: &mut [u8], reads: bool) -> io::Result<Event> {
    let left = link.deadline().map(|at| at.saturating_since(clock::now().mono));
    match left {
        Some(Duration::ZERO) => return Ok(Event::Time),
        Some(left) if !(reads && link.wants_read()) => {
            thread::sleep(left);
            return Ok(Event::Time);
        }
        None if !(reads && link.wants_read()) => return Err(io::Error::other("nothing to wait for")),
        Some(_) | None => socket.set_read_timeout(left)?,
    }
    let limit = room.len().min(link.inbound_room());
    match socket.read(&mut room[..limit]) {
        Ok(0) => Ok(Event::Eof),
        Ok(n) => Ok(Event::Data(n)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Event::Time),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Ok(Event::Time)
        }
        Err(error) => Err(error),
    }
}

fn flush(link: &mut Link, mut socket: &TcpStream) -> io::Result<()> {
    while !link.is_aborted()
        && let Some(chunk) = link.outbound.pop_front()
    {
        socket.write_all(&chunk)?;
    }
    Ok(())
}

fn hang_up(link: &mut Link, socket: &TcpStream) -> io::Result<()> {
    flush(link, socket)?;
    socket.shutdown(Shutdown::Write)?;
    socket.set_read_timeout(Some(LINGER.0))?;
    match io::copy(&mut socket.take(LINGER.1), &mut io::sink()) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
        done => done.map(drop),
    }
}
