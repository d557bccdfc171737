//! What was counted before, by compiler and target.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use super::Counts;

/// The counts of each compiler and target.
pub(crate) struct Baseline(BTreeMap<String, Counts>);

/// Returns the name of this compiler and target, from `rustc -vV`.
pub(crate) fn key() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("a compiler");
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    format!("{} {host}", text.lines().next().unwrap_or_default())
}

impl Baseline {
    /// Reads what [`Display`](fmt::Display) writes; other lines are comments.
    pub(crate) fn parse(text: &str) -> Self {
        let mut all: BTreeMap<String, Counts> = BTreeMap::new();
        let mut key = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("[\"").and_then(|line| line.strip_suffix("\"]")) {
                name.clone_into(&mut key);
            } else if let Some((name, count)) = line.split_once(" = ") {
                let count = count.parse().expect("a count");
                all.entry(key.clone()).or_default().insert(name.trim_matches('"').to_owned(), count);
            }
        }
        Self(all)
    }

    pub(crate) fn counts(&self, key: &str) -> Option<&Counts> {
        self.0.get(key)
    }

    /// Adds counts; `anew` says whether they take the place of what is there.
    pub(crate) fn merge(&mut self, key: &str, counts: &Counts, anew: bool) {
        let known = self.0.entry(key.to_owned()).or_default();
        if anew {
            known.clear();
        }
        for (name, count) in counts {
            known.entry(name.clone()).or_insert(*count);
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Instructions of one round of each workload, by compiler and target.")?;
        writeln!(f, "# Written by `cargo bench --bench instructions -- --record`.")?;
        for (key, counts) in &self.0 {
            writeln!(f, "\n[\"{key}\"]")?;
            for (name, count) in counts {
                writeln!(f, "\"{name}\" = {count}")?;
            }
        }
        Ok(())
    }
}
