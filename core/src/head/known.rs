//! Field names that the library or most programs look for.

use wide::u8x16;

/// A field name with a number, so that looking for it costs no comparison of text.
///
/// Parsing marks the fields that have one; names are sent in lower case (case does not count, RFC 9110 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Known {
    /// `accept`
    Accept = 1,
    /// `accept-encoding`
    AcceptEncoding,
    /// `accept-language`
    AcceptLanguage,
    /// `accept-ranges`
    AcceptRanges,
    /// `access-control-allow-origin`
    AccessControlAllowOrigin,
    /// `age`
    Age,
    /// `allow`
    Allow,
    /// `alt-svc`
    AltSvc,
    /// `authorization`
    Authorization,
    /// `cache-control`
    CacheControl,
    /// `connection`
    Connection,
    /// `content-disposition`
    ContentDisposition,
    /// `content-encoding`
    ContentEncoding,
    /// `content-language`
    ContentLanguage,
    /// `content-length`
    ContentLength,
    /// `content-location`
    ContentLocation,
    /// `content-range`
    ContentRange,
    /// `content-type`
    ContentType,
    /// `cookie`
    Cookie,
    /// `date`
    Date,
    /// `etag`
    Etag,
    /// `expect`
    Expect,
    /// `expires`
    Expires,
    /// `forwarded`
    Forwarded,
    /// `host`
    Host,
    /// `if-match`
    IfMatch,
    /// `if-modified-since`
    IfModifiedSince,
    /// `if-none-match`
    IfNoneMatch,
    /// `if-range`
    IfRange,
    /// `if-unmodified-since`
    IfUnmodifiedSince,
    /// `keep-alive`
    KeepAlive,
    /// `last-modified`
    LastModified,
    /// `link`
    Link,
    /// `location`
    Location,
    /// `max-forwards`
    MaxForwards,
    /// `origin`
    Origin,
    /// `pragma`
    Pragma,
    /// `proxy-authenticate`
    ProxyAuthenticate,
    /// `proxy-authorization`
    ProxyAuthorization,
    /// `proxy-connection`
    ProxyConnection,
    /// `range`
    Range,
    /// `referer`
    Referer,
    /// `retry-after`
    RetryAfter,
    /// `sec-websocket-accept`
    SecWebsocketAccept,
    /// `sec-websocket-extensions`
    SecWebsocketExtensions,
    /// `sec-websocket-key`
    SecWebsocketKey,
    /// `sec-websocket-protocol`
    SecWebsocketProtocol,
    /// `sec-websocket-version`
    SecWebsocketVersion,
    /// `server`
    Server,
    /// `set-cookie`
    SetCookie,
    /// `strict-transport-security`
    StrictTransportSecurity,
    /// `te`
    Te,
    /// `trailer`
    Trailer,
    /// `transfer-encoding`
    TransferEncoding,
    /// `upgrade`
    Upgrade,
    /// `user-agent`
    UserAgent,
    /// `vary`
    Vary,
    /// `via`
    Via,
    /// `www-authenticate`
    WwwAuthenticate,
    /// `x-forwarded-for`
    XForwardedFor,
    /// `x-forwarded-proto`
    XForwardedProto,
    /// `x-request-id`
    XRequestId,
}

/// In the order of their numbers, which start at 1.
const ALL: &[Known] = &[
    Known::Accept,
    Known::AcceptEncoding,
    Known::AcceptLanguage,
    Known::AcceptRanges,
    Known::AccessControlAllowOrigin,
    Known::Age,
    Known::Allow,
    Known::AltSvc,
    Known::Authorization,
    Known::CacheControl,
    Known::Connection,
    Known::ContentDisposition,
    Known::ContentEncoding,
    Known::ContentLanguage,
    Known::ContentLength,
    Known::ContentLocation,
    Known::ContentRange,
    Known::ContentType,
    Known::Cookie,
    Known::Date,
    Known::Etag,
    Known::Expect,
    Known::Expires,
    Known::Forwarded,
    Known::Host,
    Known::IfMatch,
    Known::IfModifiedSince,
    Known::IfNoneMatch,
    Known::IfRange,
    Known::IfUnmodifiedSince,
    Known::KeepAlive,
    Known::LastModified,
    Known::Link,
    Known::Location,
    Known::MaxForwards,
    Known::Origin,
    Known::Pragma,
    Known::ProxyAuthenticate,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Range,
    Known::Referer,
    Known::RetryAfter,
    Known::SecWebsocketAccept,
    Known::SecWebsocketExtensions,
    Known::SecWebsocketKey,
    Known::SecWebsocketProtocol,
    Known::SecWebsocketVersion,
    Known::Server,
    Known::SetCookie,
    Known::StrictTransportSecurity,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::UserAgent,
    Known::Vary,
    Known::Via,
    Known::WwwAuthenticate,
    Known::XForwardedFor,
    Known::XForwardedProto,
    Known::XRequestId,
];

impl Known {
    /// How many there are.
    pub(crate) const COUNT: usize = ALL.len();

    /// Returns the name in lower case.
    #[inline]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::AcceptEncoding => "accept-encoding",
            Self::AcceptLanguage => "accept-language",
            Self::AcceptRanges => "accept-ranges",
            Self::AccessControlAllowOrigin => "access-control-allow-origin",
            Self::Age => "age",
            Self::Allow => "allow",
            Self::AltSvc => "alt-svc",
            Self::Authorization => "authorization",
            Self::CacheControl => "cache-control",
            Self::Connection => "connection",
            Self::ContentDisposition => "content-disposition",
            Self::ContentEncoding => "content-encoding",
            Self::ContentLanguage => "content-language",
            Self::ContentLength => "content-length",
            Self::ContentLocation => "content-location",
            Self::ContentRange => "content-range",
            Self::ContentType => "content-type",
            Self::Cookie => "cookie",
            Self::Date => "date",
            Self::Etag => "etag",
            Self::Expect => "expect",
            Self::Expires => "expires",
            Self::Forwarded => "forwarded",
            Self::Host => "host",
            Self::IfMatch => "if-match",
            Self::IfModifiedSince => "if-modified-since",
            Self::IfNoneMatch => "if-none-match",
            Self::IfRange => "if-range",
            Self::IfUnmodifiedSince => "if-unmodified-since",
            Self::KeepAlive => "keep-alive",
            Self::LastModified => "last-modified",
            Self::Link => "link",
            Self::Location => "location",
            Self::MaxForwards => "max-forwards",
            Self::Origin => "origin",
            Self::Pragma => "pragma",
            Self::ProxyAuthenticate => "proxy-authenticate",
            Self::ProxyAuthorization => "proxy-authorization",
            Self::ProxyConnection => "proxy-connection",
            Self::Range => "range",
            Self::Referer => "referer",
            Self::RetryAfter => "retry-after",
            Self::SecWebsocketAccept => "sec-websocket-accept",
            Self::SecWebsocketExtensions => "sec-websocket-extensions",
            Self::SecWebsocketKey => "sec-websocket-key",
            Self::SecWebsocketProtocol => "sec-websocket-protocol",
            Self::SecWebsocketVersion => "sec-websocket-version",
            Self::Server => "server",
            Self::SetCookie => "set-cookie",
            Self::StrictTransportSecurity => "strict-transport-security",
            Self::Te => "te",
            Self::Trailer => "trailer",
            Self::TransferEncoding => "transfer-encoding",
            Self::Upgrade => "upgrade",
            Self::UserAgent => "user-agent",
            Self::Vary => "vary",
            Self::Via => "via",
            Self::WwwAuthenticate => "www-authenticate",
            Self::XForwardedFor => "x-forwarded-for",
            Self::XForwardedProto => "x-forwarded-proto",
            Self::XRequestId => "x-request-id",
        }
    }

    /// Returns the name that these bytes are in any case of letters.
    pub const fn from_bytes(name: &[u8]) -> Option<Self> {
        let [first, .., last] = name else { return None };
        match Self::from_number(SLOTS[slot(name.len(), *first, *last, SEED)].number) {
            Some(known) if eq_ignore_case(known.as_str().as_bytes(), name) => Some(known),
            Some(_) | None => None,
        }
    }

    /// The same as [`Known::from_bytes`], which is for the compiler, at run time.
    pub(crate) fn find(name: &[u8]) -> Option<Self> {
        let [first, .., last] = name else { return None };
        let known = Self::from_number(SLOTS[slot(name.len(), *first, *last, SEED)].number)?;
        known.as_str().as_bytes().eq_ignore_ascii_case(name).then_some(known)
    }

    /// Returns the number of a name that the block begins with, 0 when it has none. The caller knows that no byte of it is a
    /// control character but HTAB.
    #[inline(always)]
    pub(crate) fn number_of(block: u8x16, name: &[u8]) -> u8 {
        let [first, ..] = name else { return 0 };
        let [.., last] = name else { return 0 };
        let Slot { number, len, behind } = SLOTS[slot(name.len(), *first, *last, SEED)];
        if usize::from(len) != name.len() {
            return 0;
        }
        let known = &STARTS[usize::from(number) % STARTS.len()];
        // Letters and hyphens, of which names are made, are equal but for the bit 0x20 to themselves and to control
        // characters that are not there.
        let same = (block | u8x16::splat(0x20)).simd_eq(u8x16::new(*known)).to_bitmask();
        if same | u32::from(behind) == 0xffff { number } else { 0 }
    }

    /// Returns the number, never 0.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the name of a number; 0 has none.
    #[inline]
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        if number == 0 || number as usize > ALL.len() { None } else { Some(ALL[number as usize - 1]) }
    }
}

/// A set of known names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownSet(
    /// A bit for each number; the lowest stands for names without one and is in no set.
    u64,
);

impl KnownSet {
    /// The set of no name.
    pub const NONE: Self = Self(0);

    /// Returns the set with one more name.
    #[must_use]
    pub const fn with(self, name: Known) -> Self {
        Self(self.0 | 1 << name.number())
    }

    /// Whether the name is in the set.
    #[inline]
    pub const fn has(self, name: Known) -> bool {
        self.0 & 1 << name.number() != 0
    }

    /// Returns a bit for each number.
    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

const SLOT_BITS: u32 = 9;
/// Multiplier that gives each known name a slot of its own.
const SEED: u32 = find_seed();
/// The only name that may stand in each slot.
static SLOTS: [Slot; 1 << SLOT_BITS] = fill(SEED).0;

/// A name, or none.
#[derive(Clone, Copy)]
struct Slot {
    number: u8,
    len: u8,
    /// A bit for each of 16 bytes that is not of the name when they begin with it, the first one lowest.
    behind: u16,
}

/// Length, first and last letter tell all known names apart.
const fn slot(len: usize, first: u8, last: u8, seed: u32) -> usize {
    let key = (len as u32) << 16 | ((first | 0x20) as u32) << 8 | (last | 0x20) as u32;
    (key.wrapping_mul(seed) >> (32 - SLOT_BITS)) as usize
}

/// The first 16 bytes of each name by its number, in lower case. There are as many entries as a power of two has, so that no
/// place in them has to be checked.
static STARTS: [[u8; 16]; (ALL.len() + 1).next_power_of_two()] = starts();

const fn starts() -> [[u8; 16]; (ALL.len() + 1).next_power_of_two()] {
    let mut starts = [[0; 16]; (ALL.len() + 1).next_power_of_two()];
    let mut i = 0;
    while i < ALL.len() {
        let name = ALL[i].as_str().as_bytes();
        let mut at = 0;
        while at < 16 && at < name.len() {
            starts[i + 1][at] = name[at];
            at += 1;
        }
        i += 1;
    }
    starts
}

const fn fill(seed: u32) -> ([Slot; 1 << SLOT_BITS], bool) {
    let mut slots = [Slot { number: 0, len: 0, behind: 0 }; 1 << SLOT_BITS];
    let mut i = 0;
    while i < ALL.len() {
        let name = ALL[i].as_str().as_bytes();
        let slot = &mut slots[slot(name.len(), name[0], name[name.len() - 1], seed)];
        if slot.number != 0 {
            return (slots, false);
        }
        let behind = if name.len() < 16 { u16::MAX << name.len() } else { 0 };
        *slot = Slot { number: ALL[i].number(), len: name.len() as u8, behind };
        i += 1;
    }
    (slots, true)
}

const fn find_seed() -> u32 {
    let mut seed = 0x9e37_79b1;
    while !fill(seed).1 {
        seed = seed.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35e) | 1;
    }
    seed
}

const fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if !a[i].eq_ignore_ascii_case(&b[i]) {
            return false;
        }
        i += 1;
    }
    true
}

impl core::fmt::Display for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fast way makes of a name of at most 15 bytes before other bytes.
    fn fast(name: &[u8]) -> Option<Known> {
        let bytes = [name, &b": content-length"[..]].concat();
        let number = Known::number_of(u8x16::new(*bytes.first_chunk().unwrap()), name);
        Known::from_number(number)
    }

    #[test]
    fn names_that_contain_each_other_are_told_apart() {
        for name in ["age", "xage", "agex", "-type", "ontent-type", "content-typ", "", "t"] {
            assert_eq!(fast(name.as_bytes()), Known::from_bytes(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn each_name_is_found_in_any_case() {
        for (i, &known) in ALL.iter().enumerate() {
            let name = known.as_str();
            assert_eq!(usize::from(known.number()), i + 1);
            assert_eq!(Known::from_number(known.number()), Some(known));
            assert_eq!(Known::from_bytes(name.as_bytes()), Some(known));
            assert_eq!(Known::from_bytes(name.to_ascii_uppercase().as_bytes()), Some(known));
            assert_eq!(Known::find(name.to_ascii_uppercase().as_bytes()), Some(known));
            if name.len() < 16 {
                assert_eq!(fast(name.as_bytes()), Some(known));
                assert_eq!(fast(name.to_ascii_uppercase().as_bytes()), Some(known));
            }
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn the_fast_way_is_the_slow_way_without_control_characters() {
        for &known in ALL.iter().filter(|known| known.as_str().len() < 16) {
            for at in 0..known.as_str().len() {
                for byte in (0x20..=u8::MAX).filter(|&byte| byte != 0x7f) {
                    let mut name = alloc::vec::Vec::from(known.as_str());
                    name[at] = byte;
                    assert_eq!(fast(&name), Known::from_bytes(&name), "{}", name.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn near_misses_are_not_known() {
        for name in ["", "h", "hosu", "hoat", "Host ", "transfer_encoding", "content-lengtH2", "x-custom"] {
            assert_eq!(
                (Known::from_bytes(name.as_bytes()), Known::find(name.as_bytes())),
                (None, None),
                "{name}"
            );
        }
        for &known in ALL {
            let mut name = alloc::vec::Vec::from(known.as_str());
            let middle = name.len() / 2;
            name[middle] ^= 0x80;
            assert_eq!(Known::from_bytes(&name), None);
        }
    }
}
