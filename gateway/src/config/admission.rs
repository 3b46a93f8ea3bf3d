//! The settings of admission: rates, fences, shadows, and the Redis that gateways share.
//!
//! Owns these keys, their ranges and the files they name. Must not know what is decided.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use talon_credentials::secret;

use crate::admission::{BadEndpoint, MAX_BUCKETS, MAX_GATEWAYS, RedisEndpoint};

/// Most bytes of a password's or a certificate authority's file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Rates, and the store that keeps them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admission {
    /// Such as `redis://127.0.0.1:6379`, or `rediss://user@host:6380` over TLS; several, separated by
    /// commas, for a cluster; empty: in this process.
    pub redis_url: String,
    /// The file with the password of Redis; nobody else may read it. Empty: none, or the URL's.
    pub redis_password_file: PathBuf,
    /// The file with the certificates in PEM that sign Redis's, for `rediss://`. Empty: the system's.
    pub redis_ca: PathBuf,
    /// Whether the URL names nodes of a Redis Cluster.
    pub cluster: bool,
    /// Into how many buckets persons are split, 1 to 256: 1 for one server, some for each master of a
    /// cluster. The same for all gateways; a change forgets rates and hints.
    pub buckets: u16,
    /// How long one batch may take in Redis, in milliseconds, 1 to 10,000.
    pub redis_deadline_ms: u64,
    /// Gateways that share this Redis, 1 to 60: without it, each gives a person its part of the limit.
    pub gateways: u32,
    /// Bookings and cancellations a second of all persons at all gateways while Redis does not answer, 1
    /// to 1,000,000.
    pub degraded_per_second: u32,
    /// One booking or cancellation per person and this many milliseconds, 1 to 60,000.
    pub write_interval_ms: u64,
    /// This many at once, 1 to 60.
    pub write_burst: u32,
    /// One personal read or challenge per person and this many milliseconds, 1 to 60,000.
    pub read_interval_ms: u64,
    /// This many at once, 1 to 60.
    pub read_burst: u32,
    /// Requests a second from one address, a coarse fence sized for carriers' shared addresses.
    pub address_per_second: u32,
    /// Logins a second from one address, which are dearer.
    pub logins_per_second: u32,
    /// What only counts whom it would refuse.
    pub shadow: Vec<Shadowed>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            redis_url: String::new(),
            redis_password_file: PathBuf::new(),
            redis_ca: PathBuf::new(),
            cluster: false,
            buckets: 1,
            redis_deadline_ms: 50,
            gateways: 1,
            degraded_per_second: 500,
            write_interval_ms: 500,
            write_burst: 10,
            read_interval_ms: 100,
            read_burst: 30,
            address_per_second: 5_000,
            logins_per_second: 200,
            shadow: Vec::new(),
        }
    }
}

/// What can be in shadow mode at the gateway; the limits of a policy have a mode of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shadowed {
    /// A person's bookings and cancellations.
    WriteRate,
    /// A person's reads and challenges.
    ReadRate,
    /// All requests of a person at this gateway.
    PersonFence,
    /// All requests of an address at this gateway.
    AddressFence,
    /// The logins of an address at this gateway.
    LoginFence,
    /// The proof of work: asked for, judged, and not needed.
    Proof,
}

/// What happens to an authority's bookings and cancellations while Redis does not answer. Reads go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnRedisFailure {
    /// Each gateway gives its part of a person's limit, under a cap on all persons together.
    #[default]
    Degraded,
    /// They are asked to come back.
    Closed,
    /// Each gateway gives the whole limit.
    Open,
}

impl Admission {
    /// Checks the ranges, and what goes with what.
    ///
    /// # Errors
    /// The key and what would be right.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let range = |key, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err((key, format!("{value} is not from {least} to {most}")))
            }
        };
        range("admission.redis_deadline_ms", self.redis_deadline_ms, 1, 10_000)?;
        range("admission.buckets", self.buckets.into(), 1, MAX_BUCKETS.into())?;
        range("admission.gateways", self.gateways.into(), 1, MAX_GATEWAYS.into())?;
        range("admission.degraded_per_second", self.degraded_per_second.into(), 1, 1_000_000)?;
        range("admission.write_interval_ms", self.write_interval_ms, 1, 60_000)?;
        range("admission.write_burst", self.write_burst.into(), 1, 60)?;
        range("admission.read_interval_ms", self.read_interval_ms, 1, 60_000)?;
        range("admission.read_burst", self.read_burst.into(), 1, 60)?;
        range("admission.address_per_second", self.address_per_second.into(), 1, 1_000_000)?;
        range("admission.logins_per_second", self.logins_per_second.into(), 1, 1_000_000)?;
        self.bare_endpoint().map_err(|bad| ("admission.redis_url", bad.to_string()))?;
        let without_redis = |is_set: bool, key| {
            if is_set && self.redis_url.is_empty() {
                return Err((key, "needs admission.redis_url".to_owned()));
            }
            Ok(())
        };
        without_redis(self.cluster, "admission.cluster")?;
        without_redis(self.has_password_file(), "admission.redis_password_file")?;
        without_redis(self.has_authority(), "admission.redis_ca")
    }

    /// Where Redis is and how to be let in, with what the files say; none without Redis.
    ///
    /// # Errors
    /// The key and what would be right.
    pub fn endpoint(&self) -> Result<Option<RedisEndpoint>, (&'static str, String)> {
        let bare = self.bare_endpoint().map_err(|bad| ("admission.redis_url", bad.to_string()))?;
        let Some(mut endpoint) = bare else { return Ok(None) };
        if self.has_password_file() {
            let password = secret(&self.redis_password_file)
                .map_err(|problem| ("admission.redis_password_file", problem))?;
            endpoint = endpoint.with_password(password.trim_end_matches(['\r', '\n']));
        }
        if self.has_authority() {
            let bad = |problem: String| ("admission.redis_ca", problem);
            let pem = read(&self.redis_ca).map_err(bad)?;
            endpoint =
                endpoint.with_authority(pem.as_bytes()).map_err(|error| bad(error.to_string()))?;
        }
        Ok(Some(endpoint))
    }

    /// The addresses without what may be a password.
    pub fn redacted_url(&self) -> String {
        let redact = |address: &str| match url::Url::parse(address) {
            Ok(mut url) if url.password().is_some() => match url.set_password(Some("redacted")) {
                Ok(()) => url.into(),
                Err(()) => address.to_owned(),
            },
            _ => address.to_owned(),
        };
        self.redis_url.split(',').map(redact).collect::<Vec<_>>().join(",")
    }

    fn bare_endpoint(&self) -> Result<Option<RedisEndpoint>, BadEndpoint> {
        match (self.redis_url.as_str(), self.cluster) {
            ("", _) => Ok(None),
            (urls, true) => RedisEndpoint::cluster(urls).map(Some),
            (url, false) => RedisEndpoint::single(url).map(Some),
        }
    }

    fn has_password_file(&self) -> bool {
        !self.redis_password_file.as_os_str().is_empty()
    }

    fn has_authority(&self) -> bool {
        !self.redis_ca.as_os_str().is_empty()
    }
}

fn read(path: &Path) -> Result<String, String> {
    let bad = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(bad)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{}: longer than {MAX_FILE_BYTES} bytes", path.display()));
    }
    Ok(text)
}

fn secret(path: &Path) -> Result<String, String> {
    let bytes = secret::read(path, MAX_FILE_BYTES).map_err(|bad| bad.to_string())?;
    String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn with(change: impl FnOnce(&mut Admission)) -> Admission {
        let mut settings =
            Admission { redis_url: "redis://127.0.0.1:6379".to_owned(), ..Admission::default() };
        change(&mut settings);
        settings
    }

    fn key_at_fault(settings: &Admission) -> &'static str {
        settings.check().err().map_or("", |(key, _)| key)
    }

    #[test]
    fn what_needs_redis_is_refused_without_it() {
        for (key, change) in [
            ("admission.cluster", (|one| one.cluster = true) as fn(&mut Admission)),
            ("admission.redis_password_file", |one| one.redis_password_file = "secret".into()),
            ("admission.redis_ca", |one| one.redis_ca = "ca.pem".into()),
        ] {
            assert_eq!(key_at_fault(&with(change)), "");
            let without = with(|one| {
                change(one);
                one.redis_url.clear();
            });
            assert_eq!(key_at_fault(&without), key);
        }
    }

    #[test]
    fn several_addresses_need_the_cluster_and_none_shows_its_password() {
        let urls = "redis://a:secret@127.0.0.1:1,redis://a:secret@127.0.0.1:2";
        let single = with(|one| one.redis_url = urls.to_owned());
        assert_eq!(key_at_fault(&single), "admission.redis_url");
        let cluster = Admission { cluster: true, ..single };
        assert_eq!(key_at_fault(&cluster), "");
        let shown = cluster.redacted_url();
        assert!(!shown.contains("secret") && shown.contains("a:redacted@127.0.0.1:2"), "{shown}");
    }

    #[test]
    fn what_is_beyond_a_bound_is_refused_by_its_key() {
        for (key, change) in [
            ("admission.buckets", (|one| one.buckets = MAX_BUCKETS + 1) as fn(&mut Admission)),
            ("admission.buckets", |one| one.buckets = 0),
            ("admission.gateways", |one| one.gateways = MAX_GATEWAYS + 1),
            ("admission.degraded_per_second", |one| one.degraded_per_second = 0),
        ] {
            assert_eq!(key_at_fault(&with(change)), key);
        }
    }

    #[test]
    fn a_file_is_read_to_its_bound_and_no_further() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (length, good) in [(MAX_FILE_BYTES, true), (MAX_FILE_BYTES + 1, false)] {
            fs::write(&path, "x".repeat(length as usize)).unwrap();
            assert_eq!(read(&path).is_ok(), good);
        }
    }

    #[test]
    fn a_password_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "secret\n").unwrap();
        let settings = with(|one| one.redis_password_file.clone_from(&path));
        for (mode, good) in [(0o644, false), (0o640, false), (0o600, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let opened = settings.endpoint();
            assert_eq!(opened.is_ok(), good, "{mode:o}");
            let problem = opened.err().map(|(key, problem)| format!("{key}: {problem}"));
            assert!(problem.is_none_or(|problem| problem.contains("chmod 600")));
        }
    }
}
