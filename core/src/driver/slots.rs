//! A slab of wakers: who wants to hear of a change.

use alloc::vec::Vec;
use core::task::Waker;

/// Wakers by index. An index stays valid until it is removed; freed ones are used again.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    entries: Vec<Entry>,
    free: Option<usize>,
    live: usize,
}

#[derive(Debug)]
enum Entry {
    Free { next: Option<usize> },
    Used(Option<Waker>),
}

impl Slots {
    /// Takes a slot without a waker.
    pub(crate) fn insert(&mut self) -> usize {
        self.live += 1;
        let Some(index) = self.free else {
            self.entries.push(Entry::Used(None));
            return self.entries.len() - 1;
        };
        if let Entry::Free { next } = self.entries[index] {
            self.free = next;
        }
        self.entries[index] = Entry::Used(None);
        index
    }

    /// Puts the waker into the slot and returns the one that was there.
    #[must_use = "a waker is dropped after the lock is released"]
    pub(crate) fn set(&mut self, index: usize, waker: &Waker) -> Option<Waker> {
        match &mut self.entries[index] {
            Entry::Used(Some(old)) if old.will_wake(waker) => None,
            Entry::Used(slot) => slot.replace(waker.clone()),
            Entry::Free { .. } => None,
        }
    }

    /// Frees the slot and returns the waker that was there.
    #[must_use = "a waker is dropped after the lock is released"]
    pub(crate) fn remove(&mut self, index: usize) -> Option<Waker> {
        let entry = core::mem::replace(&mut self.entries[index], Entry::Free { next: self.free });
        self.free = Some(index);
        self.live -= 1;
        if self.live == 0 {
            self.entries.clear();
            self.free = None;
        }
        match entry {
            Entry::Used(waker) => waker,
            Entry::Free { .. } => None,
        }
    }

    /// Returns how many slots are in use.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Clones every waker; wake them after the lock is released.
    pub(crate) fn wakers(&self) -> Vec<Waker> {
        let waker = |entry: &Entry| match entry {
            Entry::Used(waker) => waker.clone(),
            Entry::Free { .. } => None,
        };
        self.entries.iter().filter_map(waker).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_slots_are_used_again() {
        let mut slots = Slots::default();
        let (a, b, c) = (slots.insert(), slots.insert(), slots.insert());
        assert_eq!((a, b, c, slots.len()), (0, 1, 2, 3));
        drop((slots.remove(b), slots.remove(a)));
        assert_eq!((slots.insert(), slots.insert(), slots.insert()), (a, b, 3));
        assert!(slots.wakers().is_empty());
        drop(slots.set(b, Waker::noop()));
        assert_eq!(slots.wakers().len(), 1);
    }
}
