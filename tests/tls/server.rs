//! HTTPS over sockets on every backend, with rustls's own blocking client at the other end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyloop::core::driver::{Peer, Spawn, Workers};
use anyloop::core::server::Connection;
use anyloop::tls::rustls::pki_types::ServerName;
use anyloop::tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use anyloop::tls::{Acceptor, ClientAuth, ServerTls, ring_provider};
use anyloop::{Model, Request, Router, Server};

use super::authority::{Authority, Signed};
use super::origin::HANG;

fn server(authority: &Authority) -> ServerTls {
    let provider = ring_provider();
    let identity = authority.sign(&["localhost"]).identity(&provider);
    ServerTls::new(provider, [identity]).client_auth(ClientAuth::Optional(authority.roots()))
}

/// With a certificate, or without.
fn client(authority: &Authority, own: Option<&Signed>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(ring_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots());
    let mut config = match own {
        Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn app() -> Router {
    Router::new()
        .get("/who", |request: Request| {
            let secured = request.secured().cloned();
            let (alpn, name) = secured.map_or((None, None), |all| (all.alpn, all.server_name));
            let alpn = alpn.map(|alpn| String::from_utf8_lossy(&alpn).into_owned());
            let certificate = request.client_certificate().map_or(0, <[u8]>::len);
            format!("{} {alpn:?} {name:?} {certificate}", request.scheme().as_str())
        })
        .post("/echo", |request: Request| async move { request.into_body() })
}

fn connect(config: &Arc<ClientConfig>, to: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.set_write_timeout(Some(HANG)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket)
}

/// The body of the answer to a request that closes the connection; an end without `close_notify` is an error.
fn ask(stream: &mut (impl Read + Write), head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    // Both at once would stand still with both buffers full.
    let mut all = Vec::new();
    stream.write_all(body).unwrap();
    stream.read_to_end(&mut all).unwrap();
    let head = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(all.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&all[..head]));
    all.split_off(head + 4)
}

fn port(peer: &Peer) -> SocketAddr {
    match peer {
        Peer::Tcp(address) => *address,
        Peer::Unix(_) => panic!("not TCP"),
    }
}

fn serves<W: Workers>(model: Model)
where
    W::Local: Spawn<Connection<Router, W>>,
    W::Shared: Spawn<Connection<Router, W>>,
{
    let authority = Authority::new("ours");
    let acceptor: Acceptor = server(&authority).acceptor().unwrap();
    let bound = Server::builder().workers(2).model(model).bind("127.0.0.1:0").unwrap();
    let bound = bound.listen_tls("127.0.0.1:0", &acceptor).unwrap();
    let addresses: Vec<_> = bound.local_addrs().map(port).collect();
    let serving = bound.serve::<W, _, _>(app()).unwrap();

    let own = authority.sign(&["client.example"]);
    let config = client(&authority, Some(&own));
    let who = |to| String::from_utf8(ask(&mut connect(&config, to), "GET /who", b"")).unwrap();
    let expected = format!("https Some(\"http/1.1\") Some(\"localhost\") {}", own.chain[0].len());
    assert_eq!(who(addresses[1]), expected);

    // A certificate is optional here: without one nobody is known, and one of a stranger is refused.
    let unknown = client(&authority, None);
    let seen = ask(&mut connect(&unknown, addresses[1]), "GET /who", b"");
    assert_eq!(seen, b"https Some(\"http/1.1\") Some(\"localhost\") 0");
    let strange = client(&authority, Some(&Authority::new("a stranger").sign(&["client.example"])));
    let mut refused = connect(&strange, addresses[1]);
    assert!(
        refused
            .write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
            .and_then(|()| refused.read(&mut [0]))
            .is_err()
    );
    drop(refused);

    let clear = |to| ask(&mut TcpStream::connect(to).unwrap(), "GET /who", b"");
    assert_eq!(clear(addresses[0]), b"http None None 0");
    assert_eq!(clear(addresses[1]), b"a plain HTTP request was sent to an HTTPS port\n");

    // Under the size of the buffers on the way, for this client does not read while it writes.
    let body: Vec<u8> = (0..60_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert!(ask(&mut connect(&config, addresses[1]), "POST /echo", &body) == body);

    // Other certificates for new connections; this one goes on.
    let mut old = connect(&config, addresses[1]);
    old.conn.complete_io(&mut old.sock).unwrap();
    let stranger = Authority::new("a stranger");
    acceptor.reload(server(&stranger).config().unwrap());
    assert!(String::from_utf8(ask(&mut old, "GET /who", b"")).unwrap().starts_with("https"));
    drop(old);
    let mut refused = connect(&config, addresses[1]);
    assert!(refused.conn.complete_io(&mut refused.sock).is_err());
    drop(refused);

    // A connection that has shaken hands and says nothing is no reason to wait.
    acceptor.reload(server(&authority).config().unwrap());
    let mut idle = connect(&config, addresses[1]);
    idle.conn.complete_io(&mut idle.sock).unwrap();
    serving.shutdown().announce();
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).unwrap(), 0);
    serving.wait_closed().unwrap();
}

#[test]
fn tokio() {
    serves::<anyloop_tokio::Tokio>(Model::PerCore);
    serves::<anyloop_tokio::Tokio>(Model::Stealing);
}

#[test]
fn smol() {
    serves::<anyloop_smol::Smol>(Model::PerCore);
    serves::<anyloop_smol::Smol>(Model::Stealing);
}

#[test]
fn async_std() {
    serves::<anyloop_async_std::AsyncStd>(Model::PerCore);
    serves::<anyloop_async_std::AsyncStd>(Model::Stealing);
}
