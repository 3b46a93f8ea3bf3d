//! Secrets from files: read once at start, refused when somebody else could read them.
//!
//! A demonstration makes its own, once, mode 0600, outside the journal's directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use talon_credentials::secret;
use talon_domain::pepper::{BadPeppers, MAX_PEPPERS, Pepper, Peppers};
use talon_pow::Keyring;

use super::token::SessionKeys;

/// Least length of a secret, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;
/// Greatest length of a secret's file, in bytes.
pub const MAX_SECRET_BYTES: u64 = 4096;

/// The files of the peppers, newest first.
const PEPPER_FILES: [&str; MAX_PEPPERS] =
    ["pepper.key", "pepper.previous.key", "pepper.previous-2.key", "pepper.previous-3.key"];
/// The file of one pepper too many.
const PEPPER_TOO_MANY: &str = "pepper.previous-4.key";

/// Why the secrets are refused; each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// A file that cannot be read or made.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that others can read.
    #[error("{}: mode {mode:03o} lets others read it; chmod 600 it", path.display())]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A secret too short to be one, or too long.
    #[error(
        "{}: {length} bytes; a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} random bytes",
        path.display()
    )]
    Length {
        /// Which file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// Peppers that are no set to work with.
    #[error("{}: {source}; {} holds what pepper.key was before", path.display(), PEPPER_FILES[1])]
    Peppers {
        /// Their directory.
        path: PathBuf,
        /// Why.
        source: BadPeppers,
    },
    /// No randomness.
    #[error("no randomness for a key: {0}")]
    Random(String),
}

/// The secrets of a gateway.
pub struct Keys {
    /// Signs sessions and login cookies.
    pub session: SessionKeys,
    /// Make pseudonyms.
    pub peppers: Peppers,
    /// Signs proof-of-work challenges.
    pub proof: Keyring,
    /// Known to this gateway and the hub.
    pub hub_client_secret: String,
}

impl Keys {
    /// Reads the secrets in `directory`; `create` makes those that are missing.
    ///
    /// # Errors
    /// [`BadKeys`].
    pub fn load(directory: &Path, create: bool) -> Result<Self, BadKeys> {
        if create {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|source| BadKeys::Io { path: directory.to_owned(), source })?;
        }
        let secret = |name: &str| -> Result<Vec<u8>, BadKeys> {
            let path = directory.join(name);
            if create && !path.exists() {
                make(&path)?;
            }
            read(&path)
        };
        // The keys before the last change: what they signed is good until it expires.
        let previous = |name: &str| -> Result<Option<Vec<u8>>, BadKeys> {
            let path = directory.join(name);
            if path.exists() { read(&path).map(Some) } else { Ok(None) }
        };
        let session = secret("session.key")?;
        let session_before = previous("session.previous.key")?;
        let mut peppers = vec![secret(PEPPER_FILES[0])?];
        for name in PEPPER_FILES[1..].iter().chain([&PEPPER_TOO_MANY]) {
            peppers.extend(previous(name)?);
        }
        let proof = secret("proof.key")?;
        let proof_before = previous("proof.previous.key")?;
        let hub = secret("hub-client.secret")?;
        Ok(Self {
            session: match session_before {
                Some(before) => SessionKeys::new(&session).with_previous(&before),
                None => SessionKeys::new(&session),
            },
            peppers: peppers_of(peppers)
                .map_err(|source| BadKeys::Peppers { path: directory.to_owned(), source })?,
            proof: Keyring::new(&proof, proof_before.as_deref().as_slice())
                .expect("the length was checked"),
            hub_client_secret: String::from_utf8_lossy(&hub).trim().to_owned(),
        })
    }
}

fn peppers_of(newest_first: Vec<Vec<u8>>) -> Result<Peppers, BadPeppers> {
    let pepper = |secret| Pepper::new(secret).expect("the length was checked");
    Peppers::new(newest_first.into_iter().map(pepper).collect())
}

fn make(path: &Path) -> Result<(), BadKeys> {
    let mut bytes = [0; MIN_SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| BadKeys::Random(error.to_string()))?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        // Text, so that a secret can be given to another program.
        file.write_all(hex::encode(bytes).as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| BadKeys::Io { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, BadKeys> {
    let io = |source| BadKeys::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(io)?;
    if let Some(mode) = secret::excess(&metadata) {
        return Err(BadKeys::Readable { path: path.to_owned(), mode });
    }
    let bytes =
        if metadata.len() <= MAX_SECRET_BYTES { fs::read(path).map_err(io)? } else { Vec::new() };
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(BadKeys::Length { path: path.to_owned(), length: metadata.len() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_demonstration_makes_its_keys_once_for_its_own_eyes() {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys");
        let first = Keys::load(&keys, true).unwrap();
        let second = Keys::load(&keys, true).unwrap();
        assert_eq!(first.hub_client_secret, second.hub_client_secret);
        let mode = fs::metadata(keys.join("pepper.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn peppers_are_taken_newest_first_and_no_more_than_the_bound() {
        let directory = tempfile::tempdir().unwrap();
        let only = Keys::load(directory.path(), true).unwrap().peppers.ids();
        let file = |name: &str| directory.path().join(name);
        for name in PEPPER_FILES[1..].iter().rev() {
            // A gap is no mistake: what is gone has gone on purpose.
            make(&file(name)).unwrap();
            assert!(Keys::load(directory.path(), true).is_ok(), "{name} without those between");
        }
        let all = Keys::load(directory.path(), false).unwrap().peppers.ids();
        assert_eq!((all.len(), all[0]), (MAX_PEPPERS, only[0]));
        make(&file(PEPPER_TOO_MANY)).unwrap();
        let count = MAX_PEPPERS + 1;
        assert!(matches!(
            Keys::load(directory.path(), false),
            Err(BadKeys::Peppers { source, .. }) if source == BadPeppers::Count { count }
        ));
        fs::remove_file(file(PEPPER_TOO_MANY)).unwrap();
        fs::copy(file(PEPPER_FILES[0]), file(PEPPER_FILES[1])).unwrap();
        let said = Keys::load(directory.path(), false).err().unwrap().to_string();
        assert!(said.contains("two of the peppers") && said.contains("before"), "{said}");
    }

    #[test]
    fn missing_readable_and_short_keys_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Keys::load(directory.path(), false), Err(BadKeys::Io { .. })));
        Keys::load(directory.path(), true).unwrap();
        let pepper = directory.path().join("pepper.key");
        fs::set_permissions(&pepper, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::load(directory.path(), false), Err(BadKeys::Readable { .. })));
        fs::set_permissions(&pepper, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&pepper, "short").unwrap();
        assert!(matches!(Keys::load(directory.path(), false), Err(BadKeys::Length { .. })));
    }
}
