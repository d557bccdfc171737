//! What all connections of a server share.

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::body::BodyError;
use crate::error::Error;
use crate::head::HeaderValue;
use crate::limits::{Limits, Timeouts};
use crate::service::{IntoResponse, Response, Scheme};
use crate::time::Instant;

type ErrorPage = dyn Fn(Error) -> Response + Send + Sync;

/// The settings of a server's HTTP side.
#[derive(Clone)]
pub struct Config {
    /// Bounds on what a peer may send.
    pub limits: Arc<Limits>,
    /// Bounds on how long things may take.
    pub timeouts: Arc<Timeouts>,
    /// The value of the `Server` field; `None` leaves it out.
    pub server: Option<HeaderValue>,
    /// How requests reach this server.
    pub scheme: Scheme,
    /// Whether handlers are watched; `None` costs nothing.
    pub debug: Option<Arc<Debug>>,
    error_page: Option<Arc<ErrorPage>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Arc::default(),
            timeouts: Arc::default(),
            server: Some(HeaderValue::from_static("almost-an-nginx")),
            scheme: Scheme::Http,
            debug: None,
            error_page: None,
        }
    }
}

impl Config {
    /// Replaces the answers to requests that break the protocol.
    ///
    /// The default is the fault's status with its text as `text/plain`. The connection closes after the answer in any
    /// case.
    pub fn set_error_page(&mut self, page: impl Fn(Error) -> Response + Send + Sync + 'static) {
        self.error_page = Some(Arc::new(page));
    }

    pub(super) fn error_response(&self, error: Error) -> Response {
        match &self.error_page {
            Some(page) => page(error),
            None => error.into_response(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("server", &self.server)
            .field("scheme", &self.scheme)
            .field("debug", &self.debug.is_some())
            .finish_non_exhaustive()
    }
}

/// What the debug mode saw.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DebugEvent<'a> {
    /// One poll of a handler took longer than 100 ms: it blocks its event loop.
    SlowPoll {
        /// Its method and route.
        handler: &'a str,
        /// How long.
        took: Duration,
    },
    /// A handler panicked.
    Panicked {
        /// Its method and route.
        handler: &'a str,
    },
    /// A response's body failed after its head was sent; no client can be told.
    BodyFailed {
        /// Its method and route.
        handler: &'a str,
        /// The error.
        error: &'a BodyError,
    },
    /// A request's body was not read to its end, whether all of it had come or not.
    BodyNotConsumed {
        /// The method and route of the handler.
        handler: &'a str,
    },
    /// A shutdown ran out of time with connections alive, and dropped them.
    AliveAtExit {
        /// How many, on one worker.
        connections: usize,
    },
    /// A handler was dropped before it answered: its connection ended, or it took too long.
    Cancelled {
        /// Its method and route.
        handler: &'a str,
    },
}

impl fmt::Display for DebugEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlowPoll { handler, took } => {
                write!(f, "{handler}: one poll took {} ms; it holds up its event loop", took.as_millis())
            }
            Self::Panicked { handler } => write!(f, "{handler}: panicked"),
            Self::BodyFailed { handler, error } => {
                write!(f, "{handler}: the response was cut short: {error}")
            }
            Self::BodyNotConsumed { handler } => {
                write!(f, "{handler}: the request body was not read to its end")
            }
            Self::AliveAtExit { connections } => {
                let noun = if *connections == 1 { "connection" } else { "connections" };
                write!(f, "{connections} {noun} alive at exit, dropped")
            }
            Self::Cancelled { handler } => write!(f, "{handler}: dropped before it answered"),
        }
    }
}

/// The debug mode: a clock to time handlers with, and somebody to tell.
pub struct Debug {
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    report: Box<dyn Fn(&DebugEvent<'_>) + Send + Sync>,
}

impl Debug {
    /// From which time on a poll of a handler is reported.
    pub const SLOW_POLL: Duration = Duration::from_millis(100);

    /// Watches with this clock and tells this function.
    pub fn new(
        clock: impl Fn() -> Instant + Send + Sync + 'static,
        report: impl Fn(&DebugEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { clock: Box::new(clock), report: Box::new(report) }
    }

    pub(super) fn now(&self) -> Instant {
        (self.clock)()
    }

    pub(crate) fn report(&self, event: &DebugEvent<'_>) {
        (self.report)(event);
    }
}

impl fmt::Debug for Debug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debug").finish_non_exhaustive()
    }
}
