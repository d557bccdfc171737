//! The deadlines of all connections of a worker, on one timer of its event loop.
//!
//! A connection is woken at its instant or after it, never before. Setting an instant leaves the one before it in the
//! heap, where it is passed over when its time comes; so one that moves costs no search. The heap stays below twice the
//! number of connections.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::task::{Context, Poll, Waker};

use super::alarm::Alarm;
use super::runtime::{Runtime, Timer};
use super::shutdown::{Connections, Registration};
use crate::time::Instant;

/// How many entries the heap may have beyond twice the number of connections.
const SLACK: usize = 64;

/// An instant for each slot that wants one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// By slot.
    armed: Vec<Option<Instant>>,
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    count: usize,
    /// Whoever looks after the timers, and until when it sleeps.
    keeper: Option<Waker>,
    asleep_until: Option<Instant>,
}

impl Timers {
    /// Sets the instant of a slot. Wake what is returned after the lock is released: it has to look again.
    #[must_use = "the keeper sleeps too long otherwise"]
    pub(crate) fn set(&mut self, slot: u32, at: Instant) -> Option<Waker> {
        if self.armed.len() <= slot as usize {
            self.armed.resize(slot as usize + 1, None);
        }
        if self.armed[slot as usize].replace(at).is_none() {
            self.count += 1;
        }
        self.heap.push(Reverse((at, slot)));
        if self.heap.len() > 2 * self.count + SLACK {
            let armed = &self.armed;
            self.heap.retain(|Reverse((at, slot))| armed[*slot as usize] == Some(*at));
        }
        let oversleeps = self.asleep_until.is_none_or(|until| at < until);
        if oversleeps { self.keeper.take() } else { None }
    }

    /// Forgets the instant of a slot.
    pub(crate) fn clear(&mut self, slot: u32) {
        if self.armed.get_mut(slot as usize).is_some_and(|armed| armed.take().is_some()) {
            self.count -= 1;
        }
        if self.count == 0 {
            self.heap.clear();
            self.armed.clear();
        }
    }

    /// Takes a slot that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<u32> {
        loop {
            let Reverse((at, slot)) = *self.heap.peek()?;
            let is_current = self.armed[slot as usize] == Some(at);
            if is_current && at > now {
                return None;
            }
            self.heap.pop();
            if is_current {
                self.clear(slot);
                return Some(slot);
            }
        }
    }

    /// Puts the keeper to sleep until the earliest instant, which is returned.
    pub(crate) fn sleep(&mut self, keeper: &Waker) -> Option<Instant> {
        self.asleep_until = self.heap.peek().map(|Reverse((at, _))| *at);
        match &mut self.keeper {
            Some(old) => old.clone_from(keeper),
            None => self.keeper = Some(keeper.clone()),
        }
        self.asleep_until
    }
}

/// What reminds one connection of its deadline: its worker, or an alarm of its own where no worker looks after that.
#[derive(Debug)]
pub(crate) struct Reminder<T> {
    /// The instant that the worker was given.
    armed: Option<Instant>,
    alarm: Option<Box<Alarm<T>>>,
}

impl<T: Timer> Reminder<T> {
    pub(crate) const fn new() -> Self {
        Self { armed: None, alarm: None }
    }

    /// The task has another waker. The worker knows it from the registration.
    pub(crate) fn waker_changed(&mut self) {
        if let Some(alarm) = &mut self.alarm {
            alarm.waker_changed();
        }
    }

    /// Sees to it that the task is woken at `at` or earlier. `Ready`: look at the clock again at once.
    pub(crate) fn poll_at<R>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        at: Instant,
        registration: &Registration,
        runtime: &R,
    ) -> Poll<()>
    where
        R: Runtime<Timer = T>,
    {
        if registration.keeps_timers() {
            // What is past by now may have woken the task already.
            if self.armed.is_some_and(|armed| now < armed && armed <= at) {
                return Poll::Pending;
            }
            if at <= now {
                return Poll::Ready(());
            }
            if registration.wake_at(at) {
                self.armed = Some(at);
                return Poll::Pending;
            }
        }
        self.alarm.get_or_insert_with(|| Box::new(Alarm::new())).poll_at(cx, now, at, runtime)
    }
}

/// Looks after the timers of a worker's connections for as long as it lives; after that they look after themselves.
pub(crate) struct Keeper<R: Runtime> {
    connections: Connections,
    runtime: R,
    alarm: Alarm<R::Timer>,
    waker: Waker,
}

impl<R: Runtime> Keeper<R> {
    pub(crate) fn new(connections: Connections, runtime: R) -> Self {
        connections.keep_timers(true);
        Self { connections, runtime, alarm: Alarm::new(), waker: Waker::noop().clone() }
    }

    /// Wakes each connection that is due, and sees to it that the task is woken for the next one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        if !self.waker.will_wake(cx.waker()) {
            self.waker.clone_from(cx.waker());
            self.alarm.waker_changed();
        }
        let now = self.runtime.now().mono;
        let Some(next) = self.connections.wake_due(now, &self.waker) else { return };
        if self.alarm.poll_at(cx, now, next, &self.runtime).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<R: Runtime> Drop for Keeper<R> {
    fn drop(&mut self) {
        self.connections.keep_timers(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn slots_are_due_in_order_and_never_early() {
        let mut timers = Timers::default();
        for (slot, nanos) in [(0, 30), (1, 10), (2, 20)] {
            drop(timers.set(slot, at(nanos)));
        }
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!((timers.take_due(at(20)), timers.take_due(at(20))), (Some(1), Some(2)));
        assert_eq!(timers.take_due(at(20)), None);
        drop(timers.set(0, at(25)));
        assert_eq!((timers.take_due(at(25)), timers.take_due(at(99))), (Some(0), None));
    }

    #[test]
    fn a_slot_that_was_cleared_is_not_due_and_may_be_set_again() {
        let mut timers = Timers::default();
        drop((timers.set(0, at(10)), timers.set(1, at(11))));
        timers.clear(0);
        assert_eq!((timers.take_due(at(11)), timers.take_due(at(11))), (Some(1), None));
        drop(timers.set(0, at(12)));
        assert_eq!(timers.take_due(at(12)), Some(0));
    }

    #[test]
    fn the_keeper_is_woken_for_an_earlier_instant_only() {
        let mut timers = Timers::default();
        assert_eq!(timers.sleep(Waker::noop()), None);
        assert!(timers.set(0, at(10)).is_some());
        assert_eq!(timers.sleep(Waker::noop()), Some(at(10)));
        assert!(timers.set(1, at(10)).is_none() && timers.set(2, at(9)).is_some());
        assert!(timers.set(3, at(1)).is_none(), "it was told once");
    }

    #[test]
    fn instants_that_move_do_not_pile_up() {
        let mut timers = Timers::default();
        for nanos in (1000..9000).rev() {
            for slot in 0..10 {
                drop(timers.set(slot, at(nanos)));
            }
        }
        assert!(timers.heap.len() <= 2 * 10 + SLACK + 1);
        let mut due = 0;
        while timers.take_due(at(1000)).is_some() {
            due += 1;
        }
        assert_eq!((due, timers.heap.len()), (10, 0));
    }
}
