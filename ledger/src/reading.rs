//! Reading: bookings for their owners, and what is free for everybody.
//!
//! What a person reads of themselves waits for their last fact; what everybody reads promises
//! nothing. Must not change anything.

use std::collections::HashMap;
use std::sync::Arc;

use talon_domain::catalogue::Catalogue;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, ServiceId};
use talon_domain::policy::CompiledPolicy;
use talon_journal::Sequence;
use talon_wire::{
    Answer, BookingState, BookingView, Caller, DayView, FreeStart, Place, Refusal, Release,
    StartsView,
};

use crate::core::{Core, Outcome};
use crate::day::{Day, Tally};
use crate::person::Booking;
use crate::record::DayKey;

/// Most dates that one list of days shows.
pub const MAX_DAYS_SHOWN: i32 = 400;

impl Core {
    /// The caller's bookings, by visit.
    pub fn bookings(&self, caller: &Caller) -> Outcome {
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let mut after = Sequence::NONE;
        let mut views: Vec<BookingView> = Vec::new();
        for name in std::iter::once(&caller.person).chain(&caller.entity) {
            // One after the other: each list is true of its own moment.
            let Some(party) = self.state.party(name) else { continue };
            after = after.max(party.entry.last());
            views.extend(party.entry.all().filter_map(|booking| self.view(booking)));
        }
        views.sort_by_key(|view| (view.starts_at, view.id));
        views.dedup_by_key(|view| view.id);
        Outcome { answer: Answer::Bookings(views), after }
    }

    /// Whether the caller's session was ended by a logout.
    pub fn session(&self, caller: &Caller) -> Outcome {
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        Outcome::now(Answer::SessionLive)
    }

    /// One booking of the caller.
    pub fn booking(&self, caller: &Caller, id: BookingId) -> Outcome {
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let mut after = Sequence::NONE;
        for name in std::iter::once(&caller.person).chain(&caller.entity) {
            let Some(party) = self.state.party(name) else { continue };
            after = after.max(party.entry.last());
            if let Some(view) = party.entry.by_id(id).and_then(|booking| self.view(booking)) {
                return Outcome { answer: Answer::Booking(view), after };
            }
        }
        Outcome { answer: Answer::Refused(Refusal::NotFound), after }
    }

    /// What has become of the places of days to come that the web may book, by authority. Walks all days once.
    pub fn places(&self) -> Vec<(Arc<Catalogue>, Tally)> {
        let now = self.clock.now();
        let mut sums: HashMap<AuthorityId, (Arc<Catalogue>, CivilDate, Tally)> = HashMap::new();
        for (id, authority) in self.authorities.load().iter() {
            let today = CivilDate::at(now, authority.policy.zone());
            sums.insert(*id, (Arc::clone(&authority.catalogue), today, Tally::default()));
        }
        self.state.each_day(|key, day| {
            if let Some((_, today, sum)) = sums.get_mut(&key.authority)
                && key.date >= *today
            {
                *sum += day.tally(Channel::Web);
            }
        });
        sums.into_values().map(|(catalogue, _, sum)| (catalogue, sum)).collect()
    }

    /// The dates of an office for a service and a channel, from today to the first after the last
    /// open date.
    pub fn days(&self, place: &Place, channel: Channel) -> Outcome {
        if let Some(refusal) = self.unknown_place(place) {
            return Outcome::refused(refusal);
        }
        let Some(policy) = self.state.policy(place.authority) else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let now = self.clock.now();
        let last_open = self.last_open_date(&policy, place.service, channel, now);
        let mut date = self.today(place, now);
        let mut days = Vec::new();
        for _ in 0..MAX_DAYS_SHOWN {
            let key = DayKey { authority: place.authority, office: place.office, date };
            let Some(day) = self.state.day(&key) else { break };
            if day.shape().offers(place.service, channel) {
                let is_open = day.is_released(place.service, channel);
                let free = if is_open { day.count_free(place.service, channel, now) } else { 0 };
                let release =
                    (!is_open).then(|| self.release_of(&policy, place.service, channel, date));
                days.push(DayView { date, free, release });
                if !is_open && date > last_open {
                    break;
                }
            }
            date = date.plus_days(1);
        }
        Outcome::now(Answer::Days(days))
    }

    /// The free starts of one date for a channel.
    pub fn starts(&self, place: &Place, channel: Channel, date: CivilDate) -> Outcome {
        if let Some(refusal) = self.unknown_place(place) {
            return Outcome::refused(refusal);
        }
        let Some(policy) = self.state.policy(place.authority) else {
            return Outcome::refused(Refusal::Unavailable);
        };
        if date < self.today(place, self.clock.now()) {
            return Outcome::refused(Refusal::Past);
        }
        let key = DayKey { authority: place.authority, office: place.office, date };
        let Some(day) = self.state.day(&key) else {
            // Beyond what exists there is a moment, and nothing to show.
            let release = self.release_of(&policy, place.service, channel, date);
            return Outcome::refused(Refusal::NotReleased(release));
        };
        let is_open =
            day.is_released(place.service, channel) || !day.shape().offers(place.service, channel);
        let release = (!is_open).then(|| self.release_of(&policy, place.service, channel, date));
        let free = if is_open { self.free_on(place, channel, date) } else { Vec::new() };
        Outcome::now(Answer::Starts(StartsView { release, free }))
    }

    /// What is free for a channel on an open date.
    pub(crate) fn free_on(
        &self,
        place: &Place,
        channel: Channel,
        date: CivilDate,
    ) -> Vec<FreeStart> {
        let key = DayKey { authority: place.authority, office: place.office, date };
        let is_open = |day: &Arc<Day>| day.is_released(place.service, channel);
        let Some(day) = self.state.day(&key).filter(is_open) else {
            return Vec::new();
        };
        day.free_starts(place.service, channel, self.clock.now())
            .into_iter()
            .map(|(start, desks)| FreeStart { start, desks })
            .collect()
    }

    /// When a date that is not open opens. Who walks in books no time, so that none ever opens.
    pub(crate) fn release_of(
        &self,
        policy: &CompiledPolicy,
        service: ServiceId,
        channel: Channel,
        date: CivilDate,
    ) -> Release {
        if !Channel::WITH_TIMES.contains(&channel) {
            return Release { opens_at: None, late: false };
        }
        let (opens_at, late) = self.keeping.due(policy, service, channel, date);
        Release { opens_at: Some(opens_at), late }
    }

    /// A booking as its owner sees it.
    pub(crate) fn view(&self, booking: &Booking) -> Option<BookingView> {
        let seat = &booking.seat;
        let day = self.state.day(&seat.day)?;
        let policy = self.state.policy(seat.day.authority)?;
        let shape = day.shape().shape();
        let start = shape.minute(seat.shift, seat.step);
        let starts_at = day.starts_at(start);
        Some(BookingView {
            id: booking.id,
            authority: seat.day.authority,
            office: seat.day.office,
            service: booking.service,
            date: seat.day.date,
            start,
            minutes: u16::from(seat.steps) * u16::from(shape.step_minutes),
            starts_at,
            zone: Arc::clone(day.shape().zone_name()),
            cancel_until: policy.cancel_until(starts_at),
            move_until: (booking.state == BookingState::Booked
                && booking.moves < policy.policy().moving.max)
                .then(|| policy.move_until(starts_at)),
            channel: booking.channel,
            subject: booking.subject,
            state: booking.state,
        })
    }

    pub(crate) fn today(&self, place: &Place, now: UtcMicros) -> CivilDate {
        let authorities = self.authorities.load();
        let authority = authorities.get(&place.authority);
        let office = authority.and_then(|a| a.catalogue.office(place.office));
        CivilDate::at(now, office.map_or(&jiff::tz::TimeZone::UTC, |office| &office.zone))
    }
}
