//! What all runtimes share ([`App`]) and what each has of its own ([`Lane`]).
//!
//! Owns no behaviour: it is the parts, wired. Called by every handler.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moka::sync::Cache;
use rustc_hash::FxBuildHasher;
use sha2::{Digest, Sha256};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::{AuthorityId, KeyHash, OfficeId, Pseudonym, ServiceId};
use talon_domain::limits::LimitRefusal;
use talon_domain::policy::CompiledPolicy;
use talon_ledger::core::Authority;
use talon_wire::{Ledger, Place};

use crate::admission::{AdmissionHandle, LocalFence, LoginFence, NameHash, RateRule, WhenDown};
use crate::availability::{Lists, PublicAnswers};
use crate::config::{Config, ProcessMode};
use crate::demand::Demands;
use crate::edge::Edge;
use crate::http::language::Texts;
use crate::http::problem::Problem;
use crate::identity::cookies::Cookies;
use crate::identity::keys::Keys;
use crate::identity::provider::Provider;
use crate::pages::KeptPages;
use crate::proof::KdfPool;
use crate::shadow::Shadows;

/// Most persons remembered as over a limit.
pub const MAX_REMEMBERED_REFUSALS: u64 = 200_000;
/// How long a person is remembered as over a limit.
pub const REFUSAL_MEMORY: Duration = Duration::from_secs(5);

/// Who acts, and for whom: one human may act for several.
pub type ActingFor = (Pseudonym, Pseudonym);

/// What tells a policy from another one of its authority: what is remembered under one says nothing
/// under the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyVersion([u8; 8]);

impl PolicyVersion {
    /// The version of this policy.
    #[must_use]
    pub fn of(policy: &CompiledPolicy) -> Self {
        let bytes = postcard::to_stdvec(policy.policy()).expect("a policy is plain data");
        let hash = Sha256::digest(bytes);
        let (version, _) = hash.split_first_chunk().expect("a hash has more than 8 bytes");
        Self(*version)
    }
}

/// Somebody over a limit of a period.
#[derive(Clone, Debug)]
pub struct OverLimit {
    /// What the ledger said.
    pub refusal: LimitRefusal,
    /// The keys whose repeats are no new attempts.
    pub keys: Vec<KeyHash>,
    /// The policy that it was said under.
    pub policy: PolicyVersion,
}

impl OverLimit {
    /// Whether it refuses an attempt under this key now.
    #[must_use]
    pub fn refuses(&self, key: &KeyHash, policy: Option<PolicyVersion>, now: UtcMicros) -> bool {
        Some(self.policy) == policy
            && !self.keys.contains(key)
            && self.refusal.resets_at.is_some_and(|resets_at| resets_at > now)
    }
}

/// Shared by all runtimes of the process. A reload makes another one; a request sees one of them from its
/// first byte to its last.
pub struct App {
    /// The settings.
    pub config: Config,
    /// What browsers see.
    pub origin: String,
    /// The words.
    pub texts: Texts,
    /// The cookies' names and attributes.
    pub cookies: Cookies,
    /// The secrets.
    pub keys: Keys,
    /// TLS, and whose word on addresses is taken.
    pub edge: Arc<Edge>,
    /// The authorities by code.
    pub authorities: HashMap<String, Arc<Authority>, FxBuildHasher>,
    /// The public lists, made once.
    pub lists: Lists,
    /// Public answers, kept for a moment.
    pub public: PublicAnswers,
    /// What pages show to many, kept for a moment.
    pub pages: KeptPages,
    /// Who is known to be over a limit.
    pub over_limit: Cache<ActingFor, Arc<OverLimit>, NameHash>,
    /// The policies' versions.
    pub policy_versions: HashMap<AuthorityId, PolicyVersion, FxBuildHasher>,
    /// What happens to bookings and cancellations while Redis does not answer.
    pub when_down: HashMap<AuthorityId, WhenDown, FxBuildHasher>,
    /// What only counts whom it would refuse.
    pub shadows: Shadows,
    /// The first fence, in memory.
    pub fence: Arc<LocalFence>,
    /// The fence of logins, which are dearer.
    pub login_fence: Arc<LoginFence>,
    /// Where proofs are derived.
    pub kdf: Arc<KdfPool>,
    /// What proof a booking needs now.
    pub demands: Arc<Demands>,
    /// How often a person may write.
    pub write_rate: RateRule,
    /// How often a person may read what is theirs.
    pub read_rate: RateRule,
}

/// One runtime's way to everything.
#[derive(Clone)]
pub struct Lane {
    /// What all runtimes share.
    pub app: Arc<App>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The admission store.
    pub admission: AdmissionHandle,
    /// Who identifies people.
    pub hub: Arc<Provider>,
}

impl App {
    /// The authority with this code.
    ///
    /// # Errors
    /// [`Problem::UnknownAuthority`].
    pub fn authority(&self, code: &str) -> Result<&Arc<Authority>, Problem> {
        self.authorities.get(code).ok_or(Problem::UnknownAuthority)
    }

    /// The authority with this id.
    pub fn authority_by_id(&self, id: AuthorityId) -> Option<&Arc<Authority>> {
        self.authorities.values().find(|authority| authority.catalogue.authority == id)
    }

    /// The ids of all authorities.
    pub fn authority_ids(&self) -> Vec<AuthorityId> {
        let mut ids: Vec<_> = self.authorities.values().map(|a| a.catalogue.authority).collect();
        ids.sort_unstable();
        ids
    }

    /// The place of an office and a service, by their public names.
    ///
    /// # Errors
    /// The first of the three that is unknown.
    pub fn place(&self, authority: &str, office: u32, service: &str) -> Result<Place, Problem> {
        let catalogue = &self.authority(authority)?.catalogue;
        let office = catalogue.office(OfficeId(office)).ok_or(Problem::UnknownOffice)?;
        let service = catalogue.service_by_code(service).ok_or(Problem::UnknownService)?;
        if !office.offers(service.id) {
            return Err(Problem::UnknownService);
        }
        Ok(Place { authority: catalogue.authority, office: office.id, service: service.id })
    }

    /// The policy of an authority, as its file says.
    pub fn policy(&self, authority: AuthorityId) -> Option<&CompiledPolicy> {
        self.authority_by_id(authority).map(|authority| &authority.policy)
    }

    /// The code of a service.
    pub fn service_code(&self, authority: AuthorityId, service: ServiceId) -> &str {
        self.authority_by_id(authority)
            .and_then(|authority| authority.catalogue.service(service))
            .map_or("", |service| service.code.as_str())
    }

    /// Whether this is a demonstration.
    pub fn is_demo(&self) -> bool {
        self.config.mode == ProcessMode::Demo
    }
}

/// Now, in UTC.
pub fn now() -> UtcMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Now, in Unix seconds.
pub fn now_s() -> u64 {
    now().seconds().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use talon_domain::policy::LimitKind;

    use super::*;

    const NOW: UtcMicros = UtcMicros(1_800_000_000_000_000);

    #[test]
    fn a_remembered_refusal_holds_for_its_policy_its_period_and_new_attempts_only() {
        let (policy, other) = (PolicyVersion([1; 8]), PolicyVersion([2; 8]));
        let (earlier, new) = (KeyHash([1; 16]), KeyHash([2; 16]));
        let refusal = LimitRefusal {
            rule: "four-a-month".to_owned(),
            kind: LimitKind::LivePerService,
            count: 4,
            limit: 4,
            resets_at: Some(UtcMicros(NOW.0 + 1)),
        };
        let over = OverLimit { refusal, keys: vec![earlier], policy };
        assert!(over.refuses(&new, Some(policy), NOW));
        assert!(!over.refuses(&earlier, Some(policy), NOW), "a repeat is no new attempt");
        assert!(!over.refuses(&new, Some(other), NOW), "another policy may allow it");
        assert!(!over.refuses(&new, None, NOW));
        assert!(!over.refuses(&new, Some(policy), UtcMicros(NOW.0 + 1)), "the count is reset");
    }
}
