//! What is sent again, and what never is.

use std::time::Duration;

use anyloop::client::{Cause, Client, Error, Gather, Phase, RequestBuilder, Response};
use anyloop::{Body, Method, Runtime};

use crate::script::{Line, Scripted, ok};

fn stream() -> Body {
    Body::produce(|mut sink| async move { sink.send("streamed").await })
}

/// A server whose first connection answers one request, then does what `then` does; all others answer.
fn once_then(then: impl Fn(&mut Line) + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |number, line| {
        while line.request().is_some() {
            line.send(ok("fine").as_bytes());
            if number == 0 {
                return then(line);
            }
        }
    })
}

pub(crate) async fn a_connection_that_ended_meanwhile_is_replaced<R: Runtime>(rt: R) {
    // The end of the connection is there before the next request: the socket takes no byte of it.
    let methods = [(Method::GET, false), (Method::POST, false), (Method::POST, true), (Method::PUT, true)];
    for (method, is_stream) in methods {
        let (ended, is_ended) = std::sync::mpsc::channel();
        let server = once_then(move |line| {
            line.stream().shutdown(std::net::Shutdown::Both).unwrap();
            ended.send(()).unwrap();
        });
        let client = Client::new(rt.clone());
        client.get(server.url("/first")).send().await.unwrap().bytes().await.unwrap();
        rt.unblock(move || is_ended.recv().unwrap()).await.unwrap();
        // Whoever sleeps lets the event loop hear of the end.
        rt.sleep(Duration::from_millis(1)).await;
        let mut request = client.request(method, server.url("/second"));
        if is_stream {
            request = request.body(stream());
        }
        let text = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "fine");
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{method}: {seen:?}");
        assert_eq!((seen[1].0, seen[1].1.contains("streamed")), (1, is_stream));
    }
}

pub(crate) async fn what_may_have_been_seen_is_sent_again_only_if_idempotent<R: Runtime>(rt: R) {
    type Make<R> = fn(&Client<R>, String) -> RequestBuilder<R>;
    let table: [(&str, Make<R>, bool); 6] = [
        ("get", |client, url| client.get(url), true),
        ("put", |client, url| client.put(url).body("bytes"), true),
        ("delete", |client, url| client.delete(url), true),
        ("put of a stream", |client, url| client.put(url).body(stream()), false),
        ("post", |client, url| client.post(url).body("bytes"), false),
        ("patch", |client, url| client.patch(url).body("bytes"), false),
    ];
    for (name, make, is_retried) in table {
        // The first connection reads the second request whole and ends without a byte.
        let server = once_then(|line| {
            assert!(line.request().is_some(), "a second request");
        });
        let client = Client::new(rt.clone());
        client.get(server.url("/first")).send().await.unwrap().bytes().await.unwrap();
        let result = make(&client, server.url("/second")).send().await;
        let sights = server.lines().iter().filter(|(_, line)| line.contains("/second")).count();
        if is_retried {
            assert_eq!((result.unwrap().text().await.unwrap().as_str(), sights), ("fine", 2), "{name}");
        } else {
            let error = result.unwrap_err();
            assert_eq!((sights, error.phase()), (1, Phase::Head), "{name}: {error}");
            assert!(matches!(error.cause(), Cause::Closed | Cause::Io(_)), "{name}: {error}");
            assert_eq!(error.is_retry_safe(), name.starts_with("put"), "{name}");
        }
    }
    // A byte of a response came: nobody asks again.
    let server = once_then(|line| {
        line.request();
        line.send(b"H");
    });
    let client = Client::new(rt);
    client.get(server.url("/first")).send().await.unwrap().bytes().await.unwrap();
    let error = client.get(server.url("/second")).send().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Protocol(_)), "{error}");
    assert_eq!(server.seen().len(), 2);
}

pub(crate) async fn a_new_connection_is_not_tried_twice<R: Runtime>(rt: R) {
    let client = Client::new(rt);
    let server = Scripted::start(|_, line| {
        line.request();
    });
    let error = failure(client.get(server.url("/")).send().await);
    assert!(matches!(error.cause(), Cause::Closed | Cause::Io(_)), "{error}");
    assert_eq!((error.phase(), server.seen().len(), error.is_retry_safe()), (Phase::Head, 1, true));
    let error = failure(client.post(server.url("/")).send().await);
    assert_eq!((server.seen().len(), error.is_retry_safe()), (2, false));
    // Twice in a row is an error.
    let server = Scripted::start(|number, line| {
        line.request();
        if number == 0 {
            line.send(ok("").as_bytes());
            line.request();
        }
    });
    client.get(server.url("/")).send().await.unwrap();
    failure(client.get(server.url("/")).send().await);
    assert_eq!(server.seen().len(), 3);
    assert_eq!(client.connections().total, 0);
}

fn failure<R: Runtime>(result: Result<Response<R>, Error>) -> Error {
    match result {
        Ok(response) => panic!("{response:?}"),
        Err(error) => error,
    }
}

pub(crate) async fn closing_servers_lose_and_double_nothing<R: Runtime>(rt: R) {
    race(rt, 1_000).await;
}

/// Sends so many requests to a server that closes each connection after one to three answers, at whatever moment the next
/// request is on its way.
pub(crate) async fn race<R: Runtime>(rt: R, count: usize) {
    let server = Scripted::start(|number, line| {
        for _ in 0..=number % 3 {
            let Some(request) = line.request() else { return };
            line.send(ok(request.split(' ').nth(1).unwrap_or_default()).as_bytes());
        }
    });
    let client = Client::builder(rt).pool(|pool| pool.per_host = 8).build();
    let requests = (0..count).map(|n| {
        let method = if n % 2 == 0 { Method::GET } else { Method::POST };
        let request = client.request(method, server.url(&format!("/{n}/")));
        async move { request.send().await?.text().await }
    });
    let (mut answered, mut failed) = (vec![false; count], 0);
    let mut all = Gather::new(16, requests);
    while let Some((n, result)) = all.next().await {
        match result {
            Ok(text) => {
                assert_eq!(text, format!("/{n}/"));
                answered[n] = true;
            }
            Err(error) => {
                assert!(n % 2 == 1, "a GET failed: {error}");
                failed += 1;
            }
        }
    }
    let mut sights = vec![0; count];
    let lines = server.lines();
    for (_, line) in &lines {
        if let Some(n) = line.strip_prefix("POST /").and_then(|rest| rest.split('/').next()) {
            sights[n.parse::<usize>().unwrap()] += 1;
        }
    }
    for (n, answered) in answered.into_iter().enumerate().skip(1).step_by(2) {
        assert!(sights[n] <= 1, "POST {n} was seen {} times", sights[n]);
        assert!(!answered || sights[n] == 1, "POST {n} was answered by nobody");
    }
    let connections = lines.iter().map(|(number, _)| number).max().map_or(0, |most| most + 1);
    println!("{count} requests, {connections} connections, {} seen, {failed} POSTs failed", lines.len());
}
