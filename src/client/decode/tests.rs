use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..4_000_u32 {
        writeln!(text, "line {line}: {}", line.wrapping_mul(2_654_435_761)).unwrap();
    }
    text
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn brotli(data: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let params = ::brotli::enc::BrotliEncoderParams { quality: 1, ..Default::default() };
    ::brotli::BrotliCompress(&mut &data[..], &mut encoded, &params).unwrap();
    encoded
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

fn decoder(coding: &'static str, limits: &DecodeLimits) -> Option<Decoder> {
    let mut headers = Headers::new();
    headers.append("content-encoding", coding).unwrap();
    Decoder::for_response(&mut headers, limits)
}

/// Feeds pieces of so many bytes, and takes all that comes of each before the next.
fn run(coding: &'static str, data: &[u8], piece: usize, limits: &DecodeLimits) -> Result<Vec<u8>, Error> {
    let mut decoder = decoder(coding, limits).unwrap();
    let mut decoded = Vec::new();
    for piece in data.chunks(piece) {
        decoder.feed(piece);
        while let Some(piece) = decoder.next_piece()? {
            assert!(!piece.is_empty());
            decoded.extend_from_slice(&piece);
        }
    }
    decoder.finish()?;
    Ok(decoded)
}

type Encode = fn(&[u8]) -> Vec<u8>;

const CODINGS: [(&str, Encode); 6] = [
    ("gzip", gzip),
    ("X-GZIP", gzip),
    ("deflate", zlib),
    ("deflate", deflate),
    ("br", brotli),
    ("zstd", zstd),
];

#[test]
fn each_coding_gives_the_text_however_it_is_cut() {
    let text = text();
    for (coding, encode) in CODINGS {
        for data in [&text[..], b"x", b""] {
            let encoded = encode(data);
            for piece in [1, 7, 1_000, usize::MAX] {
                let decoded = run(coding, &encoded, piece, &DecodeLimits::default());
                let decoded = decoded.unwrap_or_else(|error| panic!("{coding} in {piece}: {error}"));
                assert!(decoded == data, "{coding} of {} in {piece}", data.len());
            }
        }
        assert_eq!(
            run(coding, b"", 1, &DecodeLimits::default()).unwrap(),
            b"",
            "{coding}: no body is an empty one"
        );
    }
}

#[test]
fn what_ends_early_is_an_error_at_each_byte() {
    for (coding, encode) in CODINGS {
        let encoded = encode(b"a text that is not very long, but long enough");
        for end in 1..encoded.len() {
            let result = run(coding, &encoded[..end], 5, &DecodeLimits::default());
            assert!(result.is_err(), "{coding} cut at {end} of {}", encoded.len());
        }
    }
}

#[test]
fn broken_data_and_data_behind_the_end_are_errors() {
    for (coding, encode) in CODINGS {
        let encoded = encode(&text());
        let with_tail = [&encoded[..], b"tail"].concat();
        assert!(run(coding, &with_tail, usize::MAX, &DecodeLimits::default()).is_err(), "{coding}: a tail");
        assert!(
            run(coding, &with_tail, 1, &DecodeLimits::default()).is_err(),
            "{coding}: a tail, byte by byte"
        );
        assert!(
            run(coding, b"no such data", usize::MAX, &DecodeLimits::default()).is_err(),
            "{coding}: garbage"
        );
    }
    for (coding, encode) in [("gzip", gzip as Encode), ("deflate", zlib)] {
        let mut encoded = encode(&text());
        let last = encoded.len() - 6;
        encoded[last] ^= 1;
        assert!(run(coding, &encoded, 1_000, &DecodeLimits::default()).is_err(), "{coding}: checksum");
    }
    let mut encoded = zstd(&text());
    let last = encoded.len() - 1;
    encoded[last] ^= 1;
    assert!(run("zstd", &encoded, 1_000, &DecodeLimits::default()).is_err(), "zstd: checksum");
}

#[test]
fn bombs_are_found_before_they_grow() {
    let zeros = vec![0; 16 << 20];
    let limits = DecodeLimits { free: 1 << 20, max_ratio: 100, ..DecodeLimits::default() };
    for (coding, encode) in CODINGS {
        let encoded = encode(&zeros);
        let mut decoder = decoder(coding, &limits).unwrap();
        decoder.feed(&encoded);
        let mut decoded = 0;
        let error = loop {
            match decoder.next_piece() {
                Ok(Some(piece)) => decoded += piece.len(),
                Ok(None) => panic!("{coding}: {} bytes gave {decoded}", encoded.len()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error.cause(), Cause::Bomb { .. }), "{coding}: {error}");
        let allowed = (encoded.len() * 100).max(1 << 20);
        assert!(decoded <= allowed, "{coding}: {decoded} of {allowed}");
    }
    let limits = DecodeLimits { max_size: 1_000, ..DecodeLimits::default() };
    for (coding, encode) in CODINGS {
        let error = run(coding, &encode(&text()), 100, &limits).unwrap_err();
        assert!(matches!(error.cause(), Cause::Bomb { .. }), "{coding}: {error}");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for (coding, encode) in [("gzip", gzip as Encode), ("zstd", zstd)] {
        let encoded = [encode(b"one "), encode(b""), encode(b"two")].concat();
        for piece in [1, 10, 1_000] {
            assert_eq!(
                run(coding, &encoded, piece, &DecodeLimits::default()).unwrap(),
                b"one two",
                "{coding}"
            );
        }
    }
    let skippable = [&0x184d_2a53_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc", &zstd(b"x")].concat();
    assert_eq!(run("zstd", &skippable, 2, &DecodeLimits::default()).unwrap(), b"x");
}

#[test]
fn all_that_a_gzip_header_may_have_is_passed_over() {
    let plain = gzip(b"text");
    let mut header = plain[..10].to_vec();
    header[3] = 0x04 | 0x08 | 0x10 | 0x02;
    header.extend_from_slice(&[3, 0, 1, 2, 3]);
    header.extend_from_slice(b"name\0comment\0\xff\xff");
    let encoded = [&header[..], &plain[10..]].concat();
    for piece in [1, 1_000] {
        assert_eq!(run("gzip", &encoded, piece, &DecodeLimits::default()).unwrap(), b"text");
    }
    let mut reserved = plain.clone();
    reserved[3] = 0x20;
    assert!(run("gzip", &reserved, 1_000, &DecodeLimits::default()).is_err());
    let mut endless = plain[..10].to_vec();
    endless[3] = 0x08;
    endless.resize(200 * 1024, b'n');
    assert!(run("gzip", &endless, 1_000, &DecodeLimits::default()).is_err());
}

#[test]
fn fields_say_what_is_decoded() {
    let limits = DecodeLimits::default();
    for (codings, decoded) in [
        (&["gzip"][..], true),
        (&["identity, br"], true),
        (&["identity"], false),
        (&[""], false),
        (&[], false),
        (&["gzip, br"], false),
        (&["gzip", "br"], false),
        (&["compress"], false),
    ] {
        let mut headers = Headers::new();
        headers.append("content-length", 7_u64).unwrap();
        for coding in codings {
            headers.append("content-encoding", *coding).unwrap();
        }
        let before = headers.len();
        assert_eq!(Decoder::for_response(&mut headers, &limits).is_some(), decoded, "{codings:?}");
        assert_eq!(headers.len(), if decoded { 0 } else { before }, "{codings:?}");
    }
}
