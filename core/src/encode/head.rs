//! Start lines and fields (RFC 9112 §3 to §5).

use bytes::{BufMut, BytesMut};

use crate::error::Error;
use crate::head::{
    HeaderName, HeaderValue, Headers, Known, KnownSet, Method, RequestHead, ResponseHead, Status, Target,
    Version,
};
use crate::link::Outbound;

/// Writes a request line.
///
/// # Errors
/// [`Error::TargetForm`] when the method does not allow the form of the target; nothing is written then.
pub fn request_line(
    out: &mut Outbound,
    method: Method,
    target: &Target,
    version: Version,
) -> Result<(), Error> {
    if !target.form().suits(method) {
        return Err(Error::TargetForm);
    }
    let (method, target) = (method.as_str().as_bytes(), target.as_bytes());
    let tail = out.tail();
    tail.reserve(method.len() + target.len() + 12);
    tail.put_slice(method);
    tail.put_u8(b' ');
    tail.put_slice(target);
    tail.put_u8(b' ');
    tail.put_slice(version.as_str().as_bytes());
    tail.put_slice(b"\r\n");
    Ok(())
}

/// Writes a status line, with the registered reason phrase and always the space before it.
///
/// The version is that of the sender, which is HTTP/1.1 whatever the request had (RFC 9110 §2.5).
#[inline]
pub fn status_line(out: &mut Outbound, version: Version, status: Status) {
    if version == Version::Http11 && status == Status::OK {
        out.tail().extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        any_status_line(out, version, status);
    }
}

fn any_status_line(out: &mut Outbound, version: Version, status: Status) {
    let tail = out.tail();
    let reason = status.reason().as_bytes();
    tail.reserve(reason.len() + 15);
    tail.put_slice(version.as_str().as_bytes());
    tail.put_u8(b' ');
    tail.put_slice(&status.digits());
    tail.put_u8(b' ');
    tail.put_slice(reason);
    tail.put_slice(b"\r\n");
}

/// Writes one field line.
pub fn field(out: &mut Outbound, name: &HeaderName, value: &HeaderValue) {
    line(out.tail(), name.as_str().as_bytes(), value.as_bytes());
}

/// Writes a field line whose value is known to be one.
pub(crate) fn known(out: &mut Outbound, name: Known, value: &[u8]) {
    line(out.tail(), name.as_str().as_bytes(), value);
}

/// Writes a field line whose value is a number, without making a value of it.
pub fn number(out: &mut Outbound, name: Known, value: u64) {
    let mut digits = itoa::Buffer::new();
    let value = digits.format(value).as_bytes();
    line(out.tail(), name.as_str().as_bytes(), value);
}

/// Writes `Content-Length`.
#[inline]
pub(crate) fn content_length(out: &mut Outbound, length: u64) {
    let mut digits = itoa::Buffer::new();
    let tail = out.tail();
    tail.extend_from_slice(b"content-length: ");
    tail.extend_from_slice(digits.format(length).as_bytes());
    tail.extend_from_slice(b"\r\n");
}

/// Writes the fields of a section in order, without those of the names in `skip`.
#[inline]
pub fn fields(out: &mut Outbound, headers: &Headers, skip: KnownSet) {
    match headers.lines(skip) {
        Some(lines) => out.tail().extend_from_slice(lines),
        None => each_field(out, headers, skip),
    }
}

#[inline(never)]
fn each_field(out: &mut Outbound, headers: &Headers, skip: KnownSet) {
    for (known, name, value) in headers.raw() {
        if !known.is_some_and(|known| skip.has(known)) {
            line(out.tail(), name, value);
        }
    }
}

/// Writes the empty line that ends a head or a trailer section.
pub fn end_of_head(out: &mut Outbound) {
    out.tail().extend_from_slice(b"\r\n");
}

/// Writes a whole request head as it is; framing is the caller's.
///
/// # Errors
/// [`Error::TargetForm`] when the method does not allow the form of the target; nothing is written then.
pub fn request(out: &mut Outbound, head: &RequestHead) -> Result<(), Error> {
    request_line(out, head.method, &head.target, head.version)?;
    fields(out, &head.headers, KnownSet::NONE);
    end_of_head(out);
    Ok(())
}

/// Writes a whole response head as it is, but for the reason phrase, which is the registered one; framing is the
/// caller's.
pub fn response(out: &mut Outbound, head: &ResponseHead) {
    status_line(out, head.version, head.status);
    fields(out, &head.headers, KnownSet::NONE);
    end_of_head(out);
}

#[inline]
pub(super) fn line(tail: &mut BytesMut, name: &[u8], value: &[u8]) {
    tail.reserve(name.len() + value.len() + 4);
    tail.put_slice(name);
    tail.put_slice(b": ");
    tail.put_slice(value);
    tail.put_slice(b"\r\n");
}
