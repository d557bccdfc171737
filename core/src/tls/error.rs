//! What ends a TLS connection before its time.

use core::fmt;

/// Why a TLS connection failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The handshake or a record was refused, by us or by the peer's alert.
    Tls(rustls::Error),
    /// The handshake was not done in time.
    HandshakeTimeout,
    /// The connection ended in the middle of the handshake.
    HandshakeCut,
    /// The peer speaks HTTP in the clear; it was answered with 400.
    PlainHttp,
    /// A handshake message, with the records it stands in, has more bytes than [`MAX_MESSAGE`](super::MAX_MESSAGE).
    MessageTooLarge,
    /// The keys have protected as much as they may, and TLS 1.2 can't change them.
    KeysExhausted,
    /// The connection has failed before; nothing more can be done with it.
    Over,
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::HandshakeTimeout => f.write_str("the handshake took too long"),
            Self::HandshakeCut => f.write_str("the connection ended in the middle of the handshake"),
            Self::PlainHttp => f.write_str("the peer speaks HTTP in the clear"),
            Self::MessageTooLarge => {
                write!(f, "a handshake message takes more than {} bytes", super::MAX_MESSAGE)
            }
            Self::KeysExhausted => f.write_str("the keys have protected as much as they may"),
            Self::Over => f.write_str("the connection has failed before"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Tls(error) => Some(error),
            Self::HandshakeTimeout
            | Self::HandshakeCut
            | Self::PlainHttp
            | Self::MessageTooLarge
            | Self::KeysExhausted
            | Self::Over => None,
        }
    }
}

/// What a [`Tls`](super::Tls) fails with: TLS, or the protocol inside.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed<E> {
    /// TLS failed.
    Tls(Error),
    /// The protocol inside failed; what it had queued was sent.
    Inner(E),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Failed<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Tls(error) => error.source(),
            Self::Inner(error) => error.source(),
        }
    }
}
