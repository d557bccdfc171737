//! What a request asks of its connection: persistence, upgrades, expectations.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Close, Reject};
use anyloop_core::codec::CloseReason::PeerAsked;
use anyloop_core::error::Error;

const GET: &str = "GET / empty";

pub(crate) const ROWS: &[Row] = &[
    ("close", get!("Host: a\r\nConnection: close\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("close in other case", get!("Host: a\r\nconnection: CLOSE\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("close in a list", get!("Host: a\r\nConnection: x, close ,y\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("close in a second line", get!("Host: a\r\nConnection: x\r\nConnection: close\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("close and keep-alive", get!("Host: a\r\nConnection: keep-alive, close\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("close after a body", post!("Connection: close\r\nContent-Length: 1\r\n", "a"), "§9.3", Close("POST / sized 1|\"a\"|end", PeerAsked)),
    ("close after chunks", post!("Connection: close\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "§9.3", Close("POST / streamed|end", PeerAsked)),
    (
        "close of the second request",
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
        "§9.3",
        Close("GET /1 empty|GET /2 empty", PeerAsked),
    ),
    ("text that is not close", get!("Host: a\r\nConnection: closed, x-close\r\n"), "§9.3", Accept(GET)),
    ("keep-alive", get!("Host: a\r\nConnection: keep-alive\r\n"), "§9.3", Accept(GET)),
    ("Proxy-Connection says nothing", get!("Host: a\r\nProxy-Connection: close\r\n"), "RFC 9110 §C.2.2", Accept(GET)),
    ("1.0", b"GET / HTTP/1.0\r\n\r\n", "§9.3", Close(GET, PeerAsked)),
    ("1.0 kept alive", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "§9.3", Accept(GET)),
    ("1.0 kept alive and closed", b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "§9.3", Close(GET, PeerAsked)),
    ("1.0 with keep-alive of another field", b"GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n\r\n", "§9.3", Close(GET, PeerAsked)),
    ("upgrade", get!("Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), "RFC 9110 §7.8", Accept(GET)),
    ("upgrade that Connection does not name", get!("Host: a\r\nUpgrade: websocket\r\n"), "RFC 9110 §7.8", Accept(GET)),
    ("upgrade with a body", post!("Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §7.8", Accept("POST / sized 1|\"a\"|end")),
    ("upgrade and close", get!("Host: a\r\nConnection: upgrade, close\r\nUpgrade: foo\r\n"), "§9.3", Close(GET, PeerAsked)),
    ("upgrade in 1.0", b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n", "RFC 9110 §7.8", Close(GET, PeerAsked)),
    (
        "offer of h2c",
        get!("Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        "RFC 9113 §3.1",
        Accept(GET),
    ),
    (
        "offer of h2c with a body",
        post!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 1\r\n", "a"),
        "RFC 9113 §3.1",
        Accept("POST / sized 1|\"a\"|end"),
    ),
    ("expectation of a body that is there", post!("Expect: 100-continue\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Accept("POST / sized 1|\"a\"|end")),
    ("expectation in other case", post!("expect: 100-Continue\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Accept("POST / sized 1|\"a\"|end")),
    ("expectation of chunks", post!("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"), "RFC 9110 §10.1.1", Accept("POST / streamed|\"a\"|end")),
    ("expectation without a body", get!("Host: a\r\nExpect: 100-continue\r\n"), "RFC 9110 §10.1.1", Accept(GET)),
    ("unknown expectation", get!("Host: a\r\nExpect: 200-ok\r\n"), "RFC 9110 §10.1.1", Reject(417, Error::Expectation)),
    ("unknown expectation in a list", post!("Expect: 100-continue, foo\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Reject(417, Error::Expectation)),
    ("unknown expectation in a second line", post!("Expect: 100-continue\r\nExpect: foo\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Reject(417, Error::Expectation)),
    ("expectation with a parameter", post!("Expect: 100-continue;a=b\r\nContent-Length: 1\r\n", "a"), "RFC 9110 §10.1.1", Reject(417, Error::Expectation)),
    ("expectation in 1.0 is ignored", b"POST / HTTP/1.0\r\nExpect: foo\r\nContent-Length: 1\r\n\r\na", "RFC 9110 §10.1.1", Close("POST / sized 1|\"a\"|end", PeerAsked)),
];
