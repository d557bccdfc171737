//! The laws of the poll loop, each against a runtime made of scripts.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Mutex;

use bytes::Bytes;

use super::shutdown::lock;
use super::testing::{After, Bench, Fake, FakeStream, Incoming, Wire};
use super::{Config, Connections, Driver, Permits, Registration, Shutdown, Stage};
use crate::link::Link;
use crate::protocol::{Echo, Eof, Lost, Protocol, Work};
use crate::time::Instant;

#[derive(Debug)]
struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault")
    }
}

impl core::error::Error for Fault {}

/// What a [`Script`] was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Made,
    Data(usize),
    Eof(Eof),
    Deadline,
    Shutdown,
    Lost(Lost),
}

type Log = Arc<Mutex<Vec<Told>>>;
type Act = fn(&mut Link) -> Result<(), Fault>;
type WorkAct = fn(&mut Context<'_>, &mut Link) -> Result<Work, Fault>;

/// Logs all calls and does what the test says.
struct Script {
    log: Log,
    made: Act,
    data: Act,
    eof: Act,
    deadline: Act,
    work: WorkAct,
    shutdown: fn(&mut Link),
}

fn nothing(_: &mut Link) -> Result<(), Fault> {
    Ok(())
}

fn take(link: &mut Link) -> Result<(), Fault> {
    link.inbound.clear();
    Ok(())
}

impl Script {
    fn new() -> (Self, Log) {
        let log = Log::default();
        let script = Self {
            log: log.clone(),
            made: nothing,
            data: take,
            eof: nothing,
            deadline: nothing,
            work: |_, _| Ok(Work::Waiting),
            shutdown: Link::close,
        };
        (script, log)
    }

    fn tell(&self, told: Told) {
        lock(&self.log).push(told);
    }
}

impl Protocol for Script {
    type Error = Fault;
    fn connection_made(&mut self, link: &mut Link) -> Result<(), Fault> {
        self.tell(Told::Made);
        (self.made)(link)
    }
    fn data_received(&mut self, link: &mut Link) -> Result<(), Fault> {
        self.tell(Told::Data(link.inbound.len()));
        (self.data)(link)
    }
    fn eof_received(&mut self, link: &mut Link, how: Eof) -> Result<(), Fault> {
        self.tell(Told::Eof(how));
        (self.eof)(link)
    }
    fn deadline_reached(&mut self, link: &mut Link) -> Result<(), Fault> {
        self.tell(Told::Deadline);
        (self.deadline)(link)
    }
    fn poll_work(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Result<Work, Fault> {
        (self.work)(cx, link)
    }
    fn shutdown(&mut self, link: &mut Link) {
        self.tell(Told::Shutdown);
        (self.shutdown)(link);
    }
    fn connection_lost(&mut self, cause: Lost) {
        self.tell(Told::Lost(cause));
    }
}

type Task<P, const FREE: bool = true, const BUFFERS: bool = false> = Bench<Driver<P, Fake<FREE, BUFFERS>>>;

fn drive<P: Protocol, const FREE: bool, const BUFFERS: bool>(
    protocol: P,
    fake: &Fake<FREE, BUFFERS>,
    wire: &Wire,
) -> Task<P, FREE, BUFFERS> {
    drive_as(protocol, fake, wire, Registration::alone(), Config::default())
}

fn drive_as<P: Protocol, const FREE: bool, const BUFFERS: bool>(
    protocol: P,
    fake: &Fake<FREE, BUFFERS>,
    wire: &Wire,
    registration: Registration,
    config: Config,
) -> Task<P, FREE, BUFFERS> {
    let driver =
        Driver::new(protocol, FakeStream(wire.clone()), fake.clone(), registration, Arc::new(config));
    Bench::new(driver)
}

fn log_of(log: &Log) -> Vec<Told> {
    lock(log).clone()
}

fn at_seconds(n: u64) -> Instant {
    Instant::default() + Duration::from_secs(n)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn echo_answers_in_the_poll_that_read() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let mut task = drive(Echo::default(), &fake, &wire);
    task.run();
    assert!(wire.read_is_registered() && !task.is_woken());
    wire.send(b"hello");
    assert_eq!(task.settle(), 1);
    assert_eq!(wire.written(), b"hello");
    wire.push(Incoming::Eof);
    task.settle();
    assert!(task.done && wire.with(|wire| wire.closed));
}

#[test]
fn a_transport_whose_reads_cost_is_read_again_after_one_yield() {
    let (fake, wire) = (Fake::<false>::default(), Wire::default());
    let mut task = drive(Echo::default(), &fake, &wire);
    task.run();
    wire.with(|wire| wire.reads = 0);
    wire.send(b"hello");
    assert!(task.is_woken() && task.poll().is_pending());
    assert_eq!((wire.with(|wire| wire.reads), wire.written()), (1, b"hello".to_vec()));
    assert!(!wire.read_is_registered() && task.is_woken());
    assert_eq!(task.settle(), 1);
    assert_eq!(wire.with(|wire| wire.reads), 2);
    assert!(wire.read_is_registered());
}

#[test]
fn every_source_is_registered_with_the_waker_of_the_last_poll() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let shutdown = Shutdown::new();
    let connections = Connections::new(&shutdown, &Permits::default());
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.set_deadline(Some(at_seconds(3)));
        link.write(&b"greeting"[..]);
        Ok(())
    };
    script.deadline = |link| {
        link.set_deadline(Some(link.now().mono + SECOND));
        Ok(())
    };
    script.shutdown = |_| {};
    wire.with(|wire| wire.window = 1);
    let config = Arc::new(Config::default());
    let driver = Driver::new(script, FakeStream(wire.clone()), fake.clone(), connections.register(), config);
    let mut task = Bench::fresh(driver);
    task.run();
    for _ in 0..3 {
        assert!(!task.is_woken() && wire.read_is_registered() && wire.write_is_registered());
        // Polled for no reason: all wakers move to the new identity.
        task.run();
    }
    wire.send(b"x");
    assert!(task.is_woken(), "read");
    task.settle();
    wire.drain(|wire| wire.window = 1);
    assert!(task.is_woken(), "write");
    task.settle();
    fake.advance(3 * SECOND);
    assert!(task.is_woken(), "timer");
    task.settle();
    task.run();
    fake.advance(SECOND);
    assert!(task.is_woken(), "timer again");
    task.settle();
    shutdown.announce();
    assert!(task.is_woken(), "announce");
    task.settle();
    connections.advance(Stage::Drain);
    assert!(task.is_woken(), "drain");
    task.settle();
    shutdown.kill();
    assert!(task.is_woken(), "kill");
    task.settle();
    let told = [Told::Made, Told::Data(1), Told::Deadline, Told::Deadline, Told::Shutdown];
    assert_eq!(log_of(&log), [&told[..], &[Told::Lost(Lost::Killed)]].concat());
    assert!(connections.len() == 1);
    drop(task);
    assert!(connections.is_empty());
}

#[test]
fn reading_stops_while_input_is_left_and_goes_on_when_work_took_it() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.data = nothing;
    script.made = |link| {
        link.allow(10);
        Ok(())
    };
    script.work = |_, link| {
        if link.now().mono >= at_seconds(1) {
            link.inbound.clear();
        }
        Ok(Work::Waiting)
    };
    let mut task = drive(script, &fake, &wire);
    wire.send(&[b'x'; 25]);
    task.run();
    assert_eq!(log_of(&log), [Told::Made, Told::Data(10)]);
    assert!(!task.is_woken() && !wire.read_is_registered());
    fake.advance(SECOND);
    task.run();
    assert_eq!(log_of(&log)[2..], [Told::Data(10), Told::Data(5)]);
    assert!(wire.read_is_registered());
}

#[test]
fn l1_what_is_left_is_offered_again_with_more_bytes_only() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.data = nothing;
    let mut task = drive(script, &fake, &wire);
    wire.send(b"abc");
    task.run();
    task.run();
    wire.send(b"de");
    task.settle();
    assert_eq!(log_of(&log), [Told::Made, Told::Data(3), Told::Data(5)]);
}

#[test]
fn an_end_behind_unread_bytes_is_told_once_and_after_them() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    wire.with(|wire| wire.window = 0);
    let mut task = drive_as(
        Echo::default(),
        &fake,
        &wire,
        Registration::alone(),
        Config { high_water: 4, ..Config::default() },
    );
    task.run();
    wire.send(b"one!");
    task.settle();
    wire.send(b"two!");
    wire.push(Incoming::Eof);
    task.settle();
    let reads = wire.with(|wire| wire.reads);
    task.run();
    assert!(!task.done && wire.with(|wire| wire.reads) == reads, "the end was read again");
    wire.drain(|wire| wire.window = 100);
    task.settle();
    assert!(task.done);
    assert_eq!(wire.written(), b"one!two!");
}

#[test]
fn l2_what_is_owed_after_the_end_of_input_is_written() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.eof = |link| {
        link.set_deadline(Some(link.now().mono + SECOND));
        Ok(())
    };
    script.deadline = |link| {
        link.write(&b"late answer"[..]);
        link.close();
        Ok(())
    };
    let mut task = drive(script, &fake, &wire);
    wire.push(Incoming::Eof);
    task.run();
    assert!(!task.done);
    fake.advance(SECOND);
    task.settle();
    assert!(task.done);
    assert_eq!(wire.written(), b"late answer");
    let told = [Told::Made, Told::Eof(Eof::Clean), Told::Deadline, Told::Lost(Lost::Closed)];
    assert_eq!(log_of(&log), told);
}

#[test]
fn l4_the_last_words_of_a_protocol_that_failed_leave() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.data = |link| {
        link.write(&b"400"[..]);
        Err(Fault)
    };
    wire.with(|wire| wire.write_at_most = 1);
    let mut task = drive(script, &fake, &wire);
    wire.send(b"bad");
    wire.send(b"worse");
    wire.push(Incoming::Eof);
    task.run();
    assert!(task.done && wire.with(|wire| wire.closed));
    assert_eq!(wire.written(), b"400");
    assert_eq!(log_of(&log), [Told::Made, Told::Data(3), Told::Lost(Lost::Failed)]);
}

#[test]
fn closing_first_lingers_until_the_peer_ends() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.data = |link| {
        link.write(&b"pong"[..]);
        link.close();
        Ok(())
    };
    let mut task = drive(script, &fake, &wire);
    wire.send(b"ping");
    task.run();
    assert!(wire.with(|wire| wire.closed && !wire.dropped) && !task.done);
    wire.send(&[0; 1000]);
    task.settle();
    assert!(!task.done);
    wire.push(Incoming::Eof);
    task.settle();
    assert!(task.done);
    assert_eq!(log_of(&log), [Told::Made, Told::Data(4), Told::Lost(Lost::Closed)]);
}

#[test]
fn lingering_is_bounded_in_time_and_in_bytes() {
    for flood in [false, true] {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.made = |link| {
            link.close_lingering();
            Ok(())
        };
        let config = Config { linger_bytes: 5000, linger: 2 * SECOND, ..Config::default() };
        let mut task = drive_as(script, &fake, &wire, Registration::alone(), config);
        task.run();
        assert!(!task.done);
        if flood {
            wire.send(&[0; 4999]);
            task.settle();
            assert!(!task.done);
            wire.send(&[0; 1]);
        } else {
            fake.advance(SECOND);
            wire.send(&[0; 1]);
            task.settle();
            assert!(!task.done);
            fake.advance(SECOND);
        }
        task.settle();
        assert!(task.done);
        assert_eq!(log_of(&log), [Told::Made, Told::Lost(Lost::Closed)]);
    }
}

#[test]
fn a_plain_close_lingers_only_when_something_is_unread() {
    for unread in [false, true] {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.made = |link| {
            link.close();
            Ok(())
        };
        if unread {
            wire.send(b"more");
        }
        let mut task = drive(script, &fake, &wire);
        task.run();
        task.settle();
        assert_eq!(task.done, !unread);
        fake.advance(Config::default().linger);
        task.settle();
        assert!(task.done);
        assert_eq!(log_of(&log), [Told::Made, Told::Lost(Lost::Closed)]);
    }
}

#[test]
fn a_close_that_takes_its_time_is_waited_for_and_not_for_ever() {
    for stalls in [false, true] {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.eof = |link| {
            link.close();
            Ok(())
        };
        wire.with(|wire| wire.close_blocked = true);
        let mut task = drive(script, &fake, &wire);
        wire.push(Incoming::Eof);
        task.run();
        assert!(!task.done && wire.write_is_registered());
        let cause = if stalls {
            fake.advance(Config::default().write_stall);
            Lost::Stalled
        } else {
            wire.drain(|wire| wire.close_blocked = false);
            Lost::Closed
        };
        task.settle();
        assert_eq!(log_of(&log).last(), Some(&Told::Lost(cause)));
    }
}

#[test]
fn abort_and_errors_of_the_transport_close_at_once() {
    type Case = (&'static str, Act, Incoming, bool, Lost);
    let cases: [Case; 4] = [
        (
            "abort",
            |link| {
                link.write(&b"never"[..]);
                link.abort();
                Ok(())
            },
            Incoming::Data(vec![1]),
            false,
            Lost::Aborted,
        ),
        ("reset", take, Incoming::Error(std::io::ErrorKind::ConnectionReset), false, Lost::Broken),
        (
            "broken pipe",
            |link| {
                link.write(&b"never"[..]);
                Ok(())
            },
            Incoming::Data(vec![1]),
            true,
            Lost::Broken,
        ),
        (
            "broken while flushing",
            |link| {
                link.write(&b"never"[..]);
                Err(Fault)
            },
            Incoming::Data(vec![1]),
            true,
            Lost::Broken,
        ),
    ];
    for (name, act, incoming, broken, cause) in cases {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.data = act;
        wire.with(|wire| wire.broken = broken);
        let mut task = drive(script, &fake, &wire);
        task.run();
        wire.push(incoming);
        task.settle();
        assert!(task.done, "{name}");
        assert_eq!(log_of(&log).last(), Some(&Told::Lost(cause)), "{name}");
        assert_eq!(wire.written(), b"", "{name}");
    }
}

#[test]
fn a_peer_that_takes_no_byte_is_dropped_and_one_that_takes_some_is_not() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.write(vec![0; 100]);
        Ok(())
    };
    wire.with(|wire| wire.window = 1);
    let mut task = drive(script, &fake, &wire);
    task.run();
    for _ in 0..5 {
        fake.advance(29 * SECOND);
        task.settle();
        wire.drain(|wire| wire.window = 1);
        task.settle();
    }
    assert_eq!(wire.written().len(), 6);
    fake.advance(29 * SECOND);
    task.settle();
    assert!(!task.done);
    fake.advance(SECOND);
    task.settle();
    assert_eq!(log_of(&log), [Told::Made, Told::Lost(Lost::Stalled)]);
}

#[test]
fn buffered_writes_are_asked_for_until_nothing_is_under_way() {
    let (fake, wire) = (Fake::<true, true>::default(), Wire::default());
    wire.with(|wire| wire.window = 0);
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.write(&b"taken"[..]);
        Ok(())
    };
    let mut task = drive(script, &fake, &wire);
    task.run();
    assert!(wire.write_is_registered() && wire.with(|wire| wire.taken) == 5);
    fake.advance(29 * SECOND);
    task.settle();
    wire.drain(|wire| wire.window = 5);
    task.settle();
    assert_eq!(wire.with(|wire| wire.taken), 0);
    fake.advance(29 * SECOND);
    task.settle();
    assert!(!task.done && log_of(&log) == [Told::Made]);
}

#[test]
fn dropping_the_driver_tells_the_protocol() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (script, log) = Script::new();
    let mut task = drive(script, &fake, &wire);
    task.run();
    drop(task);
    assert_eq!(log_of(&log), [Told::Made, Told::Lost(Lost::Killed)]);
}

#[test]
fn timers_are_set_only_to_earlier_instants() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.set_deadline(Some(at_seconds(75)));
        Ok(())
    };
    script.data = |link| {
        link.inbound.clear();
        link.set_deadline(Some(link.now().mono + Duration::from_secs(75)));
        Ok(())
    };
    let mut task = drive(script, &fake, &wire);
    task.run();
    for _ in 0..50 {
        fake.advance(SECOND);
        wire.send(b"request");
        task.settle();
    }
    assert_eq!(fake.with(|world| (world.resets, world.timer_polls)), (1, 1));
    fake.advance(25 * SECOND);
    task.settle();
    assert_eq!(fake.with(|world| (world.resets, world.timer_polls)), (2, 2));
    fake.advance(49 * SECOND);
    assert!(!log_of(&log).contains(&Told::Deadline));
    fake.advance(SECOND);
    task.settle();
    assert!(log_of(&log).contains(&Told::Deadline));
}

#[test]
fn timers_that_fire_early_late_and_again_are_judged_by_the_clock() {
    for after in [After::Ready, After::Pending] {
        for early in [0, 1, 9_000_000] {
            let (fake, wire) = (Fake::<true>::default(), Wire::default());
            fake.with(|world| (world.early, world.after) = (early, after));
            let (mut script, log) = Script::new();
            script.made = |link| {
                link.set_deadline(Some(at_seconds(1)));
                Ok(())
            };
            script.deadline = |link| {
                let again = log_count(link);
                link.set_deadline(again);
                Ok(())
            };
            fn log_count(link: &Link) -> Option<Instant> {
                (link.now().mono < at_seconds(3)).then(|| link.now().mono + SECOND)
            }
            let mut task = drive(script, &fake, &wire);
            let mut polls = task.run();
            for _ in 0..4_000 {
                let before = log_of(&log).iter().filter(|told| **told == Told::Deadline).count();
                fake.advance(Duration::from_millis(1));
                // Another source wakes the task in the same instant.
                if before == 1 {
                    wire.send(b"x");
                }
                polls += task.settle();
            }
            let due = log_of(&log).iter().filter(|told| **told == Told::Deadline).count();
            assert_eq!(due, 3, "{after:?} {early}");
            assert!(polls < 2_000, "{after:?} {early}: {polls} polls");
        }
    }
}

#[test]
fn a_timer_that_is_ready_though_nothing_is_due_makes_no_busy_loop_in_a_poll() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    fake.with(|world| world.always_ready = true);
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.set_deadline(Some(at_seconds(1)));
        Ok(())
    };
    let mut task = drive(script, &fake, &wire);
    assert!(task.poll().is_pending() && task.poll().is_pending());
    assert!(task.is_woken() && fake.with(|world| world.timer_polls) <= 8);
    fake.with(|world| world.always_ready = false);
    task.settle();
    fake.advance(SECOND);
    task.settle();
    assert_eq!(log_of(&log), [Told::Made, Told::Deadline]);
}

#[test]
fn l3_a_deadline_is_cleared_before_it_is_told() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, log) = Script::new();
    script.made = |link| {
        link.set_deadline(Some(at_seconds(1)));
        link.set_deadline(Some(at_seconds(2)));
        Ok(())
    };
    script.deadline = |link| if link.deadline().is_none() { Ok(()) } else { Err(Fault) };
    let mut task = drive(script, &fake, &wire);
    task.run();
    fake.advance(SECOND);
    task.settle();
    assert_eq!(log_of(&log), [Told::Made]);
    for _ in 0..3 {
        fake.advance(SECOND);
        task.run();
    }
    assert_eq!(log_of(&log), [Told::Made, Told::Deadline]);
}

#[test]
fn a_poll_yields_after_its_budget_of_bytes_or_turns() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, _) = Script::new();
    script.made = |link| {
        for _ in 0..64 {
            link.write(Bytes::from_static(&[7; 8192]));
        }
        Ok(())
    };
    wire.with(|wire| wire.write_at_most = 8192);
    let mut task = drive(script, &fake, &wire);
    assert!(task.poll().is_pending() && task.is_woken());
    assert_eq!(wire.written().len(), 64 * 1024);
    assert_eq!(task.settle() + 1, 8 + 1);
    assert_eq!(wire.written().len(), 64 * 8192);

    for (turns, polls) in [(1, 10), (4, 3), (64, 1)] {
        let (mut script, log) = Script::new();
        let wire = Wire::default();
        for _ in 0..8 {
            wire.send(b"x");
        }
        script.data = take;
        let config = Config { budget_turns: turns, ..Config::default() };
        let mut task = drive_as(script, &fake, &wire, Registration::alone(), config);
        assert_eq!(task.run(), polls, "{turns}");
        assert_eq!(log_of(&log).len(), 9);
    }
}

#[test]
fn work_that_says_again_gets_another_turn() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, _) = Script::new();
    script.work = |_, link| {
        if link.outbound.len() + 1 < 5 {
            link.outbound.write_slice(b"x");
        }
        Ok(Work::Again)
    };
    wire.with(|wire| wire.window = 0);
    let config = Config { budget_turns: 10, ..Config::default() };
    let mut task = drive_as(script, &fake, &wire, Registration::alone(), config);
    assert!(task.poll().is_pending() && task.is_woken());
    assert_eq!(task.future.link().map(|link| link.outbound.len()), Some(4));
}

#[test]
fn a_panic_ends_its_connection_only() {
    let acts: [fn(&mut Script); 4] = [
        |script| script.made = |_| panic!("made"),
        |script| script.data = |_| panic!("data"),
        |script| {
            script.work = |_, link| if link.inbound.is_empty() { Ok(Work::Waiting) } else { panic!("work") }
        },
        |script| {
            script.data = |_| Err(Fault);
            script.work = |_, _| panic!("never called after the failure");
        },
    ];
    for act in acts {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.data = nothing;
        act(&mut script);
        let mut task = drive(script, &fake, &wire);
        wire.send(b"x");
        wire.push(Incoming::Eof);
        task.run();
        assert!(task.done);
        assert_eq!(log_of(&log).iter().filter(|told| matches!(told, Told::Lost(_))).count(), 1);
        assert_eq!(log_of(&log).last(), Some(&Told::Lost(Lost::Failed)));
    }
}

#[test]
fn a_panic_in_connection_lost_or_drop_harms_nobody() {
    struct Grumpy;
    impl Protocol for Grumpy {
        type Error = Infallible;
        fn data_received(&mut self, link: &mut Link) -> Result<(), Infallible> {
            link.abort();
            Ok(())
        }
        fn connection_lost(&mut self, _: Lost) {
            panic!("lost");
        }
    }
    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let mut task = drive(Grumpy, &fake, &wire);
    wire.send(b"x");
    task.run();
    assert!(task.done);
    drop(task);
    drop(drive(Grumpy, &fake, &wire));
}

/// Whenever the shutdown is announced: before the connection is entered, before its first poll, or after it.
#[test]
fn a_connection_from_which_nothing_came_may_say_what_it_came_for() {
    for when in 0..3 {
        for waits in [false, true] {
            let (fake, wire) = (Fake::<true>::default(), Wire::default());
            let shutdown = Shutdown::new();
            let connections = Connections::new(&shutdown, &Permits::default());
            let announce = |at| {
                if when == at {
                    shutdown.announce()
                }
            };
            announce(0);
            let (script, log) = Script::new();
            let mut task = drive_as(script, &fake, &wire, connections.register(), Config::default());
            announce(1);
            task.run();
            announce(2);
            task.settle();
            assert_eq!(log_of(&log), [Told::Made]);
            if waits {
                connections.advance(Stage::Drain);
            } else {
                wire.send(b"request");
            }
            task.settle();
            let told = log_of(&log);
            let expected = if waits { vec![Told::Shutdown] } else { vec![Told::Data(7), Told::Shutdown] };
            assert_eq!(told[1..=expected.len()], expected);
        }
    }
}

#[test]
fn what_the_event_loop_has_yet_to_tell_of_is_read_before_the_notice() {
    for drains in [false, true] {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let shutdown = Shutdown::new();
        let connections = Connections::new(&shutdown, &Permits::default());
        let (mut script, log) = Script::new();
        script.shutdown = |_| ();
        let mut task = drive_as(script, &fake, &wire, connections.register(), Config::default());
        wire.send(b"first");
        task.run();
        wire.send_untold(b"second");
        shutdown.announce();
        task.settle();
        assert_eq!(log_of(&log), [Told::Made, Told::Data(5)]);
        if drains {
            connections.advance(Stage::Drain);
            task.settle();
            assert_eq!(log_of(&log)[2], Told::Shutdown);
        } else {
            wire.send(b"third");
            task.settle();
            assert_eq!(log_of(&log)[2..], [Told::Data(6), Told::Shutdown, Told::Data(5)]);
        }
    }
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let (fake, wire) = (Fake::<false>::default(), Wire::default());
    let mut task = drive(Echo::default(), &fake, &wire);
    task.run();
    assert!(task.future.link().is_none());
    for size in [1, 100, 4096, 16 * 1024, 100_000] {
        wire.send(&vec![b'x'; size]);
        task.settle();
        assert!(task.future.link().is_none(), "{size}");
    }
    assert_eq!(wire.written().len(), 1 + 100 + 4096 + 16 * 1024 + 100_000);
}

#[test]
fn a_short_leftover_stands_in_a_buffer_of_its_size() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let (mut script, _) = Script::new();
    script.data = nothing;
    let mut task = drive(script, &fake, &wire);
    for n in 1..=300 {
        wire.send(b"h");
        task.run();
        let inbound = &task.future.link().expect("it holds the line").inbound;
        assert_eq!((inbound.len(), inbound.capacity() < 2 * n + 64), (n, true));
    }
}

#[test]
fn the_driver_is_small() {
    // The scripts' stream, timer and handle are a pointer or two each, the protocol is one byte.
    assert_eq!(size_of::<Driver<Echo, Fake>>(), 112);
}

#[test]
fn an_owner_sees_the_protocol_and_what_was_written_after_the_end() {
    let (fake, wire) = (Fake::<true>::default(), Wire::default());
    let registration = Registration::alone();
    let mut driver = Driver::new(
        Echo::default(),
        FakeStream(wire.clone()),
        fake,
        registration,
        Arc::new(Config::default()),
    );
    let cx = &mut Context::from_waker(Waker::noop());
    wire.send(b"hello");
    assert_eq!((driver.poll_lost(cx), driver.has_written()), (Poll::Pending, true));
    wire.push(Incoming::Error(std::io::ErrorKind::ConnectionReset));
    for _ in 0..2 {
        assert_eq!(driver.poll_lost(cx), Poll::Ready(Lost::Broken));
        assert!(driver.protocol_mut().is_some());
    }
    assert_eq!((driver.fault(), driver.has_written()), (Some(std::io::ErrorKind::ConnectionReset), true));
    assert_eq!(core::pin::Pin::new(&mut driver).poll(cx), Poll::Ready(()));
    assert!(driver.protocol_mut().is_none());
}

#[test]
fn what_came_before_a_write_failed_is_handed_over_where_that_is_asked_for() {
    for last_look in [false, true] {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let (mut script, log) = Script::new();
        script.made = |link| {
            link.write(&b"request"[..]);
            Ok(())
        };
        wire.with(|wire| wire.broken = true);
        wire.send(b"answer");
        wire.push(Incoming::Eof);
        let config = Config { last_look, ..Config::default() };
        let mut task = drive_as(script, &fake, &wire, Registration::alone(), config);
        task.run();
        let looked: &[Told] = if last_look { &[Told::Data(6), Told::Eof(Eof::Clean)] } else { &[] };
        let expected = [&[Told::Made], looked, &[Told::Lost(Lost::Broken)]].concat();
        assert!(task.done);
        assert_eq!(log_of(&log), expected);
    }
}

#[test]
fn shutdown_from_another_thread_is_never_missed() {
    for _ in 0..200 {
        let (fake, wire) = (Fake::<true>::default(), Wire::default());
        let shutdown = Shutdown::new();
        let connections = Connections::new(&shutdown, &Permits::default());
        let (script, log) = Script::new();
        let mut task = drive_as(script, &fake, &wire, connections.register(), Config::default());
        wire.push(Incoming::Eof);
        let other = std::thread::spawn(move || shutdown.announce());
        task.run();
        other.join().expect("announcing does not panic");
        task.settle();
        assert!(task.done);
        assert_eq!(log_of(&log).last(), Some(&Told::Lost(Lost::Closed)));
    }
}

#[test]
fn permits_bound_and_wake() {
    let shutdown = Shutdown::new();
    let permits = Permits::new(1);
    let (a, b) = (Connections::new(&shutdown, &permits), Connections::new(&shutdown, &permits));
    let mut cx = Context::from_waker(Waker::noop());
    let first = a.poll_register(&mut cx);
    assert!(first.is_ready() && b.poll_register(&mut cx).is_pending());
    assert_eq!((permits.used(), a.len(), b.len()), (1, 1, 0));
    assert!(a.poll_empty(&mut cx).is_pending() && b.poll_empty(&mut cx).is_ready());
    drop(first);
    assert!(b.poll_register(&mut cx).is_ready() && a.poll_empty(&mut cx).is_ready());
}

#[test]
fn announced_wakes_all_that_wait_and_stages_only_move_forward() {
    let shutdown = Shutdown::new();
    let mut waits: Vec<_> = (0..3).map(|_| Bench::new(shutdown.announced())).collect();
    let mut killed = Bench::new(shutdown.reached(Stage::Kill));
    waits.iter_mut().chain([&mut killed]).for_each(|wait| assert!(wait.poll().is_pending()));
    drop(waits.pop());
    shutdown.announce();
    waits.iter_mut().for_each(|wait| assert!(wait.is_woken() && wait.poll().is_ready()));
    assert!(killed.poll().is_pending());
    shutdown.kill();
    shutdown.announce();
    assert!(killed.is_woken() && killed.poll().is_ready() && shutdown.stage() == Stage::Kill);
    let late = Connections::new(&shutdown, &Permits::default()).register();
    assert_eq!(late.stage(), Stage::Kill);
}
