//! The crypto provider is the one that was passed, on both sides and on every backend. The default one of the process is
//! never asked for: here it panics when it is.

#[path = "../core/tests/tls/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of core")]
mod authority;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyloop::client::{Client, ClientTls, Phase, Roots};
use anyloop::core::driver::{Peer, Workers, block_on};
use anyloop::tls::rustls::crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom};
use anyloop::tls::rustls::pki_types::PrivateKeyDer;
use anyloop::tls::rustls::sign::SigningKey;
use anyloop::tls::rustls::{Error, RootCertStore};
use anyloop::tls::{ServerTls, aws_lc_rs_provider, ring_provider};
use anyloop::{Request, Router, Server, SharedRuntime};
use authority::Authority;

/// Is the default of the process, and of no use.
#[derive(Debug)]
struct Useless;

impl SecureRandom for Useless {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        panic!("the default provider was asked for random bytes")
    }
}

impl KeyProvider for Useless {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        panic!("the default provider was asked for a key")
    }
}

/// Counts how often random bytes are asked for, which each handshake does.
#[derive(Debug)]
struct Counted {
    random: &'static dyn SecureRandom,
    times: AtomicUsize,
}

impl SecureRandom for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.times.fetch_add(1, Ordering::SeqCst);
        self.random.fill(bytes)
    }
}

/// The provider with its own count.
fn counted(provider: &CryptoProvider) -> (Arc<CryptoProvider>, &'static AtomicUsize) {
    let counted = Box::leak(Box::new(Counted { random: provider.secure_random, times: AtomicUsize::new(0) }));
    let provider = CryptoProvider { secure_random: counted, ..provider.clone() };
    (Arc::new(provider), &counted.times)
}

fn speaks<W: Workers + SharedRuntime>(server: &Arc<CryptoProvider>, client: &Arc<CryptoProvider>) {
    let (server, at_server) = counted(server);
    let (client, at_client) = counted(client);
    let authority = Authority::new("ours");
    let identity = authority.sign(&["localhost"]).identity(&server);
    let acceptor = ServerTls::new(server, [identity]).acceptor().unwrap();
    let bound = Server::builder().workers(1).bind_tls("127.0.0.1:0", &acceptor).unwrap();
    let Peer::Tcp(address) = *bound.local_addr() else { panic!("not TCP") };
    let url = format!("https://localhost:{}/", address.port());
    let app = Router::new().get("/", |request: Request| request.scheme().as_str());
    let serving = anyloop::tokio::serve(bound, app).unwrap();
    block_on::<W, _>(|rt: W| async move {
        let ask = |tls| Client::builder(rt.clone()).tls(tls).resolve("localhost", &[address]).build();
        let ours = Roots::Only(authority.roots());
        let answer = ask(ClientTls::new(client.clone()).roots(ours)).get(&url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "https");
        let anybody = ClientTls::new(client.clone()).danger_accept_invalid_certs();
        assert_eq!(ask(anybody).get(&url).send().await.unwrap().status().code(), 200);
        // Whom nobody trusts is refused by each kind of trust, with the provider that was passed.
        let nobody = Arc::new(RootCertStore::empty());
        for roots in [Roots::Platform, Roots::Mozilla, Roots::Only(nobody)] {
            let error = ask(ClientTls::new(client.clone()).roots(roots)).get(&url).send().await.unwrap_err();
            assert_eq!(error.phase(), Phase::Tls, "{error}");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
    })
    .unwrap();
    serving.shutdown().announce();
    serving.wait_closed().unwrap();
    assert!(at_server.load(Ordering::SeqCst) > 0, "the server has another provider");
    assert!(at_client.load(Ordering::SeqCst) > 0, "the client has another provider");
}

#[test]
fn what_is_passed_is_what_is_used() {
    let useless = CryptoProvider {
        cipher_suites: Vec::new(),
        kx_groups: Vec::new(),
        secure_random: &Useless,
        key_provider: &Useless,
        ..CryptoProvider::clone(&ring_provider())
    };
    useless.install_default().unwrap();
    let providers = [ring_provider(), aws_lc_rs_provider()];
    for server in &providers {
        for client in &providers {
            speaks::<anyloop_tokio::Tokio>(server, client);
            speaks::<anyloop_smol::Smol>(server, client);
            speaks::<anyloop_async_std::AsyncStd>(server, client);
        }
    }
}
