//! Route patterns, and what can be wrong with them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt;

use super::path::{FindError, rewrite};

/// A pattern that was not taken into a table of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// Two routes match exactly the same requests.
    Conflict {
        /// The route that was refused.
        new: Box<str>,
        /// The route that was there before.
        old: Box<str>,
    },
    /// The pattern is not one.
    Malformed {
        /// The pattern as it was given.
        pattern: Box<str>,
        /// What is wrong with it.
        fault: PatternFault,
    },
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { new, old } => write!(f, "the route `{new}` conflicts with the route `{old}`"),
            Self::Malformed { pattern, fault } => write!(f, "the route `{pattern}` is malformed: {fault}"),
        }
    }
}

impl core::error::Error for InsertError {}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatternFault {
    /// It does not begin with `/`.
    NoSlash,
    /// A `{` that no `}` follows in its segment.
    Unclosed,
    /// A `}` that no `{` precedes.
    Unopened,
    /// `{}` or `{*}`.
    NameMissing,
    /// A name with something else than letters, digits, `_` and `-`.
    Name,
    /// A name that stands twice.
    NameRepeated,
    /// A parameter that shares its segment with text or with another parameter.
    PartialSegment,
    /// A `{*rest}` that is not the last segment, or that stands in the prefix of a nested table.
    RestNotLast,
    /// A `?` or `#`, which no path holds.
    Delimiter,
    /// Static text that no path decodes to.
    Text(FindError),
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "it does not begin with `/`",
            Self::Unclosed => "a `{` is not closed in its segment (`{{` stands for a plain brace)",
            Self::Unopened => "a `}` was not opened in its segment (`}}` stands for a plain brace)",
            Self::NameMissing => "a parameter has no name",
            Self::Name => "the name of a parameter has something else than letters, digits, `_` and `-`",
            Self::NameRepeated => "two parameters have the same name",
            Self::PartialSegment => "a parameter must be a whole segment",
            Self::RestNotLast => "`{*rest}` can only be the last segment",
            Self::Delimiter => "`?` and `#` are no part of a path",
            Self::Text(error) => return error.fmt(f),
        })
    }
}

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As it was written.
    pub(super) text: Box<str>,
    pub(super) parts: Vec<Part>,
    pub(super) names: Vec<Box<str>>,
    /// Equal for patterns that match the same paths.
    pub(super) shape: Box<str>,
}

/// A piece of a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Canonical text, slashes included.
    Static(Vec<u8>),
    /// One non-empty segment.
    Param,
    /// The non-empty remainder.
    Rest,
}

enum Segment<'p> {
    Static(String),
    Param(&'p str),
    Rest(&'p str),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, InsertError> {
        let mut pattern =
            Self { text: text.into(), parts: Vec::new(), names: Vec::new(), shape: Box::default() };
        match pattern.read() {
            Ok(()) => Ok(pattern),
            Err(fault) => Err(malformed(text, fault)),
        }
    }

    /// Parses the prefix under which a table is nested: a pattern without `{*rest}`.
    pub(super) fn parse_prefix(text: &str) -> Result<Self, InsertError> {
        let pattern = Self::parse(text)?;
        if pattern.parts.contains(&Part::Rest) {
            return Err(malformed(text, PatternFault::RestNotLast));
        }
        Ok(pattern)
    }

    /// Returns the patterns of everything at and below `prefix`; the remainder has no name.
    pub(super) fn subtree(prefix: &str) -> Result<Vec<Self>, InsertError> {
        Self::parse_prefix(prefix)?;
        let base = prefix.strip_suffix('/').unwrap_or(prefix);
        let mut patterns = vec![Self::parse(&format!("{base}/"))?, Self::parse(&format!("{base}/"))?];
        patterns[1].parts.push(Part::Rest);
        patterns[1].names.push(Box::default());
        patterns[1].shape = shape(&patterns[1].parts);
        if !base.is_empty() {
            patterns.push(Self::parse(base)?);
        }
        for pattern in &mut patterns {
            pattern.text = prefix.into();
        }
        Ok(patterns)
    }

    pub(super) fn conflict(&self, old: &str) -> InsertError {
        InsertError::Conflict { new: self.text.clone(), old: old.into() }
    }

    fn read(&mut self) -> Result<(), PatternFault> {
        let text = self.text.clone();
        let path = text.strip_prefix('/').ok_or(PatternFault::NoSlash)?;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            push_static(&mut self.parts, b"/");
            match Segment::parse(segment)? {
                Segment::Static(text) => {
                    let text = rewrite(text.as_bytes()).map_err(PatternFault::Text)?;
                    push_static(&mut self.parts, &text);
                }
                Segment::Param(name) => {
                    self.push_name(name)?;
                    self.parts.push(Part::Param);
                }
                Segment::Rest(name) => {
                    if segments.peek().is_some() {
                        return Err(PatternFault::RestNotLast);
                    }
                    self.push_name(name)?;
                    self.parts.push(Part::Rest);
                }
            }
        }
        self.shape = shape(&self.parts);
        Ok(())
    }

    fn push_name(&mut self, name: &str) -> Result<(), PatternFault> {
        if name.is_empty() {
            return Err(PatternFault::NameMissing);
        }
        if !name.chars().all(|char| char.is_alphanumeric() || char == '_' || char == '-') {
            return Err(PatternFault::Name);
        }
        if self.names.iter().any(|known| **known == *name) {
            return Err(PatternFault::NameRepeated);
        }
        self.names.push(name.into());
        Ok(())
    }
}

impl<'p> Segment<'p> {
    fn parse(segment: &'p str) -> Result<Self, PatternFault> {
        if segment.contains(['?', '#']) {
            return Err(PatternFault::Delimiter);
        }
        if let Some(inner) = segment.strip_prefix('{')
            && !inner.starts_with('{')
        {
            return match inner.split_once('}') {
                None => Err(PatternFault::Unclosed),
                Some((name, "")) => match name.strip_prefix('*') {
                    Some(name) => Ok(Self::Rest(name)),
                    None => Ok(Self::Param(name)),
                },
                Some(_) => Err(PatternFault::PartialSegment),
            };
        }
        unescape(segment).map(Self::Static)
    }
}

/// Replaces doubled braces by single ones.
fn unescape(segment: &str) -> Result<String, PatternFault> {
    let mut text = String::with_capacity(segment.len());
    let mut rest = segment.chars();
    while let Some(char) = rest.next() {
        if char == '{' || char == '}' {
            let after = rest.as_str();
            if !after.starts_with(char) {
                return Err(match char {
                    '{' if after.contains('}') => PatternFault::PartialSegment,
                    '{' => PatternFault::Unclosed,
                    _ => PatternFault::Unopened,
                });
            }
            rest.next();
        }
        text.push(char);
    }
    Ok(text)
}

fn push_static(parts: &mut Vec<Part>, text: &[u8]) {
    if let Some(Part::Static(last)) = parts.last_mut() {
        last.extend_from_slice(text);
    } else if !text.is_empty() {
        parts.push(Part::Static(text.to_vec()));
    }
}

/// The pattern without its names, braces of static text doubled.
fn shape(parts: &[Part]) -> Box<str> {
    let mut shape = String::new();
    for part in parts {
        match part {
            Part::Static(text) => {
                shape.push_str(&String::from_utf8_lossy(text).replace('{', "{{").replace('}', "}}"));
            }
            Part::Param => shape.push_str("{}"),
            Part::Rest => shape.push_str("{*}"),
        }
    }
    shape.into()
}

/// Puts `inner` below `prefix`: the inner `/` is the prefix itself, anything else is joined by one slash.
pub(super) fn join(prefix: &str, inner: &str) -> String {
    if inner == "/" {
        return prefix.to_string();
    }
    let mut joined = String::from(prefix.strip_suffix('/').unwrap_or(prefix));
    joined.push_str(inner);
    joined
}

fn malformed(pattern: &str, fault: PatternFault) -> InsertError {
    InsertError::Malformed { pattern: pattern.into(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults() {
        let cases = [
            ("", PatternFault::NoSlash),
            ("a", PatternFault::NoSlash),
            ("*", PatternFault::NoSlash),
            ("/{", PatternFault::Unclosed),
            ("/{a", PatternFault::Unclosed),
            ("/{a/b}", PatternFault::Unclosed),
            ("/x{a", PatternFault::Unclosed),
            ("/}", PatternFault::Unopened),
            ("/a}", PatternFault::Unopened),
            ("/{{a}", PatternFault::Unopened),
            ("/{}", PatternFault::NameMissing),
            ("/{*}", PatternFault::NameMissing),
            ("/{id:[0-9]+}", PatternFault::Name),
            ("/{a b}", PatternFault::Name),
            ("/{**a}", PatternFault::Name),
            ("/{a{b}", PatternFault::Name),
            ("/{a}/{a}", PatternFault::NameRepeated),
            ("/{a}/{*a}", PatternFault::NameRepeated),
            ("/v{a}", PatternFault::PartialSegment),
            ("/{a}.json", PatternFault::PartialSegment),
            ("/{a}{b}", PatternFault::PartialSegment),
            ("/{a}}", PatternFault::PartialSegment),
            ("/{*a}/b", PatternFault::RestNotLast),
            ("/{*a}/", PatternFault::RestNotLast),
            ("/a?b", PatternFault::Delimiter),
            ("/a#b", PatternFault::Delimiter),
            ("/100%", PatternFault::Text(FindError::BadEscape)),
            ("/%ff", PatternFault::Text(FindError::NotUtf8)),
            ("/%00", PatternFault::Text(FindError::Nul)),
        ];
        for (text, fault) in cases {
            assert_eq!(Pattern::parse(text).unwrap_err(), malformed(text, fault), "{text}");
        }
    }

    #[test]
    fn parts() {
        let fixed = |text: &str| Part::Static(text.as_bytes().to_vec());
        let cases: [(&str, &[Part]); 8] = [
            ("/", &[fixed("/")]),
            ("/a/b/", &[fixed("/a/b/")]),
            ("/a/{x}/b", &[fixed("/a/"), Part::Param, fixed("/b")]),
            ("/{x}/{*y}", &[fixed("/"), Part::Param, fixed("/"), Part::Rest]),
            ("/{{x}}", &[fixed("/{x}")]),
            ("/{{{{", &[fixed("/{{")]),
            ("/%61%2f", &[fixed("/a%2F")]),
            ("//", &[fixed("//")]),
        ];
        for (text, parts) in cases {
            assert_eq!(Pattern::parse(text).unwrap().parts, parts, "{text}");
        }
    }

    #[test]
    fn shapes_of_braces_differ_from_parameters() {
        let shape = |text| Pattern::parse(text).unwrap().shape;
        assert_ne!(shape("/{x}"), shape("/{{}}"));
        assert_ne!(shape("/{*x}"), shape("/{{*}}"));
        assert_eq!(shape("/{x}/%61"), shape("/{y}/a"));
    }

    #[test]
    fn joined() {
        for (prefix, inner, expected) in [
            ("/", "/", "/"),
            ("/", "/a", "/a"),
            ("/api", "/", "/api"),
            ("/api", "/a", "/api/a"),
            ("/api/", "/", "/api/"),
            ("/api/", "/a", "/api/a"),
        ] {
            assert_eq!(join(prefix, inner), expected);
        }
    }
}
