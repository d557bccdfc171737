//! The client: its settings, and what its clones share.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use anyloop_core::client::{Config, Timeouts};
use anyloop_core::driver::Runtime;
use anyloop_core::head::{HeaderName, HeaderValue, InvalidHeader, Known, Method};
use anyloop_core::limits::Limits;

#[cfg(feature = "cookies")]
use super::cookies::Cookies;
#[cfg(feature = "decode")]
use super::decode::DecodeLimits;
use super::error::Error;
use super::pool::{Pool, PoolLimits};
use super::proxy::Proxies;
use super::redirect::Redirects;
use super::request::{IntoUrl, RequestBuilder};
use super::resolve::Overrides;
#[cfg(feature = "tls-no-provider")]
use super::secure::{ClientTls, Secure};
use super::wire::{Key, Wire};

/// An HTTP client on an event loop.
///
/// It keeps connections and uses them again; clones share them. There is no task behind it: a request is driven by
/// whoever awaits it, and a body by whoever reads it.
///
/// ```
/// use anyloop::client::Client;
/// use anyloop::{Request, Router};
///
/// let server = anyloop::bind("127.0.0.1:0")?;
/// let url = format!("http://{}/", server.local_addr());
/// let serving = anyloop::serve(server, Router::new().get("/", |_: Request| "hello"))?;
///
/// let text = anyloop::block_on(|rt| async move {
///     let client = Client::new(rt);
///     client.get(&url).send().await?.error_for_status()?.text().await
/// })??;
/// assert_eq!(text, "hello");
/// # serving.shutdown().announce();
/// # serving.wait_closed()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<R: Runtime> {
    pub(crate) shared: Arc<Shared<R>>,
}

/// What the clones of a client share.
pub(crate) struct Shared<R: Runtime> {
    pub(crate) runtime: R,
    pub(crate) settings: Settings,
    /// What the connections share.
    pub(crate) config: Arc<Config>,
    pub(crate) pool: Pool<Key, Wire<R>>,
}

#[derive(Debug)]
pub(crate) struct Settings {
    timeouts: Timeouts,
    pub(crate) limits: Arc<Limits>,
    pub(crate) redirects: Redirects,
    pub(crate) proxies: Proxies,
    pub(crate) overrides: Overrides,
    /// Fields of each request that does not have them.
    pub(crate) defaults: Vec<(HeaderName, HeaderValue)>,
    #[cfg(feature = "cookies")]
    pub(crate) cookies: Option<Cookies>,
    #[cfg(feature = "decode")]
    pub(crate) decode: Option<DecodeLimits>,
    #[cfg(feature = "tls-no-provider")]
    pub(crate) secure: Secure,
    pool: PoolLimits,
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Runtime> Client<R> {
    /// Makes a client with the default settings, and the proxies of the environment.
    pub fn new(runtime: R) -> Self {
        Self::builder(runtime).build()
    }

    /// Begins to make a client with other settings.
    pub fn builder(runtime: R) -> ClientBuilder<R> {
        ClientBuilder::new(runtime)
    }

    /// Begins a request.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder<R> {
        RequestBuilder::new(self.clone(), method, url)
    }

    /// Begins a GET request.
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::GET, url)
    }

    /// Begins a HEAD request.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::HEAD, url)
    }

    /// Begins a POST request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::POST, url)
    }

    /// Begins a PUT request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::PUT, url)
    }

    /// Begins a PATCH request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::PATCH, url)
    }

    /// Begins a DELETE request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::DELETE, url)
    }

    /// Begins an OPTIONS request.
    pub fn options(&self, url: impl IntoUrl) -> RequestBuilder<R> {
        self.request(Method::OPTIONS, url)
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &R {
        &self.shared.runtime
    }

    /// Returns how many connections there are, and how many of them are idle.
    pub fn connections(&self) -> Connections {
        let (total, idle) = self.shared.pool.count();
        Connections { total, idle }
    }

    /// Closes idle connections when their time is over, until no clone of the client is left.
    ///
    /// Without it they are closed when the client is used next, or dropped. It is for programs that run for long and
    /// ask seldom: they may spawn it.
    pub fn maintain(&self) -> impl Future<Output = ()> + use<R> {
        super::maintain::run(self.shared.runtime.clone(), self.shared.pool.downgrade())
    }
}

/// How many connections a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// All of them, those being made among them.
    pub total: usize,
    /// Those that wait for a request.
    pub idle: usize,
}

impl<R: Runtime> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("runtime", &R::NAME)
            .field("pool", &self.shared.pool)
            .finish_non_exhaustive()
    }
}

/// The settings of a client to be.
///
/// ```
/// use std::time::Duration;
///
/// use anyloop::client::{Client, Timeouts};
///
/// # anyloop::block_on(|rt| async {
/// let client = Client::builder(rt)
///     .timeouts(|timeouts| timeouts.head = Some(Duration::from_secs(5)))
///     .pool(|pool| pool.per_host = 10)
///     .redirects(|redirects| redirects.limit = 0)
///     .header("Accept-Language", "en")?
///     .build();
/// # drop(client);
/// # Ok::<(), anyloop::client::Error>(())
/// # }).unwrap().unwrap();
/// ```
#[must_use = "a client is made by `build`"]
pub struct ClientBuilder<R: Runtime> {
    runtime: R,
    settings: Settings,
}

impl<R: Runtime> ClientBuilder<R> {
    fn new(runtime: R) -> Self {
        let mut timeouts = Timeouts::default();
        timeouts.min_rate = 10;
        timeouts.total = Some(Duration::from_secs(3600));
        let agent = HeaderValue::from_static(concat!("anyloop/", env!("CARGO_PKG_VERSION")));
        let defaults =
            vec![(Known::UserAgent.into(), agent), (Known::Accept.into(), HeaderValue::from_static("*/*"))];
        let settings = Settings {
            timeouts,
            limits: Arc::default(),
            redirects: Redirects::default(),
            proxies: Proxies::from_env(),
            overrides: Overrides::new(),
            defaults,
            #[cfg(feature = "cookies")]
            cookies: None,
            #[cfg(feature = "decode")]
            decode: Some(DecodeLimits::default()),
            #[cfg(feature = "tls-no-provider")]
            secure: Secure::new(),
            pool: PoolLimits::default(),
        };
        Self { runtime, settings }
    }

    /// Changes the timeouts. Those of a client have a minimum rate of 10 bytes a second, and an hour as a whole.
    pub fn timeouts(mut self, change: impl FnOnce(&mut Timeouts)) -> Self {
        change(&mut self.settings.timeouts);
        self
    }

    /// Changes what a server may send; [`Limits::max_collect`] is how much of a body is gathered.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(Arc::make_mut(&mut self.settings.limits));
        self
    }

    /// Changes how many connections there are.
    pub fn pool(mut self, change: impl FnOnce(&mut PoolLimits)) -> Self {
        change(&mut self.settings.pool);
        self
    }

    /// Changes how redirects are followed.
    pub fn redirects(mut self, change: impl FnOnce(&mut Redirects)) -> Self {
        change(&mut self.settings.redirects);
        self
    }

    /// Sets the proxies. Without it they are those of the environment: [`Proxies::from_env`].
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.settings.proxies = proxies;
        self
    }

    /// Gives the addresses of a host, which is then not looked up. A port of 0 stands for that of the URL.
    pub fn resolve(mut self, host: &str, addresses: &[SocketAddr]) -> Self {
        self.settings.overrides.insert(host.to_ascii_lowercase().into(), addresses.into());
        self
    }

    /// Sets a field of each request that does not set it itself. `User-Agent` and `Accept` are set already.
    ///
    /// # Errors
    /// When the name or the value is not one.
    pub fn header<V>(mut self, name: impl AsRef<str>, value: V) -> Result<Self, Error>
    where
        V: TryInto<HeaderValue, Error: Into<InvalidHeader>>,
    {
        let name = HeaderName::with_case(name.as_ref().as_bytes()).map_err(Error::invalid)?;
        let value = value.try_into().map_err(|error| Error::invalid(error.into()))?;
        self.settings.defaults.retain(|(other, _)| *other != name);
        self.settings.defaults.push((name, value));
        Ok(self)
    }

    /// Takes a field out that each request would have.
    pub fn without_header(mut self, name: &str) -> Self {
        self.settings.defaults.retain(|(other, _)| !other.as_str().eq_ignore_ascii_case(name));
        self
    }

    /// Keeps cookies in this jar, and sends them back.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, cookies: Cookies) -> Self {
        self.settings.cookies = Some(cookies);
        self
    }

    /// Sets what decoding may make of a body. With `None` bodies are not decoded, nor asked for encoded; nor are those of
    /// requests with an `Accept-Encoding` of their own, or with a `Range`.
    #[cfg(feature = "decode")]
    pub fn decode(mut self, limits: Option<DecodeLimits>) -> Self {
        self.settings.decode = limits;
        self
    }

    /// Sets whom to trust, and the client's own certificate. Without it the platform decides.
    #[cfg(feature = "tls-no-provider")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.settings.secure = tls.into();
        self
    }

    /// Makes the client.
    pub fn build(self) -> Client<R> {
        let Self { runtime, settings } = self;
        let pool = Pool::new(settings.pool.clone());
        let config = Config { limits: Arc::clone(&settings.limits), timeouts: settings.timeouts.clone() };
        Client { shared: Arc::new(Shared { runtime, settings, config: Arc::new(config), pool }) }
    }
}

impl<R: Runtime> fmt::Debug for ClientBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("runtime", &R::NAME).field("settings", &self.settings).finish()
    }
}
