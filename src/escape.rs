//! Text that comes from outside, made safe for HTML.

use std::borrow::Cow;

/// Escapes text for HTML, as content and as a quoted attribute value: `&`, `<`, `>`, `"` and `'`. Text without any of
/// them is not copied.
///
/// ```
/// assert_eq!(anyloop::escape_html("<b>R&D</b>"), "&lt;b&gt;R&amp;D&lt;/b&gt;");
/// ```
pub fn escape_html(text: &str) -> Cow<'_, str> {
    let Some(first) = text.bytes().position(|byte| entity(byte).is_some()) else {
        return Cow::Borrowed(text);
    };
    let mut escaped = String::with_capacity(text.len() + 16);
    let (mut rest, mut at) = (text, first);
    loop {
        let (plain, tail) = rest.split_at(at);
        escaped.push_str(plain);
        let Some(entity) = tail.bytes().next().and_then(entity) else { break };
        escaped.push_str(entity);
        rest = &tail[1..];
        at = rest.bytes().position(|byte| self::entity(byte).is_some()).unwrap_or(rest.len());
    }
    Cow::Owned(escaped)
}

/// All of them are ASCII, so that a text may be cut on either side.
fn entity(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'"' => "&quot;",
        b'\'' => "&#39;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_character_everywhere() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("<", "&lt;"),
            ("<>&\"'", "&lt;&gt;&amp;&quot;&#39;"),
            ("a<b", "a&lt;b"),
            ("a<", "a&lt;"),
            ("é<é&é", "é&lt;é&amp;é"),
            ("&amp;", "&amp;amp;"),
        ] {
            assert_eq!(escape_html(text), expected, "{text:?}");
        }
        assert!(matches!(escape_html("nothing special"), Cow::Borrowed(_)));
    }
}
