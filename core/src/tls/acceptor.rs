//! What the connections of a TLS listener share, and may be changed under way.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{
    ClientHello, NoClientAuth, ResolvesServerCert, ServerSessionMemoryCache, VerifierBuilderError,
    WebPkiClientVerifier, danger::ClientCertVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::Identity;

/// How many sessions are kept to be resumed.
const SESSIONS: usize = 4096;

/// Whether clients show a certificate, and whose.
#[derive(Clone, Debug, Default)]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// They may; one that these authorities did not sign is refused.
    Optional(Arc<RootCertStore>),
    /// They must.
    Required(Arc<RootCertStore>),
}

/// The settings of a TLS listener.
///
/// ```no_run
/// # #[cfg(feature = "ring")] {
/// use anyloop_core::tls::{Identity, ServerTls, ring_provider};
/// use std::path::Path;
///
/// let provider = ring_provider();
/// let identity = Identity::from_pem_files(Path::new("cert.pem"), Path::new("key.pem"), &provider).unwrap();
/// let acceptor = ServerTls::new(provider, [identity]).acceptor().unwrap();
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing by themselves"]
pub struct ServerTls {
    provider: Arc<CryptoProvider>,
    identities: Vec<Identity>,
    client_auth: ClientAuth,
    alpn: Vec<Vec<u8>>,
}

impl ServerTls {
    /// Begins with what is needed: a crypto provider, and certificates. The first whose names cover the one that a client
    /// asks for answers; without a name or a match the first of all does. ALPN offers `http/1.1`.
    pub fn new(provider: Arc<CryptoProvider>, identities: impl IntoIterator<Item = Identity>) -> Self {
        Self {
            provider,
            identities: identities.into_iter().collect(),
            client_auth: ClientAuth::None,
            alpn: [b"http/1.1".to_vec()].into(),
        }
    }

    /// Sets whether clients show a certificate; default [`ClientAuth::None`].
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// Replaces the ALPN names, the best liked first; with none, ALPN is not spoken.
    pub fn alpn<'a>(mut self, names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.alpn = names.into_iter().map(<[u8]>::to_vec).collect();
        self
    }

    /// Makes what rustls asks for.
    ///
    /// # Errors
    /// When there is no certificate, there are no authorities to ask clients for, or the provider lacks TLS 1.2 or 1.3.
    pub fn config(&self) -> Result<ServerConfig, rustls::Error> {
        if self.identities.is_empty() {
            return Err(rustls::Error::NoCertificatesPresented);
        }
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(self.verifier()?)
            .with_cert_resolver(Arc::new(FirstMatch(self.identities.clone())));
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(config)
    }

    /// Makes the acceptor.
    ///
    /// # Errors
    /// As of [`ServerTls::config`].
    pub fn acceptor(&self) -> Result<Acceptor, rustls::Error> {
        self.config().map(Acceptor::new)
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let (roots, required) = match &self.client_auth {
            ClientAuth::None => return Ok(Arc::new(NoClientAuth)),
            ClientAuth::Optional(roots) => (roots, false),
            ClientAuth::Required(roots) => (roots, true),
        };
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&self.provider));
        let built = if required { builder.build() } else { builder.allow_unauthenticated().build() };
        built.map_err(|error: VerifierBuilderError| rustls::Error::General(alloc::format!("{error}")))
    }
}

/// Picks the certificate by the name that the client asks for.
struct FirstMatch(Vec<Identity>);

impl ResolvesServerCert for FirstMatch {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fits = |identity: &&Identity| {
            let key = &identity.certified_key().key;
            key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let covering = || self.0.iter().filter(|each| name.as_ref().is_some_and(|name| each.covers(name)));
        // Of two kinds of key for one name, the one that the client can check.
        let found = covering().find(fits).or_else(|| covering().next()).or_else(|| self.0.first());
        found.map(|identity| Arc::clone(identity.certified_key()))
    }
}

impl fmt::Debug for FirstMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FirstMatch").field(&self.0.len()).finish()
    }
}

/// The TLS of a listener. Clones are the same one.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<Arc<ServerConfig>>>);

impl Acceptor {
    /// Takes a configuration, of [`ServerTls`] or made by hand.
    pub fn new(config: ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    /// Replaces the configuration: new certificates, for instance. Connections that are there go on; those that come have
    /// the new one.
    pub fn reload(&self, config: ServerConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Returns the configuration for a new connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}
