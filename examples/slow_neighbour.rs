//! One slow handler and many fast ones on one event loop: who waits for whom?
//!
//! A handler that awaits holds up nobody, and neither does one that sends its work elsewhere. One that blocks holds up
//! everybody on its event loop, and the debug mode says which one it is.

mod common;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyloop::core::driver::{Peer, clock};
use anyloop::{Request, Router, Server, Service, SharedRuntime};

/// How long the slow handlers take.
const SLOW: Duration = Duration::from_millis(300);
/// How many fast requests are sent meanwhile, one after the other.
const FAST: usize = 100;

/// What the handlers share.
#[derive(Clone)]
struct State<R> {
    rt: R,
    /// Where the slow ones say that they begin.
    begins: Sender<()>,
}

async fn fast<R>(_: Request, _: State<R>) -> &'static str {
    "fast"
}

async fn waits<R: SharedRuntime>(_: Request, state: State<R>) -> &'static str {
    state.begin();
    state.rt.sleep(SLOW).await;
    "waited"
}

async fn elsewhere<R: SharedRuntime>(_: Request, state: State<R>) -> &'static str {
    state.begin();
    state.rt.unblock(|| thread::sleep(SLOW)).await.map_or("panicked", |()| "worked elsewhere")
}

async fn blocks<R: SharedRuntime>(_: Request, state: State<R>) -> &'static str {
    state.begin();
    thread::sleep(SLOW);
    "blocked"
}

impl<R> State<R> {
    fn begin(&self) {
        self.begins.send(()).unwrap_or_default();
    }
}

fn app<R: SharedRuntime>(rt: R, begins: Sender<()>) -> impl Service<Running: Send> + Send {
    Router::with_state(State { rt, begins })
        .get("/fast", fast)
        .get("/waits", waits)
        .get("/elsewhere", elsewhere)
        .get("/blocks", blocks)
}

fn main() -> io::Result<()> {
    let args = common::args()?;
    let server =
        Server::builder().workers(1).debug(|event| println!("debug: {event}")).bind(args.address(8888))?;
    let Peer::Tcp(address) = *server.local_addr() else { unreachable!("bound to TCP") };
    println!("listening on {address}");
    let (begins, began) = mpsc::channel();
    let serving = common::on_backend!(args.backend, R => {
        server.serve::<R, _, _>(move |rt: R| app(rt, begins.clone()))
    })?;
    for path in ["/waits", "/elsewhere", "/blocks"] {
        measure(address, path, &began)?;
    }
    serving.shutdown().announce();
    serving.wait_closed()
}

/// Prints how long the fast requests take while a slow one is answered.
fn measure(address: SocketAddr, path: &'static str, began: &Receiver<()>) -> io::Result<()> {
    let slow = thread::spawn(move || get(address, path));
    began.recv().map_err(io::Error::other)?;
    let mut fast = (0..FAST).map(|_| get(address, "/fast")).collect::<io::Result<Vec<_>>>()?;
    fast.sort();
    let slow = slow.join().map_err(|_| io::Error::other("the client panicked"))??;
    let (median, longest) = (fast[FAST / 2], fast[FAST - 1]);
    println!(
        "GET {path}: {slow:.1?}; {FAST} fast ones meanwhile: median {median:.1?}, longest {longest:.1?}"
    );
    Ok(())
}

/// Gets a page over a connection of its own and returns how long that took.
fn get(address: SocketAddr, path: &str) -> io::Result<Duration> {
    let start = clock::now().mono;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200 OK\r\n") {
        return Err(io::Error::other(answer));
    }
    Ok(clock::now().mono - start)
}
