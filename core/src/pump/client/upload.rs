//! The body of a request on its way out, or our side of a tunnel.

use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll};
use std::panic::catch_unwind;

use bytes::Bytes;

use super::fault::Kind;
use crate::body::{Body, BodyError};
use crate::codec::{Codec, Last, Phase, StreamId};
use crate::link::{Link, Outbound};

/// What is left to be sent.
#[derive(Debug)]
pub(super) enum Upload {
    /// The whole request.
    Queued(Body),
    /// The body, once the server gives leave.
    Held(Body),
    /// The body. What did not fit of the last chunk waits.
    Sending(Body, Bytes),
    /// Bytes through a tunnel.
    Tunnel(Tunnel),
    /// The body was given up: the connection can't be used again.
    Stopped,
    /// Nothing.
    Done,
}

/// Our side of a tunnel.
#[derive(Debug)]
pub(super) struct Tunnel {
    outbound: Outbound,
    ended: bool,
}

impl Tunnel {
    pub(super) fn outbound(&mut self) -> Option<&mut Outbound> {
        (!self.ended).then_some(&mut self.outbound)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outbound.is_empty()
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

impl Upload {
    pub(super) fn sending(body: &mut Body) -> Self {
        let first = body.take_full().unwrap_or_default();
        Self::Sending(mem::take(body), first)
    }

    /// Whether nothing is left to be sent.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Stopped | Self::Done)
    }

    /// The body need not wait any longer.
    pub(super) fn release(&mut self) {
        if let Self::Held(body) = self {
            *self = Self::sending(body);
        }
    }

    /// The head of the response came: nobody waits for leave any more, nor sends what the server will not read.
    pub(super) fn hear_answer(&mut self, phase: Phase) {
        let closes = match phase {
            Phase::Draining(_) | Phase::Closed(_) => true,
            Phase::Idle | Phase::Busy => false,
        };
        match self {
            Self::Held(_) => *self = Self::Stopped,
            Self::Sending(..) if closes => *self = Self::Stopped,
            Self::Queued(_) | Self::Sending(..) | Self::Tunnel(_) | Self::Stopped | Self::Done => {}
        }
    }

    /// The response is whole: what it did not wait for is not sent.
    pub(super) fn hear_end(&mut self) {
        match self {
            Self::Held(_) | Self::Sending(..) => *self = Self::Stopped,
            Self::Queued(_) | Self::Tunnel(_) | Self::Stopped | Self::Done => {}
        }
    }

    /// Our side of a tunnel, with nothing to send so far.
    pub(super) fn tunnel(high_water: usize) -> Self {
        Self::Tunnel(Tunnel { outbound: Outbound::new(high_water), ended: false })
    }

    /// Sends while there is room. Returns whether anything moved.
    pub(super) fn drive<C: Codec>(
        &mut self,
        stream: StreamId,
        codec: &mut C,
        cx: &mut Context<'_>,
        link: &mut Link,
    ) -> Result<bool, Kind> {
        match self {
            Self::Sending(body, left) => match send_body(body, left, stream, codec, cx, link)? {
                Sent::Nothing => Ok(false),
                Sent::Some => Ok(true),
                Sent::All => {
                    *self = Self::Done;
                    Ok(true)
                }
            },
            Self::Tunnel(tunnel) => match send_tunnel(tunnel, stream, codec, link)? {
                Sent::Nothing => Ok(false),
                Sent::Some => Ok(true),
                Sent::All => {
                    *self = Self::Stopped;
                    // The end of our side is the end of the connection; the peer may be sending.
                    link.close_lingering();
                    Ok(true)
                }
            },
            Self::Queued(_) | Self::Held(_) | Self::Stopped | Self::Done => Ok(false),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Some,
    All,
}

fn send_body<C: Codec>(
    body: &mut Body,
    left: &mut Bytes,
    stream: StreamId,
    codec: &mut C,
    cx: &mut Context<'_>,
    link: &mut Link,
) -> Result<Sent, Kind> {
    if left.is_empty() {
        let polled = catch_unwind(AssertUnwindSafe(|| body.poll_chunk(cx)));
        match polled.unwrap_or_else(|_| Poll::Ready(Some(Err(BodyError::source("it panicked"))))) {
            Poll::Pending => return Ok(Sent::Nothing),
            Poll::Ready(Some(Ok(bytes))) => *left = bytes,
            Poll::Ready(Some(Err(error))) => return Err(Kind::Body(error)),
            Poll::Ready(None) => {
                let sent = codec.send_end(stream, body.trailers(), &mut link.outbound);
                return sent.map(|()| Sent::All).map_err(Kind::Request);
            }
        }
    }
    let before = left.len();
    if before == 0 {
        // The source may never have more: others get their turn.
        cx.waker().wake_by_ref();
        return Ok(Sent::Nothing);
    }
    codec.send_data(stream, left, Last::No, &mut link.outbound).map_err(Kind::Request)?;
    Ok(if left.len() < before { Sent::Some } else { Sent::Nothing })
}

fn send_tunnel<C: Codec>(
    tunnel: &mut Tunnel,
    stream: StreamId,
    codec: &mut C,
    link: &mut Link,
) -> Result<Sent, Kind> {
    let mut sent = Sent::Nothing;
    while link.can_write()
        && let Some(mut chunk) = tunnel.outbound.pop_front()
    {
        codec.send_data(stream, &mut chunk, Last::No, &mut link.outbound).map_err(Kind::Request)?;
        sent = Sent::Some;
        if !chunk.is_empty() {
            tunnel.outbound.push_front(chunk);
            return Ok(sent);
        }
    }
    if tunnel.ended && tunnel.outbound.is_empty() {
        codec.send_end(stream, None, &mut link.outbound).map_err(Kind::Request)?;
        return Ok(Sent::All);
    }
    Ok(sent)
}
