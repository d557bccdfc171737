//! Proxies: which requests go through which.

use core::fmt;
use core::net::IpAddr;
use std::sync::Arc;

use anyloop_core::head::HeaderValue;
use url::Url;

use super::auth;
use super::error::{Cause, Error, Phase};

/// An HTTP proxy. Requests for `http` addresses are handed to it whole, in absolute form; for `https` addresses it is
/// asked for a tunnel by CONNECT.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) tunnels: Tunnels,
}

/// What a proxy is asked for a tunnel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tunnels {
    Https,
    All,
}

impl Proxy {
    /// Makes a proxy of its address: `http://host:port` or `host:port`, with `user:password@` before the host when it
    /// asks for them. The port is 80 when there is none.
    ///
    /// # Errors
    /// [`Cause::ProxySettings`] when that is no address of an HTTP proxy. Proxies that speak TLS or SOCKS are not
    /// supported.
    pub fn new(address: &str) -> Result<Self, Error> {
        let settings = |text: String| Error::new(Phase::Proxy, Cause::ProxySettings(text.into()));
        let address = address.trim();
        let url = if address.contains("://") {
            Url::parse(address)
        } else {
            Url::parse(&format!("http://{address}"))
        };
        let mut url =
            url.map_err(|error| settings(format!("the address of the proxy is malformed: {error}")))?;
        if url.scheme() != "http" {
            return Err(settings(format!("{} proxies are not supported", url.scheme())));
        }
        let authorization = auth::take(&mut url);
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(settings("the address of the proxy has no host".into()));
        };
        Ok(Self { host: host.into(), port, authorization, tunnels: Tunnels::Https })
    }

    /// Sets user name and password.
    ///
    /// # Errors
    /// When the user name has a colon.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, Error> {
        self.authorization = Some(auth::basic(user, password)?);
        Ok(self)
    }

    /// Asks for a tunnel for `http` addresses too.
    #[must_use]
    pub fn always_tunnel(mut self) -> Self {
        self.tunnels = Tunnels::All;
        self
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authorization", &self.authorization.is_some())
            .field("tunnels", &self.tunnels)
            .finish()
    }
}

/// Which requests go through which proxy.
///
/// ```
/// use anyloop::client::{Proxies, Proxy};
///
/// let proxies = Proxies::all(Proxy::new("10.0.0.1:3128")?).except("localhost, .example.com, 192.168.0.0/16");
/// # let _ = proxies;
/// # Ok::<(), anyloop::client::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Setting>,
    https: Option<Setting>,
    except: Exceptions,
}

/// A malformed address in the environment is an error of each request that would use it: going around a proxy by
/// mistake is worse.
type Setting = Result<Proxy, Error>;

impl Proxies {
    /// No proxy for any request.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same proxy for all requests.
    pub fn all(proxy: Proxy) -> Self {
        Self { http: Some(Ok(proxy.clone())), https: Some(Ok(proxy)), except: Exceptions::default() }
    }

    /// Sets the proxy for `http` addresses.
    #[must_use]
    pub fn http(mut self, proxy: Proxy) -> Self {
        self.http = Some(Ok(proxy));
        self
    }

    /// Sets the proxy for `https` addresses.
    #[must_use]
    pub fn https(mut self, proxy: Proxy) -> Self {
        self.https = Some(Ok(proxy));
        self
    }

    /// Sets the hosts that are asked directly, in the form of `NO_PROXY`: names, each of which stands for the domains
    /// below it too (with a dot before it, for these only), IP addresses, networks such as `10.0.0.0/8`, or `*` for all;
    /// separated by commas, each with a port or without.
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        self.except = Exceptions::parse(list);
        self
    }

    /// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, or the same in upper case.
    ///
    /// `HTTP_PROXY` in upper case is ignored where `REQUEST_METHOD` is set: in a CGI program it is what a client sent
    /// as the field `Proxy` (RFC 3875 §4.1.18).
    pub fn from_env() -> Self {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    pub(crate) fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.trim().is_empty());
        let either = |name: &str| var(name).or_else(|| var(&name.to_ascii_uppercase()));
        let all = either("all_proxy");
        let http = var("http_proxy")
            .or_else(|| if var("REQUEST_METHOD").is_none() { var("HTTP_PROXY") } else { None })
            .or_else(|| all.clone());
        let https = either("https_proxy").or(all);
        Self {
            http: http.map(|address| Proxy::new(&address)),
            https: https.map(|address| Proxy::new(&address)),
            except: either("no_proxy").map(|list| Exceptions::parse(&list)).unwrap_or_default(),
        }
    }

    /// Returns the proxy for an address, whose scheme is `http` or `https`.
    pub(crate) fn find(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        let setting = if url.scheme() == "https" { &self.https } else { &self.http };
        let Some(setting) = setting else { return Ok(None) };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Ok(None) };
        if self.except.contain(host, port) {
            return Ok(None);
        }
        setting.as_ref().map(Some).map_err(Clone::clone)
    }
}

#[derive(Clone, Debug, Default)]
struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    Network(IpAddr, u8),
    /// Lower-case, without a dot at either end.
    Domain {
        name: String,
        apex: Apex,
    },
}

/// Whether a domain's own name is meant too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apex {
    Included,
    Excluded,
}

impl Exceptions {
    /// What makes no sense is left out, as other programs do.
    fn parse(list: &str) -> Self {
        Self(list.split([',', ' ', '\t']).filter_map(Exception::parse).collect())
    }

    fn contain(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.iter().any(|exception| {
            exception.port.is_none_or(|only| only == port) && exception.hosts.contain(&host, address)
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let (hosts, port) = split_port(entry)?;
        if hosts == "*" {
            return Some(Self { hosts: Hosts::All, port });
        }
        let (address, bits) = match hosts.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (hosts, None),
        };
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            return (bits <= most).then_some(Self { hosts: Hosts::Network(address, bits), port });
        }
        if bits.is_some() {
            return None;
        }
        let name = hosts.strip_prefix('*').unwrap_or(hosts);
        let apex = if name.starts_with('.') { Apex::Excluded } else { Apex::Included };
        let name = name.trim_matches('.').to_ascii_lowercase();
        (!name.is_empty()).then_some(Self { hosts: Hosts::Domain { name, apex }, port })
    }
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` and bare IPv6 addresses.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((address, port));
    }
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => Some((host, Some(port.parse().ok()?))),
        Some(_) | None => (!entry.is_empty()).then_some((entry, None)),
    }
}

impl Hosts {
    fn contain(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, bits) => {
                address.is_some_and(|address| same_network(*network, address, *bits))
            }
            Self::Domain { name, apex } => match host.strip_suffix(name.as_str()) {
                Some("") => *apex == Apex::Included,
                Some(below) => below.ends_with('.'),
                None => false,
            },
        }
    }
}

fn same_network(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_follow_the_table() {
        for (list, host, port, expected) in [
            ("", "a.example", 80, false),
            ("*", "a.example", 80, true),
            ("*", "[::1]", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "EXAMPLE.com.", 80, true),
            ("example.com", "a.example.com", 80, true),
            ("example.com", "anexample.com", 80, false),
            ("example.com", "example.com.evil", 80, false),
            (".example.com", "example.com", 80, false),
            (".example.com", "a.b.example.com", 80, true),
            ("*.example.com", "a.example.com", 80, true),
            ("*.example.com", "example.com", 80, false),
            ("example.com:8080", "example.com", 80, false),
            ("example.com:8080", "example.com", 8080, true),
            ("Example.COM.", "example.com", 80, true),
            (" a , b\tc ", "b", 80, true),
            ("a,,c", "c", 80, true),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("127.0.0.1", "127.0.0.2", 80, false),
            ("127.0.0.1:81", "127.0.0.1", 80, false),
            ("10.0.0.0/8", "10.200.3.4", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("0.0.0.0/0", "11.0.0.1", 80, true),
            ("0.0.0.0/0", "[::1]", 80, false),
            ("10.0.0.0/33", "10.0.0.0", 80, false),
            ("10.0.0.0/x", "10.0.0.0", 80, false),
            ("a.example/8", "a.example", 80, false),
            ("::1", "[::1]", 80, true),
            ("[::1]", "[::1]", 80, true),
            ("[::1]:81", "[::1]", 80, false),
            ("[::1]:80", "[::1]", 80, true),
            ("fe80::/10", "[fe80::7]", 80, true),
            ("fe80::/10", "[2001:db8::7]", 80, false),
            ("127.0.0.1", "[::ffff:127.0.0.1]", 80, true),
            ("example.com:x", "example.com", 80, false),
            (".", "example.com", 80, false),
            ("localhost", "localhost", 80, true),
            ("localhost", "127.0.0.1", 80, false),
        ] {
            assert_eq!(Exceptions::parse(list).contain(host, port), expected, "{list:?} {host} {port}");
        }
    }

    /// The proxy for an address, by these variables.
    fn found(vars: &[(&str, &str)], url: &str) -> Option<String> {
        let var =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxies = Proxies::from_vars(var);
        match proxies.find(&Url::parse(url).unwrap()) {
            Ok(proxy) => proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port)),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn the_environment_follows_the_table() {
        let p = |text: &str| Some(text.to_owned());
        for (vars, url, expected) in [
            (&[][..], "http://a/", None),
            (&[("http_proxy", "p:1")], "http://a/", p("p:1")),
            (&[("http_proxy", "p:1")], "https://a/", None),
            (&[("http_proxy", "http://p")], "http://a/", p("p:80")),
            (&[("HTTP_PROXY", "p:1")], "http://a/", p("p:1")),
            (&[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")], "http://a/", None),
            (&[("http_proxy", "p:1"), ("REQUEST_METHOD", "GET")], "http://a/", p("p:1")),
            (&[("http_proxy", "p:1"), ("HTTP_PROXY", "q:1")], "http://a/", p("p:1")),
            (&[("http_proxy", " "), ("HTTP_PROXY", "q:1")], "http://a/", p("q:1")),
            (&[("HTTPS_PROXY", "p:1")], "https://a/", p("p:1")),
            (&[("ALL_PROXY", "p:1")], "https://a/", p("p:1")),
            (&[("all_proxy", "p:1"), ("https_proxy", "q:1")], "https://a/", p("q:1")),
            (&[("ALL_PROXY", "p:1"), ("NO_PROXY", "a")], "http://a/", None),
            (&[("ALL_PROXY", "p:1"), ("no_proxy", "a")], "http://b/", p("p:1")),
            (&[("http_proxy", "[::1]:3128")], "http://a/", p("[::1]:3128")),
            (
                &[("http_proxy", "socks5://p:1")],
                "http://a/",
                p("the proxy gives no tunnel: socks5 proxies are not supported"),
            ),
            (&[("http_proxy", "socks5://p:1"), ("no_proxy", "a")], "http://a/", None),
        ] {
            assert_eq!(found(vars, url), expected, "{vars:?} {url}");
        }
    }

    #[test]
    fn secrets_of_proxies_are_not_printed() {
        let proxy = Proxy::new("http://user:secret@p:1").unwrap();
        assert!(proxy.authorization.is_some());
        assert!(!format!("{proxy:?}").contains("secret") && !format!("{proxy:?}").contains("c2Vjcm"));
        assert!(Proxy::new("http://").is_err());
    }
}
