//! What the hot lane does again and again, each as one function over inputs prepared before.
//!
//! Owns which functions count as hot and with what they are called: a large office, a booking with one wish, a
//! proof of the policies' usual kind. Must not know how they are measured: the bench `instructions` counts their
//! instructions, the bench `parts` their nanoseconds.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use talon_board::Steps;
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
    SessionId,
};
use talon_gateway::admission::{
    AdmissionRequest, Decision, EmbeddedBounds, EmbeddedStore, Hint, PersonKey, QuotaQuery,
    RateRule, WhenDown, next_arrival,
};
use talon_gateway::identity::token::{Names, Session, SessionKeys};
use talon_gateway::request::BookRequest;
use talon_ledger::day::Day;
use talon_ledger::record::{Booked, DayKey, Fact, Record, Seat};
use talon_pow::{
    Algorithm, Binding, Challenge, Checked, Difficulty, Keyring, Payload, check, encode_payload,
    issue, solve,
};
use talon_wire::frame::{FromClient, put_request, take};
use talon_wire::{Book, Caller, Command, Place, Subject, Wishes};

use crate::desks;

const NOW_S: u64 = 1_800_000_000;
const EXPIRES_AT_S: u64 = NOW_S + 300;
const BINDING: Binding<'_> =
    Binding { person: "a-person-tag", action: "book", release: "mvs-8041-theory-exam" };
const PERSON: [u8; 32] = [7; 32];
const LIMIT: u32 = 4;

/// One of them.
#[derive(Clone, Copy)]
pub struct Part {
    /// Its name in tables and baselines.
    pub name: &'static str,
    /// Does it once.
    pub run: fn(&mut Inputs),
}

/// All of them, in the order of a booking's way.
pub const PARTS: &[Part] = &[
    Part { name: "token-verify", run: token_verify },
    Part { name: "booking-json", run: booking_json },
    Part { name: "challenge-issue", run: challenge_issue },
    Part { name: "proof-check", run: proof_check },
    Part { name: "gcra-decision", run: gcra_decision },
    Part { name: "admission", run: admission },
    Part { name: "quota-hint", run: quota_hint },
    Part { name: "frame-encode", run: frame_encode },
    Part { name: "frame-decode", run: frame_decode },
    Part { name: "claim", run: claim },
    Part { name: "starts-of-a-day", run: starts_of_a_day },
    Part { name: "record-encode", run: record_encode },
];

/// What they are called with.
pub struct Inputs {
    day: Day,
    service: ServiceId,
    start: Minute,
    rule: RateRule,
    arrival_us: Option<u64>,
    store: EmbeddedStore,
    sessions: SessionKeys,
    token: String,
    keyring: Keyring,
    difficulty: Difficulty,
    proof: String,
    json: Vec<u8>,
    command: Command,
    frame: BytesMut,
    received: BytesMut,
    record: Record,
    body: Vec<u8>,
}

impl Inputs {
    /// Prepares everything; solves one proof.
    ///
    /// # Panics
    /// When a catalogue of this repository is not good.
    #[must_use]
    pub fn new() -> Self {
        // The office with the most desks.
        let shapes = desks::days("mvs");
        let shape = shapes.into_iter().max_by_key(|shape| shape.shifts.len()).expect("some days");
        let (service, start) = desks::busiest_start(&shape);
        let keyring = Keyring::new(&[3; 32], &[]).expect("a long secret");
        let difficulty = Difficulty::new(Algorithm::Pbkdf2Sha256, 400, "0", None, None);
        let difficulty = difficulty.expect("within the bounds");
        let challenge = challenge(&keyring, &difficulty);
        let solution = solve(&challenge, 10_000).expect("one in sixteen is a solution");
        let sessions = SessionKeys::new(&[5; 32]);
        let names = Names { authority: AuthorityId(1), person: Pseudonym(PERSON), entity: None };
        let session = Session::new(SessionId([9; 16]), NOW_S, EXPIRES_AT_S, vec![names]);
        let command = command(service, start);
        let mut received = BytesMut::new();
        put_request(&mut received, 7, None, &command).expect("it is short");
        let json = format!(
            "{{\"authority\":\"mvs\",\"office\":8041,\"service\":\"theory-exam\",\
             \"wishes\":[{{\"date\":\"2026-12-01\",\"time\":\"{start}\"}}]}}"
        );
        Self {
            day: desks::new_day(&shape),
            service,
            start,
            rule: RateRule::new(1, 500_000, 10).expect("it comes back within an hour"),
            arrival_us: None,
            store: store(),
            token: sessions.sign(&session),
            sessions,
            proof: encode_payload(&challenge, &solution),
            keyring,
            difficulty,
            json: json.into_bytes(),
            command,
            frame: BytesMut::with_capacity(1024),
            received,
            record: record(service),
            body: Vec::with_capacity(1024),
        }
    }

    /// A session token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The body of a booking.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The same, as the ledger is asked.
    #[must_use]
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// A solution of which all is good but the key, which is not derived yet.
    ///
    /// # Panics
    /// When it is not good.
    pub fn checked_proof(&self) -> Checked {
        let payload = Payload::parse(&self.proof).expect("it is one");
        check(payload, &self.keyring, &BINDING, NOW_S).expect("it is good")
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}

/// A store that knows the person's count, on a clock that stands still.
fn store() -> EmbeddedStore {
    let store = EmbeddedStore::new(Arc::new(|| NOW_S * 1_000_000), EmbeddedBounds::default());
    let person = PersonKey(PERSON);
    let hint = Hint {
        actor: person,
        person,
        period: 1,
        rule: 1,
        count: LIMIT,
        sequence: 9,
        expires_at_s: EXPIRES_AT_S,
    };
    store.decide_now(&[], &[hint]).expect("there is room");
    store
}

/// One more booking of the person, who has a count of [`LIMIT`].
fn request(limit: u32) -> AdmissionRequest {
    let person = PersonKey(PERSON);
    AdmissionRequest {
        person,
        rate: RateRule::new(1, 1, 1_000_000_000).expect("it comes back within an hour"),
        quota: Some(QuotaQuery { holder: person, period: 1, rule: 1, limit }),
        spend: None,
        when_down: WhenDown::Degraded,
    }
}

fn challenge(keyring: &Keyring, difficulty: &Difficulty) -> Challenge {
    let issued = issue(keyring, difficulty, &BINDING, EXPIRES_AT_S, [1; 16], [2; 16]);
    issued.expect("the binding is short")
}

fn command(service: ServiceId, start: Minute) -> Command {
    Command::Book(Book {
        caller: Caller {
            authority: AuthorityId(1),
            person: Pseudonym(PERSON),
            entity: None,
            session: SessionId([9; 16]),
            session_expires_at: UtcMicros(1_800_000_300_000_000),
        },
        subject: Subject::Person,
        place: Place { authority: AuthorityId(1), office: OfficeId(8041), service },
        channel: Channel::Web,
        wishes: Wishes::Starts(vec![(date(), start)]),
        key: KeyHash([8; 16]),
        fingerprint: Fingerprint([6; 16]),
    })
}

fn record(service: ServiceId) -> Record {
    let day = DayKey { authority: AuthorityId(1), office: OfficeId(8041), date: date() };
    Record {
        at: UtcMicros(1_800_000_000_000_000),
        fact: Fact::Booked(Booked {
            booking: BookingId([4; 16]),
            subject: Pseudonym(PERSON),
            actor: None,
            channel: Channel::Web,
            service,
            seat: Seat { day, shift: 3, step: 5, steps: 2 },
            key: KeyHash([8; 16]),
            fingerprint: Fingerprint([6; 16]),
        }),
    }
}

fn date() -> CivilDate {
    CivilDate::from_days(20_788)
}

/// The signature, name and time of a session token.
#[inline(never)]
fn token_verify(inputs: &mut Inputs) {
    let session = inputs.sessions.verify(black_box(&inputs.token), NOW_S);
    black_box(session.expect("it was signed here"));
}

/// The body of a booking with one wish.
#[inline(never)]
fn booking_json(inputs: &mut Inputs) {
    black_box(BookRequest::from_json(black_box(&inputs.json)).expect("it is good"));
}

/// A challenge, signed.
#[inline(never)]
fn challenge_issue(inputs: &mut Inputs) {
    black_box(challenge(&inputs.keyring, &inputs.difficulty));
}

/// All of a proof but the derivation of its key.
#[inline(never)]
fn proof_check(inputs: &mut Inputs) {
    black_box(black_box(&*inputs).checked_proof().nonce());
}

/// The arithmetic of a pace alone.
#[inline(never)]
fn gcra_decision(inputs: &mut Inputs) {
    // Half a minute passes, so that it is admitted each time.
    let now_us = inputs.arrival_us.unwrap_or(NOW_S * 1_000_000) + 30_000_000;
    let next = next_arrival(&inputs.rule, black_box(inputs.arrival_us), now_us);
    inputs.arrival_us = Some(next.expect("it came in time"));
}

/// One admitted request to the store in memory: pace and count under the person's lock.
#[inline(never)]
fn admission(inputs: &mut Inputs) {
    let decided = inputs.store.decide_one(black_box(&request(LIMIT + 1)));
    assert!(matches!(decided, Ok(Decision::Admitted { .. })), "{decided:?}");
}

/// One request of somebody who is over a count.
#[inline(never)]
fn quota_hint(inputs: &mut Inputs) {
    let decided = inputs.store.decide_one(black_box(&request(LIMIT)));
    assert!(matches!(decided, Ok(Decision::OverQuotaHint { .. })), "{decided:?}");
}

/// A booking to a ledger elsewhere, as bytes.
#[inline(never)]
fn frame_encode(inputs: &mut Inputs) {
    inputs.frame.clear();
    put_request(&mut inputs.frame, 7, None, black_box(&inputs.command)).expect("it is short");
    black_box(&inputs.frame);
}

/// The same, read again.
#[inline(never)]
fn frame_decode(inputs: &mut Inputs) {
    let mut received = inputs.received.clone();
    black_box(take::<FromClient>(&mut received).expect("it is good").expect("it is whole"));
}

/// The choice of a desk and the claim of its steps; and giving them back.
#[inline(never)]
fn claim(inputs: &mut Inputs) {
    let Inputs { day, service, start, .. } = inputs;
    let claimed = day.claim(*service, Channel::Web, *start, black_box(5), |at, steps| (at, steps));
    let (at, steps) = claimed.expect("the day is free");
    let run = Steps::run(at.step, steps).expect("it was claimed");
    let word = day.word(at.shift).expect("it was claimed there");
    word.give_back_recorded(run, || ());
}

/// All free starts of a service on a date.
#[inline(never)]
fn starts_of_a_day(inputs: &mut Inputs) {
    let Inputs { day, service, .. } = inputs;
    black_box(day.free_starts(*service, Channel::Web, black_box(UtcMicros(0))));
}

/// The body of a booking's record.
#[inline(never)]
fn record_encode(inputs: &mut Inputs) {
    inputs.body.clear();
    black_box(&inputs.record).encode_into(&mut inputs.body);
    black_box(&inputs.body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_done_again_and_again() {
        let mut inputs = Inputs::new();
        for part in PARTS {
            for _ in 0..3 {
                (part.run)(&mut inputs);
            }
        }
    }
}
