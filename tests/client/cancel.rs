//! Dropping a request at any point.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyloop::Runtime;
use anyloop::client::{Client, Error};

use crate::script::Scripted;

/// Polls a future so many times, and drops it if it is not done by then.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Answers in many small pieces, so that there are many points to stop at.
fn dribbling() -> Scripted {
    Scripted::start(|_, line| {
        while let Some(request) = line.request() {
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = path.repeat(4);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            for piece in answer.as_bytes().chunks(answer.len() / 6) {
                line.send(piece);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    })
}

async fn fetch<R: Runtime>(client: &Client<R>, url: String) -> Result<String, Error> {
    client.post(url).body("a body").send().await?.text().await
}

pub(crate) async fn a_request_dropped_at_any_point_leaves_nothing_half_used<R: Runtime>(rt: R) {
    let server = dribbling();
    let client = Client::builder(rt).pool(|pool| pool.per_host = 1).build();
    let mut done = 0;
    for times in 0..200 {
        let cut = polled(times, fetch(&client, server.url(&format!("/cut-{times}-")))).await;
        if let Some(text) = cut {
            assert_eq!(text.unwrap(), format!("/cut-{times}-").repeat(4));
            done += 1;
        }
        // The only place is free again, and what it has is not the answer to something else.
        let text = fetch(&client, server.url(&format!("/whole-{times}-"))).await.unwrap();
        assert_eq!(text, format!("/whole-{times}-").repeat(4));
        assert_eq!((client.connections().total, client.connections().idle), (1, 1), "{times}");
        if done == 3 {
            break;
        }
    }
    assert_eq!(done, 3, "a request takes fewer polls than that");
    let seen = server.lines().iter().filter(|(_, line)| line.contains("/cut-")).count();
    assert!(seen > 3, "some were dropped after they had left");
}

pub(crate) async fn a_waiter_that_is_dropped_hands_on<R: Runtime>(rt: R) {
    let server = dribbling();
    let client = Client::builder(rt).pool(|pool| pool.per_host = 1).build();
    let first = client.get(server.url("/a")).send().await.unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(fetch(&client, server.url("/b")))).collect();
    std::future::poll_fn(|cx| {
        assert!(waiting.iter_mut().all(|waiting| waiting.as_mut().poll(cx).is_pending()));
        Poll::Ready(())
    })
    .await;
    drop(waiting.remove(0));
    first.bytes().await.unwrap();
    // The connection was handed to the first of them, which is dropped before it looks.
    drop(waiting.remove(0));
    assert_eq!(waiting.remove(0).await.unwrap(), "/b/b/b/b");
    assert_eq!(server.seen().iter().map(|(number, _)| *number).max(), Some(0));
}
