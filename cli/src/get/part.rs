//! A file on its way: `NAME.part`, with a note beside it that says what it is a part of.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use super::checksum::Checksum;
use super::failure::Failure;
use super::name::Files;
use super::resume::Note;

/// A file on its way. All of it blocks.
#[derive(Debug)]
pub(super) struct Part {
    files: Files,
    file: Option<File>,
    /// How many bytes are there.
    length: u64,
    /// What they are a part of; without it they are worth nothing.
    note: Option<Note>,
}

impl Part {
    /// Knows of nothing yet.
    pub(super) fn new(files: Files) -> Self {
        Self { files, file: None, length: 0, note: None }
    }

    /// Looks for what an earlier run left of this URL.
    pub(super) fn find(files: Files, key: Checksum) -> Result<Self, Failure> {
        let mut this = Self::new(files);
        let Some(note) = Note::read(&this.files.note, key) else { return Ok(this) };
        match open(&this.files.part) {
            Ok((file, length)) => {
                this.file = Some(file);
                this.length = length;
                this.note = Some(note);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::disk(&this.files.part, error)),
        }
        Ok(this)
    }

    /// Returns how many bytes are there, and of what, when there are any to go on from.
    pub(super) fn held(&self) -> Option<(u64, &Note)> {
        self.note.as_ref().filter(|_| self.length > 0).map(|note| (self.length, note))
    }

    /// Returns how many bytes are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Goes on from nothing.
    pub(super) fn forget(&mut self) {
        self.note = None;
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, note: Option<Note>) -> Result<(), Failure> {
        let Files { part, note: beside, .. } = &self.files;
        self.file = None;
        // The note goes first and comes last: it never stands beside bytes that are not its own.
        remove(beside).map_err(|error| Failure::disk(beside, error))?;
        remove(part).map_err(|error| Failure::disk(part, error))?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(part);
        self.file = Some(file.map_err(|error| Failure::disk(part, error))?);
        self.length = 0;
        if let Some(note) = &note {
            note.write(beside).map_err(|error| Failure::disk(beside, error))?;
        }
        self.note = note;
        Ok(())
    }

    /// Goes back to so many bytes.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), Failure> {
        let cut = |file: &mut File| {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))
        };
        if let Some(file) = &mut self.file {
            cut(file).map_err(|error| Failure::disk(&self.files.part, error))?;
        }
        self.length = length;
        Ok(())
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(|error| Failure::disk(&self.files.part, error))?;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Compares the checksum, if one is wanted, and gives the file its name.
    pub(super) fn finish(mut self, expected: Option<Checksum>) -> Result<(), Failure> {
        let Files { whole, part, note } = &self.files;
        if let (Some(expected), Some(file)) = (expected, &mut self.file) {
            let found = file.rewind().and_then(|()| Checksum::of_reader(file));
            let found = found.map_err(|error| Failure::disk(part, error))?;
            if found != expected {
                // Nothing could be made of it by going on.
                remove(note).map_err(|error| Failure::disk(note, error))?;
                remove(part).map_err(|error| Failure::disk(part, error))?;
                return Err(Failure::Checksum { path: part.clone(), expected, found });
            }
        }
        self.file = None;
        fs::rename(part, whole).map_err(|error| Failure::disk(whole, error))?;
        remove(note).map_err(|error| Failure::disk(note, error))
    }
}

/// Removes a file if it is there; of a link, the link.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens a part at its end, and nothing that a link leads to.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("this is no file that a download left"));
    }
    let mut file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is no file that a download left"));
    }
    let length = file.seek(SeekFrom::End(0))?;
    Ok((file, length))
}
