//! A path, read a word at a time.

/// How many bytes a word has.
pub(super) const WORD: usize = 8;

/// A one in each byte.
const ONES: u64 = u64::MAX / 255;

/// The highest bit of each byte.
const HIGH: u64 = ONES << 7;

/// A path, to be read a word at a time.
pub(super) struct Words<'p> {
    bytes: &'p [u8],
    /// The last bytes of the path, the very last one highest; ones stand for what a short path lacks.
    last: u64,
}

impl<'p> Words<'p> {
    pub(super) fn new(bytes: &'p [u8]) -> Self {
        let last = match bytes.last_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => bytes.iter().fold(ONES, |word, byte| word >> 8 | u64::from(*byte) << 56),
        };
        Self { bytes, last }
    }

    /// Tells whether the path is ASCII without escapes and NUL.
    pub(super) fn is_plain(&self) -> bool {
        let (words, _) = self.bytes.as_chunks();
        let odd = words.iter().fold(odd(self.last), |found, word| found | odd(u64::from_le_bytes(*word)));
        odd == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns what begins at `at`.
    pub(super) fn tail(&self, at: usize) -> &'p [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Returns the word that begins at `at`, which is not behind the end; zeros stand for what is.
    pub(super) fn word(&self, at: usize) -> u64 {
        let Some(tail) = self.bytes.get(at..) else { return 0 };
        match tail.first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => {
                let half = 4 * (WORD - tail.len());
                (self.last >> half) >> half
            }
        }
    }

    /// Returns where the segment begins that ends at `end`.
    pub(super) fn segment_start(&self, end: usize) -> usize {
        let before = self.bytes.get(..end).unwrap_or_default();
        before.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)
    }

    /// Returns where the segment ends of which `at` is a byte or the end.
    pub(super) fn segment_end(&self, mut at: usize) -> usize {
        loop {
            match find_byte(self.word(at), b'/') {
                Some(place) => return at + place,
                None if at + WORD >= self.len() => return self.len(),
                None => at += WORD,
            }
        }
    }
}

/// Returns the place of the first byte of `word` that is `byte`, counted from the lowest.
fn find_byte(word: u64, byte: u8) -> Option<usize> {
    // Bytes that are equal become zero, and of a zero alone the highest bit comes from the borrow; what a borrow spoils
    // lies above the first.
    let zeros = word ^ (ONES * u64::from(byte));
    let marks = zeros.wrapping_sub(ONES) & !zeros & HIGH;
    (marks != 0).then_some(marks.trailing_zeros() as usize / 8)
}

/// Returns something else than zero when a byte of `word` is not ASCII, a `%` or a NUL.
fn odd(word: u64) -> u64 {
    // Of ASCII, only a zero has its highest bit set by taking one away, and the byte above it, which does not count then.
    let escapes = word ^ (ONES * u64::from(b'%'));
    (word | word.wrapping_sub(ONES) | escapes.wrapping_sub(ONES)) & HIGH
}

/// Returns at most [`WORD`] bytes as a word, the first one lowest.
pub(super) fn low_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_path_is_read_at_every_place() {
        let text: Vec<u8> = (b'a'..=b'z').collect();
        for len in 0..=text.len() {
            let words = Words::new(&text[..len]);
            for at in 0..=len {
                let rest = &text[at..len.min(at + WORD)];
                assert_eq!(words.word(at), low_word(rest), "{at} of {len}");
                assert_eq!(words.byte(at), rest.first().copied());
            }
        }
    }

    #[test]
    fn segments_end_at_every_place() {
        for len in 0..40 {
            for slash in 0..=len {
                let mut path = vec![0x2e; len];
                path.get_mut(slash..).unwrap().fill(b'/');
                for at in 0..=slash {
                    assert_eq!(Words::new(&path).segment_end(at), slash, "from {at}, {len} bytes");
                }
            }
        }
    }

    #[test]
    fn bytes_are_found_beside_those_that_differ_by_one() {
        for byte in 1..=255_u8 {
            for place in 0..WORD {
                let mut word = [byte ^ 1; WORD];
                assert_eq!(find_byte(low_word(&word), byte), None);
                word[place] = byte;
                assert_eq!(find_byte(low_word(&word), byte), Some(place));
                word[place..].fill(byte);
                assert_eq!(find_byte(low_word(&word), byte), Some(place));
            }
        }
    }

    #[test]
    fn odd_bytes_are_seen_at_every_place() {
        for len in 0..40 {
            let mut path = vec![b'a'; len];
            assert!(Words::new(&path).is_plain());
            for place in 0..len {
                for byte in 0..=255 {
                    path[place] = byte;
                    let is_odd = byte == 0 || byte == b'%' || byte >= 0x80;
                    assert_eq!(Words::new(&path).is_plain(), !is_odd, "{byte} at {place} of {len}");
                }
                path[place] = b'a';
            }
        }
    }
}
