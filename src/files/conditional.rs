//! Validators and the requests that depend on them (RFC 9110 §8.8 and §13).

use std::time::{Duration, UNIX_EPOCH};

use anyloop_core::head::{Headers, Known};

/// What tells one state of a file from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    /// The entity tag, a strong one, with its quotes.
    pub(super) etag: Option<String>,
    /// Seconds since 1970 of the last change.
    pub(super) modified: Option<u64>,
}

/// The last second that an HTTP date can name, at the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

impl Validators {
    /// Makes the validators of a file of `length` bytes that was changed `modified` after the start of 1970, as of `now`.
    ///
    /// The tag is strong, so that ranges can be resumed with it; the price is that two changes which keep the length and
    /// fall into one tick of the file system's clock look alike. Up to one second after 1970 began is no time of a
    /// change but what tools for reproducible builds write, the same for every content: such a file has no validators.
    pub(super) fn new(length: u64, modified: Option<Duration>, now: u64) -> Self {
        let Some(modified) = modified.filter(|time| *time > Duration::from_secs(1)) else {
            return Self::default();
        };
        // Never later than `Date` (RFC 9110 §8.8.2.1).
        let seconds = modified.as_secs().min(now).min(LAST_SECOND);
        Self { etag: Some(format!("\"{length:x}-{:x}\"", modified.as_nanos())), modified: Some(seconds) }
    }

    /// Returns the value of `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<String> {
        self.modified.map(|seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    fn is_tagged(&self, tag: Tag<'_>) -> bool {
        self.etag.as_ref().is_some_and(|etag| etag.as_bytes() == tag.opaque)
    }
}

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The request is answered as if there were none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the preconditions of a GET or HEAD request in the order of RFC 9110 §13.2.2.
pub(super) fn evaluate(headers: &Headers, current: &Validators) -> Outcome {
    if headers.known(Known::IfMatch).is_some() {
        if !lists(headers, Known::IfMatch, |tag| tag.strength == Strength::Strong && current.is_tagged(tag)) {
            return Outcome::Failed;
        }
    } else if is_later(current, date(headers, Known::IfUnmodifiedSince)) == Some(true) {
        return Outcome::Failed;
    }
    if headers.known(Known::IfNoneMatch).is_some() {
        if lists(headers, Known::IfNoneMatch, |tag| current.is_tagged(tag)) {
            return Outcome::NotModified;
        }
    } else if is_later(current, date(headers, Known::IfModifiedSince)) == Some(false) {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// Returns the value of `Range` unless `If-Range` says that it is of another state of the file (RFC 9110 §13.1.5).
///
/// A date is compared exactly, for a later one says nothing about a state in between.
pub(super) fn range<'h>(headers: &'h Headers, current: &Validators) -> Option<&'h [u8]> {
    let range = single(headers, Known::Range)?;
    if headers.known(Known::IfRange).is_none() {
        return Some(range);
    }
    let value = single(headers, Known::IfRange)?;
    let is_current = match Tag::parse(value) {
        Some((tag, b"")) => tag.strength == Strength::Strong && current.is_tagged(tag),
        Some(_) => false,
        None => seconds(value).is_some_and(|date| current.modified == Some(date)),
    };
    is_current.then_some(range)
}

/// Whether the file was changed after a date; `None` when either is not known: the condition is ignored then.
fn is_later(current: &Validators, date: Option<u64>) -> Option<bool> {
    Some(current.modified? > date?)
}

/// Returns the value of a field that has one line.
fn single(headers: &Headers, name: Known) -> Option<&[u8]> {
    let mut values = headers.all_known(name);
    values.next().filter(|_| values.next().is_none())
}

/// Returns the date of a field that has one line and is a date in one of the three forms of RFC 9110 §5.6.7.
fn date(headers: &Headers, name: Known) -> Option<u64> {
    single(headers, name).and_then(seconds)
}

fn seconds(date: &[u8]) -> Option<u64> {
    let date = httpdate::parse_http_date(str::from_utf8(date).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Whether a field is `*`, which any state of a file that is there matches, or lists a tag that passes.
fn lists(headers: &Headers, name: Known, mut passes: impl FnMut(Tag<'_>) -> bool) -> bool {
    if single(headers, name) == Some(b"*") {
        return true;
    }
    headers.all_known(name).any(|value| Tags(value).any(&mut passes))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// An entity tag (RFC 9110 §8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    strength: Strength,
    /// With the quotes.
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads a tag at the start of a text and returns what follows it.
    fn parse(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (strength, text) = match text.strip_prefix(b"W/") {
            Some(rest) => (Strength::Weak, rest),
            None => (Strength::Strong, text),
        };
        let inner = text.strip_prefix(b"\"")?;
        let length = inner.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
        if inner[length] != b'"' {
            return None;
        }
        let (opaque, rest) = text.split_at(length + 2);
        Some((Self { strength, opaque }, rest))
    }
}

/// The tags of a list. One that is malformed ends it, for nobody can say where it ends itself.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.0 {
            self.0 = rest;
        }
        let (tag, rest) = Tag::parse(core::mem::take(&mut self.0))?;
        let after = rest.trim_ascii_start();
        if !after.is_empty() && after[0] != b',' {
            return None;
        }
        self.0 = after;
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SAME_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
    const SAME_ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn current() -> Validators {
        Validators { etag: Some("\"a,b\"".to_owned()), modified: Some(784_111_777) }
    }

    fn headers(fields: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for &(name, value) in fields {
            headers.append(name, value).unwrap();
        }
        headers
    }

    type Fields = &'static [(&'static str, &'static str)];
    use Outcome::{Failed, NotModified, Proceed};

    const CONDITIONS: &[(Fields, Outcome)] = &[
        (&[], Proceed),
        // If-Match, with the strong comparison
        (&[("If-Match", "\"a,b\"")], Proceed),
        (&[("If-Match", "*")], Proceed),
        (&[("If-Match", "\"x\", \"a,b\"")], Proceed),
        (&[("If-Match", "\"x\""), ("If-Match", "\"a,b\"")], Proceed),
        (&[("If-Match", " , \"x\"\t,,\"a,b\" ,")], Proceed),
        (&[("If-Match", "W/\"a,b\"")], Failed),
        (&[("If-Match", "\"x\"")], Failed),
        (&[("If-Match", "\"a\"")], Failed),
        (&[("If-Match", "a,b")], Failed),
        (&[("If-Match", "")], Failed),
        (&[("If-Match", "*, \"x\"")], Failed),
        (&[("If-Match", "\"x\"y, \"a,b\"")], Failed),
        (&[("If-Match", "\"x\" \"a,b\"")], Failed),
        (&[("If-Match", "\"a,b\" y")], Failed),
        // If-Unmodified-Since
        (&[("If-Unmodified-Since", BEFORE)], Failed),
        (&[("If-Unmodified-Since", SAME)], Proceed),
        (&[("If-Unmodified-Since", AFTER)], Proceed),
        (&[("If-Unmodified-Since", "yesterday")], Proceed),
        (&[("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)], Proceed),
        // If-Match goes before If-Unmodified-Since
        (&[("If-Unmodified-Since", BEFORE), ("If-Match", "*")], Proceed),
        (&[("If-Unmodified-Since", AFTER), ("If-Match", "\"x\"")], Failed),
        // If-None-Match, with the weak comparison
        (&[("If-None-Match", "\"a,b\"")], NotModified),
        (&[("If-None-Match", "W/\"a,b\"")], NotModified),
        (&[("If-None-Match", "*")], NotModified),
        (&[("If-None-Match", "\"x\", W/\"a,b\"")], NotModified),
        (&[("If-None-Match", "\"x\"")], Proceed),
        (&[("If-None-Match", "w/\"a,b\"")], Proceed),
        (&[("If-None-Match", "\"a,b")], Proceed),
        (&[("If-None-Match", "")], Proceed),
        // If-Modified-Since, in the three forms of a date
        (&[("If-Modified-Since", SAME)], NotModified),
        (&[("If-Modified-Since", SAME_850)], NotModified),
        (&[("If-Modified-Since", SAME_ASCTIME)], NotModified),
        (&[("If-Modified-Since", AFTER)], NotModified),
        (&[("If-Modified-Since", BEFORE)], Proceed),
        (&[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37")], Proceed),
        (&[("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)], Proceed),
        // If-None-Match goes before If-Modified-Since
        (&[("If-Modified-Since", AFTER), ("If-None-Match", "\"x\"")], Proceed),
        (&[("If-Modified-Since", BEFORE), ("If-None-Match", "\"a,b\"")], NotModified),
        // the first pair goes before the second
        (&[("If-None-Match", "*"), ("If-Match", "\"x\"")], Failed),
        (&[("If-None-Match", "*"), ("If-Match", "*")], NotModified),
        (&[("If-Modified-Since", AFTER), ("If-Unmodified-Since", BEFORE)], Failed),
        (&[("If-Modified-Since", SAME), ("If-Unmodified-Since", SAME)], NotModified),
        (&[("If-None-Match", "\"x\""), ("If-Unmodified-Since", AFTER)], Proceed),
    ];

    #[test]
    fn preconditions() {
        for &(fields, expected) in CONDITIONS {
            assert_eq!(evaluate(&headers(fields), &current()), expected, "{fields:?}");
        }
    }

    #[test]
    fn preconditions_without_validators() {
        let none = Validators::default();
        let cases: &[(Fields, Outcome)] = &[
            (&[("If-Match", "*")], Proceed),
            (&[("If-Match", "\"x\"")], Failed),
            (&[("If-Unmodified-Since", BEFORE)], Proceed),
            (&[("If-None-Match", "*")], NotModified),
            (&[("If-None-Match", "\"x\"")], Proceed),
            (&[("If-Modified-Since", AFTER)], Proceed),
        ];
        for &(fields, expected) in cases {
            assert_eq!(evaluate(&headers(fields), &none), expected, "{fields:?}");
        }
    }

    #[test]
    fn if_range() {
        const RANGE: (&str, &str) = ("Range", "bytes=0-1");
        let cases: &[(Fields, bool)] = &[
            (&[RANGE], true),
            (&[RANGE, ("If-Range", "\"a,b\"")], true),
            (&[RANGE, ("If-Range", SAME)], true),
            (&[RANGE, ("If-Range", SAME_850)], true),
            (&[RANGE, ("If-Range", "W/\"a,b\"")], false),
            (&[RANGE, ("If-Range", "\"x\"")], false),
            (&[RANGE, ("If-Range", "\"a,b\", \"x\"")], false),
            (&[RANGE, ("If-Range", BEFORE)], false),
            (&[RANGE, ("If-Range", AFTER)], false),
            (&[RANGE, ("If-Range", "*")], false),
            (&[RANGE, ("If-Range", "")], false),
            (&[RANGE, ("If-Range", SAME), ("If-Range", SAME)], false),
            (&[RANGE, RANGE], false),
            (&[("If-Range", "\"a,b\"")], false),
        ];
        for &(fields, applies) in cases {
            assert_eq!(range(&headers(fields), &current()).is_some(), applies, "{fields:?}");
        }
        let dateless = Validators { modified: None, ..current() };
        assert_eq!(range(&headers(&[RANGE, ("If-Range", "never")]), &dateless), None);
    }

    #[test]
    fn validators_of_files() {
        let time = Duration::new(784_111_777, 5);
        let at = |modified, now| Validators::new(255, Some(modified), now);
        let known = at(time, 800_000_000);
        assert_eq!(known.etag.as_deref(), Some("\"ff-ae1b981bc490a05\""));
        assert_eq!(known.last_modified().as_deref(), Some(SAME));
        assert_ne!(at(time + Duration::from_nanos(1), 800_000_000).etag, known.etag);
        assert_ne!(Validators::new(256, Some(time), 800_000_000).etag, known.etag);
        assert_eq!(at(time, 784_111_776).last_modified().as_deref(), Some(BEFORE), "never after Date");
        assert_eq!(at(time, 784_111_776).etag, known.etag);
        let far = at(Duration::from_secs(u64::MAX), u64::MAX);
        assert_eq!(far.last_modified().as_deref(), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
        for stand_in in [Duration::ZERO, Duration::from_secs(1)] {
            assert_eq!(at(stand_in, 800_000_000), Validators::default());
        }
        assert_eq!(Validators::new(255, None, 800_000_000), Validators::default());
    }
}
