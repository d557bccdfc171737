//! Files of a directory, served over HTTP.
//!
//! [`Files`] answers GET and HEAD with what stands below a root directory:
//!
//! - A directory is answered with its `index.html`, after a redirect (308) to its slash; it is never listed.
//! - The media type comes from the extension; text is taken to be UTF-8.
//! - `ETag` is strong, made of length and modification time; it and `Last-Modified` serve conditional requests in the
//!   order of RFC 9110 §13.2.2. Two changes within one tick of the file system's clock that keep the length look alike:
//!   whoever publishes so fast gives the file another name. A time of at most one second after 1970 began, which tools
//!   for reproducible builds write, says nothing: such files have no validators.
//! - One byte range is answered with 206 or 416, and `If-Range` is respected; several ranges get the whole file.
//! - A name that begins with a dot is not found, nor is anything else that is not a regular file or a directory.
//! - Symbolic links are followed as long as they stay below the root, and only names in the URL are asked for dots. No
//!   race with one who moves links about leads out (on Unix).
//! - A file that can't be read for want of permission is 403; everything refused or missing is 404.
//!
//! Up to 64 KiB are opened, examined and read in one go on the runtime's pool for blocking work. More than that is sent by
//! the system itself where it can (Linux, without TLS) and has the part in memory, 1 MiB at a time; else it is read by the
//! pool in chunks of 256 KiB as the client takes them. A file that shrinks meanwhile cuts the message short; one that grows is
//! served up to the length that was announced.

mod answer;
mod body;
mod conditional;
mod gate;
mod open;
mod path;
mod range;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyloop_core::driver::SharedRuntime;
use anyloop_core::head::{Known, Method, RequestHead, Status};
use anyloop_core::service::{Request, Response};

use answer::{Done, Job, not_found, set};
use gate::Gate;
use path::{Refused, Wanted};

/// How many requests one [`Files`] works on at once on the pool for blocking work.
const JOBS: usize = 64;
/// How many files one [`Files`] keeps open at once by default.
const STREAMS: usize = 256;

/// The future that a handler of [`Files`] returns.
pub type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Serves the files of a directory.
///
/// Cloning is cheap, and clones share their limits: 64 jobs on the pool for blocking work and 256 files kept open for
/// clients that have not taken them yet. Who comes on top of that waits for a turn. Files of up to 64 KiB are never kept
/// open, so slow clients of large files hold up only each other.
///
/// ```
/// use anyloop::files::Files;
/// use anyloop_core::driver::SharedRuntime;
/// use anyloop_core::service::Router;
///
/// fn app<R: SharedRuntime>(rt: R) -> std::io::Result<Router> {
///     let files = Files::new(rt, "public")?;
///     Ok(Router::new().get("/", files.handler()).get("/{*path}", files.handler()))
/// }
/// # let sim = anyloop_core::sim::Sim::new(0);
/// # assert!(app(sim).is_err(), "there is no such directory here");
/// ```
#[derive(Clone)]
pub struct Files<R> {
    rt: R,
    root: Arc<Path>,
    place: Arc<[String]>,
    jobs: Gate,
    streams: Gate,
}

impl<R: SharedRuntime> Files<R> {
    /// Serves the directory `root`. It is resolved once: a link that is moved to another directory later is not followed.
    ///
    /// # Errors
    /// When there is no such directory: [`io::ErrorKind::NotADirectory`] when it is something else, else what the system
    /// says. Blocks for as long as that takes.
    pub fn new(rt: R, root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into().canonicalize()?;
        if !root.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let (jobs, streams) = (Gate::new(JOBS), Gate::new(STREAMS));
        Ok(Self { rt, root: root.into(), place: Arc::new([]), jobs, streams })
    }

    /// Puts the root at another place than `/` in the URL space. Add the routes `/static` (which redirects to the
    /// slash), `/static/` and `/static/{*path}` for the place `/static`.
    ///
    /// # Panics
    /// When the place is no path, or has a segment that is empty or begins with a dot.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        match Wanted::parse(place) {
            Ok(wanted) => self.place = wanted.names.into(),
            Err(_) => panic!("{place:?} is no place for files"),
        }
        self
    }

    /// Sets how many files of more than 64 KiB are kept open at once, at least 1, for this value and those cloned from
    /// it. Others wait.
    #[must_use]
    pub fn with_max_open(mut self, files: usize) -> Self {
        self.streams = Gate::new(files.max(1));
        self
    }

    /// Sets how many jobs on the pool for blocking work are under way at once, at least 1, for this value and those
    /// cloned from it. Others wait.
    #[must_use]
    pub fn with_max_jobs(mut self, jobs: usize) -> Self {
        self.jobs = Gate::new(jobs.max(1));
        self
    }

    /// Returns a handler, for routes or as a fallback.
    ///
    /// It goes by the path of the request and by no parameter of the route. GET and HEAD are answered, OPTIONS is told
    /// so, others get 405. A router with no route for GET knows no GET and answers 501 before it asks a fallback.
    pub fn handler(&self) -> impl Fn(Request) -> Answering + Clone + Send + Sync + use<R> {
        let files = self.clone();
        move |request| {
            let files = files.clone();
            Box::pin(async move { files.answer(request.into_parts().0).await })
        }
    }

    async fn answer(self, head: RequestHead) -> Response {
        if let Some(response) = other_method(&head.method) {
            return response;
        }
        let wanted = match Wanted::parse(head.target.path()) {
            Ok(wanted) => wanted,
            Err(Refused::Malformed) => {
                return Response::text("the path does not decode\n").with_status(Status::BAD_REQUEST);
            }
            Err(Refused::Hidden) => return not_found(),
        };
        let Some(wanted) = wanted.below(&self.place) else { return not_found() };
        let now = self.rt.now().unix_secs;
        let Self { rt, root, jobs, streams, .. } = self;
        let job = Arc::new(Job { rt, root, jobs, streams, head, wanted, now });
        if let Some(response) = job.at_once() {
            return response;
        }
        let mut leave = None;
        loop {
            let (work, permit, leave_taken) = (Arc::clone(&job), job.jobs.enter().await, leave.take());
            let done = job.rt.unblock(move || {
                let _permit = permit;
                work.run(leave_taken)
            });
            match done.await {
                Ok(Done::Answer(response)) => return response,
                Ok(Done::Full) => leave = Some(job.streams.enter().await),
                Err(_) => return Response::empty(Status::INTERNAL_SERVER_ERROR),
            }
        }
    }
}

/// Answers methods other than GET and HEAD, which come here through fallbacks and routes for all methods.
fn other_method(method: &Method) -> Option<Response> {
    let mut response = match *method {
        Method::GET | Method::HEAD => return None,
        Method::OPTIONS => Response::empty(Status::NO_CONTENT),
        _ => Response::text("method not allowed\n").with_status(Status::METHOD_NOT_ALLOWED),
    };
    set(&mut response, Known::Allow, "GET, HEAD, OPTIONS");
    Some(response)
}

impl<R> fmt::Debug for Files<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("root", &self.root)
            .field("place", &self.place)
            .field("jobs", &self.jobs)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
