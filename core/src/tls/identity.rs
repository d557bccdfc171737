//! Certificates and keys from PEM files.

use core::fmt;

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::client::{ResolvesClientCert, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// A certificate, those that it was signed by, and its key.
///
/// Keys may be PKCS#8, PKCS#1 (RSA) or SEC1 (EC), of a kind that the crypto provider knows, and not encrypted.
#[derive(Clone, Debug)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Takes certificates in DER, the own one first, and the key.
    ///
    /// # Errors
    /// When there is no certificate, the provider does not know the key, or the key is not that of the certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        if chain.is_empty() {
            return Err(rustls::Error::NoCertificatesPresented);
        }
        Ok(Self(Arc::new(CertifiedKey::from_der(chain, key, provider)?)))
    }

    /// Loads PEM files: all certificates of one, the first key of the other. Both may be the same. Reads them at once, so
    /// that it is for the start of a program and for reloads.
    ///
    /// # Errors
    /// [`LoadError`] names the file and what is wrong with it.
    pub fn from_pem_files(
        certificates: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<Self, LoadError> {
        let chain = certificates_of(certificates)?;
        let private = key_of(key)?;
        Self::new(chain, private, provider).map_err(|error| {
            let (file, reason) = if matches!(error, rustls::Error::InconsistentKeys(_)) {
                (key, alloc::format!("the key is not that of {}", certificates.display()))
            } else if matches!(error, rustls::Error::InvalidCertificate(_)) {
                (certificates, error.to_string())
            } else {
                (key, alloc::format!("the key is of no use: {error}"))
            };
            LoadError::new(file, reason)
        })
    }

    /// Returns the certificates in DER, the own one first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    /// Makes what shows this certificate to servers that ask for one, for
    /// [`ClientConfig`](rustls::ClientConfig::client_auth_cert_resolver).
    pub fn client_resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&self.0)))
    }

    pub(super) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.0
    }

    /// Whether the certificate is for this name, wildcards included (RFC 9525 §6.3).
    pub fn covers(&self, name: &ServerName<'_>) -> bool {
        let parsed = self.0.end_entity_cert().ok().and_then(|der| ParsedCertificate::try_from(der).ok());
        parsed.is_some_and(|certificate| verify_server_name(&certificate, name).is_ok())
    }
}

/// Loads the certificates of authorities from a PEM file.
///
/// # Errors
/// [`LoadError`] names the file and what is wrong with it.
pub fn roots_from_pem_file(file: &Path) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(file)? {
        roots.add(certificate).map_err(|error| LoadError::new(file, error.to_string()))?;
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, LoadError> {
    fs::read(file).map_err(|error| LoadError::new(file, error.to_string()))
}

fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let text = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| LoadError::new(file, no_pem(&error)))?;
    if chain.is_empty() {
        return Err(LoadError::new(file, "there is no certificate in PEM form in it".to_owned()));
    }
    Ok(chain)
}

fn key_of(file: &Path) -> Result<PrivateKeyDer<'static>, LoadError> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let is_encrypted = text.windows(21).any(|part| part == b"ENCRYPTED PRIVATE KEY");
        let reason = if !matches!(error, pem::Error::NoItemsFound) {
            no_pem(&error)
        } else if is_encrypted {
            "the key is encrypted".to_owned()
        } else {
            "there is no private key in PEM form in it".to_owned()
        };
        LoadError::new(file, reason)
    })
}

fn no_pem(error: &pem::Error) -> String {
    if matches!(error, pem::Error::MissingSectionEnd { .. }) {
        "a PEM section has no end".to_owned()
    } else if matches!(error, pem::Error::IllegalSectionStart { .. }) {
        "a PEM section does not begin well".to_owned()
    } else {
        error.to_string()
    }
}

/// Why a certificate or a key was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    file: PathBuf,
    reason: String,
}

impl LoadError {
    fn new(file: &Path, reason: String) -> Self {
        Self { file: file.to_owned(), reason }
    }

    /// Returns the file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns what is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

impl core::error::Error for LoadError {}
