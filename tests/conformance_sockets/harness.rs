//! Runs rows over sockets. The client knows answers; the handlers say what reached them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyloop_core::driver::{Peer, Spawn, Workers};
use anyloop_core::limits::Limits;
use anyloop_core::server::{Connection, Server};

use crate::client::{Client, Cut};
use crate::handler::{Reached, Witness};
use crate::row::{NEXT, SMUGGLED};
pub(crate) use crate::row::{Row, Verdict};

/// Connections at once.
const CLIENTS: usize = 16;

/// Checks every row on every backend.
pub(crate) fn check(rows: &[Row], limits: &Limits) {
    let wrong = [
        ("tokio", run::<anyloop_tokio::Tokio>(rows, limits)),
        ("smol", run::<anyloop_smol::Smol>(rows, limits)),
        ("async-std", run::<anyloop_async_std::AsyncStd>(rows, limits)),
    ];
    assert!(wrong.iter().all(|(_, wrong)| wrong.is_empty()), "{wrong:#?}");
}

/// Returns what is wrong with which row.
fn run<W: Workers>(rows: &[Row], limits: &Limits) -> Vec<String>
where
    W::Local: Spawn<Connection<Witness, W>>,
    W::Shared: Spawn<Connection<Witness, W>>,
{
    let witness = Witness::default();
    let server = Server::builder().workers(2).limits(|mine| mine.clone_from(limits));
    let server = server.bind("127.0.0.1:0").expect("a port");
    let &Peer::Tcp(address) = server.local_addr() else { unreachable!("bound to TCP") };
    let serving = server.serve::<W, _, _>(witness.clone()).expect("it starts");

    let jobs: Vec<_> =
        rows.iter().flat_map(|row| [Cut::Whole, Cut::InTwo, Cut::Bytes].map(|cut| (row, cut))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(&(row, cut)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = check_row(row, cut, address, &witness) {
                wrong.push(format!("{}, {cut:?}: {why}", row.0));
            }
        }
        wrong
    };
    let wrong = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("clients return errors")).collect()
    });
    serving.shutdown().announce();
    serving.wait_closed().expect("an end in order");
    wrong
}

/// What a row says of answers.
struct Expected {
    /// The requests that reach a handler whole.
    whole: Vec<String>,
    /// Heads, whether or not what follows them is whole.
    heads: usize,
}

impl Expected {
    fn new(events: &str) -> Self {
        let mut requests: Vec<String> = Vec::new();
        for event in events.split('|').filter(|event| !event.is_empty()) {
            match requests.last_mut() {
                Some(request) if event.starts_with('"') || event == "end" || event.starts_with("end ") => {
                    *request += "|";
                    *request += event;
                }
                _ => requests.push(event.to_owned()),
            }
        }
        let heads = requests.len();
        requests.retain(|request| request.ends_with(" empty") || request.contains("|end"));
        Self { whole: requests, heads }
    }

    /// What a handler answers to each whole request.
    fn statuses(&self) -> Vec<u16> {
        self.whole.iter().map(|request| if request.starts_with("CONNECT ") { 405 } else { 200 }).collect()
    }
}

fn check_row(row: &Row, cut: Cut, address: SocketAddr, witness: &Witness) -> Result<(), String> {
    let mut client = Client::connect(address).map_err(|error| error.to_string())?;
    let port = client.port().map_err(|error| error.to_string())?;
    let result = converse(&mut client, row, cut);
    let reached = witness.take(port);
    let expected = result.map_err(|why| format!("{why}; reached {reached:?}"))?;
    judge(&expected, &reached)
}

/// Sends the row and what follows it, and compares the answers with its verdict.
fn converse(client: &mut Client, (_, bytes, _, verdict): &Row, cut: Cut) -> Result<Expected, String> {
    let (events, fault) = match *verdict {
        Verdict::Accept(events) | Verdict::Close(events, _) => (events, None),
        Verdict::Reject(_, fault) => ("", Some(fault)),
        Verdict::RejectAfter(events, _, fault) | Verdict::Incomplete(events, fault) => (events, Some(fault)),
    };
    let mut expected = Expected::new(events);
    let mut statuses = expected.statuses();
    let say = |error: io::Error| format!("{error:?}");
    match verdict {
        Verdict::Accept(_) => {
            client.send(bytes, cut).map_err(say)?;
            client.answers(statuses.len()).map_err(say)?;
            client.send(NEXT, cut).map_err(say)?;
            client.answers(statuses.len() + 1).map_err(say)?;
            client.finish().map_err(say)?;
            statuses.push(200);
            expected.whole.push("GET /next empty".to_owned());
            expected.heads += 1;
        }
        Verdict::Incomplete(..) => {
            client.send(bytes, cut).map_err(say)?;
            client.finish().map_err(say)?;
        }
        // The server may be gone before the last byte is sent, but must not take its answer with it.
        Verdict::Close(..) | Verdict::Reject(..) | Verdict::RejectAfter(..) => {
            drop(client.send(&[bytes, SMUGGLED].concat(), cut));
        }
    }
    statuses.extend(fault.map(|fault| fault.status().code()));
    let answers = client.all_answers().map_err(say)?;
    let got: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    let closes: Vec<_> = answers.iter().map(|answer| answer.announces_close).collect();
    if got != statuses {
        return Err(format!("answers {got:?} instead of {statuses:?}"));
    }
    let announced = fault.is_some() || matches!(verdict, Verdict::Close(..));
    let wanted: Vec<_> = (1..=got.len()).map(|n| announced && n == got.len()).collect();
    if closes != wanted && !matches!(verdict, Verdict::Accept(_)) {
        return Err(format!("closes announced: {closes:?} instead of {wanted:?}"));
    }
    if let (Some(fault), Some(last)) = (fault, answers.last())
        && !last.body.contains(&fault.to_string())
    {
        return Err(format!("the answer says {:?} instead of {fault}", last.body));
    }
    Ok(expected)
}

fn judge(expected: &Expected, reached: &Reached) -> Result<(), String> {
    if reached.whole != expected.whole {
        return Err(format!("{reached:?} instead of {:?}", expected.whole));
    }
    // A request whose fault is known with its head need not reach a handler.
    let most = expected.heads;
    if !(expected.whole.len()..=most).contains(&reached.targets.len()) {
        return Err(format!("at most {most} requests may reach a handler: {reached:?}"));
    }
    if reached.targets.iter().any(|target| target.contains("smuggled")) {
        return Err(format!("a smuggled request: {reached:?}"));
    }
    Ok(())
}
