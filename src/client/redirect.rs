//! Which redirects are followed, and with what (RFC 9110 §15.4).

use anyloop_core::head::{Headers, Known, Method, Status};
use url::Url;

use super::error::Cause;

/// How redirects are followed.
///
/// 303 leads to a GET, as do 301 and 302 after a POST; all others keep the method and the body, which must not be a
/// stream then. When a redirect leads to another origin (scheme, host and port), `Authorization`, `Cookie`,
/// `Proxy-Authorization` and `Host` are left behind. `Referer` is never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirects {
    /// How many are followed at most; default 10. With 0 a redirect is a response like any other.
    pub limit: u32,
    /// Whether one may lead from `https` to `http`; default no. It is an error then.
    pub allow_downgrade: bool,
}

impl Default for Redirects {
    fn default() -> Self {
        Self { limit: 10, allow_downgrade: false }
    }
}

/// Where a redirect leads, and what becomes of the request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) body: Fate,
    pub(crate) origin: Origin,
}

/// What becomes of the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent again.
    Kept,
    /// Left out, and with it the fields that describe it.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Same,
    Other,
}

/// Decides about a response; `None` when it is to be returned as it is.
pub(crate) fn step(
    rules: &Redirects,
    method: Method,
    from: &Url,
    status: Status,
    headers: &Headers,
) -> Result<Option<Step>, Cause> {
    let change = match status {
        Status::MOVED_PERMANENTLY | Status::FOUND => method == Method::POST,
        Status::SEE_OTHER => true,
        Status::TEMPORARY_REDIRECT | Status::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(location) = headers.known(Known::Location) else { return Ok(None) };
    if rules.limit == 0 {
        return Ok(None);
    }
    let url = resolve(from, location)?;
    if from.scheme() == "https" && url.scheme() == "http" && !rules.allow_downgrade {
        return Err(Cause::RedirectDowngrade);
    }
    let (method, body) = match (change, method) {
        (true, Method::HEAD) => (Method::HEAD, Fate::Dropped),
        (true, _) => (Method::GET, Fate::Dropped),
        (false, method) => (method, Fate::Kept),
    };
    let origin = if url.origin() == from.origin() { Origin::Same } else { Origin::Other };
    Ok(Some(Step { url, method, body, origin }))
}

/// The fragment of the request stays unless the redirect has one of its own (RFC 9110 §10.2.2). Credentials in the new
/// address are the server's, and not sent.
fn resolve(from: &Url, location: &[u8]) -> Result<Url, Cause> {
    let text = core::str::from_utf8(location).map_err(|_| Cause::RedirectTarget)?;
    let mut url = from.join(text).map_err(|_| Cause::RedirectTarget)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(Cause::RedirectTarget);
    }
    // Neither fails for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if url.fragment().is_none() {
        url.set_fragment(from.fragment());
    }
    Ok(url)
}

/// Takes out of a request's fields what must not follow a redirect.
pub(crate) fn strip(headers: &mut Headers, body: Fate, origin: Origin) {
    if body == Fate::Dropped {
        for name in [
            Known::ContentType,
            Known::ContentEncoding,
            Known::ContentLanguage,
            Known::ContentLocation,
            Known::ContentLength,
            Known::TransferEncoding,
            Known::Expect,
            Known::Trailer,
        ] {
            headers.remove_known(name);
        }
        headers.remove("digest");
        headers.remove("content-digest");
        headers.remove("repr-digest");
    }
    if origin == Origin::Other {
        for name in [Known::Authorization, Known::Cookie, Known::ProxyAuthorization, Known::Host] {
            headers.remove_known(name);
        }
        headers.remove("cookie2");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(
        method: Method,
        from: &str,
        status: u16,
        location: Option<&str>,
    ) -> Result<Option<Step>, Cause> {
        let mut headers = Headers::new();
        if let Some(location) = location {
            headers.append("location", location.to_owned()).unwrap();
        }
        let status = Status::new(status).unwrap();
        step(&Redirects::default(), method, &Url::parse(from).unwrap(), status, &headers)
    }

    #[test]
    fn methods_follow_the_table() {
        use Fate::{Dropped, Kept};
        let (get, post, put, head) = (Method::GET, Method::POST, Method::PUT, Method::HEAD);
        for (status, method, then, body) in [
            (301, get, get, Kept),
            (302, get, get, Kept),
            (301, post, get, Dropped),
            (302, post, get, Dropped),
            (301, put, put, Kept),
            (302, Method::DELETE, Method::DELETE, Kept),
            (303, post, get, Dropped),
            (303, put, get, Dropped),
            (303, get, get, Dropped),
            (303, head, head, Dropped),
            (302, head, head, Kept),
            (307, post, post, Kept),
            (308, put, put, Kept),
        ] {
            let step = decide(method, "http://a/x", status, Some("/y")).unwrap().unwrap();
            assert_eq!((step.method, step.body), (then, body), "{status} {method}");
            assert_eq!((step.url.as_str(), step.origin), ("http://a/y", Origin::Same));
        }
    }

    #[test]
    fn other_statuses_and_missing_locations_are_responses() {
        for status in [200, 201, 300, 304, 305, 306, 404] {
            assert_eq!(decide(Method::GET, "http://a/", status, Some("/y")).unwrap(), None, "{status}");
        }
        assert_eq!(decide(Method::GET, "http://a/", 302, None).unwrap(), None);
    }

    #[test]
    fn addresses_are_resolved_and_judged() {
        let ok = |from, location| decide(Method::GET, from, 302, Some(location)).unwrap().unwrap();
        for (from, location, url, origin) in [
            ("http://a/b/c?q", "d", "http://a/b/d", Origin::Same),
            ("http://a/b#f", "/c", "http://a/c#f", Origin::Same),
            ("http://a/b#f", "/c#g", "http://a/c#g", Origin::Same),
            ("http://a/", "http://a:80/", "http://a/", Origin::Same),
            ("http://a/", "http://a:81/", "http://a:81/", Origin::Other),
            ("http://a/", "https://a/", "https://a/", Origin::Other),
            ("http://a/", "//b/c", "http://b/c", Origin::Other),
            ("http://a/", "http://u:p@b/", "http://b/", Origin::Other),
            ("http://a/", "?", "http://a/?", Origin::Same),
        ] {
            let step = ok(from, location);
            assert_eq!((step.url.as_str(), step.origin), (url, origin), "{from} {location}");
        }
        for location in
            ["ftp://a/", "file:///etc/passwd", "http://", "javascript:0", "http://[::1", "data:,x"]
        {
            let error = decide(Method::GET, "http://a/", 302, Some(location)).unwrap_err();
            assert!(matches!(error, Cause::RedirectTarget), "{location}: {error:?}");
        }
        let error = decide(Method::GET, "https://a/", 302, Some("http://a/")).unwrap_err();
        assert!(matches!(error, Cause::RedirectDowngrade));
    }

    #[test]
    fn credentials_stay_behind() {
        let mut all = Headers::new();
        for name in
            ["Authorization", "Cookie", "Proxy-Authorization", "Host", "Content-Type", "Accept", "X-Own"]
        {
            all.append(name, "v").unwrap();
        }
        let names = |body, origin| {
            let mut headers = all.clone();
            strip(&mut headers, body, origin);
            headers.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(Fate::Kept, Origin::Same).len(), 7);
        assert_eq!(names(Fate::Kept, Origin::Other), ["content-type", "accept", "X-Own"]);
        assert_eq!(names(Fate::Dropped, Origin::Other), ["accept", "X-Own"]);
    }
}
