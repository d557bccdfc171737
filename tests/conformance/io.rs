//! Byte streams: addresses, large transfers, half-close, reset.

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::task::Poll;
use std::thread;

use anyloop_core::driver::{BindOptions, Bound, ListenAddr, Peer, Runtime, Transport, bind};
use anyloop_core::link::Outbound;
use bytes::BytesMut;

use crate::harness::{accept, close, read, read_to_end, write_all};

const LARGE: usize = 4 << 20;

/// A payload in which no two places look alike for long.
fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

fn listen<R: Runtime>(rt: &R, address: &str) -> (Bound, R::Listener, SocketAddr) {
    let mut bound = bind(&address.parse().unwrap(), BindOptions::default()).expect("bind");
    let socket = bound.sockets(1).expect("a socket").remove(0);
    let listener = rt.listen(socket).expect("listen");
    let Peer::Tcp(local) = *bound.local_addr() else { unreachable!("bound to TCP") };
    (bound, listener, (Ipv4Addr::LOCALHOST, local.port()).into())
}

/// A connection: the end under test and the blocking end.
async fn pair<R: Runtime>(rt: &R) -> (R::Stream, TcpStream) {
    let (_bound, mut listener, address) = listen(rt, "127.0.0.1:0");
    let client = TcpStream::connect(address).expect("connect");
    (accept(rt, &mut listener).await.stream, client)
}

fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the client does not panic")
}

pub(crate) async fn a_refused_connection_is_an_error<R: Runtime>(rt: R) {
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("bind");
    let refused = rt.connect(&Peer::Tcp(gone)).await.err().expect("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let missing = rt.connect(&Peer::Unix(Some("/nonexistent/socket".into()))).await.err().expect("no file");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let unnamed = rt.connect(&Peer::Unix(None)).await.err().expect("no name");
    assert_eq!(unnamed.kind(), ErrorKind::InvalidInput);
}

pub(crate) async fn accepted_connections_know_both_addresses<R: Runtime>(rt: R) {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let (_bound, mut listener, server) = listen(&rt, address);
        let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(server).expect("connect")).collect();
        for client in &clients {
            let accepted = accept(&rt, &mut listener).await;
            assert_eq!(accepted.peer, Peer::Tcp(client.local_addr().unwrap()));
            assert_eq!(accepted.local, Peer::Tcp(server));
        }
    }
}

pub(crate) async fn unix_sockets_carry_bytes_and_addresses<R: Runtime>(rt: R) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let mut bound = bind(&ListenAddr::Unix(path.clone()), BindOptions::default()).expect("bind");
    let mut listener = rt.listen(bound.sockets(1).unwrap().remove(0)).expect("listen");
    let mut client = rt.connect(bound.local_addr()).await.expect("connect");
    let mut accepted = accept(&rt, &mut listener).await;
    assert_eq!(accepted.peer, Peer::Unix(None));
    assert_eq!(accepted.local, Peer::Unix(Some(path)));
    let mut out = Outbound::default();
    out.write_slice(b"ping");
    write_all(&mut client, &mut out).await;
    close(&mut client).await;
    assert_eq!(&read_to_end(&mut accepted.stream, 100).await[..], b"ping");
    out.write_slice(b"pong");
    write_all(&mut accepted.stream, &mut out).await;
    close(&mut accepted.stream).await;
    assert_eq!(&read_to_end(&mut client, 100).await[..], b"pong");
}

pub(crate) async fn connecting_carries_bytes<R: Runtime>(rt: R) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("read");
        stream.write_all(&got).expect("write");
    });
    let mut stream = rt.connect(&Peer::Tcp(address)).await.expect("connect");
    let mut out = Outbound::default();
    out.write_slice(b"there and back");
    write_all(&mut stream, &mut out).await;
    close(&mut stream).await;
    assert_eq!(&read_to_end(&mut stream, 5).await[..], b"there and back");
    join(server);
}

pub(crate) async fn a_large_answer_survives_a_slow_reader<R: Runtime>(rt: R) {
    let (mut stream, mut client) = pair(&rt).await;
    let expected = payload(LARGE);
    let reader = thread::spawn(move || {
        let (mut got, mut some) = (Vec::new(), vec![0; 5000]);
        loop {
            match client.read(&mut some).expect("read") {
                0 => return got,
                n => got.extend_from_slice(&some[..n]),
            }
        }
    });
    // Small pieces between large ones, so that writes are vectored and end anywhere.
    let mut out = Outbound::default();
    for piece in expected.chunks(10_000) {
        let (head, rest) = piece.split_at(piece.len().min(100));
        out.write_slice(head);
        out.write(rest.to_vec());
    }
    write_all(&mut stream, &mut out).await;
    close(&mut stream).await;
    assert!(join(reader) == expected);
}

pub(crate) async fn a_large_upload_survives_small_limits<R: Runtime>(rt: R) {
    for limit in [1000, 16 * 1024, LARGE] {
        let (mut stream, mut client) = pair(&rt).await;
        let expected = payload(LARGE);
        let sent = expected.clone();
        let writer = thread::spawn(move || client.write_all(&sent).expect("write"));
        assert!(read_to_end(&mut stream, limit).await[..] == expected);
        join(writer);
    }
}

pub(crate) async fn the_end_of_the_peers_side_leaves_ours_open<R: Runtime>(rt: R) {
    let (mut stream, mut client) = pair(&rt).await;
    client.write_all(b"question").expect("write");
    client.shutdown(Shutdown::Write).expect("shutdown");
    assert_eq!(&read_to_end(&mut stream, 3).await[..], b"question");
    assert_eq!(read(&mut stream, &mut BytesMut::new(), 3).await.expect("read"), 0, "the end stays");
    let mut out = Outbound::default();
    out.write_slice(b"answer");
    write_all(&mut stream, &mut out).await;
    close(&mut stream).await;
    let mut got = Vec::new();
    client.read_to_end(&mut got).expect("read");
    assert_eq!(got, b"answer");
}

pub(crate) async fn a_reset_is_an_error<R: Runtime>(rt: R) {
    let (mut stream, client) = pair(&rt).await;
    socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("linger");
    drop(client);
    let error = read(&mut stream, &mut BytesMut::new(), 100).await.expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

pub(crate) async fn a_waiting_read_reserves_nothing<R: Runtime>(rt: R) {
    let (mut stream, mut client) = pair(&rt).await;
    let mut into = BytesMut::new();
    poll_fn(|cx| {
        assert!(stream.poll_read(cx, &mut into, 100).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(into.capacity(), 0);
    client.write_all(b"x").expect("write");
    assert_eq!(read(&mut stream, &mut into, 100).await.expect("read"), 1);
}
