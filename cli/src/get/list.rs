//! The list of `--list`: a URL a line, with a checksum behind it if wanted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::checksum::Checksum;

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) url: String,
    pub(super) checksum: Result<Option<Checksum>, &'static str>,
}

/// Reads the file, or stdin for `-`.
pub(super) fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text)
    } else {
        File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(parse(&text)),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// Blank lines and those that begin with `#` are none.
fn parse(text: &str) -> Vec<Entry> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(entry).collect()
}

fn entry(line: &str) -> Entry {
    let (url, sum) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let sum = sum.trim_start();
    let checksum = if sum.is_empty() { Ok(None) } else { sum.parse().map(Some) };
    Entry { url: url.into(), checksum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_urls_with_checksums() {
        let sum = Checksum::of(b"abc");
        let text =
            format!("# a comment\n\nhttp://a/#b\r\n  a.example\t\n http://c/ \t {sum} \nhttp://d/ x\n#");
        let entries = parse(&text);
        let expected = [
            ("http://a/#b", Ok(None)),
            ("a.example", Ok(None)),
            ("http://c/", Ok(Some(sum))),
            ("http://d/", "x".parse().map(Some)),
        ];
        let expected = expected.map(|(url, checksum)| Entry { url: url.into(), checksum });
        assert_eq!(entries, expected);
        assert!(entries[3].checksum.is_err());
        assert_eq!(parse(" \n# x\n"), []);
    }
}
