//! No package brings in an event loop that it is not for.

use std::process::Command;

const EVENT_LOOPS: [&str; 5] = ["tokio", "smol", "async-std", "async-io", "mio"];

/// The names of the crates in the tree of a package, as built by default or with features.
fn tree(package: &str, options: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn each_tree_has_its_own_event_loop_only() {
    let only = |features| ["--no-default-features", "--features", features];
    for (package, options, expected) in [
        ("anyloop-core", &[][..], &[][..]),
        ("anyloop-core", &["--all-features"], &[]),
        ("anyloop-tokio", &[], &["tokio", "mio"]),
        ("anyloop-smol", &[], &["smol", "async-io"]),
        ("anyloop-async-std", &[], &["async-std", "async-io"]),
        ("anyloop", &["--no-default-features"], &[]),
        ("anyloop", &only("tokio"), &["tokio", "mio"]),
        ("anyloop", &only("smol"), &["smol", "async-io"]),
        ("anyloop", &only("async-std"), &["async-std", "async-io"]),
    ] {
        let tree = tree(package, options);
        assert!(tree.iter().any(|name| name == package), "{package} is in its own tree");
        for name in EVENT_LOOPS {
            let has = tree.iter().any(|other| other == name);
            assert_eq!(has, expected.contains(&name), "{name} in {package} {options:?}");
        }
    }
}
