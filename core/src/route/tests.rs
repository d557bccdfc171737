use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::{FindError, InsertError};
use super::*;

#[path = "../../tests/fixtures/rest_routes.rs"]
mod rest_routes;
use rest_routes::REST_ROUTES;

fn tree<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Tree<String> {
    let mut tree = Tree::new();
    for pattern in patterns {
        tree.insert(pattern.as_ref(), pattern.as_ref().to_string()).unwrap();
    }
    tree
}

/// The matched pattern with its values, as `pattern name=value name=value`.
fn found(tree: &Tree<String>, path: &[u8]) -> Option<String> {
    let found = tree.find(path).unwrap()?;
    assert_eq!(found.pattern(), found.value);
    let mut text = found.pattern().to_string();
    for (name, value) in found.params().iter() {
        assert_eq!(found.params().get(name), Some(value));
        text.push_str(&format!(" {name}={value}"));
    }
    Some(text)
}

fn visits<T>(tree: &Tree<T>, path: &str) -> (Link, usize) {
    let mut count = 0;
    let index = tree.walk(&Words::new(path.as_bytes()), || count += 1);
    (index, count)
}

fn conflict(new: &str, old: &str) -> InsertError {
    InsertError::Conflict { new: new.into(), old: old.into() }
}

/// A path, and what is found for it.
type Case = (&'static str, Option<&'static str>);

#[test]
fn matches() {
    let cases: &[(&[&str], &[Case])] = &[
        (&[], &[("/", None), ("", None), ("*", None)]),
        (&["/"], &[("/", Some("/")), ("", None), ("//", None), ("/a", None), ("*", None)]),
        (
            &["/a"],
            &[("/a", Some("/a")), ("/a/", None), ("/", None), ("/ab", None), ("/A", None), ("a", None)],
        ),
        (&["/a/", "/a"], &[("/a", Some("/a")), ("/a/", Some("/a/")), ("/a//", None)]),
        (
            &["/about", "/abound", "/ab", "/a", "/b"],
            &[
                ("/about", Some("/about")),
                ("/abound", Some("/abound")),
                ("/ab", Some("/ab")),
                ("/abo", None),
                ("/a", Some("/a")),
                ("/b", Some("/b")),
            ],
        ),
        (
            &["/{x}"],
            &[
                ("/a", Some("/{x} x=a")),
                ("/", None),
                ("/a/", None),
                ("/a/b", None),
                ("//", None),
                ("//a", None),
            ],
        ),
        (&["/{x}/"], &[("/a/", Some("/{x}/ x=a")), ("/a", None), ("//", None)]),
        (
            &["/{*x}"],
            &[
                ("/a", Some("/{*x} x=a")),
                ("/", None),
                ("/a/b/", Some("/{*x} x=a/b/")),
                ("//", Some("/{*x} x=/")),
                ("//a", Some("/{*x} x=/a")),
            ],
        ),
        (
            &["/{x}", "/a", "/{*x}"],
            &[("/a", Some("/a")), ("/ab", Some("/{x} x=ab")), ("/a/", Some("/{*x} x=a/")), ("/", None)],
        ),
        (
            &["/a/{x}/c", "/a/b/d"],
            &[("/a/b/c", Some("/a/{x}/c x=b")), ("/a/b/d", Some("/a/b/d")), ("/a/b/e", None)],
        ),
        (
            &["/a/b/c/d", "/a/{x}/c/e", "/{x}/b/c/f", "/a/{*x}"],
            &[
                ("/a/b/c/d", Some("/a/b/c/d")),
                ("/a/b/c/e", Some("/a/{x}/c/e x=b")),
                ("/a/b/c/f", Some("/a/{*x} x=b/c/f")),
                ("/z/b/c/f", Some("/{x}/b/c/f x=z")),
                ("/z/b/c/g", None),
            ],
        ),
        (
            &["/{a}/x", "/{b}/y", "/{c}"],
            &[("/1/x", Some("/{a}/x a=1")), ("/1/y", Some("/{b}/y b=1")), ("/1", Some("/{c} c=1"))],
        ),
        (&["/{{x}}", "/{x}"], &[("/%7Bx%7d", Some("/{{x}}")), ("/x", Some("/{x} x=x"))]),
        (&["/caf\u{e9}"], &[("/caf%c3%a9", Some("/caf\u{e9}")), ("/caf\u{e9}", Some("/caf\u{e9}"))]),
        (
            &["/about", "/a%2Fb", "/{x}/b", "/c:d"],
            &[
                ("/%61bo%75t", Some("/about")),
                ("/a%2fb", Some("/a%2Fb")),
                ("/a/b", Some("/{x}/b x=a")),
                ("/a%2fb/b", Some("/{x}/b x=a/b")),
                ("/c:d", Some("/c:d")),
                ("/c%3ad", None),
            ],
        ),
        (
            &["/{x}/{*y}"],
            &[
                ("/%2541/%2F%252f/%20", Some("/{x}/{*y} x=%41 y=/%2f/ ")),
                ("/../%2e%2e/.", Some("/{x}/{*y} x=.. y=../.")),
                ("/a+b/c+d", Some("/{x}/{*y} x=a+b y=c+d")),
            ],
        ),
    ];
    for (patterns, paths) in cases {
        for tree in [tree(*patterns), tree(patterns.iter().rev())] {
            for (path, expected) in *paths {
                assert_eq!(found(&tree, path.as_bytes()).as_deref(), *expected, "{patterns:?} {path}");
            }
        }
    }
}

#[test]
fn refused_paths() {
    let tree = tree(["/{*x}"]);
    for (path, error) in [
        (&b"/%"[..], FindError::BadEscape),
        (b"/a%4", FindError::BadEscape),
        (b"/%zz/", FindError::BadEscape),
        (b"/%00", FindError::Nul),
        (b"/\0", FindError::Nul),
        (b"/%c3%28", FindError::NotUtf8),
        (b"/\xc3", FindError::NotUtf8),
    ] {
        assert_eq!(tree.find(path).unwrap_err(), error);
        assert_eq!(Tree::<()>::new().find(path).unwrap_err(), error, "also where nothing matches");
    }
}

#[test]
fn conflicts_name_both() {
    for (old, new) in [
        ("/a", "/a"),
        ("/a/{x}", "/a/{x}"),
        ("/a/{x}", "/a/{y}"),
        ("/{*x}", "/{*y}"),
        ("/{x}/b/{y}", "/{y}/b/{x}"),
        ("/about", "/%61bout"),
        ("/%2F", "/%2f"),
    ] {
        let mut tree = tree([old]);
        assert_eq!(tree.insert(new, String::new()), Err(conflict(new, old)));
        assert_eq!(tree.len(), 1);
        assert_eq!(tree.iter().next(), Some((old, &old.to_string())));
    }
    assert_eq!(conflict("/b", "/a").to_string(), "the route `/b` conflicts with the route `/a`");
}

#[test]
fn existing_values_are_reached_by_their_pattern() {
    let mut tree = tree(["/a/{x}", "/a"]);
    tree.get_mut("/%61/{x}").unwrap().push('!');
    assert_eq!(tree.get("/a/{x}").unwrap(), "/a/{x}!");
    assert_eq!(tree.get_mut("/a/{y}"), None);
    assert_eq!(tree.get_mut("/b"), None);
    assert_eq!(tree.get_mut("b"), None);
    assert_eq!(tree.get_or_insert_with("/b", || "new".into()).unwrap(), "new");
    assert_eq!(tree.get_or_insert_with("/b", || "other".into()).unwrap(), "new");
    assert_eq!(tree.get_or_insert_with("/a/{y}", String::new), Err(conflict("/a/{y}", "/a/{x}")));
    let order: Vec<_> = tree.iter().map(|(pattern, _)| pattern).collect();
    assert_eq!(order, ["/a/{x}", "/a", "/b"]);
    assert_eq!(*tree.map(|value| value.len()).find("/b").unwrap().unwrap().value, 3);
}

#[test]
fn nesting() {
    let mut outer = tree(["/", "/api/{id}/z"]);
    outer.nest("/api/{v}", tree(["/", "/a", "/{x}/{*y}"])).unwrap();
    outer.nest("/slash/", tree(["/", "/a"])).unwrap();
    let patterns: Vec<_> = outer.iter().map(|(pattern, _)| pattern.to_string()).collect();
    assert_eq!(
        patterns,
        ["/", "/api/{id}/z", "/api/{v}", "/api/{v}/a", "/api/{v}/{x}/{*y}", "/slash/", "/slash/a"]
    );
    let found = outer.find("/api/1/2/3/4").unwrap().unwrap();
    assert_eq!(found.params().iter().collect::<Vec<_>>(), [("v", "1"), ("x", "2"), ("y", "3/4")]);

    let before = outer.len();
    assert_eq!(outer.nest("/api", tree(["/new", "/{x}/a"])), Err(conflict("/api/{x}/a", "/api/{v}/a")));
    assert_eq!(outer.merge(tree(["/new", "/"])), Err(conflict("/", "/")));
    for (prefix, fault) in [
        ("", super::super::PatternFault::NoSlash),
        ("/{*r}", super::super::PatternFault::RestNotLast),
        ("/{", super::super::PatternFault::Unclosed),
    ] {
        let error = InsertError::Malformed { pattern: prefix.into(), fault };
        assert_eq!(outer.nest(prefix, tree(["/"])), Err(error));
    }
    let error = InsertError::Malformed {
        pattern: "/{x}/{x}".into(),
        fault: super::super::PatternFault::NameRepeated,
    };
    assert_eq!(outer.nest("/{x}", tree(["/ok", "/{x}"])), Err(error));
    assert_eq!(outer.len(), before, "a refused tree adds nothing");
    outer.merge(tree(["/new"])).unwrap();
    assert!(outer.get("/new").is_some());
}

#[test]
fn places_outlive_the_tree() {
    for (path, right) in [("/left/right%21", "right!"), ("/left/right", "right")] {
        let places = tree(["/{a}/{b}"]).find(path).unwrap().unwrap().into_places();
        assert_eq!(format!("{places:?}"), r#"["a", "b"]"#);
        let params = places.of(path.as_bytes());
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (Some("left"), Some(right), None));
        assert_eq!((params.value(1), params.value(2), params.len()), (Some(right), None, 2));
        assert_eq!(format!("{params:?}"), format!(r#"{{"a": "left", "b": {right:?}}}"#));
        assert!(!params.is_empty());
    }
    let nothing = Places::default();
    assert!(nothing.of(b"/a").is_empty() && nothing.of(b"/a").get("a").is_none());
    let places = tree(["/{a}"]).find("/value").unwrap().unwrap().into_places();
    assert_eq!(places.of(b"/v/w").get("a"), Some("v"), "another path");
    assert_eq!(places.of(b"").get("a"), Some(""));
}

/// Short names travel with the request, long ones are shared.
#[test]
fn names_of_any_length() {
    for len in 1..100 {
        let (long, other) = ("n".repeat(len), "m".repeat(len));
        let pattern = format!("/{{{long}}}/{{\u{e9}}}/{{{other}}}");
        let tree = tree([&pattern]);
        assert_eq!(tree.get(&pattern), Some(&pattern));
        let places = tree.find("/1/2/3").unwrap().unwrap().into_places();
        let params = places.of(b"/1/2/3");
        assert_eq!(params.iter().collect::<Vec<_>>(), [(&*long, "1"), ("\u{e9}", "2"), (&*other, "3")]);
        let values = [&*long, "\u{e9}", &other, &long[1..]].map(|name| params.get(name));
        assert_eq!(values[..3], [Some("1"), Some("2"), Some("3")]);
        assert_eq!(values[3], None, "a part of a name");
    }
}

#[test]
fn more_parameters_than_fit_inline() {
    let pattern: String = (0..40).map(|n| format!("/{{p{n}}}")).collect();
    let path: String = (0..40).map(|n| format!("/v%20{n}")).collect();
    let tree = tree([&pattern]);
    let found = tree.find(&path).unwrap().unwrap();
    let params = found.params();
    assert_eq!(params.len(), 40);
    assert!((0..40).all(|n| params.get(&format!("p{n}")) == Some(&format!("v {n}"))));
}

fn rest_paths() -> Vec<&'static str> {
    let mut paths: Vec<_> = REST_ROUTES.iter().map(|(_, path)| *path).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[test]
fn a_large_service() {
    let paths = rest_paths();
    assert!(REST_ROUTES.len() >= 200);
    let tree = tree(&paths);
    for pattern in &paths {
        let path = pattern.replace("{*", "").replace(['{', '}'], "");
        let found = tree.find(&path).unwrap().unwrap();
        assert_eq!(found.pattern(), *pattern, "{path}");
        assert!(found.params().iter().all(|(name, value)| name == value));
    }
}

/// The cost of a look-up follows the path, not the number of routes.
#[test]
fn cost_is_flat_in_the_number_of_routes() {
    let path = "/repos/rust-lang/rust/issues/12345/comments";
    let mut tree = tree(rest_paths());
    let (found, few) = visits(&tree, path);
    assert!(found.is_some());
    for n in 0..5000 {
        tree.insert(&format!("/{}s{n}/{{id}}/x", (b'a' + (n % 26) as u8) as char), String::new()).unwrap();
        tree.insert(&format!("/repos/{{owner}}/{{repo}}/other{n}"), String::new()).unwrap();
    }
    let (found, many) = visits(&tree, path);
    assert!(found.is_some());
    assert!(many <= few + 3, "{few} nodes entered with few routes, {many} with many");
}

/// Each place offers a static and a parameter branch, all dead: every node is entered once and no more.
#[test]
fn going_back_is_bounded() {
    let mut tree = Tree::new();
    for set in 0..1 << 10 {
        let pattern: String = (0..10)
            .map(|n| if set >> n & 1 == 0 { "/a".to_string() } else { format!("/{{p{n}}}") })
            .collect();
        tree.insert(&format!("{pattern}/end"), ()).unwrap();
    }
    for path in ["/a/a/a/a/a/a/a/a/a/a/no", "/a/a/a/a/a/a/a/a/a/a", "/a/a/a/a/a/a/a/a/a/a/en"] {
        let (found, count) = visits(&tree, path);
        assert_eq!(found, None);
        assert!(count <= tree.nodes.len(), "{count} of {}", tree.nodes.len());
    }

    // One dead static branch below each of many parameters costs the depth, not a power of it.
    let mut tree = Tree::new();
    for depth in 0..200 {
        let params: String = (0..depth).map(|n| format!("/{{p{n}}}")).collect();
        tree.insert(&format!("{params}/a/end"), ()).unwrap();
    }
    let path = "/a".repeat(300);
    let (found, count) = visits(&tree, &path);
    assert_eq!(found, None);
    assert!(count <= tree.nodes.len());
}

#[test]
fn long_paths_and_deep_patterns() {
    let slashes = "/".repeat(30_000);
    let escaped = "/%2F".repeat(30_000);
    let tree = tree(["/{a}/{b}", "/x/{*rest}", "/y"]);
    assert_eq!(found(&tree, slashes.as_bytes()), None);
    assert_eq!(found(&tree, escaped.as_bytes()), None);
    let path = format!("/x{slashes}");
    let found = tree.find(&path).unwrap().unwrap();
    assert_eq!(found.params().get("rest"), Some(&slashes[1..]));

    let mut deep = Tree::new();
    let pattern: String = (0..3_000).map(|n| format!("/{{p{n}}}/s")).collect();
    deep.insert(&pattern, ()).unwrap();
    assert_eq!(deep.find(&"/v/s".repeat(3_000)).unwrap().unwrap().params().len(), 3_000);
    assert!(deep.find(&"/v/s".repeat(2_999)).unwrap().is_none());
    assert!(deep.find(&slashes).unwrap().is_none());
    drop(deep.clone());
}

/// Whatever is inserted beside it, a text is found, and nothing that differs from it at one place.
#[test]
fn long_texts_differ_at_every_place() {
    let text: String = ('a'..='z').collect();
    for len in 1..=text.len() {
        let whole = format!("/{}", &text[..len]);
        let branches: Vec<_> = (1..=len).map(|place| format!("{}_", &whole[..place])).collect();
        for tree in [
            tree([&whole]),
            tree([&whole].into_iter().chain(&branches)),
            tree(branches.iter().rev().chain([&whole])),
        ] {
            assert_eq!(found(&tree, whole.as_bytes()), Some(whole.clone()));
            for (place, branch) in (1..).zip(&branches) {
                assert_eq!(found(&tree, &whole.as_bytes()[..place]), None);
                assert_eq!(found(&tree, branch.as_bytes()), Some(branch.clone()).filter(|_| tree.len() > 1));
                let mut other = whole.clone().into_bytes();
                other[place] = b'-';
                assert_eq!(found(&tree, &other), None);
            }
        }
    }
}

/// Nodes with few and with very many children.
#[test]
fn wide_nodes() {
    let names: Vec<_> = (0x21..0x7fu8).filter(|byte| !b"#%/?{}".contains(byte)).map(char::from).collect();
    let mut tree = Tree::new();
    for (count, name) in names.iter().enumerate() {
        tree.insert(&format!("/{name}x"), *name).unwrap();
        for known in &names[..=count] {
            assert_eq!(tree.find(&format!("/{known}x")).unwrap().map(|found| *found.value), Some(*known));
        }
        for unknown in &names[count + 1..] {
            assert!(tree.find(&format!("/{unknown}x")).unwrap().is_none());
        }
    }
}

/// How one segment of a pattern matches, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Static,
    Param,
    Rest,
}

/// Tries every pattern alone and takes the one whose kinds come first.
fn oracle(patterns: &[String], path: &str) -> Option<String> {
    let alone = |pattern: &String| {
        let mut kinds = Vec::new();
        let mut text = pattern.clone();
        let mut values: Vec<_> = path.strip_prefix('/')?.split('/').collect();
        for segment in pattern[1..].split('/') {
            if values.is_empty() {
                return None;
            }
            let rest = values.join("/");
            let value = values.remove(0);
            if let Some(name) = segment.strip_prefix("{*") {
                kinds.push(Kind::Rest);
                values.clear();
                text.push_str(&format!(" {}={rest}", name.trim_end_matches('}')));
                if rest.is_empty() {
                    return None;
                }
            } else if let Some(name) = segment.strip_prefix('{') {
                kinds.push(Kind::Param);
                text.push_str(&format!(" {}={value}", name.trim_end_matches('}')));
                if value.is_empty() {
                    return None;
                }
            } else {
                kinds.push(Kind::Static);
                if value != segment {
                    return None;
                }
            }
        }
        values.is_empty().then_some((kinds, text))
    };
    patterns.iter().filter_map(alone).min().map(|(_, text)| text)
}

fn a_pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => prop_oneof![Just(""), Just("a"), Just("b"), Just("ab"), Just("abc"), Just("b:a")].prop_map(Some),
        3 => Just(None),
    ];
    (prop::collection::vec(segment, 1..5), any::<bool>()).prop_map(|(segments, rest)| {
        let mut pattern = String::new();
        for (n, segment) in segments.iter().enumerate() {
            match segment {
                Some(text) => pattern.push_str(&format!("/{text}")),
                None => pattern.push_str(&format!("/{{p{n}}}")),
            }
        }
        if rest {
            pattern.push_str("/{*rest}");
        }
        pattern
    })
}

fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec("(|a|b|ab|abc|b:a|c)", 1..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #[test]
    fn agrees_with_trying_every_pattern(
        patterns in prop::collection::vec(a_pattern(), 0..24),
        paths in prop::collection::vec(a_path(), 1..24),
        escapes in prop::collection::vec(any::<bool>(), 16),
    ) {
        let mut tree = Tree::new();
        let mut taken = Vec::new();
        for pattern in patterns {
            match tree.insert(&pattern, pattern.clone()) {
                Ok(()) => taken.push(pattern),
                Err(error) => prop_assert_eq!(error, conflict(&pattern, &pattern)),
            }
        }
        for path in &paths {
            let expected = oracle(&taken, path);
            prop_assert_eq!(found(&tree, path.as_bytes()), expected.clone(), "{:?} {}", &taken, path);

            let mut escaped = String::new();
            for (byte, escape) in path.bytes().zip(escapes.iter().cycle()) {
                match byte {
                    b'a'..=b'z' if *escape => escaped.push_str(&format!("%{byte:02x}")),
                    _ => escaped.push(byte.into()),
                }
            }
            prop_assert_eq!(found(&tree, escaped.as_bytes()), expected, "{}", escaped);
        }
    }

    #[test]
    fn any_pattern_and_path_are_taken_or_refused(pattern in "/?[/a{}*%0-9?\u{e9}]{0,12}", path in any::<Vec<u8>>()) {
        let mut tree = Tree::new();
        if tree.insert(&pattern, ()).is_ok() {
            prop_assert!(tree.get(&pattern).is_some());
        }
        let mut rooted = alloc::vec![b'/'];
        rooted.extend_from_slice(&path);
        for path in [path, rooted] {
            if let Ok(Some(found)) = tree.find(&path) {
                prop_assert_eq!(found.pattern(), &*pattern);
            }
        }
    }
}
