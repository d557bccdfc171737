//! anyloop, with the routes of its peers. The program `anyloop` has its own.

use std::io;
use std::net::SocketAddr;

use ::anyloop::core::driver::{ListenAddr, Serving};
use ::anyloop::tls::Acceptor;
use ::anyloop::{Body, Model, Request, Response, Router, Server};
use rustls::ServerConfig;

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

pub(crate) fn serve(
    addr: SocketAddr,
    threads: usize,
    model: Model,
    tls: Option<ServerConfig>,
    start: fn(Server, Router) -> io::Result<Serving>,
) -> io::Result<()> {
    let server = Server::builder().workers(threads).model(model);
    let server = match tls {
        Some(tls) => server.bind_tls(ListenAddr::Tcp(addr), &Acceptor::new(tls))?,
        None => server.bind(ListenAddr::Tcp(addr))?,
    };
    if let ::anyloop::core::driver::Peer::Tcp(addr) = server.local_addr() {
        listen::announce(*addr)?;
    }
    start(server, app())?.wait_closed()
}

fn app() -> Router {
    Router::new()
        .get("/plaintext", |_: Request| Response::new(PLAINTEXT).with_type("text/plain"))
        .get("/json", |_: Request| {
            Response::new(serde_json::to_vec(&MESSAGE).unwrap_or_default()).with_type("application/json")
        })
        .post("/echo", |request: Request| Response::new(request.into_body()))
        .post("/sink", async |request: Request| Response::text(sink(request.into_body()).await.to_string()))
        .get("/bytes/{n}", |request: Request| {
            let length = number(&request);
            let pieces = || Body::from_source(Pieces::sized(length));
            octets(routes::whole(length).map_or_else(pieces, Body::from))
        })
        .get("/chunked/{n}", |request: Request| octets(Body::from_source(Pieces::chunked(number(&request)))))
}

fn octets(body: Body) -> Response {
    Response::new(body).with_type("application/octet-stream")
}

fn number(request: &Request) -> u64 {
    request.param("n").and_then(|length| length.parse().ok()).unwrap_or(0)
}

async fn sink(mut body: Body) -> u64 {
    let mut count = 0;
    while let Some(Ok(piece)) = body.chunk().await {
        count += piece.len() as u64;
    }
    count
}
