//! How many instructions a piece of work takes, as callgrind counts them: a check of speed without noise.
//!
//! `cargo bench --bench instructions` compares with `baseline.toml` beside this file and fails where a count has grown by
//! more than 3 %, with the compiler and the target of the baseline; `-- --record` writes it anew. Another compiler makes
//! other instructions: its counts are added to the file, with a warning. Whatever the baseline, the laws of growth
//! hold: routes cost nothing, and fields and pieces of a head cost the same each.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

mod baseline;
mod workloads;

use baseline::Baseline;
use workloads::{WORKLOADS, Workload};

/// By how much a count may grow.
const TOLERANCE: f64 = 0.03;

/// Instructions of one round, by name of the workload.
type Counts = BTreeMap<String, u64>;

/// How the cost of a workload may grow beside that of others.
enum Law {
    /// At most so many times the cost, and the names of the cheap and of the dear workload.
    Times(f64, &'static str, &'static str),
    /// Three workloads, of 1, 10 and 100 parts: a part costs hardly more among 100 than among 10.
    Linear(&'static str, &'static str, &'static str),
}

const LAWS: &[Law] = &[
    Law::Times(1.5, "route/1 route", "route/100 routes"),
    Law::Times(2.0, "route/1 route", "route/10000 routes"),
    Law::Linear("scale/head of 1 field", "scale/head of 10 fields", "scale/head of 100 fields"),
    Law::Times(2.2, "scale/head of 512 bytes, by bytes", "scale/head of 1 KiB, by bytes"),
    Law::Times(2.2, "scale/head of 1 KiB, by bytes", "scale/head of 2 KiB, by bytes"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--work", name, rounds] => {
            let workload = WORKLOADS.iter().find(|workload| workload.name == name).expect("a workload");
            workload.run(rounds.parse().expect("a number"));
            ExitCode::SUCCESS
        }
        ["--test"] => {
            WORKLOADS.iter().for_each(|workload| workload.run(2));
            println!("{} workloads work", WORKLOADS.len());
            ExitCode::SUCCESS
        }
        [] | ["--record"] => match Command::new("valgrind").arg("--version").output() {
            Ok(_) => report(&measure(), arguments == ["--record"]),
            Err(error) => {
                println!("SKIPPED: no valgrind: {error}");
                ExitCode::SUCCESS
            }
        },
        _ => {
            println!("nothing is counted: these options are of other benchmarks");
            ExitCode::SUCCESS
        }
    }
}

fn measure() -> Counts {
    let count = |workload: &Workload| {
        let few = count(workload.name, workload.rounds).expect("valgrind counts");
        let many = count(workload.name, 3 * workload.rounds).expect("valgrind counts");
        // What a process does once is in both.
        (workload.name.to_owned(), (many - few) / (2 * u64::from(workload.rounds)))
    };
    WORKLOADS.iter().map(count).collect()
}

/// Counts the instructions of a process that does so many rounds.
fn count(name: &str, rounds: u32) -> io::Result<u64> {
    let path = env::var_os("PATH").unwrap_or_default();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--work", name, &rounds.to_string()])
        // The environment lies on the stack, whose place should always be the same.
        .env_clear()
        .env("PATH", path)
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let counted =
        text.lines().find_map(|line| line.split_once("Collected :")).filter(|_| output.status.success());
    let counted = counted.and_then(|(_, number)| number.trim().parse().ok());
    counted.ok_or_else(|| io::Error::other(format!("{name}: {text}")))
}

fn report(counts: &Counts, record: bool) -> ExitCode {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline.toml");
    let key = baseline::key();
    let mut baseline = Baseline::parse(&fs::read_to_string(file).unwrap_or_default());
    let known = baseline.counts(&key);
    println!("{key}");
    let mut bad = 0;
    for (name, count) in counts {
        let change = known.and_then(|known| known.get(name)).map(|old| *count as f64 / *old as f64 - 1.0);
        let verdict = match change {
            None => "new".to_owned(),
            Some(change) if change > TOLERANCE && !record => {
                bad += 1;
                format!("{:+.1} %: MORE THAN {:.0} %", change * 100.0, TOLERANCE * 100.0)
            }
            Some(change) => format!("{:+.1} %", change * 100.0),
        };
        println!("{name:36} {count:9} instructions  {verdict}");
    }
    for law in LAWS {
        if let Err(breach) = law.check(counts) {
            bad += 1;
            println!("BROKEN: {breach}");
        }
    }
    let is_complete = known.is_some_and(|known| counts.keys().all(|name| known.contains_key(name)));
    if record || !is_complete {
        if !record {
            println!(
                "WARNING: no baseline of this compiler and target for all of it; the counts are recorded in {file}"
            );
        }
        baseline.merge(&key, counts, record);
        fs::write(file, baseline.to_string()).expect("a file that can be written");
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Law {
    /// # Errors
    ///
    /// What the counts say against it.
    fn check(&self, counts: &Counts) -> Result<(), String> {
        let cost = |name: &str| counts[name] as f64;
        match self {
            Self::Times(most, cheap, dear) => {
                let times = cost(dear) / cost(cheap);
                println!("{dear}: {times:.2} times {cheap}, at most {most}");
                if times <= *most { Ok(()) } else { Err(format!("{dear} costs {times:.2} times {cheap}")) }
            }
            Self::Linear(one, ten, hundred) => {
                let (few, many) = ((cost(ten) - cost(one)) / 9.0, (cost(hundred) - cost(ten)) / 90.0);
                println!("{hundred}: {many:.0} instructions each, {few:.0} among 10, at most a quarter more");
                if many <= few * 1.25 {
                    Ok(())
                } else {
                    Err(format!("{hundred}: {many:.0} each, {few:.0} among 10"))
                }
            }
        }
    }
}
