//! Calling an application in memory, for tests.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use anyloop_core::head::{Headers, Method, Status};
use anyloop_core::service::{Request, Running, Service};
use bytes::{Bytes, BytesMut};

/// A response whose body was read to its end.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// The field lines that the application wrote. Those that a server adds, `Date` and the framing for instance, are
    /// not among them.
    pub headers: Headers,
    /// The whole body; empty in the answer to a HEAD request.
    pub body: Bytes,
    /// The trailer section.
    pub trailers: Option<Headers>,
}

impl Answer {
    /// Returns the body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        match core::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => panic!("the body is no text: {error}"),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("trailers", &self.trailers)
            .finish()
    }
}

/// Runs one exchange in memory: no socket, no event loop, no HTTP framing. The thread waits until the answer is whole.
///
/// ```
/// use anyloop::{Html, Request, Router};
///
/// async fn greet(request: Request) -> Html<String> {
///     Html(format!("<p>hello, {}</p>", request.param("name").unwrap_or("world")))
/// }
///
/// let app = Router::new().get("/hello/{name}", greet);
/// let answer = anyloop::test::call(&app, Request::get("/hello/ada"));
/// assert_eq!(answer.status.code(), 200);
/// assert_eq!(answer.text(), "<p>hello, ada</p>");
/// ```
///
/// # Panics
/// When the response's body fails before its end.
pub fn call<S: Service>(app: &S, request: Request) -> Answer {
    block_on(exchange(app, request))
}

/// Runs one exchange in memory, inside a future.
///
/// # Panics
/// When the response's body fails before its end.
pub async fn exchange<S: Service>(app: &S, request: Request) -> Answer {
    let is_head = *request.method() == Method::HEAD;
    let mut running = S::Running::default();
    let mut response = match app.call(request, &mut running) {
        Some(response) => response,
        None => poll_fn(|cx| running.poll(cx)).await,
    };
    let (status, headers) = (response.status(), response.headers().clone());
    if is_head {
        return Answer { status, headers, body: Bytes::new(), trailers: None };
    }
    let mut whole = BytesMut::new();
    let body = response.body_mut();
    while let Some(chunk) = body.chunk().await {
        match chunk {
            Ok(chunk) => whole.extend_from_slice(&chunk),
            Err(error) => panic!("the body failed after {} bytes: {error}", whole.len()),
        }
    }
    Answer { status, headers, body: whole.freeze(), trailers: body.trailers().cloned() }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, BodyError, Router};

    #[test]
    fn bodies_are_read_to_the_end_and_trailers_kept() {
        let app = Router::new().get("/", |_: Request| {
            let (mut sink, body) = Body::channel();
            thread::spawn(move || {
                block_on(async {
                    sink.send("from ").await.unwrap();
                    sink.send("a thread").await.unwrap();
                    let mut trailers = Headers::new();
                    trailers.append("x-sum", "9").unwrap();
                    sink.finish(Some(trailers));
                });
            });
            body
        });
        let answer = call(&app, Request::get("/"));
        assert_eq!(answer.text(), "from a thread");
        assert_eq!(answer.trailers.unwrap().get_str("x-sum"), Some("9"));
        assert!(call(&app, Request::with_method(Method::HEAD, "/", "")).body.is_empty());
    }

    #[test]
    #[should_panic(expected = "the body failed after 4 bytes")]
    fn a_body_that_fails_is_no_answer() {
        let app = Router::new().get("/", |_: Request| {
            Body::produce(|mut sink| async move {
                sink.send("half").await?;
                Err(BodyError::source("broken"))
            })
        });
        call(&app, Request::get("/"));
    }
}
