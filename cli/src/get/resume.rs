//! Going on where an earlier download ended: what to ask for, and whether the answer is the rest of the same file
//! (RFC 9110 §13.1.5, §14).

use core::time::Duration;
use std::fs;
use std::io;
use std::path::Path;

use anyloop::core::head::ResponseHead;
use anyloop::{Headers, Known};

use super::checksum::Checksum;

/// The longest note that is read.
const MAX_NOTE: u64 = 8 * 1024;

/// What a part is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The checksum of the URL, which may have secrets in it.
    key: Checksum,
    validator: Validator,
    /// The length of the whole file, when it is known.
    total: Option<u64>,
}

/// What tells two versions of a file apart, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Validator {
    /// A strong one, with its quotes.
    Etag(String),
    LastModified(String),
}

/// What to make of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The body is the file from its start.
    Whole,
    /// The body is the bytes from `first` to `last` of so many.
    Rest { first: u64, last: u64, total: u64 },
    /// What was asked for does not go on from what is there: ask for all of it.
    Again,
    /// The body is no file.
    Nothing,
}

impl Note {
    /// Makes a note of what a response is, if another one can go on from it: when it says which version it is.
    pub(super) fn of(head: &ResponseHead, key: Checksum, total: Option<u64>) -> Option<Self> {
        let never =
            head.headers.get_str("accept-ranges").is_some_and(|unit| unit.eq_ignore_ascii_case("none"));
        let validator = strong_etag(&head.headers).or_else(|| strong_date(&head.headers))?;
        (!never).then_some(Self { key, validator, total })
    }

    /// Reads the note beside a part, if it is one of the same URL.
    pub(super) fn read(path: &Path, key: Checksum) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        if !found.is_file() || found.len() > MAX_NOTE {
            return None;
        }
        Self::parse(&fs::read_to_string(path).ok()?).filter(|note| note.key == key)
    }

    /// Writes the note where nothing is.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        use std::io::Write;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(self.text().as_bytes())
    }

    fn text(&self) -> String {
        let (name, validator) = match &self.validator {
            Validator::Etag(tag) => ("etag", tag),
            Validator::LastModified(date) => ("last-modified", date),
        };
        let total = self.total.map(|total| format!("length {total}\n")).unwrap_or_default();
        format!("url {}\n{name} {validator}\n{total}", self.key)
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut key, mut validator, mut total) = (None, None, None);
        // A line that was cut short is none.
        for line in text.split_inclusive('\n') {
            let (name, value) = line.strip_suffix('\n')?.split_once(' ')?;
            match name {
                "url" => key = Some(value.parse().ok()?),
                "etag" => validator = Some(Validator::Etag(value.into())),
                "last-modified" => validator = Some(Validator::LastModified(value.into())),
                "length" => total = Some(digits(value)?),
                _ => return None,
            }
        }
        Some(Self { key: key?, validator: validator?, total })
    }

    /// Returns the byte to ask from, and the value of `If-Range`. A part that seems to be whole is asked for its last
    /// byte again: the answer says whether it is still the same file, and a range of no bytes can't be asked for.
    pub(super) fn ask(&self, held: u64) -> (u64, &str) {
        let last = self.total.map_or(held, |total| total.saturating_sub(1));
        (held.min(last), self.validator())
    }

    fn validator(&self) -> &str {
        match &self.validator {
            Validator::Etag(text) | Validator::LastModified(text) => text,
        }
    }

    /// Whether a response may be of the same version, as far as it says.
    fn matches(&self, headers: &Headers) -> bool {
        let field = match self.validator {
            Validator::Etag(_) => headers.known(Known::Etag),
            Validator::LastModified(_) => headers.known(Known::LastModified),
        };
        field.is_none_or(|value| value == self.validator().as_bytes())
    }
}

/// Judges an answer, to a request for the bytes from `first` on if there was something to go on from.
pub(super) fn judge(head: &ResponseHead, asked: Option<(u64, &Note)>) -> Verdict {
    let Some((first, note)) = asked else {
        return match head.status.code() {
            206 | 416 => Verdict::Nothing,
            _ if head.status.is_success() => Verdict::Whole,
            _ => Verdict::Nothing,
        };
    };
    match head.status.code() {
        206 => match content_range(&head.headers) {
            Some((from, last, total))
                if from == first
                    && note.matches(&head.headers)
                    && note.total.is_none_or(|noted| noted == total) =>
            {
                Verdict::Rest { first, last, total }
            }
            Some(_) | None => Verdict::Again,
        },
        416 => Verdict::Again,
        _ if head.status.is_success() => Verdict::Whole,
        _ => Verdict::Nothing,
    }
}

/// Reads `bytes FIRST-LAST/TOTAL` (RFC 9110 §14.4). A total of `*` would not say when the file is whole.
fn content_range(headers: &Headers) -> Option<(u64, u64, u64)> {
    if headers.repeats(Known::ContentRange) {
        return None;
    }
    let value = headers.get_str("content-range")?;
    let (unit, value) = value.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, total) = value.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (digits(first)?, digits(last)?, digits(total)?);
    (first <= last && last < total).then_some((first, last, total))
}

/// Digits only: `str::parse` takes a leading plus sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A tag with `W/` in front says that the bytes may differ.
fn strong_etag(headers: &Headers) -> Option<Validator> {
    let tag = headers.get_str("etag")?;
    let quoted = tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"');
    quoted.then(|| Validator::Etag(tag.into()))
}

/// A date tells versions apart when the file was a second old, by the server's own clock (RFC 9110 §8.8.2.2).
fn strong_date(headers: &Headers) -> Option<Validator> {
    let text = headers.get_str("last-modified")?;
    let modified = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get_str("date")?).ok()?;
    let strong = now.duration_since(modified).is_ok_and(|age| age >= Duration::from_secs(1));
    strong.then(|| Validator::LastModified(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyloop::{HeaderValue, Status};

    const DAY: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const SECOND_LATER: &str = "Thu, 01 Jan 2026 00:00:01 GMT";

    fn head(code: u16, fields: &[(&'static str, &str)]) -> ResponseHead {
        let mut head = ResponseHead::new(Status::new(code).unwrap());
        for (name, value) in fields {
            head.headers.append(*name, HeaderValue::copy_from(value.as_bytes()).unwrap()).unwrap();
        }
        head
    }

    fn note(validator: Validator, total: Option<u64>) -> Note {
        Note { key: Checksum::of(b"url"), validator, total }
    }

    #[test]
    fn only_strong_validators_are_noted() {
        let etag = |tag: &str| Some(Validator::Etag(tag.into()));
        let date = Some(Validator::LastModified(DAY.into()));
        for (fields, expected) in [
            (&[("ETag", "\"a\"")][..], etag("\"a\"")),
            (&[("ETag", "\"\"")], etag("\"\"")),
            (&[("ETag", "\"a\""), ("Last-Modified", DAY), ("Date", SECOND_LATER)], etag("\"a\"")),
            (&[("ETag", "W/\"a\""), ("Last-Modified", DAY), ("Date", SECOND_LATER)], date.clone()),
            (&[("Last-Modified", DAY), ("Date", SECOND_LATER)], date),
            (&[("Last-Modified", DAY), ("Date", DAY)], None),
            (&[("Last-Modified", SECOND_LATER), ("Date", DAY)], None),
            (&[("Last-Modified", DAY)], None),
            (&[("Last-Modified", "yesterday"), ("Date", DAY)], None),
            (&[("ETag", "W/\"a\"")], None),
            (&[("ETag", "a")], None),
            (&[("ETag", "\"")], None),
            (&[("ETag", "\"a\""), ("Accept-Ranges", "none")], None),
            (&[], None),
        ] {
            let found = Note::of(&head(200, fields), Checksum::of(b"url"), Some(3));
            assert_eq!(found.map(|note| note.validator), expected, "{fields:?}");
        }
    }

    #[test]
    fn notes_are_read_back() {
        for validator in [Validator::Etag("\"a b\"".into()), Validator::LastModified(DAY.into())] {
            for total in [None, Some(0), Some(u64::MAX)] {
                let note = note(validator.clone(), total);
                assert_eq!(Note::parse(&note.text()), Some(note.clone()));
                // Cut anywhere, it is no other note, unless a whole line is missing that need not be there.
                for at in 0..note.text().len() {
                    let cut = Note::parse(&note.text()[..at]);
                    assert!(
                        cut.is_none_or(|cut| cut.validator == note.validator && cut.total.is_none()),
                        "{at}"
                    );
                }
            }
        }
        for text in ["", "url x\n", "other x\n", "length +1\n"] {
            assert_eq!(Note::parse(text), None);
        }
    }

    #[test]
    fn what_is_asked_for() {
        let open = note(Validator::Etag("\"a\"".into()), None);
        assert_eq!(open.ask(7), (7, "\"a\""));
        let known = note(Validator::LastModified(DAY.into()), Some(10));
        assert_eq!([known.ask(9), known.ask(10), known.ask(11)], [(9, DAY); 3]);
        assert_eq!(known.ask(1), (1, DAY));
    }

    #[test]
    fn answers_are_judged() {
        use Verdict::{Again, Nothing, Rest, Whole};
        let known = note(Validator::Etag("\"a\"".into()), Some(10));
        let open = note(Validator::Etag("\"a\"".into()), None);
        let rest = Rest { first: 4, last: 9, total: 10 };
        for (code, fields, expected) in [
            (206, &[("Content-Range", "bytes 4-9/10")][..], rest),
            (206, &[("Content-Range", "bytes 4-9/10"), ("ETag", "\"a\"")], rest),
            (206, &[("Content-Range", "Bytes 4-9/10")], rest),
            (206, &[("Content-Range", "bytes 4-9/*")], Again),
            (206, &[("Content-Range", "bytes 4-4/10")], Rest { first: 4, last: 4, total: 10 }),
            (206, &[("Content-Range", "bytes 4-9/10"), ("ETag", "\"b\"")], Again),
            (206, &[("Content-Range", "bytes 4-9/10"), ("ETag", "W/\"a\"")], Again),
            (206, &[("Content-Range", "bytes 3-9/10")], Again),
            (206, &[("Content-Range", "bytes 5-9/10")], Again),
            (206, &[("Content-Range", "bytes 4-10/11")], Again),
            (206, &[("Content-Range", "bytes 4-10/10")], Again),
            (206, &[("Content-Range", "bytes 4-3/10")], Again),
            (206, &[("Content-Range", "bytes +4-9/10")], Again),
            (206, &[("Content-Range", "bytes 4-9")], Again),
            (206, &[("Content-Range", "lines 4-9/10")], Again),
            (206, &[("Content-Range", "bytes 4-9/10"), ("Content-Range", "bytes 4-9/10")], Again),
            (206, &[("Content-Type", "multipart/byteranges; boundary=x")], Again),
            (206, &[], Again),
            (416, &[("Content-Range", "bytes */10")], Again),
            (200, &[("ETag", "\"b\"")], Whole),
            (200, &[], Whole),
            (304, &[], Nothing),
            (404, &[], Nothing),
        ] {
            assert_eq!(judge(&head(code, fields), Some((4, &known))), expected, "{code} {fields:?}");
        }
        let longer = head(206, &[("Content-Range", "bytes 4-10/11")]);
        assert_eq!(judge(&longer, Some((4, &open))), Rest { first: 4, last: 10, total: 11 });
        for (code, expected) in
            [(200, Whole), (203, Whole), (206, Nothing), (304, Nothing), (416, Nothing), (500, Nothing)]
        {
            let head = head(code, &[("Content-Range", "bytes 0-9/10")]);
            assert_eq!(judge(&head, None), expected, "{code}");
        }
    }
}
