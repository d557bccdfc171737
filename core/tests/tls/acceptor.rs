//! Certificates: loaded from files, picked by name, changed under way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use anyloop_core::tls::danger::AnyServer;
use anyloop_core::tls::rustls::pki_types::ServerName;
use anyloop_core::tls::{ClientAuth, Identity, ServerTls, Tls, roots_from_pem_file};

use super::certs;
use super::wire::{End, converse};

fn identity_for(names: &[&str]) -> Identity {
    certs::all().authority.sign(names).identity(&certs::provider())
}

/// Which certificate a client that trusts all of them gets.
fn shown(tls: &ServerTls, name: &'static str) -> Vec<u8> {
    let config = tls.config().unwrap();
    let mut server = End::server(&config);
    let mut trusting = certs::client();
    trusting.dangerous().set_certificate_verifier(AnyServer::verifier(&certs::provider()));
    let name = ServerName::try_from(name).unwrap();
    let mut client = End::new(|begin| Tls::client(Arc::new(trusting), name, begin)).begun();
    converse(&mut server, &mut client, usize::MAX);
    let agreed = client.inside.see().agreed.clone().unwrap();
    agreed.certificates[0].clone()
}

#[test]
fn the_first_certificate_whose_names_cover_the_one_asked_for_answers() {
    let identities = [
        identity_for(&["first.example"]),
        identity_for(&["second.example", "third.example"]),
        identity_for(&["*.wild.example"]),
        identity_for(&["third.example"]),
    ];
    let tls = ServerTls::new(certs::provider(), identities.clone());
    for (name, expected) in [
        ("first.example", 0),
        ("second.example", 1),
        ("third.example", 1),
        ("a.wild.example", 2),
        ("FIRST.example", 0),
        ("A.Wild.Example", 2),
        ("a.b.wild.example", 0),
        ("wild.example", 0),
        ("other.example", 0),
        // No SNI is sent for addresses.
        ("127.0.0.1", 0),
    ] {
        assert!(shown(&tls, name) == identities[expected].chain()[0].to_vec(), "{name}");
    }
}

#[test]
fn connections_live_on_when_certificates_change_and_new_ones_get_the_new_ones() {
    let (old, new) = (identity_for(&["a.example"]), identity_for(&["a.example"]));
    let acceptor = ServerTls::new(certs::provider(), [old.clone()]).acceptor().unwrap();
    let connect = || {
        let mut server = End::server(&acceptor.config());
        let mut trusting = certs::client();
        trusting.dangerous().set_certificate_verifier(AnyServer::verifier(&certs::provider()));
        let mut client = End::client(trusting);
        converse(&mut server, &mut client, usize::MAX);
        let seen = client.inside.see().agreed.clone().unwrap().certificates[0].clone();
        (server, client, seen)
    };
    let (mut server, mut client, seen) = connect();
    assert_eq!(seen, old.chain()[0].to_vec());
    acceptor.clone().reload(ServerTls::new(certs::provider(), [new.clone()]).config().unwrap());
    assert_eq!(connect().2, new.chain()[0].to_vec());
    client.inside.send(&b"still here"[..]);
    converse(&mut server, &mut client, usize::MAX);
    assert_eq!(server.inside.see().received, b"still here");
}

#[test]
fn clients_are_asked_as_the_settings_say() {
    let own = certs::all().server.identity(&certs::provider());
    for (auth, with, without) in [
        (ClientAuth::None, Some(0), Some(0)),
        (ClientAuth::Optional(certs::roots()), Some(1), Some(0)),
        (ClientAuth::Required(certs::roots()), Some(1), None),
    ] {
        let config =
            ServerTls::new(certs::provider(), [own.clone()]).client_auth(auth.clone()).config().unwrap();
        for (shows, expected) in [(true, with), (false, without)] {
            let mut client = certs::client();
            if !shows {
                client.client_auth_cert_resolver = Arc::new(certs::NoCertificate);
            }
            let (mut server, mut client) = (End::server(&config), End::client(client));
            converse(&mut server, &mut client, usize::MAX);
            let seen = server.inside.see().agreed.as_ref().map(|agreed| agreed.certificates.len());
            assert_eq!(seen, expected, "{auth:?}, shows: {shows}");
        }
    }
    assert!(ServerTls::new(certs::provider(), []).config().is_err());
}

/// A file of its own, gone at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("anyloop-tls-{}-{name}", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn keys_of_all_three_forms_are_loaded_and_faults_name_the_file() {
    let load =
        |certificate: &Path, key: &Path| Identity::from_pem_files(certificate, key, &certs::provider());
    let mut own = Vec::new();
    for (form, certificate, key) in [
        ("pkcs8", include_str!("../fixtures/tls/ec.pem"), include_str!("../fixtures/tls/ec.pkcs8.key")),
        ("sec1", include_str!("../fixtures/tls/ec.pem"), include_str!("../fixtures/tls/ec.sec1.key")),
        ("pkcs1", include_str!("../fixtures/tls/rsa.pem"), include_str!("../fixtures/tls/rsa.pkcs1.key")),
    ] {
        let files = (File::new(&format!("{form}.pem"), certificate), File::new(&format!("{form}.key"), key));
        let identity = load(&files.0.0, &files.1.0).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert!(identity.covers(&ServerName::try_from("localhost").unwrap()));
        assert!(!identity.covers(&ServerName::try_from("other.example").unwrap()));
        own.push(files);
        // Both in one file.
        let both = File::new(&format!("{form}.both"), &format!("{key}{certificate}"));
        assert_eq!(load(&both.0, &both.0).unwrap().chain(), identity.chain());
    }
    let (ec, rsa) = (&own[0], &own[2]);
    let encrypted = File::new(
        "encrypted",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let empty = File::new("empty", "");
    let endless = File::new("endless", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let nonsense = File::new("nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let odd = File::new("odd", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let none = Path::new("/nowhere/to/be/found");
    for (certificate, key, at_fault, reason) in [
        (none, &ec.1.0, none, "No such file"),
        (&ec.0.0, none, none, "No such file"),
        (&empty.0, &ec.1.0, &empty.0, "there is no certificate"),
        (&ec.0.0, &empty.0, &empty.0, "there is no private key"),
        (&ec.0.0, &encrypted.0, &encrypted.0, "the key is encrypted"),
        (&endless.0, &ec.1.0, &endless.0, "has no end"),
        (&nonsense.0, &ec.1.0, &nonsense.0, "invalid peer certificate"),
        (&ec.0.0, &odd.0, &odd.0, "the key is of no use"),
        (&ec.0.0, &rsa.1.0, &rsa.1.0, "the key is not that of"),
    ] as [(&Path, &Path, &Path, &str); 9]
    {
        let error = load(certificate, key).unwrap_err();
        assert_eq!(error.file(), at_fault, "{error}");
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.to_string().starts_with(&at_fault.display().to_string()));
    }
    assert_eq!(roots_from_pem_file(&ec.0.0).unwrap().len(), 1);
    assert_eq!(roots_from_pem_file(&empty.0).unwrap_err().file(), empty.0);
}
