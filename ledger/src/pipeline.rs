//! Replay on two threads: the caller reads and checks the journal, another applies its records.
//!
//! Owns the bounded way between them. Reading hashes every byte and applying changes the state; the two
//! take about as long, so a start takes about half. Must not know what applying does. The order is
//! the journal's, and the first record that cannot be applied ends the reading soon after.

use std::sync::mpsc::{SyncSender, sync_channel};

use talon_journal::Sequence;

use crate::core::BadReplay;

/// Bytes of bodies that go from one thread to the other at once. 256 KiB.
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

/// Bodies one after the other.
#[derive(Default)]
struct Chunk {
    /// Each record's number and where its body ends.
    records: Vec<(Sequence, usize)>,
    bytes: Vec<u8>,
}

/// Takes the records from the reading.
pub(crate) struct Feeder {
    chunks: SyncSender<Chunk>,
    chunk: Chunk,
}

impl Feeder {
    /// Hands a record over; waits when too much is ahead.
    pub(crate) fn push(&mut self, sequence: Sequence, body: &[u8]) -> Result<(), Ended> {
        self.chunk.bytes.extend_from_slice(body);
        self.chunk.records.push((sequence, self.chunk.bytes.len()));
        if self.chunk.bytes.len() < CHUNK_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Ended> {
        self.chunks.send(std::mem::take(&mut self.chunk)).map_err(|_| Ended)
    }
}

/// Lets `read` push records, and `apply`s them on another thread in the same order. Returns when all
/// that was pushed is applied, or one was refused.
///
/// # Panics
/// When `apply` does, or the system gives no thread.
pub(crate) fn apply_beside<R>(
    mut apply: impl FnMut(Sequence, &[u8]) -> Result<(), BadReplay> + Send,
    read: impl FnOnce(&mut Feeder) -> R,
) -> (R, Result<(), Refused>) {
    let (chunks, arriving) = sync_channel::<Chunk>(MAX_CHUNKS_AHEAD);
    std::thread::scope(|scope| {
        let applier = scope.spawn(move || {
            for chunk in arriving {
                let mut start = 0;
                for (sequence, end) in chunk.records {
                    apply(sequence, &chunk.bytes[start..end])
                        .map_err(|source| Refused { sequence, source })?;
                    start = end;
                }
            }
            Ok(())
        });
        let mut feeder = Feeder { chunks, chunk: Chunk::default() };
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

    use super::*;
    use crate::record::BadRecord;

    fn number(sequence: Sequence) -> [u8; 8] {
        sequence.get().to_le_bytes()
    }

    #[test]
    fn every_record_is_applied_in_order() {
        let mut seen = 0;
        let count = 3 * CHUNK_BYTES as u64 / 8 + 5;
        let ((), applied) = apply_beside(
            |sequence, body| {
                seen += 1;
                assert_eq!((sequence.get(), body), (seen, &number(sequence)[..]));
                Ok(())
            },
            |feeder| {
                for sequence in (1..=count).map(Sequence::new) {
                    feeder.push(sequence, &number(sequence)).expect("nothing is refused");
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
                _ => Err(BadRecord::Empty.into()),
            },
            |feeder| (1..).map(Sequence::new).find(|n| feeder.push(*n, &[0; 4096]).is_err()),
        );
        assert!(pushed.is_some(), "the reading was told");
        assert_eq!(applied.unwrap_err().sequence, Sequence::new(2));
    }

    #[test]
    fn no_more_chunks_wait_than_the_bound_says() {
        let (go, wait) = channel::<()>();
        let chunk = vec![0; CHUNK_BYTES];
        let ((), applied) = apply_beside(
            move |_, _| {
                // Ends when the sender is gone.
                let _ = wait.recv();
                Ok(())
            },
            |feeder| {
                // One is at the applier, and as many wait as may.
                for n in 0..=MAX_CHUNKS_AHEAD as u64 {
                    feeder.push(Sequence::new(n + 1), &chunk).expect("somebody applies");
                }
                let one_more = feeder.chunks.try_send(Chunk::default());
                assert!(matches!(one_more, Err(TrySendError::Full(_))));
                drop(go);
            },
        );
        assert!(applied.is_ok());
    }
}
