//! Request targets: forms, methods, characters.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Reject};
use anyloop_core::error::Error;

macro_rules! target {
    ($line:literal) => {
        concat!($line, " HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()
    };
}

pub(crate) const ROWS: &[Row] = &[
    ("path and query", target!("GET /a/b?c=d&e"), "§3.2.1", Accept("GET /a/b?c=d&e empty")),
    ("two slashes", target!("GET //a"), "§3.2.1", Accept("GET //a empty")),
    ("percent-encoded", target!("GET /%41%2F"), "§3.2.1", Accept("GET /%41%2F empty")),
    ("dot segments stay", target!("GET /a/../b"), "§3.2.1", Accept("GET /a/../b empty")),
    ("sub-delims", target!("GET /!$&'()*+,;=:@"), "RFC 3986 §3.3", Accept("GET /!$&'()*+,;=:@ empty")),
    ("absolute", target!("GET http://b/c"), "§3.2.2", Accept("GET http://b/c empty")),
    (
        "absolute with another host",
        target!("GET http://other:81/c?d"),
        "§3.2.2",
        Accept("GET http://other:81/c?d empty"),
    ),
    ("absolute https", target!("GET https://b/"), "§3.2.2", Accept("GET https://b/ empty")),
    ("absolute without a path", target!("GET http://b"), "§3.2.2", Accept("GET http://b empty")),
    (
        "absolute with an IPv6 host",
        target!("GET http://[::1]:80/"),
        "§3.2.2",
        Accept("GET http://[::1]:80/ empty"),
    ),
    (
        "absolute of OPTIONS",
        target!("OPTIONS http://b:8001"),
        "§3.2.4",
        Accept("OPTIONS http://b:8001 empty"),
    ),
    ("asterisk of OPTIONS", target!("OPTIONS *"), "§3.2.4", Accept("OPTIONS * empty")),
    ("authority of CONNECT", target!("CONNECT b:443"), "§3.2.3", Accept("CONNECT b:443 empty")),
    ("IPv6 authority of CONNECT", target!("CONNECT [::1]:443"), "§3.2.3", Accept("CONNECT [::1]:443 empty")),
    (
        "absolute without a host is missing Host",
        b"GET http://b/ HTTP/1.1\r\n\r\n",
        "§3.2",
        Reject(400, Error::HostMissing),
    ),
    ("absolute with an empty host", target!("GET http:///c"), "RFC 9110 §4.2.1", Reject(400, Error::Target)),
    (
        "absolute with user information",
        target!("GET http://u@b/"),
        "RFC 9110 §4.2.4",
        Reject(400, Error::Target),
    ),
    ("absolute with a bad port", target!("GET http://b:x/"), "RFC 3986 §3.2.3", Reject(400, Error::Target)),
    (
        "absolute with an open bracket",
        target!("GET http://[::1/"),
        "RFC 3986 §3.2.2",
        Reject(400, Error::Target),
    ),
    ("scheme without authority", target!("GET http:/c"), "§3.2.2", Reject(400, Error::Target)),
    ("path without a slash", target!("GET a"), "§3.2.1", Reject(400, Error::Target)),
    ("query alone", target!("GET ?a"), "§3.2.1", Reject(400, Error::Target)),
    ("no target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", "§3", Reject(400, Error::Target)),
    ("asterisk of GET", target!("GET *"), "§3.2.4", Reject(400, Error::TargetForm)),
    ("asterisk of PRI in small letters", target!("pri *"), "§3.2.4", Reject(400, Error::TargetForm)),
    ("authority of GET", target!("GET b:80"), "§3.2.3", Reject(400, Error::TargetForm)),
    ("path of CONNECT", target!("CONNECT /"), "§3.2.3", Reject(400, Error::TargetForm)),
    ("absolute of CONNECT", target!("CONNECT http://b:80"), "§3.2.3", Reject(400, Error::TargetForm)),
    ("CONNECT without a port", target!("CONNECT b"), "§3.2.3", Reject(400, Error::TargetForm)),
    ("CONNECT with an empty port", target!("CONNECT b:"), "RFC 9110 §9.3.6", Reject(400, Error::TargetForm)),
    ("CONNECT to port 0", target!("CONNECT b:0"), "RFC 9110 §9.3.6", Reject(400, Error::TargetForm)),
    ("CONNECT to port 65536", target!("CONNECT b:65536"), "RFC 9110 §9.3.6", Reject(400, Error::TargetForm)),
    ("CONNECT to no host", target!("CONNECT :80"), "RFC 9110 §9.3.6", Reject(400, Error::TargetForm)),
    ("fragment", target!("GET /a#b"), "§3.2.1", Reject(400, Error::Target)),
    ("quote", target!("GET /\""), "§3.2", Reject(400, Error::Target)),
    ("less", target!("GET /<script>"), "§3.2", Reject(400, Error::Target)),
    ("backslash", target!("GET /\\a"), "§3.2", Reject(400, Error::Target)),
    ("caret", target!("GET /^"), "§3.2", Reject(400, Error::Target)),
    ("backtick", target!("GET /`"), "§3.2", Reject(400, Error::Target)),
    ("braces", target!("GET /{a}"), "§3.2", Reject(400, Error::Target)),
    ("bar", target!("GET /a|b"), "§3.2", Reject(400, Error::Target)),
    ("nul", target!("GET /\0"), "§3.2", Reject(400, Error::Target)),
    ("escape", target!("GET /\x1b"), "§3.2", Reject(400, Error::Target)),
    ("del", target!("GET /\x7f"), "§3.2", Reject(400, Error::Target)),
    ("UTF-8", target!("GET /\u{e9}"), "§3.2", Reject(400, Error::Target)),
    ("obs-text", b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", "§3.2", Reject(400, Error::Target)),
    ("CR in the target", b"GET /\ra HTTP/1.1\r\nHost: a\r\n\r\n", "§3.2", Reject(400, Error::Version)),
];
