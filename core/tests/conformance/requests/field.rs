//! Field lines.

use crate::harness::Row;
use crate::harness::Verdict::{Accept, Reject};
use anyloop_core::error::Error;

macro_rules! field {
    ($line:literal) => {
        concat!("GET / HTTP/1.1\r\nHost: a\r\n", $line, "\r\n").as_bytes()
    };
}

pub(crate) const ROWS: &[Row] = &[
    ("no space behind the colon", field!("X:y\r\n"), "§5", Accept("GET / empty")),
    ("blanks around the value", field!("X: \t y \t \r\n"), "§5", Accept("GET / empty")),
    ("empty value", field!("X:\r\n"), "RFC 9110 §5.5", Accept("GET / empty")),
    ("tab in the value", field!("X: a\tb\r\n"), "RFC 9110 §5.5", Accept("GET / empty")),
    (
        "obs-text in the value",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\r\n\r\n",
        "RFC 9110 §5.5",
        Accept("GET / empty"),
    ),
    (
        "every token character in the name",
        field!("!#$%&'*+-.^_`|~09aZ: y\r\n"),
        "RFC 9110 §5.6.2",
        Accept("GET / empty"),
    ),
    ("the same field twice", field!("X: 1\r\nX: 2\r\n"), "RFC 9110 §5.3", Accept("GET / empty")),
    (
        "space before the first",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "§2.2",
        Reject(400, Error::LeadingSpace),
    ),
    (
        "tab before the first",
        b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n",
        "§2.2",
        Reject(400, Error::LeadingSpace),
    ),
    (
        "a line of spaces before the first",
        b"GET / HTTP/1.1\r\n  \r\nHost: a\r\n\r\n",
        "§2.2",
        Reject(400, Error::LeadingSpace),
    ),
    ("obs-fold by a space", field!("X: y\r\n z\r\n"), "§5.2", Reject(400, Error::ObsFold)),
    ("obs-fold by a tab", field!("X: y\r\n\tz\r\n"), "§5.2", Reject(400, Error::ObsFold)),
    ("obs-fold of an empty value", field!("X:\r\n y\r\n"), "§5.2", Reject(400, Error::ObsFold)),
    ("a line of blanks behind fields", field!("X: y\r\n \r\n"), "§5.2", Reject(400, Error::ObsFold)),
    ("space before the colon", field!("X : y\r\n"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("tab before the colon", field!("X\t: y\r\n"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("space in the name", field!("X Y: z\r\n"), "§5.1", Reject(400, Error::SpaceBeforeColon)),
    ("no name", field!(": y\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("no colon", field!("X\r\n"), "§5", Reject(400, Error::FieldName)),
    ("separator in the name", field!("X(Y): z\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("quoted name", field!("\"X\": y\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("nul in the name", field!("X\0: y\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("vertical tab in the name", field!("X\x0b: y\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("UTF-8 in the name", field!("\u{e9}: y\r\n"), "RFC 9110 §5.1", Reject(400, Error::FieldName)),
    ("CR in the name", field!("X\rY: z\r\n"), "§2.2", Reject(400, Error::FieldName)),
    ("LF in the name", field!("X\nY: z\r\n"), "§2.2", Reject(400, Error::LineEnd)),
    ("nul in the value", field!("X: y\0z\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("bell in the value", field!("X: \x07\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("backspace in the value", field!("X: \x08\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("vertical tab in the value", field!("X: \x0b\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("form feed in the value", field!("X: \x0c\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("escape in the value", field!("X: \x1b[0m\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("del in the value", field!("X: \x7f\r\n"), "RFC 9110 §5.5", Reject(400, Error::FieldValue)),
    ("bare CR in the value", field!("X: y\rz\r\n"), "§2.2", Reject(400, Error::LineEnd)),
    ("bare CR last in the value", field!("X: y\r\r\n"), "§2.2", Reject(400, Error::LineEnd)),
    ("CR and nul", field!("X: y\r\0\r\n"), "§2.2", Reject(400, Error::LineEnd)),
    ("bare LF ends the line", field!("X: y\nZ: z\r\n"), "§2.2", Reject(400, Error::LineEnd)),
    ("bare LF ends the section", b"GET / HTTP/1.1\r\nHost: a\r\n\n", "§2.2", Reject(400, Error::LineEnd)),
    ("two bare LFs end the section", b"GET / HTTP/1.1\r\nHost: a\n\n", "§2.2", Reject(400, Error::LineEnd)),
    (
        "CR CR LF ends the section",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "§2.2",
        Reject(400, Error::LineEnd),
    ),
    ("LF CR ends the section", b"GET / HTTP/1.1\r\nHost: a\r\n\n\r", "§2.2", Reject(400, Error::LineEnd)),
    ("bare LF ends a section without fields", b"GET / HTTP/1.1\r\n\n", "§2.2", Reject(400, Error::LineEnd)),
    (
        "a second request line for a field",
        field!("GET /b HTTP/1.1\r\n"),
        "§5",
        Reject(400, Error::SpaceBeforeColon),
    ),
];
