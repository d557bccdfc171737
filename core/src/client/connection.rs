//! One connection, between exchanges.

use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{ClientPort, Error, Failed, Retry, Sending};
use crate::body::Body;
use crate::driver::{self, Driver, Peer, Registration, Runtime};
use crate::head::RequestHead;
use crate::protocol::Lost;
use crate::pump::{self, client::Config, client::Fault, client::Kind, client::Phase, client::Timeout};
use crate::time::Instant;

/// One connection to a server: sends a request, reads its response, and can be used again when both are whole.
///
/// It is polled by whoever waits for the response, and by nobody else. One pointer in size. Dropping it closes it.
pub struct Connection<R: Runtime, P: ClientPort = pump::Client>(Box<Inner<R, P>>);

struct Inner<R: Runtime, P: ClientPort> {
    driver: Driver<P, R>,
    peer: Peer,
    /// What ended the connection.
    lost: Option<Lost>,
    /// When the response before was whole.
    rests_since: Option<Instant>,
    /// Whether the server was found to have spoken, or to have left, before the request began.
    is_stale: bool,
}

/// A connection that rested for longer is looked at by a system call before any request; one that rested for less only
/// before a request that can't be sent again.
const FRESH: Duration = Duration::from_millis(1);
/// How often it is read, at most, until it is silent: each time up to one buffer.
const LOOKS: usize = 4;

impl<R: Runtime> Connection<R> {
    /// Puts an HTTP/1 client over a stream to `peer`.
    pub fn new(runtime: R, stream: R::Stream, peer: Peer, config: &Arc<Config>) -> Self {
        Self::with_protocol(pump::Client::new(Arc::clone(config)), runtime, stream, peer, config)
    }
}

impl<R: Runtime, P: ClientPort> Connection<R, P> {
    /// Puts a wrapped client over a stream to `peer`; the wrapper of TLS, for instance.
    pub fn with_protocol(
        protocol: P,
        runtime: R,
        stream: R::Stream,
        peer: Peer,
        config: &Arc<Config>,
    ) -> Self {
        let settings = driver::Config {
            write_stall: config.timeouts.write_stall,
            last_look: true,
            ..driver::Config::default()
        };
        let driver = Driver::new(protocol, stream, runtime, Registration::alone(), Arc::new(settings));
        Self(Box::new(Inner { driver, peer, lost: None, rests_since: None, is_stale: false }))
    }

    /// Sends a request and waits for the head of its response. Dropping the future closes the connection.
    ///
    /// The framing of the body follows from [`Body::length`]. The head needs a `Host`, unless its target names one.
    ///
    /// A connection that rested, or whose request can be sent only once, is asked first whether the server ended it, or
    /// sent what nobody asked for: then the request fails before a byte of it leaves. What a layer such as TLS has to say
    /// for itself, new session tickets for instance, was asked for.
    ///
    /// # Errors
    /// [`Failed`], with what is left of the request.
    pub fn send(mut self, head: RequestHead, body: Body) -> Sending<R, P> {
        let repeats = head.method.is_idempotent() && body.length() == Some(0);
        let silent = if self.is_doubted(repeats) { self.is_silent() } else { Some(true) };
        self.0.is_stale = silent == Some(false);
        // What TLS said about its own end or its keys is no part of the request.
        self.0.driver.forget_written();
        if silent.is_some() {
            self.0.driver.speak_first();
        }
        Sending::new(self, head, body)
    }

    /// Whether another request may be sent, by a look at the socket: its end, and bytes that nobody asked for, make this
    /// false.
    ///
    /// [`Connection::send`] looks too, before it sends a byte; a pool need not ask for each request.
    pub fn is_reusable(&mut self) -> bool {
        let open = self.poll(&mut Context::from_waker(Waker::noop())).is_pending();
        open && self.client().is_some_and(|client| client.is_reusable())
    }

    /// Whether the socket is looked at before the next request: nobody else has looked since the response before.
    fn is_doubted(&self, repeats: bool) -> bool {
        let now = || self.0.driver.runtime().now().mono;
        self.0.rests_since.is_some_and(|since| !repeats || now() - since > FRESH)
    }

    /// Whether neither the end of the stream nor a byte for the client waits to be read; `None` where nobody can tell. Where
    /// there is a layer, it is given what came, which may be its own.
    fn is_silent(&mut self) -> Option<bool> {
        for _ in 0..LOOKS {
            if self.0.driver.is_quiet()? {
                return Some(true);
            }
            let is_layered = self.0.driver.protocol_mut().is_some_and(|protocol| protocol.is_layered());
            if !is_layered || !self.is_reusable() {
                break;
            }
        }
        Some(false)
    }

    /// The response is whole: the connection rests from here on.
    pub(super) fn rest(&mut self) {
        self.0.rests_since = Some(self.0.driver.runtime().now().mono);
    }

    /// Whether the request can't be sent, for the server spoke or left before it.
    pub(super) fn is_stale(&self) -> bool {
        self.0.is_stale
    }

    /// Sets the timeouts of the requests to come; the limits, and how long a server may take no byte, stay.
    pub fn configure(&mut self, config: &Arc<Config>) {
        if let Some(client) = self.client() {
            client.configure(config);
        }
    }

    /// Returns whom it was made to.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Lends the protocol, to ask a wrapper what it agreed on for instance.
    pub fn protocol(&mut self) -> Option<&mut P> {
        self.0.driver.protocol_mut()
    }

    /// Polls the connection once; `Ready` when it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let lost = match self.0.driver.poll_lost(cx) {
            Poll::Ready(lost) => lost,
            // Its last words have left; nobody waits for the other side to close.
            Poll::Pending if self.has_failed() => Lost::Failed,
            Poll::Pending => return Poll::Pending,
        };
        self.0.lost = Some(lost);
        Poll::Ready(())
    }

    fn has_failed(&mut self) -> bool {
        self.0.driver.protocol_mut().is_some_and(|protocol| protocol.layer_fault().is_some())
    }

    pub(super) fn client(&mut self) -> Option<&mut pump::Client> {
        self.0.driver.protocol_mut().map(ClientPort::client)
    }

    /// Makes the error of an exchange that failed, or whose connection is lost.
    pub(super) fn error(&mut self) -> Error {
        let established = self.0.driver.protocol_mut().is_none_or(ClientPort::is_established);
        let taken = established && self.0.driver.has_written();
        let fault = self.fault();
        let (reused, heard) =
            self.client().map_or((false, false), |client| (client.is_reused(), client.has_heard()));
        let retry = match &fault.kind {
            Kind::Request(_) | Kind::Body(_) => Retry::No,
            Kind::Io(_) | Kind::Closed | Kind::Peer(_) | Kind::Timeout(_) | Kind::Layer(_) if !taken => {
                Retry::Safe
            }
            Kind::Io(_) | Kind::Closed | Kind::Peer(crate::error::Error::NoResponse) if reused && !heard => {
                Retry::IfIdempotent
            }
            Kind::Io(_) | Kind::Closed | Kind::Peer(_) | Kind::Timeout(_) | Kind::Layer(_) => Retry::No,
        };
        Error::new(fault.phase, fault.kind, retry, Some(self.0.peer.clone()))
    }

    fn fault(&mut self) -> Fault {
        if let Some(fault) = self.0.driver.protocol_mut().and_then(ClientPort::layer_fault) {
            return fault;
        }
        if let Some(fault) = self.client().and_then(pump::Client::take_fault) {
            return fault;
        }
        let phase = self.0.driver.protocol_mut().map_or(Phase::Head, ClientPort::phase);
        let kind = match self.0.lost {
            Some(Lost::Broken) => {
                Kind::Io(self.0.driver.fault().unwrap_or(std::io::ErrorKind::ConnectionReset))
            }
            Some(Lost::Stalled) => Kind::Timeout(Timeout::WriteStall),
            Some(Lost::Closed | Lost::Aborted | Lost::Failed | Lost::Killed) | None => Kind::Closed,
        };
        Fault { phase, kind }
    }

    /// What ended the connection.
    pub(super) fn lost(&self) -> Option<Lost> {
        self.0.lost
    }

    pub(super) fn failed(mut self) -> Failed {
        let error = self.error();
        let request = self.client().and_then(pump::Client::take_request);
        let (head, body) = request.map_or((None, None), |(head, body)| (Some(Box::new(head)), body));
        Failed { error, head, body }
    }
}

impl<R: Runtime, P: ClientPort> fmt::Debug for Connection<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.0.peer).field("driver", &self.0.driver).finish()
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
