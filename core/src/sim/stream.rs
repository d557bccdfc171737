//! One end of a connection.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};
use std::io;

use super::net::{Fault, Side};
use super::world::Sim;
use crate::driver::Transport;
use crate::link::Outbound;

/// How much the helpers read at a time, in bytes.
const READ: usize = 4 * 1024;

/// What keeps an end alive.
struct Hold {
    sim: Sim,
    connection: u64,
    side: Side,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.sim.with(|world| world.drop_end(self.connection, self.side));
    }
}

/// One end of a connection: a [`Transport`] for a driver, and a stream with a few helpers for tests.
///
/// Dropped with unread input it resets the connection; else what was written still arrives and the stream ends.
#[derive(Debug)]
pub struct SimStream {
    reader: SimReader,
    writer: SimWriter,
}

/// The reading half of a [`SimStream`].
pub struct SimReader {
    hold: Arc<Hold>,
    /// Read by a helper and not yet asked for.
    ahead: BytesMut,
}

/// The writing half of a [`SimStream`]. Dropping it does not end the stream: [`SimWriter::close`] does, and dropping both
/// halves.
pub struct SimWriter {
    hold: Arc<Hold>,
}

impl SimStream {
    fn new(sim: &Sim, connection: u64, side: Side) -> Self {
        let hold = Arc::new(Hold { sim: sim.clone(), connection, side });
        Self {
            reader: SimReader { hold: Arc::clone(&hold), ahead: BytesMut::new() },
            writer: SimWriter { hold },
        }
    }

    pub(super) fn client(sim: &Sim, connection: u64) -> Self {
        Self::new(sim, connection, Side::Client)
    }

    pub(super) fn server(sim: &Sim, connection: u64) -> Self {
        Self::new(sim, connection, Side::Server)
    }

    /// Returns the number of the connection, as it stands in the trace.
    pub fn connection(&self) -> u64 {
        self.writer.hold.connection
    }

    /// Splits the stream, so that two tasks can read and write at the same time.
    pub fn split(self) -> (SimReader, SimWriter) {
        (self.reader, self.writer)
    }

    /// Plans a fault: it happens when the two ends together have polled for reading, writing or closing `step` times.
    pub fn plan(&self, step: u64, fault: Fault) {
        let hold = &self.writer.hold;
        hold.sim.with(|world| world.plan(hold.connection, hold.side, step, fault));
    }

    /// Returns how many times the two ends together have polled for reading, writing or closing.
    pub fn steps(&self) -> u64 {
        let hold = &self.writer.hold;
        hold.sim.with(|world| world.steps_of(hold.connection))
    }

    /// Reads what is there, at most `limit` bytes; 0 is the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub async fn read(&mut self, into: &mut BytesMut, limit: usize) -> io::Result<usize> {
        self.reader.read(into, limit).await
    }

    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        self.reader.read_to_end().await
    }

    /// Reads exactly `n` bytes.
    ///
    /// # Errors
    /// `ConnectionReset`; `UnexpectedEof` when the stream ends before.
    pub async fn read_exact(&mut self, n: usize) -> io::Result<Vec<u8>> {
        self.reader.read_exact(n).await
    }

    /// Reads up to and including the first occurrence of `end`.
    ///
    /// # Errors
    /// `ConnectionReset`; `UnexpectedEof` when the stream ends before.
    pub async fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        self.reader.read_until(end).await
    }

    /// Writes all of `bytes`, waiting for room.
    ///
    /// # Errors
    /// `BrokenPipe` after a reset or after [`SimStream::close`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// Ends our side (FIN). Reading goes on.
    ///
    /// # Errors
    /// `NotConnected` after a reset.
    pub async fn close(&mut self) -> io::Result<()> {
        self.writer.close().await
    }

    /// Resets the connection (RST): what the peer has not read is lost.
    pub fn reset(&mut self) {
        self.writer.reset();
    }
}

impl Transport for SimStream {
    const REREAD_IS_FREE: bool = false;
    const BUFFERS_WRITES: bool = true;

    fn is_quiet(&mut self) -> Option<bool> {
        Some(self.reader.is_quiet())
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.reader.poll_read(cx, into, limit)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        self.writer.poll_write(cx, out)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_close(cx)
    }
}

impl SimReader {
    /// Whether nothing is there to be read, told or not; see [`Transport::is_quiet`].
    fn is_quiet(&self) -> bool {
        let Hold { sim, connection, side } = &*self.hold;
        self.ahead.is_empty() && sim.with(|world| world.is_quiet(*connection, *side))
    }

    /// Polls for bytes; see [`Transport::poll_read`].
    ///
    /// # Errors
    /// `ConnectionReset`.
    ///
    /// # Panics
    /// When `limit` is 0: no bytes could not be told from the end of the stream.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        assert!(limit > 0, "a read of no bytes cannot be told from the end of the stream");
        if !self.ahead.is_empty() {
            let n = limit.min(self.ahead.len());
            into.extend_from_slice(&self.ahead[..n]);
            self.ahead.advance(n);
            return Poll::Ready(Ok(n));
        }
        let Hold { sim, connection, side } = &*self.hold;
        sim.with(|world| world.read(*connection, *side, cx.waker(), into, limit))
    }

    /// Reads what is there, at most `limit` bytes; 0 is the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub async fn read(&mut self, into: &mut BytesMut, limit: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, into, limit)).await
    }

    /// Reads more behind what was read ahead, and returns whether there was any.
    async fn read_ahead(&mut self) -> io::Result<bool> {
        let mut more = BytesMut::new();
        let Hold { sim, connection, side } = &*self.hold;
        poll_fn(|cx| sim.with(|world| world.read(*connection, *side, cx.waker(), &mut more, READ))).await?;
        self.ahead.extend_from_slice(&more);
        Ok(!more.is_empty())
    }

    /// Reads to the end of the stream.
    ///
    /// # Errors
    /// `ConnectionReset`.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.read_ahead().await? {}
        Ok(self.ahead.split().into())
    }

    /// Reads exactly `n` bytes.
    ///
    /// # Errors
    /// `ConnectionReset`; `UnexpectedEof` when the stream ends before.
    pub async fn read_exact(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < n {
            if !self.read_ahead().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.ahead.split_to(n).into())
    }

    /// Reads up to and including the first occurrence of `end`.
    ///
    /// # Errors
    /// `ConnectionReset`; `UnexpectedEof` when the stream ends before.
    pub async fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut from = 0;
        loop {
            if let Some(at) = memchr::memmem::find(&self.ahead[from..], end) {
                return Ok(self.ahead.split_to(from + at + end.len()).into());
            }
            from = self.ahead.len().saturating_sub(end.len());
            if !self.read_ahead().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl SimWriter {
    /// Polls for room and writes; see [`Transport::poll_write`].
    ///
    /// # Errors
    /// `BrokenPipe` after a reset or after our side was closed.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outbound) -> Poll<io::Result<usize>> {
        let Hold { sim, connection, side } = &*self.hold;
        sim.with(|world| world.write(*connection, *side, cx.waker(), out))
    }

    /// Polls until our side has ended; see [`Transport::poll_close`].
    ///
    /// # Errors
    /// `NotConnected` after a reset.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Hold { sim, connection, side } = &*self.hold;
        sim.with(|world| world.close(*connection, *side, cx.waker()))
    }

    /// Writes all of `bytes`, waiting for room.
    ///
    /// # Errors
    /// `BrokenPipe` after a reset or after [`SimWriter::close`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = Outbound::default();
        out.write(Bytes::copy_from_slice(bytes));
        while !out.is_empty() {
            poll_fn(|cx| self.poll_write(cx, &mut out)).await?;
        }
        Ok(())
    }

    /// Ends our side (FIN).
    ///
    /// # Errors
    /// `NotConnected` after a reset.
    pub async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_close(cx)).await
    }

    /// Resets the connection (RST): what the peer has not read is lost.
    pub fn reset(&mut self) {
        let Hold { sim, connection, .. } = &*self.hold;
        sim.with(|world| world.reset_conn(*connection));
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of connection {}", self.side, self.connection)
    }
}

impl fmt::Debug for SimReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimReader").field(&self.hold).finish()
    }
}

impl fmt::Debug for SimWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimWriter").field(&self.hold).finish()
    }
}
