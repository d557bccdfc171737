//! How many downloads the system lets a process have at once.

/// What a download may hold: its connection, its file, and what looking a name up takes.
#[cfg(unix)]
const EACH: u64 = 3;

/// What the program itself holds.
#[cfg(unix)]
const OWN: u64 = 32;

/// Returns how many of so many downloads may run at once. The soft limit of descriptors is raised where that is not
/// enough.
#[cfg(unix)]
pub(super) fn at_once(wanted: u16) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = u64::from(wanted) * EACH + OWN;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |most| most.min(needed));
        // Where it stays as it is, fewer run at once.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
    }
    within(wanted, getrlimit(Resource::Nofile).current)
}

#[cfg(unix)]
fn within(wanted: u16, limit: Option<u64>) -> usize {
    let fit = limit.map_or(u64::MAX, |limit| (limit.saturating_sub(OWN) / EACH).max(1));
    usize::from(wanted).min(usize::try_from(fit).unwrap_or(usize::MAX))
}

/// Returns how many of so many downloads may run at once.
#[cfg(not(unix))]
pub(super) fn at_once(wanted: u16) -> usize {
    wanted.into()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn downloads_fit_into_the_limit() {
        for (wanted, limit, expected) in [
            (8, None, 8),
            (8, Some(1024), 8),
            (1000, Some(1024), 330),
            (8, Some(35), 1),
            (8, Some(0), 1),
            (8, Some(56), 8),
        ] {
            assert_eq!(within(wanted, limit), expected, "{wanted} {limit:?}");
        }
    }
}
