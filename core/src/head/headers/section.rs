//! The memory of a header section: its text and where the fields stand in it.

use alloc::vec::Vec;

use crate::head::{InvalidHeader, Known, KnownSet};

/// A text that grew beyond this many bytes is not kept for another section.
const KEPT_TEXT: usize = 8 * 1024;
/// A list that grew beyond this many fields is not kept for another section.
const KEPT_FIELDS: usize = 128;
/// A section has at most so many fields.
const MAX_FIELDS: usize = u16::MAX as usize;

/// Where the name and the value of a field stand in the text of its section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name_start: u32,
    value_start: u32,
    value_len: u32,
    name_len: u16,
    /// The number of the name, or 0.
    known: u8,
}

impl Field {
    /// Makes a field: `known` is the number of its name, 0 for none, the others are places.
    #[inline]
    pub(crate) fn parsed(
        known: u8,
        name_start: u32,
        name_len: u16,
        value_start: u32,
        value_len: u32,
    ) -> Self {
        Self { name_start, value_start, value_len, name_len, known }
    }

    /// Returns the number of the name, if it has one.
    pub(crate) fn known(&self) -> Option<Known> {
        Known::from_number(self.known)
    }

    #[inline]
    pub(super) fn is(&self, known: Known) -> bool {
        self.known == known.number()
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.known == 0
    }
}

/// What the text of a section is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// The lines of the fields in order, each as it is sent, and nothing else.
    #[default]
    Lines,
    /// What a peer sent, and perhaps lines behind it.
    Parsed,
}

/// Text and places of a section, and which known names it has.
#[derive(Debug, Default)]
pub(crate) struct Section {
    text: Vec<u8>,
    fields: Vec<Field>,
    form: Form,
    /// A bit for each known name that is there.
    present: u64,
    /// A bit for each that is there more than once.
    repeated: u64,
}

const _: () = assert!(Known::COUNT < u64::BITS as usize, "each known name has a bit of its own");

#[inline]
const fn bit(number: u8) -> u64 {
    // Names without a number have the lowest bit, which nobody looks at.
    1 << number
}

impl Section {
    #[inline]
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    #[inline]
    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }

    #[inline]
    pub(super) fn has(&self, known: Known) -> bool {
        self.present & bit(known.number()) != 0
    }

    #[inline]
    pub(super) fn repeats(&self, known: Known) -> bool {
        self.repeated & bit(known.number()) != 0
    }

    #[inline]
    pub(super) fn has_any(&self, names: KnownSet) -> bool {
        self.present & names.bits() != 0
    }

    /// Returns the text where it is the lines of the fields and nothing else.
    #[inline]
    pub(super) fn lines(&self) -> Option<&[u8]> {
        match self.form {
            Form::Lines => Some(&self.text),
            Form::Parsed => None,
        }
    }

    #[inline]
    pub(super) fn name(&self, field: &Field) -> &[u8] {
        let start = field.name_start as usize;
        &self.text[start..start + usize::from(field.name_len)]
    }

    #[inline]
    pub(super) fn value(&self, field: &Field) -> &[u8] {
        let start = field.value_start as usize;
        &self.text[start..start + field.value_len as usize]
    }

    /// Adds a field whose places will be in the text that [`Section::set_parsed`] brings.
    #[inline]
    pub(crate) fn push(&mut self, field: Field) {
        let bit = bit(field.known);
        self.repeated |= self.present & bit;
        self.present |= bit;
        self.fields.push(field);
    }

    /// The same where the list has room for one more; false where it has none.
    #[inline(always)]
    pub(crate) fn push_within(&mut self, field: Field) -> bool {
        let has_room = self.fields.len() < self.fields.capacity();
        if has_room {
            self.push(field);
        }
        has_room
    }

    /// Sets the text that the fields were parsed from.
    #[inline]
    pub(crate) fn set_parsed(&mut self, text: &[u8]) {
        self.form = Form::Parsed;
        self.text.clear();
        self.text.extend_from_slice(text);
    }

    /// Writes a line behind the text.
    pub(super) fn append(
        &mut self,
        known: Option<Known>,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), InvalidHeader> {
        let name_len = u16::try_from(name.len()).map_err(|_| InvalidHeader::Name)?;
        let name_start = self.text.len();
        let value_start = name_start + name.len() + 2;
        let end = value_start + value.len() + 2;
        if self.fields.len() >= MAX_FIELDS || u32::try_from(end).is_err() {
            return Err(InvalidHeader::TooMany);
        }
        self.text.reserve(end - name_start);
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(value);
        self.text.extend_from_slice(b"\r\n");
        self.push(Field {
            name_start: name_start as u32,
            value_start: value_start as u32,
            value_len: value.len() as u32,
            name_len,
            known: known.map_or(0, Known::number),
        });
        Ok(())
    }

    /// Writes a line that is whole behind the text.
    #[cfg(feature = "std")]
    #[inline]
    pub(super) fn append_line(&mut self, name: Known, line: &'static [u8]) {
        let name_len = name.as_str().len();
        debug_assert!(line.starts_with(name.as_str().as_bytes()) && line[name_len..].starts_with(b": "));
        debug_assert!(line.ends_with(b"\r\n") && line.len() < KEPT_TEXT && self.text.len() < KEPT_TEXT);
        let start = self.text.len() as u32;
        self.text.extend_from_slice(line);
        self.push(Field {
            name_start: start,
            value_start: start + name_len as u32 + 2,
            value_len: (line.len() - name_len - 4) as u32,
            name_len: name_len as u16,
            known: name.number(),
        });
    }

    /// Writes the lines of another section behind the text, as far as they fit.
    #[inline]
    pub(super) fn append_all(&mut self, other: &Self) -> Result<(), InvalidHeader> {
        let base = self.text.len();
        let Some(lines) = other.lines() else { return self.append_each(other) };
        let fits = u32::try_from(base + lines.len()).is_ok();
        if self.fields.len() + other.fields.len() > MAX_FIELDS || !fits {
            return Err(InvalidHeader::TooMany);
        }
        self.text.extend_from_slice(lines);
        self.repeated |= other.repeated | self.present & other.present;
        self.present |= other.present;
        let base = base as u32;
        self.fields.extend(other.fields().iter().map(|field| Field {
            name_start: field.name_start + base,
            value_start: field.value_start + base,
            ..*field
        }));
        Ok(())
    }

    fn append_each(&mut self, other: &Self) -> Result<(), InvalidHeader> {
        other
            .fields()
            .iter()
            .try_for_each(|field| self.append(field.known(), other.name(field), other.value(field)))
    }

    /// Becomes the same as another section.
    pub(super) fn copy(&mut self, other: &Self) {
        self.clear();
        self.text.extend_from_slice(&other.text);
        self.fields.extend_from_slice(other.fields());
        (self.present, self.repeated) = (other.present, other.repeated);
        self.form = other.form;
    }

    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.form = Form::Lines;
        (self.present, self.repeated) = (0, 0);
    }

    fn is_worth_keeping(&self) -> bool {
        self.text.capacity() <= KEPT_TEXT && self.fields.capacity() <= KEPT_FIELDS
    }
}

crate::spare::spares!(Section, |section: &mut Section| if section.is_worth_keeping() {
    section.clear();
} else {
    *section = Section::default();
});
