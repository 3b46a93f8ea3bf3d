//! Putting what all runtimes share together, at the start and at each reload.
//!
//! Must not know threads or sockets.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use talon_ledger::core::Authority;

use super::Failure;
use super::admission::when_down;
use crate::admission::{
    FenceConfig, FenceRate, LocalFence, LoginFence, MAX_FENCE_KEYS, NameHash, RateRule,
};
use crate::app::{App, MAX_REMEMBERED_REFUSALS, PolicyVersion, REFUSAL_MEMORY};
use crate::availability::{Lists, PublicAnswers};
use crate::config::Config;
use crate::demand::Demands;
use crate::edge::Edge;
use crate::http::language::Texts;
use crate::http::rate_limit::{READ, WRITE};
use crate::identity::cookies::Cookies;
use crate::identity::keys::Keys;
use crate::pages::KeptPages;
use crate::proof::KdfPool;
use crate::shadow::Shadows;

/// Persons the local fence tells apart act at most this often a second.
const FENCE_PERSON_PER_SECOND: u32 = 50;

/// What goes on through every reload.
pub(super) struct Lasting {
    pub(super) demands: Arc<Demands>,
    pub(super) edge: Arc<Edge>,
}

impl Lasting {
    pub(super) fn of(app: &App) -> Self {
        Self { demands: Arc::clone(&app.demands), edge: Arc::clone(&app.edge) }
    }
}

/// A fence that lets an address pass so often a second; `key` is the setting that says how often.
fn fence(per_second: u32, key: &str) -> Result<FenceConfig, Failure> {
    let rate = |per_second: u32| {
        FenceRate::new(Duration::from_secs(1) / per_second, per_second)
            .map_err(|error| Failure::setting(key, error.to_string()))
    };
    Ok(FenceConfig {
        person: rate(FENCE_PERSON_PER_SECOND)?,
        address: rate(per_second)?,
        overflow: rate(per_second)?,
        max_keys: MAX_FENCE_KEYS,
    })
}

/// Puts the parts together; those of `before` that hold state and need not change are kept.
pub(super) fn wire(
    config: Config,
    authorities: Vec<Authority>,
    keys: Keys,
    lasting: Lasting,
    before: Option<&App>,
) -> Result<App, Failure> {
    let setting = Failure::setting;
    let admission = &config.admission;
    let write_rate =
        RateRule::new(WRITE, admission.write_interval_ms * 1000, admission.write_burst)
            .map_err(|error| setting("admission.write_interval_ms", error.to_string()))?;
    let read_rate = RateRule::new(READ, admission.read_interval_ms * 1000, admission.read_burst)
        .map_err(|error| setting("admission.read_interval_ms", error.to_string()))?;
    let known = before.map(|app| (app, &app.config.admission));
    let fence_before = known
        .filter(|(_, of)| of.address_per_second == admission.address_per_second)
        .map(|(app, _)| Arc::clone(&app.fence));
    let login_fence_before = known
        .filter(|(_, of)| of.logins_per_second == admission.logins_per_second)
        .map(|(app, _)| Arc::clone(&app.login_fence));
    Ok(App {
        origin: config.origin(),
        texts: Texts::load(),
        cookies: Cookies::new(config.is_https()),
        keys,
        edge: lasting.edge,
        lists: Lists::new(&authorities),
        policy_versions: authorities
            .iter()
            .map(|one| (one.catalogue.authority, PolicyVersion::of(&one.policy)))
            .collect(),
        when_down: when_down(&config, &authorities),
        shadows: Shadows::new(&admission.shadow),
        authorities: authorities
            .into_iter()
            .map(|authority| (authority.catalogue.code.clone(), Arc::new(authority)))
            .collect(),
        public: PublicAnswers::default(),
        pages: KeptPages::default(),
        over_limit: Cache::builder()
            .max_capacity(MAX_REMEMBERED_REFUSALS)
            .time_to_live(REFUSAL_MEMORY)
            .build_with_hasher(NameHash::default()),
        fence: match fence_before {
            Some(fence) => fence,
            None => {
                let fence = fence(admission.address_per_second, "admission.address_per_second")?;
                Arc::new(LocalFence::new(&fence))
            }
        },
        login_fence: match login_fence_before {
            Some(fence) => fence,
            None => {
                let fence = fence(admission.logins_per_second, "admission.logins_per_second")?;
                Arc::new(LoginFence::new(&fence))
            }
        },
        kdf: match before {
            Some(app) => Arc::clone(&app.kdf),
            None => Arc::new(kdf_pool()?),
        },
        demands: lasting.demands,
        write_rate,
        read_rate,
        config,
    })
}

fn kdf_pool() -> Result<KdfPool, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    KdfPool::start(cores.div_ceil(2)).map_err(Failure::system("threads for proofs"))
}
