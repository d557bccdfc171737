//! What a peer can do wrong, and the status that answers it.

use core::fmt;

use crate::head::Status;

/// A fault of the peer: malformed, oversize, unsupported, or cut short. Final for its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A method with a byte that is not a token character (RFC 9110 §5.6.2).
    Method,
    /// A method longer than any that is known: 32 bytes.
    MethodTooLong,
    /// A target with a byte that may not stand there, or of no known form (RFC 9112 §3.2).
    Target,
    /// A target form that the method does not allow (RFC 9112 §3.2).
    TargetForm,
    /// A target longer than the limit.
    TargetTooLong {
        /// [`crate::limits::Limits::max_target`].
        limit: usize,
    },
    /// No `HTTP/d.d` where the version should be (RFC 9112 §2.3).
    Version,
    /// A major version that is not 1.
    VersionNotSupported,
    /// A response whose first line is not a status line (RFC 9112 §4).
    StatusLine,
    /// A line that ends in a bare LF, or a CR that no LF follows (RFC 9112 §2.2).
    LineEnd,
    /// White space before the first field line (RFC 9112 §2.2).
    LeadingSpace,
    /// A field line that begins with white space (RFC 9112 §5.2).
    ObsFold,
    /// White space between a field's name and its colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A field name with a byte that is not a token character, or empty, or without a colon, or longer than 65,535 bytes
    /// (RFC 9110 §5.1).
    FieldName,
    /// A control character in a field value (RFC 9110 §5.5).
    FieldValue,
    /// More head bytes than the limit.
    HeadTooLarge {
        /// [`crate::limits::Limits::max_head`].
        limit: usize,
    },
    /// More field lines than the limit.
    TooManyFields {
        /// [`crate::limits::Limits::max_fields`].
        limit: usize,
    },
    /// An HTTP/1.1 request without `Host` (RFC 9112 §3.2).
    HostMissing,
    /// More than one `Host` (RFC 9112 §3.2).
    HostRepeated,
    /// A `Host` that is not `uri-host [":" port]` (RFC 9110 §7.2).
    Host,
    /// A CONNECT request that announces content, which it cannot have (RFC 9110 §9.3.6).
    ConnectContent,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.3 step 3).
    LengthAndCoding,
    /// A `Content-Length` that is not one run of digits within 64 bits (RFC 9110 §8.6).
    ContentLength,
    /// `Content-Length` more than once, or as a list (RFC 9112 §6.3 step 5).
    ContentLengthRepeated,
    /// `Transfer-Encoding` in an HTTP/1.0 message (RFC 9112 §6.1).
    CodingInHttp10,
    /// `chunked` missing, not last, or twice (RFC 9112 §6.1, §6.3 step 4).
    Chunked,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    CodingNotSupported,
    /// A `Transfer-Encoding` that is not a list of codings.
    TransferEncoding,
    /// A chunk size that is not a run of hex digits within 64 bits (RFC 9112 §7.1).
    ChunkSize,
    /// A chunk extension that is not one (RFC 9112 §7.1.1).
    ChunkExtension,
    /// More extension bytes in one chunk than the limit.
    ChunkExtensionTooLong {
        /// [`crate::limits::Limits::max_chunk_ext`].
        limit: usize,
    },
    /// More extension bytes in one body than the limit.
    ChunkExtensionsTooLong {
        /// [`crate::limits::Limits::max_chunk_ext_total`].
        limit: usize,
    },
    /// A chunk whose data is not followed by CRLF (RFC 9112 §7.1).
    ChunkEnd,
    /// More trailer bytes than the limit.
    TrailersTooLarge {
        /// [`crate::limits::Limits::max_trailers`].
        limit: usize,
    },
    /// More trailer field lines than the limit.
    TooManyTrailers {
        /// [`crate::limits::Limits::max_trailer_fields`].
        limit: usize,
    },
    /// A field that may not stand in a trailer section (RFC 9110 §6.5.1).
    TrailerForbidden,
    /// A body longer than the limit.
    BodyTooLarge {
        /// [`crate::limits::Limits::max_body`].
        limit: u64,
    },
    /// `Expect` with something else than `100-continue` (RFC 9110 §10.1.1).
    Expectation,
    /// The peer ended its side in the middle of a head.
    HeadCut,
    /// The peer ended its side in the middle of a body.
    BodyCut,
    /// The stream was cut from outside: FIN without `close_notify`.
    Cut,
    /// The peer ended its side before the first byte of a response that it owed.
    NoResponse,
    /// Bytes came where no response was owed: more than the response before them announced, or unasked for
    /// (RFC 9112 §9.2).
    Unsolicited,
    /// More 1xx responses to one request than the limit.
    TooManyInterim {
        /// [`crate::limits::Limits::max_interim`].
        limit: usize,
    },
    /// A 101 that the request did not ask for, or to a protocol that it did not offer (RFC 9110 §7.8).
    SwitchNotAsked,
    /// The head took longer than the timeout.
    HeadTimeout,
    /// The body came slower than the least rate.
    BodyTooSlow,
}

impl Error {
    /// Returns the status that answers this fault.
    pub fn status(self) -> Status {
        match self {
            Self::MethodTooLong | Self::CodingNotSupported => Status::NOT_IMPLEMENTED,
            Self::TargetTooLong { .. } => Status::URI_TOO_LONG,
            Self::VersionNotSupported => Status::HTTP_VERSION_NOT_SUPPORTED,
            Self::HeadTooLarge { .. }
            | Self::TooManyFields { .. }
            | Self::TrailersTooLarge { .. }
            | Self::TooManyTrailers { .. } => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge { .. } => Status::CONTENT_TOO_LARGE,
            Self::Expectation => Status::EXPECTATION_FAILED,
            Self::HeadTimeout | Self::BodyTooSlow => Status::REQUEST_TIMEOUT,
            Self::NoResponse | Self::Unsolicited | Self::TooManyInterim { .. } | Self::SwitchNotAsked => {
                Status::BAD_GATEWAY
            }
            Self::Method
            | Self::Target
            | Self::TargetForm
            | Self::Version
            | Self::StatusLine
            | Self::LineEnd
            | Self::LeadingSpace
            | Self::ObsFold
            | Self::SpaceBeforeColon
            | Self::FieldName
            | Self::FieldValue
            | Self::HostMissing
            | Self::HostRepeated
            | Self::Host
            | Self::ConnectContent
            | Self::LengthAndCoding
            | Self::ContentLength
            | Self::ContentLengthRepeated
            | Self::CodingInHttp10
            | Self::Chunked
            | Self::TransferEncoding
            | Self::ChunkSize
            | Self::ChunkExtension
            | Self::ChunkExtensionTooLong { .. }
            | Self::ChunkExtensionsTooLong { .. }
            | Self::ChunkEnd
            | Self::TrailerForbidden
            | Self::HeadCut
            | Self::BodyCut
            | Self::Cut => Status::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Method => "the method is not a token",
            Self::MethodTooLong => "the method is longer than 32 bytes",
            Self::Target => "the request target has a byte that may not stand there",
            Self::TargetForm => "the method does not allow this form of request target",
            Self::TargetTooLong { limit } => {
                return write!(f, "the request target is longer than {limit} bytes");
            }
            Self::Version => "the first line does not end in an HTTP version",
            Self::VersionNotSupported => "this HTTP version is not supported here",
            Self::StatusLine => "the response does not begin with a status line",
            Self::LineEnd => "a line does not end in CR LF",
            Self::LeadingSpace => "white space stands before the first field line",
            Self::ObsFold => "a field line begins with white space",
            Self::SpaceBeforeColon => "white space stands between a field name and its colon",
            Self::FieldName => "a field line does not begin with a name and a colon",
            Self::FieldValue => "a field value has a control character",
            Self::HeadTooLarge { limit } => {
                return write!(f, "the header section is longer than {limit} bytes");
            }
            Self::TooManyFields { limit } => return write!(f, "the head has more than {limit} field lines"),
            Self::HostMissing => "the request has no host field",
            Self::HostRepeated => "the request has more than one host field",
            Self::Host => "the host field is not a host with an optional port",
            Self::ConnectContent => "a connect request has no content, but announces some",
            Self::LengthAndCoding => "both content-length and transfer-encoding are given",
            Self::ContentLength => "the content-length is not a number of 64 bits",
            Self::ContentLengthRepeated => "content-length is given more than once",
            Self::CodingInHttp10 => "transfer-encoding is given in an HTTP/1.0 message",
            Self::Chunked => "chunked must be the last transfer coding and stand once",
            Self::CodingNotSupported => "a transfer coding other than chunked is not supported",
            Self::TransferEncoding => "transfer-encoding is not a list of codings",
            Self::ChunkSize => "a chunk size is not a hex number of 64 bits",
            Self::ChunkExtension => "a chunk extension is malformed",
            Self::ChunkExtensionTooLong { limit } => {
                return write!(f, "the extensions of a chunk are longer than {limit} bytes");
            }
            Self::ChunkExtensionsTooLong { limit } => {
                return write!(f, "the chunk extensions of the body are longer than {limit} bytes");
            }
            Self::ChunkEnd => "the data of a chunk is not followed by CR LF",
            Self::TrailersTooLarge { limit } => {
                return write!(f, "the trailer section is longer than {limit} bytes");
            }
            Self::TooManyTrailers { limit } => {
                return write!(f, "the trailer section has more than {limit} field lines");
            }
            Self::TrailerForbidden => "a field stands in the trailer section that may not stand there",
            Self::BodyTooLarge { limit } => return write!(f, "the body is longer than {limit} bytes"),
            Self::Expectation => "the only expectation that can be met is 100-continue",
            Self::HeadCut => "the connection ended in the middle of a head",
            Self::BodyCut => "the connection ended in the middle of a body",
            Self::Cut => "the connection was cut without a closing notice",
            Self::NoResponse => "the connection ended before a response came",
            Self::Unsolicited => "bytes came that no request asked for",
            Self::TooManyInterim { limit } => {
                return write!(f, "more than {limit} interim responses came to one request");
            }
            Self::SwitchNotAsked => "the response switches to a protocol that the request did not offer",
            Self::HeadTimeout => "the head of the request took too long",
            Self::BodyTooSlow => "the body of the request came too slowly",
        };
        f.write_str(text)
    }
}

impl core::error::Error for Error {}
