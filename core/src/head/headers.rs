//! Field lines in the order they came in (RFC 9110 §5).

mod section;
#[cfg(test)]
mod tests;

use core::fmt;

use alloc::boxed::Box;
use bytes::Bytes;

use super::{HeaderName, HeaderValue, InvalidHeader, Known, KnownSet};
use crate::parse::bytes::trim;
pub(crate) use section::{Field, Section};

use crate::spare::Spare;

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
#[derive(Default)]
pub struct Headers {
    /// Nothing while there is no field; its memory goes back to the thread that drops it.
    section: Option<Box<Section>>,
}

impl Headers {
    /// Makes an empty section.
    pub const fn new() -> Self {
        Self { section: None }
    }

    /// Adds a field whose places are in the text that [`Headers::set_parsed`] will bring.
    #[inline]
    pub(crate) fn push_parsed(&mut self, field: Field) {
        self.section_mut().push(field);
    }

    /// Brings the text that the fields were parsed from, which is copied.
    #[inline]
    pub(crate) fn set_parsed(&mut self, text: &[u8]) {
        if let Some(section) = &mut self.section {
            section.set_parsed(text);
        }
    }

    /// Lends the memory of the section to the parser, which adds fields and then brings their text.
    #[inline]
    pub(crate) fn parsed_mut(&mut self) -> &mut Section {
        self.section_mut()
    }

    #[inline(always)]
    fn section_mut(&mut self) -> &mut Section {
        match &mut self.section {
            Some(section) => section,
            none => none.insert(Section::take()),
        }
    }

    #[inline]
    fn fields(&self) -> &[Field] {
        self.section.as_ref().map_or(&[], |section| section.fields())
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.fields().len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }

    /// Returns the first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(Wanted::new(name.as_bytes())).next()
    }

    /// Returns the first value of a field as text; `None` also when it is not UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.get(name)?).ok()
    }

    /// Returns all values of a field in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.all(Wanted::new(name.as_bytes()))
    }

    /// Returns the first value of a known field.
    #[inline]
    pub fn known(&self, name: Known) -> Option<&[u8]> {
        let section = self.section.as_deref().filter(|section| section.has(name))?;
        section.fields().iter().find(|field| field.is(name)).map(|field| section.value(field))
    }

    /// Returns all values of a known field in order.
    #[inline]
    pub fn all_known(&self, name: Known) -> impl Iterator<Item = &[u8]> {
        let section = self.section.as_deref().filter(|section| section.has(name));
        section.into_iter().flat_map(move |section| {
            section.fields().iter().filter(move |field| field.is(name)).map(|field| section.value(field))
        })
    }

    /// Whether a known field is there, which costs no search.
    #[inline]
    pub fn has(&self, name: Known) -> bool {
        self.section.as_ref().is_some_and(|section| section.has(name))
    }

    /// Whether a field of any of these names is there, which costs no search.
    #[inline]
    pub fn has_any(&self, names: KnownSet) -> bool {
        self.section.as_ref().is_some_and(|section| section.has_any(names))
    }

    /// Whether a known field is there more than once, which costs no search.
    #[inline]
    pub fn repeats(&self, name: Known) -> bool {
        self.section.as_ref().is_some_and(|section| section.repeats(name))
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
        Iter { headers: self, fields: self.fields().iter() }
    }

    /// Returns numbers, names and values in order, without looking at the text.
    pub(crate) fn raw(&self) -> impl Iterator<Item = (Option<Known>, &[u8], &[u8])> {
        self.section.iter().flat_map(|section| {
            section.fields().iter().map(|field| (field.known(), section.name(field), section.value(field)))
        })
    }

    /// Returns about how many bytes the fields take when they are written.
    #[inline]
    pub(crate) fn text_len(&self) -> usize {
        self.section.as_ref().map_or(0, |section| section.text_len())
    }

    /// Returns all field lines as they are sent, where they stand together and none of them is one that `skip` wants to
    /// be left out.
    #[inline]
    pub(crate) fn lines(&self, skip: KnownSet) -> Option<&[u8]> {
        match &self.section {
            Some(section) => section.lines().filter(|_| !section.has_any(skip)),
            None => Some(&[]),
        }
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
        self.section_mut().append(name.known(), name.as_str().as_bytes(), value.as_bytes())?;
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
        let wanted = Wanted::of(&name);
        if !wanted.known.is_none_or(|known| self.has(known)) || self.all(wanted).next().is_none() {
            return self.append(name, value);
        }
        self.rebuild(wanted, Some((&name, &value)))?;
        Ok(self)
    }

    /// Removes all fields of this name and returns how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        self.remove_wanted(Wanted::new(name.as_bytes()))
    }

    /// Removes all fields of a known name and returns how many there were.
    pub fn remove_known(&mut self, name: Known) -> usize {
        self.remove_wanted(Wanted { known: Some(name), name: b"" })
    }

    /// Removes all fields.
    #[inline]
    pub fn clear(&mut self) {
        if let Some(section) = &mut self.section {
            section.empty();
        }
    }

    /// Adds all fields of another section after the others.
    ///
    /// # Errors
    /// [`InvalidHeader::TooMany`] when they are too many together.
    #[inline]
    pub fn append_all(&mut self, other: &Self) -> Result<&mut Self, InvalidHeader> {
        if let Some(other) = &other.section {
            self.section_mut().append_all(other)?;
        }
        Ok(self)
    }

    /// Adds a field whose line, which ends in CR LF, is known to be one.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn append_line(&mut self, name: Known, line: &'static [u8]) {
        self.section_mut().append_line(name, line);
    }

    fn remove_wanted(&mut self, wanted: Wanted<'_>) -> usize {
        let count = self.all(wanted).count();
        if count > 0 {
            let rebuilt = self.rebuild(wanted, None);
            debug_assert!(rebuilt.is_ok(), "fewer fields fit where more did");
        }
        count
    }

    /// Writes the section anew, without the fields of a name; in the place of the first of them stands `instead`.
    fn rebuild(
        &mut self,
        wanted: Wanted<'_>,
        mut instead: Option<(&HeaderName, &HeaderValue)>,
    ) -> Result<(), InvalidHeader> {
        let Some(section) = &self.section else { return Ok(()) };
        let mut rebuilt = Self::new();
        for field in section.fields() {
            if !wanted.is(section, field) {
                rebuilt.section_mut().append(field.known(), section.name(field), section.value(field))?;
            } else if let Some((name, value)) = instead.take() {
                rebuilt.section_mut().append(name.known(), name.as_str().as_bytes(), value.as_bytes())?;
            }
        }
        *self = rebuilt;
        Ok(())
    }

    fn all<'a, 'n>(&'a self, wanted: Wanted<'n>) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.section.iter().flat_map(move |section| {
            let fields = section.fields().iter().filter(move |field| wanted.is(section, field));
            fields.map(|field| section.value(field))
        })
    }
}

impl Clone for Headers {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        if let Some(section) = &self.section {
            copy.section_mut().copy(section);
        }
        copy
    }
}

impl Drop for Headers {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut section) = self.section.take() {
            section.empty();
            Section::put(section);
        }
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

    fn is(self, section: &Section, field: &Field) -> bool {
        match self.known {
            Some(known) => field.is(known),
            None => field.is_unknown() && section.name(field).eq_ignore_ascii_case(self.name),
        }
    }
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
        let (section, field) = (self.headers.section.as_ref()?, self.fields.next()?);
        let name = core::str::from_utf8(section.name(field)).unwrap_or_default();
        Some((name, section.value(field)))
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
    /// When there are more than 65,535 fields.
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
