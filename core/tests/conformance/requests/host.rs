//! `Host`.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Close, Reject};
use anyloop_core::codec::CloseReason;
use anyloop_core::error::Error;

pub(crate) const ROWS: &[Row] = &[
    ("name", get!("Host: example.com\r\n"), "RFC 9110 §7.2", Accept("GET / empty")),
    ("name and port", get!("Host: example.com:8080\r\n"), "RFC 9110 §7.2", Accept("GET / empty")),
    ("name and empty port", get!("Host: example.com:\r\n"), "RFC 3986 §3.2.3", Accept("GET / empty")),
    ("IPv4", get!("Host: 192.0.2.1\r\n"), "RFC 3986 §3.2.2", Accept("GET / empty")),
    ("IPv6", get!("Host: [2001:db8::1]:80\r\n"), "RFC 3986 §3.2.2", Accept("GET / empty")),
    ("percent-encoded", get!("Host: %41.example\r\n"), "RFC 3986 §3.2.2", Accept("GET / empty")),
    ("underscore", get!("Host: a_b\r\n"), "RFC 3986 §3.2.2", Accept("GET / empty")),
    ("empty", get!("Host:\r\n"), "§3.2", Accept("GET / empty")),
    ("other case", get!("hOsT: a\r\n"), "RFC 9110 §5.1", Accept("GET / empty")),
    ("last of the fields", get!("X: y\r\nHost: a\r\n"), "RFC 9110 §7.2", Accept("GET / empty")),
    ("missing", get!(""), "§3.2", Reject(400, Error::HostMissing)),
    ("missing among others", get!("X-Host: a\r\nHosts: a\r\n"), "§3.2", Reject(400, Error::HostMissing)),
    ("missing in 1.0", b"GET / HTTP/1.0\r\n\r\n", "§3.2", Close("GET / empty", CloseReason::PeerAsked)),
    ("twice", get!("Host: a\r\nHost: b\r\n"), "§3.2", Reject(400, Error::HostRepeated)),
    ("twice the same", get!("Host: a\r\nHost: a\r\n"), "§3.2", Reject(400, Error::HostRepeated)),
    ("twice in other case", get!("Host: a\r\nHOST: a\r\n"), "§3.2", Reject(400, Error::HostRepeated)),
    (
        "twice in 1.0",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "§3.2",
        Reject(400, Error::HostRepeated),
    ),
    ("empty and another", get!("Host:\r\nHost: a\r\n"), "§3.2", Reject(400, Error::HostRepeated)),
    ("list", get!("Host: a, b\r\n"), "RFC 9110 §7.2", Reject(400, Error::Host)),
    ("space", get!("Host: a b\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("path", get!("Host: a/b\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("scheme", get!("Host: http://a\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("user information", get!("Host: u@a\r\n"), "RFC 9110 §4.2.4", Reject(400, Error::Host)),
    ("bad port", get!("Host: a:b\r\n"), "RFC 3986 §3.2.3", Reject(400, Error::Host)),
    ("signed port", get!("Host: a:-80\r\n"), "RFC 3986 §3.2.3", Reject(400, Error::Host)),
    ("two ports", get!("Host: a:80:81\r\n"), "RFC 3986 §3.2.3", Reject(400, Error::Host)),
    ("IPv6 without brackets", get!("Host: ::1\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("IPv6 left open", get!("Host: [::1\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("IPv6 with a zone", get!("Host: [fe80::1%25eth0]\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("text behind the brackets", get!("Host: [::1]a\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("bad percent-encoding", get!("Host: a%2\r\n"), "RFC 3986 §2.1", Reject(400, Error::Host)),
    ("quote", get!("Host: \"a\"\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("backslash", get!("Host: a\\b\r\n"), "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("obs-text", b"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n", "RFC 3986 §3.2.2", Reject(400, Error::Host)),
    ("invalid in 1.0", b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "§3.2", Reject(400, Error::Host)),
    (
        "invalid beside an absolute target",
        b"GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        "§3.2",
        Reject(400, Error::Host),
    ),
];
