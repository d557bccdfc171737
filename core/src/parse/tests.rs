//! The every-split harness: each case runs whole, byte by byte, cut at every place, and with bytes behind it.

mod chunk;
mod differential;
mod request;
mod response;

use alloc::vec::Vec;
use bytes::BytesMut;

use crate::error::Error;

/// A parser under test.
trait Machine: Sized {
    /// What it makes of the input.
    type Output: PartialEq + core::fmt::Debug;

    /// Takes what it can; true once the unit is whole.
    fn feed(&mut self, inbound: &mut BytesMut) -> Result<bool, Error>;

    /// Returns what was made.
    fn output(self) -> Self::Output;
}

/// What became of an input: the output and the bytes left, or nothing yet, or a fault.
type Outcome<M> = Result<Option<(<M as Machine>::Output, Vec<u8>)>, Error>;

/// Feeds the pieces one after the other; those left when the unit is whole stay behind it.
fn run<'a, M: Machine>(mut machine: M, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome<M> {
    let mut inbound = BytesMut::new();
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        inbound.extend_from_slice(piece);
        match machine.feed(&mut inbound) {
            Ok(false) => {}
            Ok(true) => {
                pieces.for_each(|piece| inbound.extend_from_slice(piece));
                return Ok(Some((machine.output(), inbound.to_vec())));
            }
            Err(error) => {
                inbound.extend_from_slice(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
                assert_eq!(machine.feed(&mut inbound), Err(error), "an error is final");
                return Err(error);
            }
        }
    }
    Ok(None)
}

/// Runs one input in every way and returns what all of them gave.
fn every_split<M: Machine>(name: &str, make: impl Fn() -> M, bytes: &[u8]) -> Outcome<M> {
    let whole = run(make(), [bytes]);
    assert_eq!(run(make(), bytes.chunks(1)), whole, "{name}: byte by byte");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(run(make(), [head, tail]), whole, "{name}: cut at {at}");
    }
    for size in [2, 3, 7, 16, 17] {
        assert_eq!(run(make(), bytes.chunks(size)), whole, "{name}: pieces of {size}");
    }
    trailing(name, make, bytes, &whole);
    whole
}

/// Bytes behind a whole unit stay where they are, and behind a fault they change nothing.
fn trailing<M: Machine>(name: &str, make: impl Fn() -> M, bytes: &[u8], whole: &Outcome<M>) {
    for behind in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\0", b"\r\n"] {
        let longer = [bytes, behind].concat();
        match (whole, run(make(), [&longer[..]])) {
            (Ok(Some((output, left))), Ok(Some((output_then, left_then)))) => {
                assert_eq!((&output_then, left_then), (output, [left, behind].concat()), "{name}: trailing");
            }
            (Err(error), Err(error_then)) => assert_eq!(error_then, *error, "{name}: trailing"),
            (Ok(None), _) => {}
            (whole, then) => panic!("{name}: {whole:?} became {then:?} with trailing bytes"),
        }
    }
}

/// A list of cases with unlike names.
fn assert_names_differ<'a>(names: impl Iterator<Item = &'a str>) {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two cases have the same name");
}
