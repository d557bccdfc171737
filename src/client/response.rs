//! A response, whose body is read as it comes.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use anyloop_core::body::{Body, BodyError, BodySource};
use anyloop_core::driver::{Peer, Runtime, SharedRuntime};
use anyloop_core::head::{Headers, ResponseHead, Status, Version};
use bytes::{Bytes, BytesMut};
#[cfg(feature = "json")]
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{Cause, Error, Phase, Shown};
use super::incoming::Incoming;
use super::wire::Tunnel;

/// A response. Its body arrives while it is read: nothing is read ahead beyond what one read of the socket brings, so
/// whoever does not read stops the server from sending.
///
/// When the body was read to its end, the connection goes back to the client; when the response is dropped earlier, the
/// connection is closed.
pub struct Response<R: Runtime> {
    head: ResponseHead,
    url: Box<Url>,
    body: Incoming<R>,
    max_collect: usize,
}

impl<R: Runtime> Response<R> {
    pub(crate) fn new(head: ResponseHead, url: Url, body: Incoming<R>, max_collect: usize) -> Self {
        Self { head, url: Box::new(url), body, max_collect }
    }

    /// Returns the status.
    pub fn status(&self) -> Status {
        self.head.status
    }

    /// Returns the version.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the field lines, in the order and the case they came in.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// Returns the first value of a field as text; `None` also when it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get_str(name)
    }

    /// Returns the head.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Returns the address that the response came from, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns who the connection is to: the server, or a proxy.
    pub fn peer(&self) -> &Peer {
        self.body.peer()
    }

    /// Returns how many bytes of the body are still to come, when that is known: not for chunked and decoded bodies.
    pub fn length(&self) -> Option<u64> {
        self.body.length()
    }

    /// Turns a status of 400 and more into an error.
    ///
    /// # Errors
    /// [`Cause::Status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        let status = self.status();
        if status.code() < 400 {
            return Ok(self);
        }
        Err(Error::new(Phase::Status, Cause::Status(status)).at(&self.url).with(self.peer()))
    }

    /// Waits for the next piece of the body; `None` is the end.
    ///
    /// A piece may keep the read buffer it was cut from alive: copy what is kept for long.
    ///
    /// # Errors
    /// In the phases [`Phase::Body`] and [`Phase::Decode`]. Nothing follows an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await.transpose()
    }

    /// Polls for the next piece of the body; see [`Response::chunk`].
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.body.poll_chunk(cx).map_err(|error| error.at(&self.url))
    }

    /// Returns the trailer section; only after the end of the body.
    pub fn trailers(&self) -> Option<&Headers> {
        self.body.trailers()
    }

    /// Gathers the body, at most as many bytes as the client gathers: 2 MiB unless it is set otherwise.
    ///
    /// # Errors
    /// [`Cause::TooLarge`] beyond the limit, else as [`Response::chunk`].
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let limit = self.max_collect;
        self.bytes_up_to(limit).await
    }

    /// Gathers the body, at most `limit` bytes of it.
    ///
    /// # Errors
    /// [`Cause::TooLarge`] beyond the limit, else as [`Response::chunk`].
    pub async fn bytes_up_to(mut self, limit: usize) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        self.judge(first.len(), limit)?;
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            self.judge(whole.len() + chunk.len(), limit)?;
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }

    fn judge(&self, size: usize, limit: usize) -> Result<(), Error> {
        if size <= limit {
            return Ok(());
        }
        Err(Error::new(Phase::Body, Cause::TooLarge { limit: limit as u64 }).at(&self.url).with(self.peer()))
    }

    /// Gathers the body as text, within the limit of [`Response::bytes`].
    ///
    /// # Errors
    /// [`Cause::Content`] when it is not UTF-8, else as [`Response::bytes`].
    pub async fn text(self) -> Result<String, Error> {
        let url = self.url.clone();
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into()).map_err(|error| Error::content(error.utf8_error()).at(&url))
    }

    /// Gathers the body, within the limit of [`Response::bytes`], and takes a value out of its JSON.
    ///
    /// # Errors
    /// [`Cause::Content`] when it is not JSON of that shape, else as [`Response::bytes`].
    #[cfg(feature = "json")]
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let url = self.url.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::content(error).at(&url))
    }

    /// Takes the bytes of both directions after a switch of protocols: a 101 to a request with `Upgrade`, whose
    /// connection leaves the pool.
    ///
    /// # Errors
    /// The response itself when it is none.
    pub fn into_tunnel(self) -> Result<Tunnel<R>, Box<Self>> {
        let Self { head, url, body, max_collect } = self;
        body.into_tunnel().map_err(|body| Box::new(Self { head, url, body: *body, max_collect }))
    }

    /// Makes a body of what is to come, so that a server can hand it on as it arrives.
    pub fn into_body(self) -> Body
    where
        R: SharedRuntime,
    {
        Body::from_source(Forward(self))
    }
}

impl<R: Runtime> fmt::Debug for Response<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.head.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.head.status)
            .field("url", &Shown(&self.url).to_string())
            .field("headers", &names)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// The body of a response as the source of another body.
struct Forward<R: Runtime>(Response<R>);

impl<R: SharedRuntime> BodySource for Forward<R> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.0.poll_chunk(cx).map_err(BodyError::from)
    }

    fn length(&self) -> Option<u64> {
        self.0.body.length()
    }

    fn trailers(&mut self) -> Option<Headers> {
        self.0.trailers().cloned()
    }
}
