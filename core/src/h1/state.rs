//! The state of an HTTP/1 connection: one small machine for what comes in, one for what goes out, and one function that
//! couples them. No bytes here, and no framing.
//!
//! Receiving (`-` is impossible, an empty cell keeps the state):
//!
//! | | Head | Body(a) | Waiting | Tunnel | Closed |
//! | --- | --- | --- | --- | --- | --- |
//! | head with a body, then a | Body(a) | - | - | - | - |
//! | head without, then a | a | - | - | - | - |
//! | end of the body | - | a | - | - | - |
//! | end of the stream | Closed | - | | Closed | |
//! | stop | Closed | Closed | Closed | Closed | |
//!
//! where *a* is what comes after the message: Next = Head, Wait = Waiting, Stop = Closed.
//!
//! Sending:
//!
//! | | Idle | Head | Body | Tunnel | Closed |
//! | --- | --- | --- | --- | --- | --- |
//! | owe | Head | - | - | - | - |
//! | interim | - | | - | - | - |
//! | head with a body | - | Body | - | - | - |
//! | head without | - | Idle | - | - | - |
//! | switch | - | Tunnel | - | - | - |
//! | end | - | - | Idle | Closed | - |
//! | give up | Closed | Closed | Closed | Closed | |

/// What follows the message that is coming in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another message.
    Next,
    /// Whatever the answer decides: HTTP or a tunnel.
    Wait,
    /// Nothing that will be read.
    Stop,
}

/// The receiving machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recv {
    /// Between messages, or in a head.
    Head,
    /// In a body.
    Body(After),
    /// The next bytes may not be HTTP: nothing is read until our side has decided.
    Waiting,
    /// Not HTTP any more.
    Tunnel,
    /// Nothing more is read.
    Closed,
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A head that a body follows.
    HeadAndBody(After),
    /// A head that is the whole message.
    HeadOnly(After),
    /// The end of a body.
    End,
    /// The end of the stream, where a message may end.
    Eof,
    /// We will not read on.
    Stop,
}

/// The sending machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Send {
    /// Nothing is to be said.
    Idle,
    /// A head is owed.
    Head,
    /// In a body.
    Body,
    /// Not HTTP any more.
    Tunnel,
    /// Nothing more will be said.
    Closed,
}

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A message is to be sent.
    Owe,
    /// A head that is not the last one of its message.
    Interim,
    /// A head that a body follows.
    HeadAndBody,
    /// A head that is the whole message.
    HeadOnly,
    /// A head after which the connection is a tunnel.
    Switch,
    /// The end of a body or of a tunnel.
    End,
    /// The rest is given up.
    GiveUp,
}

impl After {
    fn state(self) -> Recv {
        match self {
            Self::Next => Recv::Head,
            Self::Wait => Recv::Waiting,
            Self::Stop => Recv::Closed,
        }
    }
}

/// One step of the receiving machine; `None` is impossible.
#[inline]
pub(super) fn receive(state: Recv, what: Received) -> Option<Recv> {
    match (state, what) {
        (Recv::Head, Received::HeadAndBody(after)) => Some(Recv::Body(after)),
        (Recv::Head, Received::HeadOnly(after)) | (Recv::Body(after), Received::End) => Some(after.state()),
        (Recv::Waiting, Received::Eof) => Some(Recv::Waiting),
        (Recv::Head | Recv::Tunnel | Recv::Closed, Received::Eof)
        | (Recv::Head | Recv::Body(_) | Recv::Waiting | Recv::Tunnel | Recv::Closed, Received::Stop) => {
            Some(Recv::Closed)
        }
        (
            Recv::Body(_) | Recv::Waiting | Recv::Tunnel | Recv::Closed,
            Received::HeadAndBody(_) | Received::HeadOnly(_),
        )
        | (Recv::Head | Recv::Waiting | Recv::Tunnel | Recv::Closed, Received::End)
        | (Recv::Body(_), Received::Eof) => None,
    }
}

/// One step of the sending machine; `None` is impossible.
#[inline]
pub(super) fn send(state: Send, what: Sent) -> Option<Send> {
    match (state, what) {
        (Send::Idle, Sent::Owe) | (Send::Head, Sent::Interim) => Some(Send::Head),
        (Send::Head, Sent::HeadAndBody) => Some(Send::Body),
        (Send::Head, Sent::HeadOnly) | (Send::Body, Sent::End) => Some(Send::Idle),
        (Send::Head, Sent::Switch) => Some(Send::Tunnel),
        (Send::Tunnel, Sent::End)
        | (Send::Idle | Send::Head | Send::Body | Send::Tunnel | Send::Closed, Sent::GiveUp) => {
            Some(Send::Closed)
        }
        (Send::Head | Send::Body | Send::Tunnel | Send::Closed, Sent::Owe)
        | (Send::Idle | Send::Body | Send::Tunnel | Send::Closed, Sent::Interim)
        | (
            Send::Idle | Send::Body | Send::Tunnel | Send::Closed,
            Sent::HeadAndBody | Sent::HeadOnly | Sent::Switch,
        )
        | (Send::Idle | Send::Head | Send::Closed, Sent::End) => None,
    }
}

/// What one machine does because of the other: whoever waited for the answer learns whether it is a tunnel.
#[inline]
pub(super) fn couple(recv: Recv, send: Send) -> Recv {
    match (recv, send) {
        (Recv::Waiting, Send::Tunnel) => Recv::Tunnel,
        (Recv::Waiting, Send::Idle) => Recv::Head,
        (Recv::Waiting, Send::Closed) => Recv::Closed,
        (Recv::Waiting, Send::Head | Send::Body)
        | (
            Recv::Head | Recv::Body(_) | Recv::Tunnel | Recv::Closed,
            Send::Idle | Send::Head | Send::Body | Send::Tunnel | Send::Closed,
        ) => recv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    /// Reads the table number `n` of this file's own documentation.
    fn table(n: usize) -> BTreeMap<(String, String), String> {
        let text = include_str!("state.rs");
        let lines: Vec<&str> =
            text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let tables: Vec<Vec<Vec<String>>> = lines
            .split(|line| !line.starts_with('|'))
            .filter(|rows| !rows.is_empty())
            .map(|rows| {
                let cells = |row: &&str| {
                    row.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>()
                };
                rows.iter().map(cells).collect()
            })
            .collect();
        let rows = &tables[n];
        let mut cells = BTreeMap::new();
        for row in &rows[2..] {
            for (column, cell) in row.iter().enumerate().skip(1) {
                cells.insert((rows[0][column].clone(), row[0].clone()), cell.clone());
            }
        }
        cells
    }

    #[test]
    fn receiving_follows_its_table() {
        let afters = [After::Next, After::Wait, After::Stop];
        let states = |after| [Recv::Head, Recv::Body(after), Recv::Waiting, Recv::Tunnel, Recv::Closed];
        let table = table(0);
        let mut checked = 0;
        for after in afters {
            let events = [
                ("head with a body, then a", Received::HeadAndBody(after)),
                ("head without, then a", Received::HeadOnly(after)),
                ("end of the body", Received::End),
                ("end of the stream", Received::Eof),
                ("stop", Received::Stop),
            ];
            for state in states(after) {
                let column = match state {
                    Recv::Body(_) => "Body(a)".to_string(),
                    Recv::Head | Recv::Waiting | Recv::Tunnel | Recv::Closed => alloc::format!("{state:?}"),
                };
                for (row, event) in events {
                    let expected = match &*table[&(column.clone(), row.to_string())] {
                        "-" => None,
                        "" => Some(state),
                        "a" => Some(after.state()),
                        "Body(a)" => Some(Recv::Body(after)),
                        "Closed" => Some(Recv::Closed),
                        other => panic!("unknown cell {other}"),
                    };
                    assert_eq!(receive(state, event), expected, "{state:?} + {event:?}");
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 3 * 25);
    }

    #[test]
    fn sending_follows_its_table() {
        let table = table(1);
        let states = [Send::Idle, Send::Head, Send::Body, Send::Tunnel, Send::Closed];
        let events = [
            ("owe", Sent::Owe),
            ("interim", Sent::Interim),
            ("head with a body", Sent::HeadAndBody),
            ("head without", Sent::HeadOnly),
            ("switch", Sent::Switch),
            ("end", Sent::End),
            ("give up", Sent::GiveUp),
        ];
        for state in states {
            for (row, event) in events {
                let expected = match &*table[&(alloc::format!("{state:?}"), row.to_string())] {
                    "-" => None,
                    "" => Some(state),
                    name => states.into_iter().find(|state| alloc::format!("{state:?}") == name),
                };
                assert_eq!(send(state, event), expected, "{state:?} + {event:?}");
            }
        }
    }

    #[test]
    fn only_a_waiting_receiver_is_moved_by_the_sender() {
        let sends = [Send::Idle, Send::Head, Send::Body, Send::Tunnel, Send::Closed];
        for send in sends {
            for recv in [Recv::Head, Recv::Body(After::Next), Recv::Tunnel, Recv::Closed] {
                assert_eq!(couple(recv, send), recv);
            }
        }
        let waiting: Vec<Recv> = sends.into_iter().map(|send| couple(Recv::Waiting, send)).collect();
        assert_eq!(waiting, [Recv::Head, Recv::Waiting, Recv::Waiting, Recv::Tunnel, Recv::Closed]);
    }
}
