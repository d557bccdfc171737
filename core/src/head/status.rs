//! Status codes (RFC 9110 §15).

use core::fmt;

/// A status code: any number from 100 to 999, for a client treats an unknown one as the first of its class
/// (RFC 9110 §15).
///
/// ```
/// use anyloop_core::head::Status;
///
/// assert_eq!(Status::new(404), Some(Status::NOT_FOUND));
/// assert_eq!(Status::NOT_FOUND.to_string(), "404 Not Found");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($name:ident = $code:literal, $reason:literal, $rfc:literal;)*) => {
        impl Status {
            $(
                #[doc = concat!("`", $code, " ", $reason, "` (", $rfc, ").")]
                pub const $name: Self = Self($code);
            )*

            /// Returns the registered reason phrase, empty when the code is not registered.
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => "",
                }
            }
        }

        #[cfg(test)]
        const ALL: &[Status] = &[$(Status::$name),*];
    };
}

statuses! {
    CONTINUE = 100, "Continue", "RFC 9110 §15.2.1";
    SWITCHING_PROTOCOLS = 101, "Switching Protocols", "RFC 9110 §15.2.2";
    PROCESSING = 102, "Processing", "RFC 2518";
    EARLY_HINTS = 103, "Early Hints", "RFC 8297";
    OK = 200, "OK", "RFC 9110 §15.3.1";
    CREATED = 201, "Created", "RFC 9110 §15.3.2";
    ACCEPTED = 202, "Accepted", "RFC 9110 §15.3.3";
    NON_AUTHORITATIVE_INFORMATION = 203, "Non-Authoritative Information", "RFC 9110 §15.3.4";
    NO_CONTENT = 204, "No Content", "RFC 9110 §15.3.5";
    RESET_CONTENT = 205, "Reset Content", "RFC 9110 §15.3.6";
    PARTIAL_CONTENT = 206, "Partial Content", "RFC 9110 §15.3.7";
    MULTI_STATUS = 207, "Multi-Status", "RFC 4918";
    ALREADY_REPORTED = 208, "Already Reported", "RFC 5842";
    IM_USED = 226, "IM Used", "RFC 3229";
    MULTIPLE_CHOICES = 300, "Multiple Choices", "RFC 9110 §15.4.1";
    MOVED_PERMANENTLY = 301, "Moved Permanently", "RFC 9110 §15.4.2";
    FOUND = 302, "Found", "RFC 9110 §15.4.3";
    SEE_OTHER = 303, "See Other", "RFC 9110 §15.4.4";
    NOT_MODIFIED = 304, "Not Modified", "RFC 9110 §15.4.5";
    USE_PROXY = 305, "Use Proxy", "RFC 9110 §15.4.6";
    TEMPORARY_REDIRECT = 307, "Temporary Redirect", "RFC 9110 §15.4.8";
    PERMANENT_REDIRECT = 308, "Permanent Redirect", "RFC 9110 §15.4.9";
    BAD_REQUEST = 400, "Bad Request", "RFC 9110 §15.5.1";
    UNAUTHORIZED = 401, "Unauthorized", "RFC 9110 §15.5.2";
    PAYMENT_REQUIRED = 402, "Payment Required", "RFC 9110 §15.5.3";
    FORBIDDEN = 403, "Forbidden", "RFC 9110 §15.5.4";
    NOT_FOUND = 404, "Not Found", "RFC 9110 §15.5.5";
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed", "RFC 9110 §15.5.6";
    NOT_ACCEPTABLE = 406, "Not Acceptable", "RFC 9110 §15.5.7";
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required", "RFC 9110 §15.5.8";
    REQUEST_TIMEOUT = 408, "Request Timeout", "RFC 9110 §15.5.9";
    CONFLICT = 409, "Conflict", "RFC 9110 §15.5.10";
    GONE = 410, "Gone", "RFC 9110 §15.5.11";
    LENGTH_REQUIRED = 411, "Length Required", "RFC 9110 §15.5.12";
    PRECONDITION_FAILED = 412, "Precondition Failed", "RFC 9110 §15.5.13";
    CONTENT_TOO_LARGE = 413, "Content Too Large", "RFC 9110 §15.5.14";
    URI_TOO_LONG = 414, "URI Too Long", "RFC 9110 §15.5.15";
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type", "RFC 9110 §15.5.16";
    RANGE_NOT_SATISFIABLE = 416, "Range Not Satisfiable", "RFC 9110 §15.5.17";
    EXPECTATION_FAILED = 417, "Expectation Failed", "RFC 9110 §15.5.18";
    MISDIRECTED_REQUEST = 421, "Misdirected Request", "RFC 9110 §15.5.20";
    UNPROCESSABLE_CONTENT = 422, "Unprocessable Content", "RFC 9110 §15.5.21";
    LOCKED = 423, "Locked", "RFC 4918";
    FAILED_DEPENDENCY = 424, "Failed Dependency", "RFC 4918";
    TOO_EARLY = 425, "Too Early", "RFC 8470";
    UPGRADE_REQUIRED = 426, "Upgrade Required", "RFC 9110 §15.5.22";
    PRECONDITION_REQUIRED = 428, "Precondition Required", "RFC 6585";
    TOO_MANY_REQUESTS = 429, "Too Many Requests", "RFC 6585";
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large", "RFC 6585";
    UNAVAILABLE_FOR_LEGAL_REASONS = 451, "Unavailable For Legal Reasons", "RFC 7725";
    INTERNAL_SERVER_ERROR = 500, "Internal Server Error", "RFC 9110 §15.6.1";
    NOT_IMPLEMENTED = 501, "Not Implemented", "RFC 9110 §15.6.2";
    BAD_GATEWAY = 502, "Bad Gateway", "RFC 9110 §15.6.3";
    SERVICE_UNAVAILABLE = 503, "Service Unavailable", "RFC 9110 §15.6.4";
    GATEWAY_TIMEOUT = 504, "Gateway Timeout", "RFC 9110 §15.6.5";
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported", "RFC 9110 §15.6.6";
    VARIANT_ALSO_NEGOTIATES = 506, "Variant Also Negotiates", "RFC 2295";
    INSUFFICIENT_STORAGE = 507, "Insufficient Storage", "RFC 4918";
    LOOP_DETECTED = 508, "Loop Detected", "RFC 5842";
    NOT_EXTENDED = 510, "Not Extended", "RFC 2774";
    NETWORK_AUTHENTICATION_REQUIRED = 511, "Network Authentication Required", "RFC 6585";
}

impl Status {
    /// Makes a status from its code; `None` outside 100 to 999.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code <= 999 { Some(Self(code)) } else { None }
    }

    /// Returns the code, 100 to 999.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Returns the code as three ASCII digits.
    pub(crate) const fn digits(self) -> [u8; 3] {
        [self.digit(100), self.digit(10), self.digit(1)]
    }

    const fn digit(self, unit: u16) -> u8 {
        b'0' + (self.0 / unit % 10) as u8
    }

    /// Whether the code is a 1xx.
    pub const fn is_informational(self) -> bool {
        self.0 / 100 == 1
    }

    /// Whether the code is a 2xx.
    pub const fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// Whether the code is a 3xx.
    pub const fn is_redirection(self) -> bool {
        self.0 / 100 == 3
    }

    /// Whether the code is a 4xx.
    pub const fn is_client_error(self) -> bool {
        self.0 / 100 == 4
    }

    /// Whether the code is a 5xx.
    pub const fn is_server_error(self) -> bool {
        self.0 / 100 == 5
    }
}

/// `200 OK`.
impl Default for Status {
    fn default() -> Self {
        Self::OK
    }
}

/// Outside 100 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidStatus;

impl fmt::Display for InvalidStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status code is a number from 100 to 999")
    }
}

impl core::error::Error for InvalidStatus {}

impl TryFrom<u16> for Status {
    type Error = InvalidStatus;
    fn try_from(code: u16) -> Result<Self, InvalidStatus> {
        Self::new(code).ok_or(InvalidStatus)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

impl PartialEq<u16> for Status {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

/// `404 Not Found`; the code alone when it is not registered.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.0),
            reason => write!(f, "{} {reason}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn codes_are_three_digits() {
        for code in 0..=u16::MAX {
            let status = Status::new(code);
            assert_eq!(status.is_some(), (100..=999).contains(&code));
            if let Some(status) = status {
                assert_eq!(core::str::from_utf8(&status.digits()), Ok(code.to_string().as_str()));
            }
        }
    }

    #[test]
    fn each_code_has_one_class_at_most() {
        for code in 100..=999 {
            let status = Status::new(code).unwrap();
            let classes = [
                status.is_informational(),
                status.is_success(),
                status.is_redirection(),
                status.is_client_error(),
                status.is_server_error(),
            ];
            let class = classes.iter().position(|&is| is).map(|at| at + 1);
            assert_eq!(class, Some(usize::from(code / 100)).filter(|&c| c < 6));
        }
    }

    #[test]
    fn the_registry_is_in_order_and_has_reasons() {
        assert!(ALL.is_sorted_by(|a, b| a < b));
        assert!(ALL.iter().all(|status| !status.reason().is_empty()));
        assert_eq!(Status::NOT_FOUND.to_string(), "404 Not Found");
        assert_eq!(Status::new(599).unwrap().to_string(), "599");
    }
}
