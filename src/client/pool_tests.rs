use core::task::Context;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// A connection that counts how many are alive.
struct Fake {
    id: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Line = Checkout<&'static str, Fake>;

struct Bench {
    pool: Pool<&'static str, Fake>,
    alive: Arc<AtomicUsize>,
    made: usize,
    now: Instant,
}

/// One who waits, with what was woken for.
struct Waiter {
    line: Line,
    woken: Arc<Count>,
}

impl Waiter {
    fn poll(&mut self) -> Poll<Lease<&'static str, Fake>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(&mut self.line).poll(&mut Context::from_waker(&waker))
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed) > 0
    }
}

impl Bench {
    fn new(per_host: usize, total: usize) -> Self {
        let limits = PoolLimits { per_host, total, ..PoolLimits::default() };
        Self { pool: Pool::new(limits), alive: Arc::default(), made: 0, now: Instant::default() }
    }

    fn ask(&self, key: &'static str) -> Waiter {
        Waiter { line: self.pool.checkout(key, self.now), woken: Arc::default() }
    }

    fn lease(&self, key: &'static str) -> Lease<&'static str, Fake> {
        match self.ask(key).poll() {
            Poll::Ready(lease) => lease,
            Poll::Pending => panic!("{key}: nothing is free"),
        }
    }

    fn connect(&mut self) -> Fake {
        self.made += 1;
        self.alive.fetch_add(1, Ordering::Relaxed);
        Fake { id: self.made, alive: Arc::clone(&self.alive) }
    }

    /// Asks, connects where no connection came, and gives the connection back.
    fn use_once(&mut self, key: &'static str) -> usize {
        let lease = self.lease(key);
        let connection = lease.connection.unwrap_or_else(|| self.connect());
        let id = connection.id;
        lease.place.put(connection, self.now);
        id
    }
}

#[test]
fn connections_come_back() {
    let mut bench = Bench::new(2, 10);
    assert_eq!(
        [bench.use_once("a"), bench.use_once("a"), bench.use_once("b"), bench.use_once("a")],
        [1, 1, 2, 1]
    );
    assert_eq!(bench.pool.count(), (2, 2));
}

#[test]
fn those_who_wait_are_served_in_order_and_each_is_woken_once() {
    let mut bench = Bench::new(1, 10);
    let first = bench.lease("a");
    let mut waiters: Vec<_> = (0..3).map(|_| bench.ask("a")).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    let connection = bench.connect();
    first.place.put(connection, bench.now);
    let woken: Vec<_> = waiters.iter().map(Waiter::is_woken).collect();
    assert_eq!(woken, [true, false, false]);
    // Who comes later does not get ahead, although nothing was taken so far.
    assert!(bench.ask("a").poll().is_pending());
    let Poll::Ready(lease) = waiters[0].poll() else { panic!("it was handed over") };
    assert_eq!(lease.connection.as_ref().map(|connection| connection.id), Some(1));
    // The connection breaks: the next in line makes its own.
    drop(lease);
    assert!(waiters[1].is_woken() && !waiters[2].is_woken());
    let Poll::Ready(lease) = waiters[1].poll() else { panic!("it was handed over") };
    assert!(lease.connection.is_none());
    assert_eq!(bench.pool.count(), (1, 0));
}

#[test]
fn who_leaves_hands_on() {
    let mut bench = Bench::new(1, 10);
    let first = bench.lease("a");
    let mut waiters: Vec<_> = (0..4).map(|_| bench.ask("a")).collect();
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    drop(waiters.remove(1));
    let connection = bench.connect();
    first.place.put(connection, bench.now);
    assert!(waiters[0].is_woken());
    // Woken, and gone before it could take what it got.
    drop(waiters.remove(0));
    assert!(waiters[0].is_woken() && !waiters[1].is_woken());
    let Poll::Ready(lease) = waiters[0].poll() else { panic!("it was handed on") };
    assert_eq!(lease.connection.as_ref().map(|connection| connection.id), Some(1));
    drop(waiters.remove(0));
    drop(lease);
    assert!(waiters[0].is_woken());
    drop(waiters);
    assert_eq!(bench.pool.count(), (0, 0));
    assert_eq!(bench.alive.load(Ordering::Relaxed), 0);
    assert!(bench.pool.shared.lock().hosts.is_empty());
}

#[test]
fn a_full_pool_closes_what_is_idle_elsewhere() {
    let mut bench = Bench::new(5, 2);
    for (key, id) in [("a", 1), ("b", 2), ("c", 3), ("b", 2), ("a", 4), ("b", 2), ("c", 5)] {
        assert_eq!(bench.use_once(key), id, "{key}");
        assert!(bench.alive.load(Ordering::Relaxed) <= 2);
        bench.now = bench.now + Duration::from_secs(1);
    }
}

#[test]
fn a_full_pool_serves_the_first_of_all_lines() {
    let mut bench = Bench::new(1, 2);
    let (a, b) = (bench.lease("a"), bench.lease("b"));
    let mut waiters = [bench.ask("c"), bench.ask("a"), bench.ask("d")];
    assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
    // The one for `c` came before the one for `a`, and the pool is full: the connection goes.
    let connection = bench.connect();
    a.place.put(connection, bench.now);
    assert_eq!(waiters.each_ref().map(Waiter::is_woken), [true, false, false]);
    assert_eq!(bench.alive.load(Ordering::Relaxed), 0);
    drop(b);
    assert_eq!(waiters.each_ref().map(Waiter::is_woken), [true, true, false]);
    drop(waiters[0].poll());
    assert_eq!(waiters.each_ref().map(Waiter::is_woken), [true, true, true]);
}

#[test]
fn idle_connections_end_in_time() {
    let mut bench = Bench::new(5, 10);
    let (first, second) = (bench.lease("a"), bench.lease("a"));
    let connection = bench.connect();
    first.place.put(connection, bench.now);
    bench.now = bench.now + Duration::from_secs(40);
    let connection = bench.connect();
    second.place.put(connection, bench.now);
    bench.now = bench.now + Duration::from_secs(20);
    // Any use of the pool closes what is over.
    drop(bench.lease("b"));
    assert_eq!(bench.pool.count(), (1, 1));
    bench.now = bench.now + Duration::from_secs(39);
    bench.pool.sweep(bench.now);
    assert_eq!(bench.pool.count(), (1, 1));
    bench.now = bench.now + Duration::from_secs(1);
    bench.pool.sweep(bench.now);
    assert_eq!(bench.pool.count(), (0, 0));
    assert_eq!(bench.alive.load(Ordering::Relaxed), 0);
    let cx = &Context::from_waker(Waker::noop());
    assert!(bench.pool.poll_expiry(cx).is_pending());
}

/// Random operations; after each, nobody waits who could be served, and the counts are right.
#[test]
fn the_pool_agrees_with_its_rules() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for _ in 0..300 {
        let (per_host, total) = (1 + next(3), 1 + next(5));
        let mut bench = Bench::new(per_host, total);
        let mut waiting: Vec<(usize, Waiter)> = Vec::new();
        let mut leases: Vec<(usize, Lease<&'static str, Fake>)> = Vec::new();
        for _ in 0..120 {
            match next(6) {
                0 | 1 => {
                    let host = next(3);
                    let mut waiter = bench.ask(["a", "b", "c"][host]);
                    match waiter.poll() {
                        Poll::Ready(lease) => leases.push((host, lease)),
                        Poll::Pending => waiting.push((host, waiter)),
                    }
                }
                2 if !waiting.is_empty() => drop(waiting.remove(next(waiting.len()))),
                3 if !leases.is_empty() => drop(leases.swap_remove(next(leases.len()))),
                4 if !leases.is_empty() => {
                    let (_, lease) = leases.swap_remove(next(leases.len()));
                    let connection = lease.connection.unwrap_or_else(|| bench.connect());
                    lease.place.put(connection, bench.now);
                }
                _ => bench.now = bench.now + Duration::from_secs(20),
            }
            for (host, waiter) in core::mem::take(&mut waiting) {
                let mut waiter = waiter;
                let woken = waiter.is_woken();
                match waiter.poll() {
                    Poll::Ready(lease) => {
                        assert!(woken, "served without being woken");
                        leases.push((host, lease));
                    }
                    Poll::Pending => {
                        assert!(!woken, "woken for nothing");
                        waiting.push((host, waiter));
                    }
                }
            }
            let (places, idle) = bench.pool.count();
            assert_eq!(places, leases.len() + idle);
            assert!(places <= total);
            let in_use = |host| leases.iter().filter(|(of, _)| *of == host).count();
            for (host, _) in &waiting {
                let own = in_use(*host);
                assert!(own <= per_host);
                assert!(own == per_host || (places == total && idle == 0), "one waits who could be served");
            }
        }
        waiting.clear();
        leases.clear();
        bench.pool.sweep(bench.now + Duration::from_secs(100));
        assert_eq!(bench.pool.count(), (0, 0));
        assert_eq!(bench.alive.load(Ordering::Relaxed), 0);
        assert!(bench.pool.shared.lock().hosts.is_empty());
    }
}
