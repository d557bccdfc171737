//! Protocols with something to lose, and one that watches how the driver calls them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use anyloop_core::link::Link;
use anyloop_core::protocol::{Eof, Lost, Protocol, Work};
use anyloop_core::sim::{Sim, SimSleep};
use anyloop_core::time::Instant;

/// By how much a deadline may be late: a late timer, after an early one that was set again.
const LATE: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Made,
    DataReceived,
    EofReceived,
    DeadlineReached,
    Worked,
    Shutdown,
    Lost(Lost),
}

/// What a watched protocol saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    counts: Vec<(Call, usize)>,
    faults: Vec<String>,
    lost: Option<(Lost, Instant)>,
}

impl Log {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.with(|state| state.faults.clone())
    }

    pub(crate) fn lost(&self) -> Option<Lost> {
        self.with(|state| state.lost.map(|(lost, _)| lost))
    }

    /// When the connection was lost.
    pub(crate) fn lost_at(&self) -> Option<Instant> {
        self.with(|state| state.lost.map(|(_, at)| at))
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        self.with(|state| state.counts.iter().find(|(other, _)| *other == call).map_or(0, |&(_, n)| n))
    }

    /// Notes a call and returns how often it was made before.
    fn note(&self, call: Call) -> usize {
        self.with(|state| match state.counts.iter_mut().find(|(other, _)| *other == call) {
            Some((_, n)) => {
                *n += 1;
                *n - 1
            }
            None => {
                state.counts.push((call, 1));
                0
            }
        })
    }

    fn fault(&self, fault: impl Into<String>) {
        self.with(|state| state.faults.push(fault.into()));
    }
}

/// Checks each call against the laws: once made, told once of each end, nothing after closing but that it is lost (L4),
/// new bytes with each `data_received` (L1), input within its limit, deadlines cleared and neither early nor late (L3).
#[derive(Debug)]
pub(crate) struct Watched<P> {
    inner: P,
    log: Log,
    clock: Option<Sim>,
    deadline: Option<Instant>,
    /// Unread bytes at the end of the last call.
    left: usize,
    over: bool,
}

impl<P: Protocol> Watched<P> {
    pub(crate) fn new(inner: P, log: Log) -> Self {
        Self { inner, log, clock: None, deadline: None, left: 0, over: false }
    }

    pub(crate) fn with_clock(mut self, sim: &Sim) -> Self {
        self.clock = Some(sim.clone());
        self
    }

    fn before(&mut self, call: Call, link: &Link) {
        let times = self.log.note(call);
        let once = match call {
            Call::Made | Call::EofReceived | Call::Shutdown | Call::Lost(_) => true,
            Call::DataReceived | Call::DeadlineReached | Call::Worked => false,
        };
        if once && times > 0 {
            self.log.fault(format!("{call:?} for the second time"));
        }
        if self.over {
            self.log.fault(format!("{call:?} after the connection was to close"));
        }
        if call != Call::Made && self.log.count(Call::Made) == 0 {
            self.log.fault(format!("{call:?} before the connection was made"));
        }
        if let Some(at) = self.deadline
            && link.now().mono > at + LATE
            && call == Call::Worked
        {
            self.log.fault(format!("the deadline {at:?} was not told by {:?}", link.now().mono));
        }
    }

    fn after(&mut self, link: &Link, failed: bool) {
        self.deadline = link.deadline();
        self.left = link.inbound.len();
        self.over = failed || link.is_closing();
    }
}

impl<P: Protocol> Protocol for Watched<P> {
    type Error = P::Error;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), P::Error> {
        self.before(Call::Made, link);
        let result = self.inner.connection_made(link);
        self.after(link, result.is_err());
        result
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), P::Error> {
        self.before(Call::DataReceived, link);
        if self.log.count(Call::EofReceived) > 0 {
            self.log.fault("data after the end");
        }
        if link.inbound.len() <= self.left {
            self.log.fault(format!("{} bytes after {}: none is new", link.inbound.len(), self.left));
        }
        let room = link.inbound_room() + link.inbound.len();
        if link.inbound.len() > room {
            self.log.fault(format!("{} bytes where {room} are allowed", link.inbound.len()));
        }
        let result = self.inner.data_received(link);
        self.after(link, result.is_err());
        result
    }

    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), P::Error> {
        self.before(Call::EofReceived, link);
        let result = self.inner.eof_received(link, how);
        self.after(link, result.is_err());
        result
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), P::Error> {
        self.before(Call::DeadlineReached, link);
        let now = link.now().mono;
        match self.deadline {
            Some(at) if at <= now && now <= at + LATE => {}
            other => self.log.fault(format!("called at {now:?} for the deadline {other:?}")),
        }
        if link.deadline().is_some() {
            self.log.fault("the deadline was not cleared before it was told");
        }
        let result = self.inner.deadline_reached(link);
        self.after(link, result.is_err());
        result
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, P::Error> {
        self.before(Call::Worked, link);
        let result = self.inner.poll_work(cx, link);
        self.after(link, result.is_err());
        result
    }

    fn shutdown(&mut self, link: &mut Link) {
        self.before(Call::Shutdown, link);
        self.inner.shutdown(link);
        self.after(link, false);
    }

    fn connection_lost(&mut self, cause: Lost) {
        self.log.note(Call::Lost(cause));
        let at = self.clock.as_ref().map_or(Instant::default(), now_of);
        let twice = self.log.with(|state| state.lost.replace((cause, at)).is_some());
        if twice {
            self.log.fault("lost for the second time");
        }
        self.inner.connection_lost(cause);
    }
}

fn now_of(sim: &Sim) -> Instant {
    Instant::default() + sim.elapsed()
}

/// Answers the byte n, after n/4 seconds, with 50 n + 1 bytes of the value n; one request at a time.
#[derive(Debug)]
pub(crate) struct Answers {
    sim: Sim,
    queue: VecDeque<u8>,
    current: Option<(u8, SimSleep)>,
    /// Bytes of the current answer that are still to be written, and their value.
    owed: (usize, u8),
    ending: bool,
}

impl Answers {
    pub(crate) fn new(sim: &Sim) -> Self {
        Self { sim: sim.clone(), queue: VecDeque::new(), current: None, owed: (0, 0), ending: false }
    }

    pub(crate) fn expected(requests: &[u8]) -> Vec<u8> {
        requests.iter().flat_map(|&n| vec![n; 50 * usize::from(n) + 1]).collect()
    }

    fn end_if_done(&mut self, link: &mut Link) {
        let done = self.queue.is_empty() && self.current.is_none() && self.owed.0 == 0;
        if self.ending && done && link.inbound.is_empty() {
            link.close();
        }
    }
}

impl Protocol for Answers {
    type Error = Infallible;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.allow(3);
        Ok(())
    }

    /// Takes nothing: requests wait in the link until it is their turn.
    fn data_received(&mut self, _: &mut Link) -> Result<(), Infallible> {
        Ok(())
    }

    fn eof_received(&mut self, link: &mut Link, _: Eof) -> Result<(), Infallible> {
        self.ending = true;
        self.end_if_done(link);
        Ok(())
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        loop {
            while self.owed.0 > 0 && link.can_write() {
                let n = self.owed.0.min(link.outbound.room()).min(64);
                link.outbound.write_slice(&vec![self.owed.1; n]);
                self.owed.0 -= n;
            }
            if self.owed.0 > 0 {
                return Ok(Work::Waiting);
            }
            if let Some((n, sleep)) = &mut self.current {
                match Pin::new(sleep).poll(cx) {
                    Poll::Pending => return Ok(Work::Waiting),
                    Poll::Ready(()) => {
                        self.owed = (50 * usize::from(*n) + 1, *n);
                        self.current = None;
                        continue;
                    }
                }
            }
            if self.queue.is_empty() && !link.inbound.is_empty() {
                let next = link.inbound.split_to(1);
                self.queue.push_back(next[0]);
            }
            match self.queue.pop_front() {
                Some(n) => {
                    let pause = Duration::from_millis(250) * u32::from(n);
                    self.current = Some((n, self.sim.sleep(pause)));
                }
                None => {
                    self.end_if_done(link);
                    return Ok(Work::Waiting);
                }
            }
        }
    }

    fn shutdown(&mut self, link: &mut Link) {
        self.ending = true;
        self.end_if_done(link);
    }
}

/// Says "bye" and closes when nothing came for a while.
#[derive(Debug)]
pub(crate) struct Idle {
    after: Duration,
}

impl Idle {
    pub(crate) fn new(after: Duration) -> Self {
        Self { after }
    }
}

impl Protocol for Idle {
    type Error = Infallible;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.set_deadline(Some(link.now().mono + self.after));
        Ok(())
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.inbound.clear();
        link.set_deadline(Some(link.now().mono + self.after));
        Ok(())
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Infallible> {
        link.write(&b"bye"[..]);
        link.close();
        Ok(())
    }
}

/// Fails at the n-th byte, with last words, and leaves a deadline behind.
#[derive(Debug)]
pub(crate) struct Failing {
    at: usize,
    words: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as planned")
    }
}

impl std::error::Error for Failure {}

impl Failing {
    pub(crate) fn new(at: usize, words: Vec<u8>) -> Self {
        Self { at, words }
    }
}

impl Protocol for Failing {
    type Error = Failure;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Failure> {
        link.set_deadline(Some(link.now().mono + Duration::from_millis(500)));
        Ok(())
    }

    fn data_received(&mut self, link: &mut Link) -> Result<(), Failure> {
        if link.inbound.len() < self.at {
            return Ok(());
        }
        link.write(std::mem::take(&mut self.words));
        Err(Failure)
    }
}

/// Writes without being asked, as long as there is room (L8).
#[derive(Debug)]
pub(crate) struct Talker {
    left: usize,
    limit: usize,
}

impl Talker {
    pub(crate) const CHUNK: usize = 100;

    /// `limit`: how many bytes may ever wait to be sent.
    pub(crate) fn new(bytes: usize, limit: usize) -> Self {
        Self { left: bytes, limit }
    }
}

impl Protocol for Talker {
    type Error = Failure;

    fn data_received(&mut self, link: &mut Link) -> Result<(), Failure> {
        link.inbound.clear();
        Ok(())
    }

    fn poll_work(&mut self, _: &mut Context<'_>, link: &mut Link) -> Result<Work, Failure> {
        while link.can_write() && self.left > 0 {
            let n = self.left.min(Self::CHUNK);
            link.outbound.write_slice(&[b't'; Self::CHUNK][..n]);
            self.left -= n;
        }
        if link.outbound.len() > self.limit {
            return Err(Failure);
        }
        if self.left == 0 {
            link.close();
        }
        Ok(Work::Waiting)
    }
}
