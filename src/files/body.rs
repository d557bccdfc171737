//! Bodies that are read from a file.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use anyloop_core::body::{BodyError, BodySource};
use anyloop_core::driver::{OpenFile, SharedRuntime};
use anyloop_core::link::FileRange;
use bytes::Bytes;

use super::gate::Gate;
use super::range::Span;

/// How much of a file is handed to the system by name at once, in bytes.
const BY_NAME: u64 = 1 << 20;

/// Reads `length` bytes from a place on, or of a file that nobody has read from, from its start. Blocks.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the file has fewer.
pub(super) fn read(mut file: &File, start: u64, length: usize) -> io::Result<Bytes> {
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    let mut bytes = Vec::with_capacity(length);
    // Reads into the spare room, without zeroes first, and stops at the length without another call.
    (&mut file).take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file was cut short while it was served",
        ));
    }
    Ok(bytes.into())
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

/// The bytes of a file from a place on, a chunk at a time when pulled: handed to the system by name where it can send them
/// and has them in memory, else read by the pool.
///
/// The connection pulls while it has room for output, so what it holds is what is read ahead. The announced number of
/// bytes comes or an error does: a file that grows is served up to it, one that shrinks cuts the message short.
pub(super) struct FileBody<R> {
    rt: R,
    jobs: Gate,
    opened: Arc<OpenFile>,
    start: u64,
    left: u64,
    chunk: usize,
    reading: Option<Reading>,
}

impl<R: SharedRuntime> FileBody<R> {
    pub(super) fn new(rt: R, jobs: Gate, opened: OpenFile, span: Span, chunk: usize) -> Self {
        let (start, left) = (span.start, span.len());
        Self { rt, jobs, opened: Arc::new(opened), start, left, chunk, reading: None }
    }

    fn start(&self) -> Reading {
        let (rt, enter, opened) = (self.rt.clone(), self.jobs.enter(), Arc::clone(&self.opened));
        let (start, length) =
            (self.start, usize::try_from(self.left).map_or(self.chunk, |left| left.min(self.chunk)));
        Box::pin(async move {
            let permit = enter.await;
            let work = move || {
                let _permit = permit;
                read(opened.file(), start, length)
            };
            rt.unblock(work).await.map_err(io::Error::other)?
        })
    }
}

impl<R: SharedRuntime> BodySource for FileBody<R> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.start());
        match reading.as_mut().poll(cx) {
            Poll::Pending => {
                self.reading = Some(reading);
                Poll::Pending
            }
            Poll::Ready(Ok(chunk)) => {
                self.start += chunk.len() as u64;
                self.left -= chunk.len() as u64;
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.into()))),
        }
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }

    fn take_file(&mut self) -> Option<FileRange> {
        let length = self.left.min(BY_NAME);
        if length == 0 || self.reading.is_some() || !in_memory(self.opened.file(), self.start, length) {
            return None;
        }
        let range = self.opened.range(self.start, length);
        self.start += length;
        self.left -= length;
        Some(range)
    }
}

/// Whether both ends of a part of a file are in the system's memory, so that to send it will most likely not wait for a
/// disk.
#[cfg(target_os = "linux")]
pub(super) fn in_memory(file: &File, start: u64, length: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let is_there = |at| {
        let mut byte = [0];
        preadv2(file, &mut [io::IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) == Ok(1)
    };
    is_there(start) && is_there(start + length - 1)
}

/// Elsewhere nobody can tell without waiting.
#[cfg(not(target_os = "linux"))]
pub(super) fn in_memory(_: &File, _: u64, _: u64) -> bool {
    false
}

/// Stands for the bytes that an answer to HEAD leaves out (RFC 9110 §9.3.2): it has their number only.
pub(super) struct Unsent(pub(super) u64);

impl BodySource for Unsent {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        Poll::Ready((self.0 > 0).then(|| Err(BodyError::source("an answer to HEAD has no body"))))
    }

    fn length(&self) -> Option<u64> {
        Some(self.0)
    }
}
