//! An authority made for a test, and what it signs.

use std::sync::Arc;

use anyloop_core::tls::Identity;
use anyloop_core::tls::rustls::RootCertStore;
use anyloop_core::tls::rustls::crypto::CryptoProvider;
use anyloop_core::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Signs certificates.
pub(crate) struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// Those who trust this authority and no other.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        Arc::new(roots)
    }

    pub(crate) fn sign(&self, names: &[&str]) -> Signed {
        self.issue(names, |_| {})
    }

    pub(crate) fn sign_expired(&self, names: &[&str]) -> Signed {
        self.issue(names, |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1))
    }

    fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }
}

/// A certificate with its key.
pub(crate) struct Signed {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Signed {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    pub(crate) fn identity(&self, provider: &CryptoProvider) -> Identity {
        Identity::new(self.chain.clone(), self.key(), provider).unwrap()
    }
}
