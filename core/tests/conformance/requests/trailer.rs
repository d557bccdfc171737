//! Trailer sections.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Incomplete, RejectAfter};
use anyloop_core::error::Error;

const HEAD: &str = "POST / streamed";

macro_rules! trailer {
    ($($line:literal),+) => {
        chunked!("0\r\n", $($line,)+ "\r\n")
    };
}

macro_rules! chunked {
    ($($part:literal),+) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", $($part),+).as_bytes()
    };
}

macro_rules! forbidden {
    ($name:literal) => {
        (
            $name,
            trailer!($name, ": 1\r\n"),
            "RFC 9110 §6.5.1",
            RejectAfter(HEAD, 400, Error::TrailerForbidden),
        )
    };
}

pub(crate) const ROWS: &[Row] = &[
    ("one field", trailer!("X-Sum: 1\r\n"), "§7.1.2", Accept("POST / streamed|end X-Sum=1")),
    ("two fields", trailer!("X: 1\r\nx: 2\r\n"), "§7.1.2", Accept("POST / streamed|end X=1 x=2")),
    (
        "digest",
        trailer!("Content-Digest: a\r\n"),
        "RFC 9530 §2",
        Accept("POST / streamed|end Content-Digest=a"),
    ),
    (
        "obs-text",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: \xe9\r\n\r\n",
        "RFC 9110 §5.5",
        Accept("POST / streamed|end X=\\xe9"),
    ),
    ("leading space", trailer!(" X: 1\r\n"), "§5.2", RejectAfter(HEAD, 400, Error::LeadingSpace)),
    ("obs-fold", trailer!("X: 1\r\n 2\r\n"), "§5.2", RejectAfter(HEAD, 400, Error::ObsFold)),
    (
        "space before the colon",
        trailer!("X : 1\r\n"),
        "§5.1",
        RejectAfter(HEAD, 400, Error::SpaceBeforeColon),
    ),
    ("no colon", trailer!("X\r\n"), "§5", RejectAfter(HEAD, 400, Error::FieldName)),
    ("nul", trailer!("X: \0\r\n"), "RFC 9110 §5.5", RejectAfter(HEAD, 400, Error::FieldValue)),
    ("bare LF", trailer!("X: 1\n"), "§2.2", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("bare CR", trailer!("X: 1\rY: 2\r\n"), "§2.2", RejectAfter(HEAD, 400, Error::LineEnd)),
    (
        "a request for a trailer",
        trailer!("GET /b HTTP/1.1\r\n"),
        "§5",
        RejectAfter(HEAD, 400, Error::SpaceBeforeColon),
    ),
    ("half a field", chunked!("0\r\n", "X-S", ""), "§8", Incomplete(HEAD, Error::BodyCut)),
    ("a field without the end", chunked!("0\r\n", "X: 1\r\n", ""), "§8", Incomplete(HEAD, Error::BodyCut)),
    ("a field and half the end", chunked!("0\r\n", "X: 1\r\n", "\r"), "§8", Incomplete(HEAD, Error::BodyCut)),
    forbidden!("Content-Length"),
    forbidden!("Transfer-Encoding"),
    forbidden!("Host"),
    forbidden!("Connection"),
    forbidden!("Trailer"),
    forbidden!("TE"),
    forbidden!("Upgrade"),
    forbidden!("Authorization"),
    forbidden!("Cookie"),
    forbidden!("Set-Cookie"),
    forbidden!("Content-Type"),
    forbidden!("Content-Encoding"),
    forbidden!("Content-Range"),
    forbidden!("Cache-Control"),
    forbidden!("Expect"),
    forbidden!("Range"),
    forbidden!("If-Match"),
    forbidden!("Max-Forwards"),
    forbidden!("Proxy-Authorization"),
    forbidden!("X-Forwarded-For"),
];
