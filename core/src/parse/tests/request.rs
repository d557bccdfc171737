use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::BytesMut;

use super::{Machine, assert_names_differ, every_split};
use crate::error::Error;
use crate::head::{RequestHead, Version};
use crate::limits::Limits;
use crate::parse::RequestParser;
use crate::parse::bytes::is_tchar;

struct Requests {
    parser: RequestParser,
    limits: Limits,
    head: Option<RequestHead>,
}

impl Requests {
    fn new(limits: &Limits) -> Self {
        Self { parser: RequestParser::new(), limits: limits.clone(), head: None }
    }
}

impl Machine for Requests {
    type Output = RequestHead;

    fn feed(&mut self, inbound: &mut BytesMut) -> Result<bool, Error> {
        let outcome = self.parser.parse(inbound, &self.limits);
        assert_eq!(self.parser.is_idle(), matches!(outcome, Ok(Some(_))) || is_untouched(&outcome, inbound));
        self.head = outcome?;
        Ok(self.head.is_some())
    }

    fn output(self) -> RequestHead {
        self.head.unwrap()
    }
}

fn is_untouched(outcome: &Result<Option<RequestHead>, Error>, inbound: &[u8]) -> bool {
    outcome.is_ok() && b"\r\n".starts_with(inbound)
}

/// Small enough that rows at the limits can be read.
fn small() -> Limits {
    Limits { max_target: 8, max_head: 24, max_fields: 3, ..Limits::default() }
}

/// What a row expects: what `show` prints, or a fault, or that more must come.
#[derive(Clone, Copy)]
enum Want {
    Head(&'static str),
    Fault(Error),
    More,
}
use Want::{Fault, Head, More};

fn show(head: &RequestHead) -> String {
    let version = match head.version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    };
    let mut text = format!("{} {} {version}", head.method, head.target);
    for (name, value) in &head.headers {
        text.push_str(&format!("|{name}={}", value.escape_ascii()));
    }
    text
}

fn check(rows: &[(&str, &[u8], Want)], limits: &Limits) {
    assert_names_differ(rows.iter().map(|row| row.0));
    for (name, bytes, want) in rows {
        let outcome = every_split(name, || Requests::new(limits), bytes);
        match (want, outcome) {
            (Head(text), Ok(Some((head, left)))) => {
                assert_eq!((show(&head).as_str(), left), (*text, vec![]), "{name}");
            }
            (Fault(error), Err(found)) => assert_eq!(found, *error, "{name}"),
            (More, Ok(None)) => {}
            (_, outcome) => panic!("{name}: {outcome:?}"),
        }
    }
}

const LINES: &[(&str, &[u8], Want)] = &[
    ("get", b"GET / HTTP/1.1\r\n\r\n", Head("GET / 1.1")),
    ("head", b"HEAD / HTTP/1.1\r\n\r\n", Head("HEAD / 1.1")),
    ("post", b"POST /a HTTP/1.1\r\n\r\n", Head("POST /a 1.1")),
    ("put", b"PUT /a HTTP/1.1\r\n\r\n", Head("PUT /a 1.1")),
    ("delete", b"DELETE /a HTTP/1.1\r\n\r\n", Head("DELETE /a 1.1")),
    ("trace", b"TRACE /a HTTP/1.1\r\n\r\n", Head("TRACE /a 1.1")),
    ("patch", b"PATCH /a HTTP/1.1\r\n\r\n", Head("PATCH /a 1.1")),
    ("options", b"OPTIONS /a HTTP/1.1\r\n\r\n", Head("OPTIONS /a 1.1")),
    ("options of all", b"OPTIONS * HTTP/1.1\r\n\r\n", Head("OPTIONS * 1.1")),
    ("connect", b"CONNECT a:443 HTTP/1.1\r\n\r\n", Head("CONNECT a:443 1.1")),
    ("connect to ipv6", b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", Head("CONNECT [::1]:443 1.1")),
    ("lower-case method", b"get / HTTP/1.1\r\n\r\n", Head("get / 1.1")),
    ("extension method", b"M-SEARCH / HTTP/1.1\r\n\r\n", Head("M-SEARCH / 1.1")),
    ("every token character", b"!#$%&'*+-.^_`|~09az / HTTP/1.1\r\n\r\n", Head("!#$%&'*+-.^_`|~09az / 1.1")),
    (
        "method of 32",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\n\r\n",
        Head("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / 1.1"),
    ),
    ("method of 33", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n\r\n", Fault(Error::MethodTooLong)),
    ("method without end", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", Fault(Error::MethodTooLong)),
    ("bad byte right behind a method of 32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\0", Fault(Error::Method)),
    ("1.0", b"GET / HTTP/1.0\r\n\r\n", Head("GET / 1.0")),
    ("1.2 is 1.1", b"GET / HTTP/1.2\r\n\r\n", Head("GET / 1.1")),
    ("1.9 is 1.1", b"GET / HTTP/1.9\r\n\r\n", Head("GET / 1.1")),
    ("0.9", b"GET / HTTP/0.9\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("2.0", b"GET / HTTP/2.0\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("h2 preface in 1.1", b"PRI * HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("half a preface", b"PRI * HTTP/2.", More),
    ("3.0", b"GET / HTTP/3.0\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("9.9", b"GET / HTTP/9.9\r\n\r\n", Fault(Error::VersionNotSupported)),
    ("no minor", b"GET / HTTP/1\r\n\r\n", Fault(Error::Version)),
    ("no minor of 2", b"GET / HTTP/2\r\n\r\n", Fault(Error::Version)),
    ("two digits minor", b"GET / HTTP/1.10\r\n\r\n", Fault(Error::Version)),
    ("two digits major", b"GET / HTTP/11.1\r\n\r\n", Fault(Error::Version)),
    ("comma", b"GET / HTTP/1,1\r\n\r\n", Fault(Error::Version)),
    ("signed minor", b"GET / HTTP/1.+\r\n\r\n", Fault(Error::Version)),
    ("lower-case version", b"GET / http/1.1\r\n\r\n", Fault(Error::Version)),
    ("other protocol", b"GET / ICAP/1.0\r\n\r\n", Fault(Error::Version)),
    ("https version", b"GET / HTTPS/1.1\r\n\r\n", Fault(Error::Version)),
    ("no slash", b"GET / HTTP1.1\r\n\r\n", Fault(Error::Version)),
    ("0.9 line", b"GET /\r\n", Fault(Error::Version)),
    ("0.9 line with a space", b"GET / \r\n", Fault(Error::Version)),
    ("method alone", b"GET\r\n", Fault(Error::Method)),
    ("method and space", b"GET \r\n", Fault(Error::Target)),
    ("space behind the version", b"GET / HTTP/1.1 \r\n\r\n", Fault(Error::Version)),
    ("tab behind the version", b"GET / HTTP/1.1\t\r\n\r\n", Fault(Error::Version)),
    ("nul behind the version", b"GET / HTTP/1.1\0\r\n\r\n", Fault(Error::Version)),
    ("text behind the version", b"GET / HTTP/1.1 x\r\n\r\n", Fault(Error::Version)),
    ("two spaces behind the method", b"GET  / HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("two spaces behind the target", b"GET /  HTTP/1.1\r\n\r\n", Fault(Error::Version)),
    ("tab behind the method", b"GET\t/ HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("tab behind the target", b"GET /\tHTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("vertical tab behind the method", b"GET\x0b/ HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("form feed behind the target", b"GET /\x0cHTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("non-breaking space", b"GET\xa0/ HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("space first", b" GET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("tab first", b"\tGET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("nul first", b"\0GET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("byte order mark", b"\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("tls hello", b"\x16\x03\x01\x02\x00\x01\x00", Fault(Error::Method)),
    ("quoted method", b"\"GET\" / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("method with a colon", b"GET: / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("method with a slash", b"GE/T / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("method with an umlaut", b"G\xc3\x84T / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("method with del", b"GET\x7f / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("empty line first", b"\r\nGET / HTTP/1.1\r\n\r\n", Head("GET / 1.1")),
    ("two empty lines first", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("bare lf first", b"\nGET / HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("bare cr first", b"\rGET / HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("two crs first", b"\r\r\nGET / HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("empty line and lf first", b"\r\n\nGET / HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("empty line and space first", b"\r\n GET / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("lf in the method", b"GE\nT / HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("cr in the method", b"GE\rT / HTTP/1.1\r\n\r\n", Fault(Error::Method)),
    ("lf in the target", b"GET /\nHTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("cr in the target", b"GET /\rHTTP/1.1\r\n\r\n", Fault(Error::Version)),
    ("lf for a target", b"GET \n/ HTTP/1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("lf in the version", b"GET / HTTP/\n1.1\r\n\r\n", Fault(Error::LineEnd)),
    ("cr in the version", b"GET / HTTP/\r1.1\r\n\r\n", Fault(Error::Version)),
    ("bare lf ends the line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", Fault(Error::LineEnd)),
    ("bare cr ends the line", b"GET / HTTP/1.1\rHost: a\r\n\r\n", Fault(Error::LineEnd)),
    ("two crs end the line", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Fault(Error::LineEnd)),
    ("nothing", b"", More),
    ("half an empty line", b"\r", More),
    ("an empty line", b"\r\n", More),
    ("half a method", b"GE", More),
    ("half a target", b"GET /a", More),
    ("half a version", b"GET /a HTTP/1.", More),
    ("half a line end", b"GET /a HTTP/1.1\r", More),
    ("no fields yet", b"GET /a HTTP/1.1\r\n", More),
];

#[test]
fn request_lines() {
    check(LINES, &Limits::default());
}

const TARGETS: &[(&str, &[u8], Want)] = &[
    ("query", b"GET /a?b=c&d HTTP/1.1\r\n\r\n", Head("GET /a?b=c&d 1.1")),
    ("two slashes", b"GET //a//b HTTP/1.1\r\n\r\n", Head("GET //a//b 1.1")),
    ("dot segments", b"GET /a/../b HTTP/1.1\r\n\r\n", Head("GET /a/../b 1.1")),
    ("percent", b"GET /%41%zz% HTTP/1.1\r\n\r\n", Head("GET /%41%zz% 1.1")),
    ("sub-delims", b"GET /!$&'()*+,;=:@-._~ HTTP/1.1\r\n\r\n", Head("GET /!$&'()*+,;=:@-._~ 1.1")),
    ("brackets", b"GET /?a[0]=1 HTTP/1.1\r\n\r\n", Head("GET /?a[0]=1 1.1")),
    ("absolute", b"GET http://a/b HTTP/1.1\r\n\r\n", Head("GET http://a/b 1.1")),
    ("absolute without path", b"GET http://a HTTP/1.1\r\n\r\n", Head("GET http://a 1.1")),
    ("absolute with a port", b"GET http://a:8080/ HTTP/1.1\r\n\r\n", Head("GET http://a:8080/ 1.1")),
    ("absolute options", b"OPTIONS http://a HTTP/1.1\r\n\r\n", Head("OPTIONS http://a 1.1")),
    ("absolute without host", b"GET http:///b HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("absolute with user", b"GET http://u@a/b HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("absolute with a bad port", b"GET http://a:b/ HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("scheme alone", b"GET http: HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("path without slash", b"GET a/b HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("query alone", b"GET ?a HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("asterisk of get", b"GET * HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("asterisk and more", b"OPTIONS *a HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("authority of get", b"GET a:80 HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("path of connect", b"CONNECT /a HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("absolute of connect", b"CONNECT http://a:80/ HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("asterisk of connect", b"CONNECT * HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("connect without port", b"CONNECT a HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("connect with an empty port", b"CONNECT a: HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("connect to port 0", b"CONNECT a:0 HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("connect to port 65536", b"CONNECT a:65536 HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("connect to port 65535", b"CONNECT a:65535 HTTP/1.1\r\n\r\n", Head("CONNECT a:65535 1.1")),
    ("connect with user", b"CONNECT u@a:80 HTTP/1.1\r\n\r\n", Fault(Error::TargetForm)),
    ("fragment", b"GET /a#b HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("quote", b"GET /\" HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("less", b"GET /< HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("greater", b"GET /> HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("backslash", b"GET /\\ HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("caret", b"GET /^ HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("backtick", b"GET /` HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("open brace", b"GET /{ HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("bar", b"GET /| HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("close brace", b"GET /} HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("nul", b"GET /\0 HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("del", b"GET /\x7f HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("utf-8", b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", Fault(Error::Target)),
    ("latin-1", b"GET /\xe9 HTTP/1.1\r\n\r\n", Fault(Error::Target)),
];

#[test]
fn targets() {
    check(TARGETS, &Limits::default());
}

macro_rules! head {
    ($fields:literal) => {
        concat!("GET / HTTP/1.1\r\n", $fields).as_bytes()
    };
}

const FIELDS: &[(&str, &[u8], Want)] = &[
    ("one", head!("Host: a\r\n\r\n"), Head("GET / 1.1|Host=a")),
    ("order and case", head!("b: 1\r\nA: 2\r\nB: 3\r\n\r\n"), Head("GET / 1.1|b=1|A=2|B=3")),
    ("no space", head!("Host:a\r\n\r\n"), Head("GET / 1.1|Host=a")),
    ("blanks around", head!("Host: \t a \t \r\n\r\n"), Head("GET / 1.1|Host=a")),
    ("blanks within", head!("a: b \t c\r\n\r\n"), Head("GET / 1.1|a=b \\t c")),
    ("empty value", head!("a:\r\n\r\n"), Head("GET / 1.1|a=")),
    ("blank value", head!("a: \t \r\n\r\n"), Head("GET / 1.1|a=")),
    ("colons in the value", head!("a: b:c:\r\n\r\n"), Head("GET / 1.1|a=b:c:")),
    ("colon as value", head!("a::\r\n\r\n"), Head("GET / 1.1|a=:")),
    ("quotes in the value", head!("a: \"b\\\"\"\r\n\r\n"), Head("GET / 1.1|a=\\\"b\\\\\\\"\\\"")),
    (
        "every token character in a name",
        head!("!#$%&'*+-.^_`|~09az: v\r\n\r\n"),
        Head("GET / 1.1|!#$%&'*+-.^_`|~09az=v"),
    ),
    ("obs-text", b"GET / HTTP/1.1\r\na: \x80\xff\r\n\r\n", Head("GET / 1.1|a=\\x80\\xff")),
    ("utf-8 value", head!("a: é\r\n\r\n"), Head("GET / 1.1|a=\\xc3\\xa9")),
    (
        "repeated framing",
        head!("Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        Head("GET / 1.1|Content-Length=1|Content-Length=2"),
    ),
    (
        "long value",
        head!("a: 0123456789012345678901234567890123456789\r\n\r\n"),
        Head("GET / 1.1|a=0123456789012345678901234567890123456789"),
    ),
    (
        "long name",
        head!("a0123456789012345678901234567890123456789: v\r\n\r\n"),
        Head("GET / 1.1|a0123456789012345678901234567890123456789=v"),
    ),
    ("space before the first", head!(" Host: a\r\n\r\n"), Fault(Error::LeadingSpace)),
    ("tab before the first", head!("\tHost: a\r\n\r\n"), Fault(Error::LeadingSpace)),
    ("blank first line", head!(" \r\nHost: a\r\n\r\n"), Fault(Error::LeadingSpace)),
    ("obs-fold with a space", head!("a: b\r\n c\r\n\r\n"), Fault(Error::ObsFold)),
    ("obs-fold with a tab", head!("a: b\r\n\tc\r\n\r\n"), Fault(Error::ObsFold)),
    ("obs-fold of nothing", head!("a: b\r\n \r\n\r\n"), Fault(Error::ObsFold)),
    ("space before the colon", head!("Host : a\r\n\r\n"), Fault(Error::SpaceBeforeColon)),
    ("tab before the colon", head!("Host\t: a\r\n\r\n"), Fault(Error::SpaceBeforeColon)),
    ("space in the name", head!("Ho st: a\r\n\r\n"), Fault(Error::SpaceBeforeColon)),
    ("no name", head!(": a\r\n\r\n"), Fault(Error::FieldName)),
    ("no colon", head!("Host\r\n\r\n"), Fault(Error::FieldName)),
    ("no colon and lf", head!("Host\n\r\n"), Fault(Error::LineEnd)),
    ("nul in the name", head!("Ho\0st: a\r\n\r\n"), Fault(Error::FieldName)),
    ("del in the name", head!("Host\x7f: a\r\n\r\n"), Fault(Error::FieldName)),
    ("vertical tab in the name", head!("Host\x0b: a\r\n\r\n"), Fault(Error::FieldName)),
    ("utf-8 in the name", head!("Hést: a\r\n\r\n"), Fault(Error::FieldName)),
    ("obs-text in the name", b"GET / HTTP/1.1\r\nH\xe9: a\r\n\r\n", Fault(Error::FieldName)),
    ("quote in the name", head!("\"Host\": a\r\n\r\n"), Fault(Error::FieldName)),
    ("parenthesis in the name", head!("Host(a): a\r\n\r\n"), Fault(Error::FieldName)),
    ("comma in the name", head!("Host,a: a\r\n\r\n"), Fault(Error::FieldName)),
    ("slash in the name", head!("Host/a: a\r\n\r\n"), Fault(Error::FieldName)),
    ("semicolon in the name", head!("Host;a: a\r\n\r\n"), Fault(Error::FieldName)),
    ("equals sign in the name", head!("Host=a: a\r\n\r\n"), Fault(Error::FieldName)),
    ("at sign in the name", head!("Host@a: a\r\n\r\n"), Fault(Error::FieldName)),
    ("brackets in the name", head!("Host[a]: a\r\n\r\n"), Fault(Error::FieldName)),
    ("braces in the name", head!("Host{a}: a\r\n\r\n"), Fault(Error::FieldName)),
    ("question mark in the name", head!("Host?: a\r\n\r\n"), Fault(Error::FieldName)),
    ("backslash in the name", head!("Host\\: a\r\n\r\n"), Fault(Error::FieldName)),
    ("less in the name", head!("<Host>: a\r\n\r\n"), Fault(Error::FieldName)),
    ("cr in the name", head!("Ho\rst: a\r\n\r\n"), Fault(Error::FieldName)),
    ("lf in the name", head!("Ho\nst: a\r\n\r\n"), Fault(Error::LineEnd)),
    ("bad second name", head!("Host: a\r\n(b: c\r\n\r\n"), Fault(Error::FieldName)),
    ("nul in the value", head!("a: b\0c\r\n\r\n"), Fault(Error::FieldValue)),
    ("nul first in the value", head!("a:\0\r\n\r\n"), Fault(Error::FieldValue)),
    ("bell in the value", head!("a: \x07\r\n\r\n"), Fault(Error::FieldValue)),
    ("backspace in the value", head!("a: \x08\r\n\r\n"), Fault(Error::FieldValue)),
    ("vertical tab in the value", head!("a: b\x0bc\r\n\r\n"), Fault(Error::FieldValue)),
    ("form feed in the value", head!("a: b\x0cc\r\n\r\n"), Fault(Error::FieldValue)),
    ("escape in the value", head!("a: b\x1bc\r\n\r\n"), Fault(Error::FieldValue)),
    ("unit separator in the value", head!("a: b\x1fc\r\n\r\n"), Fault(Error::FieldValue)),
    ("del in the value", head!("a: b\x7fc\r\n\r\n"), Fault(Error::FieldValue)),
    ("form feed behind the colon", head!("a:\x0cb\r\n\r\n"), Fault(Error::FieldValue)),
    ("cr in the value", head!("a: b\rc\r\n\r\n"), Fault(Error::LineEnd)),
    ("two crs end the field", head!("a: b\r\r\n\r\n"), Fault(Error::LineEnd)),
    ("lf ends the field", head!("a: b\nc: d\r\n\r\n"), Fault(Error::LineEnd)),
    ("lf behind the colon", head!("a:\n\r\n"), Fault(Error::LineEnd)),
    ("cr nul ends the field", head!("a: b\r\0\r\n\r\n"), Fault(Error::LineEnd)),
    ("lf ends the head", head!("a: b\r\n\n"), Fault(Error::LineEnd)),
    ("lf ends an empty head", head!("\n"), Fault(Error::LineEnd)),
    ("cr without lf ends the head", head!("a: b\r\n\rx"), Fault(Error::LineEnd)),
    ("two crs end the head", head!("a: b\r\n\r\r\n"), Fault(Error::LineEnd)),
    ("space in the last line", head!("a: b\r\n\r \n"), Fault(Error::LineEnd)),
    ("lf lf", head!("a: b\n\n"), Fault(Error::LineEnd)),
    ("half a name", head!("Ho"), More),
    ("name and colon", head!("Host:"), More),
    ("name, colon, blank", head!("Host: "), More),
    ("half a value", head!("Host: a"), More),
    ("half an end", head!("Host: a\r"), More),
    ("a line", head!("Host: a\r\n"), More),
    ("half the last line", head!("Host: a\r\n\r"), More),
];

#[test]
fn fields() {
    check(FIELDS, &Limits::default());
}

const AT_LIMITS: &[(&str, &[u8], Want)] = &[
    ("target of 7", b"GET /234567 HTTP/1.1\r\n\r\n", Head("GET /234567 1.1")),
    ("target of 8", b"GET /2345678 HTTP/1.1\r\n\r\n", Head("GET /2345678 1.1")),
    ("target of 9", b"GET /23456789 HTTP/1.1\r\n\r\n", Fault(Error::TargetTooLong { limit: 8 })),
    ("target without end", b"GET /23456789", Fault(Error::TargetTooLong { limit: 8 })),
    ("bad byte behind 8", b"GET /2345678\"", Fault(Error::Target)),
    ("no field", head!("\r\n"), Head("GET / 1.1")),
    ("23 bytes", head!("a: 34567890123456789b\r\n\r\n"), Head("GET / 1.1|a=34567890123456789b")),
    ("24 bytes", head!("a: 345678901234567890b\r\n\r\n"), Head("GET / 1.1|a=345678901234567890b")),
    (
        "24 bytes in two fields",
        head!("a: 3456789\r\nb: 3456789\r\n\r\n"),
        Head("GET / 1.1|a=3456789|b=3456789"),
    ),
    ("25 bytes", head!("a: 3456789012345678901b\r\n\r\n"), Fault(Error::HeadTooLarge { limit: 24 })),
    (
        "25 bytes in two fields",
        head!("a: 3456789\r\nb: 34567890\r\n\r\n"),
        Fault(Error::HeadTooLarge { limit: 24 }),
    ),
    (
        "another line behind 24",
        head!("a: 3456789\r\nb: 3456789\r\nc"),
        Fault(Error::HeadTooLarge { limit: 24 }),
    ),
    ("lf behind 24", head!("a: 3456789\r\nb: 3456789\r\n\n"), Fault(Error::LineEnd)),
    ("obs-fold behind 24", head!("a: 3456789\r\nb: 3456789\r\n c"), Fault(Error::ObsFold)),
    ("cr behind 24", head!("a: 3456789\r\nb: 3456789\r\n\rc"), Fault(Error::LineEnd)),
    ("name without end", head!("a234567890123456789012345"), Fault(Error::HeadTooLarge { limit: 24 })),
    ("blanks without end", head!("a:                         "), Fault(Error::HeadTooLarge { limit: 24 })),
    ("value without end", head!("a: 3456789012345678901234567890"), Fault(Error::HeadTooLarge { limit: 24 })),
    ("bad byte at the end of 24", head!("a: 34567890123456789012\0"), Fault(Error::FieldValue)),
    ("cr is byte 25", head!("a: 345678901234567890123\r\n\r\n"), Fault(Error::HeadTooLarge { limit: 24 })),
    ("two fields", head!("a:\r\nb:\r\n\r\n"), Head("GET / 1.1|a=|b=")),
    ("three fields", head!("a:\r\nb:\r\nc:\r\n\r\n"), Head("GET / 1.1|a=|b=|c=")),
    ("four fields", head!("a:\r\nb:\r\nc:\r\nd:\r\n\r\n"), Fault(Error::TooManyFields { limit: 3 })),
    ("bad fourth field", head!("a:\r\nb:\r\nc:\r\n\0:\r\n\r\n"), Fault(Error::TooManyFields { limit: 3 })),
];

#[test]
fn limits_are_passed_by_the_byte_behind_them() {
    check(AT_LIMITS, &small());
}

#[test]
fn there_are_enough_rows() {
    assert!(LINES.len() + TARGETS.len() + FIELDS.len() + AT_LIMITS.len() >= 150);
}

#[test]
fn default_limits_hold_at_their_documented_values() {
    let limits = Limits::default();
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(len - 1));
    let head = |len: usize| format!("GET / HTTP/1.1\r\na:{}\r\n\r\n", "b".repeat(len - 4));
    let fields = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "a:\r\n".repeat(count));
    let parse =
        |text: String| RequestParser::new().parse(&mut BytesMut::from(text.as_str()), &limits).map(|_| ());
    for len in [65_535, 65_536] {
        assert_eq!((parse(target(len)), parse(head(len))), (Ok(()), Ok(())));
    }
    assert_eq!(parse(target(65_537)), Err(Error::TargetTooLong { limit: 65_536 }));
    assert_eq!(parse(head(65_537)), Err(Error::HeadTooLarge { limit: 65_536 }));
    assert_eq!((parse(fields(127)), parse(fields(128))), (Ok(()), Ok(())));
    assert_eq!(parse(fields(129)), Err(Error::TooManyFields { limit: 128 }));
}

#[test]
fn raised_limits_still_bound_names() {
    let limits = Limits { max_head: usize::MAX, max_target: usize::MAX, ..Limits::default() };
    let parse = |len| {
        let text = format!("GET / HTTP/1.1\r\n{}:\r\n\r\n", "n".repeat(len));
        RequestParser::new().parse(&mut BytesMut::from(text.as_str()), &limits).map(|head| head.is_some())
    };
    assert_eq!((parse(65_535), parse(65_536)), (Ok(true), Err(Error::FieldName)));
}

#[test]
fn the_longest_head_fits_into_the_room_asked_for() {
    let limits = small();
    let longest = b"\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ012345 /2345678 HTTP/1.1\r\na: 345678901234567890b\r\n\r\n";
    assert_eq!(RequestParser::room(&limits), longest.len());
    let mut inbound = BytesMut::from(&longest[..]);
    assert!(RequestParser::new().parse(&mut inbound, &limits).unwrap().is_some());
}

#[test]
fn heads_follow_each_other_and_each_may_have_its_empty_line() {
    let mut inbound = BytesMut::from(&b"GET /1 HTTP/1.1\r\n\r\n\r\nGET /2 HTTP/1.1\r\na: b\r\n\r\n"[..]);
    let mut parser = RequestParser::new();
    let mut paths = Vec::new();
    while let Some(head) = parser.parse(&mut inbound, &Limits::default()).unwrap() {
        assert!(parser.is_idle());
        paths.push(String::from(head.target.path()));
    }
    assert_eq!((paths, inbound.len()), (vec![String::from("/1"), String::from("/2")], 0));
}

#[test]
fn a_head_refers_to_its_buffer_only_where_its_target_is_long() {
    for (len, refers) in [(1, false), (50, false), (500, true)] {
        let head = format!("GET /{} HTTP/1.1\r\nx-name: value\r\n\r\n", "p".repeat(len));
        let mut inbound = BytesMut::from(head.as_bytes());
        let range = inbound.as_ptr_range();
        let head = RequestParser::new().parse(&mut inbound, &Limits::default()).unwrap().unwrap();
        assert_eq!(range.contains(&head.target.as_bytes().as_ptr()), refers);
        assert!(!range.contains(&head.headers.get("x-name").unwrap().as_ptr()));
        let owned = head.clone().into_owned();
        assert_eq!(owned, head);
        assert!(!range.contains(&owned.target.as_bytes().as_ptr()));
    }
}

/// A head of about 64 KiB with all its kinds of bytes.
fn large_head() -> Vec<u8> {
    let mut head = format!("POST /{}?{} HTTP/1.1\r\n", "p".repeat(30_000), "q~".repeat(10_000)).into_bytes();
    let mut number = 0;
    while head.len() < 65_000 + 49_000 {
        head.extend_from_slice(format!("x-field-{number}: \t {} \t \r\n", "value\t".repeat(90)).as_bytes());
        number += 1;
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[test]
fn work_is_linear_however_the_head_arrives() {
    let (head, limits) = (large_head(), Limits::default());
    for size in [1, 2, 15, 1000, head.len()] {
        let (mut parser, mut inbound, mut heads) = (RequestParser::new(), BytesMut::new(), 0);
        for piece in head.chunks(size) {
            inbound.extend_from_slice(piece);
            heads += usize::from(parser.parse(&mut inbound, &limits).unwrap().is_some());
        }
        assert_eq!((heads, parser.scanned()), (1, head.len() as u64), "pieces of {size}");
    }
}

#[test]
fn a_fault_is_found_among_any_number_of_lines() {
    for count in [1, 2, 15, 16, 17, 31, 32, 33, 64, 100] {
        for bad in 0..=count {
            let name = |at| if at == bad { "a name" } else { "name" };
            let lines: String = (0..count).map(|at| format!("{}: value {at}\r\n", name(at))).collect();
            let mut inbound = BytesMut::from(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_str());
            let parsed = RequestParser::new().parse(&mut inbound, &Limits::default());
            let expected = if bad < count { Err(Error::SpaceBeforeColon) } else { Ok(Some(count)) };
            assert_eq!(parsed.map(|head| head.map(|head| head.headers.len())), expected, "{bad} of {count}");
        }
    }
}

#[test]
fn lines_may_end_anywhere_and_hold_any_byte_of_a_value() {
    for byte in [b'v', b' ', b'\t', 0x80, 0xff] {
        for len in 0..200 {
            let value = vec![byte; len];
            let head = [b"GET / HTTP/1.1\r\nname: ", &*value, b"\r\nHost: a\r\n\r\n"].concat();
            let mut inbound = BytesMut::from(&head[..]);
            let head = RequestParser::new().parse(&mut inbound, &Limits::default()).unwrap().unwrap();
            let kept = if matches!(byte, b' ' | b'\t') { &[][..] } else { &value };
            assert_eq!(head.headers.iter().collect::<Vec<_>>(), [("name", kept), ("Host", b"a")]);
        }
    }
}

#[test]
fn names_of_any_length_are_tokens() {
    for len in 1..70 {
        for at in 0..len {
            for byte in [b'~', b'_', b'A', b' ', b'(', b'\t', 0x80, b'/', b'\0'] {
                let mut name = vec![b'n'; len];
                name[at] = byte;
                let head = [b"GET / HTTP/1.1\r\n", &*name, b": v\r\nHost: a\r\n\r\n"].concat();
                let parsed = RequestParser::new().parse(&mut BytesMut::from(&head[..]), &Limits::default());
                match parsed {
                    Ok(Some(head)) => {
                        assert!(is_tchar(byte), "{byte:#x} at {at} of {len}");
                        assert_eq!(head.headers.iter().next().unwrap().0.as_bytes(), name);
                    }
                    outcome => assert!(!is_tchar(byte), "{byte:#x} at {at} of {len}: {outcome:?}"),
                }
            }
        }
    }
}
