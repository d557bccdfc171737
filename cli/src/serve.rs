//! `anyloop serve`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyloop::core::driver::Peer;
use anyloop::tls::Acceptor;
use anyloop::{Builder, Scheme, Server};

use crate::args::ServeArgs;
use crate::backend;
use crate::listen::Listen;
use crate::secure::{Certificates, invalid};
use crate::signal::Signals;
use crate::site::Site;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> io::Result<ExitCode> {
    let backend = backend::find(args.backend.as_deref())?;
    let builder = builder(&args);
    let site = site(args.root, args.demo)?;
    let certificates = Certificates::new(args.tls)?;
    let (server, acceptor) = listen(builder, args.listen, &certificates)?;
    let signals = Signals::new()?;
    announce(&server, backend.name, &certificates);
    let serving = (backend.serve)(server, site)?;
    let forced = signals.end(serving.shutdown(), move || {
        if let Some(acceptor) = &acceptor {
            certificates.reload(acceptor);
        }
    })?;
    serving.wait_closed()?;
    Ok(ExitCode::from(forced.exit_code()))
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

/// Binds all addresses. Those that are to be secure share an acceptor.
fn listen(
    builder: Builder,
    addresses: Vec<Listen>,
    certificates: &Certificates,
) -> io::Result<(Server, Option<Acceptor>)> {
    let given = certificates.are_given();
    let mut acceptor = None;
    if given || addresses.iter().any(|listen| listen.scheme(given) == Scheme::Https) {
        if !given {
            return Err(invalid("https needs a certificate: --tls-cert and --tls-key, or --tls-self-signed"));
        }
        acceptor = Some(certificates.load()?.acceptor().map_err(invalid)?);
    }
    let mut addresses = addresses.into_iter();
    let first = addresses.next().ok_or_else(|| io::Error::other("no address to listen on"))?;
    let secure = |listen: &Listen| acceptor.as_ref().filter(|_| listen.scheme(given) == Scheme::Https);
    let server = match secure(&first) {
        Some(acceptor) => builder.bind_tls(first.address, acceptor),
        None => builder.bind(first.address),
    };
    let server = addresses.try_fold(server?, |server, listen| match secure(&listen) {
        Some(acceptor) => server.listen_tls(listen.address, acceptor),
        None => server.listen(listen.address),
    })?;
    Ok((server, acceptor))
}

/// Prints a line for each address. A reader who went away is no reason not to serve.
fn announce(server: &Server, backend: &str, certificates: &Certificates) {
    let mut out = io::stdout().lock();
    if let Some(fingerprint) = certificates.fingerprint() {
        let _ = writeln!(out, "certificate made for development, SHA-256 {fingerprint}");
    }
    for (address, scheme) in server.local_addrs().zip(server.schemes()) {
        let scheme = match (address, scheme) {
            (Peer::Tcp(_), scheme) => scheme.as_str().to_owned() + "://",
            (Peer::Unix(_), Scheme::Https) => "https over ".to_owned(),
            (Peer::Unix(_), Scheme::Http) => String::new(),
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
