//! Boxes that a thread keeps for the next one who needs such a box, so that what every request needs costs no
//! allocation, and a connection that waits holds none of it.
//!
//! Without `std` there are no threads to keep them: boxes are made and freed.

#[cfg(feature = "std")]
use core::cell::RefCell;

#[cfg(feature = "std")]
use alloc::boxed::Box;
#[cfg(feature = "std")]
use alloc::vec::Vec;

/// Makes the functions `take` and `put` for boxes of a type.
macro_rules! spares {
    ($type:ty) => {
        #[cfg(feature = "std")]
        std::thread_local! {
            static SPARES: $crate::spare::Spares<$type> = const { $crate::spare::Spares::new() };
        }

        /// Returns an empty box, used before where the thread has such.
        #[inline]
        pub(super) fn take() -> alloc::boxed::Box<$type> {
            #[cfg(feature = "std")]
            return SPARES.try_with($crate::spare::Spares::take).unwrap_or_default();
            #[cfg(not(feature = "std"))]
            alloc::boxed::Box::default()
        }

        /// Gives a box back, which is empty.
        #[inline]
        pub(super) fn put(spare: alloc::boxed::Box<$type>) {
            #[cfg(feature = "std")]
            let _thread_ends = SPARES.try_with(|spares| spares.put(spare));
            #[cfg(not(feature = "std"))]
            drop(spare);
        }
    };
}
pub(crate) use spares;

/// How many boxes a thread keeps of each kind.
#[cfg(feature = "std")]
const KEPT: usize = 16;

/// The spare boxes of one kind and one thread.
#[cfg(feature = "std")]
pub(crate) struct Spares<T>(RefCell<Vec<Box<T>>>);

#[cfg(feature = "std")]
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
