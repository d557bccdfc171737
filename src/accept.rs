//! What a client would like to get.

use anyloop_core::head::{Headers, Known};

/// Returns how much a client wants a media type, by its `Accept` fields: from 0, not at all, to 1000 (RFC 9110 §12.5.1).
///
/// The most specific range that matches decides: `text/html` before `text/*` before `*/*`. Ranges with parameters of
/// their own, `text/html;level=1`, match no bare type. Without `Accept` everything is welcome; a weight that is none
/// makes its range count for nothing.
///
/// ```
/// use anyloop::{Headers, accept_quality};
///
/// let mut headers = Headers::new();
/// headers.append("Accept", "text/*;q=0.5, text/html, */*;q=0.1")?;
/// assert_eq!(accept_quality(&headers, "text/html"), 1000);
/// assert_eq!(accept_quality(&headers, "text/plain"), 500);
/// assert_eq!(accept_quality(&headers, "application/json"), 100);
/// # Ok::<(), anyloop::InvalidHeader>(())
/// ```
pub fn accept_quality(headers: &Headers, media_type: &str) -> u16 {
    let mut best = None;
    for value in headers.all_known(Known::Accept) {
        for range in split(value, b',').filter(|range| !range.is_empty()) {
            best = best.max(weigh(range, media_type));
        }
    }
    match best {
        Some((_, quality)) => quality,
        None if headers.known(Known::Accept).is_none_or(<[u8]>::is_empty) => 1000,
        None => 0,
    }
}

/// How specific a range is; the greatest that matches decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Anything,
    Type,
    Exact,
}

fn weigh(range: &[u8], media_type: &str) -> Option<(Precision, u16)> {
    let mut parts = split(range, b';');
    let precision = precision(parts.next()?, media_type.as_bytes())?;
    match parts.find(|parameter| !parameter.is_empty()) {
        None => Some((precision, 1000)),
        Some([b'q' | b'Q', b'=', weight @ ..]) => Some((precision, quality(weight)?)),
        Some(_) => None,
    }
}

fn precision(range: &[u8], media_type: &[u8]) -> Option<Precision> {
    if range == b"*/*" {
        return Some(Precision::Anything);
    }
    if range.eq_ignore_ascii_case(media_type) {
        return Some(Precision::Exact);
    }
    let of_type = range.strip_suffix(b"*").filter(|start| start.ends_with(b"/"))?;
    let start = media_type.get(..of_type.len())?;
    start.eq_ignore_ascii_case(of_type).then_some(Precision::Type)
}

/// Parses a weight (RFC 9110 §12.4.2): `0`, `0.` or `1`, and at most three digits.
fn quality(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [whole @ (b'0' | b'1')] => (*whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return None,
    };
    let mut thousandths = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        thousandths = thousandths * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (thousandths <= 1000).then_some(thousandths)
}

/// Cuts a value at a separator outside quoted strings (RFC 9110 §5.6.4) and trims the parts.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |&byte| {
            let was_escaped = escaped;
            escaped = quoted && !was_escaped && byte == b'\\';
            if byte == b'"' && !was_escaped {
                quoted = !quoted;
            }
            byte == separator && !quoted
        })
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&'static str]) -> Headers {
        let mut headers = Headers::new();
        for value in values {
            headers.append("accept", *value).unwrap();
        }
        headers
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (values, html, json) in [
            (&[][..], 1000, 1000),
            (&[""], 1000, 1000),
            (&["*/*"], 1000, 1000),
            (&["text/html"], 1000, 0),
            (&["TEXT/HTML"], 1000, 0),
            (&["text/*"], 1000, 0),
            (&["text/*;q=0.3, text/html;q=0.7"], 700, 0),
            (&["text/html;q=0.7", "text/*;q=0.3"], 700, 0),
            (&["text/html;q=0, */*"], 0, 1000),
            (&["application/json, text/html;q=0.999"], 999, 1000),
            (&["text/html ; q=0.5 , application/json;Q=1.000"], 500, 1000),
            (&["text/html;level=1, */*;q=0.2"], 200, 200),
            (&["text/html;x=\"a,b;q=1\";q=1, */*;q=0.4"], 400, 400),
            (&["text/x;y=\"\\\",text/html\", application/json"], 0, 1000),
            (&["text/html;q=2, text/html;q=0.1234, text/html;q=x, text/html;q=+1"], 0, 0),
            (&["text/html;q=1.001"], 0, 0),
            (&["text/html;q=0."], 0, 0),
            (&["text/html;q=1., ,"], 1000, 0),
            (&["text/htm", "tex/*", "/*", "*"], 0, 0),
        ] {
            let headers = accept(values);
            let found = (accept_quality(&headers, "text/html"), accept_quality(&headers, "application/json"));
            assert_eq!(found, (html, json), "{values:?}");
        }
    }
}
