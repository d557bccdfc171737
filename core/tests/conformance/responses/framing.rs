//! Where the body of a response ends. A server that leaves it open to doubt is not believed.

use super::Row;
use super::Verdict::{Accept, Reject};
use anyloop_core::error::Error;
use anyloop_core::framing::Framing::{Chunked, Empty, Length, Tunnel, UntilClose};
use anyloop_core::head::Method;

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const CONNECT: Method = Method::CONNECT;

macro_rules! ok {
    ($fields:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $fields, "\r\n").as_bytes()
    };
}

pub(super) const ROWS: &[Row] = &[
    ("length", GET, ok!("Content-Length: 3\r\n"), "§6.3 step 6", Accept(200, Length(3))),
    ("length of 0", GET, ok!("Content-Length: 0\r\n"), "§6.3 step 6", Accept(200, Length(0))),
    (
        "length with leading zeros",
        GET,
        ok!("Content-Length: 003\r\n"),
        "RFC 9110 §8.6",
        Accept(200, Length(3)),
    ),
    (
        "greatest length",
        GET,
        ok!("Content-Length: 18446744073709551615\r\n"),
        "RFC 9110 §8.6",
        Accept(200, Length(u64::MAX)),
    ),
    ("chunked", GET, ok!("Transfer-Encoding: chunked\r\n"), "§6.3 step 4", Accept(200, Chunked)),
    ("chunked in other case", GET, ok!("transfer-encoding: CHUNKED\r\n"), "§7", Accept(200, Chunked)),
    ("neither", GET, ok!(""), "§6.3 step 8", Accept(200, UntilClose)),
    ("neither, with close", GET, ok!("Connection: close\r\n"), "§6.3 step 8", Accept(200, UntilClose)),
    (
        "neither, with keep-alive",
        GET,
        ok!("Connection: keep-alive\r\n"),
        "§6.3 step 8",
        Accept(200, UntilClose),
    ),
    ("neither in 1.0", GET, b"HTTP/1.0 200 OK\r\n\r\n", "§6.3 step 8", Accept(200, UntilClose)),
    (
        "length in 1.0",
        GET,
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 6",
        Accept(200, Length(3)),
    ),
    (
        "error with a length",
        GET,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 6",
        Accept(404, Length(3)),
    ),
    (
        "205 with a length",
        GET,
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        "§6.3 step 6",
        Accept(205, Length(0)),
    ),
    ("205 without", GET, b"HTTP/1.1 205 Reset Content\r\n\r\n", "§6.3 step 8", Accept(205, UntilClose)),
    ("HEAD with a length", HEAD, ok!("Content-Length: 3\r\n"), "§6.3 step 1", Accept(200, Empty)),
    ("HEAD with chunked", HEAD, ok!("Transfer-Encoding: chunked\r\n"), "§6.3 step 1", Accept(200, Empty)),
    ("HEAD with neither", HEAD, ok!(""), "§6.3 step 1", Accept(200, Empty)),
    (
        "HEAD with both",
        HEAD,
        ok!("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 1",
        Accept(200, Empty),
    ),
    (
        "HEAD with an error",
        HEAD,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 1",
        Accept(404, Empty),
    ),
    ("204", GET, b"HTTP/1.1 204 No Content\r\n\r\n", "§6.3 step 1", Accept(204, Empty)),
    (
        "204 with a length",
        GET,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 1",
        Accept(204, Empty),
    ),
    (
        "204 with chunked",
        GET,
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "§6.3 step 1",
        Accept(204, Empty),
    ),
    ("304", GET, b"HTTP/1.1 304 Not Modified\r\n\r\n", "§6.3 step 1", Accept(304, Empty)),
    (
        "304 with a length",
        GET,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 1",
        Accept(304, Empty),
    ),
    (
        "304 with chunked",
        GET,
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        "§6.3 step 1",
        Accept(304, Empty),
    ),
    (
        "100 with a length",
        GET,
        b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 1",
        Accept(100, Empty),
    ),
    (
        "101",
        GET,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n",
        "RFC 9110 §7.8",
        Accept(101, Tunnel),
    ),
    (
        "101 with a length",
        GET,
        b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 3\r\n\r\n",
        "RFC 9110 §7.8",
        Accept(101, Tunnel),
    ),
    ("CONNECT", CONNECT, ok!(""), "§6.3 step 2", Accept(200, Tunnel)),
    ("CONNECT with a length", CONNECT, ok!("Content-Length: 3\r\n"), "§6.3 step 2", Accept(200, Tunnel)),
    (
        "CONNECT with chunked",
        CONNECT,
        ok!("Transfer-Encoding: chunked\r\n"),
        "§6.3 step 2",
        Accept(200, Tunnel),
    ),
    ("CONNECT, 204", CONNECT, b"HTTP/1.1 204 No Content\r\n\r\n", "§6.3 step 2", Accept(204, Tunnel)),
    (
        "CONNECT that is refused",
        CONNECT,
        b"HTTP/1.1 407 x\r\nContent-Length: 3\r\n\r\n",
        "§6.3 step 6",
        Accept(407, Length(3)),
    ),
    (
        "CONNECT that is refused with chunked",
        CONNECT,
        b"HTTP/1.1 502 x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "§6.3 step 4",
        Accept(502, Chunked),
    ),
    (
        "both",
        GET,
        ok!("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        "§6.3 step 3",
        Reject(Error::LengthAndCoding),
    ),
    (
        "both, the other way",
        GET,
        ok!("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
        "§6.3 step 3",
        Reject(Error::LengthAndCoding),
    ),
    (
        "lengths unlike",
        GET,
        ok!("Content-Length: 3\r\nContent-Length: 4\r\n"),
        "§6.3 step 5",
        Reject(Error::ContentLengthRepeated),
    ),
    (
        "lengths alike",
        GET,
        ok!("Content-Length: 3\r\nContent-Length: 3\r\n"),
        "§6.3 step 5",
        Reject(Error::ContentLengthRepeated),
    ),
    (
        "list of lengths",
        GET,
        ok!("Content-Length: 3, 3\r\n"),
        "§6.3 step 5",
        Reject(Error::ContentLengthRepeated),
    ),
    ("signed length", GET, ok!("Content-Length: +3\r\n"), "§6.3 step 5", Reject(Error::ContentLength)),
    ("negative length", GET, ok!("Content-Length: -1\r\n"), "§6.3 step 5", Reject(Error::ContentLength)),
    ("empty length", GET, ok!("Content-Length:\r\n"), "§6.3 step 5", Reject(Error::ContentLength)),
    ("length in hex", GET, ok!("Content-Length: 0x3\r\n"), "§6.3 step 5", Reject(Error::ContentLength)),
    (
        "length of 2^64",
        GET,
        ok!("Content-Length: 18446744073709551616\r\n"),
        "§6.3 step 5",
        Reject(Error::ContentLength),
    ),
    (
        "coding in 1.0",
        GET,
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "§6.1",
        Reject(Error::CodingInHttp10),
    ),
    ("gzip", GET, ok!("Transfer-Encoding: gzip\r\n"), "§6.3 step 4", Reject(Error::Chunked)),
    ("identity", GET, ok!("Transfer-Encoding: identity\r\n"), "§6.3 step 4", Reject(Error::Chunked)),
    (
        "gzip, chunked",
        GET,
        ok!("Transfer-Encoding: gzip, chunked\r\n"),
        "§6.1",
        Reject(Error::CodingNotSupported),
    ),
    (
        "chunked, gzip",
        GET,
        ok!("Transfer-Encoding: chunked, gzip\r\n"),
        "§6.3 step 4",
        Reject(Error::Chunked),
    ),
    (
        "chunked twice",
        GET,
        ok!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        "§6.1",
        Reject(Error::Chunked),
    ),
    (
        "chunked with a parameter",
        GET,
        ok!("Transfer-Encoding: chunked;a=b\r\n"),
        "§7.1",
        Reject(Error::TransferEncoding),
    ),
    ("empty coding", GET, ok!("Transfer-Encoding:\r\n"), "§6.1", Reject(Error::TransferEncoding)),
    (
        "coding behind a vertical tab",
        GET,
        ok!("Transfer-Encoding: \x0bchunked\r\n"),
        "RFC 9110 §5.5",
        Reject(Error::FieldValue),
    ),
    ("coding padded", GET, ok!("Transfer-Encoding : chunked\r\n"), "§5.1", Reject(Error::SpaceBeforeColon)),
];
