//! Requests per second and CPU per request of HTTP clients, each on one thread, all against one server process.
//!
//! Usage: `anyloop-peers-client [ROUNDS [MILLISECONDS [CONCURRENCY…]]]`. Prints a table for each concurrency.

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
    let mut numbers = args.iter().map(|word| word.parse::<usize>());
    let rounds = numbers.next().unwrap_or(Ok(9))?;
    let time = Duration::from_millis(numbers.next().unwrap_or(Ok(500))? as u64);
    let mut tasks = numbers.collect::<Result<Vec<_>, _>>()?;
    if tasks.is_empty() {
        tasks = vec![1, 64, 1000];
    }
    let (mut server, addr) = start()?;
    let result = tasks.into_iter().try_for_each(|tasks| compare(addr, tasks, rounds, time));
    server.kill()?;
    server.wait()?;
    result
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
fn compare(addr: SocketAddr, tasks: usize, rounds: usize, time: Duration) -> Result<(), Failure> {
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); ALL.len()];
    for round in 0..rounds {
        for at in 0..ALL.len() {
            let at = (at + round) % ALL.len();
            samples[at].push((ALL[at].1)(addr, tasks, time)?);
        }
    }
    let against = |at: usize, name: &str| {
        let other = ALL.iter().position(|(other, _)| *other == name).unwrap_or_default();
        median(samples[at].iter().zip(&samples[other]).map(|(one, other)| one.cpu / other.cpu))
    };
    println!("\n{tasks} at once, medians of {rounds} windows of {} ms\n", time.as_millis());
    println!("| client | requests/s | CPU, us/request | of reqwest | of hyper-util | of anyloop on tokio |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (at, (name, _)) in ALL.iter().enumerate() {
        println!(
            "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
            median(samples[at].iter().map(|sample| sample.per_second)),
            median(samples[at].iter().map(|sample| sample.cpu)),
            against(at, "reqwest"),
            against(at, "hyper-util"),
            against(at, "anyloop tokio"),
        );
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
