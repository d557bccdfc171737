//! Boxes that a thread keeps for the next one who needs such a box, so that what every request needs costs no
//! allocation, and a connection that waits holds none of it.

use core::cell::RefCell;

use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many boxes a thread keeps of each kind.
const KEPT: usize = 16;

/// The spare boxes of one kind and one thread.
pub(crate) struct Spares<T>(RefCell<Vec<Box<T>>>);

impl<T: Default> Spares<T> {
    /// Makes an empty store.
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Takes a box out, else makes one.
    #[inline]
    pub(crate) fn take(&self) -> Box<T> {
        let spare = self.0.try_borrow_mut().ok().and_then(|mut spares| spares.pop());
        spare.unwrap_or_default()
    }

    /// Keeps a box, unless enough are there. Its owner has emptied it.
    #[inline]
    pub(crate) fn put(&self, spare: Box<T>) {
        if let Ok(mut spares) = self.0.try_borrow_mut()
            && spares.len() < KEPT
        {
            spares.push(spare);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_comes_back_and_only_so_many_are_kept() {
        let spares = Spares::<u64>::new();
        let mut first = spares.take();
        *first = 7;
        spares.put(first);
        assert_eq!(*spares.take(), 7);
        (0..2 * KEPT).for_each(|_| spares.put(Box::new(1)));
        assert_eq!((0..2 * KEPT).filter(|_| *spares.take() == 1).count(), KEPT);
    }
}
