//! Boxes that a thread keeps for the next one who needs such a box, so that what every request needs costs no
//! allocation and is not copied from place to place, and a connection that waits holds none of it.
//!
//! Without `std` there are no threads to keep them: boxes are made and freed.

use core::ops::{Deref, DerefMut};

use alloc::boxed::Box;
#[cfg(feature = "std")]
use alloc::vec::Vec;
#[cfg(feature = "std")]
use core::cell::{Cell, RefCell};

/// What boxes are kept of. [`spares`] implements it.
pub(crate) trait Spare: Default + 'static {
    /// Drops what the value holds. The memory that stays in it is small.
    fn empty(&mut self);

    /// Returns an empty box, used before where the thread has such.
    fn take() -> Box<Self>;

    /// Keeps an empty box.
    fn put(spare: Box<Self>);
}

/// Makes a type a [`Spare`]; the function empties a value.
macro_rules! spares {
    ($type:ty, $empty:expr) => {
        impl $crate::spare::Spare for $type {
            #[inline]
            fn empty(&mut self) {
                $empty(self);
            }

            #[inline]
            fn take() -> alloc::boxed::Box<Self> {
                #[cfg(feature = "std")]
                return SPARES.try_with($crate::spare::Spares::take).unwrap_or_default();
                #[cfg(not(feature = "std"))]
                alloc::boxed::Box::default()
            }

            #[inline]
            fn put(spare: alloc::boxed::Box<Self>) {
                #[cfg(feature = "std")]
                let _thread_ends = SPARES.try_with(|spares| spares.put(spare));
                #[cfg(not(feature = "std"))]
                drop(spare);
            }
        }

        #[cfg(feature = "std")]
        std::thread_local! {
            static SPARES: $crate::spare::Spares<$type> = const { $crate::spare::Spares::new() };
        }
    };
}
pub(crate) use spares;

/// A value in a box that goes back to its thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Kept<T: Spare>(
    /// Always there until the drop.
    Option<Box<T>>,
);

impl<T: Spare> Default for Kept<T> {
    #[inline]
    fn default() -> Self {
        Self(Some(T::take()))
    }
}

impl<T: Spare> Deref for Kept<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(kept) => kept,
            None => unreachable!("the box is there until it is dropped"),
        }
    }
}

impl<T: Spare> DerefMut for Kept<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(kept) => kept,
            None => unreachable!("the box is there until it is dropped"),
        }
    }
}

impl<T: Spare> Drop for Kept<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut kept) = self.0.take() {
            kept.empty();
            T::put(kept);
        }
    }
}

/// How many boxes a thread keeps of each kind.
#[cfg(feature = "std")]
const KEPT: usize = 16;

/// The spare boxes of one kind and one thread: the one that is taken next, and the others.
#[cfg(feature = "std")]
pub(crate) struct Spares<T> {
    next: Cell<Option<Box<T>>>,
    others: RefCell<Vec<Box<T>>>,
}

#[cfg(feature = "std")]
impl<T: Default> Spares<T> {
    /// Makes an empty store.
    pub(crate) const fn new() -> Self {
        Self { next: Cell::new(None), others: RefCell::new(Vec::new()) }
    }

    /// Takes a box out, else makes one.
    #[inline]
    pub(crate) fn take(&self) -> Box<T> {
        self.next.take().unwrap_or_else(|| self.take_other())
    }

    /// Keeps a box, unless enough are there. Its owner has emptied it.
    #[inline]
    pub(crate) fn put(&self, spare: Box<T>) {
        if let Some(other) = self.next.replace(Some(spare)) {
            self.put_other(other);
        }
    }

    #[cold]
    fn take_other(&self) -> Box<T> {
        let spare = self.others.try_borrow_mut().ok().and_then(|mut others| others.pop());
        spare.unwrap_or_default()
    }

    #[cold]
    fn put_other(&self, spare: Box<T>) {
        if let Ok(mut others) = self.others.try_borrow_mut()
            && others.len() + 1 < KEPT
        {
            others.push(spare);
        }
    }
}

#[cfg(all(test, feature = "std"))]
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
