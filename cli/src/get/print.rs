//! A response on the terminal, or wherever stdout leads: the head on stderr, the body on stdout.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyloop::Runtime;
use anyloop::client::Response;
use anyloop::core::head::ResponseHead;

use super::failure::Failure;

/// Where a body is written as it comes.
#[derive(Debug)]
pub(super) enum Sink {
    /// Stdout, unless that is a terminal and the body binary.
    Readable,
    /// Stdout, whatever comes.
    Stdout,
    /// A device or a pipe.
    Device(PathBuf, File),
}

impl Sink {
    /// Opens what is no ordinary file. A link is followed: the user named it.
    pub(super) fn device(path: &Path) -> Result<Option<Self>, Failure> {
        let special = path.symlink_metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        if !special {
            return Ok(None);
        }
        let file = File::create(path).map_err(|error| Failure::disk(path, error))?;
        Ok(Some(Self::Device(path.into(), file)))
    }

    /// Writes the body as it comes.
    pub(super) async fn copy<R: Runtime>(mut self, rt: &R, mut response: Response<R>) -> Result<(), Failure> {
        let readable = matches!(self, Self::Readable) && io::stdout().is_terminal();
        while let Some(chunk) = response.chunk().await? {
            if readable && chunk.contains(&0) {
                return Err(Failure::Binary);
            }
            let written = rt.unblock(move || self.write(&chunk).map(|()| self)).await;
            self = written.unwrap_or_else(|panicked| {
                Err(Failure::disk(Path::new("stdout"), io::Error::other(panicked)))
            })?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Readable | Self::Stdout => {
                let mut out = io::stdout().lock();
                let written = out.write_all(bytes).and_then(|()| out.flush());
                written.map_err(|error| {
                    if error.kind() == ErrorKind::BrokenPipe {
                        Failure::NobodyReads
                    } else {
                        Failure::disk(Path::new("stdout"), error)
                    }
                })
            }
            Self::Device(path, file) => file.write_all(bytes).map_err(|error| Failure::disk(path, error)),
        }
    }
}

/// Prints status line and fields on stderr, with an empty line behind them.
pub(super) fn head(head: &ResponseHead) {
    // Without anyone to read it, the body still counts.
    let _ = io::stderr().lock().write_all(text(head).as_bytes());
}

fn text(head: &ResponseHead) -> String {
    let reason = head.reason.as_ref().map_or_else(|| head.status.reason().into(), |reason| visible(reason));
    let mut text = format!("{} {}", head.version, head.status.code());
    for part in [" ", &reason] {
        if !reason.is_empty() {
            text.push_str(part);
        }
    }
    text.push('\n');
    for (name, value) in &head.headers {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {}", visible(value));
    }
    text.push('\n');
    text
}

/// What a terminal would act upon is written as an escape.
fn visible(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains(|letter: char| letter.is_control() && letter != '\t') {
        return text;
    }
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_control() && letter != '\t' {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyloop::{HeaderValue, Status};

    #[test]
    fn heads_are_printed_as_they_came() {
        let mut ok = ResponseHead::new(Status::OK);
        ok.headers.append("X-A", HeaderValue::from_static("b\tc")).unwrap();
        ok.headers.append("x-b", HeaderValue::copy_from("\u{e4}".as_bytes()).unwrap()).unwrap();
        assert_eq!(text(&ok), "HTTP/1.1 200 OK\nX-A: b\tc\nx-b: \u{e4}\n\n");
        ok.reason = Some("Fine".into());
        assert!(text(&ok).starts_with("HTTP/1.1 200 Fine\n"));
        let unknown = ResponseHead::new(Status::new(299).unwrap());
        assert_eq!(text(&unknown), "HTTP/1.1 299\n\n");
    }

    #[test]
    fn terminals_see_no_controls() {
        for (bytes, shown) in [
            (&b"plain"[..], "plain"),
            (b"a\x1b[31mb", "a\\u{1b}[31mb"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(visible(bytes), shown);
        }
    }
}
