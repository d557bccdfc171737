//! Certificates, made once a run.

use std::sync::{Arc, OnceLock};

use anyloop_core::tls::rustls::client::ResolvesClientCert;
use anyloop_core::tls::rustls::crypto::{CryptoProvider, ring};
use anyloop_core::tls::rustls::pki_types::ServerName;
use anyloop_core::tls::rustls::server::WebPkiClientVerifier;
use anyloop_core::tls::rustls::sign::CertifiedKey;
use anyloop_core::tls::rustls::version::{TLS12, TLS13};
use anyloop_core::tls::rustls::{
    ClientConfig, RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};

#[path = "authority.rs"]
#[allow(dead_code, reason = "shared with the tests of the library")]
mod authority;

pub(crate) use authority::{Authority, Signed};

/// What one authority signed.
pub(crate) struct All {
    pub(crate) authority: Authority,
    pub(crate) server: Signed,
    pub(crate) client: Signed,
}

pub(crate) const NAME: &str = "server.example";
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub(crate) fn all() -> &'static All {
    static ALL: OnceLock<All> = OnceLock::new();
    ALL.get_or_init(|| {
        let authority = Authority::new("authority");
        let (server, client) = (authority.sign(&[NAME]), authority.sign(&["client.example"]));
        All { authority, server, client }
    })
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

pub(crate) fn roots() -> Arc<RootCertStore> {
    all().authority.roots()
}

pub(crate) fn server_of(version: &'static SupportedProtocolVersion) -> ServerConfig {
    let All { server, .. } = all();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), server.key())
        .unwrap();
    config.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()];
    config
}

pub(crate) fn server() -> ServerConfig {
    server_of(&TLS13)
}

/// A server that wants the client's certificate.
pub(crate) fn asking_server(version: &'static SupportedProtocolVersion) -> ServerConfig {
    let All { server, .. } = all();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(), provider()).build().unwrap();
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(server.chain.clone(), server.key())
        .unwrap()
}

pub(crate) fn client() -> ClientConfig {
    let All { client, .. } = all();
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots())
        .with_client_auth_cert(client.chain.clone(), client.key())
        .unwrap()
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).unwrap()
}

/// A client without a certificate.
#[derive(Debug)]
pub(crate) struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
