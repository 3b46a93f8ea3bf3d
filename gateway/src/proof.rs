//! Proofs of work on the way of a booking: issuing challenges, checking solutions, and the
//! threads on which keys are derived.
//!
//! The proof itself is [`talon_pow`]'s. A service asks for one by its release's setting. Deriving
//! never runs on a runtime's thread; its queue is bounded.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::Pseudonym;
use talon_domain::policy::ProofRule;
use talon_pow::{
    Binding, Challenge, Checked, Difficulty, MAX_PHONE_ROUNDS, Payload, Proved, Refusal,
};
use talon_telemetry::{handles, table};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::admission::{Lasts, Spend};
use crate::app::{App, now, now_s};
use crate::http::problem::{BadProof, Problem};
use crate::measures;

/// Most proofs waiting for a thread; at it, bookings are asked to come back.
pub const MAX_WAITING_PROOFS: usize = 256;
/// How long a challenge is good for away from a release, in seconds.
pub const CHALLENGE_TTL_S: u64 = 5 * 60;

/// Memory of one derivation by Argon2id: what a cheap phone's browser manages a dozen times a second.
const ARGON2_MEMORY_KIB: u32 = 3 * 1024;

/// What proofs of booking are bound to, besides the person.
pub const ACTION: &str = "book";

/// Bytes of a challenge's nonce that say when it was given out, in milliseconds of Unix time; the other 80 bits
/// are random. It is signed with the rest, so nobody can claim another moment.
const ISSUED_BYTES: usize = 6;
/// A challenge lasts for less; whatever seems older was not made here.
const MAX_SOLVE_TIME: Duration = Duration::from_secs(24 * 60 * 60);

type Job = (Checked, oneshot::Sender<Result<Proved, Refusal>>);

/// The threads that derive keys. Dropping the pool ends them.
pub struct KdfPool {
    jobs: SyncSender<Job>,
    /// One permit for each place in the queue, so that a proof is only spent when it has one.
    places: Arc<Semaphore>,
}

/// A proof of which the cheap part is good: to be spent, then derived.
pub struct Pending<'a> {
    checked: Checked,
    pool: &'a KdfPool,
    _place: OwnedSemaphorePermit,
}

impl Pending<'_> {
    /// What is to be spent.
    pub fn spend(&self) -> Spend {
        let (nonce, expires_at_s) = (self.checked.nonce(), self.checked.expires_at_s());
        Spend { nonce, expires_at_s, lasts: Lasts::Short }
    }

    /// Runs the key derivation on a thread of its own, after the proof was spent.
    ///
    /// # Errors
    /// [`Problem::PowInvalid`] when the solution is none.
    pub async fn derive(self) -> Result<(), Problem> {
        let (done, derived) = oneshot::channel();
        let nonce = self.checked.nonce();
        self.pool.jobs.try_send((self.checked, done)).map_err(|error| match error {
            TrySendError::Full(_) => Problem::Overloaded,
            TrySendError::Disconnected(_) => Problem::Unavailable,
        })?;
        let derived = derived.await.map_err(|_| Problem::Unavailable)?;
        measures::proved(derived.map(|_proved| ()).map_err(|refusal| problem(&refusal)))?;
        handles::count(table::PROOFS, [("outcome", "good")]);
        if let Some(took) = since_issue(&nonce, now()) {
            handles::observe(table::PROOF_SOLVE_DURATION, [], took);
        }
        Ok(())
    }
}

impl KdfPool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Job>(MAX_WAITING_PROOFS);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads.max(1) {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name(format!("talon-kdf-{number}"))
                .spawn(move || derive_all(&waiting))?;
        }
        Ok(Self { jobs, places: Arc::new(Semaphore::new(MAX_WAITING_PROOFS)) })
    }

    /// A place in the queue, held until the key is derived.
    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Problem::Overloaded)
    }
}

fn derive_all(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let job = waiting.lock().recv();
        let Ok((checked, done)) = job else { return };
        // Whoever gave up waiting needs no answer.
        if !done.is_closed() {
            let _ = done.send(checked.derive());
        }
    }
}

/// The difficulty that a policy asks for.
///
/// # Errors
/// A line for operators.
pub fn difficulty(rule: &ProofRule) -> Result<Difficulty, String> {
    let algorithm =
        rule.algorithm.parse().map_err(|error: talon_pow::UnknownAlgorithm| error.to_string())?;
    let memory = (algorithm == talon_pow::Algorithm::Argon2id).then_some(ARGON2_MEMORY_KIB);
    let difficulty = Difficulty::new(algorithm, rule.cost, &rule.key_prefix, memory, None)
        .map_err(|error| error.to_string())?;
    let rounds = difficulty.expected_rounds();
    if rounds > MAX_PHONE_ROUNDS {
        return Err(format!(
            "{rounds} rounds on average are more than {MAX_PHONE_ROUNDS}: one cheap phone in \
             twenty would compute for more than 5 s; lower the cost or shorten the prefix"
        ));
    }
    Ok(difficulty)
}

/// A challenge for a person who wants to book a service.
///
/// # Errors
/// [`Problem::Unavailable`] without randomness.
pub fn challenge(
    app: &App,
    person: &Pseudonym,
    release: &str,
    rule: &ProofRule,
    step: u8,
    expires_at_s: u64,
) -> Result<Challenge, Problem> {
    let difficulty = difficulty(rule).map_err(|error| {
        tracing::error!(%error, "a proof rule that was checked at start is no difficulty");
        Problem::Unavailable
    })?;
    let difficulty = difficulty.doubled(step);
    let (mut nonce, mut salt) = ([0; 16], [0; 16]);
    getrandom::fill(&mut nonce)
        .and_then(|()| getrandom::fill(&mut salt))
        .map_err(|_| Problem::Unavailable)?;
    stamp(&mut nonce, now());
    let person = person_tag(person);
    let binding = Binding { person: &person, action: ACTION, release };
    let issued =
        talon_pow::issue(&app.keys.proof, &difficulty, &binding, expires_at_s, nonce, salt)
            .map_err(|_| Problem::Unavailable)?;
    handles::count(table::PROOF_CHALLENGES, []);
    // Rounds are far below 2^53.
    handles::observe(table::PROOF_CHALLENGE_ROUNDS, [], difficulty.expected_rounds() as f64);
    Ok(issued)
}

/// Writes into a nonce when it is given out.
fn stamp(nonce: &mut [u8; 16], now: UtcMicros) {
    let milliseconds = (now.0.unsigned_abs() / 1_000).to_be_bytes();
    let (stamp, _random) = nonce.split_at_mut(ISSUED_BYTES);
    stamp.copy_from_slice(&milliseconds[milliseconds.len() - ISSUED_BYTES..]);
}

/// How long ago a nonce was given out, if that can be: gateways' clocks differ a little.
fn since_issue(nonce: &[u8; 16], now: UtcMicros) -> Option<Duration> {
    let (stamp, _random) = nonce.split_at(ISSUED_BYTES);
    let issued = stamp.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let now = now.0.unsigned_abs() / 1_000;
    let took = Duration::from_millis(now.saturating_sub(issued));
    (took < MAX_SOLVE_TIME).then_some(took)
}

/// Checks the cheap part of a solution: signature, expiry, person, action, release.
///
/// # Errors
/// [`Problem::PowRequired`] without one, what is wrong with it, and [`Problem::Overloaded`] when
/// too many wait to be derived; nothing is spent then.
pub fn check<'a>(
    app: &'a App,
    person: &Pseudonym,
    release: &str,
    solution: Option<&str>,
) -> Result<Pending<'a>, Problem> {
    let payload = Payload::parse(solution.ok_or(Problem::PowRequired)?)
        .map_err(|malformed| problem(&malformed.into()))?;
    let person = person_tag(person);
    let binding = Binding { person: &person, action: ACTION, release };
    let checked = talon_pow::check(payload, &app.keys.proof, &binding, now_s())
        .map_err(|refusal| problem(&refusal))?;
    Ok(Pending { checked, pool: &app.kdf, _place: app.kdf.place()? })
}

/// The name of a person in a challenge, which third-party clients may log: not the pseudonym.
fn person_tag(person: &Pseudonym) -> String {
    let mut hash = Sha256::new();
    hash.update(b"talon-proof-person");
    hash.update(person.0);
    hex::encode(&hash.finalize()[..16])
}

fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Expired { .. } => Problem::PowExpired,
        Refusal::OutOfMemory(_) => Problem::Overloaded,
        Refusal::Malformed(_) | Refusal::WrongKey => Problem::PowInvalid(BadProof::NoSolution),
        Refusal::BadSignature => Problem::PowInvalid(BadProof::Forged),
        Refusal::WrongPerson => Problem::PowInvalid(BadProof::WrongPerson),
        Refusal::WrongAction => Problem::PowInvalid(BadProof::WrongAction),
        Refusal::WrongRelease => Problem::PowInvalid(BadProof::WrongRelease),
        Refusal::TooWeak => Problem::PowInvalid(BadProof::TooWeak),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use talon_pow::{Algorithm, Keyring, encode_payload, issue, solve};

    use super::*;

    /// A proof of which the cheap part is good.
    fn checked() -> Checked {
        let keyring = Keyring::new(&[7; 32], &[]).unwrap();
        let difficulty = Difficulty::new(Algorithm::Sha256, 10, "0", None, None).unwrap();
        let binding = Binding { person: "person", action: ACTION, release: "1:1" };
        let given = issue(&keyring, &difficulty, &binding, 200, [1; 16], [2; 16]).unwrap();
        let sent = encode_payload(&given, &solve(&given, 10_000).unwrap());
        talon_pow::check(Payload::parse(&sent).unwrap(), &keyring, &binding, 100).unwrap()
    }

    #[test]
    fn a_nonce_says_when_it_was_given_out_and_stays_random() {
        let now = UtcMicros(1_800_000_000_123_456);
        let (mut first, mut second) = ([1; 16], [2; 16]);
        stamp(&mut first, now);
        stamp(&mut second, now);
        assert_eq!((&first[6..], &second[6..]), (&[1; 10][..], &[2; 10][..]));
        let later = |micros| UtcMicros(now.0 + micros);
        let took = |micros| since_issue(&first, later(micros));
        assert_eq!(took(2_500_544), Some(Duration::from_millis(2_501)));
        assert_eq!(took(-5_000_000), Some(Duration::ZERO), "another gateway's clock is behind");
        assert_eq!(took(2 * 86_400_000_000), None, "no challenge lasts so long");
        assert_eq!(since_issue(&[7; 16], now), Some(Duration::ZERO));
        assert_eq!(since_issue(&[0; 16], now), None, "of a version that said nothing");
    }

    #[tokio::test]
    async fn no_more_proofs_than_the_bound_wait_and_all_of_those_are_derived() {
        let pool = KdfPool::start(1).unwrap();
        let checked = checked();
        let pending = |_| Pending {
            checked: checked.clone(),
            pool: &pool,
            _place: pool.place().expect("there is a place"),
        };
        let waiting: Vec<_> = (0..MAX_WAITING_PROOFS).map(pending).collect();
        assert_eq!(pool.place().err(), Some(Problem::Overloaded));
        let derived = join_all(waiting.into_iter().map(Pending::derive)).await;
        assert_eq!(derived, vec![Ok(()); MAX_WAITING_PROOFS]);
        assert!(pool.place().is_ok(), "the places are free again");
    }
}
