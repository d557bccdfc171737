//! Byte streams of async functions, by hand, in a driver, and between threads.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::future::{Future, pending, poll_fn};
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Mutex;
use std::thread;

use bytes::{Bytes, BytesMut};

use super::shutdown::lock;
use super::testing::{Bench, Fake, FakeStream, Incoming, Wire};
use super::{
    Config, Connections, Driver, Duplex, DuplexReader, DuplexWriter, Outcome, Permits, Registration, Runtime,
    Shutdown, Task,
};
use crate::link::Link;
use crate::protocol::{Eof, Lost, Protocol, Work};
use crate::time::Now;

type Running<F> = Bench<Driver<Task<F>, Fake>>;

fn drive<F: Future<Output: Outcome>>(fake: &Fake, wire: &Wire, f: impl FnOnce(Duplex) -> F) -> Running<F> {
    drive_as(fake, wire, Registration::alone(), Config::default(), f)
}

fn drive_as<F: Future<Output: Outcome>>(
    fake: &Fake,
    wire: &Wire,
    registration: Registration,
    config: Config,
    f: impl FnOnce(Duplex) -> F,
) -> Running<F> {
    let stream = FakeStream(wire.clone());
    Bench::new(Driver::new(Task::new(f), stream, fake.clone(), registration, Arc::new(config)))
}

fn scene() -> (Fake, Wire) {
    (Fake::default(), Wire::default())
}

async fn echo(mut stream: Duplex) -> io::Result<()> {
    loop {
        let bytes = stream.read().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        stream.write_all(bytes).await?;
    }
}

async fn lines(mut stream: Duplex) -> io::Result<()> {
    while let Some(line) = stream.read_line(10).await? {
        stream.write_all(&b"echo:"[..]).await?;
        stream.write_all(line).await?;
        stream.write_all(&b"\n"[..]).await?;
    }
    Ok(())
}

#[test]
fn a_function_answers_in_the_poll_that_read_and_the_end_closes() {
    let (fake, wire) = scene();
    let mut task = drive(&fake, &wire, echo);
    task.run();
    wire.send(b"hello");
    assert_eq!(task.settle(), 1);
    assert_eq!(wire.written(), b"hello");
    wire.push(Incoming::Eof);
    task.settle();
    assert!(task.done && wire.with(|wire| wire.closed));
}

#[test]
fn an_idle_function_holds_no_buffer() {
    let (fake, wire) = scene();
    let mut task = drive(&fake, &wire, echo);
    task.run();
    for _ in 0..3 {
        wire.send(&[b'x'; 5000]);
        task.settle();
        assert!(task.future.link().is_none());
    }
}

#[test]
fn lines_are_cut_at_every_split() {
    let input = b"one\r\ntwo\n\nlast";
    let expected = b"echo:one\necho:two\necho:\necho:last\n";
    for cut in 0..input.len() {
        let (fake, wire) = scene();
        let mut task = drive(&fake, &wire, lines);
        task.run();
        for part in [&input[..cut], &input[cut..]] {
            if !part.is_empty() {
                wire.send(part);
                task.settle();
            }
        }
        wire.push(Incoming::Eof);
        task.settle();
        assert!(task.done);
        assert_eq!(wire.written(), expected, "cut at {cut}");
    }
}

#[test]
fn a_line_may_be_as_long_as_its_limit_and_no_longer() {
    for (input, answered) in [
        (&b"123456789\n"[..], &b"echo:123456789\n"[..]),
        (b"12345678\r\n", b"echo:12345678\n"),
        (b"1234567890\n", b""),
        (b"12345678901", b""),
    ] {
        for step in [1, input.len()] {
            let (fake, wire) = scene();
            let mut task = drive(&fake, &wire, lines);
            for part in input.chunks(step) {
                wire.send(part);
                task.run();
            }
            wire.push(Incoming::Eof);
            task.run();
            assert!(task.done);
            assert_eq!(wire.written(), answered);
        }
    }
}

#[test]
fn l1_a_line_longer_than_what_is_taken_unread_does_not_block() {
    let (fake, wire) = scene();
    let mut task = drive(&fake, &wire, |mut stream| async move {
        let line = stream.read_until(b'\n', 300_000).await?;
        stream.write_all(line).await
    });
    wire.send(&[&[b'x'; 299_999][..], b"\n"].concat());
    task.run();
    assert_eq!(wire.written().len(), 300_000);
}

#[test]
fn input_that_nobody_reads_stops_the_reading() {
    let (fake, wire) = scene();
    let go = Arc::new(AtomicUsize::new(0));
    let gate = go.clone();
    let mut task = drive(&fake, &wire, |mut stream| async move {
        poll_fn(|_| if gate.load(Ordering::SeqCst) == 0 { Poll::Pending } else { Poll::Ready(()) }).await;
        let mut all = BytesMut::new();
        while stream.read_into(&mut all).await? > 0 {}
        stream.write_all(all).await
    });
    wire.send(&vec![b'x'; 1 << 20]);
    wire.push(Incoming::Eof);
    task.run();
    let left = wire.with(|wire| match wire.incoming.front() {
        Some(Incoming::Data(bytes)) => bytes.len(),
        Some(Incoming::Eof | Incoming::Error(_)) | None => 0,
    });
    assert!(left >= (1 << 20) - 96 * 1024, "{left} bytes were left unread");
    go.store(1, Ordering::SeqCst);
    task.run();
    assert_eq!(wire.written().len(), 1 << 20);
}

#[test]
fn l8_writes_wait_while_the_output_is_full_and_go_on_with_room() {
    let (fake, wire) = scene();
    wire.with(|wire| wire.window = 0);
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let config = Config { high_water: 10_000, ..Config::default() };
    let mut task = drive_as(&fake, &wire, Registration::alone(), config, |mut stream| async move {
        for _ in 0..100 {
            stream.write_all(Bytes::from_static(&[7; 5000])).await?;
            count.fetch_add(1, Ordering::SeqCst);
        }
        stream.flush().await?;
        count.fetch_add(1000, Ordering::SeqCst);
        pending::<io::Result<()>>().await
    });
    task.run();
    let first = written.load(Ordering::SeqCst);
    assert!((2..=6).contains(&first), "{first} writes of 5000 bytes with a mark of 10000");
    wire.drain(|wire| wire.window = 5000 * 50);
    task.settle();
    assert!((50..60).contains(&written.load(Ordering::SeqCst)));
    wire.drain(|wire| wire.window = 5000 * 50 - 1);
    task.settle();
    assert_eq!(written.load(Ordering::SeqCst), 100, "all is written and one byte is not flushed");
    wire.drain(|wire| wire.window = 1);
    task.settle();
    assert_eq!(written.load(Ordering::SeqCst), 1100);
}

#[test]
fn l2_what_the_function_owes_after_the_end_of_input_is_written() {
    let (fake, wire) = scene();
    let mut task = drive(&fake, &wire, |mut stream| {
        let fake = fake.clone();
        async move {
            assert!(stream.read().await.expect("no error").is_empty());
            fake.sleep(Duration::from_secs(1)).await;
            stream.write_all("late").await.expect("the other side is open");
        }
    });
    wire.push(Incoming::Eof);
    task.run();
    assert!(!task.done);
    fake.advance(Duration::from_secs(1));
    task.settle();
    assert!(task.done);
    assert_eq!(wire.written(), b"late");
}

#[test]
fn l4_what_was_written_before_a_failure_leaves() {
    let (fake, wire) = scene();
    wire.with(|wire| wire.write_at_most = 7);
    let mut task = drive(&fake, &wire, |mut stream| async move {
        stream.write_all(vec![1; 70_000]).await?;
        stream.write_all("last words").await?;
        Err::<(), _>(io::Error::other("failed"))
    });
    wire.push(Incoming::Eof);
    task.run();
    // A write over the mark waits for room; the last words came after it.
    assert!(task.done && wire.with(|wire| wire.closed));
    assert_eq!(wire.written()[70_000..], b"last words"[..]);
}

/// A link by hand: `poll_work` until it waits.
fn work<F: Future<Output: Outcome>>(task: &mut Task<F>, link: &mut Link) -> io::Result<usize> {
    // Copies of the waker that does nothing need not be known as the same.
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    for turns in 1..100 {
        if task.poll_work(&mut cx, link)? == Work::Waiting {
            return Ok(turns);
        }
    }
    panic!("it never waits");
}

#[test]
fn l5_waiting_means_that_nothing_would_change() {
    let mut link = Link::new(Now::default());
    let mut task = Task::new(echo);
    link.inbound.extend_from_slice(b"hello");
    work(&mut task, &mut link).expect("no error");
    assert_eq!(link.outbound.slices().flatten().copied().collect::<Vec<_>>(), b"hello");
    let before = (link.outbound.len(), link.inbound.len(), link.is_closing());
    assert_eq!(work(&mut task, &mut link).expect("no error"), 1);
    assert_eq!(before, (link.outbound.len(), link.inbound.len(), link.is_closing()));
}

#[test]
fn l6_input_is_taken_again_when_the_function_made_room() {
    let mut link = Link::new(Now::default());
    let total = Arc::new(AtomicUsize::new(0));
    let (gate, count) = (Arc::new(AtomicUsize::new(0)), total.clone());
    let open = gate.clone();
    let mut task = Task::new(|mut stream: Duplex| async move {
        poll_fn(|_| if open.load(Ordering::SeqCst) == 0 { Poll::Pending } else { Poll::Ready(()) }).await;
        loop {
            count.fetch_add(stream.read().await?.len(), Ordering::SeqCst);
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    while link.inbound.is_empty() {
        link.inbound.resize(10_000, 0);
        work(&mut task, &mut link).expect("no error");
    }
    gate.store(1, Ordering::SeqCst);
    work(&mut task, &mut link).expect("no error");
    assert!(link.inbound.is_empty() && total.load(Ordering::SeqCst).is_multiple_of(10_000));
    assert!(total.load(Ordering::SeqCst) > 60_000);
}

#[test]
fn l6_calls_are_forwarded() {
    type Call = fn(&mut Task<Pin<alloc::boxed::Box<dyn Future<Output = ()>>>>, &mut Link);
    let table: [(&str, Call, Result<usize, io::ErrorKind>); 6] = [
        ("end", |task, link| task.eof_received(link, Eof::Clean).expect("no error"), Ok(0)),
        (
            "cut",
            |task, link| task.eof_received(link, Eof::Cut).expect("no error"),
            Err(io::ErrorKind::UnexpectedEof),
        ),
        ("shutdown", |task, link| task.shutdown(link), Ok(0)),
        ("reset", |task, _| task.connection_lost(Lost::Broken), Err(io::ErrorKind::ConnectionReset)),
        ("stall", |task, _| task.connection_lost(Lost::Stalled), Err(io::ErrorKind::TimedOut)),
        ("kill", |task, _| task.connection_lost(Lost::Killed), Err(io::ErrorKind::ConnectionAborted)),
    ];
    for (name, call, expected) in table {
        let halves = Arc::new(Mutex::new(None));
        let hand_out = halves.clone();
        let mut task = Task::new(|stream: Duplex| -> Pin<alloc::boxed::Box<dyn Future<Output = ()>>> {
            *lock(&hand_out) = Some(stream);
            alloc::boxed::Box::pin(pending())
        });
        let mut link = Link::new(Now::default());
        work(&mut task, &mut link).expect("no error");
        let mut stream = lock(&halves).take().expect("it was handed out");
        let mut reading = Bench::new(alloc::boxed::Box::pin(async move {
            let result = stream.read().await.map(|bytes| bytes.len()).map_err(|error| error.kind());
            assert_eq!(result, expected, "{name}");
        }));
        reading.run();
        assert!(!reading.done, "{name}");
        call(&mut task, &mut link);
        if expected == Ok(0) || name == "cut" {
            work(&mut task, &mut link).expect("no error");
        }
        assert!(reading.settle() == 1 && reading.done, "{name}");
    }
}

#[test]
fn an_announced_shutdown_is_the_end_of_input() {
    let (fake, wire) = scene();
    let shutdown = Shutdown::new();
    let registration = Connections::new(&shutdown, &Permits::default()).register();
    let mut task = drive_as(&fake, &wire, registration, Config::default(), |mut stream| async move {
        while !stream.read().await?.is_empty() {}
        stream.write_all("bye").await
    });
    wire.send(b"hello");
    task.run();
    shutdown.announce();
    task.settle();
    assert_eq!(wire.written(), b"bye");
    assert!(wire.with(|wire| wire.closed));
}

#[test]
fn dropping_or_shutting_down_the_stream_closes_after_a_flush() {
    for shuts_down in [false, true] {
        let (fake, wire) = scene();
        wire.with(|wire| wire.window = 3);
        let mut task = drive(&fake, &wire, |mut stream| async move {
            stream.write_all("answer").await.expect("there is room");
            let kept = if shuts_down {
                stream.shutdown();
                assert!(stream.write_all("more").await.is_err());
                Some(stream)
            } else {
                drop(stream);
                None
            };
            pending::<()>().await;
            drop(kept);
        });
        wire.push(Incoming::Eof);
        task.run();
        assert!(!task.done && !wire.with(|wire| wire.closed));
        wire.drain(|wire| wire.window = 3);
        task.settle();
        assert!(task.done);
        assert_eq!(wire.written(), b"answer");
    }
}

#[test]
fn a_panic_in_the_function_wakes_halves_elsewhere() {
    let (fake, wire) = scene();
    let halves: Arc<Mutex<Option<DuplexReader>>> = Arc::default();
    let hand_out = halves.clone();
    let mut task = drive(&fake, &wire, |stream| async move {
        let (reader, mut writer) = stream.split();
        *lock(&hand_out) = Some(reader);
        writer.write_all("x").await.expect("there is room");
        writer.flush().await.expect("it is flushed");
        assert!(wire_is_quiet(&writer), "the function fails here");
    });
    fn wire_is_quiet(_: &DuplexWriter) -> bool {
        false
    }
    task.run();
    let mut reader = lock(&halves).take().expect("it was handed out");
    assert!(task.done);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(reader.poll_read(&mut cx), Poll::Ready(Err(_))));
}

#[test]
fn halves_in_other_tasks_are_woken_and_wake() {
    let (fake, wire) = scene();
    let halves = Arc::new(Mutex::new(None));
    let hand_out = halves.clone();
    let mut task = drive(&fake, &wire, |stream| async move {
        *lock(&hand_out) = Some(stream.split());
        pending::<()>().await;
    });
    task.run();
    let (mut reader, mut writer) = lock(&halves).take().expect("they were handed out");
    let mut other = Bench::new(alloc::boxed::Box::pin(async move {
        while let Ok(Some(line)) = reader.read_line(100).await {
            writer.write_all(line).await.expect("it lives");
            writer.flush().await.expect("it lives");
        }
    }));
    other.run();
    for _ in 0..3 {
        wire.send(b"line\n");
        assert!(!other.is_woken());
        for _ in 0..5 {
            task.settle();
            other.settle();
        }
    }
    assert_eq!(wire.written(), b"linelineline");
    assert!(task.polls < 20 && other.polls < 20, "{} and {} polls", task.polls, other.polls);
    wire.push(Incoming::Eof);
    for _ in 0..5 {
        task.settle();
        other.settle();
    }
    assert!(other.done && task.done, "the writer is dropped, so the connection closes");
}

#[test]
fn a_half_elsewhere_that_makes_room_wakes_the_reading() {
    let (fake, wire) = scene();
    let halves = Arc::new(Mutex::new(None));
    let hand_out = halves.clone();
    let mut task = drive(&fake, &wire, |stream| async move {
        *lock(&hand_out) = Some(stream.split());
        pending::<()>().await;
    });
    wire.send(&vec![b'x'; 500_000]);
    task.run();
    let (mut reader, _writer) = lock(&halves).take().expect("they were handed out");
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = 0;
    while let Poll::Ready(Ok(bytes)) = reader.poll_read(&mut cx) {
        all += bytes.len();
        task.settle();
    }
    assert_eq!(all, 500_000);
}

#[test]
fn a_writer_goes_on_when_the_link_took_its_bytes() {
    let mut link = Link::new(Now::default());
    link.outbound.set_high_water(10);
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let mut task = Task::new(|mut stream: Duplex| async move {
        loop {
            stream.write_all(&b"8 bytes!"[..]).await?;
            count.fetch_add(1, Ordering::SeqCst);
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    work(&mut task, &mut link).expect("no error");
    assert_eq!((link.outbound.len(), written.load(Ordering::SeqCst)), (16, 4));
}

struct Unpark(thread::Thread);

impl alloc::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = core::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn two_threads_never_miss_each_other() {
    const ROUNDS: usize = 2_000;
    let (fake, wire) = scene();
    wire.with(|wire| wire.write_at_most = 1000);
    let (hand_out, halves) = std::sync::mpsc::channel();
    let config = Config { high_water: 100, ..Config::default() };
    let driver = Driver::new(
        Task::new(move |stream: Duplex| {
            hand_out.send(stream.split()).expect("the test waits for it");
            pending::<()>()
        }),
        FakeStream(wire.clone()),
        fake,
        Registration::alone(),
        Arc::new(config),
    );
    let connection = thread::spawn(move || block_on(driver));
    let (mut reader, mut writer) = halves.recv().expect("the function runs");
    let writes = thread::spawn(move || {
        block_on(async {
            for _ in 0..ROUNDS {
                writer.write_all(vec![7; 50]).await.expect("it lives");
            }
            writer.flush().await.expect("it lives");
        });
        // Dropping it closes the connection, and the other half may not have read all.
        writer
    });
    let reads = thread::spawn(move || {
        block_on(async {
            let mut all = 0;
            loop {
                let n = reader.read().await.expect("it lives").len();
                if n == 0 {
                    return all;
                }
                all += n;
            }
        })
    });
    for _ in 0..ROUNDS {
        wire.send(&[1; 50]);
    }
    wire.push(Incoming::Eof);
    assert_eq!(reads.join().ok(), Some(50 * ROUNDS));
    drop(writes.join().expect("all was written"));
    assert!(connection.join().is_ok());
    assert_eq!(wire.written().len(), 50 * ROUNDS);
}

#[test]
fn streams_may_move_between_threads() {
    fn both<T: Send + Sync>() {}
    both::<Duplex>();
    both::<(DuplexReader, DuplexWriter)>();
    fn send<T: Send>(_: &T) {}
    send(&Task::new(lines));
}

#[cfg(feature = "futures-io")]
#[test]
fn the_traits_of_futures_io_copy_and_close() {
    use futures_io::{AsyncRead, AsyncWrite};
    let (fake, wire) = scene();
    wire.with(|wire| wire.write_at_most = 3);
    let mut task = drive(&fake, &wire, |mut stream| async move {
        let mut buffer = [0; 4];
        loop {
            let n = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut stream), cx, &mut buffer)).await?;
            if n == 0 {
                break;
            }
            let mut left = &buffer[..n];
            while !left.is_empty() {
                let n = poll_fn(|cx| AsyncWrite::poll_write(Pin::new(&mut stream), cx, left)).await?;
                left = &left[n..];
            }
        }
        poll_fn(|cx| AsyncWrite::poll_close(Pin::new(&mut stream), cx)).await?;
        pending::<io::Result<()>>().await
    });
    wire.send(b"a stream of bytes");
    wire.push(Incoming::Eof);
    task.run();
    assert!(task.done);
    assert_eq!(wire.written(), b"a stream of bytes");
}
