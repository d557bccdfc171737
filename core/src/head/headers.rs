//! Field lines in the order they came in (RFC 9110 §5).

use core::fmt;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::name::Repr;
use super::{HeaderName, HeaderValue, InvalidHeader, Known};
use crate::parse::bytes::trim;

/// The bytes are in [`Headers::buf`].
const PARSED: u16 = 0;
/// The name is that of [`Field::known`].
const NUMBERED: u16 = u16::MAX;

/// Where the name and the value of a field are: in the buffer that was parsed, in one of the added parts (its index
/// plus one), or, names only, in the table of known ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name_start: u32,
    value_start: u32,
    value_len: u32,
    name_len: u16,
    name_source: u16,
    value_source: u16,
    known: u8,
}

impl Field {
    /// Makes a field of the parsed buffer: `name` is its bytes, a token, the others are places.
    #[inline]
    pub(crate) fn parsed(
        name: &[u8],
        name_start: u32,
        name_len: u16,
        value_start: u32,
        value_len: u32,
    ) -> Self {
        let known = Known::from_token(name).map_or(0, Known::number);
        Self {
            name_start,
            value_start,
            value_len,
            name_len,
            name_source: PARSED,
            value_source: PARSED,
            known,
        }
    }

    /// Returns the number of the name, if it has one.
    pub(crate) fn known(&self) -> Option<Known> {
        Known::from_number(self.known)
    }
}

/// A header or trailer section: fields with the order and the case they came in.
///
/// Looking a field up is linear; heads have few fields. Names compare without case; `==` on whole sections compares
/// names with it. Values are bytes, for they may hold obs-text (RFC 9110 §5.5).
///
/// ```
/// use anyloop_core::head::{Headers, Known};
///
/// let mut headers = Headers::new();
/// headers.append("Accept", "text/html")?.append("accept", "*/*")?;
/// assert_eq!(headers.get_all("ACCEPT").count(), 2);
/// headers.insert("accept", String::from("image/png"))?;
/// assert_eq!(headers.get_str("accept"), Some("image/png"));
/// assert_eq!(headers.remove("accept"), 1);
/// # Ok::<(), anyloop_core::head::InvalidHeader>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    buf: Bytes,
    /// An answer has a type, a server and a date of its own, and one more.
    parts: SmallVec<[Bytes; 4]>,
    fields: SmallVec<[Field; 16]>,
}

impl Headers {
    /// Makes an empty section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a section of fields whose places are in `buf`.
    pub(crate) fn from_parsed(buf: Bytes, fields: SmallVec<[Field; 16]>) -> Self {
        Self { buf, parts: SmallVec::new(), fields }
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let wanted = Wanted::new(name.as_bytes());
        self.fields.iter().find(|field| self.is(field, wanted)).map(|field| self.value(field))
    }

    /// Returns the first value of a field as text; `None` also when it is not UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.get(name)?).ok()
    }

    /// Returns all values of a field in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let wanted = Wanted::new(name.as_bytes());
        self.fields.iter().filter(move |field| self.is(field, wanted)).map(|field| self.value(field))
    }

    /// Returns the first value of a known field.
    #[inline]
    pub fn known(&self, name: Known) -> Option<&[u8]> {
        self.all_known(name).next()
    }

    /// Returns all values of a known field in order.
    #[inline]
    pub fn all_known(&self, name: Known) -> impl Iterator<Item = &[u8]> {
        let number = name.number();
        self.fields.iter().filter(move |field| field.known == number).map(|field| self.value(field))
    }

    /// Whether a field is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a token stands in the comma-separated list that the values of the field are together; case does not
    /// count (RFC 9110 §5.6.1).
    pub fn has_token(&self, name: Known, token: &str) -> bool {
        self.tokens(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Returns the elements of the comma-separated list that the values of the field are together, without blanks
    /// around them and without the empty ones (RFC 9110 §5.6.1). Quoted strings are not respected.
    pub fn tokens(&self, name: Known) -> impl Iterator<Item = &[u8]> {
        self.all_known(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(trim)
            .filter(|element| !element.is_empty())
    }

    /// Returns names and values in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { headers: self, fields: self.fields.iter() }
    }

    /// Returns numbers, names and values in order, without looking at the text.
    pub(crate) fn raw(&self) -> impl Iterator<Item = (Option<Known>, &[u8], &[u8])> {
        self.fields.iter().map(|field| (field.known(), self.name(field), self.value(field)))
    }

    /// Adds a field after the others.
    ///
    /// # Errors
    /// [`InvalidHeader`] when the name or the value is not one; nothing is added then.
    pub fn append<N, V>(&mut self, name: N, value: V) -> Result<&mut Self, InvalidHeader>
    where
        N: TryInto<HeaderName, Error: Into<InvalidHeader>>,
        V: TryInto<HeaderValue, Error: Into<InvalidHeader>>,
    {
        let (name, value) = (name.try_into().map_err(Into::into)?, value.try_into().map_err(Into::into)?);
        let field = self.store(name, value)?;
        self.fields.push(field);
        Ok(self)
    }

    /// Replaces all fields of this name by one, at the place of the first; adds it when there is none.
    ///
    /// # Errors
    /// [`InvalidHeader`] when the name or the value is not one; nothing changes then.
    pub fn insert<N, V>(&mut self, name: N, value: V) -> Result<&mut Self, InvalidHeader>
    where
        N: TryInto<HeaderName, Error: Into<InvalidHeader>>,
        V: TryInto<HeaderValue, Error: Into<InvalidHeader>>,
    {
        let (name, value) = (name.try_into().map_err(Into::into)?, value.try_into().map_err(Into::into)?);
        let first = self.fields.iter().position(|field| self.is(field, Wanted::of(&name)));
        let Some(first) = first else { return self.append(name, value) };
        let field = self.store(name.clone(), value)?;
        self.remove_from(first + 1, Wanted::of(&name));
        self.fields[first] = field;
        Ok(self)
    }

    /// Removes all fields of this name and returns how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        self.remove_from(0, Wanted::new(name.as_bytes()))
    }

    /// Removes all fields of a known name and returns how many there were.
    pub fn remove_known(&mut self, name: Known) -> usize {
        self.remove_from(0, Wanted { known: Some(name), name: b"" })
    }

    /// Removes all fields.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Copies what the section refers to, so that the buffer it was parsed from can be used again.
    #[must_use]
    pub fn into_owned(mut self) -> Self {
        self.detach();
        self
    }

    /// Copies what the section refers to into one buffer, so that those it referred to can be used again.
    ///
    /// A section of 4 GiB and more stays as it is.
    pub fn detach(&mut self) {
        let size = self.raw().map(|(_, name, value)| name.len() + value.len()).sum();
        if u32::try_from(size).is_err() {
            return;
        }
        let mut buf = BytesMut::with_capacity(size);
        let mut fields = self.fields.clone();
        for (field, (_, name, value)) in fields.iter_mut().zip(self.raw()) {
            if field.name_source != NUMBERED {
                (field.name_start, field.name_source) = (place(&buf), PARSED);
                buf.extend_from_slice(name);
            }
            (field.value_start, field.value_source) = (place(&buf), PARSED);
            buf.extend_from_slice(value);
        }
        *self = Self { buf: buf.freeze(), parts: SmallVec::new(), fields };
    }

    fn store(&mut self, name: HeaderName, value: HeaderValue) -> Result<Field, InvalidHeader> {
        let room = usize::from(NUMBERED) - 1;
        if self.parts.len() + 2 > room {
            self.detach();
            if self.fields.len() >= room {
                return Err(InvalidHeader::TooMany);
            }
        }
        let mut field = Field {
            name_start: 0,
            value_start: 0,
            value_len: u32::try_from(value.0.len()).map_err(|_| InvalidHeader::Value)?,
            name_len: 0,
            name_source: NUMBERED,
            value_source: PARSED,
            known: 0,
        };
        match name.0 {
            Repr::Known(known) => field.known = known.number(),
            Repr::Other(bytes) => {
                field.name_len = u16::try_from(bytes.len()).map_err(|_| InvalidHeader::Name)?;
                field.name_source = self.add_part(bytes)?;
            }
        }
        if !value.0.is_empty() {
            field.value_source = self.add_part(value.0)?;
        }
        Ok(field)
    }

    fn add_part(&mut self, bytes: Bytes) -> Result<u16, InvalidHeader> {
        self.parts.push(bytes);
        u16::try_from(self.parts.len()).map_err(|_| InvalidHeader::TooMany)
    }

    fn remove_from(&mut self, start: usize, wanted: Wanted<'_>) -> usize {
        let mut kept = start;
        for at in start..self.fields.len() {
            let field = self.fields[at];
            if !self.is(&field, wanted) {
                self.fields[kept] = field;
                kept += 1;
            }
        }
        let removed = self.fields.len() - kept;
        self.fields.truncate(kept);
        removed
    }

    fn is(&self, field: &Field, wanted: Wanted<'_>) -> bool {
        match wanted.known {
            Some(known) => field.known == known.number(),
            None => field.known == 0 && self.name(field).eq_ignore_ascii_case(wanted.name),
        }
    }

    fn source(&self, source: u16) -> &Bytes {
        match source {
            PARSED => &self.buf,
            part => &self.parts[usize::from(part) - 1],
        }
    }

    fn name(&self, field: &Field) -> &[u8] {
        match (field.name_source, field.known()) {
            (NUMBERED, Some(known)) => known.as_str().as_bytes(),
            (source, _) => {
                let start = field.name_start as usize;
                &self.source(source)[start..start + usize::from(field.name_len)]
            }
        }
    }

    #[inline]
    fn value(&self, field: &Field) -> &[u8] {
        let start = field.value_start as usize;
        &self.source(field.value_source)[start..start + field.value_len as usize]
    }
}

/// The name that is looked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    known: Option<Known>,
    name: &'a [u8],
}

impl<'a> Wanted<'a> {
    fn new(name: &'a [u8]) -> Self {
        Self { known: Known::from_bytes(name), name }
    }

    fn of(name: &'a HeaderName) -> Self {
        Self { known: name.known(), name: name.as_str().as_bytes() }
    }
}

/// The caller has made sure that the whole buffer is below 4 GiB.
fn place(buf: &BytesMut) -> u32 {
    u32::try_from(buf.len()).unwrap_or(u32::MAX)
}

/// The fields of a section: names and values in order.
#[derive(Clone)]
pub struct Iter<'a> {
    headers: &'a Headers,
    fields: core::slice::Iter<'a, Field>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        let name = core::str::from_utf8(self.headers.name(field)).unwrap_or_default();
        Some((name, self.headers.value(field)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.clone().map(|(name, value)| (name, Bytes::copy_from_slice(value)));
        f.debug_map().entries(fields).finish()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The same names in the same case with the same values in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.raw().map(|(_, name, value)| (name, value)).eq(other.raw().map(|(_, name, value)| (name, value)))
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.iter(), f)
    }
}

/// Collects fields that were checked already.
impl Extend<(HeaderName, HeaderValue)> for Headers {
    /// # Panics
    ///
    /// When there are more than 65,533 fields.
    fn extend<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(&mut self, fields: I) {
        for (name, value) in fields {
            assert!(self.append(name, value).is_ok(), "more fields than can be told apart");
        }
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: I) -> Self {
        let mut headers = Self::new();
        headers.extend(fields);
        headers
    }
}

#[cfg(test)]
mod tests;
