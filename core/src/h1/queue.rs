//! The answers that are owed, in the order of their requests.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::answer::Owed;

/// Answers that are owed, the oldest first. Most connections owe one: it stands in place, and the others, while there are
/// any, elsewhere.
#[derive(Debug, Default)]
pub(super) struct Queue {
    first: Option<Owed>,
    /// Not there when empty.
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others(VecDeque<Owed>);

impl Queue {
    /// Returns the oldest.
    #[inline]
    pub(super) fn first(&self) -> Option<&Owed> {
        self.first.as_ref()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether more than the oldest is owed.
    #[inline]
    pub(super) fn has_others(&self) -> bool {
        self.others.is_some()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.0.len())
    }

    /// Returns how many bytes the heads of the requests had together.
    pub(super) fn size(&self) -> usize {
        let others = self.others.iter().flat_map(|others| &others.0);
        self.first.iter().chain(others).map(|owed| owed.size).sum()
    }

    /// Inlined, so that the first is written where it stands: read back as one piece, what was just written in many stalls.
    #[inline(always)]
    pub(super) fn push(&mut self, owed: Owed) {
        if self.first.is_none() {
            self.first = Some(owed);
        } else {
            self.push_other(owed);
        }
    }

    #[inline(never)]
    fn push_other(&mut self, owed: Owed) {
        self.others.get_or_insert_default().0.push_back(owed);
    }

    /// Takes the oldest away.
    #[inline]
    pub(super) fn pop(&mut self) {
        self.first = None;
        if let Some(others) = &mut self.others {
            self.first = others.0.pop_front();
            if others.0.is_empty() {
                self.others = None;
            }
        }
    }

    /// Leaves nothing but the oldest.
    pub(super) fn keep_first(&mut self) {
        self.others = None;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::StreamId;
    use crate::h1::answer::Asked;
    use crate::h1::request::Persistence;
    use crate::head::Version;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn owed(number: u32) -> Owed {
        Owed {
            stream: StreamId(number),
            asked: Asked::Other,
            version: Version::Http11,
            may_switch: false,
            persistence: Persistence::KeepAlive,
            size: number as usize,
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_list(steps in prop::collection::vec(0..10_u8, 0..100)) {
            let (mut queue, mut model) = (Queue::default(), Vec::new());
            for (number, step) in (0..).zip(steps) {
                match step {
                    0..=5 => {
                        queue.push(owed(number));
                        model.push(number);
                    }
                    6..=7 => {
                        queue.pop();
                        model.drain(..model.len().min(1));
                    }
                    8 => {
                        queue.keep_first();
                        model.truncate(1);
                    }
                    _ => {
                        queue.clear();
                        model.clear();
                    }
                }
                prop_assert_eq!(queue.first().map(|owed| owed.stream.0), model.first().copied());
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(queue.has_others(), model.len() > 1);
                prop_assert_eq!(queue.others.is_some(), queue.len() > 1);
                prop_assert_eq!(queue.size(), model.iter().sum::<u32>() as usize);
            }
        }
    }

    #[test]
    fn a_queue_takes_little_room() {
        assert_eq!(size_of::<Queue>(), size_of::<Owed>() + size_of::<usize>());
    }
}
