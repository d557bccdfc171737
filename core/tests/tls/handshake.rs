//! Handshakes, and what goes over a connection after one, however the bytes are cut.

use std::sync::Arc;
use std::time::Duration;

use anyloop_core::protocol::{Eof, Lost};
use anyloop_core::tls::rustls::HandshakeKind;
use anyloop_core::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use anyloop_core::tls::{DEFAULT_HANDSHAKE, Error, Failed, Tls};

use super::certs;
use super::probe;
use super::raw::Raw;
use super::wire::{End, carry, converse, pair, pattern};

const PORTIONS: [usize; 6] = [1, 2, 5, 64, 1_000, usize::MAX];

#[test]
fn any_partition_carries_the_same_both_ways() {
    for version in certs::VERSIONS {
        for portion in PORTIONS {
            let mut config = certs::client();
            config.alpn_protocols = vec![b"two".to_vec(), b"none".to_vec()];
            let (mut server, mut client) = (End::server(&certs::server_of(version)), End::client(config));
            let (up, down) = (pattern(40_000), pattern(70_000));
            client.inside.send(up.clone());
            client.inside.send(&b"end"[..]);
            server.inside.send(&b"begin"[..]);
            server.inside.send(down.clone());
            converse(&mut server, &mut client, portion);
            let what = format!("{:?} by {portion}", version.version);
            assert_eq!((&server.error, &client.error), (&None, &None), "{what}");
            assert!(server.inside.see().received == [&up[..], b"end"].concat(), "{what}");
            assert!(client.inside.see().received == [b"begin", &down[..]].concat(), "{what}");
            client.inside.end(probe::End::Close);
            converse(&mut server, &mut client, portion);
            let (at_server, at_client) = (server.inside.see(), client.inside.see());
            assert_eq!((at_server.made, at_client.made), (1, 1));
            assert_eq!(at_server.eof, Some(Eof::Clean), "{what}");
            let agreed = at_server.agreed.clone().unwrap();
            assert_eq!(agreed.alpn.as_deref(), Some(&b"two"[..]));
            assert_eq!(agreed.server_name.as_deref(), Some(certs::NAME));
            assert_eq!(agreed.certificates, Vec::<Vec<u8>>::new());
            let agreed = at_client.agreed.clone().unwrap();
            assert_eq!((agreed.alpn.as_deref(), agreed.server_name), (Some(&b"two"[..]), None));
            assert_eq!(agreed.certificates, [certs::all().server.chain[0].to_vec()]);
        }
    }
}

#[test]
fn a_clients_certificate_is_seen_and_one_that_is_missing_refused() {
    for version in certs::VERSIONS {
        let (mut server, mut client) =
            (End::server(&certs::asking_server(version)), End::client(certs::client()));
        converse(&mut server, &mut client, 100);
        let agreed = server.inside.see().agreed.clone().unwrap();
        assert_eq!(agreed.certificates, [certs::all().client.chain[0].to_vec()]);

        let mut config = certs::client();
        config.client_auth_cert_resolver = Arc::new(certs::NoCertificate);
        let (mut server, mut client) = (End::server(&certs::asking_server(version)), End::client(config));
        let report = client.tls.report();
        converse(&mut server, &mut client, 100);
        assert!(matches!(server.error, Some(Failed::Tls(Error::Tls(_)))), "{:?}", server.error);
        assert_eq!(server.inside.see().made, 0);
        // In TLS 1.3 the client is done before the server refuses.
        let text = report.error().map(ToString::to_string).unwrap_or_default();
        assert!(text.contains("CertificateRequired") || text.contains("HandshakeFailure"), "{text}");
    }
}

#[test]
fn a_server_that_is_not_trusted_is_refused_and_the_report_says_why() {
    let mut stranger = certs::server();
    let other = certs::Authority::new("a stranger").sign(&[certs::NAME]);
    let certified = CertifiedKey::from_der(other.chain.clone(), other.key(), &certs::provider()).unwrap();
    stranger.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    let (mut server, mut client) = (End::server(&stranger), End::client(certs::client()));
    let report = client.tls.report();
    assert_eq!(report.error(), None);
    converse(&mut server, &mut client, usize::MAX);
    assert!(matches!(report.error(), Some(Error::Tls(_))), "{report:?}");
    assert_eq!(report.error().cloned().map(Failed::Tls), client.error);
    let alert = server.error.map(|error| error.to_string()).unwrap_or_default();
    assert!(alert.contains("UnknownCA"), "the alert arrived (L4): {alert}");
    client.lost(Lost::Failed);
    assert_eq!((client.inside.see().made, &client.inside.see().lost[..]), (0, &[Lost::Failed][..]));
}

#[test]
fn a_handshake_that_stalls_ends_at_its_deadline_whatever_trickles_in() {
    let hello = End::client(certs::client()).output();
    for sent in [0, 1, hello.len() - 1] {
        let mut server = End::server(&certs::server());
        assert_eq!(server.until_deadline(), Some(DEFAULT_HANDSHAKE));
        server.pass(Duration::from_secs(4));
        server.feed(&hello[..sent], 1);
        assert_eq!(server.until_deadline(), Some(Duration::from_secs(6)));
        server.pass(Duration::from_nanos(5_999_999_999));
        assert!(server.is_open());
        server.pass(Duration::from_nanos(1));
        assert_eq!(server.error, Some(Failed::Tls(Error::HandshakeTimeout)));
        assert_eq!(server.tls.report().error(), Some(&Error::HandshakeTimeout));
    }
    let config = certs::server();
    let mut server =
        End::new(|begin| Tls::server(&config, begin).with_handshake_timeout(Duration::from_millis(5)))
            .begun();
    assert_eq!(server.until_deadline(), Some(Duration::from_millis(5)));
    server.pass(Duration::from_millis(5));
    assert!(!server.is_open());
}

#[test]
fn a_done_handshake_has_no_deadline() {
    let (mut server, client) = pair();
    assert_eq!((server.until_deadline(), client.until_deadline()), (None, None));
    server.pass(Duration::from_secs(1_000));
    assert!(server.is_open());
}

#[test]
fn a_session_is_resumed_and_still_has_its_name() {
    let config = Arc::new(certs::client());
    for version in certs::VERSIONS {
        let server_config = certs::server_of(version);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut server = End::server(&server_config);
            let mut raw = Raw::new(&config);
            raw.converse(&mut server);
            assert_eq!(raw.tls.handshake_kind(), Some(expected), "{:?}", version.version);
            assert_eq!(
                server.inside.see().agreed.as_ref().unwrap().server_name.as_deref(),
                Some(certs::NAME)
            );
        }
    }
}

#[test]
fn keys_are_updated_under_traffic() {
    let (mut raw, mut server) = Raw::pair();
    let mut up = Vec::new();
    for round in 0..20_usize {
        raw.tls.refresh_traffic_keys().unwrap();
        let bytes = pattern(round * 1_000);
        raw.write(&bytes);
        up.extend_from_slice(&bytes);
        server.inside.send(bytes);
        raw.converse(&mut server);
    }
    assert!(server.inside.see().received == up && raw.received == up);
    assert_eq!((&server.error, &raw.error), (&None, &None));
}

#[test]
fn more_key_updates_than_traffic_is_refused() {
    let (mut raw, mut server) = Raw::pair();
    for _ in 0..100 {
        raw.tls.refresh_traffic_keys().unwrap();
        let bytes = raw.output();
        server.feed(&bytes, usize::MAX);
    }
    let error = server.error.map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("TooManyKeyUpdateRequests"), "{error}");
}

#[test]
fn what_came_with_the_last_message_of_the_handshake_is_not_lost() {
    let (mut server, mut client) = (End::server(&certs::server()), End::client(certs::client()));
    client.inside.send(&b"first"[..]);
    carry(&mut client, &mut server, usize::MAX);
    carry(&mut server, &mut client, usize::MAX);
    // Finished, and the first data in one piece.
    let bytes = client.output();
    server.feed(&bytes, usize::MAX);
    assert_eq!(server.inside.see().received, b"first");
}
