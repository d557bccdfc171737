//! The name that the peers agree on picks the protocol inside.

use std::sync::Arc;
use std::task::{Context, Waker};

use anyloop_core::driver::Peer;
use anyloop_core::link::Link;
use anyloop_core::protocol::{Echo, Either, Protocol, Work};
use anyloop_core::pump;
use anyloop_core::service::{Request, Router};
use anyloop_core::time::Now;
use anyloop_core::tls::{Negotiated, Tls};

use super::certs;
use super::raw::Raw;

fn work<P: Protocol>(protocol: &mut P, link: &mut Link) {
    loop {
        let look = |link: &Link| (link.inbound.len(), link.outbound.len());
        let before = look(link);
        let work = protocol.poll_work(&mut Context::from_waker(Waker::noop()), link);
        if matches!(work, Ok(Work::Waiting) | Err(_)) && look(link) == before {
            return;
        }
    }
}

/// What a server that echoes under one name, and speaks HTTP under any other, says to these bytes.
fn said(names: &[&str], bytes: &[u8]) -> Result<String, String> {
    let app = Router::new().get("/", |_: Request| "hello");
    let pick = |negotiated: Negotiated<'_>| match negotiated.alpn {
        Some(b"one") => Either::First(Echo::default()),
        Some(_) | None => {
            let nowhere = || Peer::Unix(None);
            Either::Second(pump::Server::new(app, Arc::default(), nowhere(), nowhere()))
        }
    };
    let mut server = Tls::server(&certs::server(), pick);
    let mut link = Link::new(Now::default());
    server.connection_made(&mut link).unwrap();
    let mut config = certs::client();
    config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut raw = Raw::new(&Arc::new(config));
    raw.write(bytes);
    loop {
        let up = raw.output();
        link.inbound.extend_from_slice(&up);
        work(&mut server, &mut link);
        let down: Vec<u8> = link.outbound.slices().flatten().copied().collect();
        link.outbound.clear();
        if up.is_empty() && down.is_empty() {
            break;
        }
        raw.feed(&down);
    }
    match raw.error {
        Some(error) => Err(error.to_string()),
        None => Ok(String::from_utf8(raw.received).unwrap()),
    }
}

#[test]
fn the_name_picks_the_protocol() {
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(said(&["one"], get), Ok(String::from_utf8(get.to_vec()).unwrap()));
    // The server's first choice counts.
    assert_eq!(said(&["two", "one"], b"echo"), Ok("echo".to_owned()));
    for names in [&["two"][..], &["nobody's", "two"], &[]] {
        let answer = said(names, get).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    }
    let refused = said(&["three"], get).unwrap_err();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}
