//! From a handshake to the protocol inside.

use core::fmt;

use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;
use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, SupportedCipherSuite};

use crate::protocol::{Lost, Protocol};
use crate::service::Secured;

/// What a handshake has agreed on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Negotiated<'a> {
    /// The application protocol by its ALPN name, `http/1.1` or `h2` for instance; `None` when the peers agreed on none.
    pub alpn: Option<&'a [u8]>,
    /// The name that the client asked for (SNI), in lower case. `None` on the client's side.
    pub server_name: Option<&'a str>,
    /// The peer's verified certificates, its own first; empty when it presented none.
    pub peer_certificates: &'a [CertificateDer<'static>],
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// The cipher suite.
    pub cipher_suite: Option<SupportedCipherSuite>,
}

impl Negotiated<'_> {
    /// Copies what requests show of it.
    pub(crate) fn to_secured(self) -> Secured {
        Secured {
            alpn: self.alpn.map(Into::into),
            server_name: self.server_name.map(Into::into),
            client_certificates: self
                .peer_certificates
                .iter()
                .map(|der| Bytes::copy_from_slice(der))
                .collect(),
        }
    }
}

/// Makes the protocol inside, once the handshake says which one it is to be.
///
/// A closure that takes a [`Negotiated`] is one; [`Ready`] is one that has the protocol at hand.
pub trait Establish {
    /// The protocol that speaks inside.
    type Protocol: Protocol;

    /// Makes it.
    fn establish(self, negotiated: Negotiated<'_>) -> Self::Protocol;

    /// The connection is over before the handshake was done.
    fn lost(&mut self, cause: Lost) {
        let _ = cause;
    }
}

impl<F: FnOnce(Negotiated<'_>) -> P, P: Protocol> Establish for F {
    type Protocol = P;

    fn establish(self, negotiated: Negotiated<'_>) -> P {
        self(negotiated)
    }
}

/// A protocol that is the same whatever was negotiated. It hears of the end of its connection even when the handshake
/// was never done.
#[derive(Clone, Copy, Debug)]
pub struct Ready<P>(pub P);

impl<P: Protocol> Establish for Ready<P> {
    type Protocol = P;

    fn establish(self, _: Negotiated<'_>) -> P {
        self.0
    }

    fn lost(&mut self, cause: Lost) {
        self.0.connection_lost(cause);
    }
}

/// Remembers which name one connection asked for, which rustls tells nobody but the resolver.
pub(super) struct Watch {
    pub(super) resolver: Arc<dyn ResolvesServerCert>,
    pub(super) asked_for: Arc<OnceLock<String>>,
}

impl ResolvesServerCert for Watch {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            // A second hello of the same handshake has the same name.
            self.asked_for.get_or_init(|| name.to_ascii_lowercase());
        }
        self.resolver.resolve(hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("resolver", &self.resolver).field("asked_for", &self.asked_for).finish()
    }
}
