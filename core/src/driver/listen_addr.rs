//! Addresses to listen on, as people write them.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use std::path::PathBuf;

/// An address to listen on.
///
/// ```
/// use anyloop_core::driver::ListenAddr;
///
/// let v4: ListenAddr = "127.0.0.1:8888".parse()?;
/// let v6: ListenAddr = "[::1]:0".parse()?;
/// let name: ListenAddr = "localhost:80".parse()?;
/// let unix: ListenAddr = "unix:/run/app.sock".parse()?;
/// assert_eq!(unix.to_string(), "unix:/run/app.sock");
/// # Ok::<(), anyloop_core::driver::ListenAddrError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// An IP address and a port; port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// A host name and a port. It is looked up when it is bound; an IPv4 address is preferred.
    Name(String, u16),
    /// The path of a Unix socket, written `unix:PATH`.
    Unix(PathBuf),
}

/// Why a text is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddrError {
    /// No colon and port at the end.
    MissingPort,
    /// The port is no number from 0 to 65535.
    BadPort,
    /// Nothing before the port. Which interfaces to listen on has to be said.
    MissingHost,
    /// Neither an IP address (IPv6 in brackets) nor a host name.
    BadHost,
    /// Nothing behind `unix:`.
    MissingPath,
}

impl fmt::Display for ListenAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingPort => "no port: write HOST:PORT or unix:PATH",
            Self::BadPort => "the port must be a number from 0 to 65535",
            Self::MissingHost => {
                "no host: write 127.0.0.1:PORT, or 0.0.0.0:PORT or [::]:PORT for all interfaces"
            }
            Self::BadHost => "neither an IP address (IPv6 in brackets) nor a host name",
            Self::MissingPath => "no path behind unix:",
        })
    }
}

impl core::error::Error for ListenAddrError {}

impl FromStr for ListenAddr {
    type Err = ListenAddrError;

    fn from_str(text: &str) -> Result<Self, ListenAddrError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(ListenAddrError::MissingPath)
            } else {
                Ok(Self::Unix(PathBuf::from(path)))
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddrError::MissingPort)?;
        let port = parse_port(port)?;
        if host.is_empty() {
            return Err(ListenAddrError::MissingHost);
        }
        if !is_host_name(host) {
            return Err(ListenAddrError::BadHost);
        }
        Ok(Self::Name(host.to_owned(), port))
    }
}

impl TryFrom<&str> for ListenAddr {
    type Error = ListenAddrError;

    fn try_from(text: &str) -> Result<Self, ListenAddrError> {
        text.parse()
    }
}

impl From<SocketAddr> for ListenAddr {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Digits only: `str::parse` takes a leading plus sign.
fn parse_port(text: &str) -> Result<u16, ListenAddrError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ListenAddrError::BadPort);
    }
    text.parse().map_err(|_| ListenAddrError::BadPort)
}

/// Labels of letters, digits, hyphens and underscores, the last one not all digits: that would be a mistyped IPv4
/// address (RFC 1123 §2.1).
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    host.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn addresses_as_people_write_them() {
        for text in [
            "127.0.0.1:8888",
            "0.0.0.0:0",
            "[::1]:0",
            "[::]:80",
            "localhost:80",
            "a-b.example.com:443",
            "unix:./x",
        ] {
            let address: ListenAddr = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        assert!(matches!("[::1]:1".parse(), Ok(ListenAddr::Tcp(_))));
        assert!(matches!("localhost:1".parse(), Ok(ListenAddr::Name(_, 1))));
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, why) in [
            ("", ListenAddrError::MissingPort),
            ("localhost", ListenAddrError::MissingPort),
            ("127.0.0.1", ListenAddrError::MissingPort),
            ("127.0.0.1:", ListenAddrError::BadPort),
            ("127.0.0.1:+80", ListenAddrError::BadPort),
            ("localhost:65536", ListenAddrError::BadPort),
            ("localhost:http", ListenAddrError::BadPort),
            (":8888", ListenAddrError::MissingHost),
            ("::1:80", ListenAddrError::BadHost),
            ("[::1:80", ListenAddrError::BadHost),
            ("127.0.0.256:80", ListenAddrError::BadHost),
            ("http://localhost:80", ListenAddrError::BadHost),
            ("a b:80", ListenAddrError::BadHost),
            ("unix:", ListenAddrError::MissingPath),
        ] {
            assert_eq!(text.parse::<ListenAddr>(), Err(why), "{text:?}");
        }
    }
}
