//! TLS for the client: whom it trusts, and who it is.

use std::fmt;
use std::sync::{Arc, OnceLock};

use anyloop_core::body::BoxError;
use anyloop_core::tls::Identity;
use anyloop_core::tls::danger::AnyServer;
use anyloop_core::tls::rustls::crypto::CryptoProvider;
use anyloop_core::tls::rustls::{ClientConfig, Error as TlsError, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::error::{Cause, Error, Phase};

/// Whose signature makes a server's certificate good.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Roots {
    /// The authorities that the operating system trusts, by its own rules.
    #[default]
    Platform,
    /// The list of Mozilla, built in. For programs that carry all they need.
    #[cfg(feature = "webpki-roots")]
    Mozilla,
    /// These and no others; [`roots_from_pem_file`](anyloop_core::tls::roots_from_pem_file) loads them.
    Only(Arc<RootCertStore>),
}

/// The TLS of a client.
///
/// Servers are always verified: the certificate must be signed by one of [`Roots`], be in its time, and be for the name in
/// the URL. A handshake may take as long as connecting may, [`Timeouts::connect`](super::Timeouts).
///
/// # The trap
///
/// A bare `ssl.SSLContext()` of Python verifies nothing: its connections are encrypted, to whoever answers. No setting here
/// does that by leaving something out; [`ClientTls::danger_accept_invalid_certs`] does it by name, and says so on stderr.
///
/// ```
/// # #[cfg(feature = "tls")] {
/// use anyloop::client::{ClientTls, Roots};
/// use anyloop::tls::rustls::RootCertStore;
/// use std::sync::Arc;
///
/// let ours = RootCertStore::empty();
/// let tls = ClientTls::new(anyloop::tls::ring_provider()).roots(Roots::Only(Arc::new(ours)));
/// # drop(tls); }
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing by themselves"]
pub struct ClientTls {
    provider: Arc<CryptoProvider>,
    trust: Trust,
    identity: Option<Identity>,
}

#[derive(Clone, Debug)]
enum Trust {
    Roots(Roots),
    Anybody,
}

impl ClientTls {
    /// Trusts what the platform trusts, and has no certificate of its own.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, trust: Trust::Roots(Roots::default()), identity: None }
    }

    /// Sets whom to trust.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.trust = Trust::Roots(roots);
        self
    }

    /// Shows this certificate to servers that ask for one.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Takes any certificate of anybody: whoever stands between can read and change everything. It says so on stderr.
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        eprintln!("anyloop: the certificates of servers are not verified; the connections are not safe");
        self.trust = Trust::Anybody;
        self
    }

    /// Makes what rustls asks for. That may read the certificates of the system.
    fn config(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?;
        let builder = match &self.trust {
            Trust::Roots(Roots::Platform) => builder.with_platform_verifier()?,
            #[cfg(feature = "webpki-roots")]
            Trust::Roots(Roots::Mozilla) => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
                builder.with_root_certificates(RootCertStore { roots })
            }
            Trust::Roots(Roots::Only(roots)) => builder.with_root_certificates(Arc::clone(roots)),
            Trust::Anybody => {
                let verifier = AnyServer::verifier(&self.provider);
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(identity.client_resolver()),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("trust", &self.trust)
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

/// The settings, and what was made of them when `https` was first asked for.
#[derive(Debug, Default)]
pub(crate) struct Secure {
    settings: Option<ClientTls>,
    made: OnceLock<Result<Arc<ClientConfig>, TlsError>>,
}

impl Secure {
    /// With the crypto provider that is built in, if one is.
    pub(crate) fn new() -> Self {
        #[cfg(feature = "tls")]
        return ClientTls::new(anyloop_core::tls::ring_provider()).into();
        #[cfg(all(feature = "aws-lc-rs", not(feature = "tls")))]
        return ClientTls::new(anyloop_core::tls::aws_lc_rs_provider()).into();
        #[cfg(not(any(feature = "tls", feature = "aws-lc-rs")))]
        Self::default()
    }

    /// Whether `https` can be spoken.
    pub(crate) fn is_there(&self) -> bool {
        self.settings.is_some()
    }

    /// Returns the configuration if it was made before, or else what makes it, which may block.
    pub(crate) fn ready(&self) -> Option<Result<Arc<ClientConfig>, Error>> {
        self.made.get().map(|made| made.clone().map_err(failed))
    }

    /// What makes the configuration; it may block.
    pub(crate) fn maker(
        &self,
    ) -> Option<impl FnOnce() -> Result<Arc<ClientConfig>, TlsError> + Send + 'static> {
        let settings = self.settings.clone()?;
        Some(move || settings.config().map(Arc::new))
    }

    /// Keeps what was made. The first one stays, so that sessions are shared.
    pub(crate) fn keep(&self, made: Result<Arc<ClientConfig>, TlsError>) -> Result<Arc<ClientConfig>, Error> {
        self.made.get_or_init(|| made).clone().map_err(failed)
    }
}

impl From<ClientTls> for Secure {
    fn from(settings: ClientTls) -> Self {
        Self { settings: Some(settings), made: OnceLock::new() }
    }
}

fn failed(error: TlsError) -> Error {
    Error::new(Phase::Tls, Cause::Layer(Arc::new(BoxError::new(error))))
}
