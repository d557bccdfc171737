//! Prints each request that came whole, one line each: what a server understood of the bytes that it was sent.
//!
//! The fields of a line are parted by tabs: the client, the method, the target, the host, and the body in hex. The client
//! is the port of the peer, or what a proxy says in `X-Client` with a `+` before it. Each answer has `X-Recorded`, which
//! tells it from a refusal. Used by `.ci/differential`, which compares with other servers.

mod common;

use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyloop::core::driver::Peer;
use anyloop::core::service::Running;
use anyloop::{BodyError, IntoResponse, Method, Request, Response, Server, Service, Status};

/// Takes every method and target, which a router would not.
#[derive(Clone)]
struct Recorder;

#[derive(Default)]
struct Call(Option<Pin<Box<dyn Future<Output = Response> + Send>>>);

impl Service for Recorder {
    type Running = Call;

    fn call(&self, request: Request, running: &mut Call) -> Option<Response> {
        running.0 = Some(Box::pin(async { record(request).await.into_response() }));
        None
    }
}

impl Running for Call {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        self.0.as_mut().map_or(Poll::Pending, |call| call.as_mut().poll(cx))
    }

    fn cancel(&mut self) {
        self.0 = None;
    }
}

/// Answers 200, but refuses a tunnel: what follows is a request again.
async fn record(request: Request) -> Result<Response, BodyError> {
    let client = match (request.header("x-client"), request.peer_addr()) {
        (Some(name), _) => format!("+{name}"),
        (None, Peer::Tcp(address)) => address.port().to_string(),
        (None, peer) => peer.to_string(),
    };
    let host = request.host().unwrap_or_default();
    let mut line = format!("{client}\t{}\t{}\t{host}\t", request.method(), request.target());
    let status = if *request.method() == Method::CONNECT { Status::METHOD_NOT_ALLOWED } else { Status::OK };
    for byte in request.into_body().collect().await? {
        write!(line, "{byte:02x}").map_err(BodyError::source)?;
    }
    println!("{line}");
    Response::empty(status).with_header("x-recorded", 1_u64).map_err(BodyError::source)
}

fn main() -> io::Result<()> {
    let args = common::args()?;
    let server = Server::builder().workers(1).bind(args.address(8888))?;
    println!("listening on {}", server.local_addr());
    common::on_backend!(args.backend, R => server.serve::<R, _, _>(Recorder))?.wait_closed()
}
