use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::driver::testing::{Fake, FakeStream, Incoming, Wire, peer};
use crate::head::{Method, Target};

/// A transport whose reads cost a system call.
type Costly = Fake<false>;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Line {
    fake: Costly,
    wire: Wire,
    woken: Arc<Woken>,
}

impl Line {
    /// A connection whose first exchange is over, on a line that `tells` what waits in it.
    fn used(tells: bool) -> (Self, Connection<Costly>) {
        let line = Self {
            fake: Fake::default(),
            wire: Wire::default(),
            woken: Arc::new(Woken(AtomicUsize::new(0))),
        };
        line.wire.with(|wire| wire.tells = tells);
        let stream = FakeStream(line.wire.clone());
        let connection = Connection::new(line.fake.clone(), stream, peer(), &Arc::default());
        let mut sending = connection.send(head(Method::GET), Body::empty());
        assert!(line.poll(&mut sending).is_pending());
        line.wire.send(ANSWER);
        let Poll::Ready(Ok(incoming)) = line.poll(&mut sending) else { panic!("an answer") };
        let connection = incoming.recover().expect("the answer is whole");
        line.wire.with(|wire| (wire.reads, wire.looks) = (0, 0));
        line.wire.with(|wire| wire.written.clear());
        (line, connection)
    }

    fn poll(&self, sending: &mut Sending<Costly>) -> Poll<<Sending<Costly> as Future>::Output> {
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(sending).poll(&mut Context::from_waker(&waker))
    }

    fn woken(&self) -> usize {
        self.woken.0.swap(0, Ordering::Relaxed)
    }

    /// How often the system was asked, and how often a read was tried.
    fn cost(&self) -> (usize, usize) {
        self.wire.with(|wire| (wire.looks, wire.reads))
    }
}

fn head(method: Method) -> RequestHead {
    let mut head = RequestHead::new(method, Target::try_from("/").expect("a target"));
    head.headers.append("host", "a").expect("a field");
    head
}

#[test]
fn a_request_leaves_before_the_first_read() {
    for (name, method, rest, looks) in [
        ("a GET at once", Method::GET, Duration::ZERO, 0),
        ("a GET later", Method::GET, FRESH * 2, 1),
        ("a POST at once", Method::POST, Duration::ZERO, 1),
        ("a POST later", Method::POST, FRESH * 2, 1),
    ] {
        let (line, connection) = Line::used(true);
        line.fake.advance(rest);
        let mut sending = connection.send(head(method), Body::empty());
        line.woken();
        assert!(line.poll(&mut sending).is_pending(), "{name}");
        assert_eq!(line.cost(), (looks, 0), "{name}");
        assert!(!line.wire.written().is_empty(), "{name}");
        assert_eq!(line.woken(), 1, "{name}: it yields, and then waits for the answer");
        assert!(line.poll(&mut sending).is_pending(), "{name}");
        assert!(line.wire.read_is_registered(), "{name}");
        line.wire.send(ANSWER);
        assert!(matches!(line.poll(&mut sending), Poll::Ready(Ok(_))), "{name}");
    }
}

#[test]
fn a_connection_that_is_not_quiet_takes_no_byte() {
    for (name, method, rest, tells) in [
        ("a POST at once", Method::POST, Duration::ZERO, true),
        ("a GET later", Method::GET, FRESH * 2, true),
        ("a GET later, where nobody can tell", Method::GET, FRESH * 2, false),
        ("a POST at once, where nobody can tell", Method::POST, Duration::ZERO, false),
    ] {
        for what in [Incoming::Eof, Incoming::Data(b"HTTP".to_vec())] {
            let (line, connection) = Line::used(tells);
            line.fake.advance(rest);
            let name = alloc::format!("{name}, {what:?}");
            line.wire.push(what);
            let mut sending = connection.send(head(method), Body::empty());
            let Poll::Ready(Err(failed)) = line.poll(&mut sending) else { panic!("{name}") };
            assert_eq!(failed.error.retry(), Retry::Safe, "{name}");
            assert!(failed.head.is_some() && failed.body.is_some(), "{name}");
            assert!(line.wire.written().is_empty(), "{name}");
        }
    }
}
