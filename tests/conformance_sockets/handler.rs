//! A service that gathers each body, and notes what came of which connection.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use anyloop_core::body::Body;
use anyloop_core::driver::Peer;
use anyloop_core::head::{Method, RequestHead, Status};
use anyloop_core::service::{IntoResponse, Request, Response, Running, Service};

/// What reached the handlers of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The targets of all requests.
    pub(crate) targets: Vec<String>,
    /// The requests whose bodies were whole, written as the tables write events.
    pub(crate) whole: Vec<String>,
}

/// Answers any method: 200, or 405 to CONNECT, for 2xx would be a tunnel.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<HashMap<u16, Reached>>>);

impl Witness {
    /// Takes what was noted of the connection that the client has at this port.
    pub(crate) fn take(&self, port: u16) -> Reached {
        self.0.lock().expect("no handler panics").remove(&port).unwrap_or_default()
    }

    fn note(&self, port: u16, change: impl FnOnce(&mut Reached)) {
        change(self.0.lock().expect("no handler panics").entry(port).or_default());
    }

    async fn answer(self, port: u16, head: RequestHead, body: Body) -> Response {
        let whole = match show(&head, body).await {
            Ok(whole) => whole,
            Err(error) => return error.into_response(),
        };
        self.note(port, |reached| reached.whole.push(whole));
        let is_connect = head.method == Method::CONNECT;
        Response::empty(if is_connect { Status::METHOD_NOT_ALLOWED } else { Status::OK })
    }
}

async fn show(head: &RequestHead, mut body: Body) -> Result<String, anyloop_core::body::BodyError> {
    let mut shown = format!("{} {} ", head.method, head.target);
    let value = |name: &str| head.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    if value("transfer-encoding").is_some() {
        shown.push_str("streamed");
    } else {
        match value("content-length").map_or(Ok(0), |digits| digits.parse::<u64>()) {
            Ok(0) => shown.push_str("empty"),
            Ok(length) => shown.push_str(&format!("sized {length}")),
            Err(error) => panic!("a length that is no number: {error}"),
        }
    }
    let mut data = String::new();
    while let Some(bytes) = body.chunk().await.transpose()? {
        data.push_str(&bytes.escape_ascii().to_string());
    }
    if !data.is_empty() {
        shown.push_str(&format!("|\"{data}\""));
    }
    if !shown.ends_with("empty") {
        shown.push_str("|end");
        for (name, value) in body.trailers().into_iter().flatten() {
            shown.push_str(&format!(" {name}={}", value.escape_ascii()));
        }
    }
    Ok(shown)
}

impl Service for Witness {
    type Running = Answering;

    fn call(&self, request: Request, running: &mut Answering) -> Option<Response> {
        let &Peer::Tcp(peer) = request.peer_addr() else { panic!("not a TCP client") };
        let (head, body) = request.into_parts();
        self.note(peer.port(), |reached| reached.targets.push(head.target.to_string()));
        running.0 = Some(Box::pin(self.clone().answer(peer.port(), head, body)));
        None
    }
}

/// A call of [`Witness`].
#[derive(Default)]
pub(crate) struct Answering(Option<Pin<Box<dyn Future<Output = Response> + Send>>>);

impl Running for Answering {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let answer = self.0.as_mut().expect("a call is running").as_mut().poll(cx);
        if answer.is_ready() {
            self.0 = None;
        }
        answer
    }

    fn cancel(&mut self) {
        self.0 = None;
    }
}
