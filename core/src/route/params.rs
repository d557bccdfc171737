//! The parameters of a matched path.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::{fmt, iter, str};

use super::path::{decode_into, decoded_len};
use super::pattern::{Part, Pattern};

/// How many bytes of names travel with a request by value.
const INLINE: usize = 38;

/// The parameter names of one route: its pattern with nothing for static segments and `*` before the name of the
/// remainder, as `//owner/repo//*path` for `/repos/{owner}/{repo}/contents/{*path}`; empty for one without parameters.
///
/// A parameter is a whole segment, so this and the path tell the values, and a look-up need not note them. Short ones
/// are copied: a count of references would be one place in memory to which all workers write.
#[derive(Clone)]
pub(super) enum Names {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl Names {
    pub(super) fn of(pattern: &Pattern) -> Self {
        if pattern.names.is_empty() {
            return Self::default();
        }
        let mut text = Vec::new();
        let mut names = pattern.names.iter();
        for part in &pattern.parts {
            match part {
                Part::Static(path) => text.extend(path.iter().filter(|byte| **byte == b'/')),
                Part::Param => {}
                Part::Rest => text.push(b'*'),
            }
            if !matches!(part, Part::Static(_)) {
                text.extend_from_slice(names.next().map_or(b"", |name| name.as_bytes()));
            }
        }
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            None => Self::Shared(text.into()),
            Some(place) => {
                place.copy_from_slice(&text);
                Self::Inline { len: text.len() as u8, bytes }
            }
        }
    }

    fn text(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Shared(text) => text,
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::Inline { len: 0, bytes: [0; INLINE] }
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// The values of a path with escapes, decoded, with a NUL between them, which no path holds; nothing for a path
/// in which they stand as they are.
pub(super) type Decoded = Option<Box<[u8]>>;

/// Decodes the values of a path, in which every escape is known to be one; they split no segment.
#[cold]
pub(super) fn decode(names: &Names, path: &[u8]) -> Decoded {
    if !path.contains(&b'%') {
        return None;
    }
    let values = || Params::new(names, &None, path).pairs().map(|(_, value)| value);
    // An exact capacity spares the box a second allocation.
    let len = values().map(|value| decoded_len(value) + 1).sum::<usize>().checked_sub(1)?;
    let mut text = Vec::with_capacity(len);
    for value in values() {
        if !text.is_empty() {
            text.push(0);
        }
        decode_into(value, &mut text);
    }
    Some(text.into())
}

/// The parameters of a matched path, without the path: what to keep beside a path that lives elsewhere.
///
/// Borrows nothing from the table, and holds the values of a path without escapes with no allocation.
#[derive(Clone, Default)]
pub struct Places {
    names: Names,
    decoded: Decoded,
}

impl Places {
    pub(super) fn new(names: &Names, decoded: Decoded) -> Self {
        Self { names: names.clone(), decoded }
    }

    /// Tells whether the route has no parameters.
    pub fn is_empty(&self) -> bool {
        self.names.text().is_empty()
    }

    /// Returns the parameters of `path`, which must be the one that was looked up; another one gives other values.
    pub fn of<'a>(&'a self, path: &'a [u8]) -> Params<'a> {
        Params::new(&self.names, &self.decoded, path)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.of(b"").iter().map(|(name, _)| name)).finish()
    }
}

/// The parameters of a matched path, percent-decoded, in the order of the pattern.
///
/// A value is text from a stranger: it can hold `/` (from `%2F`), be `..`, or hold any other character but NUL.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    names: &'a [u8],
    values: Values<'a>,
}

#[derive(Clone, Copy)]
enum Values<'a> {
    /// Segments of a path.
    Path(&'a [u8]),
    /// With a NUL between them.
    Decoded(&'a [u8]),
}

impl<'a> Params<'a> {
    pub(super) fn new(names: &'a Names, decoded: &'a Decoded, path: &'a [u8]) -> Self {
        Self { names: names.text(), values: decoded.as_deref().map_or(Values::Path(path), Values::Decoded) }
    }

    /// Returns the value of the parameter `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.pairs().find(|(known, _)| *known == name.as_bytes())?;
        Some(text(value))
    }

    /// Returns the value at `index`, counted from 0 in the order of the pattern.
    pub fn value(&self, index: usize) -> Option<&'a str> {
        self.pairs().nth(index).map(|(_, value)| text(value))
    }

    /// Returns the number of parameters.
    pub fn len(&self) -> usize {
        self.pairs().count()
    }

    /// Tells whether the route has no parameters.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns names and values in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs().map(|(name, value)| (text(name), text(value)))
    }

    /// Walks along names and values side by side.
    fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut names = Some(self.names);
        let (mut values, separator) = match self.values {
            Values::Path(path) => (path, b'/'),
            Values::Decoded(text) => (text, 0),
        };
        iter::from_fn(move || {
            loop {
                let (name, names_after) = cut(names?, b'/');
                names = names_after;
                let (value, after) = match (name, self.values) {
                    ([], Values::Decoded(_)) => continue,
                    ([b'*', name @ ..], _) => return Some((name, values)),
                    (_, _) => cut(values, separator),
                };
                values = after.unwrap_or_default();
                if !name.is_empty() {
                    return Some((name, value));
                }
            }
        })
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Returns what stands before the first `separator`, and what stands behind it.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == separator) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

/// A look-up refuses every path that is not UTF-8, and values end at ASCII bytes.
fn text(value: &[u8]) -> &str {
    str::from_utf8(value).unwrap_or_default()
}
