//! Whole exchanges.

use anyloop_core::body::Body;
use anyloop_core::head::Method;

use crate::world::{body, get, play, request};

#[test]
fn two_exchanges_on_one_connection() {
    for seed in 0..20 {
        play(
            seed,
            |mut wire| async move {
                let head = wire.read_head().await;
                assert_eq!(head, b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n");
                wire.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
                let head = wire.read_until(|bytes| bytes.ends_with(b"ping")).await;
                assert!(head.ends_with(b"content-length: 4\r\n\r\nping"));
                wire.write(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
                )
                .await;
            },
            |_, connection| async move {
                let mut response = connection.send(get(), Body::empty()).await.unwrap();
                assert_eq!(response.head().status.code(), 200);
                assert_eq!(body(&mut response).await.unwrap(), b"hello");
                let connection = response.recover().expect("whole and kept");
                let post = request(Method::POST, "/x");
                let mut response = connection.send(post, Body::from("ping")).await.unwrap();
                assert_eq!(body(&mut response).await.unwrap(), b"abc");
                assert_eq!(response.trailers().unwrap().get("x"), Some(&b"y"[..]));
            },
        );
    }
}
