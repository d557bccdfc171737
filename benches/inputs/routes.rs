//! Routes in any number.

/// Returns a path that the pattern matches.
pub(crate) fn path_of(pattern: &str) -> String {
    let segments = pattern.split('/').map(|segment| match segment.strip_prefix('{') {
        None => segment,
        Some(name) if name.starts_with('*') => "guide/getting-started.html",
        Some(_) => "value-42",
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Returns patterns as a large service has them: some versions, some collections, a parameter in the middle.
pub(crate) fn generated(count: usize) -> Vec<String> {
    let collections = ["users", "orders", "posts", "items"];
    (0..count).map(|n| format!("/api/v{}/{}{n}/{{id}}/part{}", n % 7, collections[n % 4], n % 13)).collect()
}
