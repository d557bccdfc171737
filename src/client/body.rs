//! Bodies of requests.

use anyloop_core::body::Body;

/// The body of a request; gone once it was sent, unless it can be sent again.
#[derive(Debug, Default)]
pub(crate) struct Payload(Option<Body>);

impl Payload {
    pub(crate) fn empty() -> Self {
        Self(Some(Body::empty()))
    }

    /// Whether there is still something to be sent.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the body to send it; `None` when it was a stream, and sent before.
    pub(crate) fn take(&mut self) -> Option<Body> {
        self.0.as_ref().and_then(Body::again).or_else(|| self.0.take())
    }
}

impl<B: Into<Body>> From<B> for Payload {
    fn from(body: B) -> Self {
        Self(Some(body.into()))
    }
}
