//! The file form of a policy's limits, and their checks.
//!
//! Must not know the rest of the policy; [`crate::policy_file`] calls it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::ids::{Channel, ServiceId};
use crate::policy::{Holder, Limit, LimitKind, MAX_LIMITS, Mode, Moment, Period, Subjects};
use crate::policy_file::{BadPolicy, service, value};

/// Most bookings that a limit can allow.
pub const MAX_ALLOWED: u32 = 10_000;
/// Longest wait for a retake, in days; a visit is remembered as long.
pub const MAX_RETAKE_DAYS: u16 = 366;

/// One limit. What stands in each kind means the same in all.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum LimitFile {
    PerPeriod {
        name: String,
        period: Period,
        of: Moment,
        count_cancelled: bool,
        channel: Channel,
        holder: Holder,
        max: u32,
        mode: Mode,
        #[serde(default)]
        subjects: Subjects,
        #[serde(default)]
        services: Vec<String>,
    },
    LivePerService {
        name: String,
        holder: Holder,
        max: u32,
        mode: Mode,
        #[serde(default)]
        subjects: Subjects,
        #[serde(default)]
        services: Vec<String>,
    },
    /// Who was absent is the subject, so no other holder can be asked for.
    NoShows {
        name: String,
        period: Period,
        max: u32,
        mode: Mode,
        #[serde(default)]
        subjects: Subjects,
        #[serde(default)]
        services: Vec<String>,
    },
    /// Who failed is the subject; one failed visit is enough.
    RetakeWait {
        name: String,
        days: u16,
        mode: Mode,
        #[serde(default)]
        subjects: Subjects,
        #[serde(default)]
        services: Vec<String>,
    },
}

/// Checks all limits of a policy, one by one and together.
pub(crate) fn limits(
    files: Vec<LimitFile>,
    catalogue: &Catalogue,
) -> Result<Vec<Limit>, BadPolicy> {
    if files.len() > MAX_LIMITS {
        return Err(value("limit", format!("at most {MAX_LIMITS} limits")));
    }
    let limits: Vec<Limit> =
        files.into_iter().map(|file| limit(file, catalogue)).collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    let mut absence = None;
    for limit in &limits {
        if !names.insert(limit.name.as_str()) {
            return Err(value(key(&limit.name), "stands twice; names of limits are unique"));
        }
        if matches!(limit.kind, LimitKind::NoShows { .. })
            && let Some(first) = absence.replace(&limit.name)
        {
            let problem =
                format!("`{first}` is of the kind no-shows already, a policy has at most one");
            return Err(value(key(&limit.name), problem));
        }
    }
    Ok(limits)
}

fn limit(file: LimitFile, catalogue: &Catalogue) -> Result<Limit, BadPolicy> {
    let (limit, codes) = unchecked(file);
    if limit.name.is_empty() {
        return Err(value("limit", "a limit has a name"));
    }
    let key = key(&limit.name);
    if !(1..=MAX_ALLOWED).contains(&limit.max) {
        return Err(value(
            key,
            format!("max is at least 1 and at most {MAX_ALLOWED}, not {}", limit.max),
        ));
    }
    if let LimitKind::RetakeWait { days } = limit.kind
        && !(1..=MAX_RETAKE_DAYS).contains(&days)
    {
        return Err(value(
            key,
            format!("days is at least 1 and at most {MAX_RETAKE_DAYS}, not {days}"),
        ));
    }
    let key = format!("{key}: services");
    let mut services: Vec<ServiceId> =
        codes.iter().map(|code| service(catalogue, &key, code)).collect::<Result<_, _>>()?;
    services.sort_unstable();
    if services.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(value(key, "a service stands twice"));
    }
    Ok(Limit { services, ..limit })
}

fn key(name: &str) -> String {
    format!("limit {name}")
}

/// The limit without its services, and their codes.
fn unchecked(file: LimitFile) -> (Limit, Vec<String>) {
    let limit = |name, kind, holder, max, mode, subjects| Limit {
        name,
        kind,
        holder,
        max,
        mode,
        subjects,
        services: Vec::new(),
    };
    match file {
        LimitFile::PerPeriod {
            name,
            period,
            of,
            count_cancelled,
            channel,
            holder,
            max,
            mode,
            subjects,
            services,
        } => {
            let kind = LimitKind::PerPeriod { period, of, count_cancelled, channel };
            (limit(name, kind, holder, max, mode, subjects), services)
        }
        LimitFile::LivePerService { name, holder, max, mode, subjects, services } => {
            (limit(name, LimitKind::LivePerService, holder, max, mode, subjects), services)
        }
        LimitFile::NoShows { name, period, max, mode, subjects, services } => {
            let kind = LimitKind::NoShows { period };
            (limit(name, kind, Holder::Subject, max, mode, subjects), services)
        }
        LimitFile::RetakeWait { name, days, mode, subjects, services } => {
            let kind = LimitKind::RetakeWait { days };
            (limit(name, kind, Holder::Subject, 1, mode, subjects), services)
        }
    }
}
