//! The client's side of a connection: a codec below, and above it whoever asks.

mod config;
mod fault;
mod upload;
mod waits;

use core::convert::Infallible;
use core::fmt;
use core::task::Context;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bytes::Bytes;

pub use config::{Config, Timeouts};
pub use fault::{Fault, Kind, Phase, Timeout};
use upload::Upload;
use waits::{Due, Waits};

use crate::body::Body;
use crate::codec::{self, BodyKind, Codec, Event, StreamId};
use crate::error::Error;
use crate::h1;
use crate::head::{Headers, Known, RequestHead, ResponseHead, Status, Version};
use crate::link::{Link, Outbound};
use crate::protocol::{Eof, Protocol, Work};
use crate::time::Instant;

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing is asked.
    Idle,
    /// The head is to come.
    Head,
    /// The body comes.
    Body,
    /// The bytes of a tunnel come.
    Tunnel,
    /// All came.
    Whole,
}

/// Whether interim responses are kept for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interims {
    Drop,
    Keep,
}

/// Whether something came or changed since the codec was asked for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    None,
    Some,
}

/// A request on its way.
#[derive(Debug)]
struct Request {
    head: RequestHead,
    /// The body once more, while nothing of it is lost.
    again: Option<Body>,
}

/// Speaks one exchange after the other on a connection.
///
/// Its owner polls the connection itself, with [`Driver::poll_lost`](crate::driver::Driver::poll_lost) for instance: no
/// task, no channel, no lock. It starts an exchange, polls, and takes what came: interim responses, the head, chunks of the
/// body. What is not taken stops the server from sending more. The body of the request is pulled while there is room for
/// it (law L8), also while the response comes.
///
/// ```
/// use anyloop_core::body::Body;
/// use anyloop_core::head::{Method, RequestHead, Target};
/// use anyloop_core::link::Link;
/// use anyloop_core::protocol::Protocol;
/// use anyloop_core::pump::Client;
/// use anyloop_core::time::Now;
/// use std::sync::Arc;
/// use std::task::{Context, Waker};
///
/// let mut client = Client::new(Arc::default());
/// let mut link = Link::new(Now::default());
/// let cx = &mut Context::from_waker(Waker::noop());
/// let mut head = RequestHead::new(Method::GET, Target::try_from("/")?);
/// head.headers.append("host", "example.com")?;
///
/// client.start(head, Body::empty());
/// client.poll_work(cx, &mut link)?;
/// assert_eq!(link.outbound.pop_front().unwrap(), "GET / HTTP/1.1\r\nhost: example.com\r\n\r\n");
///
/// link.inbound.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
/// client.data_received(&mut link)?;
/// client.poll_work(cx, &mut link)?;
/// let (head, _) = client.take_head().unwrap();
/// assert_eq!((head.status.code(), client.take_chunk().unwrap()), (200, "hello".into()));
/// assert!(client.is_whole() && client.is_reusable());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<C = h1::Client> {
    codec: C,
    config: Arc<Config>,
    request: Option<Request>,
    upload: Upload,
    stream: StreamId,
    progress: Progress,
    response: Option<(ResponseHead, BodyKind)>,
    chunks: VecDeque<Bytes>,
    /// Bytes that the owner took and that were not granted again so far.
    taken: usize,
    trailers: Option<Box<Headers>>,
    interims: VecDeque<ResponseHead>,
    keeps: Interims,
    waits: Waits,
    /// When the exchange is to be over, whatever its timeouts say.
    end_at: Option<Instant>,
    fault: Option<Fault>,
    /// How many exchanges began.
    exchanges: u64,
    /// Whether a byte came since the request began.
    heard: bool,
    news: News,
    /// Bytes that the link had to send when it was last looked at.
    unsent: usize,
    /// Whether the connection was polled since the exchange was started.
    is_fresh: bool,
}

impl Client {
    /// Makes the HTTP/1 client of a new connection.
    pub fn new(config: Arc<Config>) -> Self {
        let codec = h1::Client::new(Arc::clone(&config.limits));
        Self::with_codec(codec, config)
    }
}

impl<C: Codec<In = ResponseHead, Out = RequestHead>> Client<C> {
    /// Makes the client of a connection that speaks another HTTP version.
    pub fn with_codec(codec: C, config: Arc<Config>) -> Self {
        Self {
            codec,
            config,
            request: None,
            upload: Upload::Done,
            stream: StreamId::default(),
            progress: Progress::Idle,
            response: None,
            chunks: VecDeque::new(),
            taken: 0,
            trailers: None,
            interims: VecDeque::new(),
            keeps: Interims::Drop,
            waits: Waits::default(),
            end_at: None,
            fault: None,
            exchanges: 0,
            heard: false,
            news: News::None,
            unsent: 0,
            is_fresh: false,
        }
    }

    /// Begins an exchange: the request leaves with the next poll of the connection.
    ///
    /// What is left of the exchange before is forgotten. A connection that is not [`Client::is_reusable`] fails the
    /// exchange before a byte is sent.
    pub fn start(&mut self, head: RequestHead, body: Body) {
        self.request = Some(Request { head, again: None });
        self.upload = Upload::Queued(body);
        self.progress = Progress::Head;
        (self.response, self.trailers, self.fault, self.end_at) = (None, None, None, None);
        self.chunks.clear();
        self.interims.clear();
        (self.keeps, self.heard, self.taken) = (Interims::Drop, false, 0);
        self.exchanges += 1;
        self.is_fresh = true;
    }

    /// Sets the timeouts of the exchanges to come; the limits stay.
    pub fn configure(&mut self, config: &Arc<Config>) {
        self.config = Arc::clone(config);
    }

    /// Sets when the exchange that was started is to be over, at the latest: [`Timeouts::total`] may be sooner.
    pub fn end_at(&mut self, at: Instant) {
        self.end_at = Some(at);
    }

    /// Keeps the interim responses of this exchange for [`Client::take_interim`]. Without this they are dropped, but for
    /// what they mean to the exchange.
    pub fn keep_interims(&mut self) {
        self.keeps = Interims::Keep;
    }

    /// Takes the oldest interim response that was kept.
    pub fn take_interim(&mut self) -> Option<ResponseHead> {
        self.interims.pop_front()
    }

    /// Takes the head of the response, and what follows it, once it came.
    pub fn take_head(&mut self) -> Option<(ResponseHead, BodyKind)> {
        self.response.take()
    }

    /// Takes the next bytes of the body, or of the tunnel.
    pub fn take_chunk(&mut self) -> Option<Bytes> {
        let bytes = self.chunks.pop_front()?;
        self.taken += bytes.len();
        Some(bytes)
    }

    /// Whether all of the response came and was taken.
    pub fn is_whole(&self) -> bool {
        self.progress == Progress::Whole && self.response.is_none() && self.chunks.is_empty()
    }

    /// Returns the trailer section of a whole response.
    pub fn trailers(&self) -> Option<&Headers> {
        self.trailers.as_deref()
    }

    /// Takes what made the exchange fail.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Takes the request of a failed exchange back, with its body if nothing of that is lost.
    pub fn take_request(&mut self) -> Option<(RequestHead, Option<Body>)> {
        let request = self.request.take()?;
        let body = match core::mem::replace(&mut self.upload, Upload::Done) {
            Upload::Queued(body) | Upload::Held(body) => Some(body),
            Upload::Sending(..) | Upload::Tunnel(_) | Upload::Stopped | Upload::Done => request.again,
        };
        Some((request.head, body))
    }

    /// Returns how far the exchange has come.
    pub fn phase(&self) -> Phase {
        match (self.progress, &self.upload) {
            (Progress::Body | Progress::Tunnel | Progress::Whole, _) => Phase::Body,
            (Progress::Idle | Progress::Head, Upload::Queued(_) | Upload::Held(_) | Upload::Sending(..)) => {
                Phase::Write
            }
            (Progress::Idle | Progress::Head, Upload::Tunnel(_) | Upload::Stopped | Upload::Done) => {
                Phase::Head
            }
        }
    }

    /// Whether this is not the first exchange of the connection.
    pub fn is_reused(&self) -> bool {
        self.exchanges > 1
    }

    /// Whether a byte came since the request began.
    pub fn has_heard(&self) -> bool {
        self.heard
    }

    /// Whether another exchange may begin, as far as is known: nothing is owed, and neither side closes.
    pub fn is_reusable(&self) -> bool {
        let rests = match (self.progress, &self.upload) {
            (Progress::Idle, _) | (Progress::Whole, Upload::Done) => true,
            (Progress::Whole | Progress::Head | Progress::Body | Progress::Tunnel, _) => false,
        };
        rests && self.fault.is_none() && self.codec.phase() == codec::Phase::Idle
    }

    /// Says that nobody wants the rest of the response: it is read and dropped within
    /// [`Limits::drain_unread`](crate::limits::Limits::drain_unread) to keep the connection.
    pub fn discard(&mut self) {
        self.response = None;
        for chunk in self.chunks.drain(..) {
            self.taken += chunk.len();
        }
        self.codec.discard(self.stream, &mut Outbound::default());
        self.news = News::Some;
        if self.progress == Progress::Body {
            // The end of a body that nobody wants is no event.
            self.progress = Progress::Whole;
        }
    }

    /// Lends what is to leave through the tunnel; `None` when there is none, or when it was ended.
    pub fn tunnel(&mut self) -> Option<&mut Outbound> {
        match &mut self.upload {
            Upload::Tunnel(tunnel) => tunnel.outbound(),
            Upload::Queued(_) | Upload::Held(_) | Upload::Sending(..) | Upload::Stopped | Upload::Done => {
                None
            }
        }
    }

    /// Whether all that was written to the tunnel was handed to the event loop.
    pub fn is_flushed(&self) -> bool {
        let queue_is_empty = match &self.upload {
            Upload::Tunnel(tunnel) => tunnel.is_empty(),
            Upload::Queued(_) | Upload::Held(_) | Upload::Sending(..) => false,
            Upload::Stopped | Upload::Done => true,
        };
        queue_is_empty && self.unsent == 0
    }

    /// Ends our side of the tunnel, after all that was written.
    pub fn end_tunnel(&mut self) {
        if let Upload::Tunnel(tunnel) = &mut self.upload {
            tunnel.end();
        }
    }

    fn fail(&mut self, kind: Kind, link: &mut Link) {
        if self.fault.is_none() {
            self.fault = Some(Fault { phase: self.phase(), kind });
        }
        self.waits.end();
        link.abort();
    }

    /// Takes events until the codec has none, where there may be any.
    fn intake(&mut self, link: &mut Link) {
        let taken = core::mem::take(&mut self.taken);
        if taken > 0 {
            self.waits.granted(taken);
            self.codec.grant(self.stream, taken, &mut link.outbound);
        } else if self.news == News::None {
            return;
        }
        self.news = News::None;
        loop {
            match self.codec.next_event(&mut link.inbound, &mut link.outbound) {
                Ok(Some(event)) => self.on_event(event),
                Ok(None) => return,
                Err(error) => return self.on_error(error, link),
            }
        }
    }

    fn on_event(&mut self, event: Event<ResponseHead>) {
        match event {
            Event::Interim { head, .. } => {
                if head.status == Status::CONTINUE {
                    self.waits.leave = None;
                    self.upload.release();
                }
                if self.keeps == Interims::Keep {
                    self.interims.push_back(head);
                }
            }
            Event::Head { head, body, .. } => {
                self.progress = Progress::Body;
                self.request = None;
                self.waits.begin_body(self.codec.initial_credit());
                match body {
                    BodyKind::Tunnel => {
                        self.progress = Progress::Tunnel;
                        self.waits.end();
                    }
                    BodyKind::Empty => self.end(None),
                    BodyKind::Sized(_) | BodyKind::Streamed => {}
                }
                self.response = Some((head, body));
                self.upload.hear_answer(self.codec.phase());
            }
            Event::Data { bytes, .. } => {
                self.waits.received(bytes.len());
                self.chunks.push_back(bytes);
            }
            Event::End { trailers, .. } => self.end(trailers),
            Event::Reset { .. } | Event::Sendable { .. } | Event::GoAway { .. } => {}
        }
    }

    fn end(&mut self, trailers: Option<Headers>) {
        self.progress = Progress::Whole;
        self.trailers = trailers.map(Box::new);
        self.waits.end();
        self.upload.hear_end();
    }

    fn on_error(&mut self, error: Error, link: &mut Link) {
        match self.progress {
            Progress::Head | Progress::Body | Progress::Tunnel => self.fail(Kind::Peer(error), link),
            // The response before is whole; the connection is of no use any more.
            Progress::Idle | Progress::Whole => link.close(),
        }
    }

    /// Sends what can be sent. Returns whether anything moved.
    fn output(&mut self, cx: &mut Context<'_>, link: &mut Link) -> bool {
        match (self.progress, &self.upload) {
            (_, Upload::Queued(_)) => return self.begin(link),
            // RFC 9110 §7.8: only a whole request can be switched away from.
            (Progress::Tunnel, Upload::Done) => self.upload = Upload::tunnel(link.outbound.high_water()),
            (
                _,
                Upload::Held(_) | Upload::Sending(..) | Upload::Tunnel(_) | Upload::Stopped | Upload::Done,
            ) => {}
        }
        match self.upload.drive(self.stream, &mut self.codec, cx, link) {
            Ok(moved) => moved,
            Err(kind) => {
                self.fail(kind, link);
                false
            }
        }
    }

    fn begin(&mut self, link: &mut Link) -> bool {
        let Upload::Queued(mut body) = core::mem::replace(&mut self.upload, Upload::Done) else {
            return false;
        };
        let Some(request) = &mut self.request else { return false };
        let Ok(stream) = self.codec.open() else {
            self.upload = Upload::Queued(body);
            self.fail(Kind::Closed, link);
            return false;
        };
        self.stream = stream;
        let kind = match body.length() {
            Some(0) => BodyKind::Empty,
            Some(length) => BodyKind::Sized(length),
            None => BodyKind::Streamed,
        };
        let sent = self.codec.send_head(stream, &request.head, kind, &mut link.outbound);
        let now = link.now().mono;
        match sent {
            Ok(codec::Last::Yes) => request.again = Some(body),
            Ok(codec::Last::No) => {
                request.again = body.again();
                let waits = expects_continue(&request.head);
                self.upload = if waits { Upload::Held(body) } else { Upload::sending(&mut body) };
                self.waits.leave = waits.then(|| now + self.config.timeouts.expect_continue);
            }
            Err(misuse) => {
                self.upload = Upload::Queued(body);
                self.fail(Kind::Request(misuse), link);
                return false;
            }
        }
        true
    }

    fn settle(&mut self, link: &mut Link) {
        let now = link.now().mono;
        let timeouts = &self.config.timeouts;
        match self.progress {
            Progress::Head if self.upload.is_over() && link.outbound.is_empty() => {
                self.waits.await_head(now, timeouts);
            }
            Progress::Body => self.waits.watch_body(now, !self.chunks.is_empty(), timeouts),
            Progress::Idle | Progress::Head | Progress::Tunnel | Progress::Whole => {}
        }
        link.set_deadline(self.waits.next());
        link.allow(self.codec.input_room());
        if let (Progress::Idle | Progress::Whole, codec::Phase::Closed(_)) =
            (self.progress, self.codec.phase())
        {
            link.close();
        }
    }
}

/// Whether the body waits for leave (RFC 9110 §10.1.1); HTTP/1.0 has no expectations.
fn expects_continue(head: &RequestHead) -> bool {
    head.version >= Version::Http11 && head.headers.has_token(Known::Expect, "100-continue")
}

impl<C: Codec<In = ResponseHead, Out = RequestHead>> Protocol for Client<C> {
    type Error = Infallible;

    fn connection_made(&mut self, link: &mut Link) -> Result<(), Infallible> {
        self.codec.start(&mut link.outbound);
        Ok(())
    }

    /// Leaves everything to [`Protocol::poll_work`], which runs in the same turn and owns the body of the request.
    fn data_received(&mut self, _: &mut Link) -> Result<(), Infallible> {
        (self.heard, self.news) = (true, News::Some);
        self.waits.received(0);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut Link, how: Eof) -> Result<(), Infallible> {
        self.codec.eof(how);
        self.news = News::Some;
        Ok(())
    }

    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Infallible> {
        while let Some(due) = self.waits.take_due(link.now().mono) {
            match due {
                Due::Leave => self.upload.release(),
                Due::Passed(which) => self.fail(Kind::Timeout(which), link),
            }
        }
        Ok(())
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Infallible> {
        if core::mem::take(&mut self.is_fresh) {
            self.waits = Waits::begin(link.now().mono, &self.config.timeouts, self.end_at);
        }
        if !link.is_closing() {
            self.intake(link);
        }
        while !link.is_closing() && link.can_write() && self.output(cx, link) {}
        if !link.is_closing() {
            self.settle(link);
        }
        self.unsent = link.outbound.len();
        Ok(Work::Waiting)
    }
}

impl<C> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("progress", &self.progress)
            .field("upload", &self.upload)
            .field("exchanges", &self.exchanges)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
