//! CONNECT and upgrades.

use anyloop_core::body::Body;
use anyloop_core::client::Kind;
use anyloop_core::codec::BodyKind;
use anyloop_core::error::Error as Fault;
use anyloop_core::head::{Method, RequestHead, Target};

use crate::world::{body, get, play};

#[test]
fn connect_becomes_a_tunnel_for_both_sides() {
    for seed in 0..10 {
        play(
            seed,
            |mut wire| async move {
                let head = wire.read_head().await;
                assert_eq!(head, b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n");
                wire.write("HTTP/1.1 200 OK\r\n\r\nhello").await;
                assert_eq!(wire.read_until(|bytes| bytes.len() >= 30_000).await, [b'x'; 30_000]);
                wire.write(vec![b'y'; 30_000]).await;
                assert!(wire.read_until(|_| false).await.is_empty());
            },
            |_, connection| async move {
                let head = RequestHead::new(Method::CONNECT, Target::try_from("example.com:443").unwrap());
                let response = connection.send(head, Body::empty()).await.unwrap();
                assert_eq!(response.kind(), BodyKind::Tunnel);
                let mut tunnel = response.into_tunnel().unwrap();
                let mut hello = Vec::new();
                while hello.len() < 5 {
                    hello.extend_from_slice(&tunnel.read().await.unwrap().unwrap());
                }
                assert_eq!(hello, b"hello");
                for _ in 0..30 {
                    tunnel.write(vec![b'x'; 1000]).await.unwrap();
                }
                tunnel.flush().await.unwrap();
                let mut read = 0;
                while read < 30_000 {
                    read += tunnel.read().await.unwrap().unwrap().len();
                }
                tunnel.close().await.unwrap();
            },
        );
    }
}

#[test]
fn an_upgrade_is_taken_when_it_was_offered() {
    play(
        1,
        |mut wire| async move {
            let head = String::from_utf8(wire.read_head().await).unwrap();
            assert!(head.contains("connection: upgrade\r\n"), "{head}");
            wire.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
                .await;
            let some = wire.read_until(|bytes| bytes.len() >= 4).await;
            wire.write(&some).await;
        },
        |_, connection| async move {
            let mut head = get();
            head.headers.append("upgrade", "echo").unwrap();
            let mut tunnel = connection.send(head, Body::empty()).await.unwrap().into_tunnel().unwrap();
            tunnel.write("ping").await.unwrap();
            let mut all = Vec::new();
            while let Some(bytes) = tunnel.read().await {
                all.extend_from_slice(&bytes.unwrap());
            }
            assert_eq!(all, b"ping");
        },
    );
}

#[test]
fn a_switch_that_was_not_asked_for_is_a_fault() {
    let error = play(
        1,
        |mut wire| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n").await;
            wire.read_until(|_| false).await;
        },
        |_, connection| async move { connection.send(get(), Body::empty()).await.unwrap_err().error },
    );
    assert!(matches!(error.kind(), Kind::Peer(Fault::SwitchNotAsked)), "{error:?}");
}

#[test]
fn a_refused_connect_is_a_response() {
    play(
        1,
        |mut wire| async move {
            wire.read_head().await;
            wire.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
            wire.read_until(|_| false).await;
        },
        |_, connection| async move {
            let head = RequestHead::new(Method::CONNECT, Target::try_from("example.com:443").unwrap());
            let mut response = connection.send(head, Body::empty()).await.unwrap();
            assert_eq!(body(&mut response).await.unwrap(), b"no");
            assert!(response.recover().is_some());
        },
    );
}
