//! The answer on its way out: the head, then the body while there is room.

use core::mem;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Poll};
use std::panic::catch_unwind;

use alloc::boxed::Box;
use bytes::Bytes;

use super::{Env, Exchange, Moved, Sending, State};
use crate::body::{Body, BodyError};
use crate::codec::{BodyKind, Codec, Last, Misuse, Reason};
use crate::head::{RequestHead, ResponseHead, Status};
use crate::pump::config::DebugEvent;
use crate::pump::stamp::stamp;
use crate::pump::tunnel::Tunnel;
use crate::service::{Response, ResponseParts as Parts, Running};

impl<R: Running> Exchange<R> {
    pub(super) fn send_answer<C>(&mut self, env: &mut Env<'_, C>) -> Moved
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        if let State::Answered(response) = mem::replace(&mut self.state, State::Done) {
            self.send(*response, env);
        }
        Moved::Yes
    }

    pub(super) fn send<C>(&mut self, response: Response, env: &mut Env<'_, C>)
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        self.set(State::Done);
        env.send_interim();
        if let Err(_misuse) = self.send_head(response, env) {
            let refused =
                Response::text("the response can't be sent\n").with_status(Status::INTERNAL_SERVER_ERROR);
            if self.send_head(refused, env).is_err() {
                env.codec.reset(self.stream, Reason::Internal, &mut env.link.outbound);
                self.finish(env);
            }
        }
    }

    fn send_head<C>(&mut self, mut response: Response, env: &mut Env<'_, C>) -> Result<(), Misuse>
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        let Parts { head, body, tunnel } = response.parts_mut();
        stamp(&mut head.headers, env.config.server.as_ref(), env.link.now().unix_secs);
        self.note_unread(env);
        if tunnel.is_none()
            && let Some(mut bytes) = body.take_full()
        {
            let sent = env.codec.send_whole(self.stream, head, &mut bytes, &mut env.link.outbound)?;
            match sent {
                Last::Yes => self.finish(env),
                Last::No => self.set(State::Sending(Box::new(Sending { body: Body::empty(), left: bytes }))),
            }
            return Ok(());
        }
        let kind = match (&*tunnel, body.length()) {
            (Some(_), _) => BodyKind::Tunnel,
            (None, Some(0)) => BodyKind::Empty,
            (None, Some(length)) => BodyKind::Sized(length),
            (None, None) => BodyKind::Streamed,
        };
        if env.codec.send_head(self.stream, head, kind, &mut env.link.outbound)? == Last::Yes {
            self.finish(env);
            return Ok(());
        }
        if let Some(protocol) = tunnel.take() {
            let early = self.coming.as_mut().and_then(|coming| coming.early.take());
            let mut tunnel = Tunnel::new(protocol, env.link.now(), env.codec.initial_credit(), early);
            if env.is_draining {
                tunnel.shutdown();
            }
            self.set(State::Tunnel(Box::new(tunnel)));
            return Ok(());
        }
        let body = mem::take(body);
        self.set(State::Sending(Box::new(Sending { body, left: Bytes::new() })));
        Ok(())
    }

    pub(super) fn send_body<C>(&mut self, env: &mut Env<'_, C>, cx: &mut Context<'_>) -> Moved
    where
        C: Codec<In = RequestHead, Out = ResponseHead>,
    {
        let State::Sending(sending) = &mut self.state else { return Moved::No };
        let Sending { body, left } = &mut **sending;
        if left.is_empty()
            && env.link.outbound.takes_files()
            && let Ok(Some(range)) = catch_unwind(AssertUnwindSafe(|| body.take_file()))
        {
            if let Err(misuse) = env.codec.send_file(self.stream, range, &mut env.link.outbound) {
                self.cut_short(&BodyError::source(misuse), env);
            }
            return Moved::Yes;
        }
        if left.is_empty() {
            let polled = catch_unwind(AssertUnwindSafe(|| body.poll_chunk(cx)));
            match polled.unwrap_or_else(|_| Poll::Ready(Some(Err(BodyError::source("it panicked"))))) {
                Poll::Pending => return Moved::No,
                Poll::Ready(Some(Ok(bytes))) => *left = bytes,
                Poll::Ready(None) => {
                    let sent = env.codec.send_end(self.stream, body.trailers(), &mut env.link.outbound);
                    match sent {
                        Ok(()) => self.finish(env),
                        Err(misuse) => self.cut_short(&BodyError::source(misuse), env),
                    }
                    return Moved::Yes;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.cut_short(&error, env);
                    return Moved::Yes;
                }
            }
        }
        let before = left.len();
        if before == 0 {
            // Nothing is gained, and the source may never have more: others get their turn.
            cx.waker().wake_by_ref();
            return Moved::No;
        }
        let sent = env.codec.send_data(self.stream, left, Last::No, &mut env.link.outbound);
        let took = left.len() < before;
        if let Err(misuse) = sent {
            self.cut_short(&BodyError::source(misuse), env);
            return Moved::Yes;
        }
        if took { Moved::Yes } else { Moved::No }
    }

    /// The body can't be finished: the client must see that it is not whole.
    fn cut_short<C: Codec>(&mut self, error: &BodyError, env: &mut Env<'_, C>) {
        if let Some(debug) = &env.config.debug {
            debug.report(&DebugEvent::BodyFailed { handler: self.running.name(), error });
        }
        env.codec.reset(self.stream, Reason::Internal, &mut env.link.outbound);
        self.finish(env);
    }
}
