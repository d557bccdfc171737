//! Status codes.

/// A status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(u16);
macro_rules! statuses { ($($name:ident = $code:literal;)*) => { impl Status { $(#[allow(missing_docs)] pub const $name: Self = Self($code);)* } } }
statuses! { NOT_IMPLEMENTED = 501; URI_TOO_LONG = 414; HTTP_VERSION_NOT_SUPPORTED = 505; REQUEST_HEADER_FIELDS_TOO_LARGE = 431; CONTENT_TOO_LARGE = 413; EXPECTATION_FAILED = 417; REQUEST_TIMEOUT = 408; BAD_REQUEST = 400; }
