//! One connection of a server: HTTP, or HTTP inside TLS.

use core::fmt;
use core::task::Context;

#[cfg(feature = "tls")]
use alloc::boxed::Box;
#[cfg(feature = "tls")]
use alloc::sync::Arc;

use crate::body::BoxError;
#[cfg(feature = "tls")]
use crate::driver::Endpoints;
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::pump;
use crate::service::Service;
#[cfg(feature = "tls")]
use crate::tls::{Acceptor, Establish, Negotiated, Tls};

/// Speaks HTTP on a connection, over TLS where the listener says so.
pub struct Http<S: Service>(Kind<S>);

/// TLS stands in a box of its own: a connection in the clear does not pay for it.
#[cfg_attr(
    feature = "tls",
    allow(clippy::large_enum_variant, reason = "connections in the clear have no allocation of their own")
)]
enum Kind<S: Service> {
    Plain(pump::Server<S>),
    #[cfg(feature = "tls")]
    Tls(Box<Tls<Begin<S>>>),
}

/// In the clear.
impl<S: Service> From<pump::Server<S>> for Http<S> {
    fn from(server: pump::Server<S>) -> Self {
        Self(Kind::Plain(server))
    }
}

#[cfg(feature = "tls")]
impl<S: Service> Http<S> {
    pub(super) fn tls(acceptor: &Acceptor, service: S, config: Arc<pump::Config>, ends: Endpoints) -> Self {
        let (timeout, name) = (config.timeouts.handshake, config.server.clone());
        let tls = Tls::server(&acceptor.config(), Begin { service, config, ends })
            .with_handshake_timeout(timeout)
            .with_plain_http_answer(name);
        Self(Kind::Tls(Box::new(tls)))
    }
}

/// Begins HTTP when the handshake is done.
#[cfg(feature = "tls")]
struct Begin<S> {
    service: S,
    config: Arc<pump::Config>,
    ends: Endpoints,
}

#[cfg(feature = "tls")]
impl<S: Service> Establish for Begin<S> {
    type Protocol = pump::Server<S>;

    /// HTTP/1.1 is all that is offered by ALPN, and what clients without it speak.
    fn establish(self, negotiated: Negotiated<'_>) -> Self::Protocol {
        let Endpoints { peer, local, listener: _ } = self.ends;
        pump::Server::new(self.service, self.config, peer, local).secured(negotiated.to_secured())
    }
}

/// Calls the same method of whatever it is.
macro_rules! forward {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.0 {
            Kind::Plain(http) => http.$method($($argument),*).map_err(BoxError::new),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.$method($($argument),*).map_err(BoxError::new),
        }
    };
}

impl<S: Service> Protocol for Http<S> {
    type Error = BoxError;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), BoxError> {
        forward!(self, connection_made(link))
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), BoxError> {
        forward!(self, data_received(link))
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), BoxError> {
        forward!(self, eof_received(link, how))
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), BoxError> {
        forward!(self, deadline_reached(link))
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, BoxError> {
        forward!(self, poll_work(cx, link))
    }

    fn shutdown(&mut self, link: &mut Link) {
        match &mut self.0 {
            Kind::Plain(http) => http.shutdown(link),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.shutdown(link),
        }
    }

    fn connection_lost(&mut self, cause: Lost) {
        match &mut self.0 {
            Kind::Plain(http) => http.connection_lost(cause),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => tls.connection_lost(cause),
        }
    }
}

impl<S: Service> fmt::Debug for Http<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Plain(http) => f.debug_tuple("Http").field(http).finish(),
            #[cfg(feature = "tls")]
            Kind::Tls(tls) => f.debug_tuple("Http").field(tls).finish(),
        }
    }
}
