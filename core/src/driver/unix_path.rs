//! The file of a listening Unix socket: who may take the path, and when the file goes.

use alloc::format;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// Owns the file of a listening Unix socket and removes it when dropped, unless another file stands there by then.
#[derive(Debug)]
pub(super) struct UnixPath {
    path: PathBuf,
    file: FileId,
}

/// Device and inode: what tells our file from one that another server put at the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl UnixPath {
    /// Takes the path with `bind`; replaces the file of a server that is gone.
    pub(super) fn claim(
        path: &Path,
        bind: impl Fn(&SockAddr) -> io::Result<UnixListener>,
    ) -> io::Result<(UnixListener, Self)> {
        let address = SockAddr::unix(path)?;
        let listener = match bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_dead(path, &address)?;
                bind(&address)?
            }
            result => result?,
        };
        // Absolute, for the process may change its directory before it ends.
        let path = std::path::absolute(path)?;
        let file = socket_at(&path)?;
        Ok((listener, Self { path, file }))
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        if socket_at(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that nobody listens on.
fn remove_dead(path: &Path, address: &SockAddr) -> io::Result<()> {
    let file = socket_at(path)?;
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue answers a blocking connect only when somebody accepts.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Ok(()) | Err(_) => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server answers there"));
        }
    }
    // Another server may have taken the path since.
    if socket_at(path)? == file {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn socket_at(path: &Path) -> io::Result<FileId> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.file_type().is_socket() {
        let text = format!("{} exists and is not a socket", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    Ok(FileId(metadata.dev(), metadata.ino()))
}
