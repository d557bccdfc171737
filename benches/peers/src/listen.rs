//! The listening sockets: the same queue for every server.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 4096;

/// Binds and says where.
pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let listener = open(addr, false)?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// Binds a listener for each thread, among which the system spreads connections, and says where.
pub(crate) fn bind_each(addr: SocketAddr, threads: usize) -> io::Result<Vec<TcpListener>> {
    let first = open(addr, true)?;
    let addr = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..threads {
        listeners.push(open(addr, true)?);
    }
    announce(addr)?;
    Ok(listeners)
}

fn open(addr: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Says where a server listens.
pub(crate) fn announce(addr: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{addr}")?;
    out.flush()
}
