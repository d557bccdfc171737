//! Read and write buffers, lent to a connection for the time of a poll.
//!
//! A connection that waits holds none: what is empty at the end of a poll goes back to its thread's spares, and a short
//! leftover moves to a buffer of its own size.

use alloc::vec::Vec;
use core::cell::RefCell;
use std::thread_local;

use bytes::BytesMut;

use crate::link::{Link, Outbound};

/// How much one read may bring, in bytes.
pub(crate) const READ: usize = 16 * 1024;
/// A leftover up to this size moves to a buffer of its own; a longer one keeps the buffer that it stands in.
const LEFTOVER: usize = 2 * 1024;
/// A write buffer begins with this size.
const WRITE: usize = 4 * 1024;
/// Buffers that grew beyond this are not kept.
const KEPT: usize = 64 * 1024;
/// How many of each kind a thread keeps.
const SPARES: usize = 8;

#[derive(Default)]
struct Spares {
    inbound: Vec<BytesMut>,
    outbound: Vec<Outbound>,
}

thread_local! {
    static SPARE: RefCell<Spares> = RefCell::default();
}

/// Runs `f` on the spares of this thread; `None` while the thread ends or the spares are in use.
fn with_spares<T>(f: impl FnOnce(&mut Spares) -> T) -> Option<T> {
    SPARE.try_with(|spares| spares.try_borrow_mut().ok().map(|mut spares| f(&mut spares))).ok().flatten()
}

/// Whether the bytes in [`Link::inbound`] stand in a buffer of their own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Own,
    Large,
}

/// Gives an idle link a write buffer.
pub(crate) fn lend_outbound(link: &mut Link) {
    if !link.outbound.is_empty() || link.outbound.tail().capacity() > 0 {
        return;
    }
    let mark = link.outbound.high_water();
    match with_spares(|spares| spares.outbound.pop()).flatten() {
        Some(spare) => link.outbound = spare,
        None => link.outbound.tail().reserve(WRITE),
    }
    link.outbound.set_high_water(mark);
}

/// Takes the write buffer back from a link that has nothing to send.
pub(crate) fn take_back_outbound(link: &mut Link) {
    if !link.outbound.is_empty() || link.outbound.tail().capacity() == 0 {
        return;
    }
    let fresh = Outbound::new(link.outbound.high_water());
    let mut used = core::mem::replace(&mut link.outbound, fresh);
    if used.reclaim(WRITE, KEPT) {
        with_spares(|spares| {
            if spares.outbound.len() < SPARES {
                spares.outbound.push(used);
            }
        });
    }
}

fn lend() -> BytesMut {
    let spare = with_spares(|spares| spares.inbound.pop()).flatten();
    spare.unwrap_or_else(|| BytesMut::with_capacity(READ))
}

fn take_back(mut used: BytesMut) {
    used.clear();
    if used.try_reclaim(READ) && used.capacity() <= KEPT {
        with_spares(|spares| {
            if spares.inbound.len() < SPARES {
                spares.inbound.push(used);
            }
        });
    }
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
        if !inbound.try_reclaim(wanted) && inbound.capacity() < wanted.min(READ / 4) {
            *inbound = lend();
        }
        *fit = Fit::Large;
    } else if inbound.len() <= LEFTOVER && inbound.capacity() - inbound.len() < wanted {
        let mut lent = lend();
        lent.extend_from_slice(inbound);
        take_back(core::mem::replace(inbound, lent));
        *fit = Fit::Large;
    } else if inbound.capacity() == inbound.len() {
        inbound.reserve(wanted);
        *fit = Fit::Large;
    }
    room.min(inbound.capacity() - inbound.len())
}

/// Takes the read buffer back when nothing is left in it, or little.
pub(crate) fn take_back_inbound(link: &mut Link, fit: &mut Fit) {
    let inbound = &mut link.inbound;
    if inbound.is_empty() {
        if inbound.capacity() > 0 {
            take_back(core::mem::take(inbound));
        }
    } else if *fit == Fit::Large && inbound.len() <= LEFTOVER {
        let own = BytesMut::from(&inbound[..]);
        take_back(core::mem::replace(inbound, own));
        *fit = Fit::Own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Now;
    use bytes::Buf;

    fn forget_spares() {
        with_spares(core::mem::take);
    }

    #[test]
    fn a_read_buffer_comes_back_and_is_lent_again() {
        forget_spares();
        let (mut link, mut fit) = (Link::new(Now::default()), Fit::Large);
        assert_eq!(make_room(&mut link, &mut fit), READ);
        link.inbound.extend_from_slice(b"request");
        let first = link.inbound.as_ptr();
        link.inbound.advance(7);
        take_back_inbound(&mut link, &mut fit);
        assert_eq!(link.inbound.capacity(), 0);
        make_room(&mut link, &mut fit);
        link.inbound.extend_from_slice(b"request");
        assert_eq!(link.inbound.as_ptr(), first);
    }

    #[test]
    fn a_read_buffer_that_a_handler_holds_a_slice_of_does_not_come_back() {
        forget_spares();
        let (mut link, mut fit) = (Link::new(Now::default()), Fit::Large);
        make_room(&mut link, &mut fit);
        link.inbound.extend_from_slice(b"held");
        let held = link.inbound.split().freeze();
        take_back_inbound(&mut link, &mut fit);
        assert_eq!(link.inbound.capacity(), 0);
        assert_eq!(with_spares(|spares| spares.inbound.len()), Some(0));
        assert_eq!(held, "held");
    }

    #[test]
    fn a_short_leftover_moves_to_a_buffer_of_its_size_and_a_long_one_stays() {
        forget_spares();
        let (mut link, mut fit) = (Link::new(Now::default()), Fit::Large);
        make_room(&mut link, &mut fit);
        link.inbound.extend_from_slice(&[b'x'; 100]);
        take_back_inbound(&mut link, &mut fit);
        assert_eq!((link.inbound.len(), link.inbound.capacity(), fit), (100, 100, Fit::Own));
        assert_eq!(make_room(&mut link, &mut fit), READ - 100);
        link.inbound.extend_from_slice(&[b'x'; LEFTOVER]);
        let stays = link.inbound.as_ptr();
        take_back_inbound(&mut link, &mut fit);
        assert_eq!(link.inbound.as_ptr(), stays);
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

    #[test]
    fn a_write_buffer_comes_back_when_all_is_sent() {
        forget_spares();
        let mut link = Link::new(Now::default());
        link.outbound.set_high_water(7);
        lend_outbound(&mut link);
        link.write(&b"answer"[..]);
        take_back_outbound(&mut link);
        assert_eq!(link.outbound.len(), 6);
        link.outbound.advance(6);
        take_back_outbound(&mut link);
        assert_eq!((link.outbound.tail().capacity(), link.outbound.high_water()), (0, 7));
        assert_eq!(with_spares(|spares| spares.outbound.len()), Some(1));
        lend_outbound(&mut link);
        assert!(link.outbound.tail().capacity() >= WRITE && link.outbound.high_water() == 7);
    }
}
