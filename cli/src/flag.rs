//! Values of flags as people write them: `64k`, `30s`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// A number of bytes: `500`, `64k`, `2m`, `16g`, `1t`. The units are powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u64);

/// A plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(u64);

/// A span of time: `500ms`, `30s`, `5m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(Duration);

/// A span of time or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaybeTime(Option<Duration>);

const SIZES: [(&str, u64); 4] = [("t", 1 << 40), ("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)];
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl Size {
    pub(crate) const NAME: &str = "SIZE";
}

impl Count {
    pub(crate) const NAME: &str = "N";
}

impl Time {
    pub(crate) const NAME: &str = "TIME";
}

impl MaybeTime {
    pub(crate) const NAME: &str = "TIME";
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a number of bytes such as 500, 64k, 2m or 16g";
        let (digits, unit) = split_unit(text);
        let factor = match SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(WRONG),
        };
        whole(digits).and_then(|number| number.checked_mul(factor)).map(Self).ok_or(WRONG)
    }
}

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        whole(text).map(Self).ok_or("write a whole number")
    }
}

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a span of time such as 500ms, 30s, 5m or 1h";
        let (digits, unit) = split_unit(text);
        let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit).ok_or(WRONG)?;
        let millis = whole(digits).and_then(|number| number.checked_mul(*factor)).ok_or(WRONG)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl FromStr for MaybeTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(Time(time)) => Ok(Self(Some(time))),
            Err(_) => Err("write none, or a span of time such as 500ms, 30s, 5m or 1h"),
        }
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Digits only: `str::parse` takes a leading plus sign.
fn whole(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_millis() == 0 {
            write!(f, "{}s", self.0.as_secs())
        } else {
            write!(f, "{}ms", self.0.as_millis())
        }
    }
}

impl fmt::Display for MaybeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => Time(time).fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// Between a flag and the type of a field; a number that the field can't hold becomes its greatest.
macro_rules! numbers {
    ($($flag:ident: $($number:ty),*;)*) => {
        $($(
            impl From<$number> for $flag {
                fn from(number: $number) -> Self {
                    Self(u64::try_from(number).unwrap_or(u64::MAX))
                }
            }

            impl From<$flag> for $number {
                fn from(flag: $flag) -> Self {
                    Self::try_from(flag.0).unwrap_or(Self::MAX)
                }
            }
        )*)*
    };
}

numbers! {
    Size: u32, u64, usize;
    Count: u64, usize;
}

impl From<Duration> for Time {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl From<Time> for Duration {
    fn from(flag: Time) -> Self {
        flag.0
    }
}

impl From<Option<Duration>> for MaybeTime {
    fn from(time: Option<Duration>) -> Self {
        Self(time)
    }
}

impl From<MaybeTime> for Option<Duration> {
    fn from(flag: MaybeTime) -> Self {
        flag.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("500", 500, "500"),
            ("1024", 1024, "1k"),
            ("64k", 65_536, "64k"),
            ("64K", 65_536, "64k"),
            ("1025k", 1_049_600, "1025k"),
            ("2m", 2 << 20, "2m"),
            ("16g", 16 << 30, "16g"),
            ("1t", 1 << 40, "1t"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (Size(bytes), shown), "{text}");
        }
        for text in ["", "k", "-1", "+1", "1.5k", "1kb", "1 k", "0x10", "99999999t", "18446744073709551616"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, millis, shown) in [
            ("0s", 0, "0s"),
            ("500ms", 500, "500ms"),
            ("1500ms", 1_500, "1500ms"),
            ("30s", 30_000, "30s"),
            ("5m", 300_000, "300s"),
            ("1h", 3_600_000, "3600s"),
        ] {
            let time: Time = text.parse().unwrap();
            assert_eq!((time.0.as_millis(), time.to_string().as_str()), (millis, shown), "{text}");
            assert_eq!(text.parse(), Ok(MaybeTime(Some(time.0))));
        }
        for text in ["", "30", "s", "-1s", "+1s", "1.5s", "1S", "1 s", "18446744073709551615h"] {
            assert!(text.parse::<Time>().is_err() && text.parse::<MaybeTime>().is_err(), "{text}");
        }
        assert_eq!("none".parse(), Ok(MaybeTime(None)));
        assert_eq!(MaybeTime(None).to_string(), "none");
    }

    #[test]
    fn what_a_field_can_not_hold_is_its_greatest() {
        assert_eq!(u32::from(Size(1 << 40)), u32::MAX);
        assert_eq!(u64::from(Size(u64::MAX)), u64::MAX);
    }
}
