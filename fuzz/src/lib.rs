//! The laws that the fuzz targets check, a module a target, and what they share.

#![forbid(unsafe_code)]

pub mod chunked;
pub mod h1_client_conversation;
pub mod h1_conversation;
pub mod request_head;
pub mod response_head;
pub mod router;
pub mod serialize;
pub mod tls_stream;

use std::fmt::Debug;

use anyloop_core::error::Error;
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use bytes::{Bytes, BytesMut};

/// Cuts `data` into parts of different sizes: one part, single bytes, and lengths that follow from the data.
pub fn partitions(data: &[u8]) -> [Vec<&[u8]>; 3] {
    [vec![data], data.chunks(1).collect(), uneven(data)]
}

fn uneven(mut data: &[u8]) -> Vec<&[u8]> {
    let mut seed = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
        (seed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut parts = Vec::new();
    while !data.is_empty() {
        let (part, rest) = data.split_at((1 + seed as usize % 23).min(data.len()));
        parts.push(part);
        data = rest;
        seed = seed.rotate_right(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    parts
}

/// Limits that small inputs reach.
pub fn tight() -> Limits {
    let mut limits = Limits::default();
    limits.max_target = 24;
    limits.max_head = 64;
    limits.max_fields = 3;
    limits.max_trailers = 32;
    limits.max_trailer_fields = 2;
    limits.max_chunk_ext = 8;
    limits.max_chunk_ext_total = 16;
    limits.max_interim = 2;
    limits
}

/// Limits that no input of the fuzzer reaches.
pub fn wide() -> Limits {
    let mut limits = Limits::default();
    limits.max_target = 1 << 30;
    limits.max_head = 1 << 30;
    limits.max_fields = 1 << 20;
    limits.max_trailers = 1 << 30;
    limits.max_trailer_fields = 1 << 20;
    limits
}

/// What a parser made of its input: the head and how many bytes it took, nothing yet, or a fault.
pub type Outcome<H> = Result<Option<(H, usize)>, Error>;

/// Parses the input whole and in parts, and asserts that the outcome is the same.
pub fn each_way<H: Debug + PartialEq>(
    data: &[u8],
    parse: impl FnMut(Vec<&[u8]>) -> Outcome<H>,
) -> Outcome<H> {
    let [whole, others @ ..] = partitions(data).map(parse);
    for other in others {
        assert_eq!(other, whole);
    }
    whole
}

/// Feeds parts to a parser until it has a head or fails.
pub fn feed<H>(
    parts: &[&[u8]],
    mut parse: impl FnMut(&mut BytesMut) -> Result<Option<H>, Error>,
) -> Outcome<H> {
    let (mut inbound, mut fed) = (BytesMut::new(), 0);
    let starts_empty = parts.iter().copied().flatten().take(2).eq(b"\r\n");
    for part in parts {
        inbound.extend_from_slice(part);
        fed += part.len();
        match parse(&mut inbound) {
            Ok(Some(head)) => return Ok(Some((head, fed - inbound.len()))),
            // Only the empty line before a request line is gone (RFC 9112 §2.2), at once or with the head.
            Ok(None) => assert!(
                inbound.len() == fed || fed - inbound.len() == 2 && starts_empty,
                "bytes of an unfinished head were taken"
            ),
            Err(error) => {
                inbound.extend_from_slice(b"x");
                assert_eq!(parse(&mut inbound).err(), Some(error), "an error is final");
                return Err(error);
            }
        }
    }
    Ok(None)
}

/// Copies a head whose minor version is above 1, which is read as 1, with 1 in its place, for a parser that knows no
/// others. `end` is where the version ends.
pub fn with_minor_version_1(head: &[u8], end: usize) -> Vec<u8> {
    let mut head = head.to_vec();
    if let Some(digit @ b'2'..=b'9') = head.get_mut(end.wrapping_sub(1)) {
        *digit = b'1';
    }
    head
}

/// Takes all bytes that are to leave.
pub fn written(out: &mut Outbound) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = out.pop_front() {
        bytes.extend_from_slice(&chunk);
    }
    assert!(out.is_empty());
    bytes
}

/// Copies bytes.
pub fn shared(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
