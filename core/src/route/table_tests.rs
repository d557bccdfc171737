use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::PatternFault;
use super::*;

fn method(name: &str) -> Method {
    Method::try_from(name).unwrap()
}

/// A table of routes written as `METHOD pattern`, `any pattern`, `404 prefix` or `405 prefix`.
fn table(routes: &[&str]) -> Table<String> {
    let mut table = Table::new();
    for route in routes {
        add(&mut table, route).unwrap();
    }
    table
}

fn add(table: &mut Table<String>, route: &str) -> Result<(), InsertError> {
    let (kind, pattern) = route.split_once(' ').unwrap();
    match kind {
        "any" => table.any(pattern, route.to_string()),
        "404" => table.fallback(pattern, route.to_string()),
        "405" => table.method_fallback(pattern, route.to_string()),
        name => table.add(&method(name), pattern, route.to_string()),
    }
}

/// The resolution of a request `METHOD path` in one line.
fn resolve(table: &Table<String>, request: &str) -> String {
    let (name, path) = request.split_once(' ').unwrap();
    let text = |allow: &Bytes| String::from_utf8(allow.to_vec()).unwrap();
    let tail = |fallback: Option<&String>| fallback.map(|value| format!(" -> {value}")).unwrap_or_default();
    match table.find(&method(name), path) {
        Resolution::Found(found) => {
            let value = found.value;
            assert_eq!(value.split_once(' ').unwrap().1, found.pattern());
            let values: String =
                found.params().iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{value}{values}")
        }
        Resolution::Options { allow } => format!("options {}", text(allow)),
        Resolution::MethodNotAllowed { allow, fallback } => format!("405 {}{}", text(allow), tail(fallback)),
        Resolution::NotFound { fallback } => format!("404{}", tail(fallback)),
        Resolution::NotImplemented => "501".into(),
        Resolution::BadPath(error) => format!("400 {error:?}"),
    }
}

fn check(routes: &[&str], cases: &[(&str, &str)]) {
    let table = table(routes);
    for (request, expected) in cases {
        assert_eq!(resolve(&table, request), *expected, "{routes:?}: {request}");
    }
}

fn conflict(new: &str, old: &str) -> InsertError {
    InsertError::Conflict { new: new.into(), old: old.into() }
}

#[test]
fn methods() {
    check(
        &["DELETE /a/{x}", "GET /a/{x}", "POST /b", "PURGE /c", "PATCH /c", "ACL /c"],
        &[
            ("GET /a/1", "GET /a/{x} x=1"),
            ("HEAD /a/1", "GET /a/{x} x=1"),
            ("DELETE /a/1", "DELETE /a/{x} x=1"),
            ("POST /a/1", "405 GET, HEAD, DELETE, OPTIONS"),
            ("PURGE /a/1", "405 GET, HEAD, DELETE, OPTIONS"),
            ("OPTIONS /a/1", "options GET, HEAD, DELETE, OPTIONS"),
            ("HEAD /b", "405 POST, OPTIONS"),
            ("PURGE /c", "PURGE /c"),
            ("GET /c", "405 PATCH, OPTIONS, ACL, PURGE"),
            ("GET /d", "404"),
            ("OPTIONS /d", "404"),
            ("OPTIONS *", "options GET, HEAD, POST, PATCH, DELETE, OPTIONS, ACL, PURGE"),
            ("GET *", "404"),
            ("PUT /a/1", "405 GET, HEAD, DELETE, OPTIONS"),
            ("PUT /d", "404"),
            ("get /a/1", "501"),
            ("COPY /a/1", "501"),
            ("COPY /d", "501"),
            ("TRACE /a/1", "405 GET, HEAD, DELETE, OPTIONS"),
            ("CONNECT /a/1", "405 GET, HEAD, DELETE, OPTIONS"),
            ("GET /%", "400 BadEscape"),
            ("GET /a/%00", "400 Nul"),
            ("PUT /a/%ff", "400 NotUtf8"),
        ],
    );
}

#[test]
fn the_path_decides_before_the_method() {
    check(&["GET /a/{x}", "POST /a/b"], &[("GET /a/b", "405 POST, OPTIONS"), ("GET /a/c", "GET /a/{x} x=c")]);
}

#[test]
fn own_head_and_options() {
    check(
        &["GET /a", "HEAD /a", "OPTIONS /a", "HEAD /b"],
        &[
            ("HEAD /a", "HEAD /a"),
            ("OPTIONS /a", "OPTIONS /a"),
            ("POST /a", "405 GET, HEAD, OPTIONS"),
            ("GET /b", "405 HEAD, OPTIONS"),
            ("OPTIONS *", "options GET, HEAD, OPTIONS"),
        ],
    );
    check(
        &["POST /a"],
        &[
            ("HEAD /a", "405 POST, OPTIONS"),
            ("GET /a", "405 POST, OPTIONS"),
            ("OPTIONS /a", "options POST, OPTIONS"),
        ],
    );
    check(&[], &[("OPTIONS *", "options OPTIONS"), ("OPTIONS /", "404"), ("GET /", "404"), ("get /", "501")]);
}

#[test]
fn any_method() {
    check(
        &["any /a", "POST /a", "GET /b", "GET /a/{x}", "any /a/{x}"],
        &[
            ("POST /a", "POST /a"),
            ("GET /a", "any /a"),
            ("HEAD /a", "any /a"),
            ("OPTIONS /a", "any /a"),
            ("PURGE /a", "any /a"),
            ("HEAD /a/1", "GET /a/{x} x=1"),
            ("PUT /a/1", "any /a/{x} x=1"),
            ("PURGE /b", "405 GET, HEAD, OPTIONS"),
            ("PURGE /c", "404"),
            ("OPTIONS *", "options GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ],
    );
}

#[test]
fn the_nearest_fallback_answers() {
    check(
        &["GET /api/v1/x", "404 /", "404 /api/", "405 /api/v1", "404 /t/{id}", "GET /t/{id}/y"],
        &[
            ("GET /", "404 -> 404 /"),
            ("GET /nowhere/at/all", "404 -> 404 /"),
            ("GET /apis", "404 -> 404 /"),
            ("GET /api", "404 -> 404 /api/"),
            ("GET /api/", "404 -> 404 /api/"),
            ("GET /api/v1/y/z", "404 -> 404 /api/"),
            ("GET /%61pi/v2", "404 -> 404 /api/"),
            ("GET /t/1/z", "404 -> 404 /t/{id}"),
            ("GET /t//z", "404 -> 404 /"),
            ("POST /api/v1/x", "405 GET, HEAD, OPTIONS -> 405 /api/v1"),
            ("GET /api/v1/x", "GET /api/v1/x"),
        ],
    );
    check(
        &["GET /api/v1/x", "POST /y", "405 /api/v1"],
        &[
            ("POST /api/v1/x", "405 GET, HEAD, OPTIONS -> 405 /api/v1"),
            ("GET /y", "405 POST, OPTIONS"),
            ("OPTIONS /y", "options POST, OPTIONS"),
            ("GET /api/v1/z", "404"),
        ],
    );
}

#[test]
fn conflicts_leave_the_table_as_it_was() {
    let routes = ["GET /a/{x}", "any /a/{x}", "404 /f", "405 /f"];
    for (route, error) in [
        ("GET /a/{x}", conflict("GET /a/{x}", "GET /a/{x}")),
        ("GET /%61/{x}", conflict("GET /%61/{x}", "GET /a/{x}")),
        ("any /a/{x}", conflict("any /a/{x}", "any /a/{x}")),
        ("POST /a/{y}", conflict("POST /a/{y}", "/a/{x}")),
        ("404 /f/", conflict("/f/", "/f")),
        ("405 /f", conflict("/f", "/f")),
        ("404 /{*x}", InsertError::Malformed { pattern: "/{*x}".into(), fault: PatternFault::RestNotLast }),
        ("PUT a", InsertError::Malformed { pattern: "a".into(), fault: PatternFault::NoSlash }),
    ] {
        let mut table = table(&routes);
        assert_eq!(add(&mut table, route), Err(error), "{route}");
        assert_eq!(table.iter().count(), 2);
        assert_eq!(resolve(&table, "POST /a/1"), "any /a/{x} x=1");
    }
}

#[test]
fn nesting() {
    let mut outer = table(&["GET /", "POST /api", "404 /"]);
    let inner = table(&["GET /", "PURGE /{x}", "any /all", "404 /", "405 /"]);
    outer.nest("/api", inner.map(|value| value.replace(" /", " /api/").replace("/api/ ", "/api "))).unwrap();
    let listed: Vec<_> = outer.iter().map(|(pattern, method, _)| format!("{method:?} {pattern}")).collect();
    assert_eq!(
        listed,
        ["Some(GET) /", "Some(POST) /api", "Some(GET) /api", "Some(PURGE) /api/{x}", "None /api/all"]
    );
    assert_eq!(resolve(&outer, "PURGE /api/1"), "PURGE /api/{x} x=1");
    assert_eq!(resolve(&outer, "FOO /api/all"), "any /api/all");
    assert_eq!(resolve(&outer, "FOO /api"), "405 GET, HEAD, POST, OPTIONS -> 405 /api/");
    assert_eq!(resolve(&outer, "FOO /"), "405 GET, HEAD, OPTIONS");
    assert_eq!(resolve(&outer, "GET /api/1/2"), "404 -> 404 /api/");
    assert_eq!(resolve(&outer, "GET /1/2"), "404 -> 404 /");
    assert_eq!(outer.allow(), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, PURGE");
}

#[test]
fn a_refused_table_adds_nothing() {
    let routes = ["GET /api/a/{x}", "404 /api"];
    for (inner, error) in [
        (&["PUT /new", "GET /a/{x}"][..], conflict("GET /api/a/{x}", "GET /api/a/{x}")),
        (&["PUT /new", "PUT /a/{y}"], conflict("/api/a/{y}", "/api/a/{x}")),
        (&["PUT /new", "405 /", "404 /"], conflict("/api", "/api")),
    ] {
        let mut outer = table(&routes);
        assert_eq!(outer.nest("/api", table(inner)), Err(error), "{inner:?}");
        assert_eq!(outer.iter().count(), 1);
        assert_eq!(resolve(&outer, "PUT /api/new"), "404 -> 404 /api");
        assert_eq!(resolve(&outer, "GET /api/new"), "404 -> 404 /api");
    }
    let mut outer = table(&routes);
    assert_eq!(outer.merge(table(&["404 /api"])), Err(conflict("/api", "/api")));
    outer.merge(table(&["PUT /api/a/{x}", "405 /"])).unwrap();
    assert_eq!(resolve(&outer, "PUT /api/a/1"), "PUT /api/a/{x} x=1");
    assert!(!outer.is_empty() && Table::<()>::default().is_empty());
}
