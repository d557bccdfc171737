//! `anyloop serve`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyloop::core::driver::{ListenAddr, Peer};
use anyloop::{Builder, Server};

use crate::args::ServeArgs;
use crate::backend;
use crate::signal::Signals;
use crate::site::Site;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> io::Result<ExitCode> {
    let backend = args.backend.as_deref().and_then(backend::find).ok_or_else(no_backend)?;
    let builder = builder(&args);
    let site = site(args.root, args.demo)?;
    let server = listen(builder, args.listen)?;
    let signals = Signals::new()?;
    announce(&server, backend.name);
    let serving = (backend.serve)(server, site)?;
    let forced = signals.end(serving.shutdown())?;
    serving.wait_closed()?;
    Ok(ExitCode::from(forced.exit_code()))
}

fn no_backend() -> io::Error {
    io::Error::other("built without an event loop; build with --features tokio, smol or async-std")
}

fn builder(args: &ServeArgs) -> Builder {
    let builder = Server::builder()
        .workers(args.workers.map_or(0, Into::into))
        .model(args.model)
        .limits(|limits| args.limits.apply(limits))
        .timeouts(|timeouts| args.timeouts.apply(timeouts));
    if args.debug || env::var_os("ANYLOOP_DEBUG").is_some_and(|value| value == "1") {
        builder.debug(|event| eprintln!("anyloop: {event}"))
    } else {
        builder
    }
}

fn site(root: Option<PathBuf>, demo: bool) -> io::Result<Site> {
    let Some(root) = root else { return Ok(Site::Demo) };
    check_directory(&root)?;
    Ok(if demo { Site::DemoAndFiles(root) } else { Site::Files(root) })
}

fn check_directory(root: &Path) -> io::Result<()> {
    let refuse = |kind, text: String| Err(io::Error::new(kind, text));
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => refuse(io::ErrorKind::NotADirectory, format!("not a directory: {}", root.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse(error.kind(), format!("no such directory: {}", root.display()))
        }
        Err(error) => refuse(error.kind(), format!("{}: {error}", root.display())),
    }
}

fn listen(builder: Builder, addresses: Vec<ListenAddr>) -> io::Result<Server> {
    let mut addresses = addresses.into_iter();
    let first = addresses.next().ok_or_else(|| io::Error::other("no address to listen on"))?;
    addresses.try_fold(builder.bind(first)?, Server::listen)
}

/// Prints a line for each address. A reader who went away is no reason not to serve.
fn announce(server: &Server, backend: &str) {
    let mut out = io::stdout().lock();
    for address in server.local_addrs() {
        let scheme = match address {
            Peer::Tcp(_) => "http://",
            Peer::Unix(_) => "",
        };
        let workers = server.workers();
        let noun = if workers.get() == 1 { "worker" } else { "workers" };
        let model = server.model();
        let _ = writeln!(
            out,
            "listening on {scheme}{address} (backend {backend}, model {model}, {workers} {noun})"
        );
    }
    let _ = out.flush();
}
