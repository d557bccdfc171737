//! What a connection's protocol must be: HTTP, perhaps inside something.

use alloc::boxed::Box;

#[cfg(feature = "tls")]
use super::Kind;
use super::{Fault, Phase};
use crate::protocol::{Either, Protocol};
use crate::pump;
#[cfg(feature = "tls")]
use crate::tls::{Ready, Tls};

/// A protocol with the client's side of HTTP at its bottom: [`pump::Client`] itself, or a wrapper around it.
pub trait ClientPort: Protocol {
    /// Lends the client.
    fn client(&mut self) -> &mut pump::Client;

    /// Returns how far the exchange has come.
    fn phase(&mut self) -> Phase {
        pump::Client::phase(self.client())
    }

    /// Whether the client speaks. Until then no byte of a request has left, whatever the transport took: a layer above it
    /// shakes hands.
    fn is_established(&mut self) -> bool {
        true
    }

    /// Whether a layer above the client sends and gets messages of its own at any time, as TLS does with session tickets and
    /// new keys: then bytes that come while the connection rests need not be of a server that spoke out of turn.
    fn is_layered(&self) -> bool {
        false
    }

    /// Says why a layer above the client failed, if one did: then the connection is over. [`Phase::Tls`] and a
    /// [`Kind::Layer`](super::Kind::Layer) are what TLS says of its handshake.
    fn layer_fault(&mut self) -> Option<Fault> {
        None
    }
}

impl ClientPort for pump::Client {
    fn client(&mut self) -> &mut pump::Client {
        self
    }
}

impl<P: ClientPort + ?Sized> ClientPort for Box<P> {
    fn client(&mut self) -> &mut pump::Client {
        (**self).client()
    }

    fn phase(&mut self) -> Phase {
        (**self).phase()
    }

    fn is_established(&mut self) -> bool {
        (**self).is_established()
    }

    fn is_layered(&self) -> bool {
        (**self).is_layered()
    }

    fn layer_fault(&mut self) -> Option<Fault> {
        (**self).layer_fault()
    }
}

impl<A: ClientPort, B: ClientPort> ClientPort for Either<A, B> {
    fn client(&mut self) -> &mut pump::Client {
        match self {
            Self::First(first) => first.client(),
            Self::Second(second) => second.client(),
        }
    }

    fn phase(&mut self) -> Phase {
        match self {
            Self::First(first) => first.phase(),
            Self::Second(second) => second.phase(),
        }
    }

    fn is_established(&mut self) -> bool {
        match self {
            Self::First(first) => first.is_established(),
            Self::Second(second) => second.is_established(),
        }
    }

    fn is_layered(&self) -> bool {
        match self {
            Self::First(first) => first.is_layered(),
            Self::Second(second) => second.is_layered(),
        }
    }

    fn layer_fault(&mut self) -> Option<Fault> {
        match self {
            Self::First(first) => first.layer_fault(),
            Self::Second(second) => second.layer_fault(),
        }
    }
}

#[cfg(feature = "tls")]
impl ClientPort for Tls<Ready<pump::Client>> {
    fn client(&mut self) -> &mut pump::Client {
        self.protocol()
    }

    fn phase(&mut self) -> Phase {
        if self.is_handshaking() { Phase::Tls } else { pump::Client::phase(self.protocol()) }
    }

    fn is_established(&mut self) -> bool {
        !self.is_handshaking()
    }

    fn is_layered(&self) -> bool {
        true
    }

    /// A refusal that came before any of the response is one of the handshake: in TLS 1.3 the client has done its part of it
    /// before the server has judged its certificate.
    fn layer_fault(&mut self) -> Option<Fault> {
        let kind = Kind::layer(self.report().error()?.clone());
        let client = self.protocol();
        let phase = if client.has_heard() { pump::Client::phase(client) } else { Phase::Tls };
        Some(Fault { phase, kind })
    }
}
