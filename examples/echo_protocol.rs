//! Echoes by callbacks, as a protocol. The server closes with its first connection.
//!
//! ```text
//! cargo run --example echo_protocol
//! printf hello | nc -N 127.0.0.1 4242
//! ```

mod common;
#[allow(dead_code, reason = "the pong is for other programs")]
mod protocols;

use std::io;
use std::sync::mpsc;

use anyloop::core::driver::{Endpoints, Options, start_local};
use protocols::Echo;

fn main() -> io::Result<()> {
    let args = common::args()?;
    let bound = args.listen(4242)?;
    let (lost, losses) = mpsc::channel();
    let make = move |_: Endpoints| {
        let lost = lost.clone();
        Echo::new(move || lost.send(()).unwrap_or_default())
    };
    let serving = common::on_backend!(args.backend, R => {
        start_local::<R, _, _, _>(vec![bound], common::ONE, Options::default(), move |_: &R| make.clone())
    })?;
    losses.recv().map_err(io::Error::other)?;
    serving.shutdown().announce();
    serving.wait_closed()
}
