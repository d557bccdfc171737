//! Published ways to make two recipients disagree on where a request ends. None may be read in two ways: each is refused,
//! or read as the one thing that the RFC says it is.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Close, Incomplete, Reject, RejectAfter};
use anyloop_core::codec::CloseReason;
use anyloop_core::error::Error;

const HEAD: &str = "POST / streamed";

/// The body of a request whose `Content-Length` covers all of it and whose chunks end before `G`.
macro_rules! both {
    ($fields:literal) => {
        post!($fields, "0\r\n\r\nG")
    };
}

/// The body of a request that says `Content-Length: 6`.
macro_rules! hidden {
    ($line:literal) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n", $line, "\r\n\r\n0\r\n\r\nG").as_bytes()
    };
}

pub(crate) const ROWS: &[Row] = &[
    ("CL.TE", both!("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.CL", post!("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "1c\r\nGET /smuggled HTTP/1.1\r\nX: y\r\n0\r\n\r\n"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("CL.0", post!("Content-Length: 35\r\n", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"), "§6.2", Accept("POST / sized 35|\"GET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"|end")),
    ("0.CL of GET", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", "§6", Accept("GET / sized 5|\"GET /\"|end")),
    ("TE.0", b"OPTIONS / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n", "§6", Accept("OPTIONS / streamed|\"GET\"|end")),
    ("CL.CL", both!("Content-Length: 6\r\nContent-Length: 5\r\n"), "§6.3 step 5", Reject(400, Error::ContentLengthRepeated)),
    ("TE.TE, two lines", hidden!("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, space before the colon", hidden!("Transfer-Encoding : chunked"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("TE.TE, tab before the colon", hidden!("Transfer-Encoding\t: chunked"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("TE.TE, vertical tab before the value", hidden!("Transfer-Encoding: \x0bchunked"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("TE.TE, vertical tab right behind the colon", hidden!("Transfer-Encoding:\x0bchunked"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("TE.TE, form feed before the value", hidden!("Transfer-Encoding: \x0cchunked"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("TE.TE, nul before the value", hidden!("Transfer-Encoding: \0chunked"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("TE.TE, nul in the name", hidden!("Transfer-Encoding\0: chunked"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("TE.TE, tab for the space", hidden!("Transfer-Encoding:\tchunked"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, no space", hidden!("Transfer-Encoding:chunked"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, xchunked", hidden!("Transfer-Encoding: xchunked"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, chunkedx", hidden!("Transfer-Encoding: chunkedx"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, identity", hidden!("Transfer-Encoding: identity"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, chunked, identity", hidden!("Transfer-Encoding: chunked, identity"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, x, chunked", hidden!("Transfer-Encoding: x, chunked"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, quoted", hidden!("Transfer-Encoding: \"chunked\""), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, empty", hidden!("Transfer-Encoding:"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, letters mixed", hidden!("tRANSFER-eNCODING: cHUNKED"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, folded value", hidden!("Transfer-Encoding:\r\n chunked"), "§5.2", Reject(400, Error::ObsFold)),
    ("TE.TE, folded onto another field", hidden!("X: y\r\n Transfer-Encoding: chunked"), "§5.2", Reject(400, Error::ObsFold)),
    ("TE.TE, folded by a tab", hidden!("Transfer-Encoding: chunked\r\n\tx"), "§5.2", Reject(400, Error::ObsFold)),
    ("TE.TE, behind a bare LF", hidden!("X: y\nTransfer-Encoding: chunked"), "§2.2", Reject(400, Error::LineEnd)),
    ("TE.TE, behind a bare CR", hidden!("X: y\rTransfer-Encoding: chunked"), "§2.2", Reject(400, Error::LineEnd)),
    ("TE.TE, ends in a bare CR", hidden!("Transfer-Encoding: chunked\r"), "§2.2", Reject(400, Error::LineEnd)),
    ("TE.TE, ends in a bare LF", hidden!("Transfer-Encoding: chunked\nX: y"), "§2.2", Reject(400, Error::LineEnd)),
    ("TE.TE, space in the name", hidden!("Transfer Encoding: chunked"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("TE.TE, colon in the name", hidden!(":Transfer-Encoding: chunked"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("TE.TE, two colons", hidden!("Transfer-Encoding:: chunked"), "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, equals sign for a colon", hidden!("Transfer-Encoding=chunked"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("TE.TE, obs-text before the value", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: \xffchunked\r\n\r\n0\r\n\r\nG", "§11.2", Reject(400, Error::LengthAndCoding)),
    ("TE.TE, obs-text in the name", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding\xa0: chunked\r\n\r\n0\r\n\r\nG", "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("TE.TE, soft hyphen in the name", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-En\xadcoding: chunked\r\n\r\n0\r\n\r\nG", "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("TE.TE, encoded line end", post!("X: a%0d%0aTransfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nG"), "RFC 9110 §5.5", Accept("POST / sized 6|\"0\\r\\n\\r\\nG\"|end")),
    ("TE behind the empty line", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nT: c\r", "§6.2", Accept("POST / sized 5|\"T: c\\r\"|end")),
    ("CL hidden by a fold", post!("X: y\r\n Content-Length: 6\r\n", "0\r\n\r\nG"), "§5.2", Reject(400, Error::ObsFold)),
    ("CL with a folded value", post!("Content-Length:\r\n 6\r\n", "0\r\n\r\nG"), "§5.2", Reject(400, Error::ObsFold)),
    ("CL padded with a space", post!("Content-Length : 6\r\n", "0\r\n\r\nG"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("CL behind a space", post!(" Content-Length: 6\r\n", "0\r\n\r\nG"), "§5.2", Reject(400, Error::ObsFold)),
    ("CL padded with nul", post!("Content-Length\0: 6\r\n", "0\r\n\r\nG"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("CL with an underscore", post!("Content_Length: 6\r\n", ""), "RFC 9110 §5.1", Accept("POST / empty")),
    ("CL with a plus", post!("Content-Length: +6\r\n", "0\r\n\r\nG"), "RFC 9110 §8.6", Reject(400, Error::ContentLength)),
    ("CL with a sign of minus zero", post!("Content-Length: -0\r\n", ""), "RFC 9110 §8.6", Reject(400, Error::ContentLength)),
    ("CL that looks octal is decimal", post!("Content-Length: 010\r\n", "0123456789"), "RFC 9110 §8.6", Accept("POST / sized 10|\"0123456789\"|end")),
    ("CL with a vertical tab", post!("Content-Length: \x0b6\r\n", "0\r\n\r\nG"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("CL that wraps to 6", post!("Content-Length: 18446744073709551622\r\n", "0\r\n\r\nG"), "RFC 9110 §8.6", Reject(400, Error::ContentLength)),
    ("CL list of one and nothing", post!("Content-Length: 6,\r\n", "0\r\n\r\nG"), "§6.3 step 5", Reject(400, Error::ContentLengthRepeated)),
    ("CL of Connection is CL still", post!("Connection: content-length\r\nContent-Length: 1\r\n", "G"), "RFC 9110 §7.6.1", Accept("POST / sized 1|\"G\"|end")),
    ("TE of Connection is TE still", post!("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "RFC 9110 §7.6.1", Accept("POST / streamed|end")),
    ("chunk size in two lines", chunked!("0\n3\r\nabc\r\n0\r\n\r\n"), "§7.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("extension that ends in LF", chunked!("2;\nxx\r\n0\r\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("extension with a name that ends in LF", chunked!("2;a\nxx\r\n4c\r\n0\r\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("extension with LF behind a value", chunked!("2;a=b\nxx\r\n0\r\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("extension with CR", chunked!("2;\rxx\r\n0\r\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::ChunkExtension)),
    ("extension with a line end in quotes", chunked!("2;a=\"\r\nxx\r\n0\r\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::ChunkExtension)),
    ("extension of the last chunk with LF", chunked!("0;a\n\r\n"), "§7.1.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("last chunk with a bare LF", chunked!("0\n\n"), "§7.1", RejectAfter(HEAD, 400, Error::LineEnd)),
    ("chunk data that ends in two other bytes", chunked!("3\r\nabcXX0\r\n\r\n"), "§7.1", RejectAfter("POST / streamed|\"abc\"", 400, Error::ChunkEnd)),
    ("chunk data that ends in LF CR", chunked!("3\r\nabc\n\r0\r\n\r\n"), "§7.1", RejectAfter("POST / streamed|\"abc\"", 400, Error::ChunkEnd)),
    ("chunk data that ends in CR and another byte", chunked!("3\r\nabc\rX0\r\n\r\n"), "§7.1", RejectAfter("POST / streamed|\"abc\"", 400, Error::ChunkEnd)),
    ("chunk size with 0x", chunked!("0x3\r\nabc\r\n0\r\n\r\n"), "§7.1", RejectAfter(HEAD, 400, Error::ChunkSize)),
    ("chunk size that wraps to 0", chunked!("10000000000000000\r\n\r\n"), "§7.1", RejectAfter(HEAD, 400, Error::ChunkSize)),
    ("chunk size with zeros without end", chunked!("00000000000000000\r\n\r\n"), "§7.1", RejectAfter(HEAD, 400, Error::ChunkSize)),
    ("last chunk and a request for a trailer", chunked!("0\r\nGET /smuggled HTTP/1.1\r\n\r\n"), "§7.1.2", RejectAfter(HEAD, 400, Error::SpaceBeforeColon)),
    ("last chunk and a Host for a trailer", chunked!("0\r\nHost: b\r\n\r\n"), "RFC 9110 §6.5.1", RejectAfter(HEAD, 400, Error::TrailerForbidden)),
    ("last chunk and a length for a trailer", chunked!("0\r\nContent-Length: 40\r\n\r\n"), "RFC 9110 §6.5.1", RejectAfter(HEAD, 400, Error::TrailerForbidden)),
    ("two last chunks", chunked!("0\r\n0\r\n\r\n"), "§7.1", RejectAfter(HEAD, 400, Error::FieldName)),
    ("last chunk without its empty line", chunked!("0\r\n"), "§7.1", Incomplete(HEAD, Error::BodyCut)),
    ("body behind chunks is a request", chunked!("0\r\n\r\nX"), "§9.3.2", Incomplete("POST / streamed|end", Error::HeadCut)),
    ("length of 0 and a body is a request", post!("Content-Length: 0\r\n", "POST"), "§9.3.2", Incomplete("POST / empty", Error::HeadCut)),
    ("0.9 behind a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled\r\n", "§2.3", RejectAfter("GET / empty", 400, Error::Version)),
    ("1.0 with chunks behind keep-alive", b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "§6.1", Reject(400, Error::CodingInHttp10)),
    ("1.0 with both", b"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "§6.1", Reject(400, Error::CodingInHttp10)),
    ("version 1.01", b"GET / HTTP/1.01\r\nHost: a\r\n\r\n", "§2.3", Reject(400, Error::Version)),
    ("version 1.1 and a bare CR", b"GET / HTTP/1.1\rX\r\nHost: a\r\n\r\n", "§2.2", Reject(400, Error::LineEnd)),
    ("version with a nul", b"GET / HTTP/1.1\0\r\nHost: a\r\n\r\n", "§2.3", Reject(400, Error::Version)),
    ("request line with a request in it", b"GET / HTTP/1.1 GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "§3", Reject(400, Error::Version)),
    ("line end in the target", b"GET /\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n", "§3", Reject(400, Error::Version)),
    ("Host behind a space", b"GET / HTTP/1.1\r\nX: y\r\n Host: b\r\nHost: a\r\n\r\n", "§5.2", Reject(400, Error::ObsFold)),
    ("Host padded", b"GET / HTTP/1.1\r\nHost : b\r\nHost: a\r\n\r\n", "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("Host with a list", get!("Host: a,b\r\n"), "RFC 3986 §3.2.2", Accept("GET / empty")),
    ("Host with a second authority", get!("Host: a@b\r\n"), "RFC 9110 §4.2.4", Reject(400, Error::Host)),
    ("requests behind close", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "§9.6", Close("GET / empty", CloseReason::PeerAsked)),
    ("body and request behind close", b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nGGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "§9.6", Close("POST / sized 1|\"G\"|end", CloseReason::PeerAsked)),
    ("expectation that hides a body", post!("Expect: 100-continue\r\nContent-Length: 35\r\n", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"), "RFC 9110 §10.1.1", Accept("POST / sized 35|\"GET /smuggled HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"|end")),
    ("expectation folded", post!("Expect:\r\n 100-continue\r\nContent-Length: 1\r\n", "a"), "§5.2", Reject(400, Error::ObsFold)),
    ("expectation that is misspelt", post!("Expect: y 100-continue\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Reject(417, Error::Expectation)),
    ("upgrade that hides a request", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "RFC 9110 §7.8", Accept("GET / empty|GET /2 empty")),
    ("CONNECT that hides a request", b"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "RFC 9110 §9.3.6", Accept("CONNECT b:1 empty|GET /2 empty")),
];
