//! The state hash: SHA-256 over the state in a canonical order.
//!
//! The same before a stop and after the replay, so it is the proof that replay is exact. Taken at
//! quiescence; what changes meanwhile may or may not be in it. Visits are in it by their civil time,
//! so that new rules of a time zone change no hash; moments in UTC are those of past decisions.

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
        sink.add("person", &(pseudonym, person.last().get()));
        for booking in person.bookings() {
            let identity = (booking.id, booking.seat, booking.service, booking.channel);
            let request = (booking.registered_at, booking.key, booking.fingerprint);
            sink.add("booking", &(identity, request, booking.cancelled));
        }
    }
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
