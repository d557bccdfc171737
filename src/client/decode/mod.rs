//! Decoding of bodies as they arrive (RFC 9110 §8.4.1): gzip, deflate, br and zstd, with bounds on what may become of
//! a few bytes.
//!
//! A decoder is fed what came and gives pieces of a bounded size, each only when it is asked for: a small input that
//! stands for gigabytes costs memory for one piece.

mod brotli;
mod inflate;
mod zstd;

use core::fmt;

use anyloop_core::head::{Headers, Known};
use bytes::{Bytes, BytesMut};

use self::brotli::Brotli;
use self::inflate::{Gzip, Zlib};
use self::zstd::Zstd;
use super::error::{Cause, Error, Phase};

/// The codings that are decoded, as a request offers them.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// How large the pieces of a decoded body are at most, but for zstd, which gives a block of up to 128 KiB, and its whole
/// window of up to 8 MiB at the end.
const PIECE: usize = 32 * 1024;

/// What may become of an encoded body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Bytes that it may decode to; default 16 GiB.
    pub max_size: u64,
    /// How many times longer it may become; default 200. It counts from `free` on.
    pub max_ratio: u64,
    /// Decoded bytes for which no ratio counts; default 8 MiB.
    pub free: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_size: 16 << 30, max_ratio: 200, free: 8 << 20 }
    }
}

/// What a step of a decoder made.
enum Step {
    /// A piece of the body, not empty.
    Piece(Bytes),
    /// All that came is used up.
    NeedsInput,
}

/// Broken data; the text says what is broken.
type Broken = &'static str;

const CUT: Broken = "the compressed body ends before its end";

enum Coding {
    Gzip(Box<Gzip>),
    Zlib(Box<Zlib>),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
}

/// A body that is decoded while it arrives.
pub(crate) struct Decoder {
    coding: Coding,
    input: BytesMut,
    encoded: u64,
    decoded: u64,
    limits: DecodeLimits,
}

impl Decoder {
    /// Makes the decoder that a response's fields ask for, and takes the fields out that describe the encoded body.
    /// More than one coding, and codings that are not known, are left to the caller.
    pub(crate) fn for_response(headers: &mut Headers, limits: &DecodeLimits) -> Option<Self> {
        let coding = {
            let mut codings = headers
                .tokens(Known::ContentEncoding)
                .filter(|coding| !coding.eq_ignore_ascii_case(b"identity"));
            match (codings.next(), codings.next()) {
                (Some(coding), None) => Coding::named(coding)?,
                (Some(_), Some(_)) | (None, _) => return None,
            }
        };
        headers.remove_known(Known::ContentEncoding);
        headers.remove_known(Known::ContentLength);
        Some(Self { coding, input: BytesMut::new(), encoded: 0, decoded: 0, limits: limits.clone() })
    }

    /// Takes what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.encoded += bytes.len() as u64;
        self.input.extend_from_slice(bytes);
    }

    /// Gives the next piece; `None` when it needs more of the body.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Bytes>, Error> {
        let step = match &mut self.coding {
            Coding::Gzip(gzip) => gzip.step(&mut self.input),
            Coding::Zlib(zlib) => zlib.step(&mut self.input),
            Coding::Brotli(brotli) => brotli.step(&mut self.input),
            Coding::Zstd(zstd) => zstd.step(&mut self.input),
        };
        match step {
            Err(text) => Err(Error::new(Phase::Decode, Cause::Decode(text))),
            Ok(Step::NeedsInput) => Ok(None),
            Ok(Step::Piece(piece)) => {
                self.decoded += piece.len() as u64;
                self.judge().map(|()| Some(piece))
            }
        }
    }

    fn judge(&self) -> Result<(), Error> {
        let Self { encoded, decoded, limits, .. } = self;
        let swells = *decoded > limits.free && *decoded > encoded.saturating_mul(limits.max_ratio);
        if *decoded > limits.max_size || swells {
            return Err(Error::new(Phase::Decode, Cause::Bomb { encoded: *encoded, decoded: *decoded }));
        }
        Ok(())
    }

    /// The encoded body is whole: is the decoded one? A body without a byte is empty, whatever its coding.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let whole = match &self.coding {
            Coding::Gzip(gzip) => gzip.is_whole(),
            Coding::Zlib(zlib) => zlib.is_whole(),
            Coding::Brotli(brotli) => brotli.is_whole(),
            Coding::Zstd(zstd) => zstd.is_whole(),
        };
        if self.encoded == 0 || (whole && self.input.is_empty()) {
            return Ok(());
        }
        Err(Error::new(Phase::Decode, Cause::Decode(CUT)))
    }
}

impl Coding {
    fn named(name: &[u8]) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        if is(&["gzip", "x-gzip"]) {
            Some(Self::Gzip(Box::default()))
        } else if is(&["deflate"]) {
            Some(Self::Zlib(Box::default()))
        } else if is(&["br"]) {
            Some(Self::Brotli(Box::default()))
        } else if is(&["zstd"]) {
            Some(Self::Zstd(Box::default()))
        } else {
            None
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coding = match self.coding {
            Coding::Gzip(_) => "gzip",
            Coding::Zlib(_) => "deflate",
            Coding::Brotli(_) => "br",
            Coding::Zstd(_) => "zstd",
        };
        f.debug_struct("Decoder")
            .field("coding", &coding)
            .field("encoded", &self.encoded)
            .field("decoded", &self.decoded)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
