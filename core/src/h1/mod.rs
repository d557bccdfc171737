//! HTTP/1.0 and HTTP/1.1 (RFC 9112).
//!
//! What each part promises, and the tests that hold it to that (`state` has its own; the others are modules of
//! `tests/conformance`):
//!
//! | part | promise | tests |
//! | --- | --- | --- |
//! | `state` | the transition tables that its documentation prints | every state with every event, read out of the tables |
//! | `request` | `Host`, target form, expectation, persistence | `requests::{target, host, connection}` |
//! | `recv` | bodies end where RFC 9112 §6.3 says; credit; limits | `requests::{length, coding, chunk, trailer, limit}`, `law` |
//! | `client` | responses to what was asked and nothing else; requests that nobody can misread | `responses`, `client` |
//! | `send` | bodies have the length that was announced | `answers::{body, misuse}` |
//! | `server` | answers in order, closes announced, faults answered once | `answers::{connection, fault, interim, order, tunnel}` |
//! | all | the same requests as a naive reading of the RFCs finds | `oracle` |
//! | all | what is sent, a client reads back | `roundtrip` |

mod answer;
mod client;
mod queue;
mod recv;
mod request;
mod send;
mod server;
mod state;

pub use client::Client;
pub use server::Server;
