//! The file form of a policy, and its checks against the catalogue it is for.
//!
//! Must not know TOML or paths: whoever reads the file adds those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::catalogue_file::did_you_mean;
use crate::civil::Minute;
use crate::ids::ServiceId;
use crate::limit_file::{self, LimitFile};
use crate::policy::{CompiledPolicy, Moving, Policy, ProofRule, ProofWhen, Release, UnknownZone};
use crate::suggest::nearest;

/// Farthest horizon, in days.
pub const MAX_DAYS_AHEAD: u16 = 366;
/// Longest wait that a policy can name, in minutes: 30 days.
pub const MAX_POLICY_MINUTES: u32 = 30 * 24 * 60;
/// How often one booking can be moved at most.
pub const MAX_MOVES: u32 = 20;
/// How often one booking can be moved where the policy does not say.
const DEFAULT_MOVES: u32 = 2;

const _: () = assert!(DEFAULT_MOVES <= MAX_MOVES && MAX_MOVES <= u8::MAX as u32);

/// A whole policy file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    authority: String,
    zone: String,
    release: ReleaseFile,
    cancel: CancelFile,
    #[serde(default, rename = "move")]
    moving: MoveFile,
    #[serde(rename = "limit")]
    limits: Vec<LimitFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseFile {
    days_ahead: u16,
    time: String,
    zone: Option<String>,
    late_delay_minutes: u32,
    proof: Option<ProofFile>,
    kiosk: Option<KioskReleaseFile>,
    #[serde(default)]
    services: BTreeMap<String, ServiceReleaseFile>,
}

/// What the kiosk has of its own, for every service; the rest is the authority's. Who stands at a
/// kiosk proves no work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KioskReleaseFile {
    days_ahead: Option<u16>,
    time: Option<String>,
    zone: Option<String>,
}

/// What a service has of its own; the rest is the authority's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceReleaseFile {
    days_ahead: Option<u16>,
    time: Option<String>,
    zone: Option<String>,
    proof: Option<ProofFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    algorithm: String,
    cost: u32,
    key_prefix: String,
    #[serde(default)]
    when: ProofWhen,
    slow_lane_minutes: Option<u16>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelFile {
    deadline_minutes: u32,
    returns_after_minutes: (u32, u32),
}

/// How a booking may be moved; a file without it takes the defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveFile {
    deadline_minutes: Option<u32>,
    max: Option<u32>,
    counts: Option<bool>,
}

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// It is for another authority than the catalogue.
    #[error("authority is `{policy}`, the catalogue's is `{catalogue}`")]
    OtherAuthority {
        /// What the policy says.
        policy: String,
        /// What the catalogue says.
        catalogue: String,
    },
    /// A service the catalogue lacks.
    #[error("{key}: no such service{}", did_you_mean(.nearest.as_deref()))]
    UnknownService {
        /// The key, which ends with the name.
        key: String,
        /// The nearest known one.
        nearest: Option<String>,
    },
    /// A value outside its range.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A zone that does not exist.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
}

pub(crate) fn value(key: impl Into<String>, problem: impl Into<String>) -> BadPolicy {
    BadPolicy::Value { key: key.into(), problem: problem.into() }
}

impl PolicyFile {
    /// Checks the policy against the catalogue it is for.
    ///
    /// # Errors
    /// [`BadPolicy`], with the key at fault.
    pub fn check(self, catalogue: &Catalogue) -> Result<CompiledPolicy, BadPolicy> {
        if self.authority != catalogue.code {
            return Err(BadPolicy::OtherAuthority {
                policy: self.authority,
                catalogue: catalogue.code.clone(),
            });
        }
        let (least, most) = self.cancel.returns_after_minutes;
        if least > most || most > MAX_POLICY_MINUTES {
            return Err(value(
                "cancel.returns_after_minutes",
                format!("is [least, most] with least ≤ most ≤ {MAX_POLICY_MINUTES}"),
            ));
        }
        minutes("cancel.deadline_minutes", self.cancel.deadline_minutes)?;
        minutes("release.late_delay_minutes", self.release.late_delay_minutes)?;
        let release = authority_release(&self.zone, &self.release)?;
        let kiosk_release =
            self.release.kiosk.as_ref().map(|own| kiosk_release(&release, own)).transpose()?;
        let releases = self
            .release
            .services
            .iter()
            .map(|(code, own)| service_release(catalogue, &release, code, own))
            .collect::<Result<_, _>>()?;
        let policy = Policy {
            authority: catalogue.authority,
            zone: self.zone,
            release,
            releases,
            kiosk_release,
            late_release_delay_minutes: self.release.late_delay_minutes,
            cancel_deadline_minutes: self.cancel.deadline_minutes,
            moving: moving(&self.moving, self.cancel.deadline_minutes)?,
            return_after_minutes: (least, most),
            limits: limit_file::limits(self.limits, catalogue)?,
        };
        Ok(CompiledPolicy::new(policy)?)
    }
}

fn minutes(key: &str, minutes: u32) -> Result<(), BadPolicy> {
    if minutes <= MAX_POLICY_MINUTES {
        Ok(())
    } else {
        Err(value(key, format!("{minutes} is more than {MAX_POLICY_MINUTES}")))
    }
}

fn time(key: String, text: &str) -> Result<Minute, BadPolicy> {
    match text.parse::<Minute>() {
        Ok(minute) if minute.get() < crate::civil::MINUTES_PER_DAY => Ok(minute),
        _ => Err(value(key, format!("`{text}` is not a time of the form HH:MM"))),
    }
}

fn days(key: String, days: u16) -> Result<u16, BadPolicy> {
    if days <= MAX_DAYS_AHEAD {
        Ok(days)
    } else {
        Err(value(key, format!("{days} is more than {MAX_DAYS_AHEAD}")))
    }
}

fn proof(file: &ProofFile) -> ProofRule {
    ProofRule {
        algorithm: file.algorithm.clone(),
        cost: file.cost,
        key_prefix: file.key_prefix.clone(),
        when: file.when,
        slow_lane_minutes: file.slow_lane_minutes,
    }
}

fn authority_release(zone: &str, file: &ReleaseFile) -> Result<Release, BadPolicy> {
    Ok(Release {
        days_ahead: days("release.days_ahead".to_owned(), file.days_ahead)?,
        time: time("release.time".to_owned(), &file.time)?,
        zone: file.zone.clone().unwrap_or_else(|| zone.to_owned()),
        proof: file.proof.as_ref().map(proof),
    })
}

fn kiosk_release(default: &Release, own: &KioskReleaseFile) -> Result<Release, BadPolicy> {
    let key = |name: &str| format!("release.kiosk.{name}");
    Ok(Release {
        days_ahead: days(key("days_ahead"), own.days_ahead.unwrap_or(default.days_ahead))?,
        time: own.time.as_ref().map_or(Ok(default.time), |text| time(key("time"), text))?,
        zone: own.zone.clone().unwrap_or_else(|| default.zone.clone()),
        proof: None,
    })
}

/// The service with this code; `key` is where the code stands.
pub(crate) fn service(
    catalogue: &Catalogue,
    key: &str,
    code: &str,
) -> Result<ServiceId, BadPolicy> {
    let known = || catalogue.services.iter().map(|service| service.code.as_str());
    let unknown = || BadPolicy::UnknownService {
        key: format!("{key}.{code}"),
        nearest: nearest(code, known()).map(str::to_owned),
    };
    catalogue.service_by_code(code).map(|service| service.id).ok_or_else(unknown)
}

fn moving(file: &MoveFile, cancel_deadline_minutes: u32) -> Result<Moving, BadPolicy> {
    let deadline_minutes = file.deadline_minutes.unwrap_or(cancel_deadline_minutes);
    minutes("move.deadline_minutes", deadline_minutes)?;
    let max = file.max.unwrap_or(DEFAULT_MOVES);
    if max > MAX_MOVES {
        return Err(value("move.max", format!("{max} is more than {MAX_MOVES}")));
    }
    Ok(Moving {
        deadline_minutes,
        max: u8::try_from(max).expect("a small number"),
        counts: file.counts.unwrap_or(false),
    })
}

fn service_release(
    catalogue: &Catalogue,
    default: &Release,
    code: &str,
    own: &ServiceReleaseFile,
) -> Result<(ServiceId, Release), BadPolicy> {
    let service = service(catalogue, "release.services", code)?;
    let key = |name: &str| format!("release.services.{code}.{name}");
    let release = Release {
        days_ahead: days(key("days_ahead"), own.days_ahead.unwrap_or(default.days_ahead))?,
        time: own.time.as_ref().map_or(Ok(default.time), |text| time(key("time"), text))?,
        zone: own.zone.clone().unwrap_or_else(|| default.zone.clone()),
        proof: own.proof.as_ref().map(proof).or_else(|| default.proof.clone()),
    };
    Ok((service, release))
}

#[cfg(test)]
#[path = "policy_file_tests.rs"]
mod tests;
