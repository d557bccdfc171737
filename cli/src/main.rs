//! The program `anyloop`.
fn main() {}
