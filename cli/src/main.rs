//! The program `anyloop`.

#![forbid(unsafe_code)]

mod demo;

fn main() {}
