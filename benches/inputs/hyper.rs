//! A connection of hyper's server in memory.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::ReadBufCursor;

const HELLO: &str = "Hello, World!";

/// The routes of [`crate::connection::Connection`] on hyper.
pub(crate) struct Hyper {
    wire: Rc<RefCell<Wire>>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>>>>,
}

impl Hyper {
    pub(crate) fn new() -> Self {
        let wire = Rc::<RefCell<Wire>>::default();
        let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| async move {
            let mut response = hyper::Response::new(Hello(Some(Bytes::from_static(HELLO.as_bytes()))));
            let path = request.uri().path();
            if path != "/" && !path.starts_with("/articles/") {
                *response.status_mut() = hyper::StatusCode::NOT_FOUND;
            }
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, text);
            Ok::<_, Infallible>(response)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .pipeline_flush(true)
            .serve_connection(Stub(Rc::clone(&wire)), service);
        Self { wire, connection: Box::pin(connection) }
    }

    /// Polls the connection for one read. Returns how many bytes it wrote.
    pub(crate) fn turn(&mut self, input: &[u8]) -> usize {
        {
            let mut wire = self.wire.borrow_mut();
            wire.input.clear();
            wire.input.extend_from_slice(input);
            wire.output.clear();
            wire.read = 0;
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.connection.as_mut().poll(&mut cx).is_pending());
        self.wire.borrow().output.len()
    }
}

#[derive(Default)]
struct Wire {
    input: Vec<u8>,
    read: usize,
    output: Vec<u8>,
}

struct Stub(Rc<RefCell<Wire>>);

impl hyper::rt::Read for Stub {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let n = (wire.input.len() - wire.read).min(into.remaining());
        if n == 0 {
            return Poll::Pending;
        }
        into.put_slice(&wire.input[wire.read..][..n]);
        wire.read += n;
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Stub {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A body that is there.
struct Hello(Option<Bytes>);

impl hyper::body::Body for Hello {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
