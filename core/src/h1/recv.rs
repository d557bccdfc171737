//! The body that is coming in.

use alloc::boxed::Box;
use bytes::{Bytes, BytesMut};

use crate::codec::{INITIAL_CREDIT, StreamId};
use crate::error::Error;
use crate::framing::Framing;
use crate::head::Headers;
use crate::limits::Limits;
use crate::parse::{Chunk, ChunkDecoder};
use crate::spare::{Spare, spares};

/// Where the end is.
#[derive(Debug)]
enum Left {
    /// After so many more bytes.
    Length(u64),
    /// Where the chunks say.
    Chunked(ChunkDecoder),
    /// At the end of the stream.
    UntilEof,
}

/// Who the bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// Whoever owns the stream.
    Owner,
    /// Nobody: they are dropped, and counted.
    Nobody {
        /// Bytes dropped so far.
        dropped: u64,
    },
}

/// A piece of the body.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(super) enum Piece {
    /// Some bytes.
    Data(Bytes),
    /// The end.
    End(Option<Headers>),
    /// More was left than is worth reading.
    NotWorthIt,
    /// More input or credit is needed.
    Nothing,
}

/// A body in progress.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: StreamId,
    left: Left,
    credit: usize,
    /// Whether a byte of it came.
    begun: bool,
    taker: Taker,
    /// The peer sends nothing before it got `100 (Continue)`.
    expects_continue: bool,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            stream: StreamId(0),
            left: Left::Length(0),
            credit: INITIAL_CREDIT,
            begun: false,
            taker: Taker::Owner,
            expects_continue: false,
        }
    }
}

spares!(Incoming, |incoming: &mut Incoming| *incoming = Incoming::default());

impl Incoming {
    /// Begins a body. A connection that waits has no room for one.
    pub(super) fn new(stream: StreamId, framing: Framing, expects_continue: bool) -> Box<Self> {
        let left = match framing {
            Framing::Empty => Left::Length(0),
            Framing::Length(length) => Left::Length(length),
            Framing::Chunked => Left::Chunked(ChunkDecoder::new()),
            Framing::UntilClose | Framing::Tunnel => Left::UntilEof,
        };
        let mut incoming = Self::take();
        (incoming.stream, incoming.left, incoming.expects_continue) = (stream, left, expects_continue);
        incoming
    }

    /// Ends the body, if there is one.
    pub(super) fn end(body: &mut Option<Box<Self>>) {
        if let Some(mut body) = body.take() {
            body.empty();
            Self::put(body);
        }
    }

    pub(super) fn stream(&self) -> StreamId {
        self.stream
    }

    pub(super) fn grant(&mut self, n: usize) {
        self.credit = self.credit.saturating_add(n);
    }

    /// Whether the peer is to be told to go on; true once.
    pub(super) fn take_expectation(&mut self) -> bool {
        core::mem::take(&mut self.expects_continue) && !self.begun
    }

    pub(super) fn discard(&mut self) {
        if self.taker == Taker::Owner {
            self.taker = Taker::Nobody { dropped: 0 };
        }
    }

    /// Whether only the end of the stream ends it.
    pub(super) fn is_until_eof(&self) -> bool {
        matches!(self.left, Left::UntilEof)
    }

    /// Whether somebody still reads it.
    pub(super) fn is_wanted(&self) -> bool {
        self.taker == Taker::Owner
    }

    /// Whether the rest will be read to its end, as far as can be known: nobody wants it and it is small, or somebody
    /// does. A peer that waits for leave to send it may never send it (RFC 9110 §10.1.1).
    pub(super) fn will_end(&self, limits: &Limits) -> bool {
        if self.expects_continue {
            return false;
        }
        match (self.taker, &self.left) {
            (Taker::Owner, Left::Length(_) | Left::Chunked(_)) => true,
            (Taker::Nobody { dropped }, Left::Length(left)) => {
                dropped.saturating_add(*left) <= limits.drain_unread
            }
            (Taker::Nobody { .. }, Left::Chunked(_))
            | (Taker::Owner | Taker::Nobody { .. }, Left::UntilEof) => false,
        }
    }

    /// Whether bytes of the body are there and wait for credit only.
    pub(super) fn waits_for_credit(&self, inbound: &[u8]) -> bool {
        let at_data = match &self.left {
            Left::Length(left) => *left > 0,
            Left::Chunked(chunks) => chunks.is_in_data(),
            Left::UntilEof => true,
        };
        at_data && self.taker == Taker::Owner && self.credit == 0 && !inbound.is_empty()
    }

    /// Takes the next piece out of the input.
    pub(super) fn next(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Piece, Error> {
        loop {
            let piece = self.decode(inbound, limits)?;
            let Piece::Data(bytes) = piece else { return Ok(piece) };
            self.expects_continue = false;
            self.begun = true;
            match &mut self.taker {
                Taker::Owner => {
                    self.credit -= bytes.len();
                    return Ok(Piece::Data(bytes));
                }
                Taker::Nobody { dropped } => {
                    *dropped += bytes.len() as u64;
                    if *dropped > limits.drain_unread {
                        return Ok(Piece::NotWorthIt);
                    }
                }
            }
        }
    }

    fn decode(&mut self, inbound: &mut BytesMut, limits: &Limits) -> Result<Piece, Error> {
        let credit = match self.taker {
            Taker::Owner => self.credit,
            Taker::Nobody { .. } => usize::MAX,
        };
        let bytes = match &mut self.left {
            Left::Length(0) => return Ok(Piece::End(None)),
            Left::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(credit).min(inbound.len());
                *left -= n as u64;
                inbound.split_to(n).freeze()
            }
            Left::Chunked(chunks) => match chunks.decode(inbound, credit, limits)? {
                None => return Ok(Piece::Nothing),
                Some(Chunk::End(trailers)) => return Ok(Piece::End(trailers)),
                Some(Chunk::Data(bytes)) => bytes,
            },
            Left::UntilEof => inbound.split_to(credit.min(inbound.len())).freeze(),
        };
        Ok(if bytes.is_empty() { Piece::Nothing } else { Piece::Data(bytes) })
    }
}
