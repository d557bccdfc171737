//! A byte stream for async functions.
//!
//! [`Task`](super::Task) is the protocol that polls the function; [`Duplex`] is what the function gets. Between them
//! stand two buffers under a lock, so the halves may also move to other tasks and threads. Back-pressure works in both
//! directions: input that nobody reads stops the reading, and a write waits while the output is at its high-water mark.
//! A waker is called only after the lock is released.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::io;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};

use super::shutdown::lock;
use crate::link::Outbound;
use crate::protocol::Lost;

/// How much unread input is taken from the link, give or take one read, in bytes.
const UNREAD: usize = 64 * 1024;

/// Both directions of a connection, for an async function.
///
/// Dropping it closes the connection after all that was written has left.
///
/// ```
/// use anyloop_core::driver::{Duplex, Task};
///
/// async fn lines(mut stream: Duplex) -> std::io::Result<()> {
///     while let Some(line) = stream.read_line(8 * 1024).await? {
///         stream.write_all("echo:").await?;
///         stream.write_all(line).await?;
///         stream.write_all("\n").await?;
///     }
///     Ok(())
/// }
///
/// let protocol = Task::new(lines);
/// # drop(protocol);
/// ```
#[derive(Debug)]
pub struct Duplex {
    reader: DuplexReader,
    writer: DuplexWriter,
}

/// The reading half of a [`Duplex`]. When it is dropped, what the peer sends is left unread.
#[derive(Debug)]
pub struct DuplexReader(Arc<Pipe>);

/// The writing half of a [`Duplex`]. Dropping it closes the connection after all that was written has left.
#[derive(Debug)]
pub struct DuplexWriter(Arc<Pipe>);

impl Duplex {
    pub(super) fn new(pipe: &Arc<Pipe>) -> Self {
        Self { reader: DuplexReader(pipe.clone()), writer: DuplexWriter(pipe.clone()) }
    }

    /// Parts it, so that two tasks may read and write at the same time.
    pub fn split(self) -> (DuplexReader, DuplexWriter) {
        (self.reader, self.writer)
    }

    /// See [`DuplexReader::read`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&mut self) -> io::Result<Bytes> {
        self.reader.read().await
    }

    /// See [`DuplexReader::read_into`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_into(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        self.reader.read_into(into).await
    }

    /// See [`DuplexReader::read_until`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_until(&mut self, delimiter: u8, limit: usize) -> io::Result<Bytes> {
        self.reader.read_until(delimiter, limit).await
    }

    /// See [`DuplexReader::read_line`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_line(&mut self, limit: usize) -> io::Result<Option<Bytes>> {
        self.reader.read_line(limit).await
    }

    /// See [`DuplexReader::poll_read`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.reader.poll_read(cx)
    }

    /// See [`DuplexWriter::write_all`].
    ///
    /// # Errors
    /// As there.
    pub async fn write_all(&mut self, bytes: impl Into<Bytes>) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// See [`DuplexWriter::flush`].
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }

    /// See [`DuplexWriter::poll_ready`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_ready(cx)
    }

    /// See [`DuplexWriter::shutdown`].
    pub fn shutdown(&mut self) {
        self.writer.shutdown();
    }
}

impl DuplexReader {
    /// Waits for bytes and takes all that are there; none means that the peer has ended its side, or that the server is
    /// going down.
    ///
    /// # Errors
    /// When the connection is lost: `ConnectionReset`, `TimedOut` after a stalled write, else `ConnectionAborted`.
    /// `UnexpectedEof` when the stream was cut.
    pub async fn read(&mut self) -> io::Result<Bytes> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// The same as [`DuplexReader::read`], appended to a buffer; returns how many bytes came.
    ///
    /// # Errors
    /// As of [`DuplexReader::read`].
    pub async fn read_into(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let mut take = |inbound: &mut BytesMut| {
            let n = inbound.len();
            into.extend_from_slice(inbound);
            inbound.clear();
            n
        };
        poll_fn(|cx| self.0.poll_take(cx, &mut take)).await
    }

    /// Takes the bytes up to and including the delimiter; without it, what the peer sent before its end.
    ///
    /// # Errors
    /// `InvalidData` when there is no delimiter among the first `limit` bytes; they are left unread. Else as of
    /// [`DuplexReader::read`].
    pub async fn read_until(&mut self, delimiter: u8, limit: usize) -> io::Result<Bytes> {
        let mut scanned = 0;
        poll_fn(|cx| self.0.poll_until(cx, delimiter, limit, &mut scanned)).await
    }

    /// Takes a line without its LF or CR LF; `None` is the end. The last line needs no LF.
    ///
    /// # Errors
    /// `InvalidData` when a line with its end is longer than `limit` bytes. Else as of [`DuplexReader::read`].
    pub async fn read_line(&mut self, limit: usize) -> io::Result<Option<Bytes>> {
        let mut line = self.read_until(b'\n', limit).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.truncate(line.len() - 1);
            if line.ends_with(b"\r") {
                line.truncate(line.len() - 1);
            }
        }
        Ok(Some(line))
    }

    /// Polls for bytes; see [`DuplexReader::read`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.0.poll_take(cx, &mut |inbound| inbound.split().freeze())
    }

    /// Polls for bytes and lets `take` have at most all of them; the default of `T` is the end.
    #[cfg(feature = "futures-io")]
    pub(super) fn poll_with<T: Default>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut BytesMut) -> T,
    ) -> Poll<io::Result<T>> {
        self.0.poll_take(cx, &mut take)
    }
}

impl DuplexWriter {
    /// Waits until there is room, then queues the bytes. They travel on by reference when they are many.
    ///
    /// # Errors
    /// When the connection is lost, as of [`DuplexReader::read`]; `BrokenPipe` after [`DuplexWriter::shutdown`].
    pub async fn write_all(&mut self, bytes: impl Into<Bytes>) -> io::Result<()> {
        let mut bytes = Some(bytes.into());
        poll_fn(|cx| {
            self.0.poll_put(cx, |outbound| {
                if let Some(bytes) = bytes.take() {
                    outbound.write(bytes);
                }
            })
        })
        .await
    }

    /// Waits until all that was written has been handed to the event loop.
    ///
    /// # Errors
    /// As of [`DuplexWriter::write_all`].
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Polls for room to write; see [`DuplexWriter::write_all`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_put(cx, |_| {})
    }

    /// Polls until all has been handed on; see [`DuplexWriter::flush`].
    ///
    /// # Errors
    /// As there.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    /// Closes the connection after all that was written has left. The function is not polled any more once that has begun.
    pub fn shutdown(&mut self) {
        self.0.close();
    }

    /// Queues what `put` writes, when there is room.
    #[cfg(feature = "futures-io")]
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        put: impl FnOnce(&mut Outbound) -> T,
    ) -> Poll<io::Result<T>> {
        self.0.poll_put(cx, put)
    }
}

#[cfg(feature = "futures-io")]
impl Duplex {
    pub(super) fn halves(&mut self) -> (&mut DuplexReader, &mut DuplexWriter) {
        (&mut self.reader, &mut self.writer)
    }
}

impl Drop for DuplexWriter {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Open,
    Ended,
    Cut,
}

/// What the writing half waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Room,
    Flush,
}

/// What stands between the task and the halves.
pub(super) struct Pipe(Mutex<Shared>);

pub(super) struct Shared {
    pub(super) inbound: BytesMut,
    pub(super) outbound: Outbound,
    pub(super) input: Input,
    pub(super) lost: Option<Lost>,
    pub(super) closing: bool,
    /// The link holds input that found no place here.
    pub(super) behind: bool,
    /// The task is polling the function: it will look afterwards, nobody needs to wake it.
    pub(super) inside: bool,
    /// The task, to be woken when a half changes something.
    task: Option<Waker>,
    /// How much unread input is taken.
    unread: usize,
    /// What the link still has to send.
    pub(super) unsent: usize,
    reader: Option<Waker>,
    writer: Option<(Want, Waker)>,
    replaced: Vec<Waker>,
}

impl Pipe {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Shared {
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            input: Input::Open,
            lost: None,
            closing: false,
            behind: false,
            inside: false,
            task: None,
            unread: UNREAD,
            unsent: 0,
            reader: None,
            writer: None,
            replaced: Vec::new(),
        }))
    }

    /// Runs `f` under the lock, and wakes what it returns afterwards. Wakers that were replaced are dropped afterwards too:
    /// that may drop a task, and with it a half.
    pub(super) fn with<T, W: IntoIterator<Item = Waker>>(&self, f: impl FnOnce(&mut Shared) -> (T, W)) -> T {
        let (result, wakers, replaced) = {
            let mut shared = lock(&self.0);
            let (result, wakers) = f(&mut shared);
            (result, wakers, core::mem::take(&mut shared.replaced))
        };
        drop(replaced);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    fn poll_take<T: Default>(
        &self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&mut BytesMut) -> T,
    ) -> Poll<io::Result<T>> {
        self.with(|shared| {
            if !shared.inbound.is_empty() {
                let taken = take(&mut shared.inbound);
                return (Poll::Ready(Ok(taken)), shared.after_read());
            }
            (shared.poll_end(cx).map_ok(|()| T::default()), None)
        })
    }

    fn poll_until(
        &self,
        cx: &mut Context<'_>,
        delimiter: u8,
        limit: usize,
        scanned: &mut usize,
    ) -> Poll<io::Result<Bytes>> {
        self.with(|shared| {
            shared.unread = shared.unread.max(limit.saturating_add(1));
            let found = memchr::memchr(delimiter, &shared.inbound[*scanned..]).map(|at| *scanned + at + 1);
            *scanned = shared.inbound.len();
            if found.unwrap_or(*scanned + 1) > limit {
                let text = format!("no end of the line within {limit} bytes");
                return (Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text))), None);
            }
            if let Some(end) = found {
                let line = shared.inbound.split_to(end).freeze();
                return (Poll::Ready(Ok(line)), shared.after_read());
            }
            match shared.poll_end(cx) {
                Poll::Ready(Ok(())) => (Poll::Ready(Ok(shared.inbound.split().freeze())), None),
                Poll::Ready(Err(error)) => (Poll::Ready(Err(error)), None),
                // The limit may have been raised over what stopped the reading.
                Poll::Pending => (Poll::Pending, shared.after_read()),
            }
        })
    }

    fn poll_put<T>(&self, cx: &mut Context<'_>, put: impl FnOnce(&mut Outbound) -> T) -> Poll<io::Result<T>> {
        self.with(|shared| {
            if let Some(error) = shared.refusal() {
                return (Poll::Ready(Err(error)), None);
            }
            if shared.outbound.has_room() {
                let result = put(&mut shared.outbound);
                let task = if shared.outbound.is_empty() { None } else { shared.wake_task() };
                return (Poll::Ready(Ok(result)), task);
            }
            shared.wait_to_write(Want::Room, cx.waker());
            (Poll::Pending, None)
        })
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|shared| {
            if shared.is_flushed() {
                return (Poll::Ready(Ok(())), None::<Waker>);
            }
            if let Some(error) = shared.refusal() {
                return (Poll::Ready(Err(error)), None);
            }
            shared.wait_to_write(Want::Flush, cx.waker());
            (Poll::Pending, None)
        })
    }

    fn close(&self) {
        self.with(|shared| {
            shared.closing = true;
            ((), shared.wake_task())
        });
    }

    /// The connection is over: whoever waits hears of it.
    pub(super) fn lose(&self, cause: Lost) {
        self.with(|shared| {
            shared.lost = shared.lost.or(Some(cause));
            shared.behind = false;
            shared.replaced.extend(shared.task.take());
            let writer = shared.writer.take().map(|(_, waker)| waker);
            ((), [shared.reader.take(), writer].into_iter().flatten())
        });
    }
}

impl Shared {
    pub(super) fn has_room_for_input(&self) -> bool {
        self.inbound.len() < self.unread
    }

    fn is_flushed(&self) -> bool {
        self.outbound.is_empty() && self.unsent == 0
    }

    /// Says who polls the function.
    pub(super) fn set_task(&mut self, waker: &Waker) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            self.replaced.extend(self.task.replace(waker.clone()));
        }
    }

    fn wait_to_write(&mut self, want: Want, waker: &Waker) {
        let old = self.writer.replace((want, waker.clone()));
        self.replaced.extend(old.map(|(_, waker)| waker));
    }

    /// Takes the waker of a reader that waits.
    pub(super) fn take_reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }

    /// Takes the waker of a writer that has what it waits for.
    pub(super) fn take_writer(&mut self) -> Option<Waker> {
        let (want, _) = self.writer.as_ref()?;
        let content = match want {
            Want::Room => self.outbound.has_room(),
            Want::Flush => self.is_flushed(),
        };
        if content { self.writer.take().map(|(_, waker)| waker) } else { None }
    }

    fn wake_task(&mut self) -> Option<Waker> {
        if self.inside { None } else { self.task.take() }
    }

    /// The task is needed when the link holds input for which there is room.
    fn after_read(&mut self) -> Option<Waker> {
        if self.behind && self.has_room_for_input() { self.wake_task() } else { None }
    }

    /// Nothing is there to read: is it the end?
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (self.input, self.lost) {
            (Input::Ended, _) if !self.behind => Poll::Ready(Ok(())),
            (Input::Cut, _) if !self.behind => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            (_, Some(lost)) => Poll::Ready(Err(error_of(lost))),
            (Input::Open | Input::Ended | Input::Cut, None) => {
                self.replaced.extend(self.reader.replace(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Why nothing can be written any more.
    fn refusal(&self) -> Option<io::Error> {
        match self.lost {
            Some(lost) => Some(error_of(lost)),
            None if self.closing => Some(io::ErrorKind::BrokenPipe.into()),
            None => None,
        }
    }
}

fn error_of(lost: Lost) -> io::Error {
    let kind = match lost {
        Lost::Broken => io::ErrorKind::ConnectionReset,
        Lost::Stalled => io::ErrorKind::TimedOut,
        Lost::Closed | Lost::Aborted | Lost::Failed | Lost::Killed => io::ErrorKind::ConnectionAborted,
    };
    kind.into()
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = lock(&self.0);
        f.debug_struct("Pipe")
            .field("unread", &shared.inbound.len())
            .field("unsent", &(shared.outbound.len() + shared.unsent))
            .field("input", &shared.input)
            .field("lost", &shared.lost)
            .finish_non_exhaustive()
    }
}
