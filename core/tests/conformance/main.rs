//! Tables of what the HTTP/1 codec takes, refuses and sends, each row with the section it stands on, and a naive reference
//! implementation of framing as an oracle.

#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "a test has std, and may fail so"
)]

mod answers;
mod exchanges;
mod harness;
mod law;
mod oracle;

mod requests;
mod responses;
mod roundtrip;
mod row;
