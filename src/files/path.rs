//! From the path of a request to names below the root.

use std::path::{Component, Path};

/// What a request path asks for: names below the root, none for the root itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) names: Vec<String>,
    pub(super) end: End,
}

/// How a request path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In a slash: a directory is wanted.
    Slash,
    /// In a name.
    Name,
}

/// Why a request path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not decode.
    Malformed,
    /// It has a segment that is never served.
    Hidden,
}

impl Wanted {
    /// Splits a path first and decodes its segments then, so that no escape can make a separator.
    ///
    /// Empty segments are refused too: `//host` would be a network-path reference (RFC 3986 §4.2) if it were ever sent
    /// back in `Location`.
    pub(super) fn parse(path: &str) -> Result<Self, Refused> {
        let path = path.strip_prefix('/').ok_or(Refused::Malformed)?;
        let (names, end) = match path.strip_suffix('/') {
            Some(names) => (names, End::Slash),
            None if path.is_empty() => return Ok(Self { names: Vec::new(), end: End::Slash }),
            None => (path, End::Name),
        };
        let names = names.split('/').map(name).collect::<Result<_, _>>()?;
        Ok(Self { names, end })
    }

    /// Takes the names of the place in the URL space that the root has; `None` when the path is elsewhere.
    pub(super) fn below(mut self, place: &[String]) -> Option<Self> {
        if !self.names.starts_with(place) {
            return None;
        }
        self.names.drain(..place.len());
        // The place itself, without a slash, is a directory like any other: `End::Name` of no names.
        Some(self)
    }
}

fn name(segment: &str) -> Result<String, Refused> {
    let name = decode(segment).ok_or(Refused::Malformed)?;
    if is_served(&name) { Ok(name) } else { Err(Refused::Hidden) }
}

/// Whether a name is an ordinary one, and not hidden by a leading dot. `.` and `..` begin with a dot as well.
fn is_served(name: &str) -> bool {
    if name.starts_with('.') || name.contains('\0') || name.contains(std::path::is_separator) {
        return false;
    }
    // Drive letters, and streams of a file on NTFS.
    if cfg!(windows) && name.contains(':') {
        return false;
    }
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// Decodes percent escapes (RFC 3986 §2.1); `None` when one is cut short or the outcome is not UTF-8.
fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = tail else { return None };
        decoded.push(hex(*high)? << 4 | hex(*low)?);
        rest = after;
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(&'static [&'static str], End), Refused>;

    const PATHS: &[(&str, Outcome)] = &[
        ("/", Ok((&[], End::Slash))),
        ("/a", Ok((&["a"], End::Name))),
        ("/a/", Ok((&["a"], End::Slash))),
        ("/a/b.html", Ok((&["a", "b.html"], End::Name))),
        ("/a%20b", Ok((&["a b"], End::Name))),
        ("/caf%C3%a9", Ok((&["caf\u{e9}"], End::Name))),
        ("/%61", Ok((&["a"], End::Name))),
        ("/%2541", Ok((&["%41"], End::Name))),
        ("/a..b", Ok((&["a..b"], End::Name))),
        ("/a.", Ok((&["a."], End::Name))),
        ("", Err(Refused::Malformed)),
        ("*", Err(Refused::Malformed)),
        ("a", Err(Refused::Malformed)),
        ("/%", Err(Refused::Malformed)),
        ("/%4", Err(Refused::Malformed)),
        ("/%zz", Err(Refused::Malformed)),
        ("/%+1", Err(Refused::Malformed)),
        ("/%ff", Err(Refused::Malformed)),
        ("//", Err(Refused::Hidden)),
        ("//evil", Err(Refused::Hidden)),
        ("//evil/", Err(Refused::Hidden)),
        ("/a//b", Err(Refused::Hidden)),
        ("/a//", Err(Refused::Hidden)),
        ("/.", Err(Refused::Hidden)),
        ("/..", Err(Refused::Hidden)),
        ("/../", Err(Refused::Hidden)),
        ("/a/../b", Err(Refused::Hidden)),
        ("/a/%2e%2E/b", Err(Refused::Hidden)),
        ("/%2e", Err(Refused::Hidden)),
        ("/..%2fb", Err(Refused::Hidden)),
        ("/a%2Fb", Err(Refused::Hidden)),
        ("/%2Fetc%2Fpasswd", Err(Refused::Hidden)),
        ("/%2f", Err(Refused::Hidden)),
        ("/a%00", Err(Refused::Hidden)),
        ("/.git/config", Err(Refused::Hidden)),
        ("/%2egit/config", Err(Refused::Hidden)),
        ("/a/.env", Err(Refused::Hidden)),
    ];

    #[test]
    fn names_of_paths() {
        for &(path, expected) in PATHS {
            let found = Wanted::parse(path);
            let found = found.as_ref().map(|wanted| (&wanted.names[..], wanted.end)).map_err(|error| *error);
            match (found, expected) {
                (Ok((names, end)), Ok(expected)) => {
                    assert_eq!(names, expected.0, "{path}");
                    assert_eq!(end, expected.1, "{path}");
                }
                (found, expected) => assert_eq!(found.err(), expected.err(), "{path}"),
            }
        }
    }

    #[test]
    #[cfg(windows)]
    fn names_of_another_kind_on_windows() {
        for path in ["/a%5cb", "/C:", "/C:%5cx", "/a.txt::$DATA"] {
            assert_eq!(Wanted::parse(path), Err(Refused::Hidden), "{path}");
        }
    }

    #[test]
    fn a_place_in_the_url_space() {
        let place = ["static".to_owned(), "v 1".to_owned()];
        let below = |path: &str| Wanted::parse(path).unwrap().below(&place);
        assert_eq!(below("/static/v%201/a"), Some(Wanted { names: vec!["a".to_owned()], end: End::Name }));
        assert_eq!(below("/static/v%201/"), Some(Wanted { names: Vec::new(), end: End::Slash }));
        assert_eq!(below("/static/v%201"), Some(Wanted { names: Vec::new(), end: End::Name }));
        assert_eq!(below("/static/v%2010"), None);
        assert_eq!(below("/static"), None);
        assert_eq!(below("/"), None);
    }
}
