//! The routes of the benchmarks on other HTTP servers, and on bare epoll. Usage: `peers SERVER [--addr] [--threads] [--root]
//! [--tls-cert --tls-key]`.
//!
//! Each server has the routes of [`routes`], written as its documents write them, and its own default headers and settings
//! where none are named. It prints `listening on http://ADDRESS`, and serves until it is killed.

#![forbid(unsafe_code)]

mod actix;
mod anyloop;
mod axum;
mod hyper;
mod listen;
mod may;
mod ntex;
mod raw;
mod routes;
mod secure;
mod trillium;

use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use ::anyloop::Model;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};

use secure::TlsFlags;

/// The routes of the benchmarks on other HTTP servers, and on bare epoll.
#[derive(Parser)]
struct Args {
    /// Who serves
    server: Server,
    /// Where; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:0")]
    addr: SocketAddr,
    /// How many threads serve
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The files of this directory as well, where the server has files
    #[arg(long)]
    root: Option<PathBuf>,
    /// How anyloop spreads connections
    #[arg(long, default_value_t, value_parser = PossibleValuesParser::new(["per-core", "stealing"]).try_map(|text| text.parse::<Model>()))]
    model: Model,
    #[command(flatten)]
    tls: TlsFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum Server {
    /// epoll, canned answers, nothing checked: the limit
    Raw,
    /// hyper on tokio's runtime of several threads
    Hyper,
    /// hyper on a runtime of tokio for each thread
    HyperPerCore,
    /// hyper on smol's executor
    HyperSmol,
    Axum,
    Actix,
    Ntex,
    TrilliumTokio,
    TrilliumSmol,
    TrilliumAsyncStd,
    May,
    AnyloopTokio,
    AnyloopSmol,
    AnyloopAsyncStd,
}

impl Server {
    fn has_tls(self) -> bool {
        match self {
            Self::Hyper | Self::HyperPerCore | Self::Actix => true,
            Self::AnyloopTokio | Self::AnyloopSmol | Self::AnyloopAsyncStd => true,
            Self::Raw | Self::HyperSmol | Self::Axum | Self::Ntex | Self::May => false,
            Self::TrilliumTokio | Self::TrilliumSmol | Self::TrilliumAsyncStd => false,
        }
    }
}

/// Some runtimes take the number of their threads from the environment alone.
const THREADS: [&str; 4] =
    ["TOKIO_WORKER_THREADS", "ASYNC_GLOBAL_EXECUTOR_THREADS", "SMOL_THREADS", "ASYNC_STD_THREAD_COUNT"];

fn main() -> io::Result<()> {
    let args = Args::parse();
    let threads = args.threads.to_string();
    if THREADS.iter().any(|name| std::env::var(name).as_ref() != Ok(&threads)) {
        let again = THREADS.map(|name| (name, &threads));
        return Err(Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .envs(again)
            .exec());
    }
    let Args { server, addr, threads, root, model, tls } = args;
    let tls = tls.config()?;
    if tls.is_some() && !server.has_tls() {
        return Err(io::Error::other("it has no TLS here"));
    }
    match server {
        Server::Raw => raw::serve(addr, threads),
        Server::Hyper => hyper::stealing(addr, threads, tls),
        Server::HyperPerCore => hyper::per_core(addr, threads, tls),
        Server::HyperSmol => hyper::smol(addr, threads),
        Server::Axum => axum::serve(addr, threads, root),
        Server::Actix => actix::serve(addr, threads, root, tls),
        Server::Ntex => ntex::serve(addr, threads),
        Server::TrilliumTokio => trillium::tokio(addr),
        Server::TrilliumSmol => trillium::smol(addr),
        Server::TrilliumAsyncStd => trillium::async_std(addr),
        Server::May => may::serve(addr, threads),
        Server::AnyloopTokio => {
            anyloop::serve(addr, threads, model, tls, |server, app| ::anyloop::tokio::serve(server, app))
        }
        Server::AnyloopSmol => {
            anyloop::serve(addr, threads, model, tls, |server, app| ::anyloop::smol::serve(server, app))
        }
        Server::AnyloopAsyncStd => {
            anyloop::serve(addr, threads, model, tls, |server, app| ::anyloop::async_std::serve(server, app))
        }
    }
}
