//! The client against a server that misbehaves: one row a behaviour, and the one error that it is, on every event loop and
//! in both worker models. Whatever happens, nothing half-used is kept and the client goes on working.

#[allow(dead_code, reason = "shared with the conformance suite")]
#[path = "../conformance/harness.rs"]
mod harness;
mod row;
#[allow(dead_code, reason = "shared with the tests of the client")]
#[path = "../client/script.rs"]
mod script;
mod table;

use anyloop::Runtime;
use anyloop::client::{Cause, Client, Error, Phase, Proxies};
use anyloop_async_std::AsyncStd;
use anyloop_core::head::Method;
use anyloop_smol::Smol;
use anyloop_tokio::Tokio;

use self::row::{Act, Row, Seen};
use self::script::{Line, Scripted, ok};

/// The first request of a server is answered by the row, all others well.
fn hostile(row: &'static Row) -> Scripted {
    Scripted::start(move |_, line| serve(row, line))
}

fn serve(row: &'static Row, line: &mut Line) {
    while let Some(request) = line.request() {
        if !request.contains(" /hostile") {
            line.send(ok("good").as_bytes());
            continue;
        }
        line.send(row.before);
        row.act.run(line);
        return;
    }
}

/// Sends one request and reads its response to the end.
async fn ask<R: Runtime>(client: &Client<R>, row: &Row, method: Method, url: String) -> Seen {
    let mut request = client.request(method, url);
    for (name, value) in row.asks {
        request = request.header(*name, *value);
    }
    if method == Method::POST {
        request = request.body("x");
    }
    let result = async {
        let response = request.timeouts(row.times.timeouts()).send().await?;
        let status = response.status().code();
        Ok((status, response.text().await?))
    };
    result.await.map_err(Box::new)
}

/// Has a client meet the row with each method, on a new connection and on a used one; says what was wrong.
async fn try_row<R: Runtime>(rt: R, row: &'static Row, wrong: &mut Vec<String>) {
    let good = Scripted::answering(|_| ok("good"));
    let client = Client::builder(rt).proxies(Proxies::none()).build();
    for method in row.methods() {
        for used in [false, true] {
            let about =
                format!("{} after {method} on a {} connection", row.name, if used { "used" } else { "new" });
            let server = hostile(row);
            if used {
                let text = client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
                assert_eq!((text.as_str(), client.connections().total), ("good", 1), "{about}");
            }
            let seen = ask(&client, row, method, server.url("/hostile")).await;
            if let Err(seen) = row.judge(&seen, method) {
                wrong.push(format!("{about}: {seen}"));
            }
            let (total, idle) = (client.connections().total, client.connections().idle);
            if (total, idle) != (row.kept, row.kept) {
                wrong.push(format!("{about}: {total} connections are kept, {idle} of them idle"));
            }
            // The same server, on a new connection, and another one.
            for server in [&server, &good] {
                let text = client.get(server.url("/")).send().await.unwrap().text().await;
                assert_eq!(text.unwrap(), "good", "{about}");
            }
            let lines = server.lines();
            let begin = format!("{method} /hostile");
            let sights = lines.iter().filter(|(_, line)| line.starts_with(&begin)).count();
            assert!(sights == 1 || sights > 1 && method.is_idempotent(), "{about}: {lines:?}");
            // The next row begins without connections.
            forget(&client, &server).await;
            forget(&client, &good).await;
        }
    }
}

/// Has a server end the connection that is kept to it.
async fn forget<R: Runtime>(client: &Client<R>, server: &Scripted) {
    let request = client.get(server.url("/")).header("Connection", "close");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "good");
}

/// Makes a test of each group for each event loop and worker model.
macro_rules! groups {
    ($($name:ident $table:ident),* $(,)?) => {
        groups!(@backend on_tokio, Tokio; $($name $table),*);
        groups!(@backend on_smol, Smol; $($name $table),*);
        groups!(@backend on_async_std, AsyncStd; $($name $table),*);
    };
    (@backend $backend:ident, $rt:ty; $($name:ident $table:ident),*) => {
        mod $backend {
            use super::*;
            mod local {
                use super::*;
                $(#[test] fn $name() {
                    harness::run_local::<$rt, _>(|rt| rows(rt, table::$table));
                })*
                #[test] fn resets_at_accept() {
                    harness::run_local::<$rt, _>(reset_at_accept);
                }
                #[test] fn early_responses() {
                    harness::run_local::<$rt, _>(answer_early);
                }
                #[test] fn early_responses_unheard() {
                    harness::run_local::<$rt, _>(answer_early_unheard);
                }
            }
            mod shared {
                use super::*;
                $(#[test] fn $name() {
                    harness::run_shared::<$rt>(|rt| Box::pin(rows(rt, table::$table)));
                })*
                #[test] fn resets_at_accept() {
                    harness::run_shared::<$rt>(|rt| Box::pin(reset_at_accept(rt)));
                }
                #[test] fn early_responses() {
                    harness::run_shared::<$rt>(|rt| Box::pin(answer_early(rt)));
                }
                #[test] fn early_responses_unheard() {
                    harness::run_shared::<$rt>(|rt| Box::pin(answer_early_unheard(rt)));
                }
            }
        }
    };
}

groups! {
    cuts CUTS,
    heads HEADS,
    lengths LENGTHS,
    chunks CHUNKS,
    interims INTERIMS,
    times TIMES,
    redirects REDIRECTS,
    codings CODINGS,
}

async fn rows<R: Runtime>(rt: R, rows: &'static [Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        try_row(rt.clone(), row, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Servers that end each connection at once: the request fails before it is sent, or while it is waited for.
async fn reset_at_accept<R: Runtime>(rt: R) {
    for act in [Act::End, Act::Reset] {
        let server = Scripted::start(move |_, line| act.run(line));
        let client = Client::builder(rt.clone()).proxies(Proxies::none()).build();
        for method in [Method::GET, Method::POST] {
            let sent = client.request(method, server.url("/")).body("x").send().await;
            let error: Error = sent.map(drop).unwrap_err();
            assert!(matches!(error.phase(), Phase::Connect | Phase::Write | Phase::Head), "{error}");
            assert!(matches!(error.cause(), Cause::Closed | Cause::Io(_) | Cause::Unreachable(_)), "{error}");
            assert!(error.is_retry_safe() || method == Method::POST, "{error}");
            assert_eq!(client.connections().total, 0);
        }
        let good = Scripted::answering(|_| ok("good"));
        assert_eq!(client.get(good.url("/")).send().await.unwrap().text().await.unwrap(), "good");
    }
}

/// A response that is there before its request is none: on a connection that waits, it is found before anything is sent.
async fn answer_early<R: Runtime>(rt: R) {
    early(rt, EventLoop::Turns).await;
}

/// The same where the event loop had no time to hear of it.
async fn answer_early_unheard<R: Runtime>(rt: R) {
    early(rt, EventLoop::IsBlocked).await;
}

/// What the event loop does while the answer comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EventLoop {
    Turns,
    IsBlocked,
}

async fn early<R: Runtime>(rt: R, event_loop: EventLoop) {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let server = Scripted::start(move |number, line| {
        while line.request().is_some() {
            line.send(ok(&format!("{number}")).as_bytes());
            if number == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
                line.send(ok("evil").as_bytes());
                tell.lock().unwrap().send(()).unwrap();
                return line.wait_for_end();
            }
        }
    });
    let client = Client::builder(rt.clone()).proxies(Proxies::none()).build();
    for number in ["0", "1", "1"] {
        let text = client.post(server.url("/")).body("x").send().await.unwrap().text().await.unwrap();
        assert_eq!(text, number);
        if number == "0" {
            if event_loop == EventLoop::IsBlocked {
                told.recv().unwrap();
                continue;
            }
            while told.try_recv().is_err() {
                rt.sleep(std::time::Duration::from_millis(5)).await;
            }
            // The event loop turns at least once more, so that it hears of what has come.
            rt.sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    assert_eq!(server.seen().iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 1]);
}

#[test]
fn rows_have_names_of_their_own() {
    let mut names: Vec<_> = table::GROUPS
        .iter()
        .flat_map(|(group, rows)| rows.iter().map(move |row| (*group, row.name)))
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 60, "{count} rows");
}
