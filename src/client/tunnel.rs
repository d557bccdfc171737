//! Tunnels through a proxy (RFC 9110 §9.3.6).

use core::future::poll_fn;
use std::io;
use std::sync::Arc;

use anyloop_core::driver::Transport;
use anyloop_core::encode;
use anyloop_core::head::{HeaderValue, Known, Method, RequestHead, ResponseHead, Target};
use anyloop_core::limits::Limits;
use anyloop_core::link::{DEFAULT_HIGH_WATER, Outbound};
use anyloop_core::parse::ResponseParser;
use bytes::BytesMut;

use super::error::{Cause, Error, Phase};

/// Interim responses that a proxy may send before its answer.
const MAX_INTERIM: usize = 16;

/// Asks the proxy at the other end of the stream for a tunnel to `authority`, a host with its port.
pub(crate) async fn open<T: Transport>(
    stream: &mut T,
    authority: &str,
    authorization: Option<&HeaderValue>,
    limits: &Limits,
) -> Result<(), Error> {
    let failed = |cause| Error::new(Phase::Proxy, cause);
    let mut out = Outbound::new(DEFAULT_HIGH_WATER);
    let head = request(authority, authorization)?;
    encode::request(&mut out, &head).map_err(|error| failed(Cause::Protocol(error)))?;
    while !out.is_empty() {
        poll_fn(|cx| stream.poll_write(cx, &mut out)).await.map_err(broken)?;
    }
    if T::BUFFERS_WRITES {
        while poll_fn(|cx| stream.poll_write(cx, &mut out)).await.map_err(broken)? > 0 {}
    }
    let mut inbound = BytesMut::new();
    let answer = answer(stream, &mut inbound, limits).await?;
    if !answer.status.is_success() {
        return Err(failed(Cause::ProxyRefused(answer.status)));
    }
    // Whoever speaks in a tunnel first is we: these bytes are not from its other end.
    if !inbound.is_empty() {
        return Err(failed(Cause::ProxyData));
    }
    Ok(())
}

fn broken(error: io::Error) -> Error {
    Error::new(Phase::Proxy, Cause::Io(Arc::new(error)))
}

fn request(authority: &str, authorization: Option<&HeaderValue>) -> Result<RequestHead, Error> {
    let target = Target::try_from(authority).map_err(Error::invalid)?;
    let mut head = RequestHead::new(Method::CONNECT, target);
    let host = HeaderValue::copy_from(authority.as_bytes()).map_err(Error::invalid)?;
    head.headers.append(Known::Host, host).map_err(Error::invalid)?;
    if let Some(authorization) = authorization {
        head.headers.append(Known::ProxyAuthorization, authorization.clone()).map_err(Error::invalid)?;
    }
    Ok(head)
}

/// Waits for the head of the final answer.
async fn answer<T: Transport>(
    stream: &mut T,
    inbound: &mut BytesMut,
    limits: &Limits,
) -> Result<ResponseHead, Error> {
    let protocol = |error| Error::new(Phase::Proxy, Cause::Protocol(error));
    let mut parser = ResponseParser::new();
    let mut interim = 0;
    loop {
        if let Some(head) = parser.parse(inbound, limits).map_err(protocol)? {
            if !head.status.is_informational() {
                return Ok(head);
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(Error::new(Phase::Proxy, Cause::ProxyData));
            }
            continue;
        }
        let room = ResponseParser::room(limits).saturating_sub(inbound.len()).min(16 * 1024);
        let read = poll_fn(|cx| stream.poll_read(cx, inbound, room.max(1))).await.map_err(broken)?;
        if read == 0 {
            return Err(Error::new(Phase::Proxy, Cause::Closed));
        }
    }
}
