//! A request, while it is put together.

use core::fmt;
use std::sync::Arc;

use anyloop_core::body::Body;
use anyloop_core::client::Timeouts;
use anyloop_core::driver::Runtime;
use anyloop_core::head::{HeaderName, HeaderValue, Headers, InvalidHeader, Known, Method, ResponseHead};
#[cfg(feature = "json")]
use serde::Serialize;
use url::form_urlencoded::Serializer;
use url::{ParseError, Position, Url};

use super::auth;
use super::body::Payload;
use super::client::Client;
use super::error::{Cause, Error, Phase, Shown};
use super::multipart::MultipartForm;
use super::response::Response;

/// What can stand for the address of a request.
pub trait IntoUrl {
    /// Makes the address.
    ///
    /// # Errors
    /// When it is malformed.
    fn into_url(self) -> Result<Url, ParseError>;
}

impl IntoUrl for Url {
    fn into_url(self) -> Result<Url, ParseError> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self) -> Result<Url, ParseError> {
        Ok(self.clone())
    }
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Url, ParseError> {
        Url::parse(self)
    }
}

impl IntoUrl for &String {
    fn into_url(self) -> Result<Url, ParseError> {
        Url::parse(self)
    }
}

impl IntoUrl for String {
    fn into_url(self) -> Result<Url, ParseError> {
        Url::parse(&self)
    }
}

/// Sees interim responses.
pub(crate) type OnInterim = Arc<dyn Fn(ResponseHead) + Send + Sync>;

/// What is sent.
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// `Host` is the first of them, unless the caller put one elsewhere.
    pub(crate) headers: Headers,
    pub(crate) payload: Payload,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) on_interim: Option<OnInterim>,
    /// Whether `Host` was set by the caller.
    pub(crate) host: Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    OfUrl,
    Given,
}

/// A request to be sent.
///
/// Nothing that is set here can fail before [`RequestBuilder::send`], which gives the first error. The fields go out in
/// the order and the case in which they were set, after `Host` and before those that the client adds. The framing,
/// `Content-Length` and `Transfer-Encoding`, is the client's.
///
/// ```no_run
/// # async fn example<R: anyloop::Runtime>(client: anyloop::client::Client<R>) -> Result<(), anyloop::client::Error> {
/// let response = client
///     .post("http://127.0.0.1:8888/notes")
///     .query("lang", "en")
///     .header("X-Request-ID", "7")
///     .body("remember the milk")
///     .send()
///     .await?
///     .error_for_status()?;
/// println!("{}", response.text().await?);
/// # Ok(())
/// # }
/// ```
#[must_use = "a request is sent by `send`"]
pub struct RequestBuilder<R: Runtime> {
    client: Client<R>,
    draft: Result<Draft, Error>,
}

impl<R: Runtime> RequestBuilder<R> {
    pub(crate) fn new(client: Client<R>, method: Method, url: impl IntoUrl) -> Self {
        Self { client, draft: Draft::new(method, url.into_url()) }
    }

    fn change(mut self, change: impl FnOnce(&mut Draft) -> Result<(), Error>) -> Self {
        if let Ok(draft) = &mut self.draft
            && let Err(error) = change(draft)
        {
            self.draft = Err(error.at(&draft.url));
        }
        self
    }

    /// Adds a field. A `Host` replaces the one of the address; other fields of the same name stay.
    pub fn header<V>(self, name: impl AsRef<str>, value: V) -> Self
    where
        V: TryInto<HeaderValue, Error: Into<InvalidHeader>>,
    {
        self.change(|draft| {
            let name = HeaderName::with_case(name.as_ref().as_bytes()).map_err(Error::invalid)?;
            let value = value.try_into().map_err(|error| Error::invalid(error.into()))?;
            if name.known() == Some(Known::Host) {
                draft.headers.remove_known(Known::Host);
                draft.host = Host::Given;
            }
            draft.headers.append(name, value).map_err(Error::invalid)?;
            Ok(())
        })
    }

    /// Adds fields in their order, as [`RequestBuilder::header`] does.
    pub fn headers(mut self, headers: &Headers) -> Self {
        for (name, value) in headers {
            match HeaderValue::copy_from(value) {
                Ok(value) => self = self.header(name, value),
                Err(error) => self = self.change(|_| Err(Error::invalid(error))),
            }
        }
        self
    }

    /// Adds a pair to the query, encoded as forms are.
    pub fn query(self, name: &str, value: &str) -> Self {
        self.change(|draft| {
            draft.url.query_pairs_mut().append_pair(name, value);
            Ok(())
        })
    }

    /// Sets the body: bytes, text, or a stream. Bytes and text can be sent again after a redirect or on another
    /// connection; a stream can't.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|draft| {
            draft.payload = Payload::from(body);
            Ok(())
        })
    }

    /// Sets a body of JSON, and the content type unless it is set.
    #[cfg(feature = "json")]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|draft| {
            let json = serde_json::to_vec(value).map_err(Error::invalid)?;
            draft.payload = Payload::from(json);
            draft.content_type(HeaderValue::from_static("application/json"))
        })
    }

    /// Sets a body of urlencoded pairs, and the content type unless it is set.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.change(|draft| {
            let mut form = Serializer::new(String::new());
            form.extend_pairs(pairs);
            draft.payload = Payload::from(form.finish());
            draft.content_type(HeaderValue::from_static("application/x-www-form-urlencoded"))
        })
    }

    /// Sets a form with files as the body, and its content type.
    pub fn multipart(self, form: MultipartForm) -> Self {
        self.change(|draft| {
            let media_type = HeaderValue::try_from(form.media_type()).map_err(Error::invalid)?;
            draft.headers.remove_known(Known::ContentType);
            draft.payload = Payload::from(form.into_body());
            draft.content_type(media_type)
        })
    }

    /// Sets user name and password (RFC 7617).
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.change(|draft| draft.authorization(auth::basic(user, password)?))
    }

    /// Sets a token (RFC 6750).
    pub fn bearer_auth(self, token: &str) -> Self {
        self.change(|draft| draft.authorization(auth::bearer(token)?))
    }

    /// Sets timeouts that are not the client's.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.change(|draft| {
            draft.timeouts = Some(timeouts);
            Ok(())
        })
    }

    /// Lets a function see the interim (1xx) responses, early hints for instance, those to redirected requests among them.
    pub fn on_interim(self, see: impl Fn(ResponseHead) + Send + Sync + 'static) -> Self {
        self.change(|draft| {
            draft.on_interim = Some(Arc::new(see));
            Ok(())
        })
    }

    /// Sends the request and waits for the head of its response, after redirects.
    ///
    /// Dropping the future cancels the request and closes the connection it was on.
    ///
    /// # Errors
    /// [`Error`], which says what the request was at, with whom, and whether it may be sent again. A status is no error;
    /// see [`Response::error_for_status`].
    pub async fn send(self) -> Result<Response<R>, Error> {
        self.client.execute(self.draft?).await
    }
}

impl<R: Runtime> fmt::Debug for RequestBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.draft {
            Ok(draft) => f.debug_tuple("RequestBuilder").field(draft).finish(),
            Err(error) => f.debug_tuple("RequestBuilder").field(error).finish(),
        }
    }
}

/// Fields may be secret: names only.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &Shown(&self.url).to_string())
            .field("headers", &names)
            .field("body", &self.payload)
            .finish()
    }
}

impl Draft {
    /// Credentials in the address become a field, and leave the address.
    fn new(method: Method, url: Result<Url, ParseError>) -> Result<Self, Error> {
        let mut url = url.map_err(|error| Error::new(Phase::Build, Cause::Url(error)))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::new(Phase::Build, Cause::Scheme).at(&url));
        }
        let credentials = auth::take(&mut url);
        let mut headers = Headers::new();
        headers.append(Known::Host, host_field(&url)?).map_err(Error::invalid)?;
        if let Some(credentials) = credentials {
            headers.append(Known::Authorization, credentials).map_err(Error::invalid)?;
        }
        let payload = Payload::empty();
        Ok(Self { method, url, headers, payload, timeouts: None, on_interim: None, host: Host::OfUrl })
    }

    fn content_type(&mut self, media_type: HeaderValue) -> Result<(), Error> {
        if self.headers.known(Known::ContentType).is_none() {
            self.headers.append(Known::ContentType, media_type).map_err(Error::invalid)?;
        }
        Ok(())
    }

    fn authorization(&mut self, credentials: HeaderValue) -> Result<(), Error> {
        self.headers.insert(Known::Authorization, credentials).map_err(Error::invalid)?;
        Ok(())
    }

    /// Goes to another address. `Host` follows it, unless the caller set one and it is the same origin.
    pub(crate) fn go_to(&mut self, url: Url, origin: super::redirect::Origin) -> Result<(), Error> {
        if origin == super::redirect::Origin::Other {
            self.headers.insert(Known::Host, host_field(&url)?).map_err(Error::invalid)?;
            self.host = Host::OfUrl;
        }
        self.url = url;
        Ok(())
    }
}

/// Host and port of an address, without the port that its scheme has anyway (RFC 9110 §7.2).
pub(crate) fn host_field(url: &Url) -> Result<HeaderValue, Error> {
    HeaderValue::copy_from(url[Position::BeforeHost..Position::AfterPort].as_bytes()).map_err(Error::invalid)
}
