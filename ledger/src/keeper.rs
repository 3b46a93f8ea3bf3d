//! What happens by itself: days are generated, dates open, places return, the past is forgotten.
//!
//! [`Core::keep`] does all that is due and says when to come again; a thread calls it in a
//! server, a simulation calls it by hand. Must not know threads.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use talon_board::Steps;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::{AuthorityId, Channel, OfficeId, ServiceId};
use talon_domain::policy::CompiledPolicy;
use talon_domain::shape::day_shape;
use talon_journal::Class;

use crate::core::{Authority, Core};
use crate::record::{DayKey, Fact};

/// The longest that [`Core::keep`] asks to be left alone.
pub const MAX_KEEP_PAUSE_MICROS: i64 = MICROS_PER_SECOND;
/// A visit is forgotten no sooner than this many days after it, whatever the zones.
pub const MIN_DAYS_KEPT: i32 = 2;
/// How far a demonstration looks for dates with visits.
const DEMO_LOOKAHEAD_DAYS: i32 = 14;

/// What keeping needs to remember of this process.
#[derive(Debug)]
pub(crate) struct Keeping {
    started_at: UtcMicros,
    /// Of these nothing had been released when the process started.
    fresh: BTreeSet<(AuthorityId, ServiceId)>,
    /// When a demonstration opens its dates.
    demo_at: Option<UtcMicros>,
    /// The dates that it opens early, by service: from, to.
    demo_dates: Mutex<BTreeMap<(AuthorityId, ServiceId), (CivilDate, CivilDate)>>,
    /// The last date that exists in every office, and the first that was looked at.
    generated: Mutex<BTreeMap<AuthorityId, (CivilDate, CivilDate)>>,
}

impl Keeping {
    pub(crate) fn new(
        started_at: UtcMicros,
        fresh: BTreeSet<(AuthorityId, ServiceId)>,
        release_in_micros: Option<i64>,
    ) -> Self {
        Self {
            started_at,
            fresh,
            demo_at: release_in_micros.map(|micros| UtcMicros(started_at.0 + micros)),
            demo_dates: Mutex::default(),
            generated: Mutex::default(),
        }
    }

    /// When a date opens, and whether that is late because its moment was missed.
    pub(crate) fn due(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        date: CivilDate,
    ) -> (UtcMicros, bool) {
        let key = (policy.policy().authority, service);
        let moment = policy.opens_at(service, date);
        if moment <= self.started_at && !self.fresh.contains(&key) {
            let delay = i64::from(policy.policy().late_release_delay_minutes);
            return (self.started_at.plus_minutes(delay), true);
        }
        let demo = self.demo_dates.lock().get(&key).copied();
        match (self.demo_at, demo) {
            (Some(at), Some((from, to))) if (from..=to).contains(&date) => (moment.min(at), false),
            _ => (moment, false),
        }
    }
}

impl Core {
    /// Does what is due; returns when to come again, at most [`MAX_KEEP_PAUSE_MICROS`] from now.
    pub fn keep(&self) -> UtcMicros {
        let now = self.clock.now();
        let is_trusted = self.clock.look();
        self.return_due(now);
        let mut next = UtcMicros(now.0 + MAX_KEEP_PAUSE_MICROS);
        for authority in self.authorities.values() {
            let Some(policy) = self.state.policy(authority.catalogue.authority) else { continue };
            self.plan_demonstration(authority, &policy, now);
            self.generate(authority, &policy, now);
            if is_trusted {
                for service in &authority.catalogue.services {
                    next = next.min(self.release_due(authority, &policy, service.id, now));
                }
            }
            self.forget_past(authority, &policy, now);
        }
        self.state.next_return().map_or(next, |at| next.min(at)).max(UtcMicros(now.0 + 1))
    }

    /// Gives back the withheld places whose moment has come.
    fn return_due(&self, now: UtcMicros) {
        loop {
            // Room first: a place that was taken out has to come back.
            let Ok(reservation) = self.journal.reserve(Class::Reserve) else { return };
            let Some((returns_at, booking, seat)) = self.state.take_due(now) else { return };
            let day = self.state.day(&seat.day).expect("a withheld place has a day");
            let word = day.word(seat.shift).expect("a withheld place has a shift");
            let run = Steps::run(seat.step, seat.steps).expect("a withheld place has steps");
            word.give_back_recorded(run, || {
                self.append(reservation, now, Fact::Returned { booking, returns_at, seat })
            });
        }
    }

    /// Makes the days up to a day beyond what opens next, so that no release waits for it.
    fn generate(&self, authority: &Authority, policy: &CompiledPolicy, now: UtcMicros) {
        let catalogue = &authority.catalogue;
        let services = catalogue.services.iter().map(|service| service.id);
        let last_open = services.map(|service| policy.last_open_date(service, now)).max();
        let demo = self.keeping.demo_dates.lock();
        let demo_last = demo
            .iter()
            .filter(|((of, _), _)| *of == catalogue.authority)
            .map(|(_, (_, to))| *to)
            .max();
        drop(demo);
        let Some(last) = last_open.max(demo_last).map(|date| date.plus_days(1)) else { return };
        let first = CivilDate::at(now, policy.zone()).plus_days(-1);
        let done = self.keeping.generated.lock().get(&catalogue.authority).copied();
        if done.is_some_and(|(from, to)| from <= first && to >= last) {
            return;
        }
        for office in &catalogue.offices {
            let today = CivilDate::at(now, &office.zone);
            for date in (today.days()..=last.days()).map(CivilDate::from_days) {
                let day = DayKey { authority: catalogue.authority, office: office.id, date };
                if self.state.day(&day).is_some() {
                    continue;
                }
                let shape = day_shape(catalogue, office, date);
                let fact = Fact::DayGenerated { day, shape: shape.clone() };
                if self.append_own(now, fact).is_none() {
                    return;
                }
                self.state.add_day(day, shape).expect("checked catalogues make good days");
            }
        }
        self.keeping.generated.lock().insert(catalogue.authority, (first, last));
    }

    /// Opens what is due for a service; returns when the next date opens.
    fn release_due(
        &self,
        authority: &Authority,
        policy: &CompiledPolicy,
        service: ServiceId,
        now: UtcMicros,
    ) -> UtcMicros {
        let id = authority.catalogue.authority;
        let today = CivilDate::at(now, policy.zone()).plus_days(-1);
        let through = self.state.released_through(id, service);
        let mut date = through.map_or(today, |last| last.plus_days(1).max(today));
        loop {
            let (opens_at, late) = self.keeping.due(policy, service, date);
            if opens_at > now {
                return opens_at;
            }
            let offices: Vec<OfficeId> = authority
                .catalogue
                .offices
                .iter()
                .map(|office| office.id)
                .filter(|&office| {
                    let day = self.state.day(&DayKey { authority: id, office, date });
                    day.is_some_and(|day| day.shape().starts(service).is_some())
                })
                .collect();
            if offices.is_empty() {
                date = date.plus_days(1);
                continue;
            }
            let fact = Fact::Released {
                authority: id,
                service,
                channel: Channel::Web,
                date,
                offices: offices.clone(),
                late,
            };
            // The record first: a booking's record always follows its release's.
            if self.append_own(now, fact).is_none() {
                return UtcMicros(now.0 + MAX_KEEP_PAUSE_MICROS);
            }
            self.state.release(id, service, date, &offices).expect("the days were just found");
            tracing::info!(%service, %date, offices = offices.len(), late, "released");
            date = date.plus_days(1);
        }
    }

    /// Chooses the dates that a demonstration opens: beyond the horizon, up to the first on which
    /// any office has visits.
    fn plan_demonstration(&self, authority: &Authority, policy: &CompiledPolicy, now: UtcMicros) {
        if self.keeping.demo_at.is_none() {
            return;
        }
        let catalogue = &authority.catalogue;
        let mut planned = self.keeping.demo_dates.lock();
        for service in &catalogue.services {
            planned.entry((catalogue.authority, service.id)).or_insert_with(|| {
                let released = self.state.released_through(catalogue.authority, service.id);
                let open = policy.last_open_date(service.id, now);
                let from = released.map_or(open, |last| last.max(open)).plus_days(1);
                let has_visits = |date: &CivilDate| {
                    catalogue.offices.iter().any(|office| {
                        day_shape(catalogue, office, *date).services().contains(&service.id)
                    })
                };
                let to = (0..DEMO_LOOKAHEAD_DAYS)
                    .map(|days| from.plus_days(days))
                    .find(has_visits)
                    .unwrap_or(from);
                (from, to)
            });
        }
    }

    /// Drops what no longer counts for any limit: visits before the month of two days ago.
    fn forget_past(&self, authority: &Authority, policy: &CompiledPolicy, now: UtcMicros) {
        let today = CivilDate::at(now, policy.zone());
        let before = today.plus_days(-MIN_DAYS_KEPT).first_of_month();
        let id = authority.catalogue.authority;
        if self.state.oldest_day(id).is_none_or(|oldest| oldest >= before) {
            return;
        }
        if self.append_own(now, Fact::Forgotten { authority: id, before }).is_some() {
            self.state.forget(id, before, now);
            tracing::info!(%before, "forgot what no longer counts");
        }
    }
}
