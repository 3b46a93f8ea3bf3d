//! The file form of a policy, and its checks against the catalogue it is for.
//!
//! Must not know TOML or paths: whoever reads the file adds those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::catalogue_file::did_you_mean;
use crate::civil::Minute;
use crate::ids::{Channel, ServiceId};
use crate::policy::{
    CompiledPolicy, Holder, Limit, LimitKind, MAX_LIMITS, Mode, Moment, Moving, Period, Policy,
    ProofRule, ProofWhen, Release, Subjects, UnknownZone,
};
use crate::suggest::nearest;

/// Farthest horizon, in days.
pub const MAX_DAYS_AHEAD: u16 = 366;
/// Longest wait that a policy can name, in minutes: 30 days.
pub const MAX_POLICY_MINUTES: u32 = 30 * 24 * 60;

/// A whole policy file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    authority: String,
    zone: String,
    release: ReleaseFile,
    cancel: CancelFile,
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
    #[serde(default)]
    services: BTreeMap<String, ServiceReleaseFile>,
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

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum LimitFile {
    PerPeriod {
        name: String,
        period: Period,
        of: Moment,
        count_cancelled: bool,
        channel: Channel,
        holder: Holder,
        max: u32,
        mode: Mode,
    },
    LivePerService {
        name: String,
        holder: Holder,
        max: u32,
        mode: Mode,
    },
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
    #[error(
        "release.services.{name}: no such service{}",
        did_you_mean(.nearest.as_deref())
    )]
    UnknownService {
        /// The name.
        name: String,
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

fn value(key: impl Into<String>, problem: impl Into<String>) -> BadPolicy {
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
        if self.limits.len() > MAX_LIMITS {
            return Err(value("limit", format!("at most {MAX_LIMITS} limits")));
        }
        let release = authority_release(&self.zone, &self.release)?;
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
            late_release_delay_minutes: self.release.late_delay_minutes,
            cancel_deadline_minutes: self.cancel.deadline_minutes,
            moving: Moving {
                deadline_minutes: self.cancel.deadline_minutes,
                max: 2,
                counts: false,
            },
            return_after_minutes: (least, most),
            limits: self.limits.into_iter().map(limit).collect::<Result<_, _>>()?,
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

fn service_release(
    catalogue: &Catalogue,
    default: &Release,
    code: &str,
    own: &ServiceReleaseFile,
) -> Result<(ServiceId, Release), BadPolicy> {
    let service = catalogue.service_by_code(code).ok_or_else(|| BadPolicy::UnknownService {
        name: code.to_owned(),
        nearest: nearest(code, catalogue.services.iter().map(|s| s.code.as_str()))
            .map(str::to_owned),
    })?;
    let key = |name: &str| format!("release.services.{code}.{name}");
    let release = Release {
        days_ahead: days(key("days_ahead"), own.days_ahead.unwrap_or(default.days_ahead))?,
        time: own.time.as_ref().map_or(Ok(default.time), |text| time(key("time"), text))?,
        zone: own.zone.clone().unwrap_or_else(|| default.zone.clone()),
        proof: own.proof.as_ref().map(proof).or_else(|| default.proof.clone()),
    };
    Ok((service.id, release))
}

fn limit(file: LimitFile) -> Result<Limit, BadPolicy> {
    let limit = match file {
        LimitFile::PerPeriod { name, period, of, count_cancelled, channel, holder, max, mode } => {
            let (subjects, services) = (Subjects::All, Vec::new());
            let kind = LimitKind::PerPeriod { period, of, count_cancelled, channel };
            Limit { name, kind, holder, max, mode, subjects, services }
        }
        LimitFile::LivePerService { name, holder, max, mode } => {
            let (subjects, services) = (Subjects::All, Vec::new());
            Limit { name, kind: LimitKind::LivePerService, holder, max, mode, subjects, services }
        }
    };
    if limit.max == 0 {
        return Err(value(format!("limit {}", limit.name), "max is at least 1"));
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::small_catalogue;

    const GOOD: &str = r#"
authority = "mvs"
zone = "Europe/Kyiv"

[release]
days_ahead = 21
time = "06:00"
late_delay_minutes = 10

[release.services.theory-exam]
days_ahead = 14
proof = { algorithm = "SHA-256", cost = 10, key_prefix = "00" }

[cancel]
deadline_minutes = 120
returns_after_minutes = [5, 60]

[[limit]]
kind = "per-period"
name = "online-month"
period = "month"
of = "registration"
count_cancelled = true
channel = "web"
holder = "subject"
max = 4
mode = "enforced"

[[limit]]
kind = "live-per-service"
name = "live-per-service"
holder = "subject"
max = 1
mode = "shadow"
"#;

    fn check(text: &str) -> Result<CompiledPolicy, BadPolicy> {
        toml::from_str::<PolicyFile>(text).unwrap().check(&small_catalogue())
    }

    fn refusal(from: &str, to: &str) -> String {
        let spoilt = GOOD.replace(from, to);
        assert_ne!(spoilt, GOOD);
        check(&spoilt).expect_err(to).to_string()
    }

    #[test]
    fn a_service_takes_from_the_authority_what_it_does_not_say() {
        let policy = check(GOOD).unwrap();
        let own = policy.release(ServiceId(1));
        assert_eq!((own.days_ahead, own.time.to_string().as_str()), (14, "06:00"));
        assert!(own.proof.is_some());
        assert_eq!(policy.release(ServiceId(2)).days_ahead, 21);
        assert_eq!(policy.policy().limits.len(), 2);
    }

    #[test]
    fn refusals_name_the_key_and_what_would_be_right() {
        assert!(refusal("\"mvs\"", "\"dms\"").contains("the catalogue's is `mvs`"));
        assert!(refusal("theory-exam", "theory-exams").contains("mean `theory-exam`?"));
        assert!(refusal("[5, 60]", "[60, 5]").contains("least ≤ most"));
        assert!(refusal("\"06:00\"", "\"6\"").starts_with("release.time: `6`"));
        assert!(refusal("max = 4", "max = 0").contains("limit online-month: max is at least 1"));
        assert!(refusal("days_ahead = 21", "days_ahead = 400").contains("more than 366"));
        assert!(refusal("Europe/Kyiv", "Kyiv/Europe").contains("no IANA zone `Kyiv/Europe`"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<PolicyFile>(&GOOD.replace("max = 4", "maxx = 4")).is_err());
    }
}
