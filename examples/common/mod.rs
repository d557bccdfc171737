//! What the programs share: their options, and the choice of the event loop.

#![allow(dead_code, unused_imports, unused_macros, reason = "each program uses a part")]

use std::env;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use anyloop::core::driver::{BindOptions, Bound, ListenAddr, bind};

/// One worker: an event loop on a thread.
pub(crate) const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// The event loops to choose from.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Tokio,
    Smol,
    AsyncStd,
}

/// Runs the same expression with the runtime type of the backend that was chosen.
macro_rules! on_backend {
    ($backend:expr, $runtime:ident => $run:expr) => {
        match $backend {
            common::Backend::Tokio => {
                type $runtime = anyloop_tokio::Tokio;
                $run
            }
            common::Backend::Smol => {
                type $runtime = anyloop_smol::Smol;
                $run
            }
            common::Backend::AsyncStd => {
                type $runtime = anyloop_async_std::AsyncStd;
                $run
            }
        }
    };
}
pub(crate) use on_backend;

/// `[--port N] [--backend tokio|smol|async-std] [WORD…]`.
pub(crate) struct Args {
    port: Option<u16>,
    pub(crate) backend: Backend,
    pub(crate) words: Vec<String>,
}

pub(crate) fn args() -> io::Result<Args> {
    let mut args = Args { port: None, backend: Backend::Tokio, words: Vec::new() };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--port" => args.port = Some(words.next().unwrap_or_default().parse().map_err(invalid)?),
            "--backend" => args.backend = backend(&words.next().unwrap_or_default())?,
            option if option.starts_with('-') => return Err(invalid(format!("unknown option {option}"))),
            _ => args.words.push(word),
        }
    }
    Ok(args)
}

fn backend(name: &str) -> io::Result<Backend> {
    match name {
        "tokio" => Ok(Backend::Tokio),
        "smol" => Ok(Backend::Smol),
        "async-std" => Ok(Backend::AsyncStd),
        _ => Err(invalid("the backends are tokio, smol and async-std")),
    }
}

pub(crate) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

impl Args {
    pub(crate) fn address(&self, default_port: u16) -> SocketAddr {
        ([127, 0, 0, 1], self.port.unwrap_or(default_port)).into()
    }

    /// Listens on the port, and says so: connections wait until somebody accepts them.
    pub(crate) fn listen(&self, default_port: u16) -> io::Result<Bound> {
        let bound = bind(&ListenAddr::Tcp(self.address(default_port)), BindOptions::default())?;
        println!("listening on {}", bound.local_addr());
        Ok(bound)
    }
}
