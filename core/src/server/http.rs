//! What speaks on one connection of a server: HTTP, or HTTP inside TLS.

use crate::pump;

#[cfg(feature = "tls")]
pub use secure::Begin;

/// Speaks HTTP on a connection, over TLS where the listener says so. TLS stands in a box of its own: a connection in the
/// clear does not pay for it.
#[cfg(feature = "tls")]
pub type Http<S> = crate::protocol::Either<pump::Server<S>, alloc::boxed::Box<crate::tls::Tls<Begin<S>>>>;
/// Speaks HTTP on a connection.
#[cfg(not(feature = "tls"))]
pub type Http<S> = pump::Server<S>;

/// In the clear.
pub(super) fn plain<S: crate::service::Service>(server: pump::Server<S>) -> Http<S> {
    #[cfg(feature = "tls")]
    return crate::protocol::Either::First(server);
    #[cfg(not(feature = "tls"))]
    server
}

#[cfg(feature = "tls")]
pub(super) use secure::secure;

#[cfg(feature = "tls")]
mod secure {
    use alloc::boxed::Box;
    use alloc::sync::Arc;

    use super::Http;
    use crate::driver::Endpoints;
    use crate::protocol::Either;
    use crate::pump;
    use crate::service::Service;
    use crate::tls::{Acceptor, Establish, Negotiated, Tls};

    /// Begins HTTP when the handshake is done.
    #[derive(Clone, Debug)]
    pub struct Begin<S> {
        service: S,
        config: Arc<pump::Config>,
        ends: Endpoints,
    }

    impl<S: Service> Establish for Begin<S> {
        type Protocol = pump::Server<S>;

        /// HTTP/1.1 is all that is offered by ALPN, and what clients without it speak.
        fn establish(self, negotiated: Negotiated<'_>) -> Self::Protocol {
            let Endpoints { peer, local, listener: _ } = self.ends;
            pump::Server::new(self.service, self.config, peer, local).secured(negotiated.to_secured())
        }
    }

    /// Inside TLS.
    pub(in super::super) fn secure<S: Service>(
        acceptor: &Acceptor,
        service: S,
        config: Arc<pump::Config>,
        ends: Endpoints,
    ) -> Http<S> {
        let (timeout, name) = (config.timeouts.handshake, config.server.clone());
        let tls = Tls::server(&acceptor.config(), Begin { service, config, ends })
            .with_handshake_timeout(timeout)
            .with_plain_http_answer(name);
        Either::Second(Box::new(tls))
    }
}
