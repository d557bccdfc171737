//! Opening what lies below the root, and nothing else.
//!
//! Names are checked before ([`super::path`]), so only symbolic links can lead elsewhere. Those that stay below the root
//! are followed. A path that is resolved, checked and opened by its text could be changed between check and opening by
//! whoever may write below the root; on Unix it is therefore walked one name at a time from an open directory, and no
//! step follows a link. Only a walk that meets a link asks the file system for the resolved path, checks that it is
//! below the root, and walks that one likewise. Elsewhere the resolved path is opened by its text.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// What stands at a path.
#[derive(Debug)]
pub(super) enum Found {
    File(File, Metadata),
    Directory,
}

/// Finds what `names` lead to below `root`, a canonical path. Blocks.
///
/// Neither a fifo nor a device is ever opened, so that opening one can't hang or have an effect: they are not found.
pub(super) fn beneath(root: &Path, names: &[String]) -> io::Result<Found> {
    #[cfg(unix)]
    if let walk::Step::Found(found) = walk::walk(root, names.iter().map(AsRef::as_ref))? {
        return Ok(found);
    }
    let below = resolve(root, names)?;
    #[cfg(unix)]
    match walk::walk(root, below.iter())? {
        walk::Step::Found(found) => Ok(found),
        // What was no link when it was resolved is one: somebody is playing with us.
        walk::Step::Link => Err(not_found("a link")),
    }
    #[cfg(not(unix))]
    plain::open(&root.join(below))
}

/// Finds the file that `names` lead to below `root`, a canonical path, if nobody has to wait for it: the system has all
/// that is on the way in memory, and nothing there is a link. `None` says nothing of whether there is a file.
#[cfg(target_os = "linux")]
pub(super) fn known(root: &Path, names: impl Iterator<Item: AsRef<Path>>) -> Option<(File, Metadata)> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let mut path = root.to_path_buf();
    path.extend(names);
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    let open =
        |flags| openat2(CWD, &path, flags | OFlags::CLOEXEC, Mode::empty(), resolve).map(File::from).ok();
    // This opens nothing so far, and so has no effect on a device.
    let is_file = open(OFlags::PATH)?.metadata().ok()?.is_file();
    let file = open(walk::FILE).filter(|_| is_file)?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    Some((file, metadata))
}

/// Elsewhere nobody can tell without waiting.
#[cfg(not(target_os = "linux"))]
pub(super) fn known(_: &Path, _: impl Iterator<Item: AsRef<Path>>) -> Option<(File, Metadata)> {
    None
}

/// Follows links, and returns the path below the root that they lead to; what they lead to elsewhere is not found.
fn resolve(root: &Path, names: &[String]) -> io::Result<PathBuf> {
    let path: PathBuf = [root].into_iter().chain(names.iter().map(Path::new)).collect();
    let resolved = path.canonicalize().map_err(|error| {
        // That nobody may look at the target of a link is no news for strangers.
        if error.kind() == io::ErrorKind::PermissionDenied { not_found(error) } else { error }
    })?;
    resolved.strip_prefix(root).map(Path::to_path_buf).map_err(not_found)
}

fn not_found(why: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, why)
}

#[cfg(unix)]
mod walk {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
    use rustix::io::Errno;

    use super::{Found, not_found};

    pub(super) enum Step {
        Found(Found),
        /// Some name on the way is a link, or a file where a directory should be: systems tell the two apart badly.
        Link,
    }

    /// Where there is `O_PATH`, a directory needs no permission to be read, only to be searched.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const SEARCH: OFlags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const SEARCH: OFlags = OFlags::RDONLY;

    const DIRECTORY: OFlags = SEARCH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    /// `NONBLOCK` matters only if a fifo took the place of the file that was looked at before.
    pub(super) const FILE: OFlags = OFlags::RDONLY
        .union(OFlags::NONBLOCK)
        .union(OFlags::NOFOLLOW)
        .union(OFlags::NOCTTY)
        .union(OFlags::CLOEXEC);

    pub(super) fn walk<'a>(root: &Path, names: impl Iterator<Item = &'a OsStr>) -> io::Result<Step> {
        let mut names = names.peekable();
        let mut directory = openat(CWD, root, DIRECTORY, Mode::empty())?;
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return last(&directory, name);
            }
            directory = match openat(&directory, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(inner) => inner,
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => return Ok(Step::Link),
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Step::Found(Found::Directory))
    }

    fn last(directory: impl std::os::fd::AsFd, name: &OsStr) -> io::Result<Step> {
        let stat = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Ok(Step::Link),
            FileType::Directory => Ok(Step::Found(Found::Directory)),
            FileType::RegularFile => {
                let file = File::from(openat(&directory, name, FILE, Mode::empty())?);
                let metadata = file.metadata()?;
                if !metadata.is_file() {
                    return Err(not_found("no longer a file"));
                }
                Ok(Step::Found(Found::File(file, metadata)))
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Err(not_found("a special file")),
        }
    }
}

#[cfg(any(not(unix), test))]
mod plain {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::{Found, not_found};

    #[cfg_attr(unix, allow(dead_code, reason = "compiled with the tests so that it can't rot"))]
    pub(super) fn open(resolved: &Path) -> io::Result<Found> {
        let before = resolved.symlink_metadata()?;
        if before.is_dir() {
            return Ok(Found::Directory);
        }
        if !before.is_file() {
            return Err(not_found("a special file"));
        }
        let file = File::open(resolved)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_found("no longer a file"));
        }
        Ok(Found::File(file, metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;

    fn content(found: Found) -> String {
        let mut text = String::new();
        match found {
            Found::File(mut file, _) => file.read_to_string(&mut text).unwrap(),
            Found::Directory => panic!("a directory"),
        };
        text
    }

    #[test]
    fn opening_by_text() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::write(root.join("a"), "one").unwrap();
        assert_eq!(content(plain::open(&root.join("a")).unwrap()), "one");
        assert!(matches!(plain::open(&root), Ok(Found::Directory)));
        assert_eq!(plain::open(&root.join("b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// Swaps a directory for a link that leads out, and back, as fast as it can, while files are opened below it.
    #[test]
    #[cfg(unix)]
    fn a_directory_that_becomes_a_link_meanwhile() {
        use std::sync::atomic::{AtomicBool, Ordering};

        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let root = outer.join("root");
        fs::create_dir_all(root.join("real")).unwrap();
        fs::create_dir(outer.join("secret")).unwrap();
        fs::write(root.join("real/file"), "public").unwrap();
        fs::write(outer.join("secret/file"), "secret").unwrap();
        std::os::unix::fs::symlink(outer.join("secret"), root.join("leads-out")).unwrap();
        std::os::unix::fs::symlink("real", root.join("inside")).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (place, out, real) = (root.join("place"), root.join("leads-out"), root.join("real"));
                while !done.load(Ordering::Relaxed) {
                    fs::rename(&real, &place).unwrap();
                    fs::rename(&place, &real).unwrap();
                    fs::rename(&out, &place).unwrap();
                    fs::rename(&place, &out).unwrap();
                }
            });
            let (mut public, mut others) = (0, Vec::new());
            for _ in 0..20_000 {
                for name in ["place", "inside", "leads-out", "real"] {
                    match beneath(&root, &[name.to_owned(), "file".to_owned()]).map(content).as_deref() {
                        Ok("public") => public += 1,
                        Ok(other) => others.push((name, other.to_owned())),
                        Err(_) => {}
                    }
                    let known = known(&root, [name, "file"].into_iter());
                    let text = known.map(|(file, metadata)| content(Found::File(file, metadata)));
                    others.extend(text.filter(|text| text != "public").map(|text| (name, text)));
                }
            }
            done.store(true, Ordering::Relaxed);
            assert_eq!(others, []);
            assert!(public > 0);
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn plain_files_are_known_and_nothing_else() {
        use std::os::unix::fs::symlink;
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "public").unwrap();
        fs::write(root.join("file"), "public").unwrap();
        symlink("file", root.join("link")).unwrap();
        symlink("a", root.join("c")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), 0o600.into()).unwrap();
        let find = |names: &str| known(&root, names.split('/'));
        for plain in ["file", "a/b/file"] {
            let (file, metadata) = find(plain).unwrap();
            assert_eq!(
                (metadata.len(), content(Found::File(file, metadata)).as_str()),
                (6, "public"),
                "{plain}"
            );
        }
        for other in ["link", "c/b/file", "fifo", "a", "a/b", "missing", "file/x"] {
            assert!(find(other).is_none(), "{other}");
        }
    }
}
