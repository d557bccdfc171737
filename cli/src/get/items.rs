//! The words of the command line: URLs, and items of a request.

use anyloop::client::Url;
use anyloop::{HeaderName, HeaderValue, Headers};
use serde::de::IgnoredAny;

/// What the words say.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) urls: Vec<String>,
    pub(super) fields: Headers,
    /// Names with text or JSON, in their order.
    pub(super) members: Vec<(String, Value)>,
}

/// What a member of the body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// JSON as it was written.
    Json(String),
}

/// A body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Json(String),
    Form(Vec<(String, String)>),
}

impl Words {
    /// Tells URLs from items: the first word is a URL, as is each with a scheme in front.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let mut this = Self::default();
        for (at, word) in words.iter().enumerate() {
            if at == 0 || has_scheme(word) {
                this.urls.push(word.clone());
            } else {
                this.item(word)?;
            }
        }
        Ok(this)
    }

    /// The first `:=`, `=` or `:` divides an item.
    fn item(&mut self, word: &str) -> Result<(), String> {
        let Some(at) = word.find([':', '=']) else {
            return Err(format!("'{word}' is neither a URL nor an item such as name=text or Name:value"));
        };
        let (name, rest) = word.split_at(at);
        if let Some(json) = rest.strip_prefix(":=") {
            serde_json::from_str::<IgnoredAny>(json)
                .map_err(|error| format!("'{word}': no JSON: {error}"))?;
            self.members.push((name.into(), Value::Json(json.into())));
        } else if let Some(text) = rest.strip_prefix('=') {
            self.members.push((name.into(), Value::Text(text.into())));
        } else {
            self.field(word)?;
        }
        Ok(())
    }

    /// Takes a field, `Name:value` with blanks around the value or none.
    pub(super) fn field(&mut self, text: &str) -> Result<(), String> {
        let (name, value) =
            text.split_once(':').ok_or_else(|| format!("'{text}' is no field such as 'Name: value'"))?;
        let name = HeaderName::with_case(name.as_bytes()).map_err(|error| format!("'{text}': {error}"))?;
        let value = HeaderValue::copy_from(value.as_bytes()).map_err(|error| format!("'{text}': {error}"))?;
        self.fields.append(name, value).map_err(|error| format!("'{text}': {error}"))?;
        Ok(())
    }

    /// Makes a body of the members; `None` when there are none.
    pub(super) fn content(&self, form: bool) -> Result<Option<Content>, String> {
        if self.members.is_empty() {
            return Ok(None);
        }
        if form { self.form().map(Content::Form) } else { self.json().map(Content::Json) }.map(Some)
    }

    fn form(&self) -> Result<Vec<(String, String)>, String> {
        let pair = |(name, value): &(String, Value)| match value {
            Value::Text(text) => Ok((name.clone(), text.clone())),
            Value::Json(_) => Err(format!("'{name}:=' is JSON, which a form does not have; write '{name}='")),
        };
        self.members.iter().map(pair).collect()
    }

    /// The members are written as they came, so that numbers keep all their digits.
    fn json(&self) -> Result<String, String> {
        let mut object = String::from("{");
        for (at, (name, value)) in self.members.iter().enumerate() {
            if self.members[..at].iter().any(|(other, _)| other == name) {
                return Err(format!("'{name}' is given twice, which an object of JSON does not have"));
            }
            if at > 0 {
                object.push(',');
            }
            object.push_str(&quoted(name));
            object.push(':');
            match value {
                Value::Text(text) => object.push_str(&quoted(text)),
                Value::Json(json) => object.push_str(json),
            }
        }
        object.push('}');
        Ok(object)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether the text begins as `http://` does (RFC 3986 §3.1).
pub(super) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Reads an address; without a scheme it is http.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let parsed = if has_scheme(text) { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let url = parsed.map_err(|error| format!("no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the scheme is neither http nor https".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Words, String> {
        Words::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_word_and_those_with_a_scheme_are_urls() {
        for (words, urls) in [
            (&["a.example"][..], &["a.example"][..]),
            (&["a.example/x?y=z"], &["a.example/x?y=z"]),
            (&["localhost:80"], &["localhost:80"]),
            (&["http://a/", "https://b/", "a=b"], &["http://a/", "https://b/"]),
            (&["a.example", "http://b/"], &["a.example", "http://b/"]),
            (&["a", "u=http://b/", "Referer:http://c/", "j:=\"http://d/\""], &["a"]),
        ] {
            assert_eq!(parse(words).unwrap().urls, urls, "{words:?}");
        }
    }

    #[test]
    fn the_first_separator_divides() {
        let text = |text: &str| Value::Text(text.into());
        let json = |text: &str| Value::Json(text.into());
        for (word, name, value) in [
            ("a=b", "a", text("b")),
            ("a=", "a", text("")),
            ("=b", "", text("b")),
            ("a==b", "a", text("=b")),
            ("time=10:30", "time", text("10:30")),
            ("a=:=1", "a", text(":=1")),
            ("a b=\u{e4}\n", "a b", text("\u{e4}\n")),
            ("n:=1", "n", json("1")),
            ("n:=[1, {\"a\": null}]", "n", json("[1, {\"a\": null}]")),
            ("n:=12345678901234567890123", "n", json("12345678901234567890123")),
            ("n:=\"a=b\"", "n", json("\"a=b\"")),
        ] {
            assert_eq!(parse(&["u", word]).unwrap().members, [(name.to_string(), value)], "{word}");
        }
        for (word, name, value) in [
            ("X-A:b", "X-A", "b"),
            ("x-a: b ", "x-a", "b"),
            ("A:", "A", ""),
            ("A:b=c", "A", "b=c"),
            ("A::b", "A", ":b"),
        ] {
            let words = parse(&["u", word]).unwrap();
            assert_eq!(words.members, [], "{word}");
            let fields: Vec<_> = words.fields.iter().collect();
            assert_eq!(fields, [(name, value.as_bytes())], "{word}");
        }
    }

    #[test]
    fn what_is_no_item() {
        for word in
            ["word", "", ":v", "a b:c", "A:x\r\ny: z", "A:\0", "n:=", "n:={", "n:=1 2", "n:=+1", "\u{e4}:b"]
        {
            assert!(parse(&["u", word]).is_err(), "{word:?}");
        }
    }

    #[test]
    fn members_are_json_or_a_form() {
        let words = parse(&["u", "a=\"x\"", "n:=1.50", "A:b", "l:=[ 1 ]"]).unwrap();
        let json = r#"{"a":"\"x\"","n":1.50,"l":[ 1 ]}"#;
        assert_eq!(words.content(false), Ok(Some(Content::Json(json.into()))));
        assert!(words.content(true).is_err());
        let words = parse(&["u", "a=1", "a=2"]).unwrap();
        let pairs = vec![("a".into(), "1".into()), ("a".into(), "2".into())];
        assert_eq!(words.content(true), Ok(Some(Content::Form(pairs))));
        assert!(words.content(false).is_err());
        for form in [true, false] {
            assert_eq!(parse(&["u", "A:b"]).unwrap().content(form), Ok(None));
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("a.example", "http://a.example/"),
            ("localhost:8888/x", "http://localhost:8888/x"),
            ("a/?u=http://b", "http://a/?u=http://b"),
            ("https://a", "https://a/"),
            ("HTTP://A/", "http://a/"),
        ] {
            assert_eq!(url(text).unwrap().as_str(), expected);
        }
        for text in ["", "http://", "ftp://a/", "file:///etc/passwd", "a b", "http://a:x/", "://a"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
