//! A disk that somebody watches: everything goes on to the disk below, and the watcher has a say in it.
//!
//! Owns the passing on. Must not know what is watched for.

use std::fs::File;
use std::io;
use std::sync::Arc;

use talon_journal::{Access, Disk, DiskFile, DiskLock};

/// Who watches.
pub(crate) trait Watch: Send + Sync + 'static {
    /// A file is about to be synced.
    fn sync(&self) -> io::Result<()>;

    /// Somebody wants to write past the page cache.
    fn direct(&self, file: Arc<File>) -> Arc<File> {
        file
    }
}

/// A disk and who watches it.
pub(crate) struct Watched<D, W> {
    pub(crate) disk: D,
    pub(crate) watch: Arc<W>,
}

impl<D, W: Watch> Watched<D, W> {
    fn watched(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(WatchedFile { file, watch: Arc::clone(&self.watch) })
    }
}

impl<D: Disk, W: Watch> Disk for Watched<D, W> {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(name).map(|file| self.watched(file))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(name, access).map(|file| self.watched(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        self.disk.lock(name)
    }
}

struct WatchedFile<W> {
    file: Box<dyn DiskFile>,
    watch: Arc<W>,
}

impl<W: Watch> DiskFile for WatchedFile<W> {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync(&self) -> io::Result<()> {
        self.watch.sync()?;
        self.file.sync()
    }

    fn direct(&self) -> Option<Arc<File>> {
        self.file.direct().map(|file| self.watch.direct(file))
    }

    fn forget_cached(&self) {
        self.file.forget_cached();
    }
}
