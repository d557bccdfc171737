//! The program over https: `serve` with certificates from files, `get` with and without trust in them, on every event loop.
#![cfg(unix)]

#[path = "serve/program.rs"]
#[allow(dead_code, reason = "it is that of the tests of `serve`, which use all of it")]
mod program;
#[path = "get/run.rs"]
#[allow(dead_code, reason = "it is that of the tests of `get`, which use all of it")]
mod run;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use program::{BACKENDS, command};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use run::{Got, get};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::{TempDir, tempdir};

/// Files of an authority and of what it signed.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempdir().unwrap() };
        files.sign();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a new authority, and a server and a client that it signed.
    fn sign(&self) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, key.serialize_pem().get(80..90).unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(self.path("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        for (name, usage) in [
            ("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            fs::write(self.path(&format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem())
                .unwrap();
            fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
    }
}

/// A server. Killed when dropped.
struct Serving {
    child: Child,
    lines: Vec<String>,
    err: BufReader<std::process::ChildStderr>,
}

impl Serving {
    fn start(backend: &str, args: &[&str], lines: usize) -> Self {
        let mut command = command(&[&["--backend", backend, "--workers", "1"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let lines = (0..lines).map(|_| {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            line
        });
        let lines = lines.collect();
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, err }
    }

    /// The port in the line that begins so.
    fn port(&self, start: &str) -> u16 {
        let line = self.lines.iter().find_map(|line| line.strip_prefix(start)).unwrap();
        line.split(' ').next().unwrap().rsplit(':').next().unwrap().parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn said(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(backend: &str, url: &str, args: &[&str]) -> Got {
    get(Path::new("."), backend, &[&["-q", url], args].concat())
}

#[test]
fn certificates_from_files_are_shown_verified_and_loaded_again() {
    for backend in BACKENDS {
        let files = Files::new();
        let (certificate, key, ca) =
            (files.text("localhost.pem"), files.text("localhost.key"), files.text("ca.pem"));
        let args =
            ["-l", "127.0.0.1:0", "-l", "http://127.0.0.1:0", "--tls-cert", &certificate, "--tls-key", &key];
        let mut server = Serving::start(backend, &args, 2);
        let port = server.port("listening on https://");
        let url = format!("https://localhost:{port}/hello");
        let trusted = ask(backend, &url, &["--cacert", &ca]);
        assert_eq!(
            (trusted.code, trusted.text()),
            (Some(0), r#"{"hello":"world"}"#),
            "{backend}: {}",
            trusted.err
        );
        let stranger = ask(backend, &url, &[]);
        assert_eq!(stranger.code, Some(1));
        assert!(stranger.err.contains("UnknownIssuer"), "{}", stranger.err);
        let blind = ask(backend, &url, &["--insecure"]);
        assert_eq!((blind.code, blind.text()), (Some(0), r#"{"hello":"world"}"#));
        assert!(blind.err.contains("not verified"), "{}", blind.err);
        let wrong_name = ask(backend, &url.replace("localhost", "127.0.0.1"), &["--cacert", &ca]);
        assert!(
            wrong_name.code == Some(1) && wrong_name.err.contains("not valid for name"),
            "{}",
            wrong_name.err
        );
        let clear = format!("http://127.0.0.1:{}/hello", server.port("listening on http://"));
        assert_eq!(ask(backend, &clear, &[]).text(), r#"{"hello":"world"}"#);

        let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        plain.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nserver: almost-an-nginx\r\n"), "{answer}");
        drop(plain);

        // A bad file leaves all as it was; a good one counts from the next connection on.
        let old = fs::read(files.path("ca.pem")).unwrap();
        fs::write(files.path("localhost.key"), "").unwrap();
        server.signal(Signal::HUP);
        let said = server.said();
        assert!(said.contains("stay as they were") && said.contains(&key), "{said}");
        assert_eq!(ask(backend, &url, &["--cacert", &ca]).code, Some(0));
        files.sign();
        server.signal(Signal::HUP);
        assert_eq!(server.said(), "anyloop: certificates loaded again\n");
        assert_eq!(ask(backend, &url, &["--cacert", &ca]).code, Some(0));
        fs::write(files.path("ca.pem"), old).unwrap();
        assert_eq!(ask(backend, &url, &["--cacert", &ca]).code, Some(1));

        server.signal(Signal::TERM);
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn clients_prove_who_they_are() {
    for backend in BACKENDS {
        let files = Files::new();
        let (ca, certificate, key) =
            (files.text("ca.pem"), files.text("client.pem"), files.text("client.key"));
        let (own, own_key) = (files.text("localhost.pem"), files.text("localhost.key"));
        let args = ["-l", "127.0.0.1:0", "--tls-cert", &own, "--tls-key", &own_key, "--client-ca", &ca];
        let strangers = Files::new();
        let (strange, strange_key) = (strangers.text("client.pem"), strangers.text("client.key"));
        for (more, unknown_code, unknown_says) in [
            (&[][..], Some(1), "CertificateRequired"),
            (&["--client-auth", "required"], Some(1), "CertificateRequired"),
            (&["--client-auth", "optional"], Some(0), ""),
        ] {
            let server = Serving::start(backend, &[&args[..], more].concat(), 1);
            let url = format!("https://localhost:{}/hello", server.port("listening on https://"));
            let known = ask(backend, &url, &["--cacert", &ca, "--cert", &certificate, "--key", &key]);
            assert_eq!((known.code, known.text()), (Some(0), r#"{"hello":"world"}"#), "{}", known.err);
            let unknown = ask(backend, &url, &["--cacert", &ca]);
            assert_eq!(unknown.code, unknown_code, "{more:?}: {}", unknown.err);
            assert!(unknown.err.contains(unknown_says), "{}", unknown.err);
            let stranger = ask(backend, &url, &["--cacert", &ca, "--cert", &strange, "--key", &strange_key]);
            assert_eq!(stranger.code, Some(1), "{more:?}: {}", stranger.text());
            assert!(stranger.err.contains("UnknownCA"), "{more:?}: {}", stranger.err);
        }
    }
}

#[test]
fn a_certificate_for_development_is_made_and_its_fingerprint_printed() {
    let backend = BACKENDS[0];
    let server = Serving::start(backend, &["-l", "127.0.0.1:0", "--tls-self-signed"], 2);
    let print =
        server.lines[0].strip_prefix("certificate made for development, SHA-256 ").unwrap().trim_end();
    assert!(
        print.len() == 95 && print.split(':').all(|pair| u8::from_str_radix(pair, 16).is_ok()),
        "{print}"
    );
    let url = format!("https://127.0.0.1:{}/hello", server.port("listening on https://"));
    assert_eq!(ask(backend, &url, &["-k"]).text(), r#"{"hello":"world"}"#);
}

#[test]
fn what_is_wrong_with_files_and_flags_is_said_with_their_names() {
    let files = Files::new();
    let (certificate, key) = (files.text("localhost.pem"), files.text("localhost.key"));
    let (other, nowhere) = (files.text("client.key"), files.text("nowhere"));
    for (args, expected) in [
        (&["--tls-cert", &certificate][..], "each --tls-cert needs its --tls-key".to_owned()),
        (&["--tls-cert", &nowhere, "--tls-key", &key], format!("{nowhere}: No such file")),
        (&["--tls-cert", &key, "--tls-key", &key], format!("{key}: there is no certificate")),
        (
            &["--tls-cert", &certificate, "--tls-key", &certificate],
            format!("{certificate}: there is no private key"),
        ),
        (
            &["--tls-cert", &certificate, "--tls-key", &other],
            format!("{other}: the key is not that of {certificate}"),
        ),
        (&["--tls-self-signed", "--client-ca", &key], format!("{key}: there is no certificate")),
        (&["--client-ca", &certificate], "--client-ca needs a certificate".to_owned()),
        (&["-l", "https://127.0.0.1:0"], "https needs a certificate".to_owned()),
    ] {
        let (code, _, err) = program::fail(&[&["--listen", "127.0.0.1:0"], args].concat());
        assert!(code == Some(1) && err.contains(&expected), "{args:?}: {code:?} {err}");
    }
    let (code, _, err) = program::fail(&["--tls-self-signed", "--client-auth", "optional"]);
    assert!(code == Some(2) && err.contains("--client-ca <FILE>"), "{code:?} {err}");
    let refused = ask(BACKENDS[0], "https://localhost:1/", &["--cacert", &nowhere]);
    assert!(refused.code == Some(2) && refused.err.contains(&nowhere), "{}", refused.err);
}
