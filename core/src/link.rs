//! All that a protocol sees of the world: bytes in, bytes out, the time, one deadline, closing.
//!
//! Laws kept here:
//!
//! - **L1, consume or leave.** What a protocol leaves in [`Link::inbound`] is offered again with more bytes behind it.
//!   Reading stops while `inbound` is at its limit, so a unit that must be seen whole needs a limit below
//!   [`Link::allow`]'s, and the protocol itself must fail when that limit is passed.
//! - **L3, one deadline.** [`Link::set_deadline`] replaces; the deadline is cleared before it is acted upon.
//! - **L8, output follows room.** [`Link::can_write`] is false from the high-water mark on; nothing may be produced then.

mod file;

use core::fmt;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes, BytesMut};

use crate::time::{Instant, Now};
pub use file::FileRange;

/// How much unread input a link holds unless the protocol allows more, in bytes.
pub const DEFAULT_INBOUND: usize = 16 * 1024;
/// From this many unsent bytes on a link has no room for more.
pub const DEFAULT_HIGH_WATER: usize = 64 * 1024;
/// Chunks from this size on travel by reference, smaller ones are gathered.
const BY_REFERENCE: usize = 4 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closing,
    Lingering,
    Aborted,
}

/// The connection as its protocol sees it.
///
/// A driver makes one for each socket; a wrapping protocol (TLS, a tunnel) makes one for the protocol inside; a test
/// makes one by hand.
#[derive(Debug)]
pub struct Link {
    /// What arrived and is not yet understood.
    pub inbound: BytesMut,
    /// What is to leave.
    pub outbound: Outbound,
    now: Now,
    deadline: Option<Instant>,
    inbound_limit: usize,
    stage: Stage,
}

impl Link {
    /// Makes an open link with empty buffers.
    pub fn new(now: Now) -> Self {
        Self {
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            now,
            deadline: None,
            inbound_limit: DEFAULT_INBOUND,
            stage: Stage::Open,
        }
    }

    /// Returns the time of this turn.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Moves the clock. For drivers and wrapping protocols.
    pub fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// Queues bytes for the peer.
    pub fn write(&mut self, bytes: impl Into<Bytes>) {
        self.outbound.write(bytes);
    }

    /// Whether there is room for output: false from the high-water mark of [`Link::outbound`] on.
    pub fn can_write(&self) -> bool {
        self.outbound.has_room()
    }

    /// Replaces the deadline; `None` removes it.
    pub fn set_deadline(&mut self, at: Option<Instant>) {
        self.deadline = at;
    }

    /// Returns the instant at which the protocol wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the deadline is reached; clears it when so.
    pub fn take_due(&mut self) -> bool {
        let due = self.deadline.is_some_and(|at| at <= self.now.mono);
        if due {
            self.deadline = None;
        }
        due
    }

    /// Sets how many unread bytes may wait in [`Link::inbound`] before reading stops.
    ///
    /// The default is [`DEFAULT_INBOUND`]. Zero stops reading.
    pub fn allow(&mut self, inbound: usize) {
        self.inbound_limit = inbound;
    }

    /// Returns how many more bytes may be read into [`Link::inbound`].
    pub fn inbound_room(&self) -> usize {
        self.inbound_limit.saturating_sub(self.inbound.len())
    }

    /// Whether the protocol wants to be fed: the link is open and `inbound` is below its limit.
    pub fn wants_read(&self) -> bool {
        self.stage == Stage::Open && self.inbound_room() > 0
    }

    /// Asks for the connection to be closed after all output has left.
    pub fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// As [`Link::close`], where the peer is likely to be sending still: what it sends is read and dropped for a while, so
    /// that it gets our last bytes and not a reset (RFC 9112 §9.6).
    ///
    /// After a plain `close` that is done only when something unread is there.
    pub fn close_lingering(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Lingering;
        }
    }

    /// Whether [`Link::close_lingering`] closed the link.
    pub fn lingers(&self) -> bool {
        self.stage == Stage::Lingering
    }

    /// Asks for the connection to be dropped now; unsent output is lost.
    pub fn abort(&mut self) {
        self.stage = Stage::Aborted;
    }

    /// Whether the link was closed in any way.
    pub fn is_closing(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Whether nothing but the time and the deadline tells it from a new one with this mark.
    #[cfg(feature = "std")]
    pub(crate) fn is_as_new(&self, high_water: usize) -> bool {
        self.stage == Stage::Open
            && self.inbound.is_empty()
            && self.outbound.is_empty()
            && self.inbound_limit == DEFAULT_INBOUND
            && self.outbound.high_water() == high_water
    }

    /// Whether [`Link::abort`] has been called.
    pub fn is_aborted(&self) -> bool {
        self.stage == Stage::Aborted
    }
}

/// Bytes on their way out.
///
/// Small writes gather in one tail, so that many of them cost one write to the socket; chunks of 4 KiB and more travel
/// by reference. A transport takes from the front, by slices ([`Outbound::slices`], [`Outbound::advance`]) or by owned
/// chunks ([`Outbound::pop_front`]). Parts of files stand in the queue only where [`Outbound::takes_files`] says so: the
/// driver sets it for transports that can send them.
pub struct Outbound {
    chunks: VecDeque<Chunk>,
    tail: BytesMut,
    queued: usize,
    high_water: usize,
    takes_files: bool,
}

enum Chunk {
    Bytes(Bytes),
    File(Box<FileRange>),
}

impl Chunk {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len() as usize,
        }
    }

    fn advance(&mut self, n: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(n),
            Self::File(range) => range.advance(n as u64),
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::File(_) => None,
        }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new(DEFAULT_HIGH_WATER)
    }
}

impl Outbound {
    /// Makes an empty queue with a high-water mark in bytes.
    pub fn new(high_water: usize) -> Self {
        Self { chunks: VecDeque::new(), tail: BytesMut::new(), queued: 0, high_water, takes_files: false }
    }

    /// Returns the number of unsent bytes.
    pub fn len(&self) -> usize {
        self.queued + self.tail.len()
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the queue is below its high-water mark.
    pub fn has_room(&self) -> bool {
        self.len() < self.high_water
    }

    /// Returns how many bytes fit below the high-water mark.
    pub fn room(&self) -> usize {
        self.high_water.saturating_sub(self.len())
    }

    /// Returns the high-water mark in bytes.
    pub fn high_water(&self) -> usize {
        self.high_water
    }

    /// Moves the high-water mark.
    pub fn set_high_water(&mut self, high_water: usize) {
        self.high_water = high_water;
    }

    /// Queues owned bytes: by reference when large, gathered when small.
    pub fn write(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if bytes.len() < BY_REFERENCE {
            self.tail.extend_from_slice(&bytes);
            return;
        }
        self.seal_tail();
        self.queued += bytes.len();
        self.chunks.push_back(Chunk::Bytes(bytes));
    }

    /// Whether parts of files may be queued: the transport sends them.
    pub fn takes_files(&self) -> bool {
        self.takes_files
    }

    /// Says whether the transport sends files.
    pub fn set_takes_files(&mut self, takes_files: bool) {
        self.takes_files = takes_files;
    }

    /// Queues a part of a file, of at most 1 GiB.
    pub(crate) fn write_file(&mut self, range: FileRange) {
        debug_assert!(self.takes_files && range.len() <= 1 << 30);
        self.seal_tail();
        self.queued += range.len() as usize;
        self.chunks.push_back(Chunk::File(Box::new(range)));
    }

    /// Returns the part of a file that is to be sent first, if that is one.
    pub fn front_file(&self) -> Option<&FileRange> {
        match self.chunks.front()? {
            Chunk::Bytes(_) => None,
            Chunk::File(range) => Some(range),
        }
    }

    /// Queues all of `bytes` and leaves none of them: by reference when large, gathered when small.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &mut Bytes) {
        if bytes.len() < BY_REFERENCE {
            self.tail.extend_from_slice(bytes);
            bytes.clear();
        } else {
            self.write(core::mem::take(bytes));
        }
    }

    /// Copies bytes into the gathering tail.
    pub fn write_slice(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Gives encoders the gathering tail itself; they may only append.
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.chunks.push_back(Chunk::Bytes(self.tail.split().freeze()));
        }
    }

    /// Returns the unsent bytes in order, as slices; those that stand before a part of a file.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        let chunks = self.chunks.iter().map(Chunk::bytes);
        chunks.chain(tail.map(Some)).map_while(core::convert::identity)
    }

    /// Drops `n` bytes from the front: they were sent.
    ///
    /// # Panics
    ///
    /// When `n` is more than [`Outbound::len`].
    pub fn advance(&mut self, mut n: usize) {
        while let Some(front) = self.chunks.front_mut() {
            let take = n.min(front.len());
            self.queued -= take;
            n -= take;
            if take < front.len() {
                front.advance(take);
                return;
            }
            self.chunks.pop_front();
        }
        if n == self.tail.len() {
            // Unlike `advance`, this leaves the whole buffer to be written again.
            self.tail.clear();
        } else {
            self.tail.advance(n);
        }
    }

    /// Takes the first chunk whole, for completion-based IO; `None` also when it is a part of a file.
    pub fn pop_front(&mut self) -> Option<Bytes> {
        match self.chunks.pop_front() {
            Some(Chunk::Bytes(bytes)) => {
                self.queued -= bytes.len();
                return Some(bytes);
            }
            Some(file @ Chunk::File(_)) => {
                self.chunks.push_front(file);
                return None;
            }
            None => {}
        }
        (!self.tail.is_empty()).then(|| self.tail.split().freeze())
    }

    /// Puts back what was popped and could not be sent.
    pub fn push_front(&mut self, chunk: Bytes) {
        self.queued += chunk.len();
        self.chunks.push_front(Chunk::Bytes(chunk));
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self { takes_files: self.takes_files, ..Self::new(self.high_water) };
    }

    /// Makes an empty queue ready for another link, with room for `least` bytes; false when chunks still hold its memory
    /// or when it has grown beyond `most`.
    #[cfg(feature = "std")]
    pub(crate) fn reclaim(&mut self, least: usize, most: usize) -> bool {
        let capacity = self.chunks.capacity() * size_of::<Chunk>();
        self.tail.try_reclaim(least) && self.tail.capacity() <= most && capacity <= most
    }

    /// Moves everything of `from` behind what is queued here.
    pub fn append(&mut self, from: &mut Self) {
        while let Some(chunk) = from.pop_front() {
            self.write(chunk);
        }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("len", &self.len()).field("high_water", &self.high_water).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::time::Duration;

    fn all(out: &Outbound) -> Vec<u8> {
        out.slices().flatten().copied().collect()
    }

    #[test]
    fn small_writes_gather_and_large_ones_travel_by_reference() {
        let mut out = Outbound::default();
        for _ in 0..100 {
            out.write(&b"0123456789"[..]);
        }
        assert_eq!(out.slices().count(), 1);
        let large = Bytes::from(alloc::vec![7; BY_REFERENCE]);
        out.write(large.clone());
        out.write(&b"x"[..]);
        assert_eq!(out.slices().count(), 3);
        assert_eq!(out.slices().nth(1).map(<[u8]>::as_ptr), Some(large.as_ptr()));
        assert_eq!(out.len(), 1000 + BY_REFERENCE + 1);
    }

    #[test]
    fn advance_and_pop_take_from_the_front_in_order() {
        let mut out = Outbound::default();
        out.write(&b"head"[..]);
        out.write(alloc::vec![b'b'; BY_REFERENCE]);
        out.write(&b"tail"[..]);
        let whole = all(&out);
        out.advance(2);
        assert_eq!(all(&out), whole[2..]);
        out.advance(2 + 10);
        assert_eq!((all(&out), out.len()), (whole[14..].to_vec(), whole.len() - 14));
        assert_eq!(out.pop_front().map(|c| c.len()), Some(BY_REFERENCE - 10));
        assert_eq!(out.pop_front().as_deref(), Some(&b"tail"[..]));
        assert_eq!((out.pop_front(), out.len()), (None, 0));
    }

    #[test]
    fn a_part_of_a_file_keeps_its_place_between_bytes() {
        let file = alloc::sync::Arc::new("any file");
        let mut out = Outbound::new(100);
        out.set_takes_files(true);
        out.write_slice(b"head");
        out.write_file(FileRange::new(file, 7, 1000));
        out.write_slice(b"tail");
        assert_eq!((out.len(), out.has_room(), all(&out)), (1008, false, b"head".to_vec()));
        assert!(out.front_file().is_none());
        out.advance(4);
        assert_eq!((out.pop_front(), all(&out)), (None, Vec::new()));
        out.advance(10);
        assert_eq!(out.front_file().map(|range| (range.start(), range.len())), Some((17, 990)));
        out.advance(990);
        assert_eq!((out.len(), out.front_file().is_none(), all(&out)), (4, true, b"tail".to_vec()));
        out.clear();
        assert!(out.is_empty() && out.takes_files());
    }

    #[test]
    fn room_ends_at_the_high_water_mark() {
        let mut out = Outbound::new(10);
        out.write_slice(&[0; 9]);
        assert!(out.has_room() && out.room() == 1);
        out.write_slice(&[0; 1]);
        assert!(!out.has_room());
        out.advance(1);
        assert!(out.has_room());
    }

    #[test]
    fn l3_setting_a_deadline_replaces_and_taking_it_clears() {
        let mut link = Link::new(Now::default());
        link.set_deadline(Some(Instant::from_nanos(5)));
        link.set_deadline(Some(Instant::from_nanos(9)));
        link.set_now(Now { mono: Instant::from_nanos(8), unix_secs: 0 });
        assert!(!link.take_due());
        link.set_now(Now { mono: link.now().mono + Duration::from_nanos(1), unix_secs: 0 });
        assert!(link.take_due());
        assert!(!link.take_due() && link.deadline().is_none());
    }

    #[test]
    fn l1_reading_stops_at_the_inbound_limit() {
        let mut link = Link::new(Now::default());
        link.allow(4);
        link.inbound.extend_from_slice(b"abc");
        assert!(link.wants_read() && link.inbound_room() == 1);
        link.inbound.extend_from_slice(b"d");
        assert!(!link.wants_read());
        link.allow(5);
        assert!(link.wants_read());
        link.close();
        assert!(!link.wants_read() && link.is_closing() && !link.is_aborted());
        link.abort();
        assert!(link.is_aborted());
    }
}
