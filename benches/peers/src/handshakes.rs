//! Loads a server with handshakes of TLS 1.3. Usage: `handshakes ADDRESS [--connections] [--threads] [--seconds] [--resume]`.
//!
//! Each connection is made, asks once for `/plaintext` with `Connection: close`, reads to `close_notify`, and is followed by
//! the next one. With `--resume` it presents a ticket of the one before. A handshake of the other kind counts as a wrong
//! answer, but for the first ones of `--resume`, that have nothing to resume. At the end one line is printed, the one that
//! `benches/load/wrk.lua` prints.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// One connection may take so long.
const HANG: Duration = Duration::from_secs(10);

/// Loads a server with handshakes of TLS 1.3.
#[derive(Clone, Copy, Parser)]
struct Args {
    server: SocketAddr,
    /// How many connections there are at a time
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Resume the session of the connection before
    #[arg(long)]
    resume: bool,
}

/// What some connections came to.
#[derive(Default)]
struct Tally {
    /// How long each took, in microseconds.
    took: Vec<u64>,
    bytes: usize,
    errors: usize,
    bad: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.bad += other.bad;
    }
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let start = Instant::now();
    let end = start + Duration::from_secs(args.seconds);
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..args.threads).map(|index| scope.spawn(move || load(args, index, end))).collect();
        for thread in threads {
            all.add(thread.join().map_err(|_| io::Error::other("a thread panicked"))??);
        }
        io::Result::Ok(())
    })?;
    let duration = start.elapsed().as_micros();
    all.took.sort_unstable();
    let at = |part: usize| {
        all.took.get((all.took.len() * part / 100).min(all.took.len().saturating_sub(1))).copied()
    };
    let [half, most, nearly_all, longest] = [50, 90, 99, 100].map(|part| at(part).unwrap_or(0));
    let mean = all.took.iter().sum::<u64>() / all.took.len().max(1) as u64;
    let (requests, bytes, errors, bad) = (all.took.len(), all.bytes, all.errors, all.bad);
    println!(
        "RESULT {duration} {requests} {bytes} {errors} {bad} {half} {most} {nearly_all} {longest} {mean}"
    );
    Ok(())
}

/// The share of one thread.
fn load(args: Args, index: usize, end: Instant) -> io::Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let count = args.connections / args.threads + usize::from(index < args.connections % args.threads);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tasks = Vec::new();
        for _ in 0..count {
            // Sessions of its own, so that a ticket is there whenever a connection has ended.
            let config = config(&provider, args.resume).map_err(io::Error::other)?;
            tasks.push(tokio::spawn(one_after_the_other(args, TlsConnector::from(Arc::new(config)), end)));
        }
        let mut all = Tally::default();
        for task in tasks {
            all.add(task.await?);
        }
        Ok(all)
    })
}

fn config(provider: &Arc<CryptoProvider>, resume: bool) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(Arc::clone(provider))))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = if resume { Resumption::in_memory_sessions(1) } else { Resumption::disabled() };
    Ok(config)
}

async fn one_after_the_other(args: Args, connector: TlsConnector, end: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut answer = Vec::new();
    let mut wanted = HandshakeKind::Full;
    while Instant::now() < end {
        let start = Instant::now();
        answer.clear();
        match tokio::time::timeout(HANG, connection(args.server, &connector, &mut answer)).await {
            Ok(Ok(kind)) => {
                tally.took.push(start.elapsed().as_micros() as u64);
                tally.bytes += answer.len();
                let right = kind == Some(wanted)
                    && answer.starts_with(b"HTTP/1.1 200 ")
                    && answer.ends_with(b"Hello, World!");
                tally.bad += usize::from(!right);
                if args.resume {
                    wanted = HandshakeKind::Resumed;
                }
            }
            Ok(Err(_)) | Err(_) => tally.errors += 1,
        }
    }
    tally
}

/// One connection, from first to last.
async fn connection(
    server: SocketAddr,
    connector: &TlsConnector,
    answer: &mut Vec<u8>,
) -> io::Result<Option<HandshakeKind>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut stream = connector.connect(ServerName::from(server.ip()), stream).await?;
    stream.write_all(REQUEST).await?;
    stream.flush().await?;
    stream.read_to_end(answer).await?;
    Ok(stream.get_ref().1.handshake_kind())
}

/// Believes every certificate: what it would cost to judge them is no matter of the server.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
