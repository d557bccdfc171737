//! The client over https, on every backend, against our server.

use std::thread;
use std::time::Duration;

use anyloop::client::{Client, ClientTls, Phase, Proxies, Proxy, Roots};
use anyloop::core::driver::{Peer, Workers, block_on};
use anyloop::tls::{ClientAuth, ServerTls, ring_provider};
use anyloop::{Request, Router, Server, SharedRuntime};

use super::authority::{Authority, Signed};

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::new(ring_provider()).roots(Roots::Only(authority.roots()))
}

fn app() -> Router {
    Router::new()
        .get("/who", |request: Request| {
            format!("{} {}", request.scheme().as_str(), request.client_certificate().map_or(0, <[u8]>::len))
        })
        .post("/echo", |request: Request| async move { request.into_body() })
}

fn port(peer: &Peer) -> u16 {
    match peer {
        Peer::Tcp(address) => address.port(),
        Peer::Unix(_) => panic!("not TCP"),
    }
}

/// The phase and the text of a request that fails.
async fn fault<R: SharedRuntime>(client: &Client<R>, url: &str) -> (Phase, String) {
    let error = client.get(url).send().await.expect_err("it must fail");
    (error.phase(), error.to_string())
}

fn works<W: Workers + SharedRuntime>() {
    let authority = Authority::new("ours");
    let good = authority.sign(&["localhost", "127.0.0.1", "::1"]);
    let listener = |own: &Signed, auth| {
        ServerTls::new(ring_provider(), [own.identity(&ring_provider())])
            .client_auth(auth)
            .acceptor()
            .unwrap()
    };
    let server = Server::builder()
        .workers(1)
        .bind_tls("127.0.0.1:0", &listener(&good, ClientAuth::None))
        .unwrap()
        .listen_tls("127.0.0.1:0", &listener(&good, ClientAuth::Required(authority.roots())))
        .unwrap()
        .listen_tls("127.0.0.1:0", &listener(&authority.sign_expired(&["localhost"]), ClientAuth::None))
        .unwrap()
        .listen_tls("127.0.0.1:0", &listener(&authority.sign(&["other.example"]), ClientAuth::None))
        .unwrap();
    let ports: Vec<_> = server.local_addrs().map(port).collect();
    let serving = anyloop::tokio::serve(server, app()).unwrap();
    block_on::<W, _>(|rt: W| async move {
        let client = |tls| Client::builder(rt.clone()).tls(tls).build();
        let at = |n: usize, path: &str| format!("https://localhost:{}{path}", ports[n]);

        let trusted = client(trusting(&authority));
        for _ in 0..3 {
            let text = trusted.get(at(0, "/who")).send().await.unwrap().text().await.unwrap();
            assert_eq!(text, "https 0");
        }
        assert_eq!(trusted.connections().total, 1, "the connection is kept");
        let by_address = format!("https://127.0.0.1:{}/who", ports[0]);
        assert_eq!(trusted.get(&by_address).send().await.unwrap().status().code(), 200);
        let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let echo = trusted.post(at(0, "/echo")).body(body.clone()).send().await.unwrap();
        assert!(echo.bytes_up_to(4 << 20).await.unwrap() == body);

        let own = authority.sign(&["client.example"]).identity(&ring_provider());
        let length = own.chain()[0].len();
        let known = client(trusting(&authority).identity(own));
        let text = known.get(at(1, "/who")).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, format!("https {length}"));

        for (tls, n, expected) in [
            (trusting(&authority), 1, "CertificateRequired"),
            (trusting(&authority), 2, "xpired"),
            (trusting(&authority), 3, "other.example"),
            (trusting(&Authority::new("a stranger")), 0, "UnknownIssuer"),
            (ClientTls::new(ring_provider()), 0, "certificate"),
        ] {
            let (phase, text) = fault(&client(tls), &at(n, "/who")).await;
            assert_eq!(phase, Phase::Tls, "{text}");
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let anybody = client(ClientTls::new(ring_provider()).danger_accept_invalid_certs());
        for n in [0, 2, 3] {
            assert_eq!(anybody.get(at(n, "/who")).send().await.unwrap().status().code(), 200);
        }
    })
    .unwrap();
    serving.shutdown().announce();
    serving.wait_closed().unwrap();
}

#[test]
fn tokio() {
    works::<anyloop_tokio::Tokio>();
}

#[test]
fn smol() {
    works::<anyloop_smol::Smol>();
}

#[test]
fn async_std() {
    works::<anyloop_async_std::AsyncStd>();
}

/// A server that accepts and says nothing, and one that speaks no TLS.
#[test]
fn a_handshake_that_stalls_or_is_none_fails_in_its_phase() {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (silent, _) = listener.accept().unwrap();
        let (mut clear, _) = listener.accept().unwrap();
        clear.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = clear.read_to_end(&mut rest);
        drop(listener.accept());
        drop(silent);
    });
    let url = format!("https://localhost:{port}/");
    anyloop::block_on(|rt| async move {
        let quick = Client::builder(rt.clone())
            .tls(trusting(&Authority::new("nobody")))
            .timeouts(|timeouts| timeouts.connect = Some(Duration::from_millis(50)))
            .resolve("localhost", &[([127, 0, 0, 1], port).into()])
            .build();
        let (phase, text) = fault(&quick, &url).await;
        assert_eq!((phase, text.contains("the handshake took too long")), (Phase::Tls, true), "{text}");
        let client = Client::builder(rt).resolve("localhost", &[([127, 0, 0, 1], port).into()]).build();
        let (phase, text) = fault(&client, &url).await;
        assert_eq!((phase, text.contains("InvalidContentType")), (Phase::Tls, true), "{text}");
        // Closed or reset: it has not begun to send.
        let (phase, text) = fault(&client, &url).await;
        assert_eq!(phase, Phase::Tls, "{text}");
    })
    .unwrap();
    server.join().unwrap();
}

/// A proxy for one connection: it answers CONNECT and then hands bytes on both ways.
fn tunnel() -> (u16, thread::JoinHandle<String>) {
    use std::io::{Read, Write, copy};
    use std::net::{Shutdown, TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            near.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut far = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let up = thread::spawn(move || {
            let _ = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = copy(&mut far, &mut near);
        let _ = near.shutdown(Shutdown::Both);
        up.join().unwrap();
        head
    });
    (port, proxy)
}

#[test]
fn the_server_is_verified_through_a_tunnel_of_a_proxy() {
    let authority = Authority::new("ours");
    let identity = authority.sign(&["localhost"]).identity(&ring_provider());
    let acceptor = ServerTls::new(ring_provider(), [identity]).acceptor().unwrap();
    let server = Server::builder().workers(1).bind_tls("127.0.0.1:0", &acceptor).unwrap();
    let url = format!("https://localhost:{}/who", port(server.local_addr()));
    let serving = anyloop::tokio::serve(server, app()).unwrap();
    let (proxy_port, proxy) = tunnel();
    let proxies = Proxies::all(Proxy::new(&format!("127.0.0.1:{proxy_port}")).unwrap());
    let text = anyloop::block_on(|rt| async move {
        let client = Client::builder(rt).tls(trusting(&authority)).proxies(proxies).build();
        client.get(&url).send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(text.unwrap(), "https 0");
    assert!(proxy.join().unwrap().starts_with("CONNECT localhost:"));
    serving.shutdown().announce();
    serving.wait_closed().unwrap();
}
