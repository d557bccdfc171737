//! Law L6 as a table: each call of the wrapper reaches the protocol inside, and each wish of that one the link outside.

use std::task::{Context, Waker};
use std::time::Duration;

use anyloop_core::protocol::{Lost, Protocol, Work};
use anyloop_core::tls::DEFAULT_HANDSHAKE;

use super::certs;
use super::probe::End as Ending;
use super::wire::{End, carry, converse, pair};

const SECOND: Duration = Duration::from_secs(1);
/// How long a peer that shook hands during a shutdown may be silent.
const FIRST_DATA: Duration = Duration::from_millis(250);

#[test]
fn the_wishes_of_the_inner_protocol_reach_the_link() {
    for (end, closing, lingers, aborted) in [
        (Ending::Open, false, false, false),
        (Ending::Close, true, false, false),
        (Ending::CloseLingering, true, true, false),
        (Ending::Abort, true, false, true),
    ] {
        for server_side in [true, false] {
            let (server, client) = pair();
            let mut wrapper = if server_side { server } else { client };
            wrapper.inside.end(end);
            wrapper.work();
            let link = &wrapper.link;
            let found = (link.is_closing(), link.lingers(), link.is_aborted());
            assert_eq!(found, (closing, lingers, aborted), "{end:?}");
        }
    }
}

#[test]
fn the_end_of_the_connection_is_told_once_whenever_it_comes() {
    for cause in [Lost::Closed, Lost::Aborted, Lost::Failed, Lost::Broken, Lost::Stalled, Lost::Killed] {
        for mut wrapper in [End::server(&certs::server()), End::client(certs::client()), pair().0, pair().1] {
            wrapper.lost(cause);
            wrapper.lost(cause);
            assert_eq!(wrapper.inside.see().lost, [cause]);
        }
    }
}

#[test]
fn a_shutdown_is_told_at_once_after_the_first_data() {
    let (mut server, mut client) = pair();
    client.inside.send(&b"x"[..]);
    converse(&mut server, &mut client, usize::MAX);
    server.shutdown();
    assert_eq!(server.inside.see().shutdowns, 1);
    assert!(server.is_open());
}

#[test]
fn a_shutdown_after_the_handshake_waits_for_the_first_data() {
    for says in [false, true] {
        let (mut server, mut client) = pair();
        server.shutdown();
        assert_eq!((server.inside.see().shutdowns, server.until_deadline()), (0, Some(FIRST_DATA)));
        if says {
            client.inside.send(&b"x"[..]);
            converse(&mut server, &mut client, usize::MAX);
        } else {
            server.pass(FIRST_DATA);
        }
        assert_eq!((server.inside.see().shutdowns, server.until_deadline()), (1, None));
    }
}

#[test]
fn a_shutdown_during_the_handshake_waits_for_the_first_data() {
    let (mut server, mut client) = (End::server(&certs::server()), End::client(certs::client()));
    carry(&mut client, &mut server, usize::MAX);
    server.shutdown();
    converse(&mut server, &mut client, usize::MAX);
    assert_eq!((server.inside.see().made, server.inside.see().shutdowns), (1, 0));
    client.inside.send(&b"x"[..]);
    converse(&mut server, &mut client, usize::MAX);
    assert_eq!((&server.inside.see().received[..], server.inside.see().shutdowns), (&b"x"[..], 1));
    assert_eq!(server.until_deadline(), None);
}

#[test]
fn a_shutdown_that_waits_is_told_soon_or_at_the_end() {
    let start = || {
        let (mut server, mut client) = (End::server(&certs::server()), End::client(certs::client()));
        carry(&mut client, &mut server, 1);
        server.shutdown();
        server.pass(SECOND);
        assert_eq!(server.until_deadline(), Some(DEFAULT_HANDSHAKE - SECOND));
        converse(&mut server, &mut client, usize::MAX);
        assert_eq!(server.until_deadline(), Some(FIRST_DATA));
        (server, client)
    };
    let (mut server, _client) = start();
    server.pass(FIRST_DATA);
    assert_eq!((server.inside.see().shutdowns, server.is_open()), (1, true));
    assert_eq!(server.until_deadline(), None);
    let (mut server, _client) = start();
    server.eof();
    assert_eq!(server.inside.see().shutdowns, 1);
}

#[test]
fn a_shutdown_ends_a_connection_that_said_nothing() {
    let mut server = End::server(&certs::server());
    server.shutdown();
    assert!(server.link.is_closing() && !server.link.lingers());
}

#[test]
fn the_earlier_deadline_is_published_and_each_is_told_to_its_own() {
    for after in [FIRST_DATA / 2, 2 * FIRST_DATA] {
        let (mut server, mut client) = (End::server(&certs::server()), End::client(certs::client()));
        server.inside.get().deadline = Some(after);
        carry(&mut client, &mut server, usize::MAX);
        server.shutdown();
        converse(&mut server, &mut client, usize::MAX);
        // The shutdown waits for the first data.
        let first = after.min(FIRST_DATA);
        assert_eq!(server.until_deadline(), Some(first));
        server.pass(first);
        let told = (server.inside.see().deadlines, server.inside.see().shutdowns);
        assert_eq!(told, if after == first { (1, 0) } else { (0, 1) });
        server.pass(2 * FIRST_DATA);
        assert_eq!((server.inside.see().deadlines, server.inside.see().shutdowns), (1, 1));
        assert_eq!(server.until_deadline(), None);
    }
}

/// The inner protocol makes room inside `poll_work`; the records behind are taken without a new read.
#[test]
fn intake_runs_again_when_the_inner_protocol_has_made_room() {
    let (mut server, mut client) = pair();
    server.inside.get().reads = false;
    client.inside.send(vec![7; 60_000]);
    converse(&mut server, &mut client, usize::MAX);
    let waiting = server.link.inbound.len();
    assert!(waiting > 0);
    server.inside.get().reads = true;
    server.work();
    assert!(server.link.inbound.len() < waiting);
    assert!(server.inside.see().received.len() >= 32 * 1024, "{}", server.inside.see().received.len());
}

#[test]
fn one_turn_takes_a_question_and_gives_the_answer() {
    let (mut server, mut client) = pair();
    client.inside.send(&b"question"[..]);
    client.work();
    let question = client.output();
    server.inside.send(&b"answer"[..]);
    server.link.inbound.extend_from_slice(&question);
    server.tls.data_received(&mut server.link).unwrap();
    server.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut server.link).unwrap();
    assert_eq!(server.inside.see().received, b"question");
    assert!(!server.link.outbound.is_empty());
}

#[test]
fn what_is_left_to_do_inside_is_left_to_do_outside() {
    let (mut server, _client) = pair();
    for work in [Work::Again, Work::Waiting] {
        server.inside.get().again = work == Work::Again;
        let found = server.tls.poll_work(&mut Context::from_waker(Waker::noop()), &mut server.link);
        assert_eq!(found, Ok(work));
    }
}
