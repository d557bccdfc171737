//! Bodies of the type `multipart/form-data` (RFC 7578).

use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::task::{Context, Poll, Waker, ready};
use std::collections::VecDeque;
use std::hash::RandomState;

use anyloop_core::body::{Body, BodyError, BodySource};
use bytes::{Bytes, BytesMut};

use super::error::Error;

/// A form with files, as the body of a request.
///
/// ```
/// use anyloop::client::{MultipartForm, Part};
///
/// let form = MultipartForm::new()
///     .text("title", "Holidays")
///     .part("photo", Part::new(vec![0xff, 0xd8]).file_name("beach.jpg").media_type("image/jpeg")?);
/// # let _ = form;
/// # Ok::<(), anyloop::client::Error>(())
/// ```
pub struct MultipartForm {
    boundary: String,
    parts: Vec<(String, Part)>,
}

/// One field of a form.
#[derive(Debug)]
pub struct Part {
    body: Body,
    file_name: Option<String>,
    media_type: Option<String>,
}

impl Part {
    /// Makes a part of bytes or of a stream.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), file_name: None, media_type: None }
    }

    /// Names the file.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the media type; without one a file is `application/octet-stream`.
    ///
    /// # Errors
    /// When the text has control characters.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Result<Self, Error> {
        let media_type = media_type.into();
        if media_type.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(Error::invalid("a media type has no control characters"));
        }
        self.media_type = Some(media_type);
        Ok(self)
    }

    fn head(&self, boundary: &str, name: &str) -> String {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", Quoted(name));
        if let Some(file_name) = &self.file_name {
            head.push_str(&format!("; filename=\"{}\"", Quoted(file_name)));
        }
        let default = self.file_name.as_ref().map(|_| "application/octet-stream");
        if let Some(media_type) = self.media_type.as_deref().or(default) {
            head.push_str(&format!("\r\nContent-Type: {media_type}"));
        }
        head.push_str("\r\n\r\n");
        head
    }
}

impl MultipartForm {
    /// Makes a form without parts.
    pub fn new() -> Self {
        // Each hasher has random keys; the boundary need not be secret, only absent from the parts.
        let random = || RandomState::new().build_hasher().finish();
        Self { boundary: format!("anyloop-{:016x}{:016x}", random(), random()), parts: Vec::new() }
    }

    /// Adds a field of text.
    #[must_use]
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(name, Part::new(value.into()))
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        self.parts.push((name.into(), part));
        self
    }

    pub(crate) fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The form can be sent again when each part can.
    pub(crate) fn into_body(self) -> Body {
        let mut pieces = VecDeque::with_capacity(2 * self.parts.len() + 1);
        let mut separator = "";
        for (name, part) in self.parts {
            pieces.push_back(Body::from(format!("{separator}{}", part.head(&self.boundary, &name))));
            pieces.push_back(part.body);
            separator = "\r\n";
        }
        pieces.push_back(Body::from(format!("{separator}--{}--\r\n", self.boundary)));
        let mut whole = BytesMut::new();
        for piece in &pieces {
            let Some(mut copy) = piece.again() else { return Body::from_source(Pieces(pieces)) };
            let cx = &mut Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(Ok(bytes))) = copy.poll_chunk(cx) {
                whole.extend_from_slice(&bytes);
            }
        }
        Body::from(whole.freeze())
    }
}

impl Default for MultipartForm {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MultipartForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.parts.iter().map(|(name, part)| (name, part.body.length()));
        f.debug_map().entries(names).finish()
    }
}

/// A name between quotes, escaped as browsers do.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '"' => f.write_str("%22")?,
                '\r' => f.write_str("%0D")?,
                '\n' => f.write_str("%0A")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

/// One body after the other.
struct Pieces(VecDeque<Body>);

impl BodySource for Pieces {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        while let Some(piece) = self.0.front_mut() {
            match ready!(piece.poll_chunk(cx)) {
                Some(chunk) => return Poll::Ready(Some(chunk)),
                None => self.0.pop_front(),
            };
        }
        Poll::Ready(None)
    }

    fn length(&self) -> Option<u64> {
        self.0.iter().map(Body::length).try_fold(0_u64, |sum, length| sum.checked_add(length?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mut body: Body) -> String {
        let mut text = Vec::new();
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(chunk)) = body.poll_chunk(cx) {
            text.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_form_is_written_as_the_rfc_says() {
        let mut form =
            MultipartForm::new().text("a", "1").part("b\"\r\n", Part::new("x").file_name("é\".txt"));
        form.boundary = "B".into();
        assert_eq!(form.media_type(), "multipart/form-data; boundary=B");
        let expected = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                        --B\r\nContent-Disposition: form-data; name=\"b%22%0D%0A\"; filename=\"é%22.txt\"\r\n\
                        Content-Type: application/octet-stream\r\n\r\nx\r\n--B--\r\n";
        let body = form.into_body();
        assert_eq!(
            [body.again().map(drain), Some(drain(body))],
            [Some(expected.into()), Some(expected.into())]
        );
    }

    #[test]
    fn streams_make_a_form_that_is_sent_once() {
        let stream = Body::produce(|mut sink| async move { sink.send("streamed").await });
        let form = MultipartForm::new().part("s", Part::new(stream));
        let body = form.into_body();
        assert!(body.again().is_none());
        let text = drain(body);
        assert!(text.contains("\r\n\r\nstreamed\r\n--anyloop-"), "{text}");
    }

    #[test]
    fn an_empty_form_is_its_end() {
        let form = MultipartForm::new();
        let end = format!("--{}--\r\n", form.boundary);
        assert_eq!(drain(form.into_body()), end);
        assert_ne!(MultipartForm::new().boundary, MultipartForm::new().boundary);
        assert!(Part::new("").media_type("a\r\nb").is_err());
    }
}
