//! The client's connection inside TLS: what it says of a request when the network breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyloop_core::body::Body;
use anyloop_core::client::{Config, Connection, Kind, Phase, Retry};
use anyloop_core::driver::{Driver, Peer, Registration, Spawn};
use anyloop_core::head::{Method, RequestHead, Target};
use anyloop_core::pump;
use anyloop_core::service::{Request, Router};
use anyloop_core::sim::Fault;
use anyloop_core::tls::{Negotiated, Ready, Tls};

use super::certs;
use super::sim::{SEEDS, UNTIL, tunables, world};

fn post() -> RequestHead {
    let mut head = RequestHead::new(Method::POST, Target::try_from("/").unwrap());
    head.headers.append("host", certs::NAME).unwrap();
    head
}

/// A request that is called safe to send again was seen by nobody and is there still; one whose handshake broke is called
/// safe.
#[test]
fn a_request_whose_handshake_broke_was_seen_by_nobody() {
    let (mut answered, mut safe, mut unknown) = (0, 0, 0);
    for seed in 0..4 * SEEDS {
        let fault = [Fault::Reset, Fault::HalfClose][seed as usize % 2];
        let (sim, seen) = (world(seed, 2_000), Arc::new(AtomicUsize::new(0)));
        let sees = Arc::clone(&seen);
        let ended = sim.run(UNTIL, async {
            let (near, far) = sim.pair();
            near.plan(seed * 5 % 400 + 1, fault);
            let app = Router::new().post("/", move |_: Request| {
                sees.fetch_add(1, Ordering::SeqCst);
                "seen"
            });
            let make = move |_: Negotiated<'_>| {
                let nowhere = || Peer::Unix(None);
                pump::Server::new(app, Arc::new(pump::Config::default()), nowhere(), nowhere())
            };
            let server = Tls::server(&certs::server(), make);
            sim.spawn(Driver::new(server, far, sim.clone(), Registration::alone(), tunables(&sim)));
            let config = Arc::new(Config::default());
            let mut tls_config = certs::client();
            tls_config.alpn_protocols.clear();
            let tls = Tls::client(
                Arc::new(tls_config),
                certs::name(),
                Ready(pump::Client::new(Arc::clone(&config))),
            );
            let connection = Connection::with_protocol(tls, sim.clone(), near, Peer::Unix(None), &config);
            connection.send(post(), Body::from("body")).await.map(drop)
        });
        let sent = ended.unwrap_or_else(|verdict| panic!("seed {seed}: {verdict}"));
        match sent {
            Ok(()) => answered += 1,
            Err(failed) if failed.error.retry() == Retry::Safe => {
                safe += 1;
                assert_eq!(seen.load(Ordering::SeqCst), 0, "seed {seed}: {failed}");
                assert!(failed.head.is_some() && failed.body.is_some(), "seed {seed}: {failed}");
            }
            Err(failed) => {
                unknown += 1;
                let in_handshake =
                    failed.error.phase() == Phase::Tls && !matches!(failed.error.kind(), Kind::Layer(_));
                assert!(!in_handshake, "seed {seed}: {failed}");
            }
        }
    }
    println!("{answered} answered, {safe} safe to send again, {unknown} not known");
    assert!(answered > 0 && safe > 0 && unknown > 0, "{answered} {safe} {unknown}");
}
