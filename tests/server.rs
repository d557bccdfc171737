//! Servers of applications whose handlers are `Send`, and of those whose are not, on every backend.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;

use anyloop::{Model, Request, Router, Server};
use anyloop_core::driver::{Peer, Spawn, Workers};
use anyloop_core::server::Connection;
use anyloop_core::service::Local;

/// Counts its requests, without a lock: each worker has a counter of its own.
fn counter() -> Router<Local> {
    let hits = Rc::new(Cell::new(0));
    Router::local().get("/", move |_: Request| {
        let hits = Rc::clone(&hits);
        async move {
            hits.set(hits.get() + 1);
            hits.get().to_string()
        }
    })
}

fn ask(address: &Peer) -> String {
    let Peer::Tcp(address) = address else { panic!("{address}") };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body.to_owned()
}

fn counts_without_locks<W: Workers>()
where
    W::Local: Spawn<Connection<Router<Local>, W>>,
{
    let server = Server::builder().workers(1).bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().clone();
    let serving = server.serve_local::<W, _, _>(counter).expect("it starts");
    assert_eq!([ask(&address), ask(&address), ask(&address)], ["1", "2", "3"]);
    serving.shutdown().announce();
    serving.wait_closed().expect("an end in order");

    let server = Server::builder().model(Model::Stealing).bind("127.0.0.1:0").expect("a port");
    let error = server.serve_local::<W, _, _>(counter).expect_err("connections would move between threads");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn ends_when_a_future_is_done<W: Workers>()
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    for model in [Model::PerCore, Model::Stealing] {
        let server = Server::builder().workers(2).model(model).bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().clone();
        let app = Router::new().get("/", |_: Request| "hello");
        let serving = server.serve::<W, _, _>(app).expect("it starts");
        assert_eq!(ask(&address), "hello");
        serving.shutdown_on(async {});
        serving.wait_closed().expect("an end in order");
    }
}

macro_rules! on_every_backend {
    ($($name:ident: $runtime:ty;)*) => {
        $(
            mod $name {
                #[test]
                fn counts_without_locks() {
                    super::counts_without_locks::<$runtime>();
                }

                #[test]
                fn ends_when_a_future_is_done() {
                    super::ends_when_a_future_is_done::<$runtime>();
                }
            }
        )*
    };
}

on_every_backend! {
    tokio: anyloop_tokio::Tokio;
    smol: anyloop_smol::Smol;
    async_std: anyloop_async_std::AsyncStd;
}
