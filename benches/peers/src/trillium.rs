//! trillium, on each of its runtimes. How many threads they have stands in the environment.

use std::io;
use std::net::SocketAddr;

use ::trillium::{Body, Conn, KnownHeaderName};
use futures_lite::AsyncReadExt;
use trillium_router::{Router, RouterConnExt};

use crate::listen;
use crate::routes::{self, MESSAGE, PLAINTEXT, Pieces};

pub(crate) fn tokio(addr: SocketAddr) -> io::Result<()> {
    let listener = listen::bind(addr)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(async { tokio::net::TcpListener::from_std(listener) })?;
    runtime.block_on(async {
        let config = trillium_tokio::config().with_prebound_server(listener).with_nodelay();
        tokio::spawn(config.run_async(app())).await
    })?;
    Ok(())
}

pub(crate) fn smol(addr: SocketAddr) -> io::Result<()> {
    let listener = ::smol::net::TcpListener::from(::smol::Async::new(listen::bind(addr)?)?);
    trillium_smol::config().with_prebound_server(listener).with_nodelay().run(app());
    Ok(())
}

pub(crate) fn async_std(addr: SocketAddr) -> io::Result<()> {
    trillium_async_std::config().with_prebound_server(listen::bind(addr)?).with_nodelay().run(app());
    Ok(())
}

fn app() -> Router {
    Router::new()
        .get("/plaintext", async |conn: Conn| {
            conn.with_response_header(KnownHeaderName::ContentType, "text/plain").ok(PLAINTEXT)
        })
        .get("/json", async |conn: Conn| {
            let body = serde_json::to_vec(&MESSAGE).unwrap_or_default();
            conn.with_response_header(KnownHeaderName::ContentType, "application/json").ok(body)
        })
        .post("/echo", echo)
        .post("/sink", sink)
        .get("/bytes/:n", bytes)
        .get("/chunked/:n", chunked)
}

async fn echo(mut conn: Conn) -> Conn {
    let mut body = Vec::new();
    match conn.request_body().read_to_end(&mut body).await {
        Ok(_) => conn.ok(body),
        Err(_) => conn.with_status(400),
    }
}

async fn sink(mut conn: Conn) -> Conn {
    let mut buffer = vec![0; routes::PIECE];
    let mut count = 0;
    let mut body = conn.request_body();
    while let Ok(read @ 1..) = body.read(&mut buffer).await {
        count += read;
    }
    drop(body);
    conn.ok(count.to_string())
}

async fn bytes(conn: Conn) -> Conn {
    let Some(length) = number(&conn) else { return conn.with_status(400) };
    let pieces = || Body::new_streaming(Pieces::sized(length), Some(length));
    let body =
        routes::whole(length).map_or_else(pieces, |bytes| Body::new_static(&routes::PATTERN[..bytes.len()]));
    conn.ok(body)
}

async fn chunked(conn: Conn) -> Conn {
    let Some(length) = number(&conn) else { return conn.with_status(400) };
    conn.ok(Body::new_streaming(Pieces::chunked(length), None))
}

fn number(conn: &Conn) -> Option<u64> {
    conn.param("n")?.parse().ok()
}
