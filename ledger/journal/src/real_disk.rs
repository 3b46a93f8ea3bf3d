//! The directory of a real file system: `pwrite64`, `fdatasync`, and `fsync` of the directory; `O_DIRECT` with
//! `O_DSYNC` for whoever writes past the page cache.
//!
//! It must not know what the files hold. Processes give it to [`Journal::open`](crate::Journal::open).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::disk::{Access, Disk, DiskFile, DiskLock};

/// Journal files are their owner's alone.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// One directory of the file system.
#[derive(Debug)]
pub struct RealDisk {
    path: PathBuf,
    /// Kept open, so that syncing it does not depend on the path staying what it was.
    directory: File,
}

impl RealDisk {
    /// The directory at `path`, which must exist; touches nothing in it.
    ///
    /// # Errors
    /// When it cannot be opened or is not a directory.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let directory = File::open(&path)?;
        if !directory.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Self { path, directory })
    }

    /// Like [`RealDisk::open`], and makes the directory (mode 0700) and its missing parents first.
    ///
    /// # Errors
    /// When it can be neither made nor opened.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        make_durable_directory(&path)?;
        Self::open(path)
    }

    /// The directory this disk is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl RealDisk {
    /// Opens a file that is written a second time, past the page cache, where the file system has that.
    fn with_direct(&self, file: File, name: &str, access: Access) -> RealFile {
        let direct = || {
            let flags = OFlags::DIRECT | OFlags::DSYNC;
            let flags = flags.bits().try_into().ok()?;
            let path = self.path.join(name);
            OpenOptions::new().write(true).custom_flags(flags).open(path).ok().map(Arc::new)
        };
        let direct = if access == Access::ReadWrite { direct() } else { None };
        RealFile { file, direct }
    }
}

/// A new directory is durable only when the one above it was synced.
fn make_durable_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_durable_directory(parent)?;
    match fs::DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(self.path.join(name))?;
        Ok(Box::new(self.with_direct(file, name, Access::ReadWrite)))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::ReadWrite)
            .open(self.path.join(name))?;
        Ok(Box::new(self.with_direct(file, name, access)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.path.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(RealLock { _file: file }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

struct RealFile {
    file: File,
    direct: Option<Arc<File>>,
}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn direct(&self) -> Option<Arc<File>> {
        self.direct.clone()
    }
}

/// The lock ends when the file is closed.
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}
