//! Files that hold secrets: read to a bound, and refused when others may read them.
//!
//! Owns what "others" means. Must not know what a secret is for. Called by whatever names such a file in the
//! configuration of a gateway or of a ledger.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Largest file of a private key in PEM, in bytes.
pub const MAX_KEY_BYTES: u64 = 256 * 1024;
/// What nobody but the owner may do.
const OTHERS: u32 = 0o077;
/// The same, but that the group may read.
const OTHERS_THAN_THE_GROUP: u32 = 0o037;
const ROOT: u32 = 0;

/// Why a secret's file is refused; each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that others can read.
    #[error("{}: mode {mode:03o} lets others read it; use chmod 600", path.display())]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file that is no secret's.
    #[error("{}: longer than {most} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The bound.
        most: u64,
    },
}

/// The permissions of a file, when they let others have it than its owner. A file of root that root's process does
/// not read itself may be read by its group, which is how Kubernetes and Debian's `ssl-cert` hand secrets to a
/// process that is not root; PostgreSQL's servers take theirs by the same rule.
pub fn excess(metadata: &Metadata) -> Option<u32> {
    let mode = metadata.mode() & 0o777;
    let forbidden = forbidden(metadata.uid(), geteuid().as_raw());
    (mode & forbidden != 0).then_some(mode)
}

fn forbidden(owner: u32, reader: u32) -> u32 {
    if owner == ROOT && reader != ROOT { OTHERS_THAN_THE_GROUP } else { OTHERS }
}

/// Reads a secret of at most `most` bytes.
///
/// # Errors
/// [`BadSecret`].
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, BadSecret> {
    let io = |source| BadSecret::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    // Of the file that is open, whatever stands under its name by now.
    if let Some(mode) = excess(&file.metadata().map_err(io)?) {
        return Err(BadSecret::Readable { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most {
        return Err(BadSecret::TooLong { path: path.to_owned(), most });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_reads_a_secret_or_the_group_of_one_that_is_roots() {
        const OURS: u32 = 1000;
        for (mode, owner, reader, good) in [
            (0o600, OURS, OURS, true),
            (0o400, OURS, OURS, true),
            (0o640, OURS, OURS, false),
            (0o604, OURS, OURS, false),
            (0o440, ROOT, OURS, true),
            (0o640, ROOT, OURS, true),
            (0o660, ROOT, OURS, false),
            (0o444, ROOT, OURS, false),
            (0o440, ROOT, ROOT, false),
            (0o600, ROOT, ROOT, true),
        ] {
            assert_eq!(mode & forbidden(owner, reader) == 0, good, "{mode:o} of {owner}");
        }
    }

    #[test]
    fn a_secret_is_read_to_its_bound_and_only_when_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(read(&path, 8), Err(BadSecret::Io { .. })));
        fs::write(&path, "12345678").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path, 8), Err(BadSecret::Readable { mode: 0o644, .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path, 8).unwrap(), b"12345678");
        assert!(matches!(read(&path, 7), Err(BadSecret::TooLong { most: 7, .. })));
    }
}
