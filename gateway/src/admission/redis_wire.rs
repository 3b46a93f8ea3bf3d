//! A batch as the arguments of `admission.lua`, and the script's answer as decisions.
//!
//! Owns the layout of arguments and values, which the head of the script repeats. Must not know connections
//! or time. Called by the Redis store. Persons, counters and nonces that occur more than once in a batch are
//! sent once, so that the script needs no tables of strings.

use std::collections::HashMap;
use std::hash::Hash;

use redis::{Cmd, Value};

use super::{
    AdmissionRequest, Decision, Hint, Lasts, MAX_BATCH, MAX_HINTS_PER_BATCH, PersonKey, Spend,
    StoreError,
};

/// The latest Unix second that is written to Redis, in the year 2106: keeps every product that the script
/// computes exact in a double.
const LAST_SECOND: u64 = u32::MAX as u64;

/// The bytes of a count as it is kept: count, sequence (two halves), expiry.
const COUNT_BYTES: usize = 20;

/// The bytes of one hint: the number of its count, and the value to keep.
const HINT_BYTES: usize = 2 + COUNT_BYTES;

/// The bytes of one request.
const REQUEST_BYTES: usize = 17;

/// The bytes of a person's name that are sent: more than enough of a hash to tell all people apart.
const PERSON_BYTES: usize = 16;

/// The bytes of a nonce that are sent: enough to tell those of one person apart.
const PROOF_BYTES: usize = 6;

/// Entries in the order of their first use; equal ones share an index. The script counts from 1.
struct Indexed<K> {
    order: Vec<K>,
    known: HashMap<K, usize>,
}

impl<K: Copy + Eq + Hash> Indexed<K> {
    fn with_capacity(capacity: usize) -> Self {
        Self { order: Vec::with_capacity(capacity), known: HashMap::with_capacity(capacity) }
    }

    /// The position of `key`, from 0.
    fn place(&mut self, key: K) -> usize {
        *self.known.entry(key).or_insert_with(|| {
            self.order.push(key);
            self.order.len() - 1
        })
    }
}

/// Entries in groups that share a Redis key. The script numbers them through, group after group.
struct Grouped<G, K> {
    groups: Indexed<G>,
    members: Vec<Indexed<K>>,
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> Grouped<G, K> {
    fn new() -> Self {
        Self { groups: Indexed::with_capacity(2), members: Vec::with_capacity(2) }
    }

    fn place(&mut self, group: G, key: K) -> (usize, usize) {
        let group = self.groups.place(group);
        if group == self.members.len() {
            self.members.push(Indexed::with_capacity(16));
        }
        (group, self.members[group].place(key))
    }

    /// Numbers the entries from 1, group after group.
    fn numbering(&self) -> impl Fn((usize, usize)) -> [u8; 2] {
        let lengths = self.members.iter().map(|group| group.order.len());
        let offsets: Vec<usize> =
            lengths.scan(1, |sum, length| Some(std::mem::replace(sum, *sum + length))).collect();
        move |(group, member)| short(offsets[group] + member)
    }
}

type RateField = [u8; PERSON_BYTES + 1];
type CountField = [u8; PERSON_BYTES + 2];
/// Emission interval, burst, limit.
type Rule = [u8; 12];

/// A batch with every entry placed once.
struct Layout {
    rates: Indexed<RateField>,
    counts: Grouped<u32, CountField>,
    rules: Indexed<Rule>,
    requests: Vec<PlacedRequest>,
    hints: Vec<(usize, usize)>,
}

struct PlacedRequest {
    rate: usize,
    rule: usize,
    count: Option<(usize, usize)>,
}

impl Layout {
    fn of(requests: &[AdmissionRequest], hints: &[Hint]) -> Self {
        let mut rates = Indexed::with_capacity(requests.len());
        let mut counts = Grouped::new();
        let mut rules = Indexed::with_capacity(4);
        let place_request = |request: &AdmissionRequest| PlacedRequest {
            rate: rates.place(rate_field(request)),
            rule: rules.place(rule(request)),
            count: request
                .quota
                .map(|query| counts.place(query.period, count_field(&query.holder, query.rule))),
        };
        let requests = requests.iter().map(place_request).collect();
        let place_hint =
            |hint: &Hint| counts.place(hint.period, count_field(&hint.person, hint.rule));
        let hints = hints.iter().map(place_hint).collect();
        Self { rates, counts, rules, requests, hints }
    }
}

/// Adds the arguments after the key to an `EVALSHA` or `EVAL`. `now_us` is 0 for Redis's own time.
pub(super) fn write_arguments(
    command: &mut Cmd,
    requests: &[AdmissionRequest],
    hints: &[Hint],
    now_us: u64,
) {
    let layout = Layout::of(requests, hints);
    let mut add = |parts: &[&[u8]]| {
        command.arg(parts.concat());
    };
    let quota_groups = layout.counts.groups.order.len();
    add(&[now_us.to_string().as_bytes()]);
    add(&[
        &short(layout.rates.order.len()),
        &short(quota_groups),
        &short(hints.len()),
        &short(layout.rules.order.len()),
        &short(requests.len()),
    ]);
    add(&[layout.rates.order.as_flattened()]);
    add(&[layout.rules.order.as_flattened()]);
    for (period, fields) in layout.counts.groups.order.iter().zip(&layout.counts.members) {
        let fields = &fields.order;
        add(&[&period.to_be_bytes(), &short(fields.len()), fields.as_flattened()]);
    }
    let count_number = layout.counts.numbering();
    let mut all = Vec::with_capacity(hints.len() * HINT_BYTES);
    for (hint, place) in hints.iter().zip(&layout.hints) {
        all.extend_from_slice(&count_number(*place));
        all.extend_from_slice(&count_value(hint));
    }
    add(&[&all]);
    let mut all = Vec::with_capacity(requests.len() * REQUEST_BYTES);
    for (request, placed) in requests.iter().zip(&layout.requests) {
        all.extend_from_slice(&short(placed.rate + 1));
        // No quota is number 0, which no entry has.
        all.extend_from_slice(&placed.count.map_or([0; 2], &count_number));
        all.extend_from_slice(&short(placed.rule + 1));
        all.extend_from_slice(&spend_value(request.spend.as_ref()));
    }
    add(&[&all]);
}

/// Reads the script's answer to a batch of `asked` requests: their decisions, and the moment at which the
/// bucket began, in Unix microseconds.
///
/// # Errors
/// [`StoreError::BadReply`] when the answer has another shape or length.
pub(super) fn read_reply(reply: &Value, asked: usize) -> Result<(Vec<Decision>, u64), StoreError> {
    let bad = |reason: &str| StoreError::BadReply { reason: reason.to_owned() };
    let Value::Array(answers) = reply else {
        return Err(bad("not an array"));
    };
    let Some((Value::Int(began_us), answers)) = answers.split_last() else {
        return Err(bad("without the moment at which the bucket began"));
    };
    let began_us = u64::try_from(*began_us).map_err(|_| bad("a bucket that began before 1970"))?;
    if answers.len() != asked {
        return Err(bad(&format!("{} answers to {asked} requests", answers.len())));
    }
    let decisions = answers
        .iter()
        .map(|answer| read_answer(answer).ok_or_else(|| bad("an unknown decision")))
        .collect::<Result<_, _>>()?;
    Ok((decisions, began_us))
}

/// Below 0 is admitted, negated the time until the burst is whole; 0 is already spent, above 0 the wait, all
/// in microseconds; bytes are the count that is over.
fn read_answer(answer: &Value) -> Option<Decision> {
    match answer {
        Value::Int(0) => Some(Decision::AlreadySpent),
        Value::Int(negated @ ..0) => {
            Some(Decision::Admitted { whole_in_us: negated.unsigned_abs() })
        }
        Value::Int(wait) => {
            Some(Decision::RateLimited { retry_after_us: u64::try_from(*wait).ok()? })
        }
        Value::BulkString(bytes) => {
            let (count, rest) = bytes.split_first_chunk::<4>()?;
            let (sequence, rest) = rest.split_first_chunk::<8>()?;
            let (count, sequence) = (u32::from_be_bytes(*count), u64::from_be_bytes(*sequence));
            (rest.len() == 8).then_some(Decision::OverQuotaHint { count, sequence })
        }
        _ => None,
    }
}

/// Person and rule id.
fn rate_field(request: &AdmissionRequest) -> RateField {
    let mut field = [request.rate.id(); PERSON_BYTES + 1];
    field[..PERSON_BYTES].copy_from_slice(&request.person.0[..PERSON_BYTES]);
    field
}

/// What a request is measured by.
fn rule(request: &AdmissionRequest) -> Rule {
    let mut rule = [0; 12];
    rule[..4].copy_from_slice(&(request.rate.emission_interval_us() as u32).to_be_bytes());
    rule[4..8].copy_from_slice(&request.rate.burst().to_be_bytes());
    let limit = request.quota.map_or(0, |query| query.limit);
    rule[8..].copy_from_slice(&limit.to_be_bytes());
    rule
}

/// Person and rule.
fn count_field(person: &PersonKey, rule: u16) -> CountField {
    let mut field = [0; PERSON_BYTES + 2];
    field[..PERSON_BYTES].copy_from_slice(&person.0[..PERSON_BYTES]);
    field[PERSON_BYTES..].copy_from_slice(&rule.to_be_bytes());
    field
}

/// The proof, when it may be forgotten, and which way it is kept; zeros for none.
fn spend_value(spend: Option<&Spend>) -> [u8; PROOF_BYTES + 5] {
    let mut value = [0; PROOF_BYTES + 5];
    if let Some(spend) = spend {
        let forget_at_s = spend.forget_at_s().min(LAST_SECOND) as u32;
        // The last ones are random; a proof's nonce begins with the moment of its issue.
        let (_, random) = spend.nonce.split_at(spend.nonce.len() - PROOF_BYTES);
        value[..PROOF_BYTES].copy_from_slice(random);
        value[PROOF_BYTES..][..4].copy_from_slice(&forget_at_s.to_be_bytes());
        value[PROOF_BYTES + 4] = match spend.lasts {
            Lasts::Short => 1,
            Lasts::Long => 2,
        };
    }
    value
}

fn count_value(hint: &Hint) -> [u8; COUNT_BYTES] {
    let mut value = [0; COUNT_BYTES];
    value[..4].copy_from_slice(&hint.count.to_be_bytes());
    value[4..12].copy_from_slice(&hint.sequence.to_be_bytes());
    value[12..].copy_from_slice(&hint.expires_at_s.min(LAST_SECOND).to_be_bytes());
    value
}

/// Two bytes for an index or a length.
fn short(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

// Each request adds at most one entry of each kind, each hint one count.
const _: () = assert!(MAX_BATCH + MAX_HINTS_PER_BATCH < u16::MAX as usize);
