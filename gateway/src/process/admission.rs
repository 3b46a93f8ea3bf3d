//! The admission store of the process: in memory, or the Redis that all gateways share.
//!
//! Owns what all lanes share of it. Must not know what is decided.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use talon_domain::ids::AuthorityId;
use talon_ledger::core::Authority;

use super::Failure;
use crate::admission::{
    AdmissionHandle, Breaker, BreakerConfig, BucketedStore, Cap, DataEpoch, EmbeddedBounds,
    EmbeddedStore, FallbackStore, LocalRules, RedisEndpoint, RedisStore, RedisStoreConfig,
    WhenDown, system_clock,
};
use crate::config::{Config, OnRedisFailure};

/// What all lanes share of the admission store.
pub(super) struct Admissions {
    local: Arc<EmbeddedStore>,
    redis: Option<Redis>,
}

struct Redis {
    endpoint: RedisEndpoint,
    config: RedisStoreConfig,
    rules: LocalRules,
    /// By bucket.
    shared: Vec<(Arc<Breaker>, Arc<DataEpoch>)>,
}

impl Admissions {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Failure::Setting`].
    pub(super) fn new(config: &Config) -> Result<Self, Failure> {
        let settings = &config.admission;
        let endpoint =
            settings.endpoint().map_err(|(key, problem)| Failure::setting(key, problem))?;
        let redis = endpoint.map(|endpoint| Redis {
            endpoint,
            config: RedisStoreConfig {
                deadline: Duration::from_millis(settings.redis_deadline_ms),
                ..RedisStoreConfig::default()
            },
            rules: LocalRules {
                gateways: settings.gateways,
                cap: Arc::new(Cap::new(settings.degraded_per_second / settings.gateways.max(1))),
            },
            shared: (0..settings.buckets)
                .map(|bucket| {
                    let breaker = Breaker::new(bucket, BreakerConfig::default());
                    (Arc::new(breaker), Arc::new(DataEpoch::new(bucket)))
                })
                .collect(),
        });
        let local = Arc::new(EmbeddedStore::new(system_clock(), EmbeddedBounds::default()));
        Ok(Self { local, redis })
    }

    /// The store in this process.
    pub(super) fn local(&self) -> &Arc<EmbeddedStore> {
        &self.local
    }

    /// Where Redis is; none without it.
    pub(super) fn endpoint(&self) -> Option<&RedisEndpoint> {
        self.redis.as_ref().map(|redis| &redis.endpoint)
    }

    /// One lane's way to the store; called inside its runtime.
    ///
    /// # Errors
    /// [`Failure::Setting`].
    pub(super) fn handle(&self) -> Result<AdmissionHandle, Failure> {
        let Some(redis) = &self.redis else {
            return Ok(AdmissionHandle::direct(Arc::clone(&self.local)));
        };
        let link = RedisStore::connect(&redis.endpoint, redis.config)
            .map_err(|error| Failure::setting("admission.redis_url", error.to_string()))?;
        let bucket = |(bucket, (breaker, epoch)): (u16, &(Arc<Breaker>, Arc<DataEpoch>))| {
            FallbackStore::new(
                link.bucket(bucket, Arc::clone(epoch)),
                Arc::clone(&self.local),
                Arc::clone(breaker),
                redis.rules.clone(),
            )
        };
        let stores = (0..).zip(&redis.shared).map(bucket).collect();
        Ok(AdmissionHandle::spawn(Arc::new(BucketedStore::new(stores))))
    }
}

/// What happens to each authority's bookings and cancellations while Redis does not answer. Authorities
/// stand in the order of the configuration; the built-in one is in none.
pub(super) fn when_down(
    config: &Config,
    authorities: &[Authority],
) -> HashMap<AuthorityId, WhenDown, FxBuildHasher> {
    let modes = config.authorities.iter().map(|files| match files.on_redis_failure {
        OnRedisFailure::Degraded => WhenDown::Degraded,
        OnRedisFailure::Closed => WhenDown::Closed,
        OnRedisFailure::Open => WhenDown::Open,
    });
    authorities.iter().map(|authority| authority.catalogue.authority).zip(modes).collect()
}
