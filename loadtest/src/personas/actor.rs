//! Somebody who acts: every request is due at a moment, travels, and is measured from that moment.
//!
//! Owns the sending. A request is late by the generator's fault when it leaves after it was due; that
//! is recorded and is in its latency. Must not decide what is asked for. Called by the personas.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Manner, Persona, Stage, instant_of};
use crate::client::problem::Slug;
use crate::client::words::{BookRequest, Booking, Day, Subject, Want};
use crate::client::{Answer, Client, Confirmed, Failure, Session, solve};
use crate::history::{AttemptId, Cancel};
use crate::measure::{Action, Outcome, Sample};
use crate::network::Delay;

/// Most requests of one actor at once; what is due beyond is left out and counted.
pub const MAX_IN_FLIGHT_PER_ACTOR: usize = 64;

/// Somebody who acts.
pub struct Actor {
    /// How.
    pub persona: Persona,
    /// As whom; a sybil's is worth nothing.
    pub session: Session,
    /// From these addresses, in turns; never empty.
    pub devices: Vec<Client>,
    /// Over this network.
    pub delay: Delay,
    /// In what way.
    pub manner: Manner,
    /// What all share.
    pub stage: Arc<Stage>,
    pub(super) random: Mutex<StdRng>,
    pub(super) turn: AtomicUsize,
    attempts: Mutex<HashMap<String, AttemptId>>,
}

impl Actor {
    /// Somebody who has not done anything.
    #[must_use]
    pub fn new(
        persona: Persona,
        session: Session,
        devices: Vec<Client>,
        delay: Delay,
        stage: Arc<Stage>,
        seed: u64,
    ) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let (turn, attempts) = (AtomicUsize::new(0), Mutex::default());
        let manner = Manner::default();
        Self { persona, session, devices, delay, manner, stage, random, turn, attempts }
    }

    /// The same, in a manner of their own.
    #[must_use]
    pub fn in_manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// A request for places of the date at an office, for whom this person books.
    pub(super) fn request(&self, office: u32, want: Want) -> BookRequest {
        let subject = if self.manner.for_entity { Subject::Entity } else { Subject::Person };
        BookRequest { subject, ..self.stage.goal.request(office, want) }
    }

    pub(super) fn draw<T>(&self, f: impl FnOnce(&mut StdRng) -> T) -> T {
        f(&mut self.random.lock().expect("nobody panics while drawing"))
    }

    /// A pause between these.
    pub(super) fn pause(&self, ms: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.draw(|random| random.random_range(ms)))
    }

    /// A new idempotency key.
    pub(super) fn key(&self) -> String {
        let number: u32 = self.draw(|random| random.random());
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        format!("{}-{}-{turn}-{number:08x}", self.persona.name(), self.session.person)
    }

    /// One of the offices.
    pub(super) fn office(&self) -> u32 {
        let offices = &self.stage.goal.offices;
        offices[self.draw(|random| random.random_range(0..offices.len()))].0
    }

    /// Whether nothing is due any more at this moment.
    pub(super) fn is_over(&self, at: Instant) -> bool {
        at >= self.stage.goal.ends_at
    }

    fn device(&self) -> &Client {
        // Relaxed: turns only have to differ.
        &self.devices[self.turn.fetch_add(1, Ordering::Relaxed) % self.devices.len()]
    }

    /// Sends what is due at `due`, and measures it.
    async fn timed<T>(
        &self,
        due: Instant,
        action: Action,
        request: impl Future<Output = Answer<T>>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Answer<T> {
        sleep_until(due).await;
        let lag = due.elapsed();
        let [there, back] = self.draw(|random| [self.delay.way(random), self.delay.way(random)]);
        self.stage.network_costs.count(there + back);
        sleep(there.takes).await;
        let answer = request.await;
        sleep(back.takes).await;
        let outcome = match &answer {
            Ok(value) => outcome(value),
            Err(failure) => Outcome::of(failure),
        };
        let sample = Sample {
            persona: self.persona,
            action,
            outcome: &outcome,
            latency: due.elapsed(),
            second: self.second(),
        };
        self.stage.record(|recorder| {
            recorder.lag(lag);
            recorder.sample(sample);
        });
        answer
    }

    /// Whole seconds from the release until now.
    fn second(&self) -> i64 {
        let (now, opens_at) = (Instant::now(), self.stage.goal.opens_at);
        let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        match now.checked_duration_since(opens_at) {
            Some(after) => whole(after),
            None => -1 - whole(opens_at - now),
        }
    }

    /// The days of an office.
    pub(super) async fn days(&self, due: Instant, office: u32) -> Answer<Vec<Day>> {
        let goal = &self.stage.goal;
        let request = self.device().days(&goal.authority, office, &goal.service);
        self.timed(due, Action::Read, request, |_| Outcome::Done).await
    }

    /// How many places of the date are free at an office, when it is open.
    pub(super) async fn free(&self, due: Instant, office: u32) -> Answer<u32> {
        let days = self.days(due, office).await?;
        let date = &self.stage.goal.date;
        let day = days.iter().find(|day| day.open && day.date == *date);
        Ok(day.map_or(0, |day| day.free))
    }

    /// A proof for a booking, if one is asked for.
    pub(super) async fn prove(
        &self,
        due: Instant,
        request: &BookRequest,
    ) -> Answer<Option<String>> {
        if !self.stage.goal.proof {
            return Ok(None);
        }
        let challenge = self.device().challenge(&self.session, request);
        let challenge = self.timed(due, Action::Challenge, challenge, |_| Outcome::Done).await;
        let challenge = match challenge {
            Err(Failure::Refused(problem)) if problem.slug == Slug::ProofNotNeeded => {
                return Ok(None);
            }
            other => other?,
        };
        let waits = Instant::now();
        let turn = self.stage.solvers.acquire().await.expect("the semaphore is never closed");
        self.stage.record(|recorder| recorder.lag(waits.elapsed()));
        let solved = solve(challenge).await?;
        drop(turn);
        Ok(Some(solved))
    }

    /// A promise to book without a proof, if one is asked for, and from when on it is good.
    pub(super) async fn promise(
        &self,
        due: Instant,
        request: &BookRequest,
    ) -> Answer<Option<(String, Instant)>> {
        if !self.stage.goal.proof {
            return Ok(None);
        }
        let asked = self.device().slow_lane(&self.session, request);
        let promise = self.timed(due, Action::Challenge, asked, |_| Outcome::Done).await?;
        let ready_at = jiff::Timestamp::from_second(promise.ready_at_s);
        Ok(ready_at.ok().map(|ready_at| (promise.altcha, instant_of(ready_at))))
    }

    /// Books under a key, and notes what was answered.
    pub(super) async fn book(
        &self,
        due: Instant,
        key: &str,
        request: &BookRequest,
    ) -> Answer<Confirmed> {
        let opens_at = self.stage.goal.opens_at;
        let after = due.saturating_duration_since(opens_at);
        self.stage.record(|recorder| recorder.tries(self.session.person, after));
        self.take(due, key, request, None).await
    }

    /// Exchanges a booking under a key, and notes what was answered.
    pub(super) async fn move_to(
        &self,
        due: Instant,
        key: &str,
        request: &BookRequest,
        instead_of: &str,
    ) -> Answer<Confirmed> {
        self.take(due, key, request, Some(instead_of)).await
    }

    async fn take(
        &self,
        due: Instant,
        key: &str,
        request: &BookRequest,
        instead_of: Option<&str>,
    ) -> Answer<Confirmed> {
        self.sent(key);
        let answer = self.device().book_once(&self.session, key, request, instead_of);
        let outcome = |confirmed: &Confirmed| {
            if confirmed.replayed { Outcome::Repeated } else { Outcome::Done }
        };
        let action = if instead_of.is_some() { Action::Move } else { Action::Book };
        let answer = self.timed(due, action, answer, outcome).await;
        self.write_down(key, request, instead_of, &answer);
        answer
    }

    /// A key that has no answer yet is sent once more.
    fn sent(&self, key: &str) {
        let attempts = self.attempts.lock().expect("nobody panics while noting");
        if let Some(id) = attempts.get(key) {
            self.stage.history(|history| history.sent_again(*id));
        }
    }

    /// Only what may have booked something is remembered: refusals are the greater part by far.
    fn write_down(
        &self,
        key: &str,
        request: &BookRequest,
        instead_of: Option<&str>,
        answer: &Answer<Confirmed>,
    ) {
        let mut attempts = self.attempts.lock().expect("nobody panics while noting");
        let known = attempts.get(key).copied();
        if let (None, Err(Failure::Refused(_))) = (known, answer) {
            return;
        }
        self.stage.history(|history| {
            let is_unanswered = matches!(answer, Err(Failure::NoAnswer(_)));
            if known.is_none() && is_unanswered && history.is_beyond_room() {
                return;
            }
            let id = known.unwrap_or_else(|| history.begin(self.session.person, key, request, 1));
            attempts.insert(key.to_owned(), id);
            if let Some(booking) = instead_of {
                history.is_instead_of(id, booking);
            }
            match answer {
                Ok(confirmed) => history
                    .confirmed(id, confirmed.booking.clone())
                    .expect("a history of a rehearsal is written to memory"),
                Err(Failure::Refused(problem)) => history.refused(id, problem.slug.clone()),
                Err(Failure::NoAnswer(_)) => {}
            }
        });
    }

    /// Gives the booking of a key back.
    pub(super) async fn cancel(&self, due: Instant, key: &str, id: &str) -> Answer<Booking> {
        let attempt = self.attempts.lock().expect("nobody panics while noting").get(key).copied();
        if let Some(attempt) = attempt {
            self.stage.history(|history| history.cancel_begun(attempt));
        }
        let request = self.device().cancel(&self.session, id);
        let answer = self.timed(due, Action::Cancel, request, |_| Outcome::Done).await;
        let told = match &answer {
            Ok(_) => Some(Cancel::Confirmed),
            Err(Failure::Refused(problem)) => Some(Cancel::Refused(problem.slug.clone())),
            Err(Failure::NoAnswer(_)) => None,
        };
        if let (Some(attempt), Some(told)) = (attempt, told) {
            self.stage.history(|history| {
                history
                    .cancel_answered(attempt, told)
                    .expect("a history of a rehearsal is written to memory");
            });
        }
        answer
    }

    /// Sends at a fixed rate between two moments, whatever is answered, until `done` says so. The
    /// schedule never waits: what is due while too much is under way is left out and counted.
    pub(super) async fn fire<F>(
        self: &Arc<Self>,
        (from, to): (Instant, Instant),
        rate_per_second: u64,
        done: impl Fn() -> bool,
        send: impl Fn(Arc<Self>, Instant) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let interval = Duration::from_secs(1) / u32::try_from(rate_per_second).unwrap_or(u32::MAX);
        let mut under_way = JoinSet::new();
        let mut due = from;
        while due < to && !done() {
            sleep_until(due).await;
            while under_way.try_join_next().is_some() {}
            if under_way.len() < MAX_IN_FLIGHT_PER_ACTOR {
                under_way.spawn(send(Arc::clone(self), due));
            } else {
                self.stage.record(crate::measure::Recorder::skipped);
            }
            due += interval;
        }
        while under_way.join_next().await.is_some() {}
    }
}

#[cfg(test)]
#[path = "actor_tests.rs"]
pub(super) mod tests;
