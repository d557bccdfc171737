//! Ends: `close_notify`, half-closes, cuts.

use anyloop_core::protocol::Eof;
use anyloop_core::tls::Failed;

use super::probe::{End as Ending, Refused};
use super::raw::Raw;
use super::wire::{converse, pair, pattern};

#[test]
fn an_end_without_notice_is_a_cut_wherever_it_comes() {
    let (mut raw, mut server) = Raw::pair();
    raw.write(b"data");
    let bytes = raw.output();
    server.feed(&bytes, 1);
    server.eof();
    assert_eq!((&server.inside.see().received[..], server.inside.see().eof), (&b"data"[..], Some(Eof::Cut)));

    // In the middle of a record.
    for cut in [1, 4, 5, 20] {
        let (mut raw, mut server) = Raw::pair();
        raw.write(b"data");
        let bytes = raw.output();
        server.feed(&bytes[..cut], usize::MAX);
        server.eof();
        assert_eq!((&server.inside.see().received[..], server.inside.see().eof), (&b""[..], Some(Eof::Cut)));
        assert!(server.link.inbound.is_empty());
    }
}

#[test]
fn a_cut_waits_until_all_before_it_was_read() {
    let (mut raw, mut server) = Raw::pair();
    server.inside.get().reads = false;
    raw.write(&pattern(40_000));
    let bytes = raw.output();
    assert_eq!(server.feed(&bytes, usize::MAX), bytes.len());
    server.eof();
    assert_eq!(server.inside.see().eof, None);
    server.inside.get().reads = true;
    server.work();
    assert!(server.inside.see().received == pattern(40_000));
    assert_eq!(server.inside.see().eof, Some(Eof::Cut));
}

#[test]
fn a_notice_is_clean_and_what_follows_it_is_ignored() {
    let (mut raw, mut server) = Raw::pair();
    raw.write(b"data");
    raw.tls.send_close_notify();
    let mut bytes = raw.output();
    bytes.extend_from_slice(b"GARBAGE that nobody may look at");
    server.feed(&bytes, usize::MAX);
    assert_eq!(
        (&server.inside.see().received[..], server.inside.see().eof),
        (&b"data"[..], Some(Eof::Clean))
    );
    assert!(server.is_open() && server.link.inbound.is_empty() && !server.link.wants_read());
    server.eof();
    assert_eq!(server.inside.see().eof, Some(Eof::Clean));
}

#[test]
fn half_close_is_not_close() {
    let (mut raw, mut server) = Raw::pair();
    raw.tls.send_close_notify();
    raw.converse(&mut server);
    assert_eq!(server.inside.see().eof, Some(Eof::Clean));
    let answer = pattern(100_000);
    server.inside.send(answer.clone());
    server.inside.end(Ending::Close);
    raw.converse(&mut server);
    assert!(raw.received == answer && raw.closed);
    assert!(server.link.is_closing() && !server.link.is_aborted());
}

#[test]
fn both_sides_of_ours_close_in_order() {
    let (mut server, mut client) = pair();
    client.inside.send(&b"question"[..]);
    client.inside.end(Ending::Open);
    converse(&mut server, &mut client, 3);
    server.inside.send(&b"answer"[..]);
    server.inside.end(Ending::Close);
    converse(&mut server, &mut client, 3);
    assert!(server.link.is_closing());
    assert_eq!(
        (&client.inside.see().received[..], client.inside.see().eof),
        (&b"answer"[..], Some(Eof::Clean))
    );
}

#[test]
fn the_notice_leaves_behind_the_last_byte_and_only_with_an_orderly_close() {
    for (end, closed) in
        [(Ending::Close, true), (Ending::CloseLingering, true), (Ending::Abort, false), (Ending::Fail, false)]
    {
        let (mut raw, mut server) = Raw::pair();
        server.inside.send(pattern(50_000));
        server.inside.end(end);
        while server.is_open() || !server.link.outbound.is_empty() {
            server.work();
            let bytes = server.output();
            raw.feed(&bytes);
        }
        assert_eq!(raw.closed, closed, "{end:?}");
        assert_eq!(server.link.is_aborted(), end == Ending::Abort);
        assert_eq!(server.link.lingers(), end == Ending::CloseLingering);
        match end {
            Ending::Fail => {
                assert_eq!(server.error, Some(Failed::Inner(Refused)));
                assert!(raw.received == pattern(50_000), "last words leave (L4)");
            }
            Ending::Close | Ending::CloseLingering => assert!(raw.received == pattern(50_000)),
            Ending::Abort | Ending::Open => {}
        }
    }
}

#[test]
fn a_close_with_something_unread_lingers() {
    let (mut raw, mut server) = Raw::pair();
    server.inside.get().reads = false;
    raw.write(b"unread");
    server.inside.end(Ending::Close);
    let bytes = raw.output();
    server.feed(&bytes, usize::MAX);
    assert!(server.link.lingers());
}
