//! The wrapper: one link outside, one inside.

use core::fmt;
use core::mem;
use core::task::Context;
use core::time::Duration;

use alloc::boxed::Box;
use alloc::sync::Arc;
use std::sync::OnceLock;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ServerConfig};

use super::establish::Watch;
use super::plain_http::{self, Looks};
use super::session::{Ends, Session, Step};
use super::{Error, Establish, Failed, Ready};
use crate::driver::spares::{Fit, Parked};
use crate::head::HeaderValue;
use crate::link::{DEFAULT_INBOUND, Link};
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::time::{Instant, Now};

/// How long a handshake may take unless [`Tls::with_handshake_timeout`] says otherwise: 10 s.
pub const DEFAULT_HANDSHAKE: Duration = Duration::from_secs(10);
/// The high-water mark of the output of the protocol inside, in bytes.
pub const INNER_HIGH_WATER: usize = 16 * 1024;
/// The most bytes that the records of one handshake message may have together. rustls takes messages of up to 65,535
/// bytes.
pub const MAX_MESSAGE: usize = 68 * 1024;
/// How much ciphertext may wait: two of the longest records (RFC 5246 §6.2.3).
const RECORDS: usize = 2 * (5 + 16 * 1024 + 2048);

/// How long a peer that shook hands during a shutdown may take to say what it came for.
const FIRST_DATA: Duration = Duration::from_millis(250);

/// A protocol inside TLS.
///
/// `M` makes it when the handshake is done: a closure that takes what was [`Negotiated`](super::Negotiated), or
/// [`Ready`](super::Ready).
pub struct Tls<M: Establish> {
    session: Option<Box<Session>>,
    inner: Inner<M>,
    /// The inner link, between two calls.
    parked: Parked,
    fit: Fit,
    /// How many bytes at the front of the outer input rustls has looked at and wants to see again with more behind them.
    seen: usize,
    heard: Heard,
    /// Whether plaintext came that the inner protocol has not been told of.
    fresh: bool,
    peer: PeerSide,
    transport: Transport,
    notice: Notice,
    /// Until when the handshake must be done; in a shutdown, until when the first data must come after it.
    deadline: Option<Instant>,
    timeout: Duration,
    plain_http: PlainHttp,
    fate: Fate<Inside<M>>,
    report: Report,
}

enum Inner<M: Establish> {
    Waiting(M),
    Open(M::Protocol),
    /// While it is being made.
    Gone,
}

/// What the peer still owes the inner protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerSide {
    Open,
    /// It ended; the inner protocol is to be told.
    Ended(Eof),
    Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Open,
    Ended,
    Lost,
}

/// What the peer sent so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Nothing,
    /// Of the handshake.
    Something,
    /// For the inner protocol.
    Data,
}

/// Whether the inner protocol knows that the server is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    None,
    Due,
    Told,
}

/// Whether a client that speaks HTTP in the clear gets an answer that it understands.
enum PlainHttp {
    /// Not yet known whether it does. The answer names this server.
    Answer(Option<HeaderValue>),
    Never,
}

/// Whether bytes moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    Yes,
    No,
}

/// The errors of the inner protocol.
type Inside<M> = <<M as Establish>::Protocol as Protocol>::Error;

/// How the connection fares.
enum Fate<E> {
    Fine,
    /// The inner protocol failed; what it queued leaves first.
    Failing(E),
    /// The error was returned.
    Failed,
}

/// Tells why a connection failed, to those who hold no part of it.
///
/// A driver drops the errors of its protocol; whoever waits for an answer wants to know that it was the certificate.
#[derive(Clone, Debug, Default)]
pub struct Report(Arc<OnceLock<Error>>);

impl Report {
    /// Returns the error, once there is one. It is there before the protocol inside hears of the end.
    pub fn error(&self) -> Option<&Error> {
        self.0.get()
    }
}

impl<P: Protocol> Tls<Ready<P>> {
    /// Lends the protocol inside, which is there before the handshake is done.
    pub fn protocol(&mut self) -> &mut P {
        match &mut self.inner {
            Inner::Waiting(Ready(inner)) | Inner::Open(inner) => inner,
            Inner::Gone => unreachable!("`Ready` is taken apart without a call that could fail"),
        }
    }
}

impl<M: Establish> Tls<M> {
    /// Makes the server's side of a connection.
    pub fn server(config: &ServerConfig, make: M) -> Self {
        let asked_for = Arc::default();
        let mut config = config.clone();
        let resolver = config.cert_resolver;
        config.cert_resolver = Arc::new(Watch { resolver, asked_for: Arc::clone(&asked_for) });
        let tls = UnbufferedServerConnection::new(Arc::new(config));
        Self::new(tls.map(|tls| Session::Server { tls, asked_for }), make)
    }

    /// Makes the client's side of a connection, to the server of this name.
    pub fn client(config: Arc<ClientConfig>, server: ServerName<'static>, make: M) -> Self {
        Self::new(UnbufferedClientConnection::new(config, server).map(Session::Client), make)
    }

    /// What is wrong with a configuration shows when the connection begins.
    fn new(session: Result<Session, rustls::Error>, make: M) -> Self {
        let report = Report::default();
        let session = match session {
            Ok(session) => Some(Box::new(session)),
            Err(error) => {
                report.0.get_or_init(|| error.into());
                None
            }
        };
        Self {
            session,
            inner: Inner::Waiting(make),
            parked: Parked::default(),
            fit: Fit::Large,
            seen: 0,
            heard: Heard::Nothing,
            fresh: false,
            peer: PeerSide::Open,
            transport: Transport::Open,
            notice: Notice::None,
            deadline: None,
            timeout: DEFAULT_HANDSHAKE,
            plain_http: PlainHttp::Never,
            fate: Fate::Fine,
            report,
        }
    }

    /// Sets how long the handshake may take, from the connection's first moment on.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Answers a client that speaks HTTP in the clear with 400 in the clear, which names the server when asked to. For the
    /// server's side, where HTTP is what is expected inside.
    #[must_use]
    pub fn with_plain_http_answer(mut self, server: Option<HeaderValue>) -> Self {
        self.plain_http = PlainHttp::Answer(server);
        self
    }

    /// Returns a handle that tells later why the connection failed, if it did.
    pub fn report(&self) -> Report {
        self.report.clone()
    }

    /// Whether the handshake is still to be done.
    pub fn is_handshaking(&self) -> bool {
        matches!(self.inner, Inner::Waiting(_))
    }

    /// Whether plaintext can be taken: ciphertext is taken only then.
    fn takes_plain(&self, inner: &Link) -> bool {
        inner.wants_read() && self.peer == PeerSide::Open
    }

    /// Moves bytes both ways and tells the inner protocol what came, until nothing moves. Returns whether anything did.
    fn run(&mut self, inner: &mut Link, outer: &mut Link) -> Result<bool, Failed<Inside<M>>> {
        if outer.is_closing() || inner.is_aborted() {
            return Ok(false);
        }
        let mut moved = false;
        loop {
            let exchanged = self.exchange(inner, outer);
            // What came before the fault counts.
            let told = self.tell(inner);
            let exchanged = exchanged.map_err(|error| self.fail(error))?;
            moved |= told || exchanged == Moved::Yes;
            if !told {
                return Ok(moved);
            }
        }
    }

    fn fail(&mut self, error: Error) -> Failed<Inside<M>> {
        self.report.0.get_or_init(|| error.clone());
        self.fate = Fate::Failed;
        error.into()
    }

    /// Whether the first bytes look like HTTP in the clear, which is answered.
    fn look_for_http(&mut self, outer: &mut Link) -> Result<Looks, Error> {
        let PlainHttp::Answer(server) = &self.plain_http else { return Ok(Looks::Otherwise) };
        let looks = plain_http::look(&outer.inbound);
        match looks {
            Looks::Undecided => {}
            Looks::Otherwise => self.plain_http = PlainHttp::Never,
            Looks::LikeHttp => {
                let now = outer.now().unix_secs;
                plain_http::answer(&mut outer.outbound, server.as_ref(), now);
                return Err(Error::PlainHttp);
            }
        }
        Ok(looks)
    }

    /// Takes records while there is room for what is in them, and sends what is there to be sent.
    fn exchange(&mut self, inner: &mut Link, outer: &mut Link) -> Result<Moved, Error> {
        if let Fate::Failed = self.fate {
            return Err(Error::Over);
        }
        if self.look_for_http(outer)? == Looks::Undecided {
            return self.rest(inner, outer).map(|()| Moved::No);
        }
        let mut moved = Moved::No;
        let mut again = self.is_handshaking();
        loop {
            let limit = if self.takes_plain(inner) { outer.inbound.len() } else { self.seen };
            let ends = inner.is_closing() && matches!(self.fate, Fate::Fine);
            let Some(session) = &mut self.session else {
                return Err(self.report.error().cloned().unwrap_or(Error::Over));
            };
            let mut sides = Ends { inner, fit: &mut self.fit, out: &mut outer.outbound, ends };
            // Most turns bring nothing new to one side or to both, and asking rustls costs more than looking.
            if !again && limit == self.seen && !sides.can_send() && !session.wants_write() {
                self.rest(inner, outer)?;
                return Ok(moved);
            }
            let (left, step) = session.step(&mut outer.inbound, limit, &mut sides);
            self.seen = left;
            again = matches!(step, Ok(Step::Again | Step::PeerClosed));
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Plain) => {
                    // Data come only where no handshake message has begun, so that rustls holds on to nothing.
                    self.seen = 0;
                    self.fresh = true;
                    moved = Moved::Yes;
                }
                Ok(Step::PeerClosed) => {
                    self.end_peer(Eof::Clean, outer);
                    moved = Moved::Yes;
                }
                Ok(Step::Waiting { sent }) => {
                    self.rest(inner, outer)?;
                    return Ok(if sent > 0 { Moved::Yes } else { moved });
                }
                Ok(Step::Ended) => {
                    close_behind(inner, outer);
                    return Ok(Moved::Yes);
                }
                Err(error) => {
                    session.last_words(&mut outer.inbound, &mut outer.outbound);
                    return Err(error);
                }
            }
        }
    }

    /// The peer sends no more; what it sent behind its last word is not looked at (RFC 8446 §6.1).
    fn end_peer(&mut self, how: Eof, outer: &mut Link) {
        self.peer = PeerSide::Ended(how);
        outer.inbound.clear();
        self.seen = 0;
    }

    /// Nothing more can be done with what came: is it all that will come, or more than may come?
    fn rest(&mut self, inner: &Link, outer: &mut Link) -> Result<(), Error> {
        if self.transport == Transport::Ended && self.takes_plain(inner) {
            if self.is_handshaking() {
                return Err(Error::HandshakeCut);
            }
            self.end_peer(Eof::Cut, outer);
        }
        if self.seen >= MAX_MESSAGE { Err(Error::MessageTooLarge) } else { Ok(()) }
    }

    /// Makes the inner protocol when it is time, and tells it what happened. Returns whether it was told anything.
    fn tell(&mut self, inner: &mut Link) -> bool {
        let mut told = self.establish(inner);
        if mem::take(&mut self.fresh) {
            self.heard = Heard::Data;
            told |= self.call(inner, M::Protocol::data_received);
            self.give_notice(inner);
        }
        if let PeerSide::Ended(how) = self.peer {
            self.peer = PeerSide::Told;
            told |= self.call(inner, |protocol, link| protocol.eof_received(link, how));
            self.give_notice(inner);
        }
        told
    }

    fn establish(&mut self, inner: &mut Link) -> bool {
        // A protocol that is there is not even moved: this is asked for each request.
        let Inner::Waiting(_) = self.inner else { return false };
        let Some(session) = self.session.as_ref().filter(|session| !session.is_handshaking()) else {
            return false;
        };
        let Inner::Waiting(make) = mem::replace(&mut self.inner, Inner::Gone) else { return false };
        self.inner = Inner::Open(make.establish(session.negotiated()));
        self.deadline = match self.notice {
            Notice::Due => Some(inner.now().mono + FIRST_DATA),
            Notice::None | Notice::Told => None,
        };
        self.call(inner, M::Protocol::connection_made)
    }

    /// Calls the inner protocol, if it is there and has not closed. Returns whether it was called.
    fn call(
        &mut self,
        inner: &mut Link,
        f: impl FnOnce(&mut M::Protocol, &mut Link) -> Result<(), Inside<M>>,
    ) -> bool {
        let Inner::Open(protocol) = &mut self.inner else { return false };
        if inner.is_closing() {
            return false;
        }
        if let Err(error) = f(protocol, inner) {
            self.fate = Fate::Failing(error);
            inner.close();
        }
        true
    }

    /// Tells the inner protocol of the shutdown, if that was kept back.
    fn give_notice(&mut self, inner: &mut Link) {
        if self.notice == Notice::Due {
            self.notice = Notice::Told;
            self.deadline = None;
            self.call(inner, |protocol, link| {
                protocol.shutdown(link);
                Ok(())
            });
        }
    }

    /// Passes on to the outer link what the inner one asks for.
    fn settle(&mut self, inner: &Link, outer: &mut Link) -> Result<(), Failed<Inside<M>>> {
        if inner.is_aborted() {
            outer.abort();
            return Ok(());
        }
        if inner.outbound.is_empty() && matches!(self.fate, Fate::Failing(_)) {
            return match mem::replace(&mut self.fate, Fate::Failed) {
                Fate::Failing(error) => Err(Failed::Inner(error)),
                Fate::Fine | Fate::Failed => Ok(()),
            };
        }
        let due = inner.deadline().filter(|_| !inner.is_closing());
        outer.set_deadline(self.deadline.into_iter().chain(due).min());
        outer.allow(match self.peer {
            PeerSide::Open if self.seen >= RECORDS => MAX_MESSAGE,
            PeerSide::Open if !outer.inbound.is_empty() => RECORDS,
            PeerSide::Open => DEFAULT_INBOUND,
            PeerSide::Ended(_) | PeerSide::Told => 0,
        });
        Ok(())
    }

    /// The inner side of [`Protocol::poll_work`].
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        inner: &mut Link,
        outer: &mut Link,
    ) -> Result<Work, Failed<Inside<M>>> {
        let look = |link: &Link| {
            (link.inbound.len(), link.outbound.len(), link.wants_read(), link.is_closing(), link.is_aborted())
        };
        if !outer.inbound.is_empty() {
            self.heard = self.heard.max(Heard::Something);
        }
        let mut moved = self.run(inner, outer)?;
        let before = look(inner);
        self.call(inner, |protocol, link| {
            let work = protocol.poll_work(cx, link)?;
            moved |= work == Work::Again;
            Ok(())
        });
        let worked = look(inner) != before;
        if worked {
            self.run(inner, outer)?;
        }
        moved |= worked;
        self.settle(inner, outer)?;
        Ok(if moved { Work::Again } else { Work::Waiting })
    }

    fn on_deadline(&mut self, inner: &mut Link, outer: &mut Link) -> Result<(), Failed<Inside<M>>> {
        if self.deadline.is_some_and(|at| at <= outer.now().mono) {
            self.deadline = None;
            if self.is_handshaking() {
                return Err(self.fail(Error::HandshakeTimeout));
            }
            self.give_notice(inner);
        }
        if inner.take_due() {
            self.call(inner, M::Protocol::deadline_reached);
        }
        self.settle(inner, outer)
    }

    /// Runs `f` with the inner link, whose buffers are lent for that time.
    fn with_inner<T>(&mut self, now: Now, f: impl FnOnce(&mut Self, &mut Link) -> T) -> T {
        let mut inner = self.parked.lend(now, INNER_HIGH_WATER);
        let result = f(self, &mut inner);
        self.parked.park(inner, INNER_HIGH_WATER, &mut self.fit);
        result
    }
}

/// Our side ended behind the last byte of the inner protocol.
fn close_behind(inner: &Link, outer: &mut Link) {
    if inner.lingers() || !inner.inbound.is_empty() {
        outer.close_lingering();
    } else {
        outer.close();
    }
}

/// What comes is looked at in [`Protocol::poll_work`], which runs in the same turn.
impl<M: Establish> Protocol for Tls<M> {
    type Error = Failed<Inside<M>>;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        let at = link.now().mono + self.timeout;
        self.deadline = Some(at);
        link.set_deadline(Some(at));
        Ok(())
    }

    fn data_received(&mut self, _: &mut Link) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The end of the transport says nothing about the stream inside: that ends with `close_notify`.
    fn eof_received(&mut self, _: &mut Link, _: Eof) -> Result<(), Self::Error> {
        self.transport = Transport::Ended;
        Ok(())
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Self::Error> {
        self.with_inner(link.now(), |this, inner| this.on_deadline(inner, link))
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Self::Error> {
        self.with_inner(link.now(), |this, inner| this.turn(cx, inner, link))
    }

    /// A handshake that has begun is finished, and the peer may then say what it came for, if it does so at once.
    fn shutdown(&mut self, link: &mut Link) {
        self.notice = Notice::Due;
        match self.heard {
            Heard::Nothing if link.inbound.is_empty() => link.close(),
            Heard::Data => self.with_inner(link.now(), Self::give_notice),
            Heard::Nothing | Heard::Something if self.is_handshaking() => {}
            Heard::Nothing | Heard::Something => {
                self.deadline = Some(link.now().mono + FIRST_DATA);
                link.set_deadline(link.deadline().into_iter().chain(self.deadline).min());
            }
        }
    }

    fn connection_lost(&mut self, cause: Lost) {
        if mem::replace(&mut self.transport, Transport::Lost) == Transport::Lost {
            return;
        }
        match &mut self.inner {
            Inner::Waiting(make) => make.lost(cause),
            Inner::Open(inner) => inner.connection_lost(cause),
            Inner::Gone => {}
        }
    }
}

impl<M: Establish> fmt::Debug for Tls<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("is_handshaking", &self.is_handshaking())
            .field("peer", &self.peer)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
