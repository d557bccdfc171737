//! A cookie jar (RFC 6265).

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyloop_core::head::{HeaderValue, Headers, Known};
use cookie_store::{CookieStore, RawCookie};
use url::Url;

/// Cookies that servers set, and are sent back. Clones share one jar.
///
/// There is no list of public suffixes in it: a server of `a.example.co.uk` may set a cookie for `co.uk`, but not for a
/// name without a dot.
#[derive(Clone, Default)]
pub struct Cookies(Arc<Mutex<CookieStore>>);

impl Cookies {
    /// Makes an empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    fn store(&self) -> MutexGuard<'_, CookieStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a cookie as a `Set-Cookie` field from this address would: `name=value; Path=/`. Returns whether it was
    /// taken: what is malformed or not for this address is not.
    pub fn set(&self, url: &Url, cookie: &str) -> bool {
        RawCookie::parse(cookie.to_owned())
            .is_ok_and(|cookie| is_acceptable(&cookie, url) && self.store().insert_raw(&cookie, url).is_ok())
    }

    /// Returns the value of the field `Cookie` for an address, if there are any cookies for it.
    pub fn header(&self, url: &Url) -> Option<String> {
        let store = self.store();
        let pairs = store.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<_> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Forgets all cookies.
    pub fn clear(&self) {
        self.store().clear();
    }

    pub(crate) fn value(&self, url: &Url) -> Option<HeaderValue> {
        HeaderValue::try_from(self.header(url)?).ok()
    }

    pub(crate) fn take(&self, url: &Url, headers: &Headers) {
        for value in headers.all_known(Known::SetCookie) {
            if let Ok(text) = core::str::from_utf8(value) {
                self.set(url, text);
            }
        }
    }
}

/// A cookie for a whole top-level domain would be sent to strangers.
fn is_acceptable(cookie: &RawCookie<'_>, url: &Url) -> bool {
    let domain = cookie.domain().unwrap_or_default().trim_matches('.');
    domain.is_empty() || domain.contains('.') || url.host_str() == Some(domain)
}

/// Values are secrets.
impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").field("count", &self.store().iter_any().count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_to_where_they_came_from() {
        let url = |text: &str| Url::parse(text).unwrap();
        let cookies = Cookies::new();
        for (from, cookie, taken) in [
            ("http://a.example.com/x/y", "one=1", true),
            ("http://a.example.com/x/y", "two=2; Path=/", true),
            ("http://a.example.com/", "three=3; Domain=example.com", true),
            ("http://a.example.com/", "four=4; Domain=com", false),
            ("http://a.example.com/", "five=5; Domain=other.com", false),
            ("http://a.example.com/", "six=6; Max-Age=0", false),
            ("https://a.example.com/", "seven=7; Secure", true),
            ("http://localhost/", "eight=8", true),
            ("http://a.example.com/", "=", false),
        ] {
            assert_eq!(cookies.set(&url(from), cookie), taken, "{cookie}");
        }
        let sent = |to: &str| {
            let header = cookies.header(&url(to)).unwrap_or_default();
            let mut pairs: Vec<_> = header.split("; ").map(str::to_owned).collect();
            pairs.sort();
            pairs.join(" ")
        };
        assert_eq!(sent("http://a.example.com/x/z"), "one=1 three=3 two=2");
        assert_eq!(sent("http://a.example.com/z"), "three=3 two=2");
        assert_eq!(sent("http://b.example.com/"), "three=3");
        assert_eq!(sent("https://a.example.com/"), "seven=7 three=3 two=2");
        assert_eq!(sent("http://localhost/"), "eight=8");
        assert_eq!(sent("http://example.org/"), "");
        assert!(!format!("{cookies:?}").contains("one"));
    }
}
