//! Why a URL could not be had. Each text is one line.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use anyloop::Status;
use anyloop::client::{Error, Url};

use super::checksum::Checksum;

/// Why a URL could not be had.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request failed, or its status says so.
    Request(Error),
    /// The disk, or what takes the output.
    Disk { path: PathBuf, error: io::Error },
    /// Nobody reads the output any more.
    NobodyReads,
    /// The word is no URL, or its name is none for a file, or its checksum is none.
    Refused { url: String, why: String },
    /// The status is an error; its body was printed.
    Status { url: String, status: Status },
    /// The status is no error, but brings nothing to save; or a part of the file that was not asked for.
    Nothing { url: String, status: String },
    /// The file is another one.
    Checksum { path: PathBuf, expected: Checksum, found: Checksum },
    /// The data is for no terminal.
    Binary,
}

impl Failure {
    pub(super) fn disk(path: &Path, error: io::Error) -> Self {
        Self::Disk { path: path.into(), error }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Request(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Disk { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NobodyReads => f.write_str("nobody reads the output"),
            Self::Refused { url, why } => write!(f, "{url}: {why}"),
            Self::Status { url, status } => write!(f, "{url}: the server refused: {status}"),
            Self::Nothing { url, status } => {
                write!(f, "{url}: nothing to save: the server answered {status}")
            }
            Self::Checksum { path, expected, found } => {
                write!(f, "{}: {found}, but {expected} was wanted; deleted", path.display())
            }
            Self::Binary => {
                f.write_str("binary data is not for a terminal; use -o FILE, --save, or -o - to see it")
            }
        }
    }
}

/// Returns a URL without what may be secret: credentials, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail for URLs without a host, which `http` does not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
