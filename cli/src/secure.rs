//! Certificates of `anyloop serve`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyloop::tls::rustls::crypto::CryptoProvider;
use anyloop::tls::rustls::crypto::hash::HashAlgorithm;
use anyloop::tls::rustls::pki_types::PrivatePkcs8KeyDer;
use anyloop::tls::{Acceptor, ClientAuth, Identity, ServerTls, ring_provider, roots_from_pem_file};
use rcgen::{CertificateParams, DnType, KeyPair};

/// The names that a certificate made for development is for.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where certificates come from.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// Serve https with this certificate and those that signed it (PEM). May be given several times, each with its key
    #[arg(long, value_name = "FILE")]
    tls_cert: Vec<PathBuf>,

    /// The key of the certificate (PEM: PKCS#8, PKCS#1 or SEC1)
    #[arg(long, value_name = "FILE")]
    tls_key: Vec<PathBuf>,

    /// Serve https with a certificate for localhost that is made at the start; for development
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    tls_self_signed: bool,

    /// Ask clients for a certificate that was signed by one in this file (PEM)
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Whether clients must have one; a certificate that is not good is refused in any case
    #[arg(long, value_name = "WHO", value_enum, requires = "client_ca", default_value = "required")]
    client_auth: Auth,
}

/// Who is let in where clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Auth {
    /// Those that have one.
    Required,
    /// Also those that have none.
    Optional,
}

/// Loads the certificates, and loads them again.
pub(crate) struct Certificates {
    flags: TlsFlags,
    provider: Arc<CryptoProvider>,
    /// Made once, so that reloading keeps it.
    made: Option<Identity>,
}

impl Certificates {
    pub(crate) fn new(flags: TlsFlags) -> io::Result<Self> {
        if flags.tls_cert.len() != flags.tls_key.len() {
            return Err(invalid("each --tls-cert needs its --tls-key"));
        }
        let provider = ring_provider();
        let made = flags.tls_self_signed.then(|| self_signed(&provider)).transpose()?;
        if flags.client_ca.is_some() && made.is_none() && flags.tls_cert.is_empty() {
            return Err(invalid(
                "--client-ca needs a certificate: --tls-cert and --tls-key, or --tls-self-signed",
            ));
        }
        Ok(Self { flags, provider, made })
    }

    /// Whether there is one.
    pub(crate) fn are_given(&self) -> bool {
        self.made.is_some() || !self.flags.tls_cert.is_empty()
    }

    /// Returns the SHA-256 fingerprint of the certificate that was made for development.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let certificate = self.made.as_ref()?.chain().first()?;
        let mut suites = self.provider.cipher_suites.iter().filter_map(|suite| suite.tls13());
        let suite = suites.find(|suite| suite.common.hash_provider.algorithm() == HashAlgorithm::SHA256)?;
        let hash = suite.common.hash_provider.hash(certificate);
        let pairs: Vec<_> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Some(pairs.join(":"))
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> io::Result<ServerTls> {
        let mut identities: Vec<_> = self.made.iter().cloned().collect();
        for (certificate, key) in self.flags.tls_cert.iter().zip(&self.flags.tls_key) {
            identities.push(Identity::from_pem_files(certificate, key, &self.provider).map_err(invalid)?);
        }
        let mut tls = ServerTls::new(Arc::clone(&self.provider), identities);
        if let Some(file) = &self.flags.client_ca {
            let roots = Arc::new(roots_from_pem_file(file).map_err(invalid)?);
            tls = tls.client_auth(match self.flags.client_auth {
                Auth::Required => ClientAuth::Required(roots),
                Auth::Optional => ClientAuth::Optional(roots),
            });
        }
        Ok(tls)
    }

    /// Reads the files anew for connections that come from here on. When one is bad, all stays as it was.
    pub(crate) fn reload(&self, acceptor: &Acceptor) {
        match self.load().and_then(|tls| tls.config().map_err(invalid)) {
            Ok(config) => {
                acceptor.reload(config);
                eprintln!("anyloop: certificates loaded again");
            }
            Err(error) => eprintln!("anyloop: certificates stay as they were: {error}"),
        }
    }
}

pub(crate) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

fn self_signed(provider: &CryptoProvider) -> io::Result<Identity> {
    let key = KeyPair::generate().map_err(invalid)?;
    let mut params = CertificateParams::new(LOCAL.map(str::to_owned)).map_err(invalid)?;
    params.distinguished_name.push(DnType::CommonName, "anyloop development");
    let certificate = params.self_signed(&key).map_err(invalid)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Identity::new([certificate.der().clone()].into(), key.into(), provider).map_err(invalid)
}
