//! A row of the table: what the server does, and what must come of it.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyloop::client::{Cause, Error, Phase, Timeouts};
use anyloop_core::head::Method;
use socket2::SockRef;

use crate::script::Line;

/// A time that is over soon.
const SHORT: Duration = Duration::from_millis(60);
/// Between two pieces of something that comes slowly; less than [`SHORT`], so that only the whole is late.
const PAUSE: Duration = Duration::from_millis(3);

/// The status and the body of a response, or why there is none.
pub(crate) type Seen = Result<(u16, String), Box<Error>>;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What the server sends once the request is whole.
    pub(crate) before: &'static [u8],
    /// What it does then.
    pub(crate) act: Act,
    /// Fields that the request has.
    pub(crate) asks: &'static [(&'static str, &'static str)],
    pub(crate) times: Times,
    /// Whole connections that are left.
    pub(crate) kept: usize,
    only: Option<Method>,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Closes in order.
    End,
    /// Closes with a reset.
    Reset,
    /// Waits for the peer to close.
    Hold,
    /// Sends this again and again, as fast as it can.
    Flood(&'static [u8]),
    /// Sends this again and again, slowly.
    Drip(&'static [u8]),
    /// Sends what is made of a function, then closes in order.
    Send(fn() -> Vec<u8>),
}

/// The time that is short.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    None,
    Head,
    BetweenBytes,
    Rate,
    Total,
}

enum Outcome {
    Fails(Fault),
    /// The response with this status and body.
    Answers(u16, &'static str),
}

/// An error: phase, cause, and whether the request may be sent again.
pub(crate) struct Fault {
    phase: Phase,
    is_cause: fn(&Cause) -> bool,
    again: Again,
}

#[derive(Clone, Copy)]
pub(crate) enum Again {
    /// Nothing was sent to whom the error is about.
    Always,
    /// The server may have acted upon the request.
    IfIdempotent,
    Never,
}

impl Fault {
    pub(crate) const fn new(phase: Phase, again: Again, is_cause: fn(&Cause) -> bool) -> Self {
        Self { phase, is_cause, again }
    }

    fn is(&self, error: &Error, method: Method) -> bool {
        let again = match self.again {
            Again::Always => true,
            Again::IfIdempotent => method.is_idempotent(),
            Again::Never => false,
        };
        let is_whole = error.url().is_some() && !error.to_string().contains(['\r', '\n']);
        is_whole
            && (error.phase(), error.is_retry_safe()) == (self.phase, again)
            && (self.is_cause)(error.cause())
    }
}

impl Row {
    const fn new(name: &'static str, before: &'static [u8], act: Act, outcome: Outcome) -> Self {
        Self { name, before, act, asks: &[], times: Times::None, kept: 0, only: None, outcome }
    }

    pub(crate) const fn fails(name: &'static str, before: &'static [u8], act: Act, fault: Fault) -> Self {
        Self::new(name, before, act, Outcome::Fails(fault))
    }

    /// A behaviour that hurts nobody: the response counts, and its connection does not live on.
    pub(crate) const fn answers(
        name: &'static str,
        before: &'static [u8],
        act: Act,
        status: u16,
        body: &'static str,
    ) -> Self {
        Self::new(name, before, act, Outcome::Answers(status, body))
    }

    pub(crate) const fn asking(mut self, asks: &'static [(&'static str, &'static str)]) -> Self {
        self.asks = asks;
        self
    }

    pub(crate) const fn within(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    pub(crate) const fn by(mut self, method: Method) -> Self {
        self.only = Some(method);
        self
    }

    pub(crate) const fn keeps(mut self, kept: usize) -> Self {
        self.kept = kept;
        self
    }

    pub(crate) fn methods(&self) -> Vec<Method> {
        self.only.map_or_else(|| vec![Method::GET, Method::POST], |method| vec![method])
    }

    /// Says what is not as the row wants it.
    pub(crate) fn judge(&self, seen: &Seen, method: Method) -> Result<(), String> {
        match (&self.outcome, seen) {
            (Outcome::Answers(status, body), Ok(found)) if (*status, *body) == (found.0, &found.1) => Ok(()),
            (Outcome::Fails(fault), Err(error)) if fault.is(error, method) => Ok(()),
            (Outcome::Answers(..) | Outcome::Fails(_), seen) => Err(format!("{seen:?}")),
        }
    }
}

impl Act {
    pub(crate) fn run(self, line: &mut Line) {
        match self {
            Self::End => {}
            Self::Reset => {
                SockRef::from(&*line.stream()).set_linger(Some(Duration::ZERO)).expect("a socket");
            }
            Self::Hold => line.wait_for_end(),
            Self::Flood(bytes) => while line.stream().write_all(bytes).is_ok() {},
            Self::Drip(bytes) => {
                while line.stream().write_all(bytes).is_ok() {
                    thread::sleep(PAUSE);
                }
            }
            Self::Send(make) => line.send(&make()),
        }
    }
}

impl Times {
    pub(crate) fn timeouts(self) -> Timeouts {
        let mut timeouts = Timeouts::default();
        match self {
            Self::None => {}
            Self::Head => timeouts.head = Some(SHORT),
            Self::BetweenBytes => timeouts.between_bytes = Some(SHORT),
            Self::Rate => (timeouts.min_rate, timeouts.rate_grace) = (1_000_000, SHORT),
            Self::Total => timeouts.total = Some(2 * SHORT),
        }
        timeouts
    }
}
