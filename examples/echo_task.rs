//! Echoes lines by an async function for each connection, and counts its clients until Ctrl-C.
//!
//! ```text
//! cargo run --example echo_task
//! nc 127.0.0.1 4242
//! ```

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyloop::core::driver::{Duplex, Endpoints, Options, Task, start_local};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

/// The longest line with its end, in bytes. A longer one ends the connection.
const LINE: usize = 8 * 1024;

async fn echo(mut stream: Duplex, clients: Arc<AtomicUsize>) -> io::Result<()> {
    clients.fetch_add(1, Ordering::Relaxed);
    while let Some(line) = stream.read_line(LINE).await? {
        println!("{line:?}");
        stream.write_all("echo:").await?;
        stream.write_all(line).await?;
        stream.write_all("\n").await?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let args = common::args()?;
    let mut ctrl_c = Signals::new([SIGINT])?;
    let bound = args.listen(4242)?;
    let clients = Arc::new(AtomicUsize::new(0));
    let served = clients.clone();
    let make = move |_: Endpoints| Task::new(|stream| echo(stream, clients.clone()));
    let serving = common::on_backend!(args.backend, R => {
        start_local::<R, _, _, _>(vec![bound], common::ONE, Options::default(), move |_: &R| make.clone())
    })?;
    ctrl_c.forever().next();
    serving.shutdown().announce();
    serving.wait_closed()?;
    println!("{} Clients Served", served.load(Ordering::Relaxed));
    Ok(())
}
