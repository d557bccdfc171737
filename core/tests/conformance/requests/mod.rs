//! Request cases.

/// A GET of `/` with these field lines.
macro_rules! get {
    ($fields:literal) => {
        concat!("GET / HTTP/1.1\r\n", $fields, "\r\n").as_bytes()
    };
}

/// A POST to `/` with a host, these field lines, and what follows the head.
macro_rules! post {
    ($fields:literal, $body:literal) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\n", $fields, "\r\n", $body).as_bytes()
    };
}

/// A chunked POST to `/`.
macro_rules! chunked {
    ($body:literal) => {
        post!("Transfer-Encoding: chunked\r\n", $body)
    };
}

mod chunk;
mod coding;
mod connection;
mod desync;
mod field;
mod host;
mod length;
mod limit;
mod line;
mod target;
mod trailer;

use crate::harness::{Row, check};
use anyloop_core::limits::Limits;

const TABLES: &[&[Row]] = &[
    line::ROWS,
    target::ROWS,
    host::ROWS,
    field::ROWS,
    length::ROWS,
    coding::ROWS,
    chunk::ROWS,
    trailer::ROWS,
    connection::ROWS,
    desync::ROWS,
];

#[test]
fn request_lines() {
    check(line::ROWS, &Limits::default());
}

#[test]
fn targets() {
    check(target::ROWS, &Limits::default());
}

#[test]
fn hosts() {
    check(host::ROWS, &Limits::default());
}

#[test]
fn fields() {
    check(field::ROWS, &Limits::default());
}

#[test]
fn content_lengths() {
    check(length::ROWS, &Limits::default());
}

#[test]
fn transfer_codings() {
    check(coding::ROWS, &Limits::default());
}

#[test]
fn chunks() {
    check(chunk::ROWS, &Limits::default());
}

#[test]
fn trailers() {
    check(trailer::ROWS, &Limits::default());
}

#[test]
fn connections() {
    check(connection::ROWS, &Limits::default());
}

#[test]
fn desync_techniques() {
    check(desync::ROWS, &Limits::default());
}

#[test]
fn there_are_enough_rows() {
    let rows = TABLES.iter().map(|rows| rows.len()).sum::<usize>() + limit::count();
    assert!(rows >= 300, "{rows}");
}
