//! The nodes of a tree of routes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::words::{WORD, Words, low_word};

/// How many bytes of text a node has at most; longer text goes on in a child.
pub(super) const MAX_TEXT: usize = u8::MAX as usize;

/// How many children are looked through; more are in a table. With so many, a node fills one line of a cache.
const FEW: usize = 6;

/// Ones in as many bytes as the place tells.
const MASKS: [u64; WORD + 1] = {
    let mut masks = [0; WORD + 1];
    let mut len = 0;
    while len < WORD {
        masks[len + 1] = masks[len] << 8 | 0xff;
        len += 1;
    }
    masks
};

/// A place in a list, or nothing. Nodes are counted from 0, the root, which is below nothing; routes from 1.
pub(super) type Link = Option<NonZeroU32>;

/// One node. What a look-up needs to find the next one lies side by side.
#[derive(Clone)]
pub(super) struct Node {
    /// What the path must continue with, the first byte lowest, zeros above; its place in [`Texts`] where it is longer.
    text: u64,
    /// How many bytes of text there are; none below a parameter with which all patterns end.
    len: u8,
    pub(super) edge: Edge,
    pub(super) parent: u32,
    pub(super) param: Link,
    /// The route that ends with the parameter that leads here, before the text.
    pub(super) before: Link,
    /// The route that takes the remainder.
    pub(super) rest: Link,
    /// The route that ends with the text.
    pub(super) leaf: Link,
    children: Children,
}

/// Texts of more than a word.
#[derive(Clone, Default)]
pub(super) struct Texts(Vec<Box<[u8]>>);

/// How a node hangs on its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Static,
    Param,
}

/// The nodes that go on with static text, by its first byte.
#[derive(Clone)]
enum Children {
    /// The first bytes, in the order of the links, then zeros, which no text has.
    Few {
        firsts: [u8; FEW],
        links: [Link; FEW],
    },
    Many(Box<[Link; 256]>),
}

impl Texts {
    /// Returns what a node is to hold.
    fn add(&mut self, text: &[u8]) -> u64 {
        if text.len() <= WORD {
            return low_word(text);
        }
        self.0.push(text.into());
        self.0.len() as u64 - 1
    }
}

impl Node {
    pub(super) fn new(parent: u32, edge: Edge) -> Self {
        let children = Children::Few { firsts: [0; FEW], links: [None; FEW] };
        Self { text: 0, len: 0, edge, parent, param: None, before: None, rest: None, leaf: None, children }
    }

    /// Gives the node another text, of at most [`MAX_TEXT`] bytes.
    pub(super) fn with_text(self, text: &[u8], texts: &mut Texts) -> Self {
        Self { text: texts.add(text), len: text.len() as u8, ..self }
    }

    /// Returns what keeps the place `id` of this node when its text is cut, and what goes below that; the texts are of
    /// the caller.
    pub(super) fn halves(self, id: u32) -> (Self, Self) {
        let upper = Self { before: self.before, ..Self::new(self.parent, self.edge) };
        let lower = Self { before: None, parent: id, edge: Edge::Static, ..self };
        (upper, lower)
    }

    pub(super) fn len(&self) -> usize {
        self.len.into()
    }

    pub(super) fn text(&self, texts: &Texts) -> Vec<u8> {
        match self.len() {
            0..=WORD => self.text.to_le_bytes()[..self.len()].into(),
            _ => texts.0[self.text as usize].to_vec(),
        }
    }

    /// Tells whether the path continues at `at` with the text.
    #[inline]
    pub(super) fn fits(&self, path: &Words<'_>, at: usize, texts: &Texts) -> bool {
        match MASKS.get(self.len()) {
            Some(mask) => (path.word(at) ^ self.text) & mask == 0,
            None => starts_with(path.tail(at), &texts.0[self.text as usize]),
        }
    }

    pub(super) fn child(&self, first: u8) -> Link {
        match &self.children {
            // Guessing the branch is faster than computing the place: the next node can be loaded before the path is.
            Children::Few { firsts, links } => {
                firsts.iter().position(|known| *known == first).and_then(|place| links[place])
            }
            Children::Many(links) => links[usize::from(first)],
        }
    }

    /// Adds a child of which there is none with the same first byte.
    pub(super) fn adopt(&mut self, first: u8, child: NonZeroU32) {
        if let Children::Few { firsts, links } = &mut self.children {
            if let Some(place) = firsts.iter().position(|known| *known == 0) {
                firsts[place] = first;
                links[place] = Some(child);
                return;
            }
            let mut many = Box::new([None; 256]);
            for (known, link) in firsts.iter().zip(links) {
                many[usize::from(*known)] = *link;
            }
            self.children = Children::Many(many);
        }
        if let Children::Many(links) = &mut self.children {
            links[usize::from(first)] = Some(child);
        }
    }

    /// Returns every node below, that of the parameter last.
    pub(super) fn below(&self) -> impl Iterator<Item = NonZeroU32> {
        let links = match &self.children {
            Children::Few { links, .. } => &links[..],
            Children::Many(links) => &links[..],
        };
        links.iter().chain([&self.param]).filter_map(|link| *link)
    }
}

/// Compares texts of at least a word in place: calling `memcmp` for each costs more.
fn starts_with(path: &[u8], text: &[u8]) -> bool {
    let Some(path) = path.get(..text.len()) else { return false };
    let (words, others) = (path.as_chunks::<WORD>().0, text.as_chunks::<WORD>().0);
    words.iter().zip(others).all(|(word, other)| word == other)
        && path.last_chunk::<WORD>() == text.last_chunk::<WORD>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_fills_one_line_of_a_cache() {
        assert_eq!(size_of::<Node>(), 64);
    }

    #[test]
    fn texts_differ_at_every_place() {
        let mut texts = Texts::default();
        let text: Vec<u8> = (1..=MAX_TEXT as u8).collect();
        for len in (0..40).chain([MAX_TEXT]) {
            let text = &text[..len];
            let node = Node::new(0, Edge::Static).with_text(text, &mut texts);
            assert_eq!((node.len(), &*node.text(&texts)), (len, text));
            let mut path = b"....".to_vec();
            path.extend_from_slice(text);
            path.extend_from_slice(b"....");
            for end in 4..path.len() {
                let is_whole = end >= len + 4;
                assert_eq!(node.fits(&Words::new(&path[..end]), 4, &texts), is_whole, "{end} of {len}");
            }
            for place in 0..path.len() {
                path[place] ^= 0x80;
                let is_other = (4..4 + len).contains(&place);
                assert_eq!(
                    node.fits(&Words::new(&path), 4, &texts),
                    !is_other,
                    "{len} bytes, other at {place}"
                );
                path[place] ^= 0x80;
            }
        }
    }

    #[test]
    fn children_of_every_first_byte() {
        let mut node = Node::new(0, Edge::Static);
        let id = |byte: u8| NonZeroU32::new(u32::from(byte) + 7);
        for byte in (1..=255).rev() {
            node.adopt(byte, id(byte).unwrap());
            assert_eq!(node.below().count(), 256 - usize::from(byte));
            for other in 1..=255 {
                assert_eq!(node.child(other), id(other).filter(|_| other >= byte), "{other} of {byte}");
            }
        }
    }
}
