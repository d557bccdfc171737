//! Connections as the pool keeps them.

use std::sync::Arc;

#[cfg(feature = "tls-no-provider")]
use anyloop_core::body::BoxError;
use anyloop_core::client::{self, Connection};
use anyloop_core::driver::{Peer, Runtime};
#[cfg(feature = "tls-no-provider")]
use anyloop_core::protocol::Either;
use anyloop_core::pump;
#[cfg(feature = "tls-no-provider")]
use anyloop_core::tls::{
    Ready, Tls,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::client::Shared;
#[cfg(feature = "tls-no-provider")]
use super::error::{Cause, Error, Phase};

/// What connections are the same for: those with equal keys can stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Whether the stream is encrypted.
    pub(crate) secure: bool,
    /// Whom the requests are sent to: the server, or the proxy that gets them whole.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) route: Route,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    Direct,
    /// The host is a proxy.
    Proxy,
    /// Through a tunnel of this proxy.
    Tunnel(Arc<str>, u16),
}

/// What speaks on a connection: HTTP, or HTTP inside TLS, in a box of its own.
#[cfg(feature = "tls-no-provider")]
pub type Port = Either<pump::Client, Box<Tls<Ready<pump::Client>>>>;
/// What speaks on a connection: HTTP.
#[cfg(not(feature = "tls-no-provider"))]
pub type Port = pump::Client;

/// A connection that requests are sent on.
pub(crate) type Wire<R> = Connection<R, Port>;

/// A connection that is no longer HTTP, after a switch of protocols.
pub type Tunnel<R> = client::Tunnel<R, Port>;

/// Puts HTTP over a stream.
pub(crate) fn wire<R: Runtime>(shared: &Shared<R>, stream: R::Stream, peer: Peer) -> Wire<R> {
    let port = pump::Client::new(Arc::clone(&shared.config));
    #[cfg(feature = "tls-no-provider")]
    let port = Either::First(port);
    Connection::with_protocol(port, shared.runtime.clone(), stream, peer, &shared.config)
}

/// Puts HTTP inside TLS over a stream, to the server of this name.
#[cfg(feature = "tls-no-provider")]
pub(crate) async fn secure_wire<R: Runtime>(
    shared: &Shared<R>,
    host: &str,
    stream: R::Stream,
    peer: Peer,
) -> Result<Wire<R>, Error> {
    // Addresses of version 6 stand in brackets in a URL.
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|error| Error::new(Phase::Tls, Cause::Invalid(Arc::new(BoxError::new(error)))))?;
    let config = config(shared).await?;
    let mut tls = Tls::client(config, name, Ready(pump::Client::new(Arc::clone(&shared.config))));
    if let Some(timeout) = shared.config.timeouts.connect {
        tls = tls.with_handshake_timeout(timeout);
    }
    let port = Either::Second(Box::new(tls));
    Ok(Connection::with_protocol(port, shared.runtime.clone(), stream, peer, &shared.config))
}

/// The configuration of all connections, made off the event loop the first time.
#[cfg(feature = "tls-no-provider")]
async fn config<R: Runtime>(shared: &Shared<R>) -> Result<Arc<ClientConfig>, Error> {
    let secure = &shared.settings.secure;
    if let Some(ready) = secure.ready() {
        return ready;
    }
    let make = secure.maker().ok_or_else(|| Error::new(Phase::Tls, Cause::MissingFeature("tls")))?;
    match shared.runtime.unblock(make).await {
        Ok(made) => secure.keep(made),
        Err(panicked) => Err(Error::new(Phase::Tls, Cause::Layer(Arc::new(BoxError::new(panicked))))),
    }
}
