//! What a request for a file is answered with.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyloop_core::body::Body;
use anyloop_core::driver::{OpenFile, SharedRuntime};
use anyloop_core::head::{HeaderName, HeaderValue, Known, Method, RequestHead, Status};
use anyloop_core::service::Response;
use bytes::Bytes;

use super::body::{FileBody, Unsent, in_memory, read};
use super::conditional::{Outcome, Validators, evaluate, range};
use super::gate::{Gate, Permit};
use super::open::{Found, beneath, known};
use super::path::{End, Wanted};
use super::range::{Selection, Span, select};

/// Up to this many bytes are read together with opening the file.
pub(super) const AT_ONCE: u64 = 64 * 1024;
/// More than that is read in chunks of this size. A cached file of 64 MiB took 15 ms over loopback this way, 25 ms with
/// half of it, 37 ms with a quarter, for each chunk costs a hop to the pool and back; twice as much gained nothing clear.
pub(super) const CHUNK: usize = 256 * 1024;

/// The name that is looked for in a directory.
const INDEX: &str = "index.html";

/// One request, to be answered on the pool for blocking work.
pub(super) struct Job<R> {
    pub(super) rt: R,
    pub(super) root: Arc<Path>,
    pub(super) jobs: Gate,
    pub(super) streams: Gate,
    pub(super) head: RequestHead,
    pub(super) wanted: Wanted,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// How a job ended.
#[allow(clippy::large_enum_variant, reason = "the answer is the usual case and moved once")]
pub(super) enum Done {
    Answer(Response),
    /// The file is to be kept open, and there is no leave for one more.
    Full,
}

impl<R: SharedRuntime> Job<R> {
    /// Answers. Blocks. `permit` is the leave to keep a file open, if it was waited for.
    pub(super) fn run(&self, permit: Option<Permit>) -> Done {
        let answer = match self.wanted.end {
            End::Slash => self.index(permit),
            End::Name => self.named(permit),
        };
        answer.unwrap_or_else(|error| Done::Answer(failure(&error)))
    }

    /// Answers with a file that the system has in memory, its path and both ends of its bytes, and that may be kept open:
    /// that most likely waits for no disk. `None` where it is another case.
    pub(super) fn at_once(&self) -> Option<Response> {
        let index = (self.wanted.end == End::Slash).then_some(INDEX);
        let names = self.wanted.names.iter().map(String::as_str).chain(index);
        let name = names.clone().last()?;
        let (file, metadata) = known(&self.root, names)?;
        if metadata.len() > 0 && !in_memory(&file, 0, metadata.len()) {
            return None;
        }
        match self.file(name, file, &metadata, None) {
            Ok(Done::Answer(response)) => Some(response),
            Ok(Done::Full) | Err(_) => None,
        }
    }

    fn named(&self, permit: Option<Permit>) -> io::Result<Done> {
        match beneath(&self.root, &self.wanted.names)? {
            Found::File(file, metadata) => {
                let name = self.wanted.names.last().map_or("", String::as_str);
                self.file(name, file, &metadata, permit)
            }
            Found::Directory => Ok(Done::Answer(self.to_the_slash())),
        }
    }

    fn index(&self, permit: Option<Permit>) -> io::Result<Done> {
        let mut names = self.wanted.names.clone();
        names.push(INDEX.to_owned());
        match beneath(&self.root, &names)? {
            Found::File(file, metadata) => self.file(INDEX, file, &metadata, permit),
            Found::Directory => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Relative links of a page mean something else below `/a/` than below `/`, hence the slash.
    ///
    /// The path has no empty segment, so it can't be taken for another host's.
    fn to_the_slash(&self) -> Response {
        let target = &self.head.target;
        let query = target.query().map_or(String::new(), |query| format!("?{query}"));
        let mut response = Response::empty(Status::PERMANENT_REDIRECT);
        set(&mut response, Known::Location, format!("{}/{query}", target.path()));
        response
    }

    fn file(&self, name: &str, file: File, metadata: &Metadata, permit: Option<Permit>) -> io::Result<Done> {
        let length = metadata.len();
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let validators = Validators::new(length, modified, self.now);
        match evaluate(&self.head.headers, &validators) {
            Outcome::Proceed => {}
            Outcome::NotModified => {
                let mut response = Response::empty(Status::NOT_MODIFIED);
                set_validators(&mut response, &validators);
                return Ok(Done::Answer(response));
            }
            Outcome::Failed => {
                let text = Response::text("precondition failed\n");
                return Ok(Done::Answer(text.with_status(Status::PRECONDITION_FAILED)));
            }
        }
        let selection = self.selection(length, &validators);
        let (status, span) = match selection {
            Selection::Whole => (Status::OK, Span { start: 0, end: length }),
            Selection::Part(span) => (Status::PARTIAL_CONTENT, span),
            Selection::Unsatisfiable => return Ok(Done::Answer(unsatisfiable(length))),
        };
        let Some(body) = self.body(file, span, permit)? else { return Ok(Done::Full) };
        let mut response = Response::new(body).with_status(status);
        set(&mut response, Known::ContentType, media_type(name));
        set(&mut response, Known::AcceptRanges, "bytes");
        set_validators(&mut response, &validators);
        if let Selection::Part(Span { start, end }) = selection {
            set(&mut response, Known::ContentRange, format!("bytes {start}-{}/{length}", end - 1));
        }
        Ok(Done::Answer(response))
    }

    /// Ranges are defined for GET only (RFC 9110 §14.2).
    fn selection(&self, length: u64, validators: &Validators) -> Selection {
        if self.head.method != Method::GET {
            return Selection::Whole;
        }
        range(&self.head.headers, validators).map_or(Selection::Whole, |value| select(value, length))
    }

    /// Returns `None` when there is no leave to keep the file open.
    fn body(&self, file: File, span: Span, permit: Option<Permit>) -> io::Result<Option<Body>> {
        if self.head.method == Method::HEAD {
            return Ok(Some(Body::from_source(Unsent(span.len()))));
        }
        if let Some(length) = usize::try_from(span.len()).ok().filter(|_| span.len() <= AT_ONCE) {
            return Ok(Some(read(&file, span.start, length)?.into()));
        }
        let Some(permit) = permit.or_else(|| self.streams.try_enter()) else { return Ok(None) };
        let opened = OpenFile::new(file, permit);
        let body = FileBody::new(self.rt.clone(), self.jobs.clone(), opened, span, CHUNK);
        Ok(Some(Body::from_source(body)))
    }
}

/// 404 tells strangers nothing, 403 tells the operator what to mend; 503 says that the want of descriptors will pass.
pub(super) fn failure(error: &io::Error) -> Response {
    match status_of(error) {
        Status::NOT_FOUND => not_found(),
        Status::FORBIDDEN => Response::text("forbidden\n").with_status(Status::FORBIDDEN),
        Status::SERVICE_UNAVAILABLE => {
            let mut response =
                Response::text("too many open files\n").with_status(Status::SERVICE_UNAVAILABLE);
            set(&mut response, Known::RetryAfter, "1");
            response
        }
        other => Response::empty(other),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the kinds of errors are not ours")]
fn status_of(error: &io::Error) -> Status {
    #[cfg(unix)]
    if let Some(errno) = rustix::io::Errno::from_io_error(error) {
        use rustix::io::Errno;
        match errno {
            Errno::MFILE | Errno::NFILE => return Status::SERVICE_UNAVAILABLE,
            Errno::LOOP | Errno::NAMETOOLONG => return Status::NOT_FOUND,
            _ => {}
        }
    }
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            Status::NOT_FOUND
        }
        io::ErrorKind::PermissionDenied => Status::FORBIDDEN,
        _ => Status::INTERNAL_SERVER_ERROR,
    }
}

pub(super) fn not_found() -> Response {
    Response::text("not found\n").with_status(Status::NOT_FOUND)
}

fn unsatisfiable(length: u64) -> Response {
    let mut response = Response::text("range not satisfiable\n").with_status(Status::RANGE_NOT_SATISFIABLE);
    set(&mut response, Known::ContentRange, format!("bytes */{length}"));
    response
}

fn set_validators(response: &mut Response, validators: &Validators) {
    if let Some(etag) = &validators.etag {
        set(response, Known::Etag, etag.clone());
    }
    if let Some(date) = validators.last_modified() {
        set(response, Known::LastModified, date);
    }
}

/// The media type by the extension. Text is taken to be UTF-8.
fn media_type(name: &str) -> Bytes {
    match mime_guess::from_path(name).first_raw() {
        None => Bytes::from_static(b"application/octet-stream"),
        Some("text/html") => Bytes::from_static(b"text/html; charset=utf-8"),
        Some(text) if text.starts_with("text/") => format!("{text}; charset=utf-8").into(),
        Some(other) => Bytes::from_static(other.as_bytes()),
    }
}

pub(super) fn set<V: TryInto<HeaderValue>>(response: &mut Response, name: Known, value: V) {
    let Ok(value) = value.try_into() else {
        debug_assert!(false, "made of texts without control characters");
        return;
    };
    let inserted = response.headers_mut().insert(HeaderName::from(name), value);
    debug_assert!(inserted.is_ok(), "a valid name and a valid value make a valid field");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("A.HTML", "text/html; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.tar.gz", "application/gzip"),
            ("html", "application/octet-stream"),
            ("a.no-such-type", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), expected, "{name}");
        }
    }

    #[test]
    fn statuses_of_errors() {
        for (kind, expected) in [
            (io::ErrorKind::NotFound, 404),
            (io::ErrorKind::NotADirectory, 404),
            (io::ErrorKind::InvalidFilename, 404),
            (io::ErrorKind::PermissionDenied, 403),
            (io::ErrorKind::UnexpectedEof, 500),
            (io::ErrorKind::Other, 500),
        ] {
            assert_eq!(failure(&kind.into()).status().code(), expected, "{kind:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn statuses_of_error_numbers() {
        use rustix::io::Errno;
        for (errno, expected) in [
            (Errno::NOENT, 404),
            (Errno::NOTDIR, 404),
            (Errno::LOOP, 404),
            (Errno::NAMETOOLONG, 404),
            (Errno::ACCESS, 403),
            (Errno::PERM, 403),
            (Errno::MFILE, 503),
            (Errno::NFILE, 503),
            (Errno::IO, 500),
        ] {
            let response = failure(&errno.into());
            assert_eq!(response.status().code(), expected, "{errno:?}");
            assert_eq!(response.headers().contains("retry-after"), expected == 503, "{errno:?}");
        }
    }
}
