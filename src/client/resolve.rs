//! From a host to its addresses, and from these to a connection: happy eyeballs (RFC 8305).

use core::future::{Future, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;

use anyloop_core::driver::{Peer, Runtime, Sleep};

use super::error::{Cause, Error, Phase};

/// How long one attempt has before the next one begins beside it (RFC 8305 §5).
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Names whose addresses are given and not looked up.
pub(crate) type Overrides = HashMap<Box<str>, Arc<[SocketAddr]>>;

/// Looks a host up on the runtime's pool for blocking work. A port of 0 in an override stands for that of the URL.
pub(crate) async fn resolve<R: Runtime>(
    runtime: &R,
    overrides: &Overrides,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |cause| Error::new(Phase::Resolve, cause);
    let addresses = match overrides.get(host) {
        Some(given) => {
            let with_port = |mut address: SocketAddr| {
                if address.port() == 0 {
                    address.set_port(port);
                }
                address
            };
            given.iter().copied().map(with_port).collect()
        }
        None => {
            let name = host.to_owned();
            let look_up = move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
            let looked_up = runtime.unblock(look_up).await.map_err(io::Error::other).and_then(|found| found);
            looked_up.map_err(|error| failed(Cause::Io(Arc::new(error))))?
        }
    };
    if addresses.is_empty() {
        return Err(failed(Cause::NoAddress));
    }
    Ok(interleave(addresses))
}

/// Lets the families alternate, beginning with that of the first address (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(first.len() + other.len());
    let (mut first, mut other) = (first.into_iter(), other.into_iter());
    loop {
        let pair = [first.next(), other.next()];
        if pair == [None, None] {
            return mixed;
        }
        for address in pair.into_iter().flatten() {
            if !mixed.contains(&address) {
                mixed.push(address);
            }
        }
    }
}

/// Connects to the first address that answers. The next attempt begins when one failed, or after a while beside those
/// that are still under way.
pub(crate) async fn connect<R: Runtime>(
    runtime: &R,
    addresses: Vec<SocketAddr>,
) -> Result<(R::Stream, Peer), Error> {
    let mut race = Race {
        runtime,
        waiting: addresses.into_iter(),
        running: Vec::new(),
        failed: Vec::new(),
        next: Next::Now,
    };
    poll_fn(|cx| race.poll(cx)).await
}

struct Race<'a, R: Runtime> {
    runtime: &'a R,
    waiting: std::vec::IntoIter<SocketAddr>,
    running: Vec<(Peer, Pin<Box<R::Connect>>)>,
    failed: Vec<(Peer, io::Error)>,
    next: Next<R>,
}

/// When the next attempt begins.
enum Next<R: Runtime> {
    Now,
    After(Sleep<R>),
}

impl<R: Runtime> Race<'_, R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(R::Stream, Peer), Error>> {
        loop {
            if let Some(connected) = self.poll_running(cx) {
                return Poll::Ready(Ok(connected));
            }
            let is_due = match &mut self.next {
                Next::Now => true,
                Next::After(sleep) => self.running.is_empty() || Pin::new(sleep).poll(cx).is_ready(),
            };
            if !is_due {
                return Poll::Pending;
            }
            let Some(address) = self.waiting.next() else {
                if self.running.is_empty() {
                    return Poll::Ready(Err(self.error()));
                }
                return Poll::Pending;
            };
            let peer = Peer::Tcp(address);
            let connect = Box::pin(self.runtime.connect(&peer));
            self.running.push((peer, connect));
            self.next = Next::After(self.runtime.sleep(ATTEMPT_DELAY));
        }
    }

    /// Takes out the attempts that failed; one of these ends the wait for the next.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<(R::Stream, Peer)> {
        let mut at = 0;
        while at < self.running.len() {
            match self.running[at].1.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(stream)) => return Some((stream, self.running.swap_remove(at).0)),
                Poll::Ready(Err(error)) => {
                    let (peer, _) = self.running.remove(at);
                    self.failed.push((peer, error));
                    self.next = Next::Now;
                }
            }
        }
        None
    }

    fn error(&mut self) -> Error {
        let failed: Arc<[_]> = core::mem::take(&mut self.failed).into();
        Error::new(Phase::Connect, Cause::Unreachable(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_alternate() {
        let mixed =
            interleave(addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1", "[::1]:1"]));
        assert_eq!(mixed, addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]));
        let mixed = interleave(addresses(&["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"]));
        assert_eq!(mixed, addresses(&["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"]));
    }
}
