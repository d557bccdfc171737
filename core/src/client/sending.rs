//! A request on its way.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use alloc::boxed::Box;

use super::{ClientPort, Connection, Failed, Incoming};
use crate::body::Body;
use crate::driver::Runtime;
use crate::head::{RequestHead, ResponseHead};
use crate::pump;
use crate::time::Instant;

type OnInterim = Box<dyn FnMut(ResponseHead) + Send>;

/// A request on its way, up to the head of its response; see [`Connection::send`].
#[must_use = "a request leaves only when this is polled"]
pub struct Sending<R: Runtime, P: ClientPort = pump::Client> {
    /// There until the response is.
    connection: Option<Connection<R, P>>,
    on_interim: Option<OnInterim>,
}

impl<R: Runtime, P: ClientPort> Sending<R, P> {
    pub(super) fn new(mut connection: Connection<R, P>, head: RequestHead, body: Body) -> Self {
        if let Some(client) = connection.client() {
            client.start(head, body);
        }
        Self { connection: Some(connection), on_interim: None }
    }

    /// Sets when the exchange is to be over, its body included; [`Timeouts::total`](super::Timeouts::total) may be sooner.
    pub fn end_at(mut self, at: Instant) -> Self {
        if let Some(client) = self.connection.as_mut().and_then(Connection::client) {
            client.end_at(at);
        }
        self
    }

    /// Lets a function see the interim (1xx) responses.
    pub fn on_interim(mut self, see: impl FnMut(ResponseHead) + Send + 'static) -> Self {
        if let Some(client) = self.connection.as_mut().and_then(Connection::client) {
            client.keep_interims();
        }
        self.on_interim = Some(Box::new(see));
        self
    }
}

/// Nothing is ever pinned inside.
impl<R: Runtime, P: ClientPort> Unpin for Sending<R, P> {}

impl<R: Runtime, P: ClientPort> Future for Sending<R, P> {
    type Output = Result<Incoming<R, P>, Failed>;

    /// # Panics
    /// When polled after it was done.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(mut connection) = this.connection.take() else { panic!("polled after it was done") };
        if connection.is_stale() {
            return Poll::Ready(Err(connection.failed()));
        }
        let over = connection.poll(cx).is_ready();
        if let Some(client) = connection.client() {
            if let Some(see) = &mut this.on_interim {
                while let Some(head) = client.take_interim() {
                    see(head);
                }
            }
            if let Some((head, kind)) = client.take_head() {
                return Poll::Ready(Ok(Incoming::new(connection, head, kind)));
            }
        }
        if over {
            return Poll::Ready(Err(connection.failed()));
        }
        this.connection = Some(connection);
        Poll::Pending
    }
}

impl<R: Runtime, P: ClientPort> fmt::Debug for Sending<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("connection", &self.connection).finish_non_exhaustive()
    }
}
