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
    };
    result.unwrap_or_else(|error| {
        eprintln!("anyloop: {error}");
        ExitCode::FAILURE
    })
}

/// Says what is wrong with the arguments: in one line where a value is not understood, else with the usage.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.kind() != ErrorKind::ValueValidation {
        error.exit();
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    eprintln!("anyloop: {}", line.strip_prefix("error: ").unwrap_or(line));
    ExitCode::from(2)
}
