//! Booking, cancelling, and ending sessions: what changes the state for somebody.
//!
//! The order of each operation is that of the invariants: room in the journal first, then the
//! person's lock, idempotency, limits, the claim, the record, and only then the lock is given
//! back. Must not wait for the disk.

use parking_lot::MutexGuard;
use smallvec::SmallVec;
use talon_board::Taken;
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Fingerprint, KeyHash};
use talon_domain::limits::{Attempt, LimitRefusal, Usage, judge, usage};
use talon_domain::policy::{CompiledPolicy, LimitKind, Moment};
use talon_journal::{Class, Reservation, Sequence};
use talon_wire::{Answer, Book, Caller, Cancel, MAX_WISHES, Refusal, Wishes};

use crate::core::{Core, Outcome, refusal_of};
use crate::day::Day;
use crate::person::{Facts, Person};
use crate::record::{Booked, DayKey, Fact, Seat};
use crate::state::MAX_REVOKED_SESSIONS;

/// Most dates that one wish for any start may span.
pub const MAX_SPAN_DAYS: i32 = 62;

/// Why one wish was not granted, from the least telling to the most.
enum Denied {
    Unknown,
    Past,
    NotReleased(talon_wire::Release),
    Taken,
    Limit(LimitRefusal),
}

/// What changes from wish to wish.
struct Tries {
    /// Used by the claim that succeeds.
    room: Option<Reservation>,
    /// What the limits said of a date, so that each date is judged once.
    judged: SmallVec<[(CivilDate, Option<LimitRefusal>); 2]>,
}

/// All that stays the same over the wishes of one booking.
struct Request<'a> {
    book: &'a Book,
    policy: &'a CompiledPolicy,
    facts: Facts,
    now: UtcMicros,
    /// Drawn before the claim, so that nothing can fail after it.
    booking: BookingId,
}

impl Core {
    /// Books the first wish that can be granted.
    pub fn book(&self, book: &Book) -> Outcome {
        let place = &book.place;
        if self.state.is_revoked(&book.caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let _in_use = self.policies_in_use.read();
        if let Some(refusal) = self.unknown_place(place) {
            return Outcome::refused(refusal);
        }
        let Some(policy) = self.state.policy(place.authority) else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let reservation = match self.journal.reserve(Class::Ordinary) {
            Ok(reservation) => reservation,
            // What is booked already needs no room.
            Err(error) => {
                let entry = self.state.person(&book.caller.person);
                let repeat =
                    entry.and_then(|entry| self.repeat(&entry.lock(), book.key, book.fingerprint));
                return repeat.unwrap_or_else(|| Outcome::refused(refusal_of(&error)));
            }
        };
        if self.state.is_full_of_persons() && self.state.person(&book.caller.person).is_none() {
            return Outcome::refused(Refusal::Busy);
        }
        let entry = self.state.person_or_new(&book.caller.person);
        let person = entry.lock();
        if let Some(repeat) = self.repeat(&person, book.key, book.fingerprint) {
            return repeat;
        }
        let facts = self.state.facts(&person);
        let Some(booking) = self.new_booking_id() else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let request = Request { book, policy: &policy, facts, now: self.clock.now(), booking };
        self.grant(person, &request, reservation)
    }

    /// What became of an earlier request under an idempotency key.
    pub fn find(&self, caller: &Caller, key: KeyHash, fingerprint: Fingerprint) -> Outcome {
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let Some(entry) = self.state.person(&caller.person) else {
            return Outcome::refused(Refusal::NotFound);
        };
        let person = entry.lock();
        self.repeat(&person, key, fingerprint).unwrap_or_else(|| Outcome {
            answer: Answer::Refused(Refusal::NotFound),
            after: person.last(),
        })
    }

    /// What an earlier request under the same key came to.
    fn repeat(&self, person: &Person, key: KeyHash, fingerprint: Fingerprint) -> Option<Outcome> {
        let earlier = person.by_key(key)?;
        if earlier.fingerprint != fingerprint {
            return Some(Outcome::refused(Refusal::KeyReused));
        }
        let answer = match self.view(earlier) {
            Some(booking) => Answer::Booked {
                booking,
                repeated: true,
                usage: None,
                sequence: person.last().get(),
            },
            None => Answer::Refused(Refusal::Unavailable),
        };
        Some(Outcome { answer, after: person.last() })
    }

    /// Tries the wishes in order.
    fn grant(
        &self,
        mut person: MutexGuard<'_, Person>,
        request: &Request<'_>,
        reservation: Reservation,
    ) -> Outcome {
        let mut tries = Tries { room: Some(reservation), judged: SmallVec::new() };
        let mut denied: Option<Denied> = None;
        for (date, minute) in self.wished_starts(request) {
            match self.try_start(&mut person, request, date, minute, &mut tries) {
                Ok(outcome) => return outcome,
                Err(Denied::Limit(refusal)) if !depends_on_visit(&refusal) => {
                    return self.denied(&person, request, Denied::Limit(refusal));
                }
                Err(reason) => {
                    // A limit that holds for one wish most often holds for all; a taken start
                    // says more than one that does not exist.
                    if denied.as_ref().is_none_or(|known| reason.weight() > known.weight()) {
                        denied = Some(reason);
                    }
                }
            }
        }
        let nothing_there = || self.nothing_in_span(request);
        self.denied(&person, request, denied.unwrap_or_else(nothing_there))
    }

    /// The starts to try. Of a span, those that look free; when none does, its first, so that the
    /// refusal says why.
    fn wished_starts(&self, request: &Request<'_>) -> Vec<(CivilDate, Minute)> {
        let place = &request.book.place;
        let (from, to, after, before) = match &request.book.wishes {
            Wishes::Starts(starts) => return starts.iter().copied().take(MAX_WISHES).collect(),
            Wishes::Any { from, to, after, before } => (*from, *to, *after, *before),
        };
        let mut free = Vec::new();
        let (mut first_to_come, mut first) = (None, None);
        let last = to.min(from.plus_days(MAX_SPAN_DAYS - 1));
        for date in (from.days()..=last.days()).map(CivilDate::from_days) {
            let key = DayKey { authority: place.authority, office: place.office, date };
            let Some(day) = self.state.day(&key) else { continue };
            let in_span = |minute: &Minute| (after..before).contains(minute);
            let starts = day.shape().starts(place.service);
            // One that is still to come says more than one that is over.
            let is_to_come = |minute: &Minute| day.starts_at(date, *minute) > request.now;
            let mut minutes = starts.into_iter().flat_map(|starts| starts.keys().copied());
            let to_come = minutes.clone().filter(is_to_come).find(in_span).map(|m| (date, m));
            first_to_come = first_to_come.or(to_come);
            first = first.or_else(|| minutes.find(in_span).map(|m| (date, m)));
            if day.is_released(place.service) {
                let of_day = day.free_starts(date, place.service, request.now);
                free.extend(of_day.into_keys().filter(in_span).map(|minute| (date, minute)));
            }
        }
        if free.is_empty() { first_to_come.or(first).into_iter().collect() } else { free }
    }

    fn try_start(
        &self,
        person: &mut Person,
        request: &Request<'_>,
        date: CivilDate,
        minute: Minute,
        tries: &mut Tries,
    ) -> Result<Outcome, Denied> {
        let (book, now) = (request.book, request.now);
        let place = &book.place;
        let key = DayKey { authority: place.authority, office: place.office, date };
        let Some(day) = self.state.day(&key) else {
            return Err(self.not_generated(request, date));
        };
        if day.starts_at(date, minute) <= now {
            return Err(Denied::Past);
        }
        if day.shape().starts(place.service).is_none_or(|starts| !starts.contains_key(&minute)) {
            return Err(Denied::Unknown);
        }
        if !day.is_released(place.service) {
            return Err(Denied::NotReleased(self.release_of(request.policy, place.service, date)));
        }
        let attempt =
            Attempt { now, service: place.service, channel: book.channel, visit_date: date };
        if let Some(refusal) = tries.judge(request, &attempt) {
            return Err(Denied::Limit(refusal));
        }
        let (sequence, booked) = self
            .claim(&day, request, date, minute, &mut tries.room)
            .map_err(|_taken| Denied::Taken)?;
        person.booked(sequence, now, &booked);
        let facts = self.state.facts(person);
        let answer = Answer::Booked {
            booking: self
                .view(person.bookings().last().expect("the booking was just noted"))
                .expect("its day exists"),
            repeated: false,
            usage: usage(request.policy, &attempt, &facts, &facts),
            sequence: sequence.get(),
        };
        Ok(Outcome { answer, after: sequence })
    }

    /// Takes the bits, then appends the record.
    fn claim(
        &self,
        day: &Day,
        request: &Request<'_>,
        date: CivilDate,
        minute: Minute,
        room: &mut Option<Reservation>,
    ) -> Result<(Sequence, Booked), Taken> {
        let book = request.book;
        let place = &book.place;
        let spread =
            usize::from(u16::from_le_bytes([book.caller.person.0[0], book.caller.person.0[1]]));
        day.claim(place.service, minute, spread, |candidate, steps| {
            let seat_day = DayKey { authority: place.authority, office: place.office, date };
            let booked = Booked {
                booking: request.booking,
                subject: book.caller.person,
                actor: None,
                channel: book.channel,
                service: place.service,
                seat: Seat { day: seat_day, shift: candidate.shift, step: candidate.step, steps },
                key: book.key,
                fingerprint: book.fingerprint,
            };
            let reservation = room.take().expect("one claim succeeds");
            (self.append(reservation, request.now, Fact::Booked(booked)), booked)
        })
    }

    /// Why a span holds no start at all.
    fn nothing_in_span(&self, request: &Request<'_>) -> Denied {
        match &request.book.wishes {
            Wishes::Any { to, .. } if self.today(&request.book.place, request.now) > *to => {
                Denied::Past
            }
            _ => Denied::Unknown,
        }
    }

    fn not_generated(&self, request: &Request<'_>, date: CivilDate) -> Denied {
        let place = &request.book.place;
        if date < self.today(place, request.now) {
            return Denied::Past;
        }
        Denied::NotReleased(self.release_of(request.policy, place.service, date))
    }

    fn denied(&self, person: &Person, request: &Request<'_>, denied: Denied) -> Outcome {
        let place = &request.book.place;
        let refusal = match denied {
            Denied::Unknown => Refusal::UnknownStart,
            Denied::Past => Refusal::Past,
            Denied::NotReleased(release) => Refusal::NotReleased(release),
            Denied::Taken => {
                let date = match &request.book.wishes {
                    Wishes::Starts(starts) => starts.first().map(|(date, _)| *date),
                    Wishes::Any { from, .. } => Some(*from),
                };
                let free = date.map(|date| self.free_on(place, date)).unwrap_or_default();
                Refusal::Taken { free }
            }
            Denied::Limit(refusal) => {
                let (answer, after) = limit_answer(person, request, refusal);
                return Outcome { answer, after };
            }
        };
        Outcome::refused(refusal)
    }

    /// Cancels a booking of the caller.
    pub fn cancel(&self, cancel: &Cancel) -> Outcome {
        let caller = &cancel.caller;
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let Some(entry) = self.state.person(&caller.person) else {
            return Outcome::refused(Refusal::NotFound);
        };
        let mut person = entry.lock();
        let Some(booking) = person.by_id(cancel.booking).cloned() else {
            return Outcome { answer: Answer::Refused(Refusal::NotFound), after: person.last() };
        };
        let (Some(view), Some(policy)) =
            (self.view(&booking), self.state.policy(booking.seat.day.authority))
        else {
            return Outcome::refused(Refusal::Unavailable);
        };
        if booking.cancelled {
            return Outcome { answer: Answer::Cancelled(view), after: person.last() };
        }
        let now = self.clock.now();
        if now > view.cancel_until {
            let answer = Answer::Refused(Refusal::TooLate { until: view.cancel_until });
            return Outcome { answer, after: person.last() };
        }
        let Some(random) = self.random::<8>() else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let returns_at = policy.returns_at(now, u64::from_le_bytes(random));
        let fact = Fact::Cancelled { subject: caller.person, booking: booking.id, returns_at };
        let sequence = self.append(reservation, now, fact);
        let seat = person.cancelled(sequence, booking.id).expect("the booking is live");
        self.state.withhold(returns_at, booking.id, seat);
        let view = talon_wire::BookingView { state: talon_wire::BookingState::Cancelled, ..view };
        Outcome { answer: Answer::Cancelled(view), after: sequence }
    }

    /// Refuses a session from now on.
    pub fn revoke_session(&self, caller: &Caller) -> Outcome {
        let now = self.clock.now();
        if let Some(sequence) = self.state.revoked_by(&caller.session) {
            return Outcome { answer: Answer::SessionRevoked, after: sequence };
        }
        if caller.session_expires_at <= now {
            return Outcome::now(Answer::SessionRevoked);
        }
        if self.state.revoked_count() >= MAX_REVOKED_SESSIONS {
            return Outcome::refused(Refusal::Busy);
        }
        let reservation = match self.journal.reserve(Class::Reserve) {
            Ok(reservation) => reservation,
            Err(error) => return Outcome::refused(refusal_of(&error)),
        };
        let fact =
            Fact::SessionRevoked { session: caller.session, expires_at: caller.session_expires_at };
        let sequence = self.append(reservation, now, fact);
        self.state.revoke(sequence, caller.session, caller.session_expires_at);
        Outcome { answer: Answer::SessionRevoked, after: sequence }
    }

    /// The refusal of a place that the authority does not have.
    pub(crate) fn unknown_place(&self, place: &talon_wire::Place) -> Option<Refusal> {
        let authority: AuthorityId = place.authority;
        let authorities = self.authorities.load();
        let Some(office) =
            authorities.get(&authority).and_then(|a| a.catalogue.office(place.office))
        else {
            return Some(Refusal::UnknownOffice);
        };
        (!office.offers(place.service)).then_some(Refusal::UnknownService)
    }
}

impl Tries {
    /// What the limits say of a date. Limits in shadow mode are counted once for each request.
    fn judge(&mut self, request: &Request<'_>, attempt: &Attempt) -> Option<LimitRefusal> {
        let known = self.judged.iter().find(|(date, _)| *date == attempt.visit_date);
        if let Some((_, refusal)) = known {
            return refusal.clone();
        }
        let verdict = judge(request.policy, attempt, &request.facts, &request.facts);
        if self.judged.is_empty() {
            for shadow in verdict.shadow {
                metrics::counter!("ledger_limit_shadow_refusals_total", "rule" => shadow.rule)
                    .increment(1);
            }
        }
        self.judged.push((attempt.visit_date, verdict.refusal.clone()));
        verdict.refusal
    }
}

/// Whether another date might be allowed.
fn depends_on_visit(refusal: &LimitRefusal) -> bool {
    matches!(refusal.kind, LimitKind::PerPeriod { of: Moment::Visit, .. })
}

impl Denied {
    fn weight(&self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Past => 1,
            Self::NotReleased(_) => 2,
            Self::Taken => 3,
            Self::Limit(_) => 4,
        }
    }
}

/// A refusal by a limit rests on the person's last fact.
fn limit_answer(
    person: &Person,
    request: &Request<'_>,
    refusal: LimitRefusal,
) -> (Answer, Sequence) {
    let place = &request.book.place;
    let attempt = Attempt {
        now: request.now,
        service: place.service,
        channel: request.book.channel,
        visit_date: CivilDate::at(request.now, request.policy.zone()),
    };
    let usage: Option<Usage> = usage(request.policy, &attempt, &request.facts, &request.facts);
    let sequence = person.last();
    let keys = person.bookings().iter().map(|booking| booking.key).collect();
    let refusal = Refusal::Limit { refusal, usage, sequence: sequence.get(), keys };
    (Answer::Refused(refusal), sequence)
}
