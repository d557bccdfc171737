//! `Transfer-Encoding`.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Reject};
use anyloop_core::error::Error;

const ABC: &str = "POST / streamed|\"abc\"|end";

macro_rules! coded {
    ($fields:literal) => {
        post!($fields, "3\r\nabc\r\n0\r\n\r\n")
    };
}

pub(crate) const ROWS: &[Row] = &[
    ("chunked", coded!("Transfer-Encoding: chunked\r\n"), "§6.3 step 4", Accept(ABC)),
    ("chunked in other case", coded!("transfer-encoding: Chunked\r\n"), "§7", Accept(ABC)),
    ("chunked with blanks around", coded!("Transfer-Encoding: \tchunked \r\n"), "§5", Accept(ABC)),
    (
        "chunked of GET",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "§6.3 step 4",
        Accept("GET / streamed|end"),
    ),
    ("empty", coded!("Transfer-Encoding:\r\n"), "§6.1", Reject(400, Error::TransferEncoding)),
    ("gzip", coded!("Transfer-Encoding: gzip\r\n"), "§6.3 step 4", Reject(400, Error::Chunked)),
    ("identity", coded!("Transfer-Encoding: identity\r\n"), "§6.3 step 4", Reject(400, Error::Chunked)),
    (
        "gzip, chunked",
        coded!("Transfer-Encoding: gzip, chunked\r\n"),
        "§6.1",
        Reject(501, Error::CodingNotSupported),
    ),
    (
        "gzip and chunked in two lines",
        coded!("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        "§6.1",
        Reject(501, Error::CodingNotSupported),
    ),
    (
        "deflate, gzip, chunked",
        coded!("Transfer-Encoding: deflate,gzip ,\tchunked\r\n"),
        "§6.1",
        Reject(501, Error::CodingNotSupported),
    ),
    (
        "identity, chunked",
        coded!("Transfer-Encoding: identity, chunked\r\n"),
        "§6.1",
        Reject(501, Error::CodingNotSupported),
    ),
    (
        "unknown, chunked",
        coded!("Transfer-Encoding: x-foo, chunked\r\n"),
        "§6.1",
        Reject(501, Error::CodingNotSupported),
    ),
    (
        "chunked, gzip",
        coded!("Transfer-Encoding: chunked, gzip\r\n"),
        "§6.3 step 4",
        Reject(400, Error::Chunked),
    ),
    (
        "chunked, identity",
        coded!("Transfer-Encoding: chunked, identity\r\n"),
        "§6.3 step 4",
        Reject(400, Error::Chunked),
    ),
    (
        "chunked and identity in two lines",
        coded!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        "§6.3 step 4",
        Reject(400, Error::Chunked),
    ),
    ("chunked twice", coded!("Transfer-Encoding: chunked, chunked\r\n"), "§6.1", Reject(400, Error::Chunked)),
    (
        "chunked in two lines",
        coded!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        "§6.1",
        Reject(400, Error::Chunked),
    ),
    (
        "chunked, gzip, chunked",
        coded!("Transfer-Encoding: chunked, gzip, chunked\r\n"),
        "§6.1",
        Reject(400, Error::Chunked),
    ),
    (
        "chunked with a parameter",
        coded!("Transfer-Encoding: chunked;q=1\r\n"),
        "§7.1",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "chunked with an empty parameter",
        coded!("Transfer-Encoding: chunked;\r\n"),
        "§7.1",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "gzip with a parameter, chunked",
        coded!("Transfer-Encoding: gzip;level=1, chunked\r\n"),
        "§7",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "empty element first",
        coded!("Transfer-Encoding: , chunked\r\n"),
        "§11.2",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "empty element last",
        coded!("Transfer-Encoding: chunked,\r\n"),
        "§11.2",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "empty line and chunked",
        coded!("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n"),
        "§11.2",
        Reject(400, Error::TransferEncoding),
    ),
    ("quoted", coded!("Transfer-Encoding: \"chunked\"\r\n"), "§7", Reject(400, Error::TransferEncoding)),
    ("two words", coded!("Transfer-Encoding: chunked foo\r\n"), "§7", Reject(400, Error::TransferEncoding)),
    (
        "colon for a comma",
        coded!("Transfer-Encoding: chunked:foo\r\n"),
        "§7",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "obs-text behind",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x80\r\n\r\n0\r\n\r\n",
        "§7",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "non-breaking space before",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n",
        "§7",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "Kelvin sign for a k",
        coded!("Transfer-Encoding: chun\u{212a}ed\r\n"),
        "§7",
        Reject(400, Error::TransferEncoding),
    ),
    (
        "in 1.0",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "§6.1",
        Reject(400, Error::CodingInHttp10),
    ),
    (
        "in 1.0 kept alive",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "§6.1",
        Reject(400, Error::CodingInHttp10),
    ),
    (
        "identity in 1.0",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
        "§6.1",
        Reject(400, Error::CodingInHttp10),
    ),
    (
        "in 1.2",
        b"POST / HTTP/1.2\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "RFC 9110 §2.5",
        Accept("POST / streamed|end"),
    ),
    (
        "with a length behind",
        coded!("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
        "§6.3 step 3",
        Reject(400, Error::LengthAndCoding),
    ),
    (
        "with a length before",
        coded!("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 3",
        Reject(400, Error::LengthAndCoding),
    ),
    (
        "with a length of 0",
        coded!("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 3",
        Reject(400, Error::LengthAndCoding),
    ),
    (
        "identity with a length",
        post!("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "abc"),
        "§6.3 step 3",
        Reject(400, Error::LengthAndCoding),
    ),
    (
        "with an invalid length",
        coded!("Content-Length: x\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 3",
        Reject(400, Error::ContentLength),
    ),
    (
        "with two lengths",
        coded!("Content-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 3",
        Reject(400, Error::ContentLengthRepeated),
    ),
    (
        "TE says nothing about the request",
        coded!("TE: trailers\r\nTransfer-Encoding: chunked\r\n"),
        "RFC 9110 §10.1.4",
        Accept(ABC),
    ),
    (
        "underscore is another field",
        post!("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", "abc"),
        "RFC 9110 §5.1",
        Accept("POST / sized 3|\"abc\"|end"),
    ),
    (
        "content-encoding is another field",
        post!("Content-Encoding: chunked\r\nContent-Length: 3\r\n", "abc"),
        "RFC 9110 §8.4",
        Accept("POST / sized 3|\"abc\"|end"),
    ),
];
