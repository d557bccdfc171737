//! What TLS told of a connection.

use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the handshake of a connection agreed on, and who the client proved to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Secured {
    /// The application protocol by its ALPN name.
    pub alpn: Option<Box<[u8]>>,
    /// The name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// The client's verified certificates in DER, its own first; empty when it presented none.
    pub client_certificates: Vec<Bytes>,
}
