//! The protocol inside, with its strings in the hands of the test.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use anyloop_core::link::Link;
use anyloop_core::protocol::{Eof, Lost, Protocol, Work};
use anyloop_core::tls::{Establish, Negotiated};
use bytes::Bytes;

/// How the protocol ends once all is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Open,
    Close,
    CloseLingering,
    Abort,
    Fail,
}

/// What was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) server_name: Option<String>,
    pub(crate) certificates: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) agreed: Option<Agreed>,
    pub(crate) made: usize,
    pub(crate) received: Vec<u8>,
    /// Whether input is taken.
    pub(crate) reads: bool,
    /// The most input that stood unread.
    pub(crate) unread: usize,
    /// The most output that stood unsent.
    pub(crate) unsent: usize,
    pub(crate) eof: Option<Eof>,
    pub(crate) to_send: VecDeque<Bytes>,
    pub(crate) end: End,
    /// Whether there is more to do than the buffers show, once.
    pub(crate) again: bool,
    pub(crate) shutdowns: usize,
    pub(crate) deadline: Option<Duration>,
    pub(crate) deadlines: usize,
    pub(crate) lost: Vec<Lost>,
}

#[derive(Clone, Debug)]
pub(crate) struct Strings(Rc<RefCell<State>>);

impl Strings {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            agreed: None,
            made: 0,
            received: Vec::new(),
            reads: true,
            unread: 0,
            unsent: 0,
            eof: None,
            to_send: VecDeque::new(),
            end: End::Open,
            again: false,
            shutdowns: 0,
            deadline: None,
            deadlines: 0,
            lost: Vec::new(),
        })))
    }

    pub(crate) fn see(&self) -> Ref<'_, State> {
        self.0.borrow()
    }

    pub(crate) fn get(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    pub(crate) fn send(&self, bytes: impl Into<Bytes>) {
        self.get().to_send.push_back(bytes.into());
    }

    pub(crate) fn end(&self, end: End) {
        self.get().end = end;
    }
}

/// Makes the probe, and notes what was agreed on.
pub(crate) struct Begin(pub(crate) Strings);

impl Establish for Begin {
    type Protocol = Probe;

    fn establish(self, negotiated: Negotiated<'_>) -> Probe {
        self.0.get().agreed = Some(Agreed {
            alpn: negotiated.alpn.map(<[u8]>::to_vec),
            server_name: negotiated.server_name.map(str::to_owned),
            certificates: negotiated.peer_certificates.iter().map(|der| der.to_vec()).collect(),
        });
        Probe(self.0)
    }

    fn lost(&mut self, cause: Lost) {
        self.0.get().lost.push(cause);
    }
}

#[derive(Debug)]
pub(crate) struct Probe(Strings);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl Probe {
    fn take(&self, link: &mut Link) {
        let mut state = self.0.get();
        state.unread = state.unread.max(link.inbound.len());
        if state.reads {
            state.received.extend_from_slice(&link.inbound.split());
        }
    }
}

impl Protocol for Probe {
    type Error = Refused;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Refused> {
        let mut state = self.0.get();
        state.made += 1;
        link.set_deadline(state.deadline.map(|after| link.now().mono + after));
        Ok(())
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), Refused> {
        self.take(link);
        Ok(())
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Refused> {
        self.take(link);
        self.0.get().eof = Some(how);
        Ok(())
    }

    fn deadline_reached(&mut self, _: &mut Link) -> Result<(), Refused> {
        self.0.get().deadlines += 1;
        Ok(())
    }

    fn poll_work(&mut self, _: &mut Context<'_>, link: &mut Link) -> Result<Work, Refused> {
        self.take(link);
        let mut state = self.0.get();
        while link.can_write() {
            let Some(bytes) = state.to_send.pop_front() else { break };
            link.write(bytes);
        }
        state.unsent = state.unsent.max(link.outbound.len());
        if std::mem::take(&mut state.again) {
            return Ok(Work::Again);
        }
        if !state.to_send.is_empty() {
            return Ok(Work::Waiting);
        }
        match std::mem::take(&mut state.end) {
            End::Open => {}
            End::Close => link.close(),
            End::CloseLingering => link.close_lingering(),
            End::Abort => link.abort(),
            End::Fail => return Err(Refused),
        }
        Ok(Work::Waiting)
    }

    fn shutdown(&mut self, _: &mut Link) {
        self.0.get().shutdowns += 1;
    }

    fn connection_lost(&mut self, cause: Lost) {
        self.0.get().lost.push(cause);
    }
}
