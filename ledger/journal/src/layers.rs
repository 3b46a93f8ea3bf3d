//! Several directories read as one: a journal and the archive that has its older segments.
//!
//! It must not write. Tools read through it; where directories hold the same name, the first counts.

use std::io;

use crate::disk::{Access, Disk, DiskFile, DiskLock};

/// Directories, the first of which counts most. Writing to them is an error.
pub struct Layers(Vec<Box<dyn Disk>>);

impl Layers {
    /// Reads these as one.
    #[must_use]
    pub fn new(disks: Vec<Box<dyn Disk>>) -> Self {
        Self(disks)
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for Layers {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for disk in &self.0 {
            names.extend(disk.list()?);
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn create(&self, _name: &str) -> io::Result<Box<dyn DiskFile>> {
        read_only()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if access == Access::ReadWrite {
            return read_only();
        }
        for disk in &self.0 {
            match disk.open(name, access) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        read_only()
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        read_only()
    }

    fn sync_directory(&self) -> io::Result<()> {
        read_only()
    }

    fn lock(&self, _name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        read_only()
    }
}
