//! Answers `pong` to whatever comes and closes the connection: the smallest server.
//!
//! ```text
//! cargo run --example pong
//! printf ping | nc 127.0.0.1 8888
//! ```

mod common;
#[allow(dead_code, reason = "the echo is for other programs")]
mod protocols;

use std::io;

use anyloop::core::driver::{Endpoints, Options, start_local};
use protocols::Pong;

fn main() -> io::Result<()> {
    let args = common::args()?;
    let bound = args.listen(8888)?;
    let make = |_: Endpoints| Pong;
    let serving = common::on_backend!(args.backend, R => {
        start_local::<R, _, _, _>(vec![bound], common::ONE, Options::default(), move |_: &R| make)
    })?;
    serving.wait_closed()
}
