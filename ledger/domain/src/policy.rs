//! Policies: what an authority allows, as versioned data, and the moments that follow from them.
//!
//! A policy is journalled whole when it changes, so a journal can be judged by the policies that
//! were in force. Must not know people or bookings; [`crate::limits`] applies a policy to them.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::booking::Subject;
use crate::civil::{CivilDate, Minute, UtcMicros, resolve};
use crate::ids::{AuthorityId, Channel, ServiceId};
use crate::zones::Zones;

/// Most limits of one policy.
pub const MAX_LIMITS: usize = 32;

/// Everything an authority decides about booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whose policy it is.
    pub authority: AuthorityId,
    /// IANA name of the zone of its days and months.
    pub zone: String,
    /// When dates open for the web, for services without a release of their own.
    pub release: Release,
    /// When dates open for the web, by service.
    pub releases: Vec<(ServiceId, Release)>,
    /// When dates open at the kiosk, for every service; nothing: when they open for the web.
    pub kiosk_release: Option<Release>,
    /// How long after a restart a release missed while down opens, in minutes.
    pub late_release_delay_minutes: u32,
    /// A visit may be cancelled until this many minutes before its start.
    pub cancel_deadline_minutes: u32,
    /// How a booking may be moved.
    pub moving: Moving,
    /// A cancelled place returns after a random time between these, in minutes.
    pub return_after_minutes: (u32, u32),
    /// The limits, in the order in which they refuse.
    pub limits: Vec<Limit>,
}

/// How a booking may be moved to another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// Until this many minutes before its start.
    pub deadline_minutes: u32,
    /// How often one booking may be moved; 0: never.
    pub max: u8,
    /// Whether a move counts as a booking of its own; otherwise the new booking takes the place of
    /// the old one in every count, with its moment of registration.
    pub counts: bool,
}

/// When a date opens for booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// How many days before the visit.
    pub days_ahead: u16,
    /// At which time of that day.
    pub time: Minute,
    /// In which IANA zone.
    pub zone: String,
    /// The proof of work that a booking needs, when it needs one.
    pub proof: Option<ProofRule>,
}

/// How hard a proof of work is; the meaning of the fields is that of ALTCHA's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRule {
    /// The key derivation, by its ALTCHA name.
    pub algorithm: String,
    /// Rounds of the derivation.
    pub cost: u32,
    /// What the derived key must start with, in hexadecimal.
    pub key_prefix: String,
    /// When it is asked for.
    pub when: ProofWhen,
    /// For devices that cannot compute it: so many minutes of waiting instead, for a few tries
    /// a day; nothing: not at all.
    pub slow_lane_minutes: Option<u16>,
}

/// When a proof of work is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofWhen {
    /// Around the moment of a release, and otherwise under pressure only.
    #[default]
    Pressure,
    /// For every booking.
    Always,
}

/// One limit on the bookings of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The rule's name, shown with a refusal.
    pub name: String,
    /// What is counted.
    pub kind: LimitKind,
    /// Whose bookings are counted.
    pub holder: Holder,
    /// How many bookings the limit allows.
    pub max: u32,
    /// Whether it refuses or only says that it would.
    pub mode: Mode,
    /// Which subjects it is for.
    pub subjects: Subjects,
    /// Which services it is for; none: all.
    pub services: Vec<ServiceId>,
}

impl Limit {
    /// Whether it is for bookings of this subject for this service.
    pub fn concerns(&self, subject: Subject, service: ServiceId) -> bool {
        let is_for_subject = match self.subjects {
            Subjects::All => true,
            Subjects::Persons => subject == Subject::Person,
            Subjects::Entities => subject == Subject::Entity,
        };
        is_for_subject && self.is_for_service(service)
    }

    /// Whether it looks at bookings for this service.
    pub(crate) fn is_for_service(&self, service: ServiceId) -> bool {
        self.services.is_empty() || self.services.contains(&service)
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitKind {
    /// Bookings of a period, by one channel.
    PerPeriod {
        /// The length of the period.
        period: Period,
        /// The moment that places a booking in its period.
        of: Moment,
        /// Whether cancelled bookings count.
        count_cancelled: bool,
        /// The channel whose bookings count.
        channel: Channel,
    },
    /// Bookings for the same service whose visit is still to come.
    LivePerService,
    /// Visits of a period to which nobody came: at the maximum the holder is blocked until they are
    /// unblocked in person. A block holds for the web; it does not say of which limit it is, so a
    /// policy has one limit of this kind.
    NoShows {
        /// The length of the period, by the date of the visit.
        period: Period,
    },
    /// A visit that was failed, as an exam: the same service again only so many days after it. The
    /// limit's maximum is 1 and has no meaning of its own.
    RetakeWait {
        /// How many days after the failed visit the next one may be.
        days: u16,
    },
}

/// Which subjects a limit is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subjects {
    /// Natural persons and legal entities.
    #[default]
    All,
    /// Natural persons, who book for themselves.
    Persons,
    /// Legal entities.
    Entities,
}

/// Length of a counting period, in the policy's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
}

/// The moment that places a booking in its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// When it was booked.
    Registration,
    /// When the visit is.
    Visit,
}

/// Whose bookings a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// The person or entity that visits.
    Subject,
    /// The identified human who books.
    Actor,
}

/// Whether a limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It refuses.
    Enforced,
    /// It only reports what it would refuse.
    Shadow,
}

/// A zone name that the time zone database lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no IANA zone `{0}`; an example is Europe/Kyiv")]
pub struct UnknownZone(pub String);

/// A policy with its zones looked up.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    policy: Policy,
    zone: TimeZone,
    release_zone: TimeZone,
    release_zones: Vec<TimeZone>,
    kiosk_zone: Option<TimeZone>,
    walk_in: Release,
}

impl CompiledPolicy {
    /// Looks up the zones in the built-in database.
    ///
    /// # Errors
    /// [`UnknownZone`].
    pub fn new(policy: Policy) -> Result<Self, UnknownZone> {
        Self::in_zones(policy, &Zones::default())
    }

    /// Looks up the zones.
    ///
    /// # Errors
    /// [`UnknownZone`].
    pub fn in_zones(policy: Policy, zones: &Zones) -> Result<Self, UnknownZone> {
        let zone = |name: &String| zones.get(name).ok_or_else(|| UnknownZone(name.clone()));
        Ok(Self {
            zone: zone(&policy.zone)?,
            release_zone: zone(&policy.release.zone)?,
            release_zones: policy
                .releases
                .iter()
                .map(|(_, release)| zone(&release.zone))
                .collect::<Result<_, _>>()?,
            kiosk_zone: policy.kiosk_release.as_ref().map(|own| zone(&own.zone)).transpose()?,
            walk_in: same_day(&policy.zone),
            policy,
        })
    }

    /// The policy itself.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The zone of the policy's days and months.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The release of `service` for `channel`. Who walks in comes on the day itself.
    pub fn release(&self, service: ServiceId, channel: Channel) -> &Release {
        self.release_and_zone(service, channel).0
    }

    /// When `date` opens for `service` and `channel`.
    pub fn opens_at(&self, service: ServiceId, channel: Channel, date: CivilDate) -> UtcMicros {
        let (release, zone) = self.release_and_zone(service, channel);
        resolve(zone, date.plus_days(-i32::from(release.days_ahead)), release.time)
    }

    /// The last date whose moment for `service` and `channel` is not after `now`.
    pub fn last_open_date(
        &self,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> CivilDate {
        let (release, zone) = self.release_and_zone(service, channel);
        let newest = CivilDate::at(now, zone).plus_days(i32::from(release.days_ahead));
        if self.opens_at(service, channel, newest) <= now { newest } else { newest.plus_days(-1) }
    }

    /// How many days a visit has to be remembered because of what it forbids after its month: the
    /// longest wait for a retake.
    pub fn kept_days(&self) -> u16 {
        let days = |limit: &Limit| match limit.kind {
            LimitKind::RetakeWait { days } => days,
            LimitKind::PerPeriod { .. } | LimitKind::LivePerService | LimitKind::NoShows { .. } => {
                0
            }
        };
        self.policy.limits.iter().map(days).max().unwrap_or(0)
    }

    /// The last moment at which a visit that starts at `starts_at` may be cancelled.
    pub fn cancel_until(&self, starts_at: UtcMicros) -> UtcMicros {
        starts_at.plus_minutes(-i64::from(self.policy.cancel_deadline_minutes))
    }

    /// The last moment at which a visit that starts at `starts_at` may be moved.
    pub fn move_until(&self, starts_at: UtcMicros) -> UtcMicros {
        starts_at.plus_minutes(-i64::from(self.policy.moving.deadline_minutes))
    }

    /// When a place cancelled at `now` returns: `random` spreads it evenly over the window.
    pub fn returns_at(&self, now: UtcMicros, random: u64) -> UtcMicros {
        let (least, most) = self.policy.return_after_minutes;
        let window = i64::from(most.saturating_sub(least)) * crate::civil::MICROS_PER_MINUTE;
        let offset =
            i64::try_from((u128::from(random) * (window.unsigned_abs() as u128 + 1)) >> 64)
                .expect("an offset is at most its window");
        UtcMicros(now.plus_minutes(least.into()).0 + offset)
    }

    /// The first date of the period that holds `date`.
    pub(crate) fn period_start(period: Period, date: CivilDate) -> CivilDate {
        match period {
            Period::Day => date,
            Period::Month => date.first_of_month(),
        }
    }

    /// The moment at which the period after the one that holds `date` begins.
    pub(crate) fn period_end(&self, period: Period, date: CivilDate) -> UtcMicros {
        let next = match period {
            Period::Day => date.plus_days(1),
            Period::Month => date.first_of_next_month(),
        };
        let midnight = Minute::new(0).expect("midnight is a minute");
        resolve(&self.zone, next, midnight)
    }

    fn release_and_zone(&self, service: ServiceId, channel: Channel) -> (&Release, &TimeZone) {
        match (channel, &self.policy.kiosk_release, &self.kiosk_zone) {
            (Channel::WalkIn, ..) => (&self.walk_in, &self.zone),
            (Channel::Kiosk, Some(release), Some(zone)) => (release, zone),
            (Channel::Kiosk | Channel::Web, ..) => self.web_release_and_zone(service),
        }
    }

    fn web_release_and_zone(&self, service: ServiceId) -> (&Release, &TimeZone) {
        let own = self.policy.releases.iter().position(|(of, _)| *of == service);
        match own {
            Some(index) => (&self.policy.releases[index].1, &self.release_zones[index]),
            None => (&self.policy.release, &self.release_zone),
        }
    }
}

/// A date opens with its first minute.
fn same_day(zone: &str) -> Release {
    let time = Minute::new(0).expect("midnight is a minute");
    Release { days_ahead: 0, time, zone: zone.to_owned(), proof: None }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
pub(crate) mod tests;
