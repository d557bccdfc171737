//! Connections of the client over TLS: what comes while they rest, how they break, and what is sent again.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyloop::client::{Cause, Phase};
use anyloop::{Method, Runtime};

use super::origin::{Line, Origin};

/// Sends a request, lets the server act upon the connection that rests then, and sends another. Returns on which
/// connections they were seen.
async fn twice<R: Runtime>(rt: &R, act: impl Fn(&mut Line) + Send + Sync + 'static) -> Vec<usize> {
    let (rests, is_resting) = channel();
    let (done, is_done) = channel();
    let signals = Mutex::new((is_resting, done));
    let origin = Origin::start(move |line| {
        while line.request().is_some() {
            line.answer();
            if line.number == 0 && line.requests() == 1 {
                let (is_resting, done) = &*signals.lock().unwrap();
                is_resting.recv().unwrap();
                act(line);
                done.send(()).unwrap();
            }
        }
    });
    let client = origin.client(rt);
    client.get(origin.url("/first")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(client.connections().idle, 1);
    rests.send(()).unwrap();
    rt.unblock(move || is_done.recv().unwrap()).await.unwrap();
    // Longer than a connection counts as fresh, and the event loop hears of what came.
    rt.sleep(Duration::from_millis(20)).await;
    let answer = client.request(Method::POST, origin.url("/second")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "fine");
    origin.seen().into_iter().map(|(number, _)| number).collect()
}

pub(crate) async fn what_tls_says_on_a_resting_connection_is_taken<R: Runtime>(rt: R) {
    // Nothing; new keys, which the client answers with its own; and so often.
    assert_eq!(twice(&rt, |_| {}).await, [0, 0]);
    assert_eq!(twice(&rt, Line::new_keys).await, [0, 0]);
    let often = |line: &mut Line| (0..5).for_each(|_| line.new_keys());
    assert_eq!(twice(&rt, often).await, [0, 0]);
}

pub(crate) async fn a_resting_connection_that_ended_or_spoke_is_replaced<R: Runtime>(rt: R) {
    // Not even a POST fails: no byte of it left.
    let ends: [fn(&mut Line); 6] = [
        Line::cut,
        Line::notice,
        |line| {
            line.notice();
            line.cut();
        },
        |line| {
            line.new_keys();
            line.cut();
        },
        |line| {
            line.new_keys();
            line.notice();
        },
        |line| line.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        assert_eq!(twice(&rt, end).await, [0, 1], "{number}");
    }
}

pub(crate) async fn a_body_up_to_the_end_is_whole_only_with_a_notice<R: Runtime>(rt: R) {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    for body in ["", "some", &"much ".repeat(20_000)] {
        let text = format!("{HEAD}{body}");
        for is_notified in [true, false] {
            let text = text.clone();
            let origin = Origin::start(move |line| {
                line.request();
                line.send(&text);
                if is_notified {
                    line.notice();
                }
                line.cut();
                // Until the client has read all.
                let _gone = line.stream.sock.read(&mut [0; 64]);
            });
            let client = origin.client(&rt);
            let result = match client.get(origin.url("/")).send().await {
                Ok(response) => response.text().await,
                Err(error) => Err(error),
            };
            let what = format!("{} bytes, notified: {is_notified}", body.len());
            match result {
                Ok(text) => assert!(is_notified && text == body, "{what}: {}", text.len()),
                Err(error) => {
                    assert!(!is_notified, "{what}: {error}");
                    assert_eq!(error.phase(), Phase::Body, "{what}: {error}");
                    assert!(matches!(error.cause(), Cause::Protocol(_)), "{what}: {error}");
                }
            }
            assert_eq!(origin.connections(), 1, "{what}: nothing is asked for twice");
        }
    }
}

pub(crate) async fn a_handshake_that_breaks_leaves_the_request_unsent<R: Runtime>(rt: R) {
    let breaks: [fn(&mut Line); 4] = [
        // At once; after the hello; after an answer to it that is not whole; with an alert.
        |_| {},
        |line| {
            line.stream.sock.read_exact(&mut [0; 16]).unwrap();
        },
        |line| {
            line.stream.conn.read_tls(&mut line.stream.sock).unwrap();
            line.stream.conn.process_new_packets().unwrap();
            let mut flight = Vec::new();
            line.stream.conn.write_tls(&mut flight).unwrap();
            line.stream.sock.write_all(&flight[..flight.len() / 2]).unwrap();
        },
        |line| {
            line.stream.sock.read_exact(&mut [0; 16]).unwrap();
            line.stream.sock.write_all(&[21, 3, 3, 0, 2, 2, 80]).unwrap();
        },
    ];
    for (number, end) in breaks.into_iter().enumerate() {
        let origin = Origin::start(end);
        let client = origin.client(&rt);
        for (count, method) in [Method::GET, Method::POST].into_iter().enumerate() {
            let error = client.request(method, origin.url("/")).send().await.unwrap_err();
            assert_eq!(error.phase(), Phase::Tls, "{number}: {error}");
            assert!(error.is_retry_safe(), "{number}, {method}: {error}");
            assert_eq!(origin.connections(), count + 1, "{number}: a new connection is not tried twice");
        }
        assert_eq!((origin.seen().len(), client.connections().total), (0, 0));
    }
    // The handshake is done: the request may have been seen.
    let origin = Origin::start(|line| {
        line.request();
    });
    let client = origin.client(&rt);
    for (method, is_safe) in [(Method::GET, true), (Method::POST, false)] {
        let error = client.request(method, origin.url("/")).send().await.unwrap_err();
        assert_eq!(error.is_retry_safe(), is_safe, "{method}: {error}");
    }
    assert_eq!(origin.seen().len(), 2);
    // A connection that was kept is over, and the one in its place breaks in its handshake: that is the end of it.
    let (done, is_done) = channel();
    let done = Mutex::new(done);
    let origin = Origin::start(move |line| {
        if line.number == 0 && line.request().is_some() {
            line.answer();
            line.cut();
            done.lock().unwrap().send(()).unwrap();
        }
    });
    let client = origin.client(&rt);
    client.get(origin.url("/")).send().await.unwrap().bytes().await.unwrap();
    rt.unblock(move || is_done.recv().unwrap()).await.unwrap();
    rt.sleep(Duration::from_millis(20)).await;
    let error = client.post(origin.url("/")).send().await.unwrap_err();
    assert!(error.phase() == Phase::Tls && error.is_retry_safe(), "{error}");
    assert_eq!(origin.connections(), 2);
}
