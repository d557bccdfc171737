//! Listening sockets of the operating system, before an event loop takes them, and what every event loop does with
//! theirs alike.
//!
//! ```
//! use anyloop_core::driver::{BindOptions, bind};
//!
//! let mut bound = bind(&"127.0.0.1:0".parse()?, BindOptions::default())?;
//! println!("listening on http://{}", bound.local_addr());
//! for socket in bound.sockets(4)? {
//!     // one for each worker: `runtime.listen(socket)`
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::format;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::net::{IpAddr, SocketAddr};
use std::io;
use std::net::ToSocketAddrs;
#[cfg(unix)]
use std::os::fd::AsFd as AsHandle;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsHandle;

use socket2::{Domain, Protocol, SockAddr, SockRef, Type};

use super::listen_addr::ListenAddr;
use super::runtime::{Peer, Socket};
#[cfg(unix)]
use super::unix_path::UnixPath;

/// How to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindOptions {
    /// How many connections may wait to be accepted; the system has an upper limit of its own. 4096 by default.
    pub backlog: u32,
    /// Whether each worker gets a socket and a queue of its own (`SO_REUSEPORT`). On by default. It applies to TCP on
    /// Linux and Android, where the kernel then spreads connections over the sockets; elsewhere, and for Unix sockets,
    /// the workers share one queue.
    pub reuse_port: bool,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self { backlog: 4096, reuse_port: true }
    }
}

/// An address that is bound and listening. Connections wait in the queue until a worker accepts them.
///
/// For a Unix socket this value is also the owner of the file: dropping it removes the file, so keep it until the
/// server has ended.
#[derive(Debug)]
pub struct Bound {
    local: Peer,
    first: Option<Socket>,
    options: BindOptions,
    #[cfg(unix)]
    _file: Option<UnixPath>,
}

/// Binds the address and listens.
///
/// - A TCP port that another socket listens on is an error, even where that socket allows sharing.
/// - IPv6 sockets take IPv6 only, on every system, whatever its default: to serve all interfaces in both families bind
///   `0.0.0.0:PORT` and `[::]:PORT`.
/// - A host name stands for the first of its addresses that this machine has, IPv4 first.
/// - The file of a Unix socket that nobody answers on is replaced; one that answers, or that is not a socket, is an
///   error. Two servers that replace the same dead file at the same moment may both succeed, and the later one keeps
///   the path.
///
/// # Errors
/// Those of `socket(2)`, `bind(2)` and `listen(2)`, and of looking up the name; the text names the address.
pub fn bind(address: &ListenAddr, options: BindOptions) -> io::Result<Bound> {
    let bound = match address {
        ListenAddr::Tcp(address) => bind_tcp(*address, options),
        ListenAddr::Name(host, port) => bind_name(host, *port, options),
        ListenAddr::Unix(path) => bind_unix(path, options),
    };
    bound.map_err(|error| io::Error::new(error.kind(), format!("can't listen on {address}: {error}")))
}

impl Bound {
    /// Returns the address, with the port that the system chose where it was 0.
    pub fn local_addr(&self) -> &Peer {
        &self.local
    }

    /// Hands out so many listening sockets, one for each worker.
    ///
    /// The sockets are the only ones: when all are closed, nobody listens any more. They can be had once.
    ///
    /// # Errors
    /// When the system gives no more sockets, and when the sockets were handed out before.
    pub fn sockets(&mut self, count: usize) -> io::Result<Vec<Socket>> {
        let taken = || io::Error::other("the listening sockets were handed out before");
        let first = self.first.take().ok_or_else(taken)?;
        let mut sockets = Vec::with_capacity(count);
        for _ in 1..count {
            sockets.push(self.another(&first)?);
        }
        if count > 0 {
            sockets.insert(0, first);
        }
        Ok(sockets)
    }

    fn another(&self, first: &Socket) -> io::Result<Socket> {
        match (&self.local, first) {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            (Peer::Tcp(address), Socket::Tcp(first)) if self.options.reuse_port => {
                // Only after the first socket was bound and listened alone: so a port in use was an error. The kernel
                // makes the group when the second socket joins.
                SockRef::from(first).set_reuse_port(true)?;
                let socket = tcp_socket(*address)?;
                socket.set_reuse_port(true)?;
                listen_on(&socket, *address, self.options)?;
                Ok(Socket::Tcp(socket.into()))
            }
            (_, Socket::Tcp(first)) => first.try_clone().map(Socket::Tcp),
            #[cfg(unix)]
            (_, Socket::Unix(first)) => first.try_clone().map(Socket::Unix),
        }
    }
}

fn bind_tcp(address: SocketAddr, options: BindOptions) -> io::Result<Bound> {
    let socket = tcp_socket(address)?;
    listen_on(&socket, address, options)?;
    let socket = Socket::Tcp(socket.into());
    Ok(Bound {
        local: address_of(&socket)?,
        first: Some(socket),
        options,
        #[cfg(unix)]
        _file: None,
    })
}

fn bind_name(host: &str, port: u16, options: BindOptions) -> io::Result<Bound> {
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match bind_tcp(address, options) {
            Ok(bound) => return Ok(bound),
            // Taking the name's next address instead would serve nobody who finds the first one.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(unix)]
fn bind_unix(path: &std::path::Path, options: BindOptions) -> io::Result<Bound> {
    let (listener, file) = UnixPath::claim(path, |address| {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(address)?;
        socket.listen(backlog(options))?;
        Ok(socket.into())
    })?;
    let first = Some(Socket::Unix(listener));
    Ok(Bound { local: Peer::Unix(Some(path.into())), first, options, _file: Some(file) })
}

#[cfg(not(unix))]
fn bind_unix(_: &std::path::Path, _: BindOptions) -> io::Result<Bound> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are not supported on this system"))
}

fn tcp_socket(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Lets a server start again while connections of the last one linger. On Windows it would let two servers share.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn listen_on(socket: &socket2::Socket, address: SocketAddr, options: BindOptions) -> io::Result<()> {
    socket.bind(&address.into())?;
    socket.listen(backlog(options))
}

fn backlog(options: BindOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}

fn address_of(socket: &Socket) -> io::Result<Peer> {
    match socket {
        Socket::Tcp(listener) => listener.local_addr().map(Peer::Tcp),
        #[cfg(unix)]
        Socket::Unix(listener) => Ok(Peer::from(&SockRef::from(listener).local_addr()?)),
    }
}

impl From<&SockAddr> for Peer {
    fn from(address: &SockAddr) -> Self {
        if let Some(address) = address.as_socket() {
            return Self::Tcp(address);
        }
        #[cfg(unix)]
        let path = address.as_pathname().map(Into::into);
        #[cfg(not(unix))]
        let path = None;
        Self::Unix(path)
    }
}

impl Peer {
    /// Whether it stands for all addresses of the machine, `0.0.0.0` or `[::]`.
    pub fn is_wildcard(&self) -> bool {
        match self {
            Self::Tcp(address) => match address.ip() {
                IpAddr::V4(ip) => ip.is_unspecified(),
                IpAddr::V6(ip) => ip.is_unspecified(),
            },
            Self::Unix(_) => false,
        }
    }
}

/// Prepares a listening socket for an event loop, wherever it comes from, and returns its address: it must not block,
/// and its connections are to send without delay (`TCP_NODELAY`).
///
/// # Errors
/// Those of `fcntl(2)`, `setsockopt(2)` and `getsockname(2)`.
pub fn adopt(socket: &Socket) -> io::Result<Peer> {
    match socket {
        Socket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            SockRef::from(listener).set_tcp_nodelay(true)?;
        }
        #[cfg(unix)]
        Socket::Unix(listener) => listener.set_nonblocking(true)?,
    }
    address_of(socket)
}

/// Finishes accepting: returns the address that the peer connected to, given the listener's.
///
/// That is the listener's own, without asking the system, unless it is a wildcard. Where accepted sockets don't take
/// `TCP_NODELAY` over from the listener, it is set. A connection that is already broken gets the listener's address
/// too; its first read says what happened.
pub fn finish_accept(stream: &impl AsHandle, listener: &Peer) -> Peer {
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    if let Peer::Tcp(_) = listener {
        let _ = SockRef::from(stream).set_tcp_nodelay(true);
    }
    if !listener.is_wildcard() {
        return listener.clone();
    }
    SockRef::from(stream).local_addr().map_or_else(|_| listener.clone(), |address| Peer::from(&address))
}

/// Finishes connecting: turns `TCP_NODELAY` on.
///
/// # Errors
/// Those of `setsockopt(2)`.
pub fn finish_connect(stream: &impl AsHandle) -> io::Result<()> {
    SockRef::from(stream).set_tcp_nodelay(true)
}

/// The error of connecting to a Unix socket without a path.
pub fn unnamed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "can't connect to an unnamed Unix socket")
}

/// Whether neither bytes nor the end of the stream wait in a socket that does not block. It costs a system call.
pub fn is_quiet<S>(socket: &S) -> bool
where
    for<'a> SockRef<'a>: From<&'a S>,
{
    let peeked = SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]);
    matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
