//! From a draft to its response: the way through the pool, redirects and retries.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use std::sync::Arc;

use anyloop_core::body::Body;
use anyloop_core::client::{Config, Failed, Retry, Timeout};
use anyloop_core::driver::{Runtime, Sleep};
use anyloop_core::head::{HeaderName, HeaderValue, Headers, Known, RequestHead, ResponseHead, Target};
use anyloop_core::time::Instant;
use url::Position;

use super::body::Payload;
#[cfg(feature = "decode")]
use super::client::Settings;
use super::client::{Client, Shared};
use super::connect::Way;
#[cfg(feature = "decode")]
use super::decode;
use super::error::{Cause, Error, Phase};
use super::incoming::Incoming;
use super::redirect::{self, Fate, Step};
use super::request::Draft;
use super::response::Response;
use super::wire::{Route, Wire};

impl<R: Runtime> Client<R> {
    /// Sends a request and follows its redirects.
    pub(crate) async fn execute(&self, mut draft: Draft) -> Result<Response<R>, Error> {
        let shared = &*self.shared;
        let config = match draft.timeouts.take() {
            None => Arc::clone(&shared.config),
            Some(timeouts) => Arc::new(Config { timeouts, ..Config::clone(&shared.config) }),
        };
        let end = config.timeouts.total.map(|total| shared.runtime.now().mono + total);
        let rules = &shared.settings.redirects;
        let mut hops = 0;
        loop {
            let exchange = Exchange { shared, config: &config, end };
            let (head, body) = exchange.run(&mut draft).await.map_err(|error| error.at(&draft.url))?;
            #[cfg(feature = "cookies")]
            if let Some(cookies) = &shared.settings.cookies {
                cookies.take(&draft.url, &head.headers);
            }
            let failed = |cause| Error::new(Phase::Redirect, cause).at(&draft.url).with(body.peer());
            let step = redirect::step(rules, draft.method, &draft.url, head.status, &head.headers);
            let Some(step) = step.map_err(failed)? else {
                return Ok(self.respond(draft, head, body));
            };
            if hops >= rules.limit {
                return Err(failed(Cause::TooManyRedirects { limit: rules.limit }));
            }
            hops += 1;
            if step.body == Fate::Kept && !draft.payload.is_there() {
                return Err(failed(Cause::RedirectBody));
            }
            drop(body);
            draft.follow(step)?;
        }
    }

    fn respond(&self, draft: Draft, head: ResponseHead, body: Incoming<R>) -> Response<R> {
        let settings = &self.shared.settings;
        #[cfg(feature = "decode")]
        let (head, body) = {
            let (mut head, mut body) = (head, body);
            if let Some(limits) = draft.decodes(settings).filter(|_| !body.is_whole()) {
                body.decode(decode::Decoder::for_response(&mut head.headers, limits));
            }
            (head, body)
        };
        Response::new(head, draft.url, body, settings.limits.max_collect)
    }
}

impl Draft {
    fn follow(&mut self, step: Step) -> Result<(), Error> {
        redirect::strip(&mut self.headers, step.body, step.origin);
        self.method = step.method;
        if step.body == Fate::Dropped {
            self.payload = Payload::empty();
        }
        self.go_to(step.url, step.origin)
    }

    /// Whether the body of the response is decoded: not when the caller asked for codings, nor for a part of an encoded
    /// body, which can't be decoded alone.
    #[cfg(feature = "decode")]
    fn decodes<'a>(&self, settings: &'a Settings) -> Option<&'a decode::DecodeLimits> {
        let asked = self.headers.has(Known::AcceptEncoding) || self.headers.has(Known::Range);
        settings.decode.as_ref().filter(|_| !asked)
    }

    /// Makes the head that is sent on this way.
    fn head<R: Runtime>(&self, shared: &Shared<R>, way: &Way<'_>) -> Result<RequestHead, Error> {
        let whole = way.key.route == Route::Proxy;
        let start = if whole { Position::BeforeScheme } else { Position::BeforePath };
        let target = Target::try_from(&self.url[start..Position::AfterQuery]).map_err(Error::invalid)?;
        let mut head = RequestHead::new(self.method, target);
        head.headers = self.headers.clone();
        add_missing(&mut head.headers, &shared.settings.defaults)?;
        #[cfg(feature = "decode")]
        if self.decodes(&shared.settings).is_some() {
            add(&mut head.headers, Known::AcceptEncoding, || {
                Some(HeaderValue::from_static(decode::ACCEPTED))
            })?;
        }
        #[cfg(feature = "cookies")]
        if let Some(cookies) = &shared.settings.cookies {
            add(&mut head.headers, Known::Cookie, || cookies.value(&self.url))?;
        }
        if whole && let Some(authorization) = way.proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            add(&mut head.headers, Known::ProxyAuthorization, || Some(authorization.clone()))?;
        }
        Ok(head)
    }
}

/// Adds a field unless it is there.
fn add(headers: &mut Headers, name: Known, value: impl FnOnce() -> Option<HeaderValue>) -> Result<(), Error> {
    if headers.known(name).is_none()
        && let Some(value) = value()
    {
        headers.append(name, value).map_err(Error::invalid)?;
    }
    Ok(())
}

fn add_missing(headers: &mut Headers, defaults: &[(HeaderName, HeaderValue)]) -> Result<(), Error> {
    for (name, value) in defaults {
        if !headers.contains(name.as_str()) {
            headers.append(name.clone(), value.clone()).map_err(Error::invalid)?;
        }
    }
    Ok(())
}

/// One request to one server.
struct Exchange<'a, R: Runtime> {
    shared: &'a Shared<R>,
    config: &'a Arc<Config>,
    /// When the request as a whole is over.
    end: Option<Instant>,
}

impl<R: Runtime> Exchange<'_, R> {
    async fn run(&self, draft: &mut Draft) -> Result<(ResponseHead, Incoming<R>), Error> {
        let runtime = &self.shared.runtime;
        let way = Way::find(self.shared, &draft.url)?;
        let mut head = draft.head(self.shared, &way)?;
        let mut body = draft.payload.take().ok_or_else(|| Error::new(Phase::Build, Cause::RedirectBody))?;
        let checkout = self.shared.pool.checkout(way.key.clone(), runtime.now().mono);
        let late = || Error::new(Phase::Pool, Cause::Timeout(Timeout::Total));
        let lease = within(runtime, self.end, checkout).await.ok_or_else(late)?;
        let mut kept = lease.connection;
        loop {
            let is_reused = kept.is_some();
            let mut wire = match kept.take() {
                Some(wire) => wire,
                None => self.connect(&way).await?,
            };
            wire.configure(self.config);
            let mut sending = wire.send(head, body);
            if let Some(end) = self.end {
                sending = sending.end_at(end);
            }
            if let Some(see) = draft.on_interim.clone() {
                sending = sending.on_interim(move |head| see(head));
            }
            let failed = match sending.await {
                Ok(response) => {
                    return Ok(Incoming::new(runtime.clone(), response, lease.place, draft.method));
                }
                Err(failed) => failed,
            };
            let error = Error::of_exchange(&failed.error, draft.method);
            (head, body) = again(failed, draft).filter(|_| is_reused).ok_or(error)?;
        }
    }

    async fn connect(&self, way: &Way<'_>) -> Result<Wire<R>, Error> {
        let runtime = &self.shared.runtime;
        let own = self.config.timeouts.connect.map(|limit| runtime.now().mono + limit);
        let (at, which) = match (own, self.end) {
            (Some(own), Some(end)) if end < own => (Some(end), Timeout::Total),
            (None, end) => (end, Timeout::Total),
            (own, _) => (own, Timeout::Connect),
        };
        let late = || Error::new(Phase::Connect, Cause::Timeout(which));
        within(runtime, at, way.connect(self.shared)).await.ok_or_else(late)?
    }
}

/// Returns what is sent again on a new connection, when the used one was over before the first byte of a response: any
/// request of which no byte had left, and those that are idempotent and have a body that is still there.
fn again(failed: Failed, draft: &mut Draft) -> Option<(RequestHead, Body)> {
    match failed.error.retry() {
        Retry::Safe => {}
        Retry::IfIdempotent if draft.method.is_idempotent() => {}
        Retry::IfIdempotent | Retry::No => return None,
    }
    let body = failed.body.or_else(|| draft.payload.take())?;
    Some((*failed.head?, body))
}

/// Waits for a future until an instant. The timer is made only when the future has to wait.
async fn within<R: Runtime, F: Future>(runtime: &R, at: Option<Instant>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep: Option<Sleep<R>> = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let Some(at) = at else { return Poll::Pending };
        let sleep = sleep.get_or_insert_with(|| Sleep::until(runtime.clone(), at));
        Pin::new(sleep).poll(cx).map(|()| None)
    })
    .await
}
