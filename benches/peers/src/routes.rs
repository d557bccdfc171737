//! What all servers answer.
//!
//! | route | answer |
//! | --- | --- |
//! | `GET /plaintext` | [`PLAINTEXT`] as `text/plain` |
//! | `GET /json` | [`Message`], serialized for each request |
//! | `POST /echo` | the body |
//! | `POST /sink` | how many bytes the body had |
//! | `GET /bytes/{n}` | n bytes with their length; up to [`WHOLE`] as one buffer, more in pieces of [`PIECE`] |
//! | `GET /chunked/{n}` | n bytes in chunks of [`PIECE`] |

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_lite::{AsyncRead, Stream};

pub(crate) const PLAINTEXT: &str = "Hello, World!";
pub(crate) const WHOLE: usize = 1 << 20;
pub(crate) const PIECE: usize = 1 << 16;

#[derive(serde::Serialize)]
pub(crate) struct Message {
    message: &'static str,
}

pub(crate) const MESSAGE: Message = Message { message: PLAINTEXT };

/// The bytes 0 to 255, again and again, [`WHOLE`] of them.
pub(crate) static PATTERN: LazyLock<&'static [u8]> =
    LazyLock::new(|| (0..WHOLE).map(|at| (at % 256) as u8).collect::<Vec<_>>().leak());

/// A body that fits into one buffer.
pub(crate) fn whole(length: u64) -> Option<Bytes> {
    let length = usize::try_from(length).ok().filter(|length| *length <= WHOLE)?;
    Some(Bytes::from_static(&PATTERN[..length]))
}

/// A body in pieces.
#[derive(Clone)]
pub(crate) struct Pieces {
    left: u64,
    sized: bool,
}

impl Pieces {
    pub(crate) fn sized(length: u64) -> Self {
        Self { left: length, sized: true }
    }

    pub(crate) fn chunked(length: u64) -> Self {
        Self { left: length, sized: false }
    }
}

impl Iterator for Pieces {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        let size = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        self.left -= size as u64;
        (size > 0).then(|| &PATTERN[..size])
    }
}

impl ::hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<::hyper::body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.next().map(|piece| Ok(::hyper::body::Frame::data(Bytes::from_static(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> ::hyper::body::SizeHint {
        if self.sized {
            ::hyper::body::SizeHint::with_exact(self.left)
        } else {
            ::hyper::body::SizeHint::default()
        }
    }
}

impl ::anyloop::BodySource for Pieces {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, ::anyloop::BodyError>>> {
        Poll::Ready(self.next().map(|piece| Ok(Bytes::from_static(piece))))
    }

    fn length(&self) -> Option<u64> {
        self.sized.then_some(self.left)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len()).min(PIECE);
        into[..size].copy_from_slice(&PATTERN[..size]);
        self.left -= size as u64;
        Poll::Ready(Ok(size))
    }
}

/// A body in pieces for those who want streams: `make` makes a piece from bytes that are there for ever.
pub(crate) fn stream<B, E>(
    pieces: Pieces,
    make: fn(&'static [u8]) -> B,
) -> impl Stream<Item = Result<B, E>> + Unpin {
    futures_lite::stream::iter(pieces.map(move |piece| Ok(make(piece))))
}
