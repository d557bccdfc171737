//! A slab of wakers: who wants to hear of a change.

use alloc::vec::Vec;
use core::task::Waker;

/// Wakers by index. An index stays valid until it is removed; freed ones are used again.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    entries: Vec<Entry>,
    free: Option<u32>,
    live: usize,
}

#[derive(Debug)]
enum Entry {
    Free { next: Option<u32> },
    Used(Waker),
}

impl Slots {
    /// Takes a slot whose waker does nothing.
    pub(crate) fn insert(&mut self) -> u32 {
        self.live += 1;
        let entry = Entry::Used(Waker::noop().clone());
        let Some(index) = self.free else {
            let index = u32::try_from(self.entries.len()).expect("fewer sockets than that exist");
            self.entries.push(entry);
            return index;
        };
        if let Entry::Free { next } = core::mem::replace(&mut self.entries[index as usize], entry) {
            self.free = next;
        }
        index
    }

    /// Puts the waker into the slot and returns the one that was there.
    #[must_use = "a waker is dropped after the lock is released"]
    pub(crate) fn set(&mut self, index: u32, waker: &Waker) -> Option<Waker> {
        match &mut self.entries[index as usize] {
            Entry::Used(old) if old.will_wake(waker) => None,
            Entry::Used(old) => Some(core::mem::replace(old, waker.clone())),
            Entry::Free { .. } => None,
        }
    }

    /// Frees the slot and returns the waker that was there.
    #[must_use = "a waker is dropped after the lock is released"]
    pub(crate) fn remove(&mut self, index: u32) -> Option<Waker> {
        let freed = Entry::Free { next: self.free };
        let entry = core::mem::replace(&mut self.entries[index as usize], freed);
        self.free = Some(index);
        self.live -= 1;
        if self.live == 0 {
            self.entries.clear();
            self.free = None;
        }
        match entry {
            Entry::Used(waker) => Some(waker),
            Entry::Free { .. } => None,
        }
    }

    /// Returns how many slots are in use.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Clones the waker of one slot; wake it after the lock is released.
    pub(crate) fn waker(&self, index: u32) -> Option<Waker> {
        match &self.entries[index as usize] {
            Entry::Used(waker) => Some(waker.clone()),
            Entry::Free { .. } => None,
        }
    }

    /// Clones every waker; wake them after the lock is released.
    pub(crate) fn wakers(&self) -> Vec<Waker> {
        let waker = |entry: &Entry| match entry {
            Entry::Used(waker) => Some(waker.clone()),
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
        assert_eq!(slots.wakers().len(), 4);
        assert_eq!(size_of::<Entry>(), 16);
    }
}
