//! The state hash: SHA-256 over the state in a canonical order.
//!
//! The same before a stop and after the replay, so it is the proof that replay is exact. Taken at
//! quiescence; what changes meanwhile may or may not be in it.

use std::io::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::state::State;

/// The hash of a state.
pub fn state_hash(state: &State) -> [u8; 32] {
    let mut sink = Sink(Sha256::new());
    for authority in state.authorities() {
        sink.add("policy", &state.policy(authority).map(|policy| policy.policy().clone()));
    }
    for (key, day) in state.days() {
        let words: Vec<u64> = day.words().iter().map(|word| word.unclaimed().bits()).collect();
        sink.add("day", &(key, day.shape().shape(), words, day.released_bits()));
    }
    for (pseudonym, person) in state.persons() {
        let person = person.lock();
        sink.add("person", &(pseudonym, person.last().get(), person.since()));
        let forward = person.forward().map(|forward| (forward.to, forward.at));
        sink.add("standing", &(forward, person.block(), person.unblocked_at()));
        for booking in person.all() {
            let identity = (booking.id, booking.seat, booking.service, booking.channel);
            let request = (booking.registered_at, booking.key, booking.fingerprint);
            let standing = (booking.state, booking.subject, booking.is_replaced, booking.moves);
            sink.add("booking", &(identity, request, standing, &booking.counterpart));
        }
    }
    sink.add("peppers", &state.peppers().all());
    sink.add("withheld", &state.withheld());
    sink.add("revoked", &state.revoked());
    sink.0.finalize().into()
}

struct Sink(Sha256);

impl Sink {
    fn add(&mut self, kind: &str, value: &impl Serialize) {
        self.0.update(kind.as_bytes());
        postcard::to_io(value, HashWriter(&mut self.0))
            .expect("the state is plain data and a hash takes any bytes");
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
