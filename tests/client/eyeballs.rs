//! Hosts with several addresses.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Phase, Proxies};

use crate::script::{Scripted, ok};

/// An address that refuses: its listener is gone.
fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}

/// An address that neither answers nor refuses: the queue of its listener is full.
struct Silent {
    address: SocketAddr,
    _listener: socket2::Socket,
    _queue: Vec<socket2::Socket>,
}

impl Silent {
    fn new() -> Self {
        let stream =
            || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let listener = stream();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        listener.listen(0).expect("a queue");
        let address = listener.local_addr().expect("an address").as_socket().expect("TCP");
        // The kernel drops what asks for more than the queue holds.
        let queue = (0..4)
            .map(|_| {
                let socket = stream();
                socket.set_nonblocking(true).expect("non-blocking");
                let _ = socket.connect(&address.into());
                socket
            })
            .collect();
        let silent = TcpStream::connect_timeout(&address, Duration::from_millis(300));
        assert!(silent.is_err(), "the queue is full");
        Self { address, _listener: listener, _queue: queue }
    }
}

pub(crate) async fn a_dead_address_does_not_stop_the_others<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok("alive"));
    let addresses = [refusing(), refusing(), server.address];
    let client = Client::builder(rt).proxies(Proxies::none()).resolve("a.example", &addresses).build();
    let response = client.get("http://a.example/").send().await.unwrap();
    assert_eq!(response.peer().to_string(), server.address.to_string());
    assert_eq!(response.text().await.unwrap(), "alive");
}

pub(crate) async fn a_silent_address_is_overtaken<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok("alive"));
    let silent = rt.unblock(Silent::new).await.unwrap();
    let addresses = [silent.address, server.address];
    let client = Client::builder(rt.clone())
        .proxies(Proxies::none())
        .resolve("a.example", &addresses)
        .resolve("b.example", &[silent.address])
        .timeouts(|timeouts| timeouts.connect = Some(Duration::from_secs(30)))
        .build();
    let before = rt.now().mono;
    assert_eq!(client.get("http://a.example/").send().await.unwrap().text().await.unwrap(), "alive");
    // The first address has its head start.
    assert!(rt.now().mono - before >= Duration::from_millis(240));
    let client = Client::builder(rt)
        .proxies(Proxies::none())
        .resolve("b.example", &[silent.address])
        .timeouts(|timeouts| timeouts.connect = Some(Duration::from_millis(50)))
        .build();
    let error = client.get("http://b.example/").send().await.unwrap_err();
    assert_eq!(
        (error.phase(), error.is_timeout(), error.is_retry_safe()),
        (Phase::Connect, true, true),
        "{error}"
    );
    assert_eq!(client.connections().total, 0);
}

pub(crate) async fn all_that_fail_are_named<R: Runtime>(rt: R) {
    let addresses = [refusing(), refusing()];
    let client = Client::builder(rt).proxies(Proxies::none()).resolve("a.example", &addresses).build();
    let error = client.get("http://a.example/").send().await.unwrap_err();
    let Cause::Unreachable(attempts) = error.cause() else { panic!("{error}") };
    let named: Vec<_> = attempts.iter().map(|(peer, _)| peer.to_string()).collect();
    assert_eq!(named, addresses.map(|address| address.to_string()));
    assert!(error.is_retry_safe() && !error.to_string().contains('\n'));
}

pub(crate) async fn names_are_looked_up<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok("by name"));
    let client = Client::builder(rt).proxies(Proxies::none()).build();
    let port = server.address.port();
    // Where the name has an IPv6 address too, nobody listens there.
    let response = client.get(format!("http://localhost:{port}/")).send().await.unwrap();
    assert_eq!(response.peer().to_string(), server.address.to_string());
    assert_eq!(response.text().await.unwrap(), "by name");
    // No name has a label of more than 63 characters.
    let error = client.get(format!("http://{}.example/", "x".repeat(70))).send().await.unwrap_err();
    assert!(matches!((error.phase(), error.cause()), (Phase::Resolve, Cause::Io(_))), "{error}");
    assert_eq!((error.is_retry_safe(), client.connections().total), (true, 1));
}
