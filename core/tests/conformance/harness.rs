//! Runs a row through [`Server`] whole, byte by byte and cut at every place, with answers given at once and at the end, and
//! with a request behind it.

use anyloop_core::codec::{BodyKind, CloseReason, Codec, Event, Last, Phase, StreamId};
use anyloop_core::error::Error;
use anyloop_core::h1::Server;
use anyloop_core::head::{RequestHead, ResponseHead, Status};
use anyloop_core::limits::Limits;
use anyloop_core::link::Outbound;
use anyloop_core::protocol::Eof;
use bytes::{Bytes, BytesMut};
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::row::NEXT;
pub(crate) use crate::row::{Row, SMUGGLED, Verdict};

/// When requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// As soon as they are whole.
    AtOnce,
    /// When all input was offered.
    AtTheEnd,
}

/// A connection whose requests are answered with 200 and no body.
pub(crate) struct Run {
    pub(crate) server: Server,
    pub(crate) inbound: BytesMut,
    pub(crate) out: Outbound,
    shown: Vec<String>,
    data: Option<String>,
    whole: Vec<StreamId>,
    error: Option<Error>,
    answers: Answers,
}

impl Run {
    fn new(limits: &Arc<Limits>, answers: Answers) -> Self {
        Self {
            server: Server::new(Arc::clone(limits)),
            inbound: BytesMut::new(),
            out: Outbound::default(),
            shown: Vec::new(),
            data: None,
            whole: Vec::new(),
            error: None,
            answers,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.inbound.extend_from_slice(bytes);
        self.turn();
    }

    fn turn(&mut self) {
        loop {
            match self.server.next_event(&mut self.inbound, &mut self.out) {
                Ok(Some(event)) => self.take(event),
                Ok(None) if self.answers == Answers::AtOnce && self.answer() => {}
                Ok(None) => return,
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert(error), error, "an error is final");
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: Event<RequestHead>) {
        assert_eq!(self.error, None, "an event after an error");
        match event {
            Event::Head { stream, head, body } => {
                let body = match body {
                    BodyKind::Empty => {
                        self.whole.push(stream);
                        "empty".to_owned()
                    }
                    BodyKind::Sized(length) => format!("sized {length}"),
                    BodyKind::Streamed => "streamed".to_owned(),
                    BodyKind::Tunnel => panic!("a request is no tunnel"),
                };
                self.flush();
                self.shown.push(format!("{} {} {body}", head.method, head.target));
            }
            Event::Data { stream, bytes } => {
                assert!(!bytes.is_empty(), "data without bytes");
                self.data.get_or_insert_default().push_str(&bytes.escape_ascii().to_string());
                self.server.grant(stream, bytes.len(), &mut self.out);
            }
            Event::End { stream, trailers } => {
                self.flush();
                let mut end = "end".to_owned();
                for (name, value) in trailers.iter().flatten() {
                    end.push_str(&format!(" {name}={}", value.escape_ascii()));
                }
                self.shown.push(end);
                self.whole.push(stream);
            }
            Event::Interim { .. } | Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. } => {
                panic!("an HTTP/1 server has no such event: {event:?}")
            }
        }
    }

    fn flush(&mut self) {
        if let Some(data) = self.data.take() {
            self.shown.push(format!("\"{data}\""));
        }
    }

    /// Answers the oldest request that is whole.
    fn answer(&mut self) -> bool {
        if self.whole.is_empty() {
            return false;
        }
        let stream = self.whole.remove(0);
        let head = ResponseHead::new(Status::OK);
        // A 2xx answer to CONNECT would be a tunnel.
        let refusal = ResponseHead::new(Status::METHOD_NOT_ALLOWED);
        let sent = self.server.send_head(stream, &head, BodyKind::Empty, &mut self.out);
        if sent.is_err() {
            self.server.send_head(stream, &refusal, BodyKind::Empty, &mut self.out).unwrap();
        }
        true
    }

    /// Answers all that is whole, with what that sets free.
    fn finish(&mut self) {
        while self.answer() {
            self.turn();
        }
    }

    /// Returns the events, joined by bars: heads as `METHOD target body`, data quoted, `end` with trailers.
    fn events(&mut self) -> String {
        self.flush();
        self.shown.join("|")
    }
}

/// What is the same however a row is cut.
type Outcome = (String, Option<Error>, Phase);

fn run<'a>(
    limits: &Arc<Limits>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    answers: Answers,
) -> (Run, Outcome) {
    let mut run = Run::new(limits, answers);
    pieces.into_iter().for_each(|piece| run.feed(piece));
    run.finish();
    let outcome = (run.events(), run.error, run.server.phase());
    (run, outcome)
}

/// Checks every row, and that no two have the same name.
pub(crate) fn check(rows: &[Row], limits: &Limits) {
    let limits = Arc::new(limits.clone());
    let mut names: Vec<_> = rows.iter().map(|row| row.0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "two rows have the same name");
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| catch_unwind(|| check_row(row, &limits)).is_err())
        .map(|row| row.0)
        .collect();
    assert!(wrong.is_empty(), "rows that fail: {wrong:#?}");
}

fn check_row((name, bytes, section, verdict): &Row, limits: &Arc<Limits>) {
    assert!(section.contains('§'), "{name}: a row stands on a section");
    let (_, expected) = run(limits, [*bytes], Answers::AtTheEnd);
    for answers in [Answers::AtOnce, Answers::AtTheEnd] {
        let same =
            |how: &str, outcome: &Outcome| assert_eq!(outcome, &expected, "{name}: {how}, {answers:?}");
        same("whole", &run(limits, [*bytes], answers).1);
        same("byte by byte", &run(limits, bytes.chunks(1), answers).1);
        for at in 1..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            same(&format!("cut at {at}"), &run(limits, [head, tail], answers).1);
        }
        judge(name, bytes, *verdict, limits, answers);
    }
}

/// Compares one run with the verdict, and adds bytes behind it.
fn judge(name: &str, bytes: &[u8], verdict: Verdict, limits: &Arc<Limits>, answers: Answers) {
    let (mut connection, (events, error, phase)) = run(limits, [bytes], answers);
    match verdict {
        Verdict::Accept(wanted) => {
            assert_eq!((&*events, error, phase), (wanted, None, Phase::Idle), "{name}");
            let (_, behind) = run(limits, [bytes, NEXT], answers);
            let next = [wanted, "GET /next empty"]
                .iter()
                .filter(|text| !text.is_empty())
                .copied()
                .collect::<Vec<_>>();
            assert_eq!((behind.0, behind.1), (next.join("|"), None), "{name}: with a request behind");
            connection.server.eof(Eof::Clean);
            connection.turn();
            assert_eq!(connection.error, None, "{name}: the end of the stream");
            assert_eq!(connection.server.phase(), Phase::Closed(CloseReason::PeerLeft), "{name}");
        }
        Verdict::Close(wanted, why) => {
            assert_eq!((&*events, error, phase), (wanted, None, Phase::Closed(why)), "{name}");
            let (_, behind) = run(limits, [bytes, SMUGGLED], answers);
            assert_eq!((&*behind.0, behind.1), (wanted, None), "{name}: with a request behind");
        }
        Verdict::Reject(status, fault) => reject(name, bytes, ("", status, fault), limits, answers),
        Verdict::RejectAfter(wanted, status, fault) => {
            reject(name, bytes, (wanted, status, fault), limits, answers);
        }
        Verdict::Incomplete(wanted, fault) => {
            assert_eq!((&*events, error), (wanted, None), "{name}");
            assert!(!matches!(phase, Phase::Closed(_)), "{name}: {phase:?}");
            connection.server.eof(Eof::Clean);
            connection.turn();
            assert_eq!(connection.error, Some(fault), "{name}: the end of the stream");
        }
    }
}

fn reject(
    name: &str,
    bytes: &[u8],
    (wanted, status, fault): (&str, u16, Error),
    limits: &Arc<Limits>,
    answers: Answers,
) {
    assert_eq!(fault.status().code(), status, "{name}");
    for pieces in [
        vec![bytes],
        vec![bytes, SMUGGLED],
        vec![bytes, b"\r\n", SMUGGLED],
        vec![bytes, b"\r\n\r\n", SMUGGLED],
    ] {
        let (mut connection, (events, error, _)) = run(limits, pieces, answers);
        assert_eq!((&*events, error), (wanted, Some(fault)), "{name}");
        close_with(name, &mut connection, fault);
        connection.feed(SMUGGLED);
        assert_eq!(connection.events(), wanted, "{name}: nothing is taken after a fault");
    }
}

/// The fault is answered where an answer is owed, the answer announces the close, and then it comes.
fn close_with(name: &str, connection: &mut Run, fault: Error) {
    connection.out.clear();
    let owed = match connection.server.open() {
        Ok(stream) => Some(stream),
        // In a body: its own request is answered.
        Err(_) => connection
            .shown
            .iter()
            .filter(|shown| !shown.starts_with(['"', 'e']))
            .count()
            .checked_sub(1)
            .map(|n| StreamId(u32::try_from(n).unwrap())),
    };
    let stream = owed.unwrap_or_else(|| panic!("{name}: nobody is answered"));
    let head = ResponseHead::new(fault.status());
    let last = connection.server.send_head(stream, &head, BodyKind::Sized(2), &mut connection.out).unwrap();
    if last == Last::No {
        connection.server.send_data(stream, &mut Bytes::from("no"), Last::Yes, &mut connection.out).unwrap();
    }
    let text: Vec<u8> = connection.out.slices().flatten().copied().collect();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with(&format!("HTTP/1.1 {}", fault.status())), "{name}: {text}");
    assert!(text.contains("\r\nconnection: close\r\n"), "{name}: {text}");
    assert_eq!(connection.server.phase(), Phase::Closed(CloseReason::BadInput(fault)), "{name}");
    assert!(connection.server.open().is_err(), "{name}: a fault is answered once");
}
