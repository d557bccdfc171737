//! Each target on its seeds and on the minimised inputs of what was found, without a fuzzer.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("chunked", anyloop_fuzz::chunked::run),
    ("h1_client_conversation", anyloop_fuzz::h1_client_conversation::run),
    ("h1_conversation", anyloop_fuzz::h1_conversation::run),
    ("request_head", anyloop_fuzz::request_head::run),
    ("response_head", anyloop_fuzz::response_head::run),
    ("router", anyloop_fuzz::router::run),
    ("serialize", anyloop_fuzz::serialize::run),
    ("tls_stream", anyloop_fuzz::tls_stream::run),
];

fn entries(directory: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let Ok(entries) = fs::read_dir(&path) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    paths
}

fn names(directory: &str) -> BTreeSet<String> {
    let stem = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    entries(directory).iter().map(stem).collect()
}

fn replay(directory: &str) -> usize {
    let mut count = 0;
    for (target, run) in TARGETS {
        for path in entries(&format!("{directory}/{target}")) {
            let input = fs::read(&path).expect("a readable input");
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&input)));
            assert!(outcome.is_ok(), "{target} fails on {}", path.display());
            count += 1;
        }
    }
    count
}

#[test]
fn seeds() {
    assert!(replay("seeds") > 0);
}

#[test]
fn regressions() {
    replay("regressions");
}

#[test]
fn each_target_has_a_program_and_seeds() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    for target in &targets {
        assert!(!entries(&format!("seeds/{target}")).is_empty(), "{target} has no seeds");
    }
    assert!(names("regressions").is_subset(&targets), "regressions of no target");
}
