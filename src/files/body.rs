//! Bodies that are read from a file.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use anyloop_core::body::{BodyError, BodySource};
use anyloop_core::driver::SharedRuntime;
use bytes::Bytes;

use super::gate::{Gate, Permit};

/// Reads `length` bytes from where the file stands. Blocks.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the file has fewer.
pub(super) fn read(mut file: &File, length: usize) -> io::Result<Bytes> {
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

/// An open file and the leave to keep it open. A read that is under way keeps both when the body is dropped.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) _permit: Permit,
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

/// The bytes of a file from where it stands, a chunk at a time when pulled.
///
/// The connection pulls while it has room for output, so what it holds is what is read ahead. The announced number of
/// bytes comes or an error does: a file that grows is served up to it, one that shrinks cuts the message short.
pub(super) struct FileBody<R> {
    rt: R,
    jobs: Gate,
    opened: Arc<Opened>,
    left: u64,
    chunk: usize,
    reading: Option<Reading>,
}

impl<R: SharedRuntime> FileBody<R> {
    pub(super) fn new(rt: R, jobs: Gate, opened: Opened, length: u64, chunk: usize) -> Self {
        Self { rt, jobs, opened: Arc::new(opened), left: length, chunk, reading: None }
    }

    fn start(&self) -> Reading {
        let (rt, enter, opened) = (self.rt.clone(), self.jobs.enter(), Arc::clone(&self.opened));
        let length = usize::try_from(self.left).map_or(self.chunk, |left| left.min(self.chunk));
        Box::pin(async move {
            let permit = enter.await;
            let work = move || {
                let _permit = permit;
                read(&opened.file, length)
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
                self.left -= chunk.len() as u64;
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.into()))),
        }
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
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
