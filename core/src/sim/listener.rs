//! Listening and connecting.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;

use super::stream::SimStream;
use super::timer::SimSleep;
use super::trace::Action;
use super::world::{Sim, World};
use crate::driver::{Accepted, Peer, Runtime};

/// The first port that is given out by itself.
const FIRST_PORT: u16 = 49_152;

/// A listener as the network sees it.
pub(super) struct Listening {
    address: Peer,
    /// Connections not yet accepted, with the address of who connected.
    queue: VecDeque<(u64, Peer)>,
    acceptor: Option<Waker>,
    connectors: Vec<Waker>,
}

impl World {
    fn free_port(&self, ip: IpAddr) -> Option<u16> {
        (FIRST_PORT..=u16::MAX).find(|&port| {
            let address = Peer::Tcp(SocketAddr::new(ip, port));
            self.listeners.values().all(|listening| listening.address != address)
        })
    }

    fn client_address(&mut self, server: &Peer) -> Peer {
        match server {
            Peer::Unix(_) => Peer::Unix(None),
            Peer::Tcp(address) => {
                let ip = match address.ip() {
                    IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
                    IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
                };
                let range = u64::from(u16::MAX - FIRST_PORT) + 1;
                let port = FIRST_PORT + u16::try_from(self.number() % range).unwrap_or(0);
                Peer::Tcp(SocketAddr::new(ip, port))
            }
        }
    }

    /// Queues a connection at one of the listeners of the address.
    fn connect_to(&mut self, to: &Peer, waker: &Waker) -> Poll<io::Result<u64>> {
        let there: Vec<u64> = self
            .listeners
            .iter()
            .filter(|(_, listening)| serves(&listening.address, to))
            .map(|(&number, _)| number)
            .collect();
        if there.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let number = there[self.rng.index(there.len())];
        let backlog = self.config.backlog.max(1);
        if self.listeners[&number].queue.len() >= backlog {
            if let Some(listening) = self.listeners.get_mut(&number) {
                listening.connectors.push(waker.clone());
            }
            return Poll::Pending;
        }
        let connection = self.add_conn([true, true]);
        let from = self.client_address(to);
        let mut acceptor = None;
        if let Some(listening) = self.listeners.get_mut(&number) {
            listening.queue.push_back((connection, from));
            acceptor = listening.acceptor.take();
        }
        self.wake_later(acceptor);
        Poll::Ready(Ok(connection))
    }

    fn accept(&mut self, number: u64, waker: &Waker) -> Poll<io::Result<(u64, Peer, Peer)>> {
        let Some(listening) = self.listeners.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let before = listening.acceptor.take();
        if listening.queue.is_empty() {
            listening.acceptor = Some(waker.clone());
            self.discard(before);
            return Poll::Pending;
        }
        self.discard(before);
        if let Some((until, code)) = self.accept_outage
            && until > self.now
        {
            return Poll::Ready(Err(io::Error::from_raw_os_error(code)));
        }
        if let Some(error) = self.accept_errors.pop_front() {
            if error.kind() == io::ErrorKind::ConnectionAborted
                && let Some((connection, _)) = self.take_queued(number)
            {
                self.reset_conn(connection);
                self.drop_end(connection, super::net::Side::Server);
            }
            return Poll::Ready(Err(error));
        }
        let local = self.listeners[&number].address.clone();
        let Some((connection, peer)) = self.take_queued(number) else { return Poll::Pending };
        self.record(Action::Accepted { connection });
        Poll::Ready(Ok((connection, peer, local)))
    }

    fn take_queued(&mut self, number: u64) -> Option<(u64, Peer)> {
        let listening = self.listeners.get_mut(&number)?;
        let taken = listening.queue.pop_front();
        let connectors = core::mem::take(&mut listening.connectors);
        for waker in connectors {
            self.wake_later(Some(waker));
        }
        taken
    }

    fn drop_listener(&mut self, number: u64) {
        let Some(listening) = self.listeners.remove(&number) else { return };
        self.discard(listening.acceptor);
        for waker in listening.connectors {
            self.wake_later(Some(waker));
        }
        for (connection, _) in listening.queue {
            self.reset_conn(connection);
            self.drop_end(connection, super::net::Side::Server);
        }
    }
}

/// Whether a listener at `address` takes connections to `to`.
fn serves(address: &Peer, to: &Peer) -> bool {
    match (address, to) {
        (Peer::Tcp(address), Peer::Tcp(to)) => {
            address.port() == to.port()
                && (address.ip() == to.ip()
                    || (address.ip().is_unspecified() && address.is_ipv4() == to.is_ipv4()))
        }
        (Peer::Unix(address), Peer::Unix(to)) => address.is_some() && address == to,
        (Peer::Tcp(_), Peer::Unix(_)) | (Peer::Unix(_), Peer::Tcp(_)) => false,
    }
}

/// A listener of the simulated network. Dropped, it resets the connections that wait to be accepted.
pub struct SimListener {
    sim: Sim,
    number: u64,
    address: Peer,
}

impl SimListener {
    pub(super) fn bind(sim: &Sim, mut address: Peer) -> io::Result<Self> {
        sim.with(|world| {
            if let Peer::Tcp(tcp) = &mut address
                && tcp.port() == 0
            {
                tcp.set_port(world.free_port(tcp.ip()).ok_or(io::ErrorKind::AddrNotAvailable)?);
            }
            let number = world.number();
            let listening = Listening {
                address: address.clone(),
                queue: VecDeque::new(),
                acceptor: None,
                connectors: Vec::new(),
            };
            world.listeners.insert(number, listening);
            Ok(Self { sim: sim.clone(), number, address })
        })
    }

    /// Returns the address.
    pub fn address(&self) -> &Peer {
        &self.address
    }

    /// Polls for the next connection.
    ///
    /// # Errors
    /// Those planned with [`Sim::fail_accepts`] and [`Sim::fail_accepts_for`].
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<SimStream>>> {
        match self.sim.with(|world| world.accept(self.number, cx.waker())) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok((connection, peer, local))) => {
                let stream = SimStream::server(&self.sim, connection);
                Poll::Ready(Ok(Accepted { stream, peer, local }))
            }
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those planned with [`Sim::fail_accepts`] and [`Sim::fail_accepts_for`].
    pub async fn accept(&mut self) -> io::Result<Accepted<SimStream>> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.sim.with(|world| world.drop_listener(self.number));
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimListener").field(&self.address).finish()
    }
}

/// A connection being made.
pub struct SimConnect {
    sim: Sim,
    to: Peer,
    way: Option<SimSleep>,
}

impl SimConnect {
    pub(super) fn new(sim: Sim, to: Peer) -> Self {
        Self { sim, to, way: None }
    }
}

impl Future for SimConnect {
    type Output = io::Result<SimStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let way = this.way.get_or_insert_with(|| {
            let delay = this.sim.with(|world| world.delay(world.config.latency));
            SimSleep::new(this.sim.clone(), this.sim.now().mono + delay)
        });
        match Pin::new(way).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(()) => {}
        }
        match this.sim.with(|world| world.connect_to(&this.to, cx.waker())) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(connection)) => Poll::Ready(Ok(SimStream::client(&this.sim, connection))),
        }
    }
}

impl fmt::Debug for SimConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimConnect").field(&self.to).finish()
    }
}
