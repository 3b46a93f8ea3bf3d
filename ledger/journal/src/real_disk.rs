//! The directory of a real file system: `pwrite64`, `fdatasync`, and `fsync` of the directory; `O_DIRECT` with
//! `O_DSYNC` for whoever writes past the page cache.
//!
//! It must not know what the files hold. Processes give it to [`Journal::open`](crate::Journal::open).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, AtFlags, OFlags, StatxFlags, fadvise, statx};

use crate::disk::{Access, Disk, DiskFile, DiskLock};
use crate::format::BLOCK_BYTES;

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
    /// Opens a file that is written a second time, past the page cache, where the file system has that and takes
    /// our blocks.
    ///
    /// A write that the kernel was given may outlive the process that gave it. The lock is the open file's, which
    /// such a write holds on to: whoever has the lock knows that no earlier process writes any more, and waits here
    /// until that is so.
    fn with_direct(&self, file: File, name: &str, access: Access) -> RealFile {
        let direct = || {
            let flags = (OFlags::DIRECT | OFlags::DSYNC).bits().try_into().ok()?;
            let path = self.path.join(name);
            let direct = OpenOptions::new().write(true).custom_flags(flags).open(path).ok()?;
            direct.lock().ok()?;
            takes_blocks(&direct).then(|| Arc::new(direct))
        };
        let direct = if access == Access::ReadWrite { direct() } else { None };
        RealFile { file, direct }
    }
}

/// Whether a file takes direct writes of whole blocks at their places. Linux before 6.1 does not say; there and then
/// blocks of devices are no larger than ours.
fn takes_blocks(file: &File) -> bool {
    let said = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN);
    let Ok(said) = said else { return true };
    if said.stx_mask & StatxFlags::DIOALIGN.bits() == 0 {
        return true;
    }
    let fits = |align: u32| align > 0 && BLOCK_BYTES.is_multiple_of(align.into());
    fits(said.stx_dio_mem_align) && fits(said.stx_dio_offset_align)
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

    fn forget_cached(&self) {
        // Advice: without it everything works as well, only slower.
        let _taken = fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

/// The lock ends when the file is closed.
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}
