//! The program brings in the event loops that it is built for, and no other.

use std::process::Command;

const EVENT_LOOPS: [&str; 4] = ["tokio", "mio", "smol", "async-std"];

fn tree(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", "anyloop-cli"])
        .args(["--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn each_build_has_its_own_event_loop_only() {
    for (features, expected) in [
        ("", &[][..]),
        ("tokio", &["tokio", "mio"]),
        ("smol", &["smol"]),
        ("async-std", &["async-std"]),
        ("tokio,smol", &["tokio", "mio", "smol"]),
    ] {
        let tree = tree(features);
        assert!(tree.iter().any(|name| name == "anyloop-cli"), "{features:?}");
        for name in EVENT_LOOPS {
            let has = tree.iter().any(|other| other == name);
            assert_eq!(has, expected.contains(&name), "{name} with {features:?}");
        }
    }
}
