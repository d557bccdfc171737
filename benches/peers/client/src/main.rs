//! Requests per second and CPU per request of HTTP clients, each on one thread, all against one server process.
//!
//! Usage: `anyloop-peers-client [ROUNDS [MILLISECONDS [CONCURRENCY…]]] [CLIENT…] [ADDRESS]`, in any order. Prints a table for
//! each concurrency. With names, only clients whose names contain one of them run; with an address, the server is the one
//! that `anyloop-peers-client serve` started there, so that a tool which counts sees the client alone.

#![forbid(unsafe_code)]

mod clients;
mod serve;
mod window;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clients::ALL;
use window::{Failure, Sample};

/// Threads of the server.
const THREADS: usize = 2;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "serve") {
        return Ok(serve::serve(THREADS)?);
    }
    let wanted = Wanted::from(&args);
    if let Some(addr) = wanted.addr {
        return wanted.compare(addr);
    }
    let (mut server, addr) = start()?;
    let result = wanted.compare(addr);
    server.kill()?;
    server.wait()?;
    result
}

/// What the arguments ask for.
struct Wanted {
    rounds: usize,
    time: Duration,
    tasks: Vec<usize>,
    clients: Vec<(&'static str, clients::Run)>,
    addr: Option<SocketAddr>,
}

impl Wanted {
    fn from(args: &[String]) -> Self {
        let (mut numbers, mut names, mut addr) = (Vec::new(), Vec::new(), None);
        for word in args {
            match (word.parse::<usize>(), word.parse::<SocketAddr>()) {
                (Ok(number), _) => numbers.push(number),
                (_, Ok(given)) => addr = Some(given),
                _ => names.push(word.as_str()),
            }
        }
        let mut numbers = numbers.into_iter();
        let rounds = numbers.next().unwrap_or(9);
        let time = Duration::from_millis(numbers.next().unwrap_or(500) as u64);
        let mut tasks: Vec<_> = numbers.collect();
        if tasks.is_empty() {
            tasks = vec![1, 64, 1000];
        }
        let named = |client: &str| names.is_empty() || names.iter().any(|name| client.contains(name));
        let clients = ALL.into_iter().filter(|(client, _)| named(client)).collect();
        Self { rounds, time, tasks, clients, addr }
    }

    fn compare(&self, addr: SocketAddr) -> Result<(), Failure> {
        self.tasks.iter().try_for_each(|&tasks| compare(addr, tasks, self.rounds, self.time, &self.clients))
    }
}

fn start() -> Result<(Child, SocketAddr), Failure> {
    let mut server = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    if let Some(output) = server.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    Ok((server, line.trim().parse()?))
}

/// Runs each client in turn, round by round, so that whatever else the machine does meets all of them.
fn compare(
    addr: SocketAddr,
    tasks: usize,
    rounds: usize,
    time: Duration,
    clients: &[(&str, clients::Run)],
) -> Result<(), Failure> {
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); clients.len()];
    for round in 0..rounds {
        for at in 0..clients.len() {
            let at = (at + round) % clients.len();
            samples[at].push((clients[at].1)(addr, tasks, time)?);
        }
    }
    let against = |at: usize, name: &str| {
        let other = clients.iter().position(|(other, _)| *other == name)?;
        let ratios = samples[at].iter().zip(&samples[other]).map(|(one, other)| one.cpu / other.cpu);
        Some(format!("{:.2}", median(ratios)))
    };
    let shown = |at, name| against(at, name).unwrap_or_else(|| "-".into());
    println!("\n{tasks} at once, medians of {rounds} windows of {} ms\n", time.as_millis());
    println!("| client | requests/s | CPU, us/request | of reqwest | of hyper-util | of anyloop on tokio |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (at, (name, _)) in clients.iter().enumerate() {
        println!(
            "| {name} | {:.0} | {:.2} | {} | {} | {} |",
            median(samples[at].iter().map(|sample| sample.per_second)),
            median(samples[at].iter().map(|sample| sample.cpu)),
            shown(at, "reqwest"),
            shown(at, "hyper-util"),
            shown(at, "anyloop tokio"),
        );
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
