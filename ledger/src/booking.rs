//! Booking: what claims a place for somebody, for the first time or in another one's stead.
//!
//! The order of each operation is that of the invariants: room in the journal first, then the
//! parties' locks, idempotency, limits, the claim, the record, and only then the locks are given
//! back. Must not wait for the disk.

use smallvec::SmallVec;
use talon_board::Taken;
use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{AuthorityId, BookingId, Channel, Fingerprint, KeyHash};
use talon_domain::limits::{Attempt, LimitRefusal, judge, usage};
use talon_domain::policy::{CompiledPolicy, LimitKind, Moment};
use talon_journal::{Class, Reservation, Sequence};
use talon_wire::{Answer, Book, Caller, MAX_WISHES, Place, Refusal, Wishes};

use crate::core::{Core, Outcome, refusal_of};
use crate::day::Day;
use crate::measures;
use crate::parties::{Parties, Standings};
use crate::person::{Booking, Person};
use crate::record::{Booked, DayKey, Fact, Moved, Seat};

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
pub(crate) struct Request<'a> {
    pub(crate) place: Place,
    pub(crate) channel: Channel,
    pub(crate) wishes: &'a Wishes,
    pub(crate) key: KeyHash,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) policy: &'a CompiledPolicy,
    pub(crate) standings: Standings,
    pub(crate) now: UtcMicros,
    /// Drawn before the claim, so that nothing can fail after it.
    pub(crate) booking: BookingId,
    /// The booking whose place is given up for the new one.
    pub(crate) instead_of: Option<InsteadOf>,
}

/// A booking that moves.
#[derive(Clone, Copy)]
pub(crate) struct InsteadOf {
    pub(crate) booking: BookingId,
    /// When the new booking counts as made.
    pub(crate) registered_at: UtcMicros,
    /// Whether both count.
    pub(crate) counts: bool,
    /// When the old place returns.
    pub(crate) returns_at: UtcMicros,
}

impl Core {
    /// Books the first wish that can be granted.
    pub fn book(&self, book: &Book) -> Outcome {
        let (place, caller) = (&book.place, &book.caller);
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let entity = match book.subject {
            Subject::Person => None,
            Subject::Entity if caller.entity.is_none() => {
                return Outcome::refused(Refusal::NoEntity);
            }
            Subject::Entity => caller.entity.as_ref(),
        };
        let _deciding = self.deciding.read();
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
                let repeat = self.repeat_of(caller, book.key, book.fingerprint);
                return repeat.unwrap_or_else(|| Outcome::refused(refusal_of(&error)));
            }
        };
        if self.is_full_for(&caller.person) || entity.is_some_and(|name| self.is_full_for(name)) {
            return Outcome::refused(Refusal::Busy);
        }
        let Some(parties) = self.state.parties_or_new(&caller.person, entity) else {
            return Outcome::refused(Refusal::NoEntity);
        };
        if let Some(repeat) = self.repeat(&parties.actor.entry, book.key, book.fingerprint) {
            return repeat;
        }
        let Some(booking) = self.new_booking_id() else {
            return Outcome::refused(Refusal::Unavailable);
        };
        let request = Request {
            place: *place,
            channel: book.channel,
            wishes: &book.wishes,
            key: book.key,
            fingerprint: book.fingerprint,
            policy: &policy,
            standings: self.state.standings(&parties),
            now: self.clock.now(),
            booking,
            instead_of: None,
        };
        self.grant(parties, &request, reservation)
    }

    /// Whether there is no room for a holder who is not known yet.
    pub(crate) fn is_full_for(&self, name: &talon_domain::ids::Pseudonym) -> bool {
        self.state.is_full_of_persons() && self.state.person(name).is_none()
    }

    /// What became of an earlier request under an idempotency key.
    pub fn find(&self, caller: &Caller, key: KeyHash, fingerprint: Fingerprint) -> Outcome {
        if self.state.is_revoked(&caller.session) {
            return Outcome::refused(Refusal::SessionRevoked);
        }
        let Some(party) = self.state.party(&caller.person) else {
            return Outcome::refused(Refusal::NotFound);
        };
        self.repeat(&party.entry, key, fingerprint).unwrap_or_else(|| Outcome {
            answer: Answer::Refused(Refusal::NotFound),
            after: party.entry.last(),
        })
    }

    /// What an earlier request of the caller under the same key came to.
    pub(crate) fn repeat_of(
        &self,
        caller: &Caller,
        key: KeyHash,
        fingerprint: Fingerprint,
    ) -> Option<Outcome> {
        self.repeat(&self.state.party(&caller.person)?.entry, key, fingerprint)
    }

    /// What an earlier request under the same key came to; keys are the actor's.
    pub(crate) fn repeat(
        &self,
        actor: &Person,
        key: KeyHash,
        fingerprint: Fingerprint,
    ) -> Option<Outcome> {
        let earlier = actor.by_key(key)?;
        if earlier.fingerprint != fingerprint {
            return Some(Outcome::refused(Refusal::KeyReused));
        }
        let answer = match self.view(earlier) {
            Some(booking) => Answer::Booked {
                booking,
                repeated: true,
                usage: None,
                sequence: actor.last().get(),
            },
            None => Answer::Refused(Refusal::Unavailable),
        };
        Some(Outcome { answer, after: actor.last() })
    }

    /// Tries the wishes in order.
    pub(crate) fn grant(
        &self,
        mut parties: Parties,
        request: &Request<'_>,
        reservation: Reservation,
    ) -> Outcome {
        if parties.are_full() {
            let answer = Answer::Refused(Refusal::Busy);
            return Outcome { answer, after: parties.last() };
        }
        let mut tries = Tries { room: Some(reservation), judged: SmallVec::new() };
        let mut denied: Option<Denied> = None;
        for (date, minute) in self.wished_starts(request) {
            match self.try_start(&mut parties, request, date, minute, &mut tries) {
                Ok(outcome) => return outcome,
                Err(Denied::Limit(refusal)) if !depends_on_visit(&refusal) => {
                    return self.denied(&parties, request, Denied::Limit(refusal));
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
        self.denied(&parties, request, denied.unwrap_or_else(nothing_there))
    }

    /// The starts to try. Of a span, those that look free; when none does, its first, so that the
    /// refusal says why.
    fn wished_starts(&self, request: &Request<'_>) -> Vec<(CivilDate, Minute)> {
        let place = &request.place;
        let (from, to, after, before) = match request.wishes {
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
            let is_to_come = |minute: &Minute| day.starts_at(*minute) > request.now;
            let mut minutes = starts.into_iter().flat_map(|starts| starts.keys().copied());
            let to_come = minutes.clone().filter(is_to_come).find(in_span).map(|m| (date, m));
            first_to_come = first_to_come.or(to_come);
            first = first.or_else(|| minutes.find(in_span).map(|m| (date, m)));
            let channel = request.channel;
            if day.is_released(place.service, channel) {
                let of_day = day.free_starts(place.service, channel, request.now);
                free.extend(of_day.into_keys().filter(in_span).map(|minute| (date, minute)));
            }
        }
        if free.is_empty() { first_to_come.or(first).into_iter().collect() } else { free }
    }

    fn try_start(
        &self,
        parties: &mut Parties,
        request: &Request<'_>,
        date: CivilDate,
        minute: Minute,
        tries: &mut Tries,
    ) -> Result<Outcome, Denied> {
        let (place, now) = (&request.place, request.now);
        let key = DayKey { authority: place.authority, office: place.office, date };
        let Some(day) = self.state.day(&key) else {
            return Err(self.not_generated(request, date));
        };
        if day.starts_at(minute) <= now {
            return Err(Denied::Past);
        }
        if day.shape().starts(place.service).is_none_or(|starts| !starts.contains_key(&minute)) {
            return Err(Denied::Unknown);
        }
        if !day.is_released(place.service, request.channel) {
            return Err(self.not_released(request, date));
        }
        let attempt = request.attempt(parties.subject(), date);
        if let Some(refusal) = tries.judge(request, &attempt) {
            return Err(Denied::Limit(refusal));
        }
        let (sequence, booking) = self
            .claim(&day, parties, request, (date, minute), &mut tries.room)
            .map_err(|_taken| Denied::Taken)?;
        let standings = self.state.standings(parties);
        let answer = Answer::Booked {
            booking: self.view(&booking).expect("its day exists"),
            repeated: false,
            usage: usage(request.policy, &attempt, standings.subject(), standings.actor()),
            sequence: sequence.get(),
        };
        Ok(Outcome { answer, after: sequence })
    }

    /// Takes the bits, then appends the record, then takes note of it; returns the booking as it
    /// stands in the subject's entry.
    fn claim(
        &self,
        day: &Day,
        parties: &mut Parties,
        request: &Request<'_>,
        (date, minute): (CivilDate, Minute),
        room: &mut Option<Reservation>,
    ) -> Result<(Sequence, Booking), Taken> {
        let place = &request.place;
        let (subject, actor) = parties.names();
        let spread = usize::from(u16::from_le_bytes([subject.0[0], subject.0[1]]));
        let (sequence, fact) =
            day.claim(place.service, request.channel, minute, spread, |candidate, steps| {
                let seat_day = DayKey { authority: place.authority, office: place.office, date };
                let fact = request.fact(Booked {
                    booking: request.booking,
                    subject,
                    actor,
                    channel: request.channel,
                    service: place.service,
                    seat: Seat {
                        day: seat_day,
                        shift: candidate.shift,
                        step: candidate.step,
                        steps,
                    },
                    key: request.key,
                    fingerprint: request.fingerprint,
                });
                let reservation = room.take().expect("one claim succeeds");
                (self.append(reservation, request.now, &fact), fact)
            })?;
        let booking = match fact {
            Fact::Moved(moved) => {
                let noted = parties.moved(sequence, request.now, &moved);
                let (before, booking) = noted.expect("the booking was live a moment ago");
                self.state.withhold(moved.returns_at, before.id, before.seat);
                booking
            }
            Fact::Booked(booked) => parties.booked(sequence, request.now, &booked),
            other => unreachable!("a claim makes no {other:?}"),
        };
        Ok((sequence, booking))
    }

    /// Why a span holds no start at all.
    fn nothing_in_span(&self, request: &Request<'_>) -> Denied {
        match request.wishes {
            Wishes::Any { to, .. } if self.today(&request.place, request.now) > *to => Denied::Past,
            _ => Denied::Unknown,
        }
    }

    fn not_generated(&self, request: &Request<'_>, date: CivilDate) -> Denied {
        let place = &request.place;
        if date < self.today(place, request.now) {
            return Denied::Past;
        }
        self.not_released(request, date)
    }

    fn not_released(&self, request: &Request<'_>, date: CivilDate) -> Denied {
        let (service, channel) = (request.place.service, request.channel);
        Denied::NotReleased(self.release_of(request.policy, service, channel, date))
    }

    fn denied(&self, parties: &Parties, request: &Request<'_>, denied: Denied) -> Outcome {
        let place = &request.place;
        let refusal = match denied {
            Denied::Unknown => Refusal::UnknownStart,
            Denied::Past => Refusal::Past,
            Denied::NotReleased(release) => Refusal::NotReleased(release),
            Denied::Taken => {
                let date = request.wishes.first_date();
                let free =
                    date.map(|date| self.free_on(place, request.channel, date)).unwrap_or_default();
                Refusal::Taken { free }
            }
            Denied::Limit(refusal) => {
                let (answer, after) = limit_answer(parties, request, refusal);
                return Outcome { answer, after };
            }
        };
        Outcome::refused(refusal)
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

impl Request<'_> {
    fn attempt(&self, subject: Subject, visit_date: CivilDate) -> Attempt {
        Attempt {
            now: self.now,
            registered_at: self.instead_of.map_or(self.now, |before| before.registered_at),
            service: self.place.service,
            channel: self.channel,
            visit_date,
            subject,
        }
    }

    /// What has happened when the place is claimed.
    fn fact(&self, booked: Booked) -> Fact {
        match self.instead_of {
            None => Fact::Booked(booked),
            Some(InsteadOf { booking, counts, returns_at, .. }) => {
                Fact::Moved(Moved { booked, from: booking, counts, returns_at })
            }
        }
    }
}

impl Tries {
    /// What the limits say of a date. Limits in shadow mode are counted once for each request.
    fn judge(&mut self, request: &Request<'_>, attempt: &Attempt) -> Option<LimitRefusal> {
        let known = self.judged.iter().find(|(date, _)| *date == attempt.visit_date);
        if let Some((_, refusal)) = known {
            return refusal.clone();
        }
        let verdict =
            judge(request.policy, attempt, request.standings.subject(), request.standings.actor());
        if self.judged.is_empty() {
            for shadow in verdict.shadow {
                measures::limit_on_trial(&shadow.rule);
            }
        }
        self.judged.push((attempt.visit_date, verdict.refusal.clone()));
        verdict.refusal
    }
}

/// Whether another date might be allowed.
fn depends_on_visit(refusal: &LimitRefusal) -> bool {
    match refusal.kind {
        LimitKind::PerPeriod { of, .. } => of == Moment::Visit,
        LimitKind::RetakeWait { .. } => true,
        LimitKind::LivePerService | LimitKind::NoShows { .. } => false,
    }
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

/// A refusal by a limit rests on the parties' last facts.
fn limit_answer(
    parties: &Parties,
    request: &Request<'_>,
    refusal: LimitRefusal,
) -> (Answer, Sequence) {
    let today = CivilDate::at(request.now, request.policy.zone());
    let attempt = request.attempt(parties.subject(), today);
    let standings = &request.standings;
    let usage = usage(request.policy, &attempt, standings.subject(), standings.actor());
    let sequence = parties.last();
    let keys = parties.actor.entry.all().map(|booking| booking.key).collect();
    let refusal = Refusal::Limit { refusal, usage, sequence: sequence.get(), keys };
    (Answer::Refused(refusal), sequence)
}
