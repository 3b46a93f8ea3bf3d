//! What is counted while a rehearsal runs: outcomes, latencies, the generator's own lag.
//!
//! Owns the numbers. Latencies count from the moment at which a request was due, not from when it
//! was sent, so that whatever delays the sending (the generator too) is in them. Must not know what
//! a persona wants. Called by everybody who sends; read by the view and by the report.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::client::{Failure, NoAnswer};
use crate::network::Network;
use crate::personas::{Manner, Persona};

/// Longest latency that is told apart, in microseconds; longer ones count as this.
const MAX_LATENCY_US: u64 = 120_000_000;
/// Digits to which latencies are exact.
const SIGNIFICANT_DIGITS: u8 = 2;
/// Most outcomes that are told apart; further ones count as [`OTHER`].
pub const MAX_OUTCOMES: usize = 256;
/// What further outcomes are called.
pub const OTHER: &str = "other";
/// Most seconds of a run that are told apart.
pub const MAX_SECONDS: i64 = 2 * crate::scenario::MAX_DURATION_S as i64 + 120;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// What is free.
    Read,
    /// A challenge.
    Challenge,
    /// A place.
    Book,
    /// Another place instead of one.
    Move,
    /// To give a place back.
    Cancel,
}

impl Action {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Challenge => "challenge",
            Self::Book => "book",
            Self::Move => "move",
            Self::Cancel => "cancel",
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// What was asked for; for a booking, a new one.
    Done,
    /// A booking that had been made before under the same key.
    Repeated,
    /// The gateway said no: the problem's name, and the policy's rule where it names one.
    Refused(String),
    /// An answer of 5xx that promises nothing.
    ServerError,
    /// No answer at all, or none that can be understood.
    NoAnswer,
}

/// A kind of outcomes, for curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It went well.
    Good,
    /// The gateway refused, in a documented way.
    Refused,
    /// Something is wrong.
    Error,
}

impl Outcome {
    /// What a failure means.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Refused(problem) => {
                let rule = problem.facts.get("rule").and_then(|rule| rule.as_str());
                Self::Refused(match rule {
                    Some(rule) => format!("{} ({rule})", problem.slug),
                    None => problem.slug.to_string(),
                })
            }
            Failure::NoAnswer(NoAnswer::Unexpected { status, .. }) if status.is_server_error() => {
                Self::ServerError
            }
            Failure::NoAnswer(_) => Self::NoAnswer,
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Refused(rule) => rule,
            Self::ServerError => "server-error",
            Self::NoAnswer => "no-answer",
        }
    }

    /// Its kind.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Done | Self::Repeated => Class::Good,
            Self::Refused(_) => Class::Refused,
            Self::ServerError | Self::NoAnswer => Class::Error,
        }
    }
}

/// What came in one second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Requests answered as asked.
    pub good: u64,
    /// Requests refused.
    pub refused: u64,
    /// Requests without an answer, or with a 5xx.
    pub errors: u64,
    /// Places given, by whom they went to.
    pub places: BTreeMap<Persona, u64>,
}

/// One identified person.
#[derive(Clone, Debug)]
pub struct PersonRecord {
    /// Who they are.
    pub persona: Persona,
    /// Where they are.
    pub network: Network,
    /// In what way they go about it.
    pub manner: Manner,
    /// When they first tried to book, from the release on; nothing when they never did.
    pub first_try: Option<Duration>,
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Who sent it.
    pub persona: Persona,
    /// What for.
    pub action: Action,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// From when it was due until its answer was there.
    pub latency: Duration,
    /// When its answer was there, in whole seconds from the release.
    pub second: i64,
}

/// The numbers of a run.
pub struct Recorder {
    /// By action and outcome.
    latencies: BTreeMap<(Action, String), Histogram<u64>>,
    /// By outcome of a booking or a move, who met it how often.
    refusals: BTreeMap<String, BTreeMap<Persona, u64>>,
    requests: BTreeMap<Persona, u64>,
    lag: Histogram<u64>,
    skipped: u64,
    seconds: BTreeMap<i64, Second>,
    persons: BTreeMap<u32, PersonRecord>,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_LATENCY_US, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that the histogram allows")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            latencies: BTreeMap::new(),
            refusals: BTreeMap::new(),
            requests: BTreeMap::new(),
            lag: histogram(),
            skipped: 0,
            seconds: BTreeMap::new(),
            persons: BTreeMap::new(),
        }
    }
}

impl Recorder {
    /// Somebody identified takes part.
    pub fn person(&mut self, number: u32, persona: Persona, network: Network, manner: Manner) {
        let record = PersonRecord { persona, network, manner, first_try: None };
        self.persons.entry(number).or_insert(record);
    }

    /// Somebody tries to book; the first time counts.
    pub fn tries(&mut self, number: u32, after_release: Duration) {
        if let Some(person) = self.persons.get_mut(&number) {
            person.first_try.get_or_insert(after_release);
        }
    }

    /// So much later than it was due something was done, by the generator's own fault.
    pub fn lag(&mut self, lag: Duration) {
        self.lag.saturating_record(micros(lag));
    }

    /// A request was due and not sent, because too many were under way.
    pub fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// A request is over.
    pub fn sample(&mut self, sample: Sample<'_>) {
        let Sample { persona, action, outcome, latency, second } = sample;
        *self.requests.entry(persona).or_default() += 1;
        let mut key = (action, outcome.name().to_owned());
        if self.latencies.len() >= MAX_OUTCOMES && !self.latencies.contains_key(&key) {
            key.1 = OTHER.to_owned();
        }
        let latencies = self.latencies.entry(key).or_insert_with(histogram);
        latencies.saturating_record(micros(latency));
        if outcome.class() != Class::Good && matches!(action, Action::Book | Action::Move) {
            let mut name = outcome.name();
            if self.refusals.len() >= MAX_OUTCOMES && !self.refusals.contains_key(name) {
                name = OTHER;
            }
            let by_persona = self.refusals.entry(name.to_owned()).or_default();
            *by_persona.entry(persona).or_default() += 1;
        }
        let second = self.seconds.entry(second.clamp(-MAX_SECONDS, MAX_SECONDS)).or_default();
        match outcome.class() {
            Class::Good => second.good += 1,
            Class::Refused => second.refused += 1,
            Class::Error => second.errors += 1,
        }
        if action == Action::Book && *outcome == Outcome::Done {
            *second.places.entry(persona).or_default() += 1;
        }
    }

    /// Latencies in microseconds by action and outcome.
    pub fn latencies(&self) -> impl Iterator<Item = (Action, &str, &Histogram<u64>)> {
        self.latencies.iter().map(|((action, outcome), all)| (*action, outcome.as_str(), all))
    }

    /// Refused and failed bookings and moves by outcome.
    #[must_use]
    pub fn refusals(&self) -> &BTreeMap<String, BTreeMap<Persona, u64>> {
        &self.refusals
    }

    /// How many requests each persona sent.
    #[must_use]
    pub fn requests(&self) -> &BTreeMap<Persona, u64> {
        &self.requests
    }

    /// The generator's lag in microseconds.
    #[must_use]
    pub fn lags(&self) -> &Histogram<u64> {
        &self.lag
    }

    /// How many requests were due and not sent.
    #[must_use]
    pub fn skips(&self) -> u64 {
        self.skipped
    }

    /// Second by second, from the release on.
    #[must_use]
    pub fn seconds(&self) -> &BTreeMap<i64, Second> {
        &self.seconds
    }

    /// Who took part.
    #[must_use]
    pub fn persons(&self) -> &BTreeMap<u32, PersonRecord> {
        &self.persons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'a>(outcome: &'a Outcome, latency_ms: u64, second: i64) -> Sample<'a> {
        let (persona, action) = (Persona::Honest, Action::Book);
        Sample { persona, action, outcome, latency: Duration::from_millis(latency_ms), second }
    }

    #[test]
    fn places_and_refusals_are_counted_by_whom_and_when() {
        let mut recorder = Recorder::default();
        recorder.sample(sample(&Outcome::Done, 10, 0));
        recorder.sample(sample(&Outcome::Repeated, 10, 0));
        recorder.sample(sample(&Outcome::Refused("slot-taken".to_owned()), 10, 1));
        recorder.sample(sample(&Outcome::NoAnswer, 10, 1));
        let first = &recorder.seconds()[&0];
        assert_eq!((first.good, first.places[&Persona::Honest]), (2, 1));
        let second = &recorder.seconds()[&1];
        assert_eq!((second.refused, second.errors), (1, 1));
        assert_eq!(recorder.refusals()["slot-taken"][&Persona::Honest], 1);
        assert_eq!(recorder.requests()[&Persona::Honest], 4);
    }

    #[test]
    fn a_latency_past_the_longest_counts_as_the_longest() {
        let mut recorder = Recorder::default();
        recorder.sample(sample(&Outcome::Done, 10, 0));
        recorder.sample(sample(&Outcome::Done, 1_000_000, 0));
        let (_, _, latencies) = recorder.latencies().next().unwrap();
        assert_eq!(latencies.len(), 2);
        assert!(latencies.max() >= MAX_LATENCY_US);
        assert!((9_900..10_200).contains(&latencies.value_at_quantile(0.5)));
    }

    #[test]
    fn no_more_outcomes_are_told_apart_than_the_bound() {
        let mut recorder = Recorder::default();
        for number in 0..MAX_OUTCOMES + 10 {
            recorder.sample(sample(&Outcome::Refused(format!("rule-{number}")), 1, 0));
        }
        assert_eq!(recorder.latencies().count(), MAX_OUTCOMES + 1);
        assert_eq!(recorder.refusals()[OTHER][&Persona::Honest], 10);
        recorder.sample(sample(&Outcome::Done, 1, i64::MAX));
        assert!(recorder.seconds().contains_key(&MAX_SECONDS));
    }

    #[test]
    fn the_first_try_of_a_person_counts() {
        let mut recorder = Recorder::default();
        recorder.person(3, Persona::Poller, Network::Far, Manner::default());
        recorder.tries(3, Duration::from_secs(1));
        recorder.tries(3, Duration::from_secs(2));
        recorder.tries(4, Duration::from_secs(2));
        assert_eq!(recorder.persons()[&3].first_try, Some(Duration::from_secs(1)));
        assert_eq!(recorder.persons().len(), 1);
    }
}
