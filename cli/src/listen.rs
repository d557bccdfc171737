//! Where to listen, and how.

use core::fmt;
use core::str::FromStr;

use anyloop::Scheme;
use anyloop::core::driver::{ListenAddr, ListenAddrError};

/// An address, with a scheme where one was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    scheme: Option<Scheme>,
    pub(crate) address: ListenAddr,
}

impl Listen {
    /// How it is to be served: as its scheme says; without one, with TLS when there is a certificate.
    pub(crate) fn scheme(&self, has_certificate: bool) -> Scheme {
        match self.scheme {
            Some(scheme) => scheme,
            None if has_certificate => Scheme::Https,
            None => Scheme::Http,
        }
    }
}

impl FromStr for Listen {
    type Err = ListenAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, address) = if let Some(address) = text.strip_prefix("https://") {
            (Some(Scheme::Https), address)
        } else if let Some(address) = text.strip_prefix("http://") {
            (Some(Scheme::Http), address)
        } else {
            (None, text)
        };
        Ok(Self { scheme, address: address.parse()? })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.as_str())?;
        }
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_decides_and_without_one_the_certificate() {
        for (text, with, without) in [
            ("127.0.0.1:1", Scheme::Https, Scheme::Http),
            ("http://127.0.0.1:1", Scheme::Http, Scheme::Http),
            ("https://127.0.0.1:1", Scheme::Https, Scheme::Https),
            ("unix:/run/a", Scheme::Https, Scheme::Http),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.scheme(true), listen.scheme(false)), (with, without), "{text}");
            assert_eq!(listen.to_string(), text);
        }
        assert!("https://".parse::<Listen>().is_err() && "ftp://127.0.0.1:1".parse::<Listen>().is_err());
    }
}
