//! Response cases: the parser of heads, and the decision where the body ends, as a client needs them.

mod framing;
mod head;

use anyloop_core::error::Error;
use anyloop_core::framing::{Framing, Role, decide};
use anyloop_core::head::Method;
use anyloop_core::limits::Limits;
use anyloop_core::parse::ResponseParser;
use bytes::BytesMut;

/// What a row's bytes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// This status, and a body that ends so.
    Accept(u16, Framing),
    /// This fault.
    Reject(Error),
    /// Nothing before more comes.
    Incomplete,
}

/// Name, method of the request, bytes, section, verdict. Sections without a name are of RFC 9112.
type Row = (&'static str, Method, &'static [u8], &'static str, Verdict);

/// Reads the head in these pieces; what stands behind it stays where it is.
fn read<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> (Verdict, Vec<u8>) {
    let (mut parser, mut inbound, mut verdict) =
        (ResponseParser::new(), BytesMut::new(), Verdict::Incomplete);
    for piece in pieces {
        inbound.extend_from_slice(piece);
        if verdict != Verdict::Incomplete {
            continue;
        }
        verdict = match parser.parse(&mut inbound, limits) {
            Ok(None) => Verdict::Incomplete,
            Err(error) => Verdict::Reject(error),
            Ok(Some(head)) => {
                let role = Role::Response { method: &method, status: head.status };
                match decide(role, head.version, &head.headers) {
                    Ok(framing) => Verdict::Accept(head.status.code(), framing),
                    Err(error) => Verdict::Reject(error),
                }
            }
        };
    }
    (verdict, inbound.to_vec())
}

fn check(rows: &[Row], limits: &Limits) {
    for (name, method, bytes, section, wanted) in rows {
        assert!(section.contains('§'), "{name}: a row stands on a section");
        assert_eq!(read(*method, [*bytes], limits).0, *wanted, "{name}: whole");
        assert_eq!(read(*method, bytes.chunks(1), limits).0, *wanted, "{name}: byte by byte");
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(read(*method, [head, tail], limits).0, *wanted, "{name}: cut at {at}");
        }
        const BEHIND: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
        let (verdict, left) = read(*method, [*bytes, BEHIND], limits);
        match wanted {
            Verdict::Accept(..) => {
                assert_eq!((verdict, &left[..]), (*wanted, BEHIND), "{name}: with bytes behind")
            }
            Verdict::Reject(_) => assert_eq!(verdict, *wanted, "{name}: with bytes behind"),
            Verdict::Incomplete => {}
        }
    }
}

#[test]
fn heads() {
    check(head::ROWS, &Limits::default());
}

#[test]
fn where_bodies_end() {
    check(framing::ROWS, &Limits::default());
}

#[test]
fn limits() {
    let mut limits = Limits::default();
    limits.max_head = 8;
    limits.max_fields = 2;
    check(head::AT_LIMITS, &limits);
}

#[test]
fn there_are_enough_rows() {
    let rows = head::ROWS.len() + head::AT_LIMITS.len() + framing::ROWS.len();
    assert!(rows >= 100, "{rows}");
}
