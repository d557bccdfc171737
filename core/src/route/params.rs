//! The parameters of a matched path.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::{fmt, str};

use bytes::Bytes;
use smallvec::SmallVec;

use super::path::{decode_into, decoded_len};
use crate::head::Text;

/// The parameter names of one route.
pub(super) type Names = Arc<[Box<str>]>;

/// Places of values in a path; up to 8 need no heap.
pub(super) type Spans = SmallVec<[Span; 8]>;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Paths are at most `u32::MAX` bytes long, see [`super::FindError::TooLong`].
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    /// Returns nothing where `text` is too short, as from a caller who shared other bytes than the path.
    fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The parameters of a matched path, percent-decoded, in the order of the pattern.
///
/// Owns what it needs and borrows nothing from the table. Where the path has no escape, up to 8 values are held without
/// any allocation: those of a path of up to 62 bytes are copied, those of a longer one share its bytes, and so long as
/// the parameters live, so does that buffer.
///
/// A value is text from a stranger: it can hold `/` (from `%2F`), be `..`, or hold any other character but NUL.
#[derive(Clone, Default)]
pub struct Params {
    names: Option<Names>,
    text: Text,
    spans: Spans,
}

impl Params {
    /// Values that lie in `path` as they are. A short path is copied, of a long one `share` gives the bytes.
    pub(super) fn shared(names: Names, path: &[u8], share: impl FnOnce() -> Bytes, spans: Spans) -> Self {
        let text = Text::inline(path).unwrap_or_else(|| Text::Shared(share()));
        Self { names: Some(names), text, spans }
    }

    /// Values that may have escapes left.
    pub(super) fn decoded(names: Names, canonical: &[u8], mut spans: Spans) -> Self {
        // An exact capacity spares `Bytes` a second allocation.
        let len = spans.iter().map(|span| decoded_len(span.of(canonical))).sum();
        let mut text = Vec::with_capacity(len);
        for span in &mut spans {
            let start = text.len();
            decode_into(span.of(canonical), &mut text);
            *span = Span::new(start, text.len());
        }
        Self { names: Some(names), text: Text::Shared(text.into()), spans }
    }

    /// Returns the value of the parameter `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.names().iter().position(|known| **known == *name)?;
        self.value(index)
    }

    /// Returns the value at `index`, counted from 0 in the order of the pattern.
    pub fn value(&self, index: usize) -> Option<&str> {
        // A look-up refuses every path that is not UTF-8, and values end at ASCII bytes of the path.
        self.spans.get(index).and_then(|span| str::from_utf8(span.of(&self.text)).ok())
    }

    /// Returns the number of parameters.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Tells whether the route has no parameters.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns names and values in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = (0..self.len()).filter_map(|index| self.value(index));
        self.names().iter().map(|name| &**name).zip(values)
    }

    fn names(&self) -> &[Box<str>] {
        self.names.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
