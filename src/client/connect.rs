//! How a connection is made: address, proxy, encryption.

use anyloop_core::driver::{Peer, Runtime};
use url::Url;

use super::client::Shared;
use super::error::{Cause, Error, Phase};
use super::proxy::{Proxy, Tunnels};
#[cfg(feature = "tls-no-provider")]
use super::wire::secure_wire;
use super::wire::{Key, Route, Wire, wire};
use super::{resolve, tunnel};

/// The name of the feature that `https` needs.
const TLS: &str = "tls";

/// Which way the requests for an address take.
pub(crate) struct Way<'a> {
    pub(crate) key: Key,
    pub(crate) proxy: Option<&'a Proxy>,
}

impl<'a> Way<'a> {
    pub(crate) fn find<R: Runtime>(shared: &'a Shared<R>, url: &Url) -> Result<Self, Error> {
        let secure = url.scheme() == "https";
        if secure && !speaks_tls(shared) {
            return Err(Error::new(Phase::Tls, Cause::MissingFeature(TLS)));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Error::new(Phase::Build, Cause::Url(url::ParseError::EmptyHost)));
        };
        let proxy = shared.settings.proxies.find(url)?;
        let key = match proxy {
            None => Key { secure, host: host.into(), port, route: Route::Direct },
            Some(proxy) if secure || proxy.tunnels == Tunnels::All => {
                Key { secure, host: host.into(), port, route: Route::Tunnel(proxy.host.clone(), proxy.port) }
            }
            Some(proxy) => Key { secure, host: proxy.host.clone(), port: proxy.port, route: Route::Proxy },
        };
        Ok(Self { key, proxy })
    }

    /// Makes a connection. Nothing of it is left when the future is dropped.
    pub(crate) async fn connect<R: Runtime>(&self, shared: &Shared<R>) -> Result<Wire<R>, Error> {
        let Key { host, port, route, .. } = &self.key;
        let (stream, peer) = match route {
            Route::Direct | Route::Proxy => dial(shared, host, *port).await?,
            Route::Tunnel(proxy, proxy_port) => {
                let (mut stream, peer) = dial(shared, proxy, *proxy_port).await?;
                let authorization = self.proxy.and_then(|proxy| proxy.authorization.as_ref());
                let authority = format!("{host}:{port}");
                tunnel::open(&mut stream, &authority, authorization, &shared.settings.limits)
                    .await
                    .map_err(|error| error.with(&peer))?;
                (stream, peer)
            }
        };
        #[cfg(feature = "tls-no-provider")]
        if self.key.secure {
            return secure_wire(shared, host, stream, peer).await;
        }
        Ok(wire(shared, stream, peer))
    }
}

#[cfg(feature = "tls-no-provider")]
fn speaks_tls<R: Runtime>(shared: &Shared<R>) -> bool {
    shared.settings.secure.is_there()
}

#[cfg(not(feature = "tls-no-provider"))]
fn speaks_tls<R: Runtime>(_: &Shared<R>) -> bool {
    false
}

async fn dial<R: Runtime>(shared: &Shared<R>, host: &str, port: u16) -> Result<(R::Stream, Peer), Error> {
    let addresses = resolve::resolve(&shared.runtime, &shared.settings.overrides, host, port).await?;
    resolve::connect(&shared.runtime, addresses).await
}
