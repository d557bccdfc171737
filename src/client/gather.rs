//! Many futures at once in one task, so many at a time.

use core::fmt;
use core::future::poll_fn;
use core::iter::Fuse;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// Runs many futures in the task that awaits it, at most so many at a time, and gives their outputs as they come.
///
/// The next future is taken from the iterator when one is done, so the iterator may be without end. A future is polled
/// only when it was woken. Dropping the value drops what is under way.
///
/// ```
/// use anyloop::client::Gather;
///
/// # anyloop::block_on(|_| async {
/// let mut squares = Gather::new(64, (0..1_000_u64).map(|n| async move { n * n }));
/// let mut sum = 0;
/// while let Some((index, square)) = squares.next().await {
///     assert_eq!(square, (index * index) as u64);
///     sum += square;
/// }
/// assert_eq!(sum, 332_833_500);
/// # }).unwrap();
/// ```
pub struct Gather<I: Iterator<Item: Future>> {
    futures: Fuse<I>,
    slots: Vec<Slot<I::Item>>,
    free: Vec<usize>,
    limit: usize,
    begun: usize,
    running: usize,
    woken: Arc<Woken>,
}

struct Slot<F> {
    /// With its number in the iterator.
    future: Option<(usize, Pin<Box<F>>)>,
    waker: Waker,
}

/// Which slots were woken, and who awaits them all.
#[derive(Default)]
struct Woken(Mutex<Ready>);

#[derive(Default)]
struct Ready {
    slots: VecDeque<usize>,
    /// Whether a slot is in the queue.
    queued: Vec<bool>,
    parent: Option<Waker>,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, Ready> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, slot: usize) {
        let mut ready = self.lock();
        if core::mem::replace(&mut ready.queued[slot], true) {
            return;
        }
        ready.slots.push_back(slot);
        let parent = ready.parent.take();
        drop(ready);
        if let Some(parent) = parent {
            parent.wake();
        }
    }
}

struct SlotWaker {
    slot: usize,
    woken: Arc<Woken>,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.woken.push(self.slot);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.push(self.slot);
    }
}

/// The futures are in boxes of their own.
impl<I: Iterator<Item: Future>> Unpin for Gather<I> {}

impl<I: Iterator<Item: Future>> Gather<I> {
    /// Makes it from what gives the futures. Nothing is begun before [`Gather::next`]; a limit of 0 counts as 1.
    pub fn new(limit: usize, futures: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            futures: futures.into_iter().fuse(),
            slots: Vec::new(),
            free: Vec::new(),
            limit: limit.max(1),
            begun: 0,
            running: 0,
            woken: Arc::default(),
        }
    }

    /// Waits for the next output, with the number of its future in the iterator; `None` when all are done.
    pub async fn next(&mut self) -> Option<(usize, <I::Item as Future>::Output)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next output; see [`Gather::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, <I::Item as Future>::Output)>> {
        self.begin();
        if self.running == 0 {
            return Poll::Ready(None);
        }
        let most = self.slots.len();
        for _ in 0..most {
            let mut ready = self.woken.lock();
            let Some(slot) = ready.slots.pop_front() else {
                ready.parent = Some(cx.waker().clone());
                return Poll::Pending;
            };
            ready.queued[slot] = false;
            drop(ready);
            if let Some(output) = self.poll_slot(slot) {
                return Poll::Ready(Some(output));
            }
        }
        // Each had its turn: others of this event loop get theirs.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_slot(&mut self, slot: usize) -> Option<(usize, <I::Item as Future>::Output)> {
        let Slot { future, waker } = &mut self.slots[slot];
        let (index, running) = future.as_mut()?;
        let index = *index;
        let Poll::Ready(output) = running.as_mut().poll(&mut Context::from_waker(waker)) else { return None };
        *future = None;
        self.free.push(slot);
        self.running -= 1;
        Some((index, output))
    }

    /// Fills the free slots.
    fn begin(&mut self) {
        while self.running < self.limit {
            let Some(future) = self.futures.next() else { return };
            let future = Some((self.begun, Box::pin(future)));
            let slot = match self.free.pop() {
                Some(slot) => {
                    self.slots[slot].future = future;
                    slot
                }
                None => self.add_slot(future),
            };
            self.begun += 1;
            self.running += 1;
            self.woken.push(slot);
        }
    }

    fn add_slot(&mut self, future: Option<(usize, Pin<Box<I::Item>>)>) -> usize {
        let slot = self.slots.len();
        self.woken.lock().queued.push(false);
        let waker = Waker::from(Arc::new(SlotWaker { slot, woken: Arc::clone(&self.woken) }));
        self.slots.push(Slot { future, waker });
        slot
    }
}

impl<I: Iterator<Item: Future>> fmt::Debug for Gather<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("limit", &self.limit)
            .field("begun", &self.begun)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Is done once it was told so.
    struct Told<'a> {
        bench: &'a Bench,
        number: usize,
    }

    #[derive(Default)]
    struct Bench {
        wakers: RefCell<Vec<Option<Waker>>>,
        done: RefCell<Vec<bool>>,
        polls: Cell<usize>,
    }

    impl Bench {
        fn new(count: usize) -> Self {
            Self {
                wakers: RefCell::new(vec![None; count]),
                done: RefCell::new(vec![false; count]),
                polls: Cell::new(0),
            }
        }

        fn tell(&self, number: usize) {
            self.done.borrow_mut()[number] = true;
            let waker = self.wakers.borrow_mut()[number].take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }

        fn begun(&self) -> Vec<bool> {
            self.wakers.borrow().iter().map(Option::is_some).collect()
        }
    }

    impl Future for Told<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let Self { bench, number } = *self;
            bench.polls.set(bench.polls.get() + 1);
            if bench.done.borrow()[number] {
                return Poll::Ready(());
            }
            bench.wakers.borrow_mut()[number] = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    #[derive(Default)]
    struct Parent(AtomicUsize);

    impl Wake for Parent {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn so_many_run_and_only_the_woken_are_polled() {
        let bench = Bench::new(5);
        let mut gather = Gather::new(3, (0..5).map(|number| Told { bench: &bench, number }));
        let parent = Arc::new(Parent::default());
        let waker = Waker::from(Arc::clone(&parent));
        let cx = &mut Context::from_waker(&waker);
        // Polls until nothing happens any more, as an event loop does.
        let mut settle = || loop {
            let before = parent.0.load(Ordering::Relaxed);
            if let Poll::Ready(output) = gather.poll_next(cx) {
                return output.map(|(index, ())| index).ok_or(());
            }
            if parent.0.load(Ordering::Relaxed) == before {
                return Err(());
            }
        };
        assert_eq!(settle(), Err(()));
        assert_eq!(bench.begun(), [true, true, true, false, false]);
        assert_eq!(bench.polls.get(), 3);
        bench.tell(1);
        assert_eq!(
            parent.0.load(Ordering::Relaxed),
            2,
            "once to go on after a round, once for what was told"
        );
        assert_eq!((settle(), bench.polls.get()), (Ok(1), 4));
        assert_eq!((settle(), bench.polls.get()), (Err(()), 5));
        assert_eq!(bench.begun(), [true, false, true, true, false]);
        bench.tell(3);
        bench.tell(0);
        assert_eq!([settle(), settle()], [Ok(3), Ok(0)]);
        assert_eq!(settle(), Err(()));
        bench.tell(4);
        bench.tell(2);
        assert_eq!([settle(), settle(), settle(), settle()], [Ok(4), Ok(2), Err(()), Err(())]);
        assert_eq!(bench.polls.get(), 10, "twice for each");
    }

    #[test]
    fn no_futures_are_done_at_once() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut none = Gather::new(0, core::iter::empty::<core::future::Ready<()>>());
        assert_eq!(none.poll_next(cx), Poll::Ready(None));
        let mut one = Gather::new(0, [core::future::ready(7)]);
        assert_eq!([one.poll_next(cx), one.poll_next(cx)], [Poll::Ready(Some((0, 7))), Poll::Ready(None)]);
    }
}
