//! Connections that are used again, and how many there are.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyloop::Runtime;
use anyloop::client::{Client, Gather};

use crate::script::{Scripted, ok};

pub(crate) async fn connections_are_used_again<R: Runtime>(rt: R) {
    let server = Scripted::answering(|_| ok("text"));
    let client = Client::new(rt);
    for _ in 0..5 {
        assert_eq!(client.get(server.url("/")).send().await.unwrap().text().await.unwrap(), "text");
    }
    // What is left of a small response is there already: the connection is kept although nobody read it.
    let unread = client.get(server.url("/")).send().await.unwrap();
    drop(unread);
    client.get(server.url("/")).send().await.unwrap();
    assert!(server.seen().iter().all(|(number, _)| *number == 0), "{:?}", server.lines());
    // One that says that it closes is not.
    let server =
        Scripted::answering(|_| "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".into());
    for _ in 0..3 {
        client.get(server.url("/")).send().await.unwrap();
    }
    let numbers: Vec<_> = server.seen().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

pub(crate) async fn no_more_connections_than_the_cap<R: Runtime>(rt: R) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        Scripted::start(move |_, line| {
            while line.request().is_some() {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
                line.send(ok("x").as_bytes());
            }
        })
    };
    let client = Client::builder(rt.clone()).pool(|pool| pool.per_host = 3).build();
    let mut all = Gather::new(40, (0..40).map(|n| client.get(server.url(&format!("/{n}"))).send()));
    while let Some((_, response)) = all.next().await {
        assert_eq!(response.unwrap().text().await.unwrap(), "x");
    }
    assert!(most.load(Ordering::SeqCst) <= 3);
    assert_eq!((client.connections().total, client.connections().idle), (3, 3));
    // With one connection, they leave in the order they came in.
    let server = Scripted::answering(|_| ok("x"));
    let client = Client::builder(rt).pool(|pool| pool.per_host = 1).build();
    let mut all = Gather::new(20, (0..20).map(|n| client.get(server.url(&format!("/{n}"))).send()));
    while let Some((_, response)) = all.next().await {
        response.unwrap().bytes().await.unwrap();
    }
    let lines: Vec<_> = server.lines().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, (0..20).map(|n| format!("GET /{n} HTTP/1.1")).collect::<Vec<_>>());
}

pub(crate) async fn idle_connections_are_closed_by_whoever_maintains<R: Runtime>(rt: R) {
    let ended = Arc::new(AtomicUsize::new(0));
    let server = {
        let ended = Arc::clone(&ended);
        Scripted::start(move |_, line| {
            while line.request().is_some() {
                line.send(ok("x").as_bytes());
            }
            ended.fetch_add(1, Ordering::SeqCst);
        })
    };
    let client = Client::builder(rt.clone()).pool(|pool| pool.idle = Duration::from_millis(30)).build();
    let maintained = async {
        let maintain = client.maintain();
        let using = async {
            client.get(server.url("/")).send().await.unwrap().bytes().await.unwrap();
            assert_eq!(client.connections().idle, 1);
            while client.connections().total > 0 || ended.load(Ordering::SeqCst) == 0 {
                rt.sleep(Duration::from_millis(2)).await;
            }
        };
        both(maintain, using).await;
    };
    maintained.await;
    // It ends with its client.
    let maintain = client.maintain();
    drop(client);
    maintain.await;
}

/// Polls both until the second is done.
async fn both(first: impl Future<Output = ()>, second: impl Future<Output = ()>) {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    std::future::poll_fn(|cx| {
        assert!(first.as_mut().poll(cx).is_pending(), "it maintains as long as there is a client");
        second.as_mut().poll(cx)
    })
    .await;
}

pub(crate) async fn thousands_at_once_from_one_task<R: Runtime>(rt: R) {
    let server = Scripted::answering(|request| ok(request.split(' ').nth(1).unwrap()));
    let client = Client::new(rt);
    let requests = (0..2_000).map(|n| {
        let request = client.get(server.url(&format!("/{n}")));
        async move { request.send().await?.text().await }
    });
    let mut all = Gather::new(64, requests);
    let mut count = 0;
    while let Some((index, text)) = all.next().await {
        assert_eq!(text.unwrap(), format!("/{index}"));
        count += 1;
    }
    assert_eq!(count, 2_000);
    assert!(client.connections().total <= 64, "{client:?}");
    assert!(TcpStream::connect(server.address).is_ok());
}
