//! The `Date` field (RFC 9110 §5.6.7, §6.6.1).

use core::fmt;

use bytes::Bytes;

use crate::head::HeaderValue;

/// Length of `Sun, 06 Nov 1994 08:49:37 GMT`.
const LEN: usize = 29;
const SECONDS_A_DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z, the last second that fits.
const LAST: u64 = 253_402_300_799;

/// An instant in the fixed form of HTTP dates, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
///
/// ```
/// use anyloop_core::encode::date::ImfFixdate;
///
/// assert_eq!(ImfFixdate::new(784_111_777).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ImfFixdate([u8; LEN]);

impl ImfFixdate {
    /// Writes an instant, in seconds since 1970-01-01T00:00:00Z; those after the year 9999 as its last second.
    pub fn new(unix_secs: u64) -> Self {
        const DAYS: &[u8; 21] = b"MonTueWedThuFriSatSun";
        const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let unix_secs = unix_secs.min(LAST);
        let (days, second) = (unix_secs / SECONDS_A_DAY, unix_secs % SECONDS_A_DAY);
        let (year, month, day) = civil(days);
        // 1970-01-01 was a Thursday.
        let weekday = ((days + 3) % 7) as usize;
        let mut text = *b"Mon, 00 Jan 0000 00:00:00 GMT";
        text[..3].copy_from_slice(&DAYS[weekday * 3..weekday * 3 + 3]);
        text[5..7].copy_from_slice(&two(day));
        text[8..11].copy_from_slice(&MONTHS[month as usize * 3..month as usize * 3 + 3]);
        text[12..14].copy_from_slice(&two(year / 100));
        text[14..16].copy_from_slice(&two(year % 100));
        text[17..19].copy_from_slice(&two(second / 3600));
        text[20..22].copy_from_slice(&two(second / 60 % 60));
        text[23..25].copy_from_slice(&two(second % 60));
        Self(text)
    }

    /// Returns the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Returns the year, the month from 0 on and the day of the month of a day since 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in cycles of 400 years, which all
/// have the same number of days.
fn civil(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    // Days from 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 2, day) } else { (year + 1, month - 10, day) }
}

fn two(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

impl fmt::Display for ImfFixdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ImfFixdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ImfFixdate> for HeaderValue {
    fn from(date: ImfFixdate) -> Self {
        Self::from_checked(Bytes::copy_from_slice(&date.0))
    }
}

/// The value of the `Date` field, written once a second.
#[derive(Clone, Debug, Default)]
pub struct DateCache {
    written: Option<(u64, HeaderValue)>,
}

impl DateCache {
    /// Makes an empty cache.
    pub const fn new() -> Self {
        Self { written: None }
    }

    /// Returns the date of an instant, in seconds since 1970-01-01T00:00:00Z; a clone of the last value when it is the
    /// same second.
    pub fn value(&mut self, unix_secs: u64) -> HeaderValue {
        match &self.written {
            Some((second, value)) if *second == unix_secs => value.clone(),
            Some(_) | None => {
                let value = HeaderValue::from(ImfFixdate::new(unix_secs));
                self.written = Some((unix_secs, value.clone()));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::time::Duration;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    fn oracle(unix_secs: u64) -> alloc::string::String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_secs))
    }

    #[test]
    fn every_day_of_two_cycles_and_more_is_that_of_the_oracle() {
        for day in 0..2 * 146_097 + 1_000 {
            let second = day * SECONDS_A_DAY + day % SECONDS_A_DAY;
            assert_eq!(ImfFixdate::new(second).to_string(), oracle(second));
        }
    }

    #[test]
    fn edges() {
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (LAST + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(ImfFixdate::new(second).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn every_second_is_that_of_the_oracle(second in 0..=LAST) {
            prop_assert_eq!(ImfFixdate::new(second).to_string(), oracle(second));
        }
    }

    #[test]
    fn the_cache_writes_once_a_second() {
        let mut cache = DateCache::new();
        let first = cache.value(7);
        assert_eq!(first.as_bytes(), ImfFixdate::new(7).as_bytes());
        assert_eq!(cache.value(7).as_bytes().as_ptr(), first.as_bytes().as_ptr());
        assert_eq!(cache.value(8).as_bytes(), ImfFixdate::new(8).as_bytes());
        assert_eq!(cache.value(7), first, "the clock may go back");
    }
}
