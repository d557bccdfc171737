//! The connection of a client against our own server, on every backend.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use anyloop::{Body, Request, Router, Server};
use anyloop_core::client::{Config, Connection, Error, Incoming, Kind, Retry};
use anyloop_core::driver::{Peer, Runtime, Spawn, Workers, block_on};
use anyloop_core::head::{Method, RequestHead, Target};
use anyloop_core::server;

fn app() -> Router {
    Router::new()
        .get("/", |_: Request| "hello")
        .get("/large", |_: Request| Body::from(vec![b'x'; 1_000_000]))
        .get("/lines", |_: Request| {
            Body::produce(|mut sink| async move {
                for n in 0..1000 {
                    sink.send(format!("line {n}\n")).await?;
                }
                Ok(())
            })
        })
        .post("/echo", |request: Request| request.into_body())
}

fn request(method: Method, path: &'static str) -> RequestHead {
    let mut head = RequestHead::new(method, Target::try_from(path).expect("a target"));
    head.headers.append("host", "localhost").expect("a valid field");
    head
}

async fn body<R: Runtime>(response: &mut Incoming<R>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(chunk) = response.chunk().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// Sends a request and reads its response whole.
async fn ask<R: Runtime>(
    connection: Connection<R>,
    head: RequestHead,
    content: Body,
) -> (u16, Vec<u8>, Option<Connection<R>>) {
    let mut response = connection.send(head, content).await.expect("a response");
    let status = response.head().status.code();
    let content = body(&mut response).await.expect("a whole body");
    (status, content, response.recover())
}

async fn exchanges<R: Runtime>(runtime: R, server: Peer) {
    let config = Arc::new(Config::default());
    let stream = runtime.connect(&server).await.expect("it listens");
    let mut connection = Connection::new(runtime, stream, server, &config);
    for _ in 0..100 {
        let (status, content, back) = ask(connection, request(Method::GET, "/"), Body::empty()).await;
        assert_eq!((status, &content[..]), (200, &b"hello"[..]));
        connection = back.expect("kept");
    }
    let (_, content, back) = ask(connection, request(Method::GET, "/large"), Body::empty()).await;
    assert_eq!(content.len(), 1_000_000);
    let (_, content, back) = ask(back.expect("kept"), request(Method::GET, "/lines"), Body::empty()).await;
    assert!(content.ends_with(b"\nline 999\n"));
    let (status, content, back) =
        ask(back.expect("kept"), request(Method::HEAD, "/large"), Body::empty()).await;
    assert_eq!((status, content.len()), (200, 0));
    let (status, _, back) = ask(back.expect("kept"), request(Method::GET, "/none"), Body::empty()).await;
    assert_eq!(status, 404);

    let sized = Body::from(vec![b'y'; 300_000]);
    let (_, content, back) = ask(back.expect("kept"), request(Method::POST, "/echo"), sized).await;
    assert_eq!(content.len(), 300_000);
    let streamed = Body::produce(|mut sink| async move {
        for _ in 0..300 {
            sink.send(vec![b'z'; 1000]).await?;
        }
        Ok(())
    });
    let (_, content, back) = ask(back.expect("kept"), request(Method::POST, "/echo"), streamed).await;
    assert_eq!(content, vec![b'z'; 300_000]);
    let mut expecting = request(Method::POST, "/echo");
    expecting.headers.append("expect", "100-continue").expect("a valid field");
    let (_, content, back) = ask(back.expect("kept"), expecting, Body::from("leave")).await;
    assert_eq!(content, b"leave");

    let mut connection = back.expect("kept");
    assert!(connection.is_reusable());
    let mut last = request(Method::GET, "/");
    last.headers.append("connection", "close").expect("a valid field");
    let (_, content, back) = ask(connection, last, Body::empty()).await;
    assert!(content == b"hello" && back.is_none(), "we said that it closes");
}

fn talks_to_our_server<W: Workers>()
where
    W::Local: Spawn<server::Connection<Router, W>>,
    W::Shared: Spawn<server::Connection<Router, W>>,
{
    let server = Server::builder().workers(1).bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().clone();
    let serving = server.serve::<W, _, _>(app()).expect("it starts");
    block_on(|runtime: W| exchanges(runtime, address.clone())).expect("it runs");
    serving.shutdown().announce();
    serving.wait_closed().expect("an end in order");
}

/// A server that answers once and goes: the next request is not sent, or fails and says that it may be sent again.
fn sees_that_a_server_went<W: Workers>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = Peer::Tcp(listener.local_addr().expect("its address"));
    let peer = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut room = [0; 1000];
        let n = socket.read(&mut room).expect("a request");
        assert!(room[..n].ends_with(b"\r\n\r\n"));
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it reads");
    });
    let failed = block_on(|runtime: W| async move {
        let stream = runtime.connect(&address).await.expect("it listens");
        let connection = Connection::new(runtime, stream, address, &Arc::new(Config::default()));
        let response = connection.send(request(Method::GET, "/"), Body::empty()).await.expect("a response");
        peer.join().expect("it went");
        // It may be known by now that the server went.
        let connection = response.recover()?;
        Some(connection.send(request(Method::GET, "/"), Body::empty()).await.expect_err("nobody answers"))
    });
    if let Some(failed) = failed.expect("it runs") {
        let safe = matches!(failed.error.retry(), Retry::Safe | Retry::IfIdempotent);
        assert!(safe && failed.head.is_some() && failed.body.is_some(), "{failed:?}");
    }
}

fn a_pong_is_a_typed_error<W: Workers>() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = Peer::Tcp(listener.local_addr().expect("its address"));
    let peer = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().expect("a connection");
        let _request = socket.read(&mut [0; 1000]).expect("a request");
        socket.write_all(b"pong").expect("it reads");
    });
    let failed = block_on(|runtime: W| async move {
        let stream = runtime.connect(&address).await.expect("it listens");
        let connection = Connection::new(runtime, stream, address, &Arc::new(Config::default()));
        connection.send(request(Method::GET, "/"), Body::empty()).await.expect_err("no status line")
    });
    let error = failed.expect("it runs").error;
    assert!(matches!(error.kind(), Kind::Peer(anyloop_core::error::Error::StatusLine)), "{error}");
    assert_eq!(error.retry(), Retry::No);
    peer.join().expect("it went");
}

macro_rules! on_each_backend {
    ($($feature:literal $name:ident $runtime:ty;)*) => {$(
        #[cfg(feature = $feature)]
        mod $name {
            #[test]
            fn talks_to_our_server() {
                super::talks_to_our_server::<$runtime>();
            }

            #[test]
            fn sees_that_a_server_went() {
                super::sees_that_a_server_went::<$runtime>();
            }

            #[test]
            fn a_pong_is_a_typed_error() {
                super::a_pong_is_a_typed_error::<$runtime>();
            }
        }
    )*};
}

on_each_backend! {
    "tokio" on_tokio anyloop_tokio::Tokio;
    "smol" on_smol anyloop_smol::Smol;
    "async-std" on_async_std anyloop_async_std::AsyncStd;
}
