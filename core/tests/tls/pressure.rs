//! Back-pressure: nobody holds what nobody takes.

use anyloop_core::link::{DEFAULT_HIGH_WATER, DEFAULT_INBOUND};
use anyloop_core::tls::INNER_HIGH_WATER;
use bytes::Bytes;

use super::raw::Raw;
use super::wire::{carry, converse, pair, pattern};

const RECORD: usize = 16 * 1024;
/// Two of the longest records, as ciphertext.
const RECORDS: usize = 2 * (RECORD + 2048 + 5);

#[test]
fn a_peer_stops_when_nobody_reads_and_nothing_is_lost() {
    let (mut server, mut client) = pair();
    server.inside.get().reads = false;
    let sent = pattern(4 << 20);
    for chunk in sent.chunks(100_000) {
        client.inside.send(Bytes::copy_from_slice(chunk));
    }
    converse(&mut server, &mut client, usize::MAX);
    assert!(!client.inside.see().to_send.is_empty() && !client.link.outbound.is_empty());
    let unread = server.inside.see().unread;
    assert!(unread <= DEFAULT_INBOUND + RECORD, "{unread}");
    assert!(server.most.0 <= RECORDS && !server.link.wants_read(), "{:?}", server.most);
    server.inside.get().reads = true;
    converse(&mut server, &mut client, usize::MAX);
    assert!(server.inside.see().received == sent);
    assert!(server.most.0 <= RECORDS);
}

#[test]
fn output_stops_when_the_peer_takes_nothing_and_nothing_is_lost() {
    let (mut server, mut client) = pair();
    let sent = pattern(4 << 20);
    for chunk in sent.chunks(10_000) {
        server.inside.send(Bytes::copy_from_slice(chunk));
    }
    server.work();
    let (outside, inside) = (server.most.1, server.inside.see().unsent);
    assert!(outside <= DEFAULT_HIGH_WATER + RECORD + 64, "{outside}");
    assert!(inside <= INNER_HIGH_WATER + 10_000, "{inside}");
    while carry(&mut server, &mut client, 7_000) > 0 {
        server.work();
    }
    assert!(client.inside.see().received == sent);
    let (outside, inside) = (server.most.1, server.inside.see().unsent);
    assert!(outside <= DEFAULT_HIGH_WATER + RECORD + 64 && inside <= INNER_HIGH_WATER + 10_000);
}

#[test]
fn a_single_large_answer_is_encrypted_as_it_is_taken() {
    let (mut server, mut client) = pair();
    let sent = pattern(8 << 20);
    server.inside.send(sent.clone());
    server.inside.end(super::probe::End::Close);
    converse(&mut server, &mut client, 30_000);
    assert!(client.inside.see().received == sent);
    assert!(server.most.1 <= DEFAULT_HIGH_WATER + RECORD + 64 + 64, "{:?}", server.most);
    assert!(server.link.is_closing());
}

/// What is written while no plaintext is taken must not make rustls decrypt more.
#[test]
fn writing_takes_no_ciphertext_behind_the_back_of_a_reader_who_is_full() {
    let (mut raw, mut server) = Raw::pair();
    server.inside.get().reads = false;
    raw.write(&pattern(60_000));
    let bytes = raw.output();
    let taken = server.feed(&bytes, usize::MAX);
    assert!(taken < bytes.len());
    let unread = server.inside.see().unread;
    for _ in 0..50 {
        server.inside.send(&b"progress"[..]);
        server.work();
        let output = server.output();
        raw.feed(&output);
    }
    assert_eq!(raw.received, b"progress".repeat(50));
    assert_eq!(server.inside.see().unread, unread);
    server.inside.get().reads = true;
    server.work();
    assert_eq!(server.feed(&bytes[taken..], usize::MAX), bytes.len() - taken);
    assert!(server.inside.see().received == pattern(60_000));
}
