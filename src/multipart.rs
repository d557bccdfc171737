//! Streamed `multipart/form-data` (RFC 7578).

use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::sync::Arc;

use anyloop_core::body::{Body, BodyError};
use anyloop_core::head::{Known, Status};
use anyloop_core::service::{IntoResponse, Request, Response};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;

/// How many bytes are taken from the body before the parser looks at them.
const ROUND: usize = 64 * 1024;
/// How many bytes may come without a new field, or a new piece of one.
const MAX_WITHOUT_PROGRESS: usize = 4 * ROUND;

/// The fields of a multipart form, one after the other as they arrive. Memory does not grow with their size.
///
/// ```
/// use anyloop::{Multipart, MultipartError, Request};
///
/// async fn upload(request: Request) -> Result<String, MultipartError> {
///     let mut form = Multipart::new(request)?;
///     let mut total = 0;
///     while let Some(mut field) = form.next_field().await? {
///         while let Some(chunk) = field.chunk().await? {
///             total += chunk.len();
///         }
///     }
///     Ok(format!("{total} bytes\n"))
/// }
/// # let _ = anyloop::Router::new().post("/upload", upload);
/// ```
pub struct Multipart {
    form: multer::Multipart<'static>,
    current: Option<multer::Field<'static>>,
    pulled: Arc<AtomicUsize>,
    max_collect: usize,
}

impl Multipart {
    /// Begins to read the form in a request's body.
    ///
    /// # Errors
    /// [`MultipartError::UnsupportedType`] when the content type is not `multipart/form-data` with a boundary.
    pub fn new(request: Request) -> Result<Self, MultipartError> {
        let media_type =
            request.headers().known(Known::ContentType).and_then(|value| core::str::from_utf8(value).ok());
        let boundary = media_type.and_then(|media_type| multer::parse_boundary(media_type).ok());
        // RFC 2046 §5.1.1 allows 70 characters.
        let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len()));
        let boundary = boundary.ok_or(MultipartError::UnsupportedType)?;
        let body = request.into_body();
        let max_collect = body.max_collect();
        let pulled = Arc::new(AtomicUsize::new(0));
        let chunks = Chunks { body, rest: Bytes::new(), round: 0, pulled: Arc::clone(&pulled) };
        Ok(Self { form: multer::Multipart::new(chunks, boundary), current: None, pulled, max_collect })
    }

    /// Waits for the next field; what is unread of the one before is dropped.
    ///
    /// # Errors
    /// When the form is malformed, or the body did not come.
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>, MultipartError> {
        while self.current.is_some() {
            if self.chunk().await?.is_none() {
                self.current = None;
            }
        }
        self.pulled.store(0, Ordering::Relaxed);
        self.current = self.form.next_field().await?;
        Ok(if self.current.is_some() { Some(Field(self)) } else { None })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        self.pulled.store(0, Ordering::Relaxed);
        match &mut self.current {
            Some(field) => Ok(field.chunk().await?),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart").field("max_collect", &self.max_collect).finish_non_exhaustive()
    }
}

/// A field of a form, while it arrives.
#[derive(Debug)]
pub struct Field<'a>(&'a mut Multipart);

impl Field<'_> {
    fn field(&self) -> Option<&multer::Field<'static>> {
        self.0.current.as_ref()
    }

    /// Returns the name.
    pub fn name(&self) -> Option<&str> {
        self.field()?.name()
    }

    /// Returns the file name, for files. It is the client's word: never a path to write to.
    pub fn file_name(&self) -> Option<&str> {
        self.field()?.file_name()
    }

    /// Returns the media type, when the client gave one.
    pub fn content_type(&self) -> Option<&str> {
        self.field()?.content_type().map(AsRef::as_ref)
    }

    /// Waits for the next piece; `None` is the end of the field.
    ///
    /// # Errors
    /// When the form is malformed, or the body did not come.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        self.0.chunk().await
    }

    /// Gathers the field, at most [`Limits::max_collect`](crate::Limits::max_collect) bytes of it.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit, else as [`Field::chunk`].
    pub async fn collect(self) -> Result<Bytes, MultipartError> {
        let limit = self.0.max_collect;
        self.collect_up_to(limit).await
    }

    /// Gathers the field, at most `limit` bytes of it.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit, else as [`Field::chunk`].
    pub async fn collect_up_to(mut self, limit: usize) -> Result<Bytes, MultipartError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                return Err(MultipartError::Body(BodyError::TooLarge { limit: limit as u64 }));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Gathers the field as text, at most [`Limits::max_collect`](crate::Limits::max_collect) bytes of it.
    ///
    /// # Errors
    /// [`MultipartError::NotText`] when it is not UTF-8, else as [`Field::collect`].
    pub async fn text(self) -> Result<String, MultipartError> {
        let bytes = self.collect().await?;
        String::from_utf8(bytes.into()).map_err(|_| MultipartError::NotText)
    }
}

/// Why a request has no such form.
#[derive(Debug)]
#[non_exhaustive]
pub enum MultipartError {
    /// The content type is not `multipart/form-data` with a boundary: 415.
    UnsupportedType,
    /// The body did not come, or is too large: 413, or the status of the fault.
    Body(BodyError),
    /// The form breaks its own rules, or ends before its end: 400.
    Malformed(Box<dyn core::error::Error + Send + Sync>),
    /// A field that should be text is not UTF-8: 400.
    NotText,
}

impl From<multer::Error> for MultipartError {
    fn from(error: multer::Error) -> Self {
        if let multer::Error::StreamReadFailed(cause) = error {
            return match cause.downcast::<BodyError>() {
                Ok(error) => Self::Body(*error),
                Err(cause) => Self::Malformed(cause),
            };
        }
        Self::Malformed(Box::new(error))
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedType => {
                f.write_str("the content type is not multipart/form-data with a boundary")
            }
            Self::Body(error) => error.fmt(f),
            Self::Malformed(error) => write!(f, "the form is malformed: {error}"),
            Self::NotText => f.write_str("a field of the form is not UTF-8"),
        }
    }
}

impl core::error::Error for MultipartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::Malformed(error) => Some(&**error),
            Self::UnsupportedType | Self::NotText => None,
        }
    }
}

/// The status of the fault, and its text.
impl IntoResponse for MultipartError {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Self::UnsupportedType => Response::text(text).with_status(Status::UNSUPPORTED_MEDIA_TYPE),
            Self::Body(error) => error.into_response(),
            Self::Malformed(_) | Self::NotText => Response::text(text).with_status(Status::BAD_REQUEST),
        }
    }
}

/// A body as the stream that the parser reads.
///
/// The parser takes what it can get before it looks at it, and keeps all of it while it searches a boundary or the end
/// of a field's head: hence a pause after each round, and an end when nothing comes of it.
struct Chunks {
    body: Body,
    rest: Bytes,
    round: usize,
    pulled: Arc<AtomicUsize>,
}

impl Stream for Chunks {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.round >= ROUND {
            this.round = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.rest.is_empty() {
            match this.body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => this.rest = chunk,
                Poll::Ready(ended) => return Poll::Ready(ended),
                Poll::Pending => {
                    this.round = 0;
                    return Poll::Pending;
                }
            }
        }
        let chunk = this.rest.split_to(this.rest.len().min(ROUND));
        this.round += chunk.len();
        if this.pulled.fetch_add(chunk.len(), Ordering::Relaxed) > MAX_WITHOUT_PROGRESS {
            return Poll::Ready(Some(Err(BodyError::TooLarge { limit: MAX_WITHOUT_PROGRESS as u64 })));
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Router;
    use crate::test::{Answer, call};

    async fn list(request: Request) -> Result<String, MultipartError> {
        let mut form = Multipart::new(request)?;
        let mut text = String::new();
        while let Some(field) = form.next_field().await? {
            let name = field.name().unwrap_or("-").to_owned();
            let file = field.file_name().unwrap_or("-").to_owned();
            let media_type = field.content_type().unwrap_or("-").to_owned();
            let value = if name == "skipped" { String::new() } else { field.text().await? };
            let value = if value.len() > 100 { value.len().to_string() } else { value };
            text.push_str(&format!("[{name}|{file}|{media_type}|{value}]"));
        }
        Ok(text)
    }

    fn post(media_type: &'static str, body: impl Into<Body>) -> Answer {
        let mut request = Request::post("/", body);
        request.headers_mut().append("content-type", media_type).unwrap();
        call(&Router::new().post("/", list), request)
    }

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn part(name: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[test]
    fn fields_come_in_order_with_their_names() {
        let body = format!(
            "{}{}--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: \
             text/plain\r\n\r\nin a file\r\n--XX--\r\n",
            part("a", "1"),
            part("a", "é\r\n--X"),
        );
        let answer = post(TYPE, body);
        assert_eq!(answer.text(), "[a|-|-|1][a|-|-|é\r\n--X][f|a.txt|text/plain|in a file]");
    }

    #[test]
    fn unread_and_large_fields_pass() {
        let skipped = "s".repeat(3 << 20);
        let large = "l".repeat(1 << 20);
        let body = format!("{}{}--XX--\r\n", part("skipped", &skipped), part("b", &large));
        assert_eq!(post(TYPE, body).text(), "[skipped|-|-|][b|-|-|1048576]");
    }

    #[test]
    fn each_fault_has_its_status() {
        let good = part("a", "1");
        for (name, media_type, body, status) in [
            ("no form", "text/plain", good.clone(), 415),
            ("no boundary", "multipart/form-data", good.clone(), 415),
            ("empty boundary", "multipart/form-data; boundary=\"\"", good.clone(), 415),
            ("other multipart", "multipart/mixed; boundary=XX", good.clone(), 415),
            ("empty", TYPE, String::new(), 400),
            ("cut", TYPE, good, 400),
            ("a field too large to gather", TYPE, part("a", &"x".repeat((2 << 20) + 1)) + "--XX--\r\n", 413),
            ("no boundary in sight", TYPE, "x".repeat(1 << 20), 413),
            (
                "a head without an end",
                TYPE,
                format!("--XX\r\nContent-Disposition: {}", "x".repeat(1 << 20)),
                413,
            ),
        ] {
            let answer = post(media_type, body);
            assert_eq!(answer.status.code(), status, "{name}: {answer:?}");
        }
        let mut body = part("a", "?").into_bytes();
        let at = body.iter().position(|&byte| byte == b'?').unwrap();
        body[at] = 0xff;
        body.extend_from_slice(b"--XX--\r\n");
        assert_eq!(post(TYPE, body).text(), "a field of the form is not UTF-8\n");
    }
}
