//! Hosts and ports (RFC 3986 §3.2.2 and §3.2.3).

use core::net::Ipv6Addr;

use crate::parse::bytes::is_reg_name;

/// Whether the bytes are the value of a `Host` field: `uri-host [ ":" port ]`, perhaps empty
/// (RFC 9110 §7.2, RFC 3986 §3.2.2). User information is refused, and so are zone identifiers.
///
/// ```
/// use anyloop_core::head::is_host;
///
/// assert!(is_host(b"example.com:8080") && is_host(b"[::1]:80") && is_host(b""));
/// assert!(!is_host(b"user@example.com") && !is_host(b"a b") && !is_host(b"a:b"));
/// ```
pub fn is_host(value: &[u8]) -> bool {
    // Nearly every host is a name without escapes, and perhaps a port.
    let name = value.iter().position(|&byte| !is_reg_name(byte)).unwrap_or(value.len());
    match &value[name..] {
        [] => true,
        [b':', port @ ..] => port.iter().all(u8::is_ascii_digit),
        [..] => split(value).is_some_and(|(_, port)| port.unwrap_or_default().iter().all(u8::is_ascii_digit)),
    }
}

/// Whether the bytes are `uri-host ":" port` with neither of them empty and the port a number from 1 to 65535
/// (RFC 9112 §3.2.3, RFC 9110 §9.3.6).
pub(super) fn is_host_and_port(value: &[u8]) -> bool {
    split(value).is_some_and(|(host, port)| !host.is_empty() && port.is_some_and(is_port))
}

/// Whether the bytes are the authority of an `http` URI: a host that is not empty, perhaps a port
/// (RFC 9110 §4.2.1; user information is refused, §4.2.4).
pub(super) fn is_http_authority(value: &[u8]) -> bool {
    split(value).is_some_and(|(host, port)| {
        !host.is_empty() && port.unwrap_or_default().iter().all(u8::is_ascii_digit)
    })
}

fn is_port(digits: &[u8]) -> bool {
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(u16::from(digit))
    });
    number.is_some_and(|number| number > 0)
}

/// Splits a valid host from what follows its colon.
fn split(value: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let end = if value.first() == Some(&b'[') {
        let end = memchr::memchr(b']', value)?;
        is_ip_literal(&value[1..end]).then_some(end + 1)?
    } else {
        let end = memchr::memchr(b':', value).unwrap_or(value.len());
        is_registered_name(&value[..end]).then_some(end)?
    };
    match &value[end..] {
        [] => Some((&value[..end], None)),
        [b':', port @ ..] => Some((&value[..end], Some(port))),
        [..] => None,
    }
}

/// `reg-name`; an IPv4 address is one too.
fn is_registered_name(name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            [byte, after @ ..] if is_reg_name(*byte) => after,
            [..] => return false,
        };
    }
}

/// What stands between the brackets of an `IP-literal`.
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = literal {
        let Some(dot) = memchr::memchr(b'.', future) else { return false };
        let (version, address) = (&future[..dot], &future[dot + 1..]);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|&byte| is_reg_name(byte) || byte == b':');
    }
    core::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &[&str] = &[
        "",
        "a",
        "example.com",
        "EXAMPLE.com.",
        "example.com:80",
        "example.com:",
        ":80",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::]",
        "[::1]:443",
        "[2001:db8::7]",
        "[::ffff:192.0.2.1]:1",
        "[v1.fe80::a+en1]",
        "[V1F.x]",
        "a_b-c~d!$&'()*+,;=",
        "%41b",
        "a:99999",
    ];
    const INVALID: &[&str] = &[
        " ",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "u@h",
        "a:b",
        "a:8o",
        "a:80:80",
        "[::1",
        "::1",
        "[::1]x",
        "[::1%25eth0]",
        "[]",
        "[1.2.3.4]",
        "[v.x]",
        "[v1.]",
        "[vg.x]",
        "[v1]",
        "%4",
        "%zz",
        "a%",
        "a\\b",
        "a\"",
        "a<b>",
        "é",
        "a\tb",
        "a[b]",
        "[::1]:-1",
        "a,b c",
    ];

    #[test]
    fn hosts_follow_the_grammar() {
        for host in VALID {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in INVALID {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn connect_needs_a_host_and_a_port() {
        for valid in ["a:1", "a:65535", "[::1]:443", "a:00080"] {
            assert!(is_host_and_port(valid.as_bytes()), "{valid}");
        }
        for invalid in ["a", "a:", ":1", "a:0", "a:65536", "a:+1", "u@a:1", ""] {
            assert!(!is_host_and_port(invalid.as_bytes()), "{invalid}");
        }
    }
}
