//! The tree of routes against a matcher that tries one pattern after the other.
//!
//! The input is text: a pattern a line, an empty line, then a path a line.

use anyloop_core::route::{InsertError, Tree};

/// Derived order: static text goes before a parameter, and that before the remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Static,
    Param,
    Rest,
}

/// A segment of a pattern, with its canonical text or its name.
type Segment = (Kind, Vec<u8>);

/// Checks the laws on one input.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut tree = Tree::new();
    let mut naive: Vec<Vec<Segment>> = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(64) {
        let Ok(pattern) = str::from_utf8(line) else { continue };
        let taken = tree.insert(pattern, naive.len());
        if matches!(taken, Err(InsertError::Malformed { .. })) {
            continue;
        }
        let segments = segments_of(pattern);
        let is_new = naive.iter().all(|old| shape(old) != shape(&segments));
        assert_eq!(taken.is_ok(), is_new, "{pattern}");
        if is_new {
            naive.push(segments);
        }
    }
    assert_eq!(tree.len(), naive.len());
    for path in lines.take(64) {
        look_up(&tree, &naive, path);
    }
}

fn look_up(tree: &Tree<usize>, naive: &[Vec<Segment>], path: &[u8]) {
    let Some(canonical) = canonical(path) else {
        assert!(tree.find(path).is_err(), "a path that does not decode");
        return;
    };
    let found = tree.find(path).expect("a path that decodes");
    let best = naive
        .iter()
        .enumerate()
        .filter_map(|(index, segments)| Some((index, segments, values(segments, &canonical)?)))
        .min_by_key(|(_, segments, _)| segments.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
    match (found, best) {
        (None, None) => {}
        (Some(found), Some((index, _, values))) => {
            assert_eq!(*found.value, index);
            let params: Vec<_> =
                found.params().iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(params, values);
        }
        (found, best) => panic!("{path:?}: {:?} against {best:?}", found.map(|found| *found.value)),
    }
}

fn segments_of(pattern: &str) -> Vec<Segment> {
    let path = pattern.strip_prefix('/').expect("a pattern begins with a slash");
    path.split('/').map(segment_of).collect()
}

fn segment_of(text: &str) -> Segment {
    if text.starts_with('{') && !text.starts_with("{{") {
        let name = text.strip_prefix('{').and_then(|name| name.strip_suffix('}')).expect("a whole segment");
        return match name.strip_prefix('*') {
            Some(name) => (Kind::Rest, name.into()),
            None => (Kind::Param, name.into()),
        };
    }
    let text = text.replace("{{", "{").replace("}}", "}");
    (Kind::Static, canonical(text.as_bytes()).expect("text that some path has"))
}

/// What two patterns have in common that match the same paths: all but the names.
fn shape(segments: &[Segment]) -> Vec<(Kind, &[u8])> {
    segments
        .iter()
        .map(|(kind, text)| match kind {
            Kind::Static => (*kind, &text[..]),
            Kind::Param | Kind::Rest => (*kind, &[][..]),
        })
        .collect()
}

/// The decoded parameters, if the pattern matches.
fn values(segments: &[Segment], canonical: &[u8]) -> Option<Vec<(String, String)>> {
    let mut path = Some(canonical.strip_prefix(b"/")?);
    let mut values = Vec::new();
    for (kind, text) in segments {
        let rest = path.take()?;
        let (value, after) = match kind {
            Kind::Rest => (rest, None),
            Kind::Static | Kind::Param => match rest.iter().position(|byte| *byte == b'/') {
                Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
                None => (rest, None),
            },
        };
        match kind {
            Kind::Static if value == text => {}
            Kind::Param | Kind::Rest if !value.is_empty() => {
                let name = String::from_utf8(text.clone()).expect("a name");
                let value = unescape(value, |_| true).expect("escapes were checked");
                values.push((name, String::from_utf8(value).expect("text was checked")));
            }
            Kind::Static | Kind::Param | Kind::Rest => return None,
        }
        path = after;
    }
    path.is_none().then_some(values)
}

/// The path with all escapes decoded that do not mean something else than their character; `None` when it is not text.
fn canonical(path: &[u8]) -> Option<Vec<u8>> {
    let decoded = String::from_utf8(unescape(path, |_| true)?).ok()?;
    if decoded.contains('\0') {
        return None;
    }
    unescape(path, |byte| !b":/?#[]@!$&'()*+,;=%".contains(&byte))
}

/// Decodes the escapes of those bytes that `wanted` names, and writes the others in upper case.
fn unescape(text: &[u8], wanted: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let (mut out, mut index) = (Vec::new(), 0);
    while index < text.len() {
        if text[index] != b'%' {
            out.push(text[index]);
            index += 1;
            continue;
        }
        let digits = text.get(index + 1..index + 3)?;
        let value = digits
            .iter()
            .try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)? as u8))?;
        if wanted(value) {
            out.push(value);
        } else {
            out.extend_from_slice(format!("%{value:02X}").as_bytes());
        }
        index += 3;
    }
    Some(out)
}
