//! Byte ranges (RFC 9110 §14).

/// Bytes of a file, from `start` up to, without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.end - self.start
    }
}

/// What a `Range` field selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// The field is ignored: it has another unit, is malformed or asks for more than one range.
    Whole,
    /// One range that is not empty.
    Part(Span),
    /// One range that has no byte of the file.
    Unsatisfiable,
}

/// Reads the value of a `Range` field for a file of `length` bytes.
///
/// More than one range gets the whole file, as RFC 9110 §14.2 allows: many small or overlapping ranges would make one
/// request cost more than the file.
pub(super) fn select(value: &[u8], length: u64) -> Selection {
    parse(value).map_or(Selection::Whole, |wanted| wanted.of(length))
}

/// One range as it was asked for (RFC 9110 §14.1.1).
enum Wanted {
    From(u64),
    Between(u64, u64),
    Suffix(u64),
}

impl Wanted {
    /// RFC 9110 §14.1.2.
    fn of(self, length: u64) -> Selection {
        let (start, end) = match self {
            // A suffix of nothing is all of it; 206 can't say so, for `Content-Range` has no empty range.
            Self::Suffix(1..) if length == 0 => return Selection::Whole,
            Self::Suffix(count) => (length.saturating_sub(count), length),
            Self::From(first) => (first, length),
            Self::Between(first, last) => (first, last.saturating_add(1).min(length)),
        };
        if start < end { Selection::Part(Span { start, end }) } else { Selection::Unsatisfiable }
    }
}

fn parse(value: &[u8]) -> Option<Wanted> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    // Empty elements of a list do not count (RFC 9110 §5.6.1.2).
    let mut ranges = set.split(|&byte| byte == b',').map(trim).filter(|range| !range.is_empty());
    let (range, None) = (ranges.next()?, ranges.next()) else { return None };
    let dash = range.iter().position(|&byte| byte == b'-')?;
    match (&range[..dash], &range[dash + 1..]) {
        (b"", suffix) => Some(Wanted::Suffix(number(suffix)?)),
        (first, b"") => Some(Wanted::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Wanted::Between(first, last))
        }
    }
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Reads digits only; what does not fit is greater than any length and stays so.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Selection = Selection::Whole;
    const NONE: Selection = Selection::Unsatisfiable;

    const fn part(start: u64, end: u64) -> Selection {
        Selection::Part(Span { start, end })
    }

    const RANGES: &[(&str, u64, Selection)] = &[
        ("bytes=0-0", 10, part(0, 1)),
        ("bytes=0-9", 10, part(0, 10)),
        ("bytes=0-10", 10, part(0, 10)),
        ("bytes=9-9", 10, part(9, 10)),
        ("bytes=9-", 10, part(9, 10)),
        ("bytes=0-", 10, part(0, 10)),
        ("bytes=10-", 10, NONE),
        ("bytes=10-10", 10, NONE),
        ("bytes=10-20", 10, NONE),
        ("bytes=-1", 10, part(9, 10)),
        ("bytes=-10", 10, part(0, 10)),
        ("bytes=-11", 10, part(0, 10)),
        ("bytes=-0", 10, NONE),
        ("bytes=-0", 0, NONE),
        ("bytes=-5", 0, WHOLE),
        ("bytes=0-", 0, NONE),
        ("bytes=0-0", 0, NONE),
        ("BYTES=2-3", 10, part(2, 4)),
        ("bytes= 2-3\t", 10, part(2, 4)),
        ("bytes=,2-3,,", 10, part(2, 4)),
        ("bytes=0-18446744073709551615", 10, part(0, 10)),
        ("bytes=0-99999999999999999999999", 10, part(0, 10)),
        ("bytes=-99999999999999999999999", 10, part(0, 10)),
        ("bytes=99999999999999999999999-", 10, NONE),
        ("bytes=000000000000000000000001-2", 10, part(1, 3)),
        ("bytes=0-18446744073709551614", u64::MAX, part(0, u64::MAX)),
        ("bytes=0-1,3-4", 10, WHOLE),
        ("bytes=0-1,0-1", 10, WHOLE),
        ("bytes=0-1,x", 10, WHOLE),
        ("bytes=3-2", 10, WHOLE),
        ("bytes=", 10, WHOLE),
        ("bytes=,", 10, WHOLE),
        ("bytes", 10, WHOLE),
        ("", 10, WHOLE),
        ("bytes=-", 10, WHOLE),
        ("bytes=--1", 10, WHOLE),
        ("bytes=1--2", 10, WHOLE),
        ("bytes=1", 10, WHOLE),
        ("bytes=+1-2", 10, WHOLE),
        ("bytes=1-+2", 10, WHOLE),
        ("bytes=-+2", 10, WHOLE),
        ("bytes=0x1-2", 10, WHOLE),
        ("bytes=1 -2", 10, WHOLE),
        ("bytes=1- 2", 10, WHOLE),
        ("bytes =1-2", 10, WHOLE),
        (" bytes=1-2", 10, WHOLE),
        ("items=1-2", 10, WHOLE),
        ("bytesx=1-2", 10, WHOLE),
    ];

    #[test]
    fn selections() {
        for &(value, length, expected) in RANGES {
            assert_eq!(select(value.as_bytes(), length), expected, "{value} of {length}");
        }
    }

    #[test]
    fn each_range_of_a_short_file_against_a_naive_reading() {
        for length in 0..6_u64 {
            for first in 0..8 {
                for last in 0..8 {
                    let bytes: Vec<u64> = (0..length).filter(|at| (first..=last).contains(at)).collect();
                    let expected = match (&bytes[..], first <= last) {
                        (_, false) => WHOLE,
                        ([], true) => NONE,
                        ([start, ..], true) => part(*start, start + bytes.len() as u64),
                    };
                    let value = format!("bytes={first}-{last}");
                    assert_eq!(select(value.as_bytes(), length), expected, "{value} of {length}");
                }
            }
        }
    }
}
