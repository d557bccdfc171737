//! Checksums: `sha256:HEX`.

use core::fmt;
use core::str::FromStr;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksum([u8; 32]);

impl Checksum {
    /// Makes it from bytes at hand.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Makes it from all that can be read.
    pub(super) fn of_reader(mut from: impl Read) -> io::Result<Self> {
        let mut state = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(Self(state.finalize().into())),
                Ok(count) => state.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl FromStr for Checksum {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a checksum as sha256: and 64 hexadecimal digits";
        let digits = text.strip_prefix("sha256:").ok_or(WRONG)?.as_bytes();
        let mut sum = [0; 32];
        if digits.len() != 2 * sum.len() {
            return Err(WRONG);
        }
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or(WRONG)?;
        }
        Ok(Self(sum))
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The empty text and `abc` (FIPS 180-4).
    #[test]
    fn known_sums() {
        for (bytes, sum) in [
            ("", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(Checksum::of(bytes.as_bytes()).to_string(), sum);
            assert_eq!(Checksum::of_reader(bytes.as_bytes()).unwrap().to_string(), sum);
            assert_eq!(sum.parse(), Ok(Checksum::of(bytes.as_bytes())));
            assert_eq!(sum.to_uppercase().replace("SHA", "sha").parse(), Ok(Checksum::of(bytes.as_bytes())));
        }
    }

    #[test]
    fn what_is_no_checksum() {
        let digits = "0".repeat(64);
        let wrong = [digits.clone(), format!("md5:{digits}"), format!("sha256:{digits}0"), String::new()];
        for text in wrong.into_iter().chain([format!("sha256:+{}", &digits[1..]), "sha256:".into()]) {
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }
}
