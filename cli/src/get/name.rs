//! The names that downloads are saved under. Nothing a URL says leads out of the current folder.

use std::collections::HashSet;
use std::path::PathBuf;

use anyloop::client::Url;
use percent_encoding::percent_decode_str;

/// The name of a URL whose path ends with a slash.
const INDEX: &str = "index.html";

/// Gives out names, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Returns the name for a URL: the decoded last segment of its path, with a number behind it when another download
    /// has that name, or needs it while it is under way.
    pub(super) fn take(&mut self, url: &Url) -> Result<String, &'static str> {
        let name = of(url)?;
        let mut next = 0_u64;
        let mut candidate = name.clone();
        while !self.claim(&candidate) {
            next += 1;
            candidate = format!("{name}.{next}");
        }
        Ok(candidate)
    }

    fn claim(&mut self, name: &str) -> bool {
        let files = Files::new(name.into()).all().map(|path| folded(&path.to_string_lossy()));
        if files.iter().any(|file| self.taken.contains(file)) {
            return false;
        }
        self.taken.extend(files);
        true
    }
}

/// Systems whose files are the same in upper and lower case.
fn folded(name: &str) -> String {
    if cfg!(any(windows, target_os = "macos")) { name.to_lowercase() } else { name.into() }
}

fn of(url: &Url) -> Result<String, &'static str> {
    let segment = url.path().rsplit('/').next().unwrap_or_default();
    let name = percent_decode_str(segment).decode_utf8().map_err(|_| "its name is not UTF-8")?;
    if name.is_empty() {
        return Ok(INDEX.into());
    }
    if name.contains(['/', '\\']) || cfg!(windows) && name.contains(':') {
        return Err("its name leads to another folder");
    }
    if name.contains(char::is_control) {
        return Err("its name has control characters");
    }
    if name.starts_with('.') {
        return Err("its name begins with a dot");
    }
    Ok(name.into_owned())
}

/// The files of a download.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The file when it is whole.
    pub(super) whole: PathBuf,
    /// The file until then.
    pub(super) part: PathBuf,
    /// What the part is a part of.
    pub(super) note: PathBuf,
}

impl Files {
    pub(super) fn new(whole: PathBuf) -> Self {
        let with = |suffix: &str| {
            let mut path = whole.clone().into_os_string();
            path.push(suffix);
            path.into()
        };
        Self { part: with(".part"), note: with(".part.from"), whole }
    }

    fn all(self) -> [PathBuf; 3] {
        [self.whole, self.part, self.note]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Result<String, &'static str> {
        of(&Url::parse(&format!("http://a{path}")).unwrap())
    }

    #[test]
    fn names_are_the_decoded_last_segment() {
        for (path, expected) in [
            ("", "index.html"),
            ("/", "index.html"),
            ("/sub/", "index.html"),
            ("/a.txt", "a.txt"),
            ("/sub/a.txt", "a.txt"),
            ("/a.txt?b=/c#/d", "a.txt"),
            ("/a%20b", "a b"),
            ("/%C3%A4", "\u{e4}"),
            ("/\u{e4}", "\u{e4}"),
            ("/a%2Etxt", "a.txt"),
            ("/a%2520b", "a%20b"),
            ("/a%zz", "a%zz"),
            ("/a..", "a.."),
            ("/a;b", "a;b"),
            ("/~", "~"),
            ("/-rf", "-rf"),
            // The URL itself is cleaned: none of these leads upwards.
            ("/sub/..", "index.html"),
            ("/sub/%2e%2e", "index.html"),
            ("/../../b", "b"),
        ] {
            assert_eq!(name(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for path in [
            "/..%2f..%2fetc%2fpasswd",
            "/%2fetc%2fpasswd",
            "/%2e%2e%2fa",
            "/a%2fb",
            "/a%2F",
            "/a%5cb",
            "/%5c%5chost%5cshare",
            "/..%5ca",
            "/%2ebashrc",
            "/.bashrc",
            "/...",
            "/%2e%2e%2e",
            "/.a%2f",
            "/a%00b",
            "/a%0ab",
            "/a%0d",
            "/%1b[31m",
            "/%7f",
            "/%c2%85",
            "/%c2%9b31m",
            "/%ff",
            "/a%c0%af",
            "/%c0%ae%c0%ae%2f",
        ] {
            assert!(name(path).is_err(), "{path}: {:?}", name(path));
        }
    }

    #[test]
    fn each_name_is_given_once() {
        let mut names = Names::default();
        for (path, expected) in [
            ("/a", "a"),
            ("/sub/a", "a.1"),
            ("/a", "a.2"),
            ("/a.1", "a.1.1"),
            // The part of the first one has this name while it is under way.
            ("/a.part", "a.part.1"),
            ("/a.part.from", "a.part.from.1"),
            ("/b.part", "b.part"),
            ("/b", "b.1"),
            ("/", "index.html"),
            ("/x/", "index.html.1"),
            ("/x/index.html", "index.html.2"),
        ] {
            let url = Url::parse(&format!("http://a{path}")).unwrap();
            assert_eq!(names.take(&url).as_deref(), Ok(expected), "{path}");
        }
    }
}
