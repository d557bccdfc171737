//! Connections as the pool keeps them.

use std::sync::Arc;

use anyloop_core::client::{self, Connection};
use anyloop_core::driver::{Peer, Runtime};

use super::client::Shared;

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

/// A connection that requests are sent on.
pub(crate) type Wire<R> = Connection<R>;

/// A connection that is no longer HTTP, after a switch of protocols.
pub type Tunnel<R> = client::Tunnel<R>;

/// Puts HTTP over a stream.
pub(crate) fn wire<R: Runtime>(shared: &Shared<R>, stream: R::Stream, peer: Peer) -> Wire<R> {
    Connection::new(shared.runtime.clone(), stream, peer, &shared.config)
}
