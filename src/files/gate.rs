//! A bound on what goes on at once.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lets a number of holders in, the others in the order they came. Clones are the same gate.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<State>>);

struct State {
    free: usize,
    /// Those who wait, by the order they came in.
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Gate {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: limit, waiting: BTreeMap::new(), next: 0 })))
    }

    /// Enters if there is room and nobody waits.
    pub(super) fn try_enter(&self) -> Option<Permit> {
        let mut state = self.lock();
        if state.free == 0 || !state.waiting.is_empty() {
            return None;
        }
        state.free -= 1;
        Some(Permit(self.clone()))
    }

    /// Enters as soon as there is room and those who came before are in.
    pub(super) fn enter(&self) -> Enter {
        Enter { gate: self.clone(), place: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the first who waits, if there is room.
    fn wake_first(&self) {
        let state = self.lock();
        let waker = if state.free > 0 { state.waiting.values().next().cloned() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Gate").field("free", &state.free).field("waiting", &state.waiting.len()).finish()
    }
}

/// A place inside; dropping it makes room.
#[derive(Debug)]
pub(super) struct Permit(Gate);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.wake_first();
    }
}

/// Waits for room. Dropped while it waits, it lets the next one pass.
#[derive(Debug)]
pub(super) struct Enter {
    gate: Gate,
    place: Option<u64>,
}

impl Future for Enter {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let gate = self.gate.clone();
        let mut state = gate.lock();
        let is_first = match (self.place, state.waiting.keys().next()) {
            (_, None) => true,
            (Some(place), Some(first)) => place == *first,
            (None, Some(_)) => false,
        };
        if state.free == 0 || !is_first {
            let place = self.place.unwrap_or(state.next);
            state.next = state.next.max(place + 1);
            let old = state.waiting.insert(place, cx.waker().clone());
            drop(state);
            drop(old);
            self.place = Some(place);
            return Poll::Pending;
        }
        state.free -= 1;
        let old = self.place.take().and_then(|place| state.waiting.remove(&place));
        drop(state);
        drop(old);
        // Two may have left before this one was polled.
        gate.wake_first();
        Poll::Ready(Permit(gate))
    }
}

impl Drop for Enter {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let old = self.gate.lock().waiting.remove(&place);
            drop(old);
            self.gate.wake_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(enter: Pin<&mut Enter>, woken: &Arc<Woken>) -> Option<Permit> {
        match enter.poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken)))) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn count(woken: &Woken) -> usize {
        woken.0.load(Ordering::Relaxed)
    }

    #[test]
    fn in_order_and_one_at_a_time() {
        let gate = Gate::new(1);
        let (a, b) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let inside = gate.try_enter().unwrap();
        assert!(gate.try_enter().is_none());
        let (mut first, mut second) = (pin!(gate.enter()), pin!(gate.enter()));
        assert!(poll(first.as_mut(), &a).is_none() && poll(second.as_mut(), &b).is_none());
        drop(inside);
        assert_eq!((count(&a), count(&b)), (1, 0));
        assert!(gate.try_enter().is_none(), "nobody passes those who wait");
        assert!(poll(second.as_mut(), &b).is_none(), "nor does the second pass the first");
        let inside = poll(first.as_mut(), &a).unwrap();
        assert_eq!(count(&b), 0);
        drop(inside);
        assert_eq!(count(&b), 1);
        assert!(poll(second.as_mut(), &b).is_some());
        assert!(gate.try_enter().is_some());
    }

    #[test]
    fn who_gives_up_lets_the_next_pass() {
        let gate = Gate::new(1);
        let (a, b) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let inside = gate.try_enter().unwrap();
        let (mut first, mut second) = (Box::pin(gate.enter()), pin!(gate.enter()));
        assert!(poll(first.as_mut(), &a).is_none() && poll(second.as_mut(), &b).is_none());
        drop(inside);
        drop(first);
        assert_eq!((count(&a), count(&b)), (1, 1));
        assert!(poll(second.as_mut(), &b).is_some());
    }

    #[test]
    fn two_who_leave_let_two_in() {
        let gate = Gate::new(2);
        let (a, b) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let inside = (gate.try_enter().unwrap(), gate.try_enter().unwrap());
        let (mut first, mut second) = (pin!(gate.enter()), pin!(gate.enter()));
        assert!(poll(first.as_mut(), &a).is_none() && poll(second.as_mut(), &b).is_none());
        drop(inside);
        assert_eq!(count(&b), 0);
        let _first = poll(first.as_mut(), &a).unwrap();
        assert_eq!(count(&b), 1, "the first wakes the second");
        assert!(poll(second.as_mut(), &b).is_some());
    }
}
