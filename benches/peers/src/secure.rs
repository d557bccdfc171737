//! TLS with the settings of `anyloop serve`: one certificate, `http/1.1` by ALPN, so many sessions kept in memory, and
//! two tickets for each handshake, as rustls has it by default.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;

const SESSIONS: usize = 4096;

/// Both or none of them.
#[derive(Args)]
pub(crate) struct TlsFlags {
    /// Serve TLS, with the certificates in this PEM file; hyper, actix and anyloop do
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key in this PEM file
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsFlags {
    /// Returns the settings, where there is a certificate.
    pub(crate) fn config(self) -> io::Result<Option<ServerConfig>> {
        let (Some(certificates), Some(key)) = (self.tls_cert, self.tls_key) else { return Ok(None) };
        let invalid = |error: pem::Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let chain =
            CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect).map_err(invalid)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(invalid)?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(io::Error::other)?;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(config))
    }
}
