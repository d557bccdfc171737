//! The chunked coding: every partition and every credit give the same body, trailers and fault, and what is encoded is
//! decoded to the same.

use crate::{partitions, shared, tight, written};
use anyloop_core::encode;
use anyloop_core::error::Error;
use anyloop_core::head::Headers;
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::parse::{Chunk, ChunkDecoder};
use bytes::BytesMut;

/// How a body ended; `None` when it did not.
#[derive(Debug, PartialEq)]
enum End {
    Whole { trailers: Option<Headers>, unread: usize },
    Fault(Error),
}

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let (content, end) = decode_each_way(data, &Limits::default());
    if let (bounded, Some(End::Whole { trailers, unread })) = decode_each_way(data, &tight()) {
        assert_eq!((bounded, Some(End::Whole { trailers, unread })), (content, end));
    }
    for parts in partitions(data) {
        let bytes = encode_parts(&parts);
        let expected = (data.to_vec(), Some(End::Whole { trailers: None, unread: 0 }));
        assert_eq!(decode(&[&bytes], usize::MAX, &Limits::default()), expected);
    }
}

fn decode_each_way(data: &[u8], limits: &Limits) -> (Vec<u8>, Option<End>) {
    let whole = decode(&[data], usize::MAX, limits);
    for parts in partitions(data) {
        for credit in [1, 7, usize::MAX] {
            assert_eq!(decode(&parts, credit, limits), whole);
        }
    }
    whole
}

fn decode(parts: &[&[u8]], credit: usize, limits: &Limits) -> (Vec<u8>, Option<End>) {
    let (mut decoder, mut inbound) = (ChunkDecoder::new(), BytesMut::new());
    let (mut content, mut end) = (Vec::new(), None);
    for part in parts {
        inbound.extend_from_slice(part);
        loop {
            match decoder.decode(&mut inbound, credit, limits) {
                Ok(Some(Chunk::Data(data))) => {
                    assert!(!data.is_empty() && data.len() <= credit);
                    content.extend_from_slice(&data);
                }
                Ok(Some(Chunk::End(trailers))) => {
                    assert!(end.is_none() && decoder.is_done(), "a body ends once");
                    end = Some(End::Whole { trailers, unread: 0 });
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut inbound, credit, limits), Err(error), "an error is final");
                    return (content, Some(End::Fault(error)));
                }
            }
        }
    }
    let scanned: usize = parts.iter().map(|part| part.len()).sum();
    assert!(decoder.scanned() <= scanned as u64, "a byte was looked at twice");
    if let Some(End::Whole { unread, .. }) = &mut end {
        *unread = inbound.len();
    }
    (content, end)
}

fn encode_parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Outbound::default();
    for part in parts {
        encode::chunk(&mut out, shared(part));
    }
    encode::last_chunk(&mut out, None);
    written(&mut out)
}
