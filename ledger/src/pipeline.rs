//! Replay on two threads: the caller reads and checks the journal and takes its records apart, another
//! applies them.
//!
//! Owns the bounded way between them. Reading hashes every byte and applying changes the state; the two
//! take about as long, so a start takes about half. Must not know what applying does. The order is
//! the journal's, and the first record that cannot be applied ends the reading soon after.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use talon_journal::Sequence;

use crate::apply::Violation;
use crate::core::BadReplay;
use crate::record::{BadRecord, Record};

/// Most records that go from one thread to the other at once.
const CHUNK_RECORDS: usize = 512;
/// Bytes of bodies after which no further record joins a chunk. 256 KiB.
const CHUNK_BYTES: usize = 256 << 10;
/// Most chunks that wait to be applied; at it, the reading waits.
const MAX_CHUNKS_AHEAD: usize = 8;

/// A record that could not be applied.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) sequence: Sequence,
    pub(crate) source: BadReplay,
}

/// Nobody applies any more; why is what [`apply_beside`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended;

/// Records one after the other.
struct Chunk {
    records: Vec<(Sequence, Record)>,
    /// The record after them, when it is none.
    bad: Option<(Sequence, BadRecord)>,
    /// Of their bodies.
    bytes: usize,
}

impl Chunk {
    fn new() -> Self {
        Self { records: Vec::with_capacity(CHUNK_RECORDS), bad: None, bytes: 0 }
    }
}

/// Takes the records from the reading.
pub(crate) struct Feeder {
    chunks: SyncSender<Chunk>,
    /// Chunks that were applied, to be filled again.
    applied: Receiver<Chunk>,
    chunk: Chunk,
}

impl Feeder {
    /// Hands a record over; waits when too much is ahead.
    pub(crate) fn push(&mut self, sequence: Sequence, body: &[u8]) -> Result<(), Ended> {
        match Record::decode(body) {
            Ok(record) => self.chunk.records.push((sequence, record)),
            Err(error) => {
                self.chunk.bad = Some((sequence, error));
                self.flush()?;
                return Err(Ended);
            }
        }
        self.chunk.bytes += body.len();
        if self.chunk.records.len() < CHUNK_RECORDS && self.chunk.bytes < CHUNK_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Ended> {
        let next = self.applied.try_recv().unwrap_or_else(|_| Chunk::new());
        self.chunks.send(std::mem::replace(&mut self.chunk, next)).map_err(|_| Ended)
    }
}

/// Applies all of a chunk and leaves it empty.
fn apply_chunk(
    chunk: &mut Chunk,
    apply: &mut impl FnMut(Sequence, Record) -> Result<(), Violation>,
) -> Result<(), Refused> {
    for (sequence, record) in chunk.records.drain(..) {
        apply(sequence, record).map_err(|source| Refused { sequence, source: source.into() })?;
    }
    chunk.bytes = 0;
    match chunk.bad.take() {
        Some((sequence, source)) => Err(Refused { sequence, source: source.into() }),
        None => Ok(()),
    }
}

/// Lets `read` push records, and `apply`s them on another thread in the same order. Returns when all
/// that was pushed is applied, or one was refused.
///
/// # Panics
/// When `apply` does, or the system gives no thread.
pub(crate) fn apply_beside<R>(
    mut apply: impl FnMut(Sequence, Record) -> Result<(), Violation> + Send,
    read: impl FnOnce(&mut Feeder) -> R,
) -> (R, Result<(), Refused>) {
    let (chunks, arriving) = sync_channel::<Chunk>(MAX_CHUNKS_AHEAD);
    let (done, applied) = sync_channel::<Chunk>(MAX_CHUNKS_AHEAD);
    std::thread::scope(|scope| {
        let applier = scope.spawn(move || {
            for mut chunk in arriving {
                apply_chunk(&mut chunk, &mut apply)?;
                // Where enough of them lie, this one is not needed.
                let _ = done.try_send(chunk);
            }
            Ok(())
        });
        let mut feeder = Feeder { chunks, applied, chunk: Chunk::new() };
        let outcome = read(&mut feeder);
        // When it has ended, that is what is returned.
        let _ = feeder.flush();
        drop(feeder);
        match applier.join() {
            Ok(applied) => (outcome, applied),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{TrySendError, channel};

    use talon_domain::civil::UtcMicros;
    use talon_domain::ids::{AuthorityId, BookingId, Pseudonym};

    use super::*;
    use crate::record::Fact;

    /// The body of a record that says its number.
    fn body(sequence: Sequence) -> Vec<u8> {
        let mut bytes = Vec::new();
        Record { at: at(sequence), fact: Fact::Unblocked { subject: Pseudonym([1; 32]) } }
            .encode_into(&mut bytes);
        bytes
    }

    fn at(sequence: Sequence) -> UtcMicros {
        UtcMicros(sequence.get().cast_signed())
    }

    #[test]
    fn every_record_is_applied_in_order() {
        let mut seen = 0;
        let count = 3 * CHUNK_RECORDS as u64 + 5;
        let ((), applied) = apply_beside(
            |sequence, record| {
                seen += 1;
                assert_eq!((sequence.get(), record.at), (seen, at(sequence)));
                Ok(())
            },
            |feeder| {
                for sequence in (1..=count).map(Sequence::new) {
                    feeder.push(sequence, &body(sequence)).expect("nothing is refused");
                }
            },
        );
        assert!(applied.is_ok());
        assert_eq!(seen, count);
    }

    #[test]
    fn the_first_refusal_is_told_and_ends_the_reading() {
        let (pushed, applied) = apply_beside(
            |sequence, _| match sequence.get() {
                1 => Ok(()),
                _ => Err(Violation::NotWithheld(BookingId([0; 16]))),
            },
            |feeder| (1..).map(Sequence::new).find(|n| feeder.push(*n, &body(*n)).is_err()),
        );
        assert!(pushed.is_some(), "the reading was told");
        assert_eq!(applied.unwrap_err().sequence, Sequence::new(2));
    }

    #[test]
    fn a_body_that_is_no_record_is_told_after_the_records_before_it_are_applied() {
        let mut seen = 0;
        let (pushed, applied) = apply_beside(
            |_, _| {
                seen += 1;
                Ok(())
            },
            |feeder| {
                let good = feeder.push(Sequence::new(1), &body(Sequence::new(1)));
                (good, feeder.push(Sequence::new(2), &[]))
            },
        );
        assert_eq!(pushed, (Ok(()), Err(Ended)));
        let Refused { sequence, source } = applied.unwrap_err();
        assert_eq!((seen, sequence), (1, Sequence::new(2)));
        assert!(matches!(source, BadReplay::Record(BadRecord::Empty)));
    }

    #[test]
    fn an_earlier_refusal_counts_more_than_a_body_that_is_no_record() {
        let (_, applied) = apply_beside(
            |_, _| Err(Violation::OneParty(BookingId([0; 16]))),
            |feeder| {
                let _ = feeder.push(Sequence::new(1), &body(Sequence::new(1)));
                let _ = feeder.push(Sequence::new(2), &[]);
            },
        );
        assert_eq!(applied.unwrap_err().sequence, Sequence::new(1));
    }

    #[test]
    fn no_more_chunks_wait_than_the_bound_says() {
        let (go, wait) = channel::<()>();
        let mut large = Vec::new();
        let offices = vec![talon_domain::ids::OfficeId(1); CHUNK_BYTES];
        let fact = Fact::Released {
            authority: AuthorityId(1),
            service: talon_domain::ids::ServiceId(1),
            channel: talon_domain::ids::Channel::Web,
            date: talon_domain::civil::CivilDate::at(UtcMicros(0), &jiff::tz::TimeZone::UTC),
            offices,
            late: false,
        };
        Record { at: UtcMicros(0), fact }.encode_into(&mut large);
        let ((), applied) = apply_beside(
            move |_, _| {
                // Ends when the sender is gone.
                let _ = wait.recv();
                Ok(())
            },
            |feeder| {
                // One is at the applier, and as many wait as may.
                for n in 0..=MAX_CHUNKS_AHEAD as u64 {
                    feeder.push(Sequence::new(n + 1), &large).expect("somebody applies");
                }
                let one_more = feeder.chunks.try_send(Chunk::new());
                assert!(matches!(one_more, Err(TrySendError::Full(_))));
                drop(go);
            },
        );
        assert!(applied.is_ok());
    }
}
