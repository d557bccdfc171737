//! TLS as a protocol around a protocol, over rustls.
//!
//! [`Tls`] takes ciphertext from its link and gives plaintext to the link of the protocol inside, and the other way round.
//! rustls does no IO, so this is written once, for each event loop and for both sides of a connection.
//!
//! Laws, beyond those of [`crate::protocol`]:
//!
//! - Ciphertext is taken only while the plain side has room, a record at a time; what the inner protocol leaves unread
//!   stops the peer (L1). What it writes is encrypted only while the outer link has room (L8), and its own output has the
//!   smaller mark: [`INNER_HIGH_WATER`].
//! - `close_notify` is sent before our side ends, and only when the inner protocol closed in order. A peer that ends its
//!   side without one was cut off: the inner protocol hears [`Eof::Cut`](crate::protocol::Eof::Cut), so that what ends
//!   with the connection is not taken for whole (RFC 8446 §6.1).
//! - A handshake has a deadline of its own. Alerts leave before the connection closes (L4).
//! - Nothing is read from the environment: the crypto provider is part of the configuration that is passed in. The default
//!   provider of the process is neither asked for nor set.
//!
//! # Copies
//!
//! Two in each direction, apart from those of the system:
//!
//! | direction | where |
//! | --- | --- |
//! | in | decrypted in place in the buffer that was read to; rustls copies it to a chunk of its own, and that is copied to the inner link |
//! | out | rustls copies it to a record of its own and encrypts there, and that is copied to the outer link |
//!
//! # Memory
//!
//! A connection holds at most, apart from rustls's own state and the inner protocol: [`MAX_MESSAGE`] of ciphertext that
//! came, the inner link's input limit and one record of plaintext, [`INNER_HIGH_WATER`] and one answer of plaintext on its
//! way out, and the outer link's output with one record beyond its mark. An idle one holds none of these: buffers are lent
//! for the time of a turn. It holds 4.5 KB with HTTP inside, of which rustls's keys and state are the most, and its client's
//! certificates.
//!
//! # Example
//!
//! ```
//! use anyloop_core::protocol::Echo;
//! use anyloop_core::tls::{Negotiated, Tls, rustls::ServerConfig};
//!
//! fn secure_echo(config: &ServerConfig) -> Tls<impl FnOnce(Negotiated<'_>) -> Echo> {
//!     Tls::server(config, |negotiated: Negotiated<'_>| {
//!         println!("{:?} asked for {:?}", negotiated.version, negotiated.server_name);
//!         Echo::default()
//!     })
//! }
//! ```

mod acceptor;
pub mod danger;
mod error;
mod establish;
mod identity;
mod plain_http;
mod session;
mod wrapper;

pub use acceptor::{Acceptor, ClientAuth, ServerTls};
pub use error::{Error, Failed};
pub use establish::{Establish, Negotiated, Ready};
pub use identity::{Identity, LoadError, roots_from_pem_file};
pub use rustls;
pub use wrapper::{DEFAULT_HANDSHAKE, INNER_HIGH_WATER, MAX_MESSAGE, Report, Tls};

/// Returns the crypto provider `ring`.
#[cfg(feature = "ring")]
pub fn ring_provider() -> alloc::sync::Arc<rustls::crypto::CryptoProvider> {
    alloc::sync::Arc::new(rustls::crypto::ring::default_provider())
}

/// Returns the crypto provider `aws-lc-rs`, which compiles C and knows the key exchange X25519MLKEM768.
#[cfg(feature = "aws-lc-rs")]
pub fn aws_lc_rs_provider() -> alloc::sync::Arc<rustls::crypto::CryptoProvider> {
    alloc::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
