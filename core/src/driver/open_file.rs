//! An open file that may be sent by its name.

use core::any::Any;
use core::fmt;
use std::fs::File;

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::link::FileRange;

/// An open file, and whatever is to be kept as long as it is open, a permit for instance.
pub struct OpenFile {
    file: File,
    _kept: Box<dyn Any + Send + Sync>,
}

impl OpenFile {
    /// Takes a file, and what goes when it goes.
    pub fn new(file: File, kept: impl Send + Sync + 'static) -> Self {
        Self { file, _kept: Box::new(kept) }
    }

    /// Returns the file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Names `length` bytes from `start` on, whatever the file's cursor says.
    pub fn range(self: &Arc<Self>, start: u64, length: u64) -> FileRange {
        FileRange::new(Arc::clone(self) as _, start, length)
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenFile").field(&self.file).finish()
    }
}
