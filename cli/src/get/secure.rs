//! Whom `anyloop get` trusts.

use std::path::PathBuf;
use std::sync::Arc;

use anyloop::client::{ClientTls, Roots};
use anyloop::tls::{Identity, LoadError, ring_provider, roots_from_pem_file};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsFlags {
    /// Trust servers whose certificate was signed by one in this file (PEM), and no others
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,

    /// Trust anybody: do not verify certificates
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Show this certificate to servers that ask for one (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl TlsFlags {
    /// Reads the files.
    pub(super) fn load(&self) -> Result<ClientTls, LoadError> {
        let provider = ring_provider();
        let mut tls = ClientTls::new(Arc::clone(&provider));
        if let Some(file) = &self.cacert {
            tls = tls.roots(Roots::Only(Arc::new(roots_from_pem_file(file)?)));
        }
        if self.insecure {
            tls = tls.danger_accept_invalid_certs();
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            tls = tls.identity(Identity::from_pem_files(certificate, key, &provider)?);
        }
        Ok(tls)
    }
}
