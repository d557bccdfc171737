//! The one interface of every HTTP version and role: bytes to events, and answers to bytes.
//!
//! Laws, with the tests of `tests/conformance` that hold them:
//!
//! - **C1, credit.** [`Codec::next_event`] yields no more body bytes of a stream than were granted. HTTP/1 without credit
//!   returns `None` and leaves the bytes where they are, so that reading stops (`law::c1_*`).
//! - **C2.** Bytes of a stream that was reset, or whose body nobody wants, are granted back at once (`law::c2_*`).
//! - **L7, split invariance.** The same input gives the same events and the same errors, adjacent [`Event::Data`] of a stream
//!   joined, however it was cut (`law::l7_*`, and every row of `requests`).
//! - **An error is final.** Whatever comes behind refused bytes is no event (every row of `requests` that is refused, with a
//!   request behind it).
//! - **A refused call changes nothing**: nothing leaves, and the right call works still (`answers::misuse`).

use bytes::{Bytes, BytesMut};
use core::fmt;

use crate::error::Error;
use crate::head::Headers;
use crate::link::{FileRange, Outbound};
use crate::protocol::Eof;

/// How many body bytes of each stream may come before any were granted, unless a codec says otherwise.
pub const INITIAL_CREDIT: usize = 64 * 1024;

/// One exchange of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing.
    Empty,
    /// Exactly so many bytes.
    Sized(u64),
    /// As many bytes as come, then perhaps trailers.
    Streamed,
    /// The connection, or this stream of it, stops being HTTP: bytes both ways until each side ends
    /// (RFC 9110 §7.8 Upgrade, §9.3.6 CONNECT).
    Tunnel,
}

impl BodyKind {
    /// Returns what follows the head where the body is wholly there.
    #[inline]
    pub fn of_whole(body: &[u8]) -> Self {
        if body.is_empty() { Self::Empty } else { Self::Sized(body.len() as u64) }
    }
}

/// Why a stream ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Whoever wanted it does not any more.
    Cancelled,
    /// The message broke the protocol.
    Broken(Error),
    /// Our side failed.
    Internal,
    /// The connection is going away.
    Shutdown,
}

/// What the peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a head moves once; a box would cost each request an allocation"
)]
pub enum Event<H> {
    /// A message begins.
    Head {
        /// Its stream.
        stream: StreamId,
        /// Its head.
        head: H,
        /// What follows.
        body: BodyKind,
    },
    /// A 1xx response that is not the last word (client side).
    Interim {
        /// Its stream.
        stream: StreamId,
        /// Its head.
        head: H,
    },
    /// Body bytes, never more than granted (C1).
    Data {
        /// Their stream.
        stream: StreamId,
        /// The bytes, cut from the input without copying.
        bytes: Bytes,
    },
    /// The message is whole.
    End {
        /// Its stream.
        stream: StreamId,
        /// The trailer section, if there was one.
        trailers: Option<Headers>,
    },
    /// The peer gave this stream up.
    Reset {
        /// Its stream.
        stream: StreamId,
        /// Why.
        reason: Reason,
    },
    /// The peer takes more of this stream. HTTP/1 never says so.
    Sendable {
        /// Its stream.
        stream: StreamId,
    },
    /// The peer takes no new streams; those after `last` were not processed.
    GoAway {
        /// The last stream that may have been processed.
        last: StreamId,
        /// Why.
        reason: Reason,
    },
}

/// Whether a piece of a body is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// More may follow.
    No,
    /// The body is whole with this, and there are no trailers.
    Yes,
}

/// Where the connection as a whole stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between messages; a new one may come.
    Idle,
    /// At least one exchange is going on.
    Busy,
    /// No new exchange will begin; those going on are finished.
    Draining(CloseReason),
    /// Nothing more will be said: close when the output has left.
    Closed(CloseReason),
}

/// Why a connection will not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer asked for it: `Connection: close`, or HTTP/1.0 without keep-alive (RFC 9112 §9.3).
    PeerAsked,
    /// The peer ended its side.
    PeerLeft,
    /// The message before was not valid; nothing after it can be trusted.
    BadInput(Error),
    /// The body's end is the connection's end (RFC 9112 §6.3).
    Delimiter,
    /// More of an unwanted body was left than is worth reading.
    UnreadBody,
    /// The message being sent was given up half-way, and the peer can tell.
    Truncated,
    /// The message being sent was given up half-way, and only a reset tells the peer: its end is the connection's end.
    Cut,
    /// We asked for it in a field of the response.
    WeAsked,
    /// [`crate::limits::Limits::max_requests`] is reached.
    MaxRequests,
    /// The server is going down.
    Shutdown,
    /// The connection became a tunnel, and both sides of it ended.
    TunnelEnded,
}

/// The caller broke the order of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// This stream is not one that may be sent on at this moment.
    NotThisStream,
    /// A head was already sent, or none was.
    OutOfOrder,
    /// More body than the head declared.
    TooMuchBody {
        /// Bytes that were declared and not yet sent.
        left: u64,
    },
    /// Less body than the head declared.
    TooLittleBody {
        /// Bytes that were declared and not sent.
        missing: u64,
    },
    /// A status or field that this call may not send.
    NotAllowed,
    /// A request head that breaks a rule by which its recipient would refuse it: its target, its `Host`, its framing.
    Head(Error),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThisStream => f.write_str("it is not this stream's turn to send"),
            Self::OutOfOrder => f.write_str("the parts of the message came out of order"),
            Self::TooMuchBody { left } => write!(f, "more body than the {left} bytes still declared"),
            Self::TooLittleBody { missing } => {
                write!(f, "the body ended {missing} bytes before its declared length")
            }
            Self::NotAllowed => f.write_str("this status or field may not be sent here"),
            Self::Head(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Misuse {}

/// No stream can be opened at this moment (client side).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// An HTTP version in one role, without IO, futures or a clock.
pub trait Codec {
    /// The head that comes in.
    type In;
    /// The head that goes out.
    type Out;
    /// Whether answers must leave in the order of their requests. Then only the oldest stream is worked on.
    const ORDERED: bool;

    /// Returns how many body bytes of each stream may come before any were granted.
    fn initial_credit(&self) -> usize {
        INITIAL_CREDIT
    }

    /// Writes what must come before anything else.
    fn start(&mut self, out: &mut Outbound);

    /// Takes the next event out of `inbound`; `None` when more bytes, credit or answers are needed first.
    ///
    /// # Errors
    /// The peer broke the protocol. Final: every later call returns the same error.
    fn next_event(
        &mut self,
        inbound: &mut BytesMut,
        out: &mut Outbound,
    ) -> Result<Option<Event<Self::In>>, Error>;

    /// The peer ended its side: [`Codec::next_event`] judges what is still in `inbound`, and then says how it ended.
    fn eof(&mut self, how: Eof);

    /// The peer broke a rule that only its owner can see, one of time for instance. Final, as if its bytes had been wrong.
    fn fail(&mut self, error: Error);

    /// The owner of the stream's body took `n` bytes: as many more may come. Every stream begins with
    /// [`Codec::initial_credit`]. Called with 0 when the owner first asks for the body: a peer that waits for
    /// `100 (Continue)` gets it then.
    fn grant(&mut self, stream: StreamId, n: usize, out: &mut Outbound);

    /// Nobody wants the rest of the stream's body: it is read and dropped within the limits (C2).
    fn discard(&mut self, stream: StreamId, out: &mut Outbound);

    /// Begins an exchange. On the server's side this is the stream on which a head that could not be read is answered.
    ///
    /// # Errors
    /// When none can begin at this moment; on the server's side, when there is nothing to be answered.
    fn open(&mut self) -> Result<StreamId, Busy>;

    /// Sends a 1xx head.
    ///
    /// # Errors
    /// [`Misuse::NotAllowed`] for a status that is not interim, [`Misuse::OutOfOrder`] after the head.
    fn send_interim(&mut self, stream: StreamId, head: &Self::Out, out: &mut Outbound) -> Result<(), Misuse>;

    /// Sends the head of a message; `Last::Yes` says that the message is whole with it, whatever its body would be (HEAD, 204, 304).
    ///
    /// # Errors
    /// See [`Misuse`].
    fn send_head(
        &mut self,
        stream: StreamId,
        head: &Self::Out,
        body: BodyKind,
        out: &mut Outbound,
    ) -> Result<Last, Misuse>;

    /// Sends a head and the body behind it, which is wholly there, as [`Codec::send_head`] and [`Codec::send_data`] do.
    /// `Last::No` says that some of the body did not fit: it stays in `body`, to be sent as data.
    ///
    /// # Errors
    /// See [`Misuse`].
    fn send_whole(
        &mut self,
        stream: StreamId,
        head: &Self::Out,
        body: &mut Bytes,
        out: &mut Outbound,
    ) -> Result<Last, Misuse> {
        if self.send_head(stream, head, BodyKind::of_whole(body), out)? == Last::Yes {
            return Ok(Last::Yes);
        }
        self.send_data(stream, body, Last::Yes, out)?;
        Ok(if body.is_empty() { Last::Yes } else { Last::No })
    }

    /// Sends body bytes, taking what fits from the front of `bytes`; `last` counts once all of them are taken.
    ///
    /// # Errors
    /// See [`Misuse`].
    fn send_data(
        &mut self,
        stream: StreamId,
        bytes: &mut Bytes,
        last: Last,
        out: &mut Outbound,
    ) -> Result<(), Misuse>;

    /// Sends a part of a file as body bytes, where [`Outbound::takes_files`] and the framing lets files through: with a
    /// stated length.
    ///
    /// # Errors
    /// See [`Misuse`]; [`Misuse::NotAllowed`] where this codec can't.
    fn send_file(&mut self, stream: StreamId, range: FileRange, out: &mut Outbound) -> Result<(), Misuse> {
        let _ = (stream, range, out);
        Err(Misuse::NotAllowed)
    }

    /// Ends the message, with trailers where the framing can carry them.
    ///
    /// # Errors
    /// See [`Misuse`].
    fn send_end(
        &mut self,
        stream: StreamId,
        trailers: Option<&Headers>,
        out: &mut Outbound,
    ) -> Result<(), Misuse>;

    /// Gives a stream up.
    fn reset(&mut self, stream: StreamId, reason: Reason, out: &mut Outbound);

    /// Announces that no new streams are taken.
    fn drain(&mut self, out: &mut Outbound);

    /// Returns how many unread bytes the codec may need to see at once; reading stops beyond.
    fn input_room(&self) -> usize;

    /// Returns where the connection stands.
    fn phase(&self) -> Phase;
}
