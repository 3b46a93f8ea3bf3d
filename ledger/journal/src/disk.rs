//! The disk as an argument: one directory of files, and what can be asked of it.
//!
//! It must not know segments or frames. [`RealDisk`](crate::RealDisk) and the simulated disk are its
//! two implementations; the rest of the crate reaches files only through it.

use std::fs::File;
use std::io;
use std::sync::Arc;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading; writing to it is an error.
    Read,
    /// Reading and writing in place.
    ReadWrite,
}

/// One flat directory. Names carry no path separators. Nothing is durable before the matching sync.
pub trait Disk: Send + Sync {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file for reading and writing; one that exists is emptied.
    ///
    /// # Errors
    /// Whatever the file system says; `StorageFull` when there is no room.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// Whatever the file system says; `NotFound` when there is none.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name at once, replacing what had it.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals so far durable.
    ///
    /// # Errors
    /// Whatever the file system says; it must not be tried again.
    fn sync_directory(&self) -> io::Result<()>;

    /// Takes the directory for one writer; `None` when another has it. Dropping the lock gives it
    /// back, and so does the end of the process.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// A file that was opened; all offsets are in bytes from its start.
pub trait DiskFile: Send + Sync {
    /// Fills all of `out` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end, or whatever the file system says.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file where needed.
    ///
    /// # Errors
    /// Whatever the file system says; how much was written is then unknown.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn length(&self) -> io::Result<u64>;

    /// Makes the contents and the length durable.
    ///
    /// # Errors
    /// Whatever the file system says; it must not be tried again, because a later success would
    /// not mean that the earlier writes are there.
    fn sync(&self) -> io::Result<()>;

    /// The same file for whoever writes past the page cache: a write of whole blocks from aligned memory is durable
    /// when it has returned, without a sync. `None` where there is no such thing.
    fn direct(&self) -> Option<Arc<File>> {
        None
    }

    /// What is in memory of the file's synced contents is not needed: a direct write has to throw it out first, which
    /// costs it a thread of the kernel's.
    fn forget_cached(&self) {}
}

/// Held as long as the directory is this writer's.
pub trait DiskLock: Send + Sync {}
