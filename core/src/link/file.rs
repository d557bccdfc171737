//! A part of a file on its way out, which the system copies itself.

use core::any::Any;
use core::fmt;

use alloc::sync::Arc;

/// So many bytes of an open file from a place on.
///
/// What the file is, only the driver's half knows (`driver::OpenFile`): here it is handed on. A transport that can name it
/// to the system (`Transport::SENDS_FILES`) sends its bytes without copying them through the program.
#[derive(Clone)]
pub struct FileRange {
    file: Arc<dyn Any + Send + Sync>,
    start: u64,
    length: u64,
}

impl FileRange {
    /// Names `length` bytes from `start` on.
    pub fn new(file: Arc<dyn Any + Send + Sync>, start: u64, length: u64) -> Self {
        Self { file, start, length }
    }

    /// Returns the file.
    pub fn file(&self) -> &(dyn Any + Send + Sync) {
        &*self.file
    }

    /// Returns where the bytes begin.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns how many bytes are left.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether no byte is left.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Drops the first `n` bytes: they were sent.
    pub(super) fn advance(&mut self, n: u64) {
        self.start += n;
        self.length -= n;
    }
}

impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRange").field("start", &self.start).field("length", &self.length).finish()
    }
}
