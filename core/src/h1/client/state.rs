//! The state of an HTTP/1 connection on the client's side: one small machine for the requests that go out, one for the
//! responses that come in, and one function that couples them. No bytes here, and no framing.
//!
//! Sending (`-` is impossible, an empty cell keeps the state):
//!
//! | | Idle | Head | Body | Whole | Tunnel | Closed |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | open | Head | - | - | - | - | - |
//! | head with a body | - | Body | - | - | - | - |
//! | head without | - | Whole | - | - | - | - |
//! | end | - | - | Whole | - | Closed | - |
//! | give up | Closed | Closed | Closed | Closed | Closed | |
//!
//! Receiving:
//!
//! | | Quiet | Head | Body(a) | Tunnel | Closed |
//! | --- | --- | --- | --- | --- | --- |
//! | ask | Head | - | - | - | - |
//! | interim | - | | - | - | - |
//! | head with a body, then a | - | Body(a) | - | - | - |
//! | head without, then a | - | a | - | - | - |
//! | switch | - | Tunnel | - | - | - |
//! | end of the body | - | - | a | - | - |
//! | end of the stream | Closed | - | - | Closed | |
//! | stop | Closed | Closed | Closed | Closed | |
//!
//! where *a* is what comes after the response: Next = Quiet, Stop = Closed. In Quiet nothing may come, for nothing was
//! asked.
//!
//! Coupled, what the sending machine becomes:
//!
//! | | Quiet | Head | Body(a) | Tunnel | Closed |
//! | --- | --- | --- | --- | --- | --- |
//! | Idle | | | | | Closed |
//! | Head | | | | | Closed |
//! | Body | | | | | Closed |
//! | Whole | Idle | | | Tunnel | Closed |
//! | Tunnel | | | | | |
//! | Closed | | | | | |

/// What follows the response that is coming in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The connection may be asked again.
    Next,
    /// Nothing that will be read.
    Stop,
}

/// The sending machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Send {
    /// A request may begin.
    Idle,
    /// The head of a request is to be sent.
    Head,
    /// In the body of a request.
    Body,
    /// The request is whole; its response may not be.
    Whole,
    /// Not HTTP any more.
    Tunnel,
    /// Nothing more will be sent.
    Closed,
}

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A request is to be sent.
    Open,
    /// A head that a body follows.
    HeadAndBody,
    /// A head that is the whole request.
    HeadOnly,
    /// The end of a body or of a tunnel.
    End,
    /// The rest is given up.
    GiveUp,
}

/// The receiving machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recv {
    /// No response is owed.
    Quiet,
    /// Before or in the head of a response.
    Head,
    /// In the body of a response.
    Body(After),
    /// Not HTTP any more.
    Tunnel,
    /// Nothing more is read.
    Closed,
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Nothing: the head of a request went out, and a response is owed.
    Ask,
    /// A head that is not the last one of its response.
    Interim,
    /// A head that a body follows.
    HeadAndBody(After),
    /// A head that is the whole response.
    HeadOnly(After),
    /// A head after which the connection is a tunnel.
    Switch,
    /// The end of a body.
    End,
    /// The end of the stream, where a response may end.
    Eof,
    /// We will not read on.
    Stop,
}

impl After {
    fn state(self) -> Recv {
        match self {
            Self::Next => Recv::Quiet,
            Self::Stop => Recv::Closed,
        }
    }
}

/// One step of the sending machine; `None` is impossible.
pub(super) fn send(state: Send, what: Sent) -> Option<Send> {
    match (state, what) {
        (Send::Idle, Sent::Open) => Some(Send::Head),
        (Send::Head, Sent::HeadAndBody) => Some(Send::Body),
        (Send::Head, Sent::HeadOnly) | (Send::Body, Sent::End) => Some(Send::Whole),
        (Send::Tunnel, Sent::End)
        | (Send::Idle | Send::Head | Send::Body | Send::Whole | Send::Tunnel | Send::Closed, Sent::GiveUp) => {
            Some(Send::Closed)
        }
        (Send::Head | Send::Body | Send::Whole | Send::Tunnel | Send::Closed, Sent::Open)
        | (
            Send::Idle | Send::Body | Send::Whole | Send::Tunnel | Send::Closed,
            Sent::HeadAndBody | Sent::HeadOnly,
        )
        | (Send::Idle | Send::Head | Send::Whole | Send::Closed, Sent::End) => None,
    }
}

/// One step of the receiving machine; `None` is impossible.
pub(super) fn receive(state: Recv, what: Received) -> Option<Recv> {
    match (state, what) {
        (Recv::Quiet, Received::Ask) | (Recv::Head, Received::Interim) => Some(Recv::Head),
        (Recv::Head, Received::HeadAndBody(after)) => Some(Recv::Body(after)),
        (Recv::Head, Received::HeadOnly(after)) | (Recv::Body(after), Received::End) => Some(after.state()),
        (Recv::Head, Received::Switch) => Some(Recv::Tunnel),
        (Recv::Quiet | Recv::Tunnel | Recv::Closed, Received::Eof)
        | (Recv::Quiet | Recv::Head | Recv::Body(_) | Recv::Tunnel | Recv::Closed, Received::Stop) => {
            Some(Recv::Closed)
        }
        (Recv::Head | Recv::Body(_) | Recv::Tunnel | Recv::Closed, Received::Ask)
        | (
            Recv::Quiet | Recv::Body(_) | Recv::Tunnel | Recv::Closed,
            Received::Interim | Received::HeadAndBody(_) | Received::HeadOnly(_) | Received::Switch,
        )
        | (Recv::Quiet | Recv::Head | Recv::Tunnel | Recv::Closed, Received::End)
        | (Recv::Head | Recv::Body(_), Received::Eof) => None,
    }
}

/// What the sending machine becomes because of the receiving one: a whole response ends the exchange of a whole request,
/// a switch turns it into a tunnel, and where nothing more is read nothing more is asked.
pub(super) fn couple(send: Send, recv: Recv) -> Send {
    match (send, recv) {
        (Send::Whole, Recv::Quiet) => Send::Idle,
        (Send::Whole, Recv::Tunnel) => Send::Tunnel,
        (Send::Idle | Send::Head | Send::Body | Send::Whole, Recv::Closed) => Send::Closed,
        (Send::Whole, Recv::Head | Recv::Body(_))
        | (Send::Idle | Send::Head | Send::Body, Recv::Quiet | Recv::Head | Recv::Body(_) | Recv::Tunnel)
        | (
            Send::Tunnel | Send::Closed,
            Recv::Quiet | Recv::Head | Recv::Body(_) | Recv::Tunnel | Recv::Closed,
        ) => send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    const SENDS: [Send; 6] = [Send::Idle, Send::Head, Send::Body, Send::Whole, Send::Tunnel, Send::Closed];

    fn recvs(after: After) -> [Recv; 5] {
        [Recv::Quiet, Recv::Head, Recv::Body(after), Recv::Tunnel, Recv::Closed]
    }

    fn column(recv: Recv) -> String {
        match recv {
            Recv::Body(_) => "Body(a)".to_string(),
            Recv::Quiet | Recv::Head | Recv::Tunnel | Recv::Closed => format!("{recv:?}"),
        }
    }

    fn named(name: &str) -> Send {
        SENDS.into_iter().find(|state| format!("{state:?}") == name).expect("a state")
    }

    /// Reads the table number `n` of this file's own documentation.
    fn table(n: usize) -> BTreeMap<(String, String), String> {
        let text = include_str!("state.rs");
        let lines: Vec<&str> =
            text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let tables: Vec<&[&str]> =
            lines.split(|line| !line.starts_with('|')).filter(|rows| !rows.is_empty()).collect();
        let cells = |row: &str| -> Vec<String> {
            let inner = row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).expect("a row");
            inner.split('|').map(|cell| cell.trim().to_string()).collect()
        };
        let rows: Vec<Vec<String>> = tables[n].iter().map(|row| cells(row)).collect();
        let mut found = BTreeMap::new();
        for row in &rows[2..] {
            for (at, cell) in row.iter().enumerate().skip(1) {
                found.insert((rows[0][at].clone(), row[0].clone()), cell.clone());
            }
        }
        found
    }

    #[test]
    fn sending_follows_its_table() {
        let table = table(0);
        let events = [
            ("open", Sent::Open),
            ("head with a body", Sent::HeadAndBody),
            ("head without", Sent::HeadOnly),
            ("end", Sent::End),
            ("give up", Sent::GiveUp),
        ];
        for state in SENDS {
            for (row, event) in events {
                let expected = match &*table[&(format!("{state:?}"), row.to_string())] {
                    "-" => None,
                    "" => Some(state),
                    name => Some(named(name)),
                };
                assert_eq!(send(state, event), expected, "{state:?} + {event:?}");
            }
        }
        assert_eq!(table.len(), SENDS.len() * events.len());
    }

    #[test]
    fn receiving_follows_its_table() {
        let table = table(1);
        for after in [After::Next, After::Stop] {
            let events = [
                ("ask", Received::Ask),
                ("interim", Received::Interim),
                ("head with a body, then a", Received::HeadAndBody(after)),
                ("head without, then a", Received::HeadOnly(after)),
                ("switch", Received::Switch),
                ("end of the body", Received::End),
                ("end of the stream", Received::Eof),
                ("stop", Received::Stop),
            ];
            for state in recvs(after) {
                for (row, event) in events {
                    let expected = match &*table[&(column(state), row.to_string())] {
                        "-" => None,
                        "" => Some(state),
                        "a" => Some(after.state()),
                        "Head" => Some(Recv::Head),
                        "Body(a)" => Some(Recv::Body(after)),
                        "Tunnel" => Some(Recv::Tunnel),
                        "Closed" => Some(Recv::Closed),
                        other => panic!("unknown cell {other}"),
                    };
                    assert_eq!(receive(state, event), expected, "{state:?} + {event:?}");
                }
            }
            assert_eq!(table.len(), recvs(after).len() * events.len());
        }
    }

    #[test]
    fn coupling_follows_its_table() {
        let table = table(2);
        for after in [After::Next, After::Stop] {
            for recv in recvs(after) {
                for send in SENDS {
                    let expected = match &*table[&(column(recv), format!("{send:?}"))] {
                        "" => send,
                        name => named(name),
                    };
                    assert_eq!(couple(send, recv), expected, "{send:?} + {recv:?}");
                }
            }
        }
        assert_eq!(table.len(), SENDS.len() * 5);
    }
}
