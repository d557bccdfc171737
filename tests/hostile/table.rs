//! The table, in groups.

use std::io::Write;

use anyloop::client::{Cause, Phase, Timeout};
use anyloop_core::error::Error as P;
use anyloop_core::head::Method;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::row::Act::{Drip, End, Flood, Hold, Reset, Send};
use crate::row::{Again, Fault, Row, Times};

/// A cause by its pattern.
macro_rules! cause {
    ($($pattern:tt)+) => { |cause| matches!(cause, $($pattern)+) };
}

/// The server broke HTTP before its response had begun, or within its head.
macro_rules! head {
    ($($pattern:tt)+) => {
        Fault::new(Phase::Head, Again::IfIdempotent, cause!(Cause::Protocol(P::$($pattern)+)))
    };
}

/// It broke HTTP within the body.
macro_rules! body {
    ($($pattern:tt)+) => {
        Fault::new(Phase::Body, Again::IfIdempotent, cause!(Cause::Protocol(P::$($pattern)+)))
    };
}

macro_rules! late {
    ($phase:ident, $which:ident) => {
        Fault::new(Phase::$phase, Again::IfIdempotent, cause!(Cause::Timeout(Timeout::$which)))
    };
}

macro_rules! redirect {
    ($($pattern:tt)+) => { Fault::new(Phase::Redirect, Again::Never, cause!(Cause::$($pattern)+)) };
}

macro_rules! decode {
    ($($pattern:tt)+) => { Fault::new(Phase::Decode, Again::Never, cause!(Cause::$($pattern)+)) };
}

const CLOSED: Fault = Fault::new(Phase::Head, Again::IfIdempotent, cause!(Cause::Closed));

const fn lost(phase: Phase) -> Fault {
    Fault::new(phase, Again::IfIdempotent, cause!(Cause::Io(_)))
}

/// The connection ends where it must not.
pub(crate) static CUTS: &[Row] = &[
    Row::fails("FIN before the head", b"", End, CLOSED),
    Row::fails("RST before the head", b"", Reset, lost(Phase::Head)),
    Row::fails("FIN after one byte", b"H", End, head!(HeadCut)),
    Row::fails("FIN in the status line", b"HTTP/1.1 20", End, head!(HeadCut)),
    Row::fails("FIN in the reason", b"HTTP/1.1 200 O", End, head!(HeadCut)),
    Row::fails("FIN after the status line", b"HTTP/1.1 200 OK\r\n", End, head!(HeadCut)),
    Row::fails("FIN in a field name", b"HTTP/1.1 200 OK\r\nContent-Le", End, head!(HeadCut)),
    Row::fails("FIN in a field value", b"HTTP/1.1 200 OK\r\nContent-Length: 1", End, head!(HeadCut)),
    Row::fails("FIN before the empty line", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", End, head!(HeadCut)),
    Row::fails("FIN in the empty line", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r", End, head!(HeadCut)),
    Row::fails("FIN after a 100", b"HTTP/1.1 100 Continue\r\n\r\n", End, head!(HeadCut)),
    Row::fails("FIN in the head after a 103", b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 2", End, head!(HeadCut)),
    Row::fails("RST in the head", b"HTTP/1.1 200 OK\r\nContent-Le", Reset, lost(Phase::Head)),
    Row::fails("RST after a 100", b"HTTP/1.1 100 Continue\r\n\r\n", Reset, lost(Phase::Head)),
    Row::fails("FIN for a body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", End, body!(BodyCut)),
    Row::fails("FIN in a body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", End, body!(BodyCut)),
    Row::fails(
        "FIN one byte early",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
        End,
        body!(BodyCut),
    ),
    Row::fails("RST in a body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Reset, lost(Phase::Body)),
    Row::fails(
        "FIN for chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN in a chunk size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN after a chunk size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN in a chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN at the end of a chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN between chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN after the last chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "FIN in the trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\n",
        End,
        body!(BodyCut),
    ),
    Row::fails(
        "RST between chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        Reset,
        lost(Phase::Body),
    ),
    Row::answers("FIN as the end of a body", b"HTTP/1.1 200 OK\r\n\r\nabc", End, 200, "abc"),
    Row::answers("FIN as an empty body", b"HTTP/1.0 200 OK\r\n\r\n", End, 200, ""),
    Row::fails("RST as the end of a body", b"HTTP/1.1 200 OK\r\n\r\nabc", Reset, lost(Phase::Body)),
];

/// Heads that are none, and that are too large.
pub(crate) static HEADS: &[Row] = &[
    Row::fails("pong", b"pong\r\n", End, head!(StatusLine)),
    Row::fails("a Redis answer", b"+PONG\r\n", End, head!(StatusLine)),
    Row::fails("a mail server", b"220 mail.example ESMTP\r\n", Hold, head!(StatusLine)),
    Row::fails("an SSH server", b"SSH-2.0-OpenSSH_9.7\r\n", Hold, head!(StatusLine)),
    Row::fails("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", Hold, head!(StatusLine)),
    Row::fails("HTTP/2 settings", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", Hold, head!(StatusLine)),
    Row::fails("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("HTTP/0.9", b"<html>hello</html>", End, head!(StatusLine)),
    Row::fails("a body without a head", b"{\"a\": 1}\r\n\r\n", End, head!(StatusLine)),
    Row::fails("bytes above 127", b"\xff\xfe\xfd\xfc", Hold, head!(StatusLine)),
    Row::fails("zeros without end", b"", Flood(&[0; 4096]), head!(StatusLine)),
    Row::fails("another name", b"ICY 200 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("lower case", b"http/1.1 200 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("version 2", b"HTTP/2.0 200 OK\r\n\r\n", Hold, head!(VersionNotSupported)),
    Row::fails("version 0.9", b"HTTP/0.9 200 OK\r\n\r\n", Hold, head!(VersionNotSupported)),
    Row::fails("version 1.10", b"HTTP/1.10 200 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("version without a minor", b"HTTP/1 200 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("two spaces before the status", b"HTTP/1.1  200 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a status of letters", b"HTTP/1.1 abc OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a status below 100", b"HTTP/1.1 099 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a negative status", b"HTTP/1.1 -20 OK\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("NUL in the reason", b"HTTP/1.1 200 O\0K\r\n\r\n", Hold, head!(StatusLine)),
    Row::fails("a reason without end", b"HTTP/1.1 200 ", Flood(b"and on"), head!(HeadTooLarge { .. })),
    Row::fails("line feeds alone", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Hold, head!(LineEnd)),
    Row::fails("a line feed in the fields", b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", Hold, head!(LineEnd)),
    Row::fails("a carriage return alone", b"HTTP/1.1 200 OK\rA: b\r\n\r\n", Hold, head!(LineEnd)),
    Row::fails("a folded field", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Hold, head!(ObsFold)),
    Row::fails("space before the fields", b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", Hold, head!(LeadingSpace)),
    Row::fails("space before a colon", b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Hold, head!(SpaceBeforeColon)),
    Row::fails("a field without a name", b"HTTP/1.1 200 OK\r\n: b\r\n\r\n", Hold, head!(FieldName)),
    Row::fails("a field without a colon", b"HTTP/1.1 200 OK\r\nfield\r\n\r\n", Hold, head!(FieldName)),
    Row::fails("NUL in a name", b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n", Hold, head!(FieldName)),
    Row::fails("NUL in a value", b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", Hold, head!(FieldValue)),
    Row::fails("a bell in a value", b"HTTP/1.1 200 OK\r\nA: \x07\r\n\r\n", Hold, head!(FieldValue)),
    Row::fails(
        "fields without end",
        b"HTTP/1.1 200 OK\r\n",
        Flood(b"X-A: 1\r\n"),
        head!(TooManyFields { .. }),
    ),
    Row::fails("a value without end", b"HTTP/1.1 200 OK\r\nX: ", Flood(b"value"), head!(HeadTooLarge { .. })),
    Row::fails(
        "a name without end",
        b"HTTP/1.1 200 OK\r\n",
        Flood(b"name"),
        head!(FieldName | P::HeadTooLarge { .. }),
    ),
    Row::fails("spaces without end", b"HTTP/1.1 200 OK\r\nX:", Flood(b"    "), head!(HeadTooLarge { .. })),
    Row::fails(
        "empty lines without end",
        b"",
        Flood(b"\r\n\r\n"),
        head!(StatusLine | P::HeadTooLarge { .. }),
    ),
];

/// Lengths, codings and what is said of them.
pub(crate) static LENGTHS: &[Row] = &[
    Row::fails("no number", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nabcde", Hold, head!(ContentLength)),
    Row::fails("an empty length", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Hold, head!(ContentLength)),
    Row::fails("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Hold, head!(ContentLength)),
    Row::fails("a length with a plus", b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde", Hold, head!(ContentLength)),
    Row::fails("a length in hex", b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nabcde", Hold, head!(ContentLength)),
    Row::fails("two numbers", b"HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\nabcde", Hold, head!(ContentLength)),
    Row::fails("a fraction", b"HTTP/1.1 200 OK\r\nContent-Length: 5.0\r\n\r\nabcde", Hold, head!(ContentLength)),
    Row::fails(
        "65 bits",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
        Hold,
        head!(ContentLength),
    ),
    Row::fails(
        "64 bits",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        Hold,
        head!(BodyTooLarge { .. }),
    ),
    Row::fails(
        "the same twice",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        Hold,
        head!(ContentLengthRepeated),
    ),
    Row::fails(
        "two lengths",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nabcde",
        Hold,
        head!(ContentLengthRepeated),
    ),
    Row::fails("a list", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde", Hold, head!(ContentLengthRepeated)),
    Row::fails(
        "length and chunks",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Hold,
        head!(LengthAndCoding),
    ),
    Row::fails(
        "chunks and length",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        Hold,
        head!(LengthAndCoding),
    ),
    Row::fails("gzip as a transfer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Hold, head!(Chunked | P::CodingNotSupported)),
    Row::fails(
        "gzip before chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Hold,
        head!(CodingNotSupported),
    ),
    Row::fails(
        "chunked not last",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        Hold,
        head!(Chunked),
    ),
    Row::fails(
        "chunked twice",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Hold,
        head!(Chunked),
    ),
    Row::fails("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n", Hold, head!(Chunked | P::CodingNotSupported)),
    Row::fails("no list of codings", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chun ked\r\n\r\n", Hold, head!(TransferEncoding)),
    Row::fails(
        "chunks of HTTP/1.0",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Hold,
        head!(CodingInHttp10),
    ),
    Row::fails(
        "a length that never comes",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcde",
        Hold,
        late!(Body, BetweenBytes),
    )
    .within(Times::BetweenBytes),
    Row::answers("more than the length", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcde", Hold, 200, "ab"),
    Row::answers(
        "a second response",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        Hold,
        200,
        "ab",
    ),
    Row::answers(
        "a second response after chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil",
        Hold,
        200,
        "ab",
    ),
    Row::answers(
        "a second response after none",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        Hold,
        200,
        "",
    ),
    Row::answers("a 204 with a body", b"HTTP/1.1 204 None\r\n\r\nabcde", Hold, 204, ""),
    Row::answers("a 304 with a body", b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\nabcde", Hold, 304, ""),
    Row::answers("HEAD with a body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", Hold, 200, "")
        .by(Method::HEAD),
    Row::fails(
        "a body without end",
        b"HTTP/1.1 200 OK\r\n\r\n",
        Flood(&[b'x'; 4096]),
        Fault::new(Phase::Body, Again::Never, cause!(Cause::TooLarge { .. })),
    ),
    Row::fails(
        "chunks without end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Flood(b"8\r\nabcdefgh\r\n"),
        Fault::new(Phase::Body, Again::Never, cause!(Cause::TooLarge { .. })),
    ),
];

/// Chunks and trailers.
pub(crate) static CHUNKS: &[Row] = &[
    Row::fails(
        "no size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nab",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a size of letters",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\n",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a negative size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a size with 0x",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a size after a space",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 2\r\nab",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a size that overflows",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab",
        Hold,
        body!(ChunkSize),
    ),
    Row::fails(
        "a size of 64 bits",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab",
        Hold,
        body!(BodyTooLarge { .. }),
    ),
    Row::fails(
        "zeros before a size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Flood(b"00000000"),
        body!(ChunkSize),
    ),
    Row::fails(
        "a size that ends in LF",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nab",
        Hold,
        body!(LineEnd),
    ),
    Row::fails(
        "a size that ends in CR",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\rab",
        Hold,
        body!(LineEnd),
    ),
    Row::fails(
        "more than the size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        Hold,
        body!(ChunkEnd),
    ),
    Row::fails(
        "LF after the data",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\n",
        Hold,
        body!(ChunkEnd),
    ),
    Row::fails(
        "no CRLF after the data",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab0\r\n",
        Hold,
        body!(ChunkEnd),
    ),
    Row::fails(
        "no extension",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;\r\nab",
        Hold,
        body!(ChunkExtension),
    ),
    Row::fails(
        "LF in an extension",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nab",
        Hold,
        body!(LineEnd),
    ),
    Row::fails(
        "an extension that is not closed",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\r\nab",
        Hold,
        body!(ChunkExtension),
    ),
    Row::fails(
        "an extension without end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=",
        Flood(b"extension"),
        body!(ChunkExtensionTooLong { .. }),
    ),
    Row::fails(
        "extensions without end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Flood(b"1;name=value;name=value;name=value;name=value;name=value\r\na\r\n"),
        body!(ChunkExtensionsTooLong { .. }),
    ),
    Row::fails(
        "a length in the trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n",
        Hold,
        body!(TrailerForbidden),
    ),
    Row::fails(
        "a coding in the trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Hold,
        body!(TrailerForbidden),
    ),
    Row::fails(
        "a folded trailer",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n",
        Hold,
        body!(ObsFold),
    ),
    Row::fails(
        "NUL in the trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: \0\r\n\r\n",
        Hold,
        body!(FieldValue),
    ),
    Row::fails(
        "trailers without end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        Flood(b"X-A: 1\r\n"),
        body!(TooManyTrailers { .. }),
    ),
    Row::fails(
        "a trailer without end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ",
        Flood(b"value"),
        body!(TrailersTooLarge { .. }),
    ),
    Row::answers(
        "bytes after the last chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n2\r\nab\r\n",
        Hold,
        200,
        "ab",
    ),
];

/// Interim responses, and switches of protocols.
pub(crate) static INTERIMS: &[Row] = &[
    Row::fails("100 without end", b"", Flood(b"HTTP/1.1 100 Continue\r\n\r\n"), head!(TooManyInterim { .. })),
    Row::fails(
        "103 without end",
        b"",
        Flood(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"),
        head!(TooManyInterim { .. }),
    ),
    Row::fails(
        "a switch nobody asked for",
        b"HTTP/1.1 101 Switch\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n",
        Hold,
        head!(SwitchNotAsked),
    ),
    Row::fails(
        "a switch to something else",
        b"HTTP/1.1 101 Switch\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n",
        Hold,
        head!(SwitchNotAsked),
    )
    .asking(&[("Upgrade", "a")]),
    Row::fails(
        "a switch to nothing",
        b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\n\r\n",
        Hold,
        head!(SwitchNotAsked),
    )
    .asking(&[("Upgrade", "a")]),
    Row::fails(
        "a 100 with a body",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nab",
        Hold,
        head!(StatusLine),
    ),
    Row::fails(
        "silence after some 1xx",
        b"HTTP/1.1 199 Wait\r\n\r\nHTTP/1.1 103 Early\r\n\r\n",
        Hold,
        late!(Head, Head),
    )
    .within(Times::Head),
];

/// What takes too long.
pub(crate) static TIMES: &[Row] = &[
    Row::fails("silence", b"", Hold, late!(Head, Head)).within(Times::Head),
    Row::fails("half a status line", b"HTTP/1.1 2", Hold, late!(Head, Head)).within(Times::Head),
    Row::fails("half a head", b"HTTP/1.1 200 OK\r\nX: ", Hold, late!(Head, Head)).within(Times::Head),
    Row::fails("a head in drops", b"HTTP/1.1 200 OK\r\nX: ", Drip(b"x"), late!(Head, Head))
        .within(Times::Head),
    Row::fails("a head in drops, as a whole", b"HTTP/1.1 200 OK\r\nX: ", Drip(b"x"), late!(Head, Total))
        .within(Times::Total),
    Row::fails(
        "no byte of a body",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        Hold,
        late!(Body, BetweenBytes),
    )
    .within(Times::BetweenBytes),
    Row::fails(
        "no end of chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        Hold,
        late!(Body, BetweenBytes),
    )
    .within(Times::BetweenBytes),
    Row::fails(
        "no end of trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
        Hold,
        late!(Body, BetweenBytes),
    )
    .within(Times::BetweenBytes),
    Row::fails("no end at all", b"HTTP/1.1 200 OK\r\n\r\nab", Hold, late!(Body, BetweenBytes))
        .within(Times::BetweenBytes),
    Row::fails(
        "a body in drops",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        Drip(b"x"),
        late!(Body, Rate),
    )
    .within(Times::Rate),
    Row::fails(
        "chunks in drops",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Drip(b"1\r\nx\r\n"),
        late!(Body, Rate),
    )
    .within(Times::Rate),
    Row::fails(
        "a chunk size in drops",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=",
        Drip(b"x"),
        late!(Body, Rate),
    )
    .within(Times::Rate),
    Row::fails("a body in drops, as a whole", b"HTTP/1.1 200 OK\r\n\r\n", Drip(b"x"), late!(Body, Total))
        .within(Times::Total),
];

/// Redirects that lead nowhere.
pub(crate) static REDIRECTS: &[Row] = &[
    Row::fails("to itself", b"HTTP/1.1 302 Found\r\nLocation: /hostile\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", End, redirect!(TooManyRedirects { limit: 10 })),
    Row::fails("to itself with the body", b"HTTP/1.1 307 Found\r\nLocation: /hostile\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", End, redirect!(TooManyRedirects { limit: 10 }))
        .by(Method::GET),
    Row::fails("further and further", b"HTTP/1.1 301 Moved\r\nLocation: hostile?a\r\nConnection: close\r\n\r\n", End, redirect!(TooManyRedirects { limit: 10 })),
    Row::fails("to garbage", b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails("to no text", b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails("to a file", b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails("to another protocol", b"HTTP/1.1 303 See\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails("to a program", b"HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails("to data", b"HTTP/1.1 308 Moved\r\nLocation: data:,x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End, redirect!(RedirectTarget)),
    Row::fails(
        "to a closed port",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        End,
        Fault::new(Phase::Connect, Again::Always, cause!(Cause::Unreachable(_))),
    ),
    Row::answers("to nowhere", b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", End, 302, "ab"),
    Row::answers("with a body without end", b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", Flood(&[b'x'; 4096]), 200, "good").keeps(1),
    Row::answers("with a body that is not there", b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\n", Hold, 200, "good").keeps(1),
];

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bomb() -> Vec<u8> {
    gzip(&vec![0; 16 << 20])
}

fn cut() -> Vec<u8> {
    let mut data = gzip(b"a text that is cut");
    data.truncate(data.len() - 3);
    data
}

fn wrong_sum() -> Vec<u8> {
    let mut data = gzip(b"a text with another sum");
    let at = data.len() - 8;
    data[at] ^= 1;
    data
}

fn wrong_size() -> Vec<u8> {
    let mut data = gzip(b"a text with another size");
    let at = data.len() - 1;
    data[at] ^= 1;
    data
}

/// Encoded bodies.
pub(crate) static CODINGS: &[Row] = &[
    Row::fails(
        "a bomb",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        Send(bomb),
        Fault::new(Phase::Body, Again::Never, cause!(Cause::TooLarge { .. })),
    ),
    Row::fails(
        "gzip that is cut",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        Send(cut),
        decode!(Decode(_)),
    ),
    Row::fails(
        "gzip with a wrong sum",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        Send(wrong_sum),
        decode!(Decode(_)),
    ),
    Row::fails(
        "gzip with a wrong size",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        Send(wrong_size),
        decode!(Decode(_)),
    ),
    Row::fails(
        "no gzip",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip",
        End,
        decode!(Decode(_)),
    ),
    Row::answers("nothing as gzip", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", End, 200, ""),
    Row::fails(
        "no deflate",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\xff\xff\xff\xff",
        End,
        decode!(Decode(_)),
    ),
    Row::fails(
        "no brotli",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n\xff\xff\xff\xff\xff",
        End,
        decode!(Decode(_)),
    ),
    Row::fails(
        "no zstd",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\nno zstd at all",
        End,
        decode!(Decode(_)),
    ),
    Row::fails(
        "gzip in a body that is cut",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n\x1f\x8b\x08",
        End,
        body!(BodyCut),
    ),
    Row::answers(
        "an unknown coding",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\n\r\nuryyb",
        End,
        200,
        "uryyb",
    ),
];

/// All groups by name.
pub(crate) static GROUPS: &[(&str, &[Row])] = &[
    ("cuts", CUTS),
    ("heads", HEADS),
    ("lengths", LENGTHS),
    ("chunks", CHUNKS),
    ("interims", INTERIMS),
    ("times", TIMES),
    ("redirects", REDIRECTS),
    ("codings", CODINGS),
];
