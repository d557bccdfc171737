//! An HTTP server, from its settings to its end, on any backend.
//!
//! ```
//! use anyloop_core::driver::Workers;
//! use anyloop_core::server::Server;
//! use anyloop_core::service::{Request, Router};
//!
//! fn run<W: Workers>() -> std::io::Result<()>
//! # where
//! #     W::Local: anyloop_core::driver::Spawn<anyloop_core::server::Connection<Router, W>>,
//! #     W::Shared: anyloop_core::driver::Spawn<anyloop_core::server::Connection<Router, W>>,
//! {
//!     let app = Router::new().get("/", |_: Request| "hello");
//!     let server = Server::builder().workers(2).bind("127.0.0.1:0")?;
//!     println!("listening on http://{}", server.local_addr());
//!     let serving = server.serve::<W, _, _>(app)?;
//!     serving.shutdown().announce();
//!     serving.wait_closed()
//! }
//! ```

use core::num::NonZeroUsize;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::io;
use std::thread::available_parallelism;

use crate::driver::{
    BindOptions, Bound, Driver, Endpoints, ListenAddr, Model, OnAlive, Options, Peer, Serving, Spawn,
    Workers, bind, clock, start, start_local,
};
use crate::error::Error;
use crate::head::HeaderValue;
use crate::limits::{Limits, Timeouts};
use crate::pump::{self, Debug, DebugEvent};
use crate::service::{Response, Scheme, Service};
#[cfg(feature = "tls")]
use crate::tls::Acceptor;

mod http;

#[cfg(feature = "tls")]
pub use http::Begin;
pub use http::Http;

/// The task of one HTTP connection: what a backend spawns to serve `S`.
pub type Connection<S, R> = Driver<Http<S>, R>;

/// Makes the service of each event loop.
///
/// That is a [`Service`], a [`Router`](crate::service::Router) for instance, which is cloned; a closure that takes the
/// runtime, `|runtime| app(runtime)`; or one that takes nothing. Closures are called once for each event loop, on its
/// thread. `M` is inferred; it only keeps the three apart.
pub trait MakeService<R, M> {
    /// The service.
    type Service: Service;

    /// Makes it.
    fn make(&self, runtime: R) -> Self::Service;
}

/// Marks services that are cloned.
#[derive(Clone, Copy, Debug)]
pub enum Cloned {}
/// Marks closures that take the runtime.
#[derive(Clone, Copy, Debug)]
pub enum WithRuntime {}
/// Marks closures that take nothing.
#[derive(Clone, Copy, Debug)]
pub enum WithNothing {}

impl<R, S: Service> MakeService<R, Cloned> for S {
    type Service = S;

    fn make(&self, _: R) -> S {
        self.clone()
    }
}

impl<R, F: Fn(R) -> S, S: Service> MakeService<R, WithRuntime> for F {
    type Service = S;

    fn make(&self, runtime: R) -> S {
        self(runtime)
    }
}

impl<R, F: Fn() -> S, S: Service> MakeService<R, WithNothing> for F {
    type Service = S;

    fn make(&self, _: R) -> S {
        self()
    }
}

/// The settings of a server; made by [`Server::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it binds"]
pub struct Builder {
    limits: Limits,
    timeouts: Timeouts,
    workers: Option<NonZeroUsize>,
    model: Model,
    socket: BindOptions,
    http: pump::Config,
}

impl Builder {
    /// Changes the limits.
    ///
    /// ```
    /// # use anyloop_core::server::Server;
    /// let builder = Server::builder().limits(|limits| limits.max_target = 8 * 1024);
    /// ```
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Changes the timeouts.
    pub fn timeouts(mut self, change: impl FnOnce(&mut Timeouts)) -> Self {
        change(&mut self.timeouts);
        self
    }

    /// Sets the number of worker threads. Without it, and with 0, there is one for each core.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = NonZeroUsize::new(workers);
        self
    }

    /// Sets how connections are spread over workers; default [`Model::PerCore`].
    pub fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Sets how many connections may wait to be accepted; default 4096, and the system has a bound of its own.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.socket.backlog = backlog;
        self
    }

    /// Sets the value of the `Server` field; `None` leaves it out.
    pub fn server_name(mut self, name: Option<HeaderValue>) -> Self {
        self.http.server = name;
        self
    }

    /// Replaces the answers to requests that break the protocol. The default is the fault's status with its text as
    /// `text/plain`. The connection closes after the answer in any case.
    pub fn error_page(mut self, page: impl Fn(Error) -> Response + Send + Sync + 'static) -> Self {
        self.http.set_error_page(page);
        self
    }

    /// Watches handlers and reports those that block their event loop, panic, leave a request's body unread, fail in
    /// the middle of a response, or are dropped before they answered; and connections that are alive at exit. Off, it
    /// costs nothing.
    ///
    /// ```
    /// # use anyloop_core::server::Server;
    /// let builder = Server::builder().debug(|event| eprintln!("debug: {event}"));
    /// ```
    pub fn debug(mut self, report: impl Fn(&DebugEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http.debug = Some(Arc::new(Debug::new(|| clock::now().mono, report)));
        self
    }

    /// Binds an address and listens: `"127.0.0.1:8888"`, `"[::1]:0"`, `"localhost:80"`, `"unix:/run/app.sock"`, or a
    /// [`ListenAddr`] or socket address.
    ///
    /// Connections wait from here on, and are accepted once the server serves.
    ///
    /// # Errors
    /// `InvalidInput` when the text is no address, else those of [`bind`].
    pub fn bind<A>(self, address: A) -> io::Result<Server>
    where
        A: TryInto<ListenAddr, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    {
        Server::new(self).listen(address)
    }

    /// As [`Builder::bind`], and speaks TLS there.
    ///
    /// # Errors
    /// As of [`Builder::bind`].
    #[cfg(feature = "tls")]
    pub fn bind_tls<A>(self, address: A, acceptor: &Acceptor) -> io::Result<Server>
    where
        A: TryInto<ListenAddr, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    {
        Server::new(self).listen_tls(address, acceptor)
    }
}

/// A server that listens on one or more addresses and does not accept yet.
#[derive(Debug)]
#[must_use = "a server accepts nothing until it serves"]
pub struct Server {
    settings: Builder,
    bound: Vec<Bound>,
    /// The TLS of each address that has one.
    #[cfg(feature = "tls")]
    tls: Vec<Option<Acceptor>>,
}

impl Server {
    /// Begins with the default settings.
    pub fn builder() -> Builder {
        Builder {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            workers: None,
            model: Model::default(),
            socket: BindOptions::default(),
            http: pump::Config::default(),
        }
    }

    /// Binds one more address; see [`Builder::bind`].
    ///
    /// # Errors
    /// As of [`Builder::bind`].
    pub fn listen<A>(mut self, address: A) -> io::Result<Self>
    where
        A: TryInto<ListenAddr, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    {
        let address =
            address.try_into().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.bound.push(bind(&address, self.settings.socket)?);
        #[cfg(feature = "tls")]
        self.tls.push(None);
        Ok(self)
    }

    /// Binds one more address and speaks TLS there; requests have the scheme `https`. The acceptor stays in the hands of the
    /// caller, who may give it other certificates under way.
    ///
    /// # Errors
    /// As of [`Builder::bind`].
    #[cfg(feature = "tls")]
    pub fn listen_tls<A>(self, address: A, acceptor: &Acceptor) -> io::Result<Self>
    where
        A: TryInto<ListenAddr, Error: Into<Box<dyn core::error::Error + Send + Sync>>>,
    {
        let mut server = self.listen(address)?;
        if let Some(last) = server.tls.last_mut() {
            *last = Some(acceptor.clone());
        }
        Ok(server)
    }

    fn new(settings: Builder) -> Self {
        Self {
            settings,
            bound: Vec::new(),
            #[cfg(feature = "tls")]
            tls: Vec::new(),
        }
    }

    /// Returns how requests reach each address, in the order in which they were bound.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        (0..self.bound.len()).map(|at| {
            #[cfg(feature = "tls")]
            if self.tls[at].is_some() {
                return Scheme::Https;
            }
            let _ = at;
            Scheme::Http
        })
    }

    /// Returns the first address, with the port that the system chose where it was 0.
    pub fn local_addr(&self) -> &Peer {
        // A server is made by binding, so that there is a first one.
        self.bound.first().map_or(&Peer::Unix(None), Bound::local_addr)
    }

    /// Returns all addresses, in the order in which they were bound.
    pub fn local_addrs(&self) -> impl Iterator<Item = &Peer> {
        self.bound.iter().map(Bound::local_addr)
    }

    /// Returns how connections will be spread over workers.
    pub fn model(&self) -> Model {
        self.settings.model
    }

    /// Returns how many workers there will be.
    pub fn workers(&self) -> NonZeroUsize {
        self.settings.workers.unwrap_or_else(|| available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// Serves an application whose handlers are `Send`, in either model, on threads of its own. Returns when all
    /// workers listen.
    ///
    /// # Errors
    /// When a thread or an event loop can't start, or the system gives no more sockets.
    pub fn serve<W, A, M>(self, app: A) -> io::Result<Serving>
    where
        W: Workers,
        A: MakeService<W, M> + Send + Sync + 'static,
        W::Local: Spawn<Connection<A::Service, W>>,
        W::Shared: Spawn<Connection<A::Service, W>>,
    {
        let (model, workers) = (self.model(), self.workers());
        let Plan { bound, options, shared } = self.plan(app);
        start::<W, _, _, _>(bound, model, workers, options, move |runtime: &W| shared.connections(runtime))
    }

    /// Serves an application whose handlers may be `!Send`, one event loop a core, on threads of its own. Returns when
    /// all workers listen.
    ///
    /// # Errors
    /// As of [`Server::serve`]; and `InvalidInput` when the model is [`Model::Stealing`].
    pub fn serve_local<W, A, M>(self, app: A) -> io::Result<Serving>
    where
        W: Workers,
        A: MakeService<W, M> + Send + Sync + 'static,
        W::Local: Spawn<Connection<A::Service, W>>,
    {
        match self.model() {
            Model::PerCore => {}
            Model::Stealing => {
                let text = "handlers that are not `Send` are served in the per-core model only";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
        let workers = self.workers();
        let Plan { bound, options, shared } = self.plan(app);
        start_local::<W, _, _, _>(bound, workers, options, move |runtime: &W| shared.connections(runtime))
    }

    fn plan<A>(self, app: A) -> Plan<A> {
        let Builder { mut limits, timeouts, mut http, .. } = self.settings;
        limits.max_connections = limits.max_connections.min(descriptors_for_connections());
        let mut options = Options::new(&limits, &timeouts);
        if let Some(debug) = http.debug.clone() {
            options.on_alive_at_exit =
                OnAlive::new(move |connections| debug.report(&DebugEvent::AliveAtExit { connections }));
        }
        http.limits = Arc::new(limits);
        http.timeouts = Arc::new(timeouts);
        #[cfg(feature = "tls")]
        let mut https = http.clone();
        #[cfg(feature = "tls")]
        {
            https.scheme = Scheme::Https;
        }
        let shared = Shared {
            app: Arc::new(app),
            #[cfg(feature = "tls")]
            https: Arc::new(https),
            http: Arc::new(http),
            #[cfg(feature = "tls")]
            tls: self.tls.into(),
        };
        Plan { bound: self.bound, options, shared }
    }
}

struct Plan<A> {
    bound: Vec<Bound>,
    options: Options,
    shared: Shared<A>,
}

/// What the workers have in common.
struct Shared<A> {
    app: Arc<A>,
    http: Arc<pump::Config>,
    /// The same, for listeners with TLS.
    #[cfg(feature = "tls")]
    https: Arc<pump::Config>,
    #[cfg(feature = "tls")]
    tls: Arc<[Option<Acceptor>]>,
}

impl<A> Clone for Shared<A> {
    fn clone(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            http: Arc::clone(&self.http),
            #[cfg(feature = "tls")]
            https: Arc::clone(&self.https),
            #[cfg(feature = "tls")]
            tls: Arc::clone(&self.tls),
        }
    }
}

impl<A> Shared<A> {
    /// Makes what makes the connections of one event loop.
    fn connections<R: Clone, M>(&self, runtime: &R) -> impl Fn(Endpoints) -> Http<A::Service> + use<A, R, M>
    where
        A: MakeService<R, M>,
    {
        let service = self.app.make(runtime.clone());
        let shared = self.clone();
        move |ends| {
            #[cfg(feature = "tls")]
            if let Some(Some(acceptor)) = shared.tls.get(ends.listener) {
                return http::secure(acceptor, service.clone(), Arc::clone(&shared.https), ends);
            }
            http::plain(pump::Server::new(service.clone(), Arc::clone(&shared.http), ends.peer, ends.local))
        }
    }
}

/// Three quarters of the descriptors that the process may have: files and outgoing connections need some too.
fn descriptors_for_connections() -> usize {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit: Option<u64> = None;
    let usable = limit.map_or(u64::MAX, |limit| (limit / 4 * 3).max(1));
    usize::try_from(usable).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "sim")]
    use crate::service::{Request, Router};
    #[cfg(feature = "sim")]
    use crate::sim::Sim;
    use alloc::string::ToString;

    #[test]
    fn addresses_are_bound_at_once_and_listed_in_order() {
        let server = Server::builder().bind("127.0.0.1:0").unwrap().listen("localhost:0").unwrap();
        let ports: Vec<_> = server
            .local_addrs()
            .map(|address| match address {
                Peer::Tcp(address) => address.port(),
                Peer::Unix(_) => 0,
            })
            .collect();
        assert!(ports.len() == 2 && ports.iter().all(|&port| port != 0), "{ports:?}");
        assert_eq!(server.local_addrs().next(), Some(server.local_addr()));
    }

    #[test]
    fn what_is_no_address_is_invalid_input() {
        let error = Server::builder().bind("localhost").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "no port: write HOST:PORT or unix:PATH");
    }

    #[test]
    fn settings_reach_the_connections() {
        let server = Server::builder()
            .limits(|limits| (limits.max_target, limits.max_connections) = (10, 7))
            .timeouts(|timeouts| timeouts.drain = core::time::Duration::from_secs(1))
            .server_name(None)
            .debug(|_| {})
            .workers(3)
            .bind("127.0.0.1:0")
            .unwrap();
        assert_eq!(server.workers().get(), 3);
        let plan = server.plan(());
        let http = plan.shared.http;
        assert_eq!((http.limits.max_target, http.limits.max_connections), (10, 7));
        assert!(http.server.is_none() && http.debug.is_some());
        assert_eq!(plan.options.drain.as_secs(), 1);
    }

    #[test]
    fn zero_workers_stand_for_one_a_core() {
        let server = Server::builder().workers(0).bind("127.0.0.1:0").unwrap();
        assert_eq!(Some(server.workers()), available_parallelism().ok());
    }

    #[cfg(feature = "sim")]
    #[test]
    fn services_and_closures_make_services() {
        fn made<A: MakeService<Sim, M>, M>(make: A) -> bool {
            let request = Request::get("/x");
            make.make(Sim::new(1)).call(request, &mut Default::default()).is_some()
        }
        let app = Router::new().get("/x", |_: Request| "x");
        let clone = app.clone();
        assert!(made(move || clone.clone()));
        let clone = app.clone();
        assert!(made(move |_: Sim| clone.clone()));
        assert!(made(app));
    }
}
