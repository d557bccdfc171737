//! Links, lent to a connection for the time of a poll with the buffers in them.
//!
//! A connection that waits holds none: what is empty at the end of a poll goes back to its thread's spares. A link that
//! is not empty stays with its connection, and a short leftover moves to a buffer of its own size.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::RefCell;
use std::thread_local;

use bytes::BytesMut;

use crate::link::{Link, Outbound};
use crate::time::{Instant, Now};

/// How much one read may bring, in bytes.
pub(crate) const READ: usize = 16 * 1024;
/// A read buffer with less room than this is not read into.
const LEAST: usize = READ / 4;
/// A leftover up to this size moves to a buffer of its own; a longer one keeps the buffer that it stands in.
const LEFTOVER: usize = 2 * 1024;
/// A write buffer begins with this size.
const WRITE: usize = 4 * 1024;
/// Buffers that grew beyond this are not kept.
const KEPT: usize = 64 * 1024;
/// How many links a thread keeps.
const SPARES: usize = 8;

thread_local! {
    #[allow(clippy::vec_box, reason = "what is lent moves by its pointer")]
    static SPARES_OF_THREAD: RefCell<Vec<Box<Link>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` on the spares of this thread; `None` while the thread ends or the spares are in use.
fn with_spares<T>(f: impl FnOnce(&mut Vec<Box<Link>>) -> T) -> Option<T> {
    SPARES_OF_THREAD
        .try_with(|spares| spares.try_borrow_mut().ok().map(|mut spares| f(&mut spares)))
        .ok()
        .flatten()
}

/// Whether the bytes in [`Link::inbound`] stand in a buffer of their own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Own,
    Large,
}

/// What a connection keeps of its link between two polls.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    /// The link itself, unless nothing but the deadline tells it from a new one.
    kept: Option<Box<Link>>,
    deadline: Option<Instant>,
}

impl Parked {
    /// Gives out the link for a poll.
    pub(crate) fn lend(&mut self, now: Now, high_water: usize) -> Box<Link> {
        let mut link = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let mut spare = with_spares(Vec::pop).flatten().unwrap_or_else(|| Box::new(Link::new(now)));
                spare.outbound.set_high_water(high_water);
                spare.set_deadline(self.deadline);
                spare
            }
        };
        if link.outbound.is_empty() && link.outbound.tail().capacity() == 0 {
            link.outbound.tail().reserve(WRITE);
        }
        link.set_now(now);
        link
    }

    /// Takes the link back after a poll.
    pub(crate) fn park(&mut self, mut link: Box<Link>, high_water: usize, fit: &mut Fit) {
        self.deadline = link.deadline();
        if link.is_as_new(high_water) {
            give_back(link);
            return;
        }
        if link.outbound.is_empty() && link.outbound.tail().capacity() > 0 {
            link.outbound = Outbound::new(link.outbound.high_water());
        }
        if link.inbound.is_empty() {
            link.inbound = BytesMut::new();
        } else if *fit == Fit::Large && link.inbound.len() <= LEFTOVER {
            link.inbound = BytesMut::from(&link.inbound[..]);
            *fit = Fit::Own;
        }
        self.kept = Some(link);
    }

    #[cfg(test)]
    pub(crate) fn kept(&self) -> Option<&Link> {
        self.kept.as_deref()
    }
}

/// Keeps an empty link for the next poll of any connection of this thread, without buffers that grew.
///
/// A read buffer of which others hold slices, a client's response for instance, is kept while there is room behind them:
/// most likely they are gone when it is lent again, and it is whole then.
fn give_back(mut link: Box<Link>) {
    let whole = link.inbound.try_reclaim(READ);
    let room = link.inbound.capacity();
    if room > KEPT || !whole && room < LEAST {
        link.inbound = BytesMut::new();
    }
    if !link.outbound.reclaim(WRITE, KEPT) {
        link.outbound = Outbound::default();
    }
    with_spares(|spares| {
        if spares.len() < SPARES {
            spares.push(link);
        }
    });
}

/// Makes room in [`Link::inbound`] for a read and returns how much may be read.
///
/// The result is not zero while the link wants to be fed.
pub(crate) fn make_room(link: &mut Link, fit: &mut Fit) -> usize {
    let room = link.inbound_room();
    make_space(link, fit, room)
}

/// The same, for so many bytes, whatever the link allows.
pub(crate) fn make_space(link: &mut Link, fit: &mut Fit, room: usize) -> usize {
    let inbound = &mut link.inbound;
    let wanted = room.min(READ);
    if inbound.is_empty() {
        if !inbound.try_reclaim(wanted) && inbound.capacity() < wanted.min(LEAST) {
            *inbound = BytesMut::with_capacity(READ);
        }
        *fit = Fit::Large;
    } else if inbound.len() <= LEFTOVER && inbound.capacity() - inbound.len() < wanted {
        let mut large = BytesMut::with_capacity(READ);
        large.extend_from_slice(inbound);
        *inbound = large;
        *fit = Fit::Large;
    } else if inbound.capacity() == inbound.len() {
        inbound.reserve(wanted);
        *fit = Fit::Large;
    }
    room.min(inbound.capacity() - inbound.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    const MARK: usize = 7;

    fn scene() -> (Parked, Fit) {
        with_spares(core::mem::take);
        (Parked::default(), Fit::Large)
    }

    fn lend(parked: &mut Parked) -> Box<Link> {
        parked.lend(Now::default(), MARK)
    }

    fn spares() -> Option<usize> {
        with_spares(|spares| spares.len())
    }

    #[test]
    fn an_empty_link_comes_back_and_is_lent_again_with_its_buffers() {
        let (mut parked, mut fit) = scene();
        let mut link = lend(&mut parked);
        assert_eq!(make_room(&mut link, &mut fit), READ);
        link.inbound.extend_from_slice(b"request");
        link.write(&b"answer"[..]);
        link.set_deadline(Some(Instant::from_nanos(5)));
        let buffers = (link.inbound.as_ptr(), link.outbound.tail().as_ptr());
        link.inbound.advance(7);
        link.outbound.advance(6);
        parked.park(link, MARK, &mut fit);
        assert!(parked.kept().is_none());
        let mut other = lend(&mut Parked::default());
        assert_eq!((other.deadline(), other.outbound.high_water()), (None, MARK));
        make_room(&mut other, &mut fit);
        other.inbound.extend_from_slice(b"request");
        other.write(&b"answer"[..]);
        assert_eq!((other.inbound.as_ptr(), other.outbound.tail().as_ptr()), buffers);
        assert_eq!(lend(&mut parked).deadline(), Some(Instant::from_nanos(5)));
    }

    #[test]
    fn a_read_buffer_that_others_hold_slices_of_is_read_into_behind_them() {
        let (mut parked, mut fit) = scene();
        let mut hold = |text: &[u8]| {
            let mut link = lend(&mut parked);
            let room = make_room(&mut link, &mut fit);
            link.inbound.extend_from_slice(text);
            let held = link.inbound.split().freeze();
            parked.park(link, MARK, &mut fit);
            (room, held)
        };
        let (first_room, first) = hold(b"first");
        let (second_room, second) = hold(b"second");
        assert_eq!((first_room, second_room), (READ, READ - 5));
        assert_eq!(first.as_ptr().wrapping_add(5), second.as_ptr());
        let (room, large) = hold(&[b'x'; READ - LEAST]);
        assert_eq!(room, READ - 11);
        drop((second, large));
        let (room, other) = hold(b"other");
        assert_eq!(room, READ, "too little was left behind them");
        assert_ne!(other.as_ptr(), first.as_ptr());
        let place = other.as_ptr();
        drop(other);
        assert_eq!(hold(b"again").1.as_ptr(), place, "nobody holds it any more");
        assert_eq!(first, "first");
    }

    #[test]
    fn a_link_that_is_not_as_new_stays_without_empty_buffers() {
        let changes: [fn(&mut Link); 5] = [
            |link| link.allow(1),
            |link| link.outbound.set_high_water(8),
            |link| link.close(),
            |link| link.inbound.extend_from_slice(b"x"),
            |link| link.outbound.write_slice(b"x"),
        ];
        for change in changes {
            let (mut parked, mut fit) = scene();
            let mut link = lend(&mut parked);
            make_room(&mut link, &mut fit);
            change(&mut link);
            parked.park(link, MARK, &mut fit);
            let Some(kept) = parked.kept() else { panic!("the link was not kept") };
            assert_eq!(kept.inbound.capacity(), kept.inbound.len());
            assert_eq!(spares(), Some(0));
        }
    }

    #[test]
    fn a_short_leftover_moves_to_a_buffer_of_its_size_and_a_long_one_stays() {
        let (mut parked, mut fit) = scene();
        let mut link = lend(&mut parked);
        make_room(&mut link, &mut fit);
        link.inbound.extend_from_slice(&[b'x'; 100]);
        parked.park(link, MARK, &mut fit);
        let mut link = lend(&mut parked);
        assert_eq!((link.inbound.len(), link.inbound.capacity(), fit), (100, 100, Fit::Own));
        assert_eq!(make_room(&mut link, &mut fit), READ - 100);
        link.inbound.extend_from_slice(&[b'x'; LEFTOVER]);
        let stays = link.inbound.as_ptr();
        parked.park(link, MARK, &mut fit);
        assert_eq!(lend(&mut parked).inbound.as_ptr(), stays);
    }

    #[test]
    fn a_full_buffer_grows_while_the_link_allows_more() {
        let (mut link, mut fit) = (Link::new(Now::default()), Fit::Large);
        link.allow(3 * READ);
        let mut all = 0;
        while link.wants_read() {
            let room = make_room(&mut link, &mut fit);
            assert!(room > 0);
            link.inbound.resize(link.inbound.len() + room, 0);
            all += room;
        }
        assert_eq!(all, 3 * READ);
    }
}
