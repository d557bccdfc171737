//! The same protocols on an event loop of its own, made of `poll(2)` and three maps: "when A happens, do B".
//!
//! `event_loop` waits, wakes and polls; `socket` and `runtime` tell anyloop how. Everything else is what the
//! well-known event loops run too: the same driver, accept loop and shutdown.
//!
//! ```text
//! cargo run --example mini_loop -- [--port N] [pong|echo|http]
//! ```

#[path = "../common/mod.rs"]
mod common;
mod event_loop;
#[path = "../protocols/mod.rs"]
mod protocols;
mod runtime;
mod socket;

use std::io;
use std::sync::{Arc, mpsc};

use anyloop::core::driver::{Bound, Endpoints, Options, Serving, start_local};
use anyloop::core::protocol::Protocol;
use anyloop::core::pump;
use anyloop::{Html, Request, Router};
use event_loop::EventLoop;
use protocols::{Echo, Pong};

fn main() -> io::Result<()> {
    let args = common::args()?;
    match args.words.first().map_or("pong", String::as_str) {
        "pong" => serve(args.listen(8888)?, |_| Pong)?.wait_closed(),
        "echo" => {
            let (lost, losses) = mpsc::channel();
            let serving = serve(args.listen(4242)?, move |_| {
                let lost = lost.clone();
                Echo::new(move || lost.send(()).unwrap_or_default())
            })?;
            losses.recv().map_err(io::Error::other)?;
            serving.shutdown().announce();
            serving.wait_closed()
        }
        "http" => {
            let app = Router::new().get("/", |_: Request| Html("<h1>my own event loop</h1>"));
            let config = Arc::new(pump::Config::default());
            let make =
                move |ends: Endpoints| pump::Server::new(app.clone(), config.clone(), ends.peer, ends.local);
            serve(args.listen(8888)?, make)?.wait_closed()
        }
        _ => Err(common::invalid("the protocols are pong, echo and http")),
    }
}

fn serve<P: Protocol + 'static>(
    bound: Bound,
    make: impl Fn(Endpoints) -> P + Clone + Send + 'static,
) -> io::Result<Serving> {
    start_local::<EventLoop, _, _, _>(vec![bound], common::ONE, Options::default(), move |_| make.clone())
}
