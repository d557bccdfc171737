//! The program `anyloop`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(any(feature = "tokio", feature = "smol", feature = "async-std")),
    allow(dead_code, reason = "without an event loop nothing is served; the program says so")
)]

mod args;
mod backend;
mod demo;
mod flag;
mod get;
mod listen;
mod secure;
mod serve;
mod signal;
mod site;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;
use clap::error::ErrorKind;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let result = match args.command {
        Command::Serve(args) => serve::run(*args),
        Command::Get(args) => get::run(*args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("anyloop: {error}");
        ExitCode::FAILURE
    })
}

/// Says in one line what is wrong with the arguments. Help and the version, which come the same way, are printed.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    eprintln!("anyloop: {}", in_one_line(&error.to_string()));
    ExitCode::from(2)
}

/// Joins what stands before the usage, the tips behind a semicolon each.
fn in_one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut line = String::new();
    for part in text.lines().map(str::trim).take_while(|part| !part.starts_with("Usage:")) {
        if part.is_empty() || part.starts_with("For more information") {
            continue;
        }
        let (between, part) = part.strip_prefix("tip: ").map_or((" ", part), |tip| ("; ", tip));
        if !line.is_empty() {
            line.push_str(between);
        }
        line.push_str(part);
    }
    line
}
