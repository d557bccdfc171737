//! The connection pool: how many connections there are, and who gets which.
//!
//! A *place* is the right to have a connection to a host. Whoever asks gets an idle connection with its place, or a place
//! to connect with, or waits in line. A place that comes free, with its connection or without, goes to exactly one of
//! those who wait: the first in line of the same host, else, when the pool as a whole was full, the one of any host who
//! came first. Who leaves the line, or leaves with what was handed to it, hands it on.
//!
//! Whether an idle connection still lives is not asked here: whoever sends on it finds out before the first byte leaves.
//! Nothing here waits or looks at a clock; connections are dropped and wakers called after the lock is released.

use core::fmt;
use core::hash::Hash;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyloop_core::time::Instant;

/// How many connections a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Connections to one host (scheme, host and port) at once; default 100. More requests wait in line.
    pub per_host: usize,
    /// Connections at once; default 1,000. Idle ones to other hosts are closed to stay below it.
    pub total: usize,
    /// Idle connections kept for one host; default 100.
    pub idle_per_host: usize,
    /// How long a connection may be idle; default 60 s.
    pub idle: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { per_host: 100, total: 1_000, idle_per_host: 100, idle: Duration::from_secs(60) }
    }
}

pub(crate) struct Pool<K, T> {
    shared: Arc<Shared<K, T>>,
}

struct Shared<K, T> {
    limits: PoolLimits,
    state: Mutex<State<K, T>>,
}

struct State<K, T> {
    hosts: HashMap<K, Host<T>>,
    /// Places that are taken, by connections idle or in use.
    total: usize,
    /// Those who wait, by their number; numbers are given in the order of coming.
    waiting: HashMap<u64, Waiting<T>>,
    next_number: u64,
    /// No idle connection's time is over before this.
    next_expiry: Option<Instant>,
    maintainer: Option<Waker>,
}

struct Host<T> {
    places: usize,
    /// The one that came back last is at the back.
    idle: VecDeque<Idle<T>>,
    /// Numbers of those who wait, in order.
    line: VecDeque<u64>,
}

struct Idle<T> {
    connection: T,
    until: Instant,
}

struct Waiting<T> {
    waker: Waker,
    /// What was handed over and not taken so far.
    given: Option<Given<T>>,
}

enum Given<T> {
    Connection(T),
    Place,
}

/// What is done after the lock is released.
struct After<T> {
    wake: Option<Waker>,
    drop: Vec<T>,
}

impl<T> Default for After<T> {
    fn default() -> Self {
        Self { wake: None, drop: Vec::new() }
    }
}

impl<T> After<T> {
    fn run(self) {
        drop(self.drop);
        if let Some(waker) = self.wake {
            waker.wake();
        }
    }
}

impl<K: Clone + Eq + Hash, T> Pool<K, T> {
    /// Limits of 0 count as 1: nobody waits for what can't come.
    pub(crate) fn new(mut limits: PoolLimits) -> Self {
        (limits.per_host, limits.total) = (limits.per_host.max(1), limits.total.max(1));
        let state = State {
            hosts: HashMap::new(),
            total: 0,
            waiting: HashMap::new(),
            next_number: 0,
            next_expiry: None,
            maintainer: None,
        };
        Self { shared: Arc::new(Shared { limits, state: Mutex::new(state) }) }
    }

    /// Waits for a connection or for a place to connect with.
    pub(crate) fn checkout(&self, key: K, now: Instant) -> Checkout<K, T> {
        Checkout { shared: Arc::clone(&self.shared), stage: Stage::New(now), key: Some(key) }
    }

    /// Closes the connections whose time is over.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut after = After::default();
        let mut state = self.shared.lock();
        state.sweep(now, &mut after);
        drop(state);
        after.run();
    }

    /// Returns how many connections there are, and how many of them are idle.
    pub(crate) fn count(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.total, state.hosts.values().map(|host| host.idle.len()).sum())
    }

    /// Waits until an idle connection's time may be over, and returns that instant.
    pub(crate) fn poll_expiry(&self, cx: &Context<'_>) -> Poll<Instant> {
        let mut state = self.shared.lock();
        match state.next_expiry {
            Some(at) => Poll::Ready(at),
            None => {
                state.maintainer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn downgrade(&self) -> WeakPool<K, T> {
        WeakPool(Arc::downgrade(&self.shared))
    }
}

/// A pool that is closed when nobody else uses it.
pub(crate) struct WeakPool<K, T>(Weak<Shared<K, T>>);

impl<K, T> WeakPool<K, T> {
    pub(crate) fn upgrade(&self) -> Option<Pool<K, T>> {
        Some(Pool { shared: self.0.upgrade()? })
    }
}

impl<K, T> Shared<K, T> {
    fn lock(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever maintains the pool is told that there is nothing left to do.
impl<K, T> Drop for Shared<K, T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(maintainer) = state.maintainer.take() {
            maintainer.wake();
        }
    }
}

impl<K: Clone + Eq + Hash, T> State<K, T> {
    fn sweep(&mut self, now: Instant, after: &mut After<T>) {
        if self.next_expiry.is_none_or(|at| at > now) {
            return;
        }
        let mut next = None;
        let mut closed = 0;
        self.hosts.retain(|_, host| {
            while host.idle.front().is_some_and(|idle| idle.until <= now) {
                after.drop.extend(host.idle.pop_front().map(|idle| idle.connection));
                host.places -= 1;
                closed += 1;
            }
            next = [next, host.idle.front().map(|idle| idle.until)].into_iter().flatten().min();
            host.places > 0 || !host.line.is_empty()
        });
        self.total -= closed;
        self.next_expiry = next;
    }

    fn forget_if_unused(&mut self, key: &K) {
        if self.hosts.get(key).is_some_and(|host| host.places == 0 && host.line.is_empty()) {
            self.hosts.remove(key);
        }
    }

    /// Closes the idle connection of any host whose time is over first.
    fn evict(&mut self, after: &mut After<T>) -> bool {
        let oldest = self
            .hosts
            .iter()
            .filter_map(|(key, host)| Some((host.idle.front()?.until, key)))
            .min_by_key(|(until, _)| *until)
            .map(|(_, key)| key.clone());
        let Some(key) = oldest else { return false };
        if let Some(host) = self.hosts.get_mut(&key)
            && let Some(idle) = host.idle.pop_front()
        {
            host.places -= 1;
            self.total -= 1;
            after.drop.push(idle.connection);
        }
        self.forget_if_unused(&key);
        true
    }

    /// Decides who is next when something of this host comes free.
    fn turn(&self, key: &K, limits: &PoolLimits) -> Turn<K> {
        let own = self.hosts.get(key).and_then(|host| host.line.front());
        if self.waiting.is_empty() || self.total < limits.total {
            return own.map_or(Turn::Nobody, |_| Turn::Own);
        }
        let other = self
            .hosts
            .iter()
            .filter(|(other, host)| *other != key && host.places < limits.per_host)
            .filter_map(|(key, host)| Some((host.line.front()?, key)))
            .min_by_key(|(number, _)| **number);
        match (own, other) {
            (None, None) => Turn::Nobody,
            (Some(own), Some((number, _))) if own < number => Turn::Own,
            (Some(_), None) => Turn::Own,
            (_, Some((_, key))) => Turn::Other(key.clone()),
        }
    }

    /// Hands something to the first in line of a host.
    fn give(&mut self, key: &K, given: Given<T>, after: &mut After<T>) {
        let number = self.hosts.get_mut(key).and_then(|host| host.line.pop_front());
        if let Some(waiting) = number.and_then(|number| self.waiting.get_mut(&number)) {
            waiting.given = Some(given);
            after.wake = Some(waiting.waker.clone());
        }
    }

    /// A place of a host is free.
    fn free_place(&mut self, key: &K, limits: &PoolLimits, after: &mut After<T>) {
        let turn = self.turn(key, limits);
        if turn == Turn::Own {
            return self.give(key, Given::Place, after);
        }
        if let Some(host) = self.hosts.get_mut(key) {
            host.places -= 1;
            self.total -= 1;
        }
        self.forget_if_unused(key);
        if let Turn::Other(next) = turn {
            self.host(&next).places += 1;
            self.total += 1;
            self.give(&next, Given::Place, after);
        }
    }

    /// A connection that can be used again is free. Without an instant it is not kept.
    fn free(
        &mut self,
        key: &K,
        connection: T,
        now: Option<Instant>,
        limits: &PoolLimits,
        after: &mut After<T>,
    ) {
        let turn = self.turn(key, limits);
        if turn == Turn::Own {
            return self.give(key, Given::Connection(connection), after);
        }
        let idle = self.hosts.get(key).map_or(0, |host| host.idle.len());
        let until =
            now.filter(|_| turn == Turn::Nobody && idle < limits.idle_per_host && !limits.idle.is_zero());
        let Some(until) = until.map(|now| now + limits.idle) else {
            after.drop.push(connection);
            return self.free_place(key, limits, after);
        };
        self.host(key).idle.push_back(Idle { connection, until });
        if self.next_expiry.is_none() {
            self.next_expiry = Some(until);
            after.wake = self.maintainer.take();
        }
    }

    fn host(&mut self, key: &K) -> &mut Host<T> {
        let new = || Host { places: 0, idle: VecDeque::new(), line: VecDeque::new() };
        self.hosts.entry(key.clone()).or_insert_with(new)
    }
}

/// Who is next.
#[derive(PartialEq, Eq)]
enum Turn<K> {
    Nobody,
    /// The first in line of the host itself.
    Own,
    /// The first in line of another one, which came earlier while the pool was full.
    Other(K),
}

impl<K: Clone + Eq + Hash, T> State<K, T> {
    /// Takes the idle connection that came back last.
    fn take_idle(&mut self, key: &K) -> Option<T> {
        self.hosts.get_mut(key)?.idle.pop_back().map(|idle| idle.connection)
    }

    /// Takes a place, if there is one.
    fn take_place(&mut self, key: &K, limits: &PoolLimits, after: &mut After<T>) -> bool {
        if self.hosts.get(key).is_some_and(|host| host.places >= limits.per_host || !host.line.is_empty()) {
            return false;
        }
        if self.total >= limits.total && !self.evict(after) {
            return false;
        }
        self.host(key).places += 1;
        self.total += 1;
        true
    }
}

/// A place in the line.
pub(crate) struct Checkout<K: Clone + Eq + Hash, T> {
    shared: Arc<Shared<K, T>>,
    key: Option<K>,
    stage: Stage,
}

enum Stage {
    New(Instant),
    Waiting(u64),
    Done,
}

/// Nothing is ever pinned inside.
impl<K: Clone + Eq + Hash, T> Unpin for Checkout<K, T> {}

impl<K: Clone + Eq + Hash, T> Future for Checkout<K, T> {
    type Output = Lease<K, T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Lease<K, T>> {
        let this = self.get_mut();
        let mut after = After::default();
        let mut state = this.shared.lock();
        let given = match this.stage {
            Stage::New(now) => {
                state.sweep(now, &mut after);
                let Some(key) = &this.key else { return Poll::Pending };
                if let Some(connection) = state.take_idle(key) {
                    Some(Given::Connection(connection))
                } else if state.take_place(key, &this.shared.limits, &mut after) {
                    Some(Given::Place)
                } else {
                    let number = state.next_number;
                    state.next_number += 1;
                    state.host(key).line.push_back(number);
                    state.waiting.insert(number, Waiting { waker: cx.waker().clone(), given: None });
                    this.stage = Stage::Waiting(number);
                    None
                }
            }
            Stage::Waiting(number) => match state.waiting.get_mut(&number) {
                Some(Waiting { given: Some(_), .. }) => {
                    state.waiting.remove(&number).and_then(|waiting| waiting.given)
                }
                Some(waiting) => {
                    waiting.waker.clone_from(cx.waker());
                    None
                }
                None => None,
            },
            Stage::Done => None,
        };
        drop(state);
        after.run();
        let Some(given) = given else { return Poll::Pending };
        this.stage = Stage::Done;
        let Some(key) = this.key.take() else { return Poll::Pending };
        let connection = match given {
            Given::Connection(connection) => Some(connection),
            Given::Place => None,
        };
        Poll::Ready(Lease { place: Place(Some((Arc::clone(&this.shared), key))), connection })
    }
}

impl<K: Clone + Eq + Hash, T> Drop for Checkout<K, T> {
    fn drop(&mut self) {
        let (Stage::Waiting(number), Some(key)) = (&self.stage, &self.key) else { return };
        let mut after = After::default();
        let mut state = self.shared.lock();
        match state.waiting.remove(number).and_then(|waiting| waiting.given) {
            None => {
                if let Some(host) = state.hosts.get_mut(key)
                    && let Ok(at) = host.line.binary_search(number)
                {
                    host.line.remove(at);
                }
                state.forget_if_unused(key);
            }
            Some(Given::Place) => state.free_place(key, &self.shared.limits, &mut after),
            // The clock is not known here: without a next in line, the connection goes.
            Some(Given::Connection(connection)) => {
                state.free(key, connection, None, &self.shared.limits, &mut after);
            }
        }
        drop(state);
        after.run();
    }
}

/// A place, and the connection that came with it.
pub(crate) struct Lease<K: Clone + Eq + Hash, T> {
    pub(crate) place: Place<K, T>,
    /// None: make one.
    pub(crate) connection: Option<T>,
}

/// The right to have a connection. Dropped alone, it is free for the next.
pub(crate) struct Place<K: Clone + Eq + Hash, T>(Option<(Arc<Shared<K, T>>, K)>);

impl<K: Clone + Eq + Hash, T> Place<K, T> {
    /// Gives a connection back that can be used again.
    pub(crate) fn put(mut self, connection: T, now: Instant) {
        let Some((shared, key)) = self.0.take() else { return };
        let mut after = After::default();
        let mut state = shared.lock();
        state.free(&key, connection, Some(now), &shared.limits, &mut after);
        drop(state);
        after.run();
    }
}

impl<K: Clone + Eq + Hash, T> Drop for Place<K, T> {
    fn drop(&mut self) {
        let Some((shared, key)) = self.0.take() else { return };
        let mut after = After::default();
        let mut state = shared.lock();
        state.free_place(&key, &shared.limits, &mut after);
        drop(state);
        after.run();
    }
}

impl<K, T> fmt::Debug for Pool<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        let idle: usize = state.hosts.values().map(|host| host.idle.len()).sum();
        f.debug_struct("Pool")
            .field("connections", &state.total)
            .field("idle", &idle)
            .field("waiting", &state.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
