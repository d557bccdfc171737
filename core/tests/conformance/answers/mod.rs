//! What the server sends: rows of a request, the calls of a handler, and the bytes that leave.

mod body;
mod connection;
mod fault;
mod interim;
mod misuse;
mod order;
mod tunnel;

use anyloop_core::codec::BodyKind::{Empty, Sized};
use anyloop_core::codec::{BodyKind, Codec, Event, Last, Misuse, Phase, Reason, StreamId};
use anyloop_core::error::Error;
use anyloop_core::h1::Server;
use anyloop_core::head::{Headers, ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::protocol::Eof;
use bytes::{Bytes, BytesMut};
use std::panic::catch_unwind;
use std::sync::Arc;

/// One call of the owner of the connection, on the oldest stream that is not answered unless it says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// More input.
    Feed(&'static str),
    /// A final head: status, fields as `name: value` joined by bars, body.
    Head(u16, &'static str, BodyKind),
    Interim(u16, &'static str),
    /// Body bytes, more to come.
    Data(&'static str),
    /// The last body bytes.
    Last(&'static str),
    End,
    /// The end, with trailers.
    Trailers(&'static str),
    /// The handler asks for the body.
    Grant,
    /// The handler wants no more of it.
    Discard,
    Reset,
    Drain,
    Eof(Eof),
    Fail(Error),
    /// Opens the stream on which a fault is answered.
    Open,
    /// Opening is refused, for nothing is to be answered.
    NotOpen,
    /// The call is refused, and nothing changes.
    Refused(&'static Self, Misuse),
    /// The call on the stream of this number.
    On(u32, &'static Self),
    /// What left since the last look.
    Wire(&'static str),
    /// Where the connection stands.
    Is(Phase),
}

/// Name, input, section, calls. Sections without a name are of RFC 9112.
pub(crate) type Row = (&'static str, &'static str, &'static str, &'static [Step]);

/// How answers are sent whose body is there with the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    InParts,
    Whole,
}

struct Play {
    server: Server,
    inbound: BytesMut,
    out: Outbound,
    /// Streams that are not answered.
    owed: Vec<StreamId>,
    error: Option<Error>,
}

impl Play {
    fn take_in(&mut self) {
        loop {
            match self.server.next_event(&mut self.inbound, &mut self.out) {
                Ok(None) => return,
                Ok(Some(Event::Head { stream, .. })) => self.owed.push(stream),
                Ok(Some(_)) => {}
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn wire(&mut self) -> String {
        let bytes: Vec<u8> = self.out.slices().flatten().copied().collect();
        self.out.clear();
        String::from_utf8(bytes).unwrap()
    }

    fn front(&self) -> StreamId {
        self.owed.first().copied().unwrap_or(StreamId(99))
    }

    fn answered(&mut self, stream: StreamId) {
        self.owed.retain(|owed| *owed != stream);
    }

    /// Sends on a stream.
    fn send(&mut self, step: &Step, stream: StreamId) -> Result<(), Misuse> {
        let (server, out) = (&mut self.server, &mut self.out);
        let last = match *step {
            Step::Head(status, fields, body) => server.send_head(stream, &head(status, fields), body, out)?,
            Step::Interim(status, fields) => {
                server.send_interim(stream, &head(status, fields), out)?;
                Last::No
            }
            Step::Data(data) => {
                server.send_data(stream, &mut Bytes::from(data), Last::No, out)?;
                Last::No
            }
            Step::Last(data) => {
                server.send_data(stream, &mut Bytes::from(data), Last::Yes, out)?;
                Last::Yes
            }
            Step::End => {
                server.send_end(stream, None, out)?;
                Last::Yes
            }
            Step::Trailers(lines) => {
                server.send_end(stream, Some(&fields(lines)), out)?;
                Last::Yes
            }
            Step::Feed(_)
            | Step::Grant
            | Step::Discard
            | Step::Reset
            | Step::Drain
            | Step::Eof(_)
            | Step::Fail(_)
            | Step::Open
            | Step::NotOpen
            | Step::Refused(..)
            | Step::On(..)
            | Step::Wire(_)
            | Step::Is(_) => panic!("{step:?} sends nothing"),
        };
        if last == Last::Yes {
            self.answered(stream);
        }
        Ok(())
    }

    fn send_whole(
        &mut self,
        name: &str,
        (status, lines): (u16, &'static str),
        body: &'static str,
        stream: StreamId,
    ) {
        let mut body = Bytes::from(body);
        let sent = self.server.send_whole(stream, &head(status, lines), &mut body, &mut self.out);
        assert_eq!(sent, Ok(Last::Yes), "{name}");
        self.answered(stream);
        self.take_in();
    }

    fn step(&mut self, name: &str, step: &Step, stream: StreamId) {
        match *step {
            Step::Feed(text) => self.inbound.extend_from_slice(text.as_bytes()),
            Step::Grant => self.server.grant(stream, 0, &mut self.out),
            Step::Discard => self.server.discard(stream, &mut self.out),
            Step::Reset => self.server.reset(stream, Reason::Internal, &mut self.out),
            Step::Drain => self.server.drain(&mut self.out),
            Step::Eof(how) => self.server.eof(how),
            Step::Fail(error) => self.server.fail(error),
            Step::Open => {
                let stream = self.server.open().unwrap_or_else(|_| panic!("{name}: nothing to be answered"));
                self.owed.push(stream);
            }
            Step::NotOpen => assert!(self.server.open().is_err(), "{name}: something is to be answered"),
            Step::Refused(call, misuse) => {
                let (before, phase) = (self.out.len(), self.server.phase());
                let call = if let Step::On(number, call) = *call {
                    (call, StreamId(number))
                } else {
                    (call, stream)
                };
                assert_eq!(self.send(call.0, call.1), Err(misuse), "{name}: {step:?}");
                assert_eq!((self.out.len(), self.server.phase()), (before, phase), "{name}: {step:?}");
            }
            Step::On(number, call) => self.step(name, call, StreamId(number)),
            Step::Wire(text) => assert_eq!(self.wire(), text, "{name}"),
            Step::Is(phase) => assert_eq!(self.server.phase(), phase, "{name}"),
            Step::Head(..)
            | Step::Interim(..)
            | Step::Data(_)
            | Step::Last(_)
            | Step::End
            | Step::Trailers(_) => {
                self.send(step, stream).unwrap_or_else(|misuse| panic!("{name}: {step:?}: {misuse:?}"));
            }
        }
        self.take_in();
    }
}

fn fields(lines: &'static str) -> Headers {
    let mut headers = Headers::new();
    for line in lines.split('|').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(name, value).unwrap();
    }
    headers
}

fn head(status: u16, lines: &'static str) -> ResponseHead {
    ResponseHead { headers: fields(lines), ..ResponseHead::new(Status::new(status).unwrap()) }
}

/// Plays every row, its input whole and byte by byte.
fn check(rows: &[Row], limits: &Limits) {
    let limits = Arc::new(limits.clone());
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| catch_unwind(|| check_row(row, &limits)).is_err())
        .map(|row| row.0)
        .collect();
    assert!(wrong.is_empty(), "rows that fail: {wrong:#?}");
}

fn check_row((name, input, section, steps): &Row, limits: &Arc<Limits>) {
    assert!(section.contains('§'), "{name}: a row stands on a section");
    let looks = steps
        .iter()
        .filter(|step| matches!(step, Step::Wire(_) | Step::Is(_) | Step::Refused(..) | Step::NotOpen));
    assert!(looks.count() > 0, "{name}: nothing is checked");
    for (size, manner) in [(1, Manner::InParts), (input.len().max(1), Manner::InParts), (1, Manner::Whole)] {
        let mut play = Play {
            server: Server::new(Arc::clone(limits)),
            inbound: BytesMut::new(),
            out: Outbound::default(),
            owed: Vec::new(),
            error: None,
        };
        for piece in input.as_bytes().chunks(size) {
            play.inbound.extend_from_slice(piece);
            play.take_in();
        }
        let mut steps = *steps;
        while let [step, rest @ ..] = steps {
            let stream = play.front();
            steps = match (manner, steps) {
                (Manner::Whole, [Step::Head(status, lines, Sized(_)), Step::Last(body), rest @ ..]) => {
                    play.send_whole(name, (*status, lines), body, stream);
                    rest
                }
                (Manner::Whole, [Step::Head(status, lines, Empty), rest @ ..]) => {
                    play.send_whole(name, (*status, lines), "", stream);
                    rest
                }
                (Manner::InParts | Manner::Whole, _) => {
                    play.step(name, step, stream);
                    rest
                }
            };
        }
        assert_eq!(play.wire(), "", "{name}: something left that no step looked at");
    }
}

#[test]
fn there_are_enough_rows() {
    let tables =
        [body::ROWS, connection::ROWS, fault::ROWS, interim::ROWS, misuse::ROWS, order::ROWS, tunnel::ROWS];
    let rows: usize = tables.iter().map(|rows| rows.len()).sum();
    assert!(rows >= 100, "{rows}");
}
