//! How hard a challenge is, within bounds that keep the server and old phones safe.
//!
//! Owns the bounds. Must not know about signatures or the wire's JSON. The gateway builds a
//! [`Difficulty`] from its policy; `challenge` rebuilds one from every payload, so parameters out
//! of bounds never reach a key derivation.

use crate::algorithm::{Algorithm, KEY_BYTES};

/// Most iterations of PBKDF2. At about 0.27 µs each a verification stays below 6 ms.
pub const MAX_PBKDF2_ITERATIONS: u32 = 20_000;
/// Most rounds of iterated SHA-256. A verification stays below 6 ms.
pub const MAX_SHA256_ROUNDS: u32 = 50_000;
/// Most passes of Argon2id over its memory. With all of [`MAX_ARGON2_MEMORY_KIB`] a verification
/// takes about 0.1 s of a core.
pub const MAX_ARGON2_PASSES: u32 = 3;
/// Most memory of one Argon2id derivation in KiB. The caller bounds how many run at once.
pub const MAX_ARGON2_MEMORY_KIB: u32 = 32 * 1024;
/// Least memory of Argon2id in KiB for each lane, as Argon2 itself defines it.
pub const MIN_ARGON2_MEMORY_KIB_PER_LANE: u32 = 8;
/// Most lanes of Argon2id.
pub const MAX_ARGON2_LANES: u32 = 4;
/// Most hex digits of a key prefix. Each multiplies the client's work by 16, the server's by 1.
pub const MAX_KEY_PREFIX_DIGITS: usize = 6;
/// Most [`Difficulty::expected_rounds`]. A guard against slips, about 9 s of one server core: a
/// policy stays far below it.
pub const MAX_EXPECTED_ROUNDS: u64 = 1 << 25;

/// What a cheap phone computes in a second, in rounds as [`Difficulty::expected_rounds`] counts
/// them. An estimate, not a measurement of ours: ALTCHA publishes 9.5 s for a Galaxy A14 at its
/// recommended PBKDF2 setting, which is cost 5000 and prefix `00`, so 5000 × 256 rounds on average.
pub const CHEAP_PHONE_ROUNDS_PER_SECOND: u64 = 134_000;
/// How long a proof may take such a phone on average, in milliseconds. The number of tries is
/// geometric, so one phone in twenty needs three times as long: 5 s.
pub(crate) const MAX_PHONE_MEAN_MS: u64 = 1_700;
/// Most [`Difficulty::expected_rounds`] that a citizen's device is asked for.
pub const MAX_PHONE_ROUNDS: u64 = CHEAP_PHONE_ROUNDS_PER_SECOND * MAX_PHONE_MEAN_MS / 1_000;

const _: () = assert!(MAX_PHONE_ROUNDS < MAX_EXPECTED_ROUNDS);

/// One KiB-pass of Argon2id takes about 1 µs: as long as this many PBKDF2 iterations.
const ROUNDS_PER_ARGON2_KIB: u64 = 4;

const _: () = assert!(MAX_KEY_PREFIX_DIGITS <= 2 * KEY_BYTES);
const _: () = assert!(MAX_ARGON2_LANES * MIN_ARGON2_MEMORY_KIB_PER_LANE <= MAX_ARGON2_MEMORY_KIB);

/// A validated difficulty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difficulty {
    algorithm: Algorithm,
    cost: u32,
    key_prefix: String,
    memory_cost: Option<u32>,
    parallelism: Option<u32>,
}

impl Difficulty {
    /// A difficulty within all bounds.
    ///
    /// - `cost`: iterations (PBKDF2), rounds (SHA-256) or passes (Argon2id), at least 1;
    /// - `key_prefix`: 1 to [`MAX_KEY_PREFIX_DIGITS`] hex digits that the derived key starts with;
    ///   an odd number is allowed, upper case becomes lower case;
    /// - `memory_cost`: KiB, needed for Argon2id and refused for the others;
    /// - `parallelism`: lanes, 1 if absent, refused for others than Argon2id.
    ///
    /// # Errors
    /// [`DifficultyError`] names the bound.
    pub fn new(
        algorithm: Algorithm,
        cost: u32,
        key_prefix: &str,
        memory_cost: Option<u32>,
        parallelism: Option<u32>,
    ) -> Result<Self, DifficultyError> {
        let max = max_cost(algorithm);
        if !(1..=max).contains(&cost) {
            return Err(DifficultyError::Cost { algorithm, cost, max });
        }
        validate_key_prefix(key_prefix)?;
        match algorithm {
            Algorithm::Pbkdf2Sha256 | Algorithm::Sha256 => {
                if memory_cost.is_some() || parallelism.is_some() {
                    return Err(DifficultyError::TakesNoMemory { algorithm });
                }
            }
            Algorithm::Argon2id => validate_memory(memory_cost, parallelism)?,
        }
        let key_prefix = key_prefix.to_ascii_lowercase();
        let difficulty = Self { algorithm, cost, key_prefix, memory_cost, parallelism };
        let rounds = difficulty.expected_rounds();
        if rounds > MAX_EXPECTED_ROUNDS {
            return Err(DifficultyError::TooMuchWork { rounds });
        }
        Ok(difficulty)
    }

    /// The key derivation function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Iterations, rounds or passes of one derivation.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// What the derived key starts with: lower-case hex digits.
    pub fn key_prefix(&self) -> &str {
        &self.key_prefix
    }

    /// Memory of one derivation in KiB; always there for Argon2id, never for others.
    pub fn memory_cost(&self) -> Option<u32> {
        self.memory_cost
    }

    /// Lanes of Argon2id.
    pub fn parallelism(&self) -> Option<u32> {
        self.parallelism
    }

    /// What a client computes on average, in rounds of the hash: the cost of one derivation times
    /// 16 for each digit of the prefix. For Argon2id a KiB-pass counts as several rounds.
    pub fn expected_rounds(&self) -> u64 {
        let rounds_per_pass =
            self.memory_cost.map_or(1, |kib| u64::from(kib) * ROUNDS_PER_ARGON2_KIB);
        // The bounds of each part keep the product below 2^43.
        let derivations = 1_u64 << (4 * self.key_prefix.len());
        u64::from(self.cost) * rounds_per_pass * derivations
    }

    /// The same with the cost doubled `step` times, as far as a cheap phone and the bounds of the
    /// algorithm allow.
    #[must_use]
    pub fn doubled(&self, step: u8) -> Self {
        let per_cost = self.expected_rounds() / u64::from(self.cost);
        let wanted = u64::from(self.cost) << step.min(31);
        let phone = (MAX_PHONE_ROUNDS / per_cost).max(u64::from(self.cost));
        let most = u64::from(max_cost(self.algorithm));
        let cost = u32::try_from(wanted.min(phone).min(most)).expect("the bounds fit");
        Self { cost, ..self.clone() }
    }

    /// How long a cheap phone computes on average, in milliseconds.
    pub fn phone_mean_ms(&self) -> u64 {
        self.expected_rounds() * 1_000 / CHEAP_PHONE_ROUNDS_PER_SECOND
    }

    /// Whether `key` starts with the prefix. The prefix is public, so time may tell.
    pub(crate) fn accepts(&self, key: &[u8; KEY_BYTES]) -> bool {
        hex::encode(key).starts_with(&self.key_prefix)
    }
}

/// Which bound a difficulty breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DifficultyError {
    /// The cost would be free, or would let one request occupy a core.
    #[error("cost {cost} of {algorithm} is not within 1..={max}")]
    Cost {
        /// Whose cost.
        algorithm: Algorithm,
        /// The refused cost.
        cost: u32,
        /// The highest allowed.
        max: u32,
    },
    /// An empty prefix would accept any counter; a long one nobody finds.
    #[error("a key prefix of {digits} hex digits is not within 1..={MAX_KEY_PREFIX_DIGITS}")]
    KeyPrefixLength {
        /// Its length.
        digits: usize,
    },
    /// The prefix holds something else than hex digits.
    #[error("the key prefix is not hexadecimal")]
    KeyPrefixNotHex,
    /// Argon2id has no default memory here.
    #[error("ARGON2ID needs a memory cost")]
    MemoryMissing,
    /// A memory cost or parallelism that the algorithm would ignore.
    #[error("{algorithm} takes neither memory cost nor parallelism")]
    TakesNoMemory {
        /// Which algorithm.
        algorithm: Algorithm,
    },
    /// Memory out of bounds.
    #[error("memory cost {kib} KiB is not within {min}..={MAX_ARGON2_MEMORY_KIB}")]
    Memory {
        /// The refused memory.
        kib: u32,
        /// The least for this many lanes.
        min: u32,
    },
    /// Lanes out of bounds.
    #[error("parallelism {lanes} is not within 1..={MAX_ARGON2_LANES}")]
    Lanes {
        /// The refused number.
        lanes: u32,
    },
    /// Each part is allowed, and together they are too much for an old phone.
    #[error("{rounds} expected rounds are more than {MAX_EXPECTED_ROUNDS}")]
    TooMuchWork {
        /// See [`Difficulty::expected_rounds`].
        rounds: u64,
    },
}

fn max_cost(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::Pbkdf2Sha256 => MAX_PBKDF2_ITERATIONS,
        Algorithm::Sha256 => MAX_SHA256_ROUNDS,
        Algorithm::Argon2id => MAX_ARGON2_PASSES,
    }
}

fn validate_key_prefix(key_prefix: &str) -> Result<(), DifficultyError> {
    let digits = key_prefix.len();
    if !(1..=MAX_KEY_PREFIX_DIGITS).contains(&digits) {
        return Err(DifficultyError::KeyPrefixLength { digits });
    }
    if !key_prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(DifficultyError::KeyPrefixNotHex);
    }
    Ok(())
}

fn validate_memory(memory: Option<u32>, parallelism: Option<u32>) -> Result<(), DifficultyError> {
    let lanes = parallelism.unwrap_or(1);
    if !(1..=MAX_ARGON2_LANES).contains(&lanes) {
        return Err(DifficultyError::Lanes { lanes });
    }
    let kib = memory.ok_or(DifficultyError::MemoryMissing)?;
    let min = lanes * MIN_ARGON2_MEMORY_KIB_PER_LANE;
    if !(min..=MAX_ARGON2_MEMORY_KIB).contains(&kib) {
        return Err(DifficultyError::Memory { kib, min });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pbkdf2(cost: u32, prefix: &str) -> Result<Difficulty, DifficultyError> {
        Difficulty::new(Algorithm::Pbkdf2Sha256, cost, prefix, None, None)
    }

    fn argon2(
        memory: Option<u32>,
        lanes: Option<u32>,
        prefix: &str,
    ) -> Result<Difficulty, DifficultyError> {
        Difficulty::new(Algorithm::Argon2id, 1, prefix, memory, lanes)
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_for_every_algorithm() {
        for (algorithm, max, memory) in [
            (Algorithm::Pbkdf2Sha256, MAX_PBKDF2_ITERATIONS, None),
            (Algorithm::Sha256, MAX_SHA256_ROUNDS, None),
            (Algorithm::Argon2id, MAX_ARGON2_PASSES, Some(8)),
        ] {
            assert!(Difficulty::new(algorithm, max, "0", memory, None).is_ok());
            for cost in [0, max + 1, u32::MAX] {
                let refused = Difficulty::new(algorithm, cost, "0", memory, None);
                assert_eq!(refused, Err(DifficultyError::Cost { algorithm, cost, max }));
            }
        }
    }

    #[test]
    fn a_prefix_that_is_empty_or_long_or_not_hex_is_refused() {
        assert_eq!(pbkdf2(1, ""), Err(DifficultyError::KeyPrefixLength { digits: 0 }));
        assert_eq!(pbkdf2(1, "0000000"), Err(DifficultyError::KeyPrefixLength { digits: 7 }));
        for prefix in ["0g", " 0", "0x", "é"] {
            assert_eq!(pbkdf2(1, prefix), Err(DifficultyError::KeyPrefixNotHex), "{prefix}");
        }
    }

    #[test]
    fn doubling_stops_at_a_cheap_phone_s_five_seconds() {
        let floor = pbkdf2(100, "00").unwrap();
        assert_eq!(floor.doubled(0), floor);
        assert_eq!(floor.doubled(2).cost(), 400);
        for step in 0..=u8::MAX {
            let difficulty = floor.doubled(step);
            assert!(difficulty.expected_rounds() <= MAX_PHONE_ROUNDS);
            assert!(difficulty.phone_mean_ms() <= MAX_PHONE_MEAN_MS);
        }
        let memory = argon2(Some(1_024), None, "0").unwrap();
        assert!(memory.doubled(9).expected_rounds() <= MAX_PHONE_ROUNDS);
        assert!(memory.doubled(9).cost() <= MAX_ARGON2_PASSES);
        // A floor that is above it already stays what it is.
        assert_eq!(pbkdf2(5_000, "00").unwrap().doubled(3).cost(), 5_000);
    }

    #[test]
    fn an_upper_case_prefix_becomes_lower_case() {
        assert_eq!(pbkdf2(1, "0A").unwrap().key_prefix(), "0a");
    }

    #[test]
    fn an_odd_prefix_counts_half_a_byte() {
        let difficulty = pbkdf2(1, "00f").unwrap();
        let mut key = [0; KEY_BYTES];
        key[1] = 0xF7;
        assert!(difficulty.accepts(&key));
        key[1] = 0xE7;
        assert!(!difficulty.accepts(&key));
    }

    #[test]
    fn argon2id_needs_memory_within_bounds() {
        let most = MAX_ARGON2_MEMORY_KIB;
        assert!(argon2(Some(most), None, "0").is_ok());
        assert_eq!(argon2(None, None, "0"), Err(DifficultyError::MemoryMissing));
        for (kib, lanes, min) in [(most + 1, None, 8), (7, None, 8), (31, Some(4), 32)] {
            let refused = argon2(Some(kib), lanes, "0");
            assert_eq!(refused, Err(DifficultyError::Memory { kib, min }));
        }
        for lanes in [0, MAX_ARGON2_LANES + 1, u32::MAX] {
            let refused = argon2(Some(1_024), Some(lanes), "0");
            assert_eq!(refused, Err(DifficultyError::Lanes { lanes }));
        }
    }

    #[test]
    fn only_argon2id_takes_memory() {
        for algorithm in [Algorithm::Pbkdf2Sha256, Algorithm::Sha256] {
            for (memory, lanes) in [(Some(8), None), (None, Some(1))] {
                let refused = Difficulty::new(algorithm, 1, "0", memory, lanes);
                assert_eq!(refused, Err(DifficultyError::TakesNoMemory { algorithm }));
            }
        }
    }

    #[test]
    fn work_beyond_an_old_phone_is_refused_though_each_part_is_allowed() {
        assert_eq!(pbkdf2(8_192, "000").unwrap().expected_rounds(), MAX_EXPECTED_ROUNDS);
        let refused = pbkdf2(8_193, "000");
        assert_eq!(refused, Err(DifficultyError::TooMuchWork { rounds: 8_193 * 4_096 }));
        assert!(matches!(
            argon2(Some(MAX_ARGON2_MEMORY_KIB), None, "000"),
            Err(DifficultyError::TooMuchWork { .. })
        ));
    }
}
