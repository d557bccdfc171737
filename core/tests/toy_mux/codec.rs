//! A tiny multiplexed protocol: frames of a kind, a stream and up to 255 bytes.
//!
//! | kind | from the peer | to the peer |
//! | --- | --- | --- |
//! | `H`, `h`, `C` | a head `METHOD target`, with a body, without one, or for a tunnel | `H`: the status |
//! | `I` | - | the status of an interim response |
//! | `D`, `E` | bytes, end | the same |
//! | `R` | this stream is given up | the same |
//! | `W` | so many bytes more of this stream (two bytes, big-endian) | the same; stream 0 is the connection |
//! | `G` | no new streams | the same |

use anyloop_core::codec::{BodyKind, Busy, CloseReason, Codec, Event, Last, Misuse, Phase, Reason, StreamId};
use anyloop_core::error::Error;
use anyloop_core::head::{Headers, Method, RequestHead, ResponseHead, Target};
use anyloop_core::link::Outbound;
use anyloop_core::protocol::Eof;
use bytes::{Buf, Bytes, BytesMut};

/// What a stream may send before it gets credit, either way.
pub(crate) const WINDOW: usize = 10;
/// What all streams together may send.
pub(crate) const CONNECTION: usize = 25;

/// One message of a stream, as far as this side knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Before,
    Open,
    Ended,
}

#[derive(Debug)]
struct Stream {
    id: u8,
    receiving: Half,
    sending: Half,
    /// What the peer may still send.
    room: usize,
    /// What it sent and nobody took.
    held: usize,
    wanted: bool,
    /// What we may still send.
    window: usize,
}

#[derive(Debug)]
pub(crate) struct Toy {
    streams: Vec<Stream>,
    /// What the peer may still send on all streams.
    room: usize,
    last: u8,
    failed: Option<Error>,
    close: Option<CloseReason>,
}

impl Default for Toy {
    fn default() -> Self {
        Self { streams: Vec::new(), room: CONNECTION, last: 0, failed: None, close: None }
    }
}

pub(crate) fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short");
    [&[kind, stream, length], payload].concat()
}

fn put(out: &mut Outbound, kind: u8, stream: u8, payload: &[u8]) {
    out.write_slice(&frame(kind, stream, payload));
}

fn credit(out: &mut Outbound, stream: u8, n: usize) {
    put(out, b'W', stream, &u16::try_from(n).expect("small").to_be_bytes());
}

fn id(stream: StreamId) -> u8 {
    u8::try_from(stream.0).expect("ours")
}

impl Toy {
    fn stream(&mut self, id: u8) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }

    /// The stream, where it may be sent on.
    fn sender(&mut self, stream: StreamId, half: Half) -> Result<&mut Stream, Misuse> {
        let stream = self.stream(id(stream)).ok_or(Misuse::NotThisStream)?;
        if stream.sending == half { Ok(stream) } else { Err(Misuse::OutOfOrder) }
    }

    fn forget_ended(&mut self, out: &mut Outbound) {
        let ended = |stream: &Stream| stream.receiving == Half::Ended && stream.sending == Half::Ended;
        let unread: usize = self.streams.iter().filter(|each| ended(each)).map(|each| each.held).sum();
        self.streams.retain(|stream| !ended(stream));
        self.give_back(unread, out);
    }

    fn give_back(&mut self, n: usize, out: &mut Outbound) {
        if n > 0 {
            self.room += n;
            credit(out, 0, n);
        }
    }

    fn begin(&mut self, kind: u8, id: u8, text: &[u8]) -> Result<Event<RequestHead>, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::Method)?;
        let (method, target) = text.split_once(' ').ok_or(Error::Method)?;
        let method = Method::try_from(method).map_err(|_| Error::Method)?;
        let target = Target::try_from(target).map_err(|_| Error::TargetForm)?;
        let (body, receiving) = match kind {
            b'h' => (BodyKind::Empty, Half::Ended),
            b'C' => (BodyKind::Tunnel, Half::Open),
            _ => (BodyKind::Streamed, Half::Open),
        };
        self.last = id;
        self.streams.push(Stream {
            id,
            receiving,
            sending: Half::Before,
            room: WINDOW,
            held: 0,
            wanted: true,
            window: WINDOW,
        });
        Ok(Event::Head { stream: StreamId(id.into()), head: RequestHead::new(method, target), body })
    }

    fn data(
        &mut self,
        id: u8,
        bytes: Bytes,
        out: &mut Outbound,
    ) -> Result<Option<Event<RequestHead>>, Error> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(Error::Chunked)?;
        let Some(stream) = self.stream(id).filter(|stream| stream.receiving == Half::Open) else {
            self.give_back(bytes.len(), out);
            return Ok(None);
        };
        stream.room = stream.room.checked_sub(bytes.len()).ok_or(Error::Chunked)?;
        if stream.wanted {
            stream.held += bytes.len();
            return Ok(Some(Event::Data { stream: StreamId(id.into()), bytes }));
        }
        stream.room += bytes.len();
        credit(out, id, bytes.len());
        self.give_back(bytes.len(), out);
        Ok(None)
    }

    fn take(
        &mut self,
        (kind, id, payload): (u8, u8, Bytes),
        out: &mut Outbound,
    ) -> Result<Option<Event<RequestHead>>, Error> {
        let stream = StreamId(id.into());
        Ok(match kind {
            b'H' | b'h' | b'C' if self.close.is_none() => Some(self.begin(kind, id, &payload)?),
            b'D' => self.data(id, payload, out)?,
            b'E' => {
                let Some(of) = self.stream(id) else { return Ok(None) };
                of.receiving = Half::Ended;
                let wanted = of.wanted;
                self.forget_ended(out);
                wanted.then_some(Event::End { stream, trailers: None })
            }
            b'R' => {
                let Some(of) = self.stream(id) else { return Ok(None) };
                (of.receiving, of.sending) = (Half::Ended, Half::Ended);
                self.forget_ended(out);
                Some(Event::Reset { stream, reason: Reason::Cancelled })
            }
            b'W' => {
                let n = payload.as_ref().try_get_u16().map_err(|_| Error::Chunked)?;
                let Some(of) = self.stream(id) else { return Ok(None) };
                of.window += usize::from(n);
                Some(Event::Sendable { stream })
            }
            b'G' => {
                self.close.get_or_insert(CloseReason::PeerAsked);
                Some(Event::GoAway { last: StreamId(self.last.into()), reason: Reason::Shutdown })
            }
            _ => return Err(Error::Method),
        })
    }
}

impl Codec for Toy {
    type In = RequestHead;
    type Out = ResponseHead;
    const ORDERED: bool = false;

    fn initial_credit(&self) -> usize {
        WINDOW
    }

    fn start(&mut self, _: &mut Outbound) {}

    fn next_event(
        &mut self,
        inbound: &mut BytesMut,
        out: &mut Outbound,
    ) -> Result<Option<Event<RequestHead>>, Error> {
        loop {
            if let Some(error) = self.failed {
                return Err(error);
            }
            let [kind, id, length, ..] = inbound[..] else { return Ok(None) };
            if inbound.len() < 3 + usize::from(length) {
                return Ok(None);
            }
            inbound.advance(3);
            let payload = inbound.split_to(length.into()).freeze();
            match self.take((kind, id, payload), out) {
                Ok(None) => {}
                Ok(event) => return Ok(event),
                Err(error) => self.fail(error),
            }
        }
    }

    fn eof(&mut self, _: Eof) {
        self.close.get_or_insert(CloseReason::PeerLeft);
    }

    fn fail(&mut self, error: Error) {
        self.failed = Some(error);
        self.streams.clear();
    }

    fn grant(&mut self, stream: StreamId, n: usize, out: &mut Outbound) {
        let Some(stream) = self.stream(id(stream)).filter(|_| n > 0) else { return };
        // A tunnel may be granted more than it sent.
        let back = n.min(stream.held);
        stream.held -= back;
        stream.room += n;
        if stream.receiving == Half::Open {
            credit(out, stream.id, n);
        }
        self.give_back(back, out);
    }

    fn discard(&mut self, stream: StreamId, out: &mut Outbound) {
        let Some(stream) = self.stream(id(stream)) else { return };
        stream.wanted = false;
        let back = std::mem::take(&mut stream.held);
        stream.room += back;
        if back > 0 && stream.receiving == Half::Open {
            credit(out, stream.id, back);
        }
        self.give_back(back, out);
    }

    fn open(&mut self) -> Result<StreamId, Busy> {
        Err(Busy)
    }

    fn send_interim(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        let stream = self.sender(stream, Half::Before)?;
        put(out, b'I', stream.id, head.status.code().to_string().as_bytes());
        Ok(())
    }

    fn send_head(
        &mut self,
        stream: StreamId,
        head: &ResponseHead,
        body: BodyKind,
        out: &mut Outbound,
    ) -> Result<Last, Misuse> {
        let of = self.sender(stream, Half::Before)?;
        of.sending = Half::Open;
        put(out, b'H', of.id, head.status.code().to_string().as_bytes());
        if body == BodyKind::Empty {
            self.send_end(stream, None, out)?;
            return Ok(Last::Yes);
        }
        Ok(Last::No)
    }

    fn send_data(
        &mut self,
        stream: StreamId,
        bytes: &mut Bytes,
        last: Last,
        out: &mut Outbound,
    ) -> Result<(), Misuse> {
        let of = self.sender(stream, Half::Open)?;
        let fits = bytes.split_to(bytes.len().min(of.window));
        of.window -= fits.len();
        for piece in fits.chunks(255) {
            put(out, b'D', of.id, piece);
        }
        if bytes.is_empty() && last == Last::Yes { self.send_end(stream, None, out) } else { Ok(()) }
    }

    fn send_end(&mut self, stream: StreamId, _: Option<&Headers>, out: &mut Outbound) -> Result<(), Misuse> {
        let of = self.sender(stream, Half::Open)?;
        of.sending = Half::Ended;
        put(out, b'E', of.id, b"");
        self.forget_ended(out);
        Ok(())
    }

    fn reset(&mut self, stream: StreamId, _: Reason, out: &mut Outbound) {
        if let Some(of) = self.stream(id(stream)) {
            (of.receiving, of.sending) = (Half::Ended, Half::Ended);
            put(out, b'R', of.id, b"");
            self.forget_ended(out);
        }
    }

    fn drain(&mut self, out: &mut Outbound) {
        self.close.get_or_insert(CloseReason::Shutdown);
        put(out, b'G', self.last, b"");
    }

    fn input_room(&self) -> usize {
        16 * 1024
    }

    fn phase(&self) -> Phase {
        match (self.failed, self.close) {
            (Some(error), _) => Phase::Closed(CloseReason::BadInput(error)),
            (None, Some(why)) if self.streams.is_empty() => Phase::Closed(why),
            (None, Some(why)) => Phase::Draining(why),
            (None, None) if self.streams.is_empty() => Phase::Idle,
            (None, None) => Phase::Busy,
        }
    }
}
