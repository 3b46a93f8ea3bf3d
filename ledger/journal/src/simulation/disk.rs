//! The simulated directory: names, faults to order, and the power loss.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entropy::SimEntropy;
use super::file::SimFile;
use crate::disk::{Access, Disk, DiskFile, DiskLock};

/// A directory in memory. Clones are the same directory. Every change can be lost until it is synced,
/// and faults can be ordered in advance. Wholly deterministic.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    locked: LockedNames,
}

/// The names whose locks are held.
type LockedNames = Arc<Mutex<BTreeSet<String>>>;

type FileId = u64;
type Names = BTreeMap<String, FileId>;

#[derive(Clone, Debug)]
enum NameChange {
    Put { name: String, file: FileId },
    Remove { name: String },
    Rename { from: String, to: String, file: FileId },
}

#[derive(Clone, Debug, Default)]
struct State {
    files: BTreeMap<FileId, SimFile>,
    next_file: FileId,
    durable_names: Names,
    live_names: Names,
    unsynced_names: Vec<NameChange>,
    ignores_sync: bool,
    capacity: Option<u64>,
    operations: u64,
    dies_after: Option<u64>,
    write_fault: Option<Fault>,
    sync_fault: Option<Fault>,
}

/// An error ordered for the operation that is `countdown` away; 1 is the next.
#[derive(Clone, Copy, Debug)]
struct Fault {
    countdown: u64,
    kind: io::ErrorKind,
}

impl SimDisk {
    /// An empty directory that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk after a power loss: what was synced, and an arbitrary subset, determined by `seed`, of
    /// the sectors and the names that were not. It works, and nobody holds its lock.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut random = SimEntropy::new(seed);
        let mut names = state.durable_names.clone();
        let kept_percent = random.below(101);
        for change in &state.unsynced_names {
            if random.below(100) < kept_percent {
                change.apply(&mut names);
            }
        }
        let mut files = BTreeMap::new();
        for id in names.values() {
            files.entry(*id).or_insert_with(|| state.files[id].crash(&mut random));
        }
        let crashed = State {
            files,
            next_file: state.next_file,
            durable_names: names.clone(),
            live_names: names,
            capacity: state.capacity,
            ignores_sync: state.ignores_sync,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(crashed)), locked: Arc::default() }
    }

    /// The same disk without its process: what was not synced is still in the cache, ordered faults are
    /// gone, and nobody holds the lock.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.state.lock().clone();
        state.dies_after = None;
        state.write_fault = None;
        state.sync_fault = None;
        Self { state: Arc::new(Mutex::new(state)), locked: Arc::default() }
    }

    /// A deep copy, faults and all, that nobody holds the lock of.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state.lock().clone())), locked: Arc::default() }
    }

    /// After that many further operations, every later one fails. A write that dies may have reached
    /// the cache.
    pub fn die_after(&self, operations: u64) {
        let mut state = self.state.lock();
        state.dies_after = Some(state.operations + operations);
    }

    /// The `nth` write from now fails once, half of it done; 1 is the next.
    pub fn fail_write(&self, nth: u64, kind: io::ErrorKind) {
        self.state.lock().write_fault = Some(Fault { countdown: nth, kind });
    }

    /// The `nth` sync of a file or of the directory from now fails once; 1 is the next. What it was
    /// to make durable stays doubtful, even when a later sync succeeds.
    pub fn fail_sync(&self, nth: u64, kind: io::ErrorKind) {
        self.state.lock().sync_fault = Some(Fault { countdown: nth, kind });
    }

    /// From now on syncs say yes and do nothing, on this disk and on those it crashes into. A test of
    /// durability that still passes on such a disk tests nothing.
    pub fn without_sync(&self) {
        self.state.lock().ignores_sync = true;
    }

    /// Writes that would make the files longer than this together fail with `StorageFull`.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// Reads, writes, syncs and changes of names so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The names of all files, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.state.lock().live_names.keys().cloned().collect()
    }

    /// What readers of the file see.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let id = state.live_names.get(name)?;
        Some(state.files[id].live().to_vec())
    }

    /// Puts a durable file there, replacing what had the name.
    pub fn put(&self, name: &str, contents: Vec<u8>) {
        let mut state = self.state.lock();
        let id = state.new_file(SimFile::durable(contents));
        state.live_names.insert(name.to_owned(), id);
        state.durable_names.insert(name.to_owned(), id);
    }

    /// Removes a file durably.
    pub fn take_away(&self, name: &str) {
        let mut state = self.state.lock();
        state.live_names.remove(name);
        state.durable_names.remove(name);
    }
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl State {
    fn new_file(&mut self, file: SimFile) -> FileId {
        let id = self.next_file;
        self.next_file += 1;
        self.files.insert(id, file);
        id
    }

    /// Counts an operation; an error once the disk is dead.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.dies_after.is_some_and(|last| self.operations > last) {
            return Err(io::Error::other("the simulated machine is dead"));
        }
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.live_names);
        self.unsynced_names.push(change);
    }

    fn find(&self, name: &str) -> io::Result<FileId> {
        self.live_names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Bytes of all files that have a name.
    fn used(&self) -> u64 {
        self.live_names.values().map(|id| self.files[id].live().len() as u64).sum()
    }

    fn write(&mut self, id: FileId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let death = self.operate();
        let half = &bytes[..bytes.len() / 2];
        let length = self.files[&id].live().len() as u64;
        let growth = (offset + bytes.len() as u64).saturating_sub(length);
        let file = self.files.get_mut(&id).expect("an open file exists");
        if death.is_err() {
            // The write was under way when the machine died; one in the cache may still be lost.
            if self.operations == self.dies_after.unwrap_or(0) + 1 && growth == 0 {
                file.write(offset, bytes);
            }
            return death;
        }
        if let Some(kind) = fault_now(&mut self.write_fault) {
            file.write(offset, half);
            return Err(kind.into());
        }
        if growth > 0 && self.capacity.is_some_and(|capacity| self.used() + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.files.get_mut(&id).expect("an open file exists").write(offset, bytes);
        Ok(())
    }

    fn sync_file(&mut self, id: FileId) -> io::Result<()> {
        self.operate()?;
        let file = self.files.get_mut(&id).expect("an open file exists");
        if let Some(kind) = fault_now(&mut self.sync_fault) {
            file.fail_sync();
            return Err(kind.into());
        }
        if !self.ignores_sync {
            file.sync();
        }
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.operate()?;
        if let Some(kind) = fault_now(&mut self.sync_fault) {
            return Err(kind.into());
        }
        if !self.ignores_sync {
            self.durable_names.clone_from(&self.live_names);
            self.unsynced_names.clear();
        }
        Ok(())
    }
}

fn fault_now(fault: &mut Option<Fault>) -> Option<io::ErrorKind> {
    let ordered = fault.as_mut()?;
    ordered.countdown -= 1;
    if ordered.countdown > 0 {
        return None;
    }
    fault.take().map(|ordered| ordered.kind)
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.state.lock().operate()?;
        Ok(self.names())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.operate()?;
        let file = state.new_file(SimFile::default());
        state.change_name(NameChange::Put { name: name.to_owned(), file });
        Ok(Box::new(SimHandle { disk: self.clone(), file, access: Access::ReadWrite }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.operate()?;
        let file = state.find(name)?;
        Ok(Box::new(SimHandle { disk: self.clone(), file, access }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        let file = state.find(from)?;
        state.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        state.find(name)?;
        state.change_name(NameChange::Remove { name: name.to_owned() });
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.state.lock().sync_names()
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut state = self.state.lock();
        state.operate()?;
        if !self.locked.lock().insert(name.to_owned()) {
            return Ok(None);
        }
        if state.find(name).is_err() {
            let file = state.new_file(SimFile::default());
            state.change_name(NameChange::Put { name: name.to_owned(), file });
        }
        Ok(Some(Box::new(SimLock { name: name.to_owned(), locked: Arc::clone(&self.locked) })))
    }
}

struct SimLock {
    name: String,
    locked: LockedNames,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.locked.lock().remove(&self.name);
    }
}

struct SimHandle {
    disk: SimDisk,
    file: FileId,
    access: Access,
}

impl DiskFile for SimHandle {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.operate()?;
        state.files[&self.file].read(offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.state.lock().write(self.file, offset, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        let mut state = self.disk.state.lock();
        state.operate()?;
        Ok(state.files[&self.file].live().len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state.lock().sync_file(self.file)
    }
}
