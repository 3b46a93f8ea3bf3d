//! What happens by itself: days are generated, dates open, places return, the past is forgotten.
//!
//! [`Core::keep`] does all that is due and says when to come again; a thread calls it in a
//! server, a simulation calls it by hand. Must not know threads.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::{Mutex, MutexGuard};
use talon_board::Steps;
use talon_domain::civil::{CivilDate, MICROS_PER_SECOND, UtcMicros};
use talon_domain::ids::{AuthorityId, Channel, OfficeId, ServiceId};
use talon_domain::policy::CompiledPolicy;
use talon_domain::shape::day_shape;
use talon_journal::Class;

use crate::core::{Authority, Core};
use crate::measures;
use crate::open::LIFECYCLE;
use crate::record::{DayKey, Fact, Record};

/// The longest that [`Core::keep`] asks to be left alone.
pub const MAX_KEEP_PAUSE_MICROS: i64 = MICROS_PER_SECOND;
/// A visit is forgotten no sooner than this many days after it, whatever the zones.
pub const MIN_DAYS_KEPT: i32 = 2;
/// Visits are forgotten so long after the midnight that begins a month: everybody waits for it, and at
/// midnight dates open.
pub const FORGET_AT_MINUTES: i64 = 3 * 60;
/// Sessions that have ended by themselves are dropped this often.
pub const FORGET_SESSIONS_EVERY_MICROS: i64 = 3600 * MICROS_PER_SECOND;
/// How far a demonstration looks for dates with visits.
const DEMO_LOOKAHEAD_DAYS: i32 = 14;

/// What keeping needs to remember of this process.
#[derive(Debug)]
pub(crate) struct Keeping {
    started_at: UtcMicros,
    /// Of these nothing had been released when the process started.
    fresh: Mutex<BTreeSet<(AuthorityId, ServiceId, Channel)>>,
    /// When a demonstration opens its dates.
    demo_at: Option<UtcMicros>,
    /// The dates that it opens early to the web, by service: from, to.
    demo_dates: Mutex<BTreeMap<(AuthorityId, ServiceId), (CivilDate, CivilDate)>>,
    /// The last date that exists in every office, and the first that was looked at.
    generated: Mutex<BTreeMap<AuthorityId, (CivilDate, CivilDate)>>,
    /// By service and channel: before this moment nothing more opens.
    next_release: Mutex<BTreeMap<(AuthorityId, ServiceId, Channel), UtcMicros>>,
    /// While the machine slept, from the first time to the last: what was to open then was missed.
    /// One span is enough: whatever was to open between two sleeps and did not was missed as well.
    absence: Mutex<Option<(UtcMicros, UtcMicros)>>,
    /// When sessions that have ended by themselves were last looked for.
    sessions_looked_at: Mutex<UtcMicros>,
    /// Held by whoever keeps, so that no catalogue changes meanwhile.
    at_work: Mutex<()>,
}

impl Keeping {
    pub(crate) fn new(
        started_at: UtcMicros,
        fresh: BTreeSet<(AuthorityId, ServiceId, Channel)>,
        release_in_micros: Option<i64>,
    ) -> Self {
        Self {
            started_at,
            fresh: Mutex::new(fresh),
            // At a whole second, as policies have it: clients are told no fractions.
            demo_at: release_in_micros.map(|micros| UtcMicros(started_at.0 + micros).next_second()),
            demo_dates: Mutex::default(),
            generated: Mutex::default(),
            next_release: Mutex::default(),
            absence: Mutex::default(),
            sessions_looked_at: Mutex::default(),
            at_work: Mutex::default(),
        }
    }

    /// Waits until nobody keeps, and keeps everybody from it.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.at_work.lock()
    }

    /// Looks at everything anew: the catalogues or policies have changed. Of `fresh` nothing has
    /// ever been released.
    pub(crate) fn begin_anew(&self, fresh: BTreeSet<(AuthorityId, ServiceId, Channel)>) {
        self.fresh.lock().extend(fresh);
        self.generated.lock().clear();
        self.next_release.lock().clear();
    }

    /// Notes that the machine slept.
    fn was_away(&self, from: UtcMicros, to: UtcMicros) {
        let mut absence = self.absence.lock();
        *absence = Some((absence.map_or(from, |(first, _)| first), to));
    }

    /// When a date opens, and whether that is late because its moment was missed: while the process
    /// was down, or while the machine slept.
    pub(crate) fn due(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        date: CivilDate,
    ) -> (UtcMicros, bool) {
        let (opens_at, late) = self.due_awake(policy, service, channel, date);
        match *self.absence.lock() {
            Some((from, to)) if from < opens_at && opens_at <= to => {
                let delay = i64::from(policy.policy().late_release_delay_minutes);
                (to.plus_minutes(delay), true)
            }
            _ => (opens_at, late),
        }
    }

    /// When a date would open had the machine never slept since the start.
    fn due_awake(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        date: CivilDate,
    ) -> (UtcMicros, bool) {
        let authority = policy.policy().authority;
        let moment = policy.opens_at(service, channel, date);
        if moment <= self.started_at && !self.fresh.lock().contains(&(authority, service, channel))
        {
            let delay = i64::from(policy.policy().late_release_delay_minutes);
            return (self.started_at.plus_minutes(delay), true);
        }
        let demo = self.demo_dates.lock().get(&(authority, service)).copied();
        match (channel, self.demo_at, demo) {
            (Channel::Web, Some(at), Some((from, to))) if (from..=to).contains(&date) => {
                (moment.min(at), false)
            }
            _ => (moment, false),
        }
    }
}

impl Core {
    /// Does what is due; returns when to come again, at most [`MAX_KEEP_PAUSE_MICROS`] from now.
    pub fn keep(&self) -> UtcMicros {
        let _at_work = self.keeping.pause();
        let look = self.clock.look();
        let now = self.clock.now();
        if let Some((from, to)) = look.absence {
            self.keeping.was_away(from, to);
        }
        self.return_due(now);
        let mut next = UtcMicros(now.0 + MAX_KEEP_PAUSE_MICROS);
        for authority in self.authorities.load().values() {
            let Some(policy) = self.state.policy(authority.catalogue.authority) else { continue };
            self.plan_demonstration(authority, &policy, now);
            let all_exist = self.generate(authority, &policy, now);
            // A clock that jumped neither opens a date nor makes a visit a thing of the past.
            if look.is_trusted && all_exist {
                for service in &authority.catalogue.services {
                    for channel in Channel::WITH_TIMES {
                        let due = self.release_due(authority, &policy, service.id, channel, now);
                        next = next.min(due);
                    }
                }
                self.forget_past(authority, &policy, now);
            }
        }
        // One that is due still found no room in the journal: no reason to hurry.
        let next_return = self.state.next_return().filter(|at| *at > now);
        next_return.map_or(next, |at| next.min(at))
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
                self.append(reservation, now, &Fact::Returned { booking, returns_at, seat })
            });
        }
    }

    /// Makes the days up to a day beyond what opens next to any channel, so that no release waits
    /// for it; says whether they all exist.
    fn generate(&self, authority: &Authority, policy: &CompiledPolicy, now: UtcMicros) -> bool {
        let catalogue = &authority.catalogue;
        let has_share = |channel: &Channel| {
            catalogue.offices.iter().any(|office| office.shares.of(*channel) > 0)
        };
        let last_dates = Channel::WITH_TIMES.into_iter().filter(has_share).flat_map(|channel| {
            let services = catalogue.services.iter();
            services.map(move |service| self.last_open_date(policy, service.id, channel, now))
        });
        let Some(last) = last_dates.max().map(|date| date.plus_days(1)) else { return true };
        let first = CivilDate::at(now, policy.zone()).plus_days(-1);
        let done = self.keeping.generated.lock().get(&catalogue.authority).copied();
        if done.is_some_and(|(from, to)| from <= first && to >= last) {
            return true;
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
                    return false;
                }
                self.state.add_day(day, shape).expect("checked catalogues make good days");
            }
        }
        self.keeping.generated.lock().insert(catalogue.authority, (first, last));
        true
    }

    /// The last date whose moment for a service and a channel has come, or that a demonstration
    /// opens.
    pub(crate) fn last_open_date(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> CivilDate {
        let open = policy.last_open_date(service, channel, now);
        if channel != Channel::Web {
            return open;
        }
        let demo_dates = self.keeping.demo_dates.lock();
        let demo = demo_dates.get(&(policy.policy().authority, service));
        demo.map_or(open, |(_, to)| open.max(*to))
    }

    /// Opens what is due for a service to a channel; returns when the next date opens.
    ///
    /// Looks at every date, not only at those after the last that opened: an office that is new
    /// has dates that other offices opened long ago, and one date that is late holds up no other.
    fn release_due(
        &self,
        authority: &Authority,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> UtcMicros {
        let key = (authority.catalogue.authority, service, channel);
        let planned = self.keeping.next_release.lock().get(&key).copied();
        if let Some(at) = planned.filter(|at| *at > now) {
            return at;
        }
        let first = CivilDate::at(now, policy.zone()).plus_days(-1);
        let last = self.last_open_date(policy, service, channel, now).plus_days(1);
        let mut next = UtcMicros(i64::MAX);
        let mut opened: Option<(CivilDate, CivilDate)> = None;
        for date in (first.days()..=last.days()).map(CivilDate::from_days) {
            let (opens_at, late) = self.keeping.due(policy, service, channel, date);
            if opens_at > now {
                next = next.min(opens_at);
                continue;
            }
            match self.open_date(authority, (service, channel), date, late, now) {
                Some(true) => opened = Some((opened.map_or(date, |(from, _)| from), date)),
                Some(false) => {}
                None => return UtcMicros(now.0 + MAX_KEEP_PAUSE_MICROS),
            }
        }
        if let Some((from, to)) = opened {
            let authority = &authority.catalogue.code;
            tracing::info!(target: LIFECYCLE, %authority, %service, ?channel, %from, %to, "booking opened");
        }
        self.keeping.next_release.lock().insert(key, next);
        next
    }

    /// Opens a date in the offices where it is not open yet; says whether there were any, and
    /// nothing when the journal did not take it.
    fn open_date(
        &self,
        authority: &Authority,
        (service, channel): (ServiceId, Channel),
        date: CivilDate,
        late: bool,
        now: UtcMicros,
    ) -> Option<bool> {
        let id = authority.catalogue.authority;
        let offices: Vec<OfficeId> = authority
            .catalogue
            .offices
            .iter()
            .map(|office| office.id)
            .filter(|&office| {
                let day = self.state.day(&DayKey { authority: id, office, date });
                day.is_some_and(|day| {
                    day.shape().offers(service, channel) && !day.is_released(service, channel)
                })
            })
            .collect();
        if offices.is_empty() {
            return Some(false);
        }
        let fact = Fact::Released {
            authority: id,
            service,
            channel,
            date,
            offices: offices.clone(),
            late,
        };
        // The record first: a booking's record always follows its release's.
        self.append_own(now, fact)?;
        self.state.release(id, service, channel, date, &offices).expect("the days were just found");
        measures::released(late);
        tracing::debug!(%service, ?channel, %date, offices = offices.len(), late, "released");
        Some(true)
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
                let released =
                    self.state.released_through(catalogue.authority, service.id, Channel::Web);
                let open = policy.last_open_date(service.id, Channel::Web, now);
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

    /// Drops what no longer counts for any limit: visits before the month of some days ago, and
    /// some days more, for an office whose date lags behind the policy's may have registered them
    /// in that month. A failed visit counts as long as it can forbid the next. Drops sessions that
    /// have ended by themselves as well, about once an hour.
    fn forget_past(&self, authority: &Authority, policy: &CompiledPolicy, now: UtcMicros) {
        let before = forgotten_before(policy, now);
        let id = authority.catalogue.authority;
        if !self.state.has_day_before(id, before) && !self.sessions_are_due(now) {
            return;
        }
        let mut body = Vec::new();
        Record::encode_parts(now, &Fact::Forgotten { authority: id, before }, &mut body);
        let Some(room) = self.reserve_own(now, body.len()) else { return };
        let _nobody_decides = self.deciding.write();
        self.journal.append(room, &body);
        self.state.forget(id, before, now);
        tracing::info!(%before, "forgot what no longer counts");
    }

    /// Whether it is time to look for revoked sessions that have ended by themselves, and there
    /// are any.
    fn sessions_are_due(&self, now: UtcMicros) -> bool {
        let mut looked = self.keeping.sessions_looked_at.lock();
        if now.0 - looked.0 < FORGET_SESSIONS_EVERY_MICROS {
            return false;
        }
        *looked = now;
        self.state.has_ended_sessions(now)
    }
}

/// The first date whose visits are not forgotten yet.
fn forgotten_before(policy: &CompiledPolicy, now: UtcMicros) -> CivilDate {
    let today = CivilDate::at(now.plus_minutes(-FORGET_AT_MINUTES), policy.zone());
    let kept = MIN_DAYS_KEPT + i32::from(policy.kept_days());
    today.plus_days(-kept).first_of_month().plus_days(-MIN_DAYS_KEPT)
}
