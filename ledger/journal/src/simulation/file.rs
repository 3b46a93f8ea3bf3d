//! One simulated file: what is on the platter, what only the cache holds, and what may be either.

use std::collections::BTreeMap;
use std::io;

use super::entropy::SimEntropy;

/// The unit that reaches the platter whole or not at all.
pub(super) const SECTOR: usize = 512;

/// The versions of one sector that were written since it last was certainly durable.
type Versions = Vec<[u8; SECTOR]>;

#[derive(Clone, Debug, Default)]
pub(super) struct SimFile {
    durable: Vec<u8>,
    /// What readers see: the durable contents with all writes on top.
    live: Vec<u8>,
    /// Written and not synced.
    unsynced: BTreeMap<usize, Versions>,
    /// Unsynced when a sync failed: a later sync that succeeds says nothing about them.
    doubtful: BTreeMap<usize, Versions>,
}

impl SimFile {
    /// A file that was synced.
    pub(super) fn durable(contents: Vec<u8>) -> Self {
        Self { durable: contents.clone(), live: contents, ..Self::default() }
    }

    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let end = from.checked_add(out.len()).ok_or(io::ErrorKind::InvalidInput)?;
        out.copy_from_slice(self.live.get(from..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let from = usize::try_from(offset).expect("a simulated file fits in memory");
        let end = from + bytes.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[from..end].copy_from_slice(bytes);
        for sector in from / SECTOR..end.div_ceil(SECTOR) {
            let mut version = [0; SECTOR];
            let start = sector * SECTOR;
            let length = SECTOR.min(self.live.len() - start);
            version[..length].copy_from_slice(&self.live[start..start + length]);
            self.unsynced.entry(sector).or_default().push(version);
        }
    }

    pub(super) fn sync(&mut self) {
        if self.durable.len() < self.live.len() {
            self.durable.resize(self.live.len(), 0);
        }
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            if let Some(last) = versions.last() {
                put_sector(&mut self.durable, sector, last);
            }
            self.doubtful.remove(&sector);
        }
    }

    /// The cache forgets that it had anything to write, and whether it was written nobody knows.
    pub(super) fn fail_sync(&mut self) {
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            self.doubtful.entry(sector).or_default().extend(versions);
        }
    }

    /// What is left after a power loss: each sector in the synced or in any later version. The file's
    /// length follows the sectors that made it.
    pub(super) fn crash(&self, random: &mut SimEntropy) -> Self {
        let mut candidates = self.doubtful.clone();
        for (sector, versions) in &self.unsynced {
            candidates.entry(*sector).or_default().extend(versions.iter().copied());
        }
        let mut contents = self.durable.clone();
        // Some crashes keep nearly all, some nearly nothing; a fair coin for each sector would make
        // both all but impossible.
        let kept_percent = random.below(101);
        for (sector, versions) in candidates {
            if random.below(100) < kept_percent {
                let chosen = random.below(versions.len() as u64);
                let version = &versions[usize::try_from(chosen).expect("an index")];
                let end = ((sector + 1) * SECTOR).min(self.live.len());
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                put_sector(&mut contents, sector, version);
            }
        }
        Self::durable(contents)
    }
}

fn put_sector(contents: &mut [u8], sector: usize, version: &[u8; SECTOR]) {
    let start = sector * SECTOR;
    let length = SECTOR.min(contents.len() - start);
    contents[start..start + length].copy_from_slice(&version[..length]);
}
