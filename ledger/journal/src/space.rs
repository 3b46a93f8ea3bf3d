//! How much space is promised and how much there is: the arithmetic behind `Full` and `Busy`.
//!
//! It must not know files or locks. `journal` asks it under its mutex.
//!
//! The rule it keeps: what is promised (the batch being written, the pending frame, and each reservation
//! as if it were committed alone) never exceeds the larger of the rest of the active segment and, when
//! one is ready, a whole spare. Joining records into one frame only ever saves padding, so whatever
//! batches the commits form, they fit: into the rest of the active segment, or, from the first one that
//! does not, all of them into the spare.

use crate::error::ReserveError;
use crate::format::{BLOCK_BYTES, FRAME_HEADER_BYTES, RECORD_HEADER_BYTES, blocks_for};
use crate::options::{MAX_PENDING_RECORDS, Options};

/// Who may use the last part of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Leaves the reserve alone.
    Ordinary,
    /// May use everything: for what must go on when the journal is full, such as cancelling.
    Reserve,
}

/// What is known about the next segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpareStatus {
    /// It has not been made yet.
    Missing,
    /// It can be activated.
    Ready,
    /// The last try found no room on the disk.
    NoRoom,
}

/// The journal's space at one moment, in bytes, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceReport {
    /// The rest of the active segment.
    pub remaining_bytes: u64,
    /// The next segment.
    pub spare: SpareStatus,
    /// Promised to the batch being written, to pending records and to reservations, padding included.
    pub promised_bytes: u64,
    /// Kept for [`Class::Reserve`].
    pub reserve_bytes: u64,
    /// Records appended and not yet taken by a commit.
    pub pending_records: u32,
}

/// What one reservation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) records: u32,
    /// Bytes of all bodies together.
    pub(crate) body_bytes: usize,
}

impl Claim {
    /// Bytes of the records in a frame.
    fn record_bytes(self) -> usize {
        self.body_bytes.saturating_add(self.records as usize * RECORD_HEADER_BYTES)
    }

    /// Blocks when committed alone.
    fn blocks(self) -> u64 {
        blocks_for(FRAME_HEADER_BYTES + self.record_bytes())
    }
}

#[derive(Debug)]
pub(crate) struct Space {
    max_batch_bytes: usize,
    max_record_bytes: usize,
    spare_blocks: u64,
    reserve_blocks: u64,
    remaining_blocks: u64,
    spare: SpareStatus,
    in_flight_blocks: u64,
    pending_records: u32,
    pending_bytes: usize,
    reserved_records: u32,
    reserved_bytes: usize,
    reserved_blocks: u64,
}

impl Space {
    pub(crate) fn new(options: &Options, remaining_blocks: u64) -> Self {
        Self {
            max_batch_bytes: options.max_batch_bytes as usize,
            max_record_bytes: options.max_record_bytes(),
            spare_blocks: options.data_blocks(),
            reserve_blocks: options.reserve_blocks(),
            remaining_blocks,
            spare: SpareStatus::Missing,
            in_flight_blocks: 0,
            pending_records: 0,
            pending_bytes: 0,
            reserved_records: 0,
            reserved_bytes: 0,
            reserved_blocks: 0,
        }
    }

    /// Promises space for `claim`, or says why not and changes nothing.
    pub(crate) fn reserve(&mut self, class: Class, claim: Claim) -> Result<(), ReserveError> {
        let alone = claim.record_bytes().saturating_add(FRAME_HEADER_BYTES);
        let never_fits = alone > self.max_batch_bytes || claim.records > MAX_PENDING_RECORDS;
        if never_fits || claim.body_bytes > self.max_record_bytes {
            return Err(ReserveError::TooLarge { bytes: claim.body_bytes });
        }
        let records = self.pending_records + self.reserved_records + claim.records;
        let bytes = alone + self.pending_bytes + self.reserved_bytes;
        if records > MAX_PENDING_RECORDS || bytes > self.max_batch_bytes {
            return Err(ReserveError::Busy);
        }
        let kept = match class {
            Class::Ordinary => self.reserve_blocks,
            Class::Reserve => 0,
        };
        if self.promised_blocks() + claim.blocks() + kept > self.capacity_blocks() {
            return Err(match self.spare {
                SpareStatus::NoRoom => ReserveError::Full,
                // The next segment is being made, or the commits ahead of us are about to enter it.
                SpareStatus::Missing | SpareStatus::Ready => ReserveError::Busy,
            });
        }
        self.reserved_records += claim.records;
        self.reserved_bytes += claim.record_bytes();
        self.reserved_blocks += claim.blocks();
        Ok(())
    }

    /// Takes a promise back, used or not.
    pub(crate) fn give_back(&mut self, claim: Claim) {
        self.reserved_records -= claim.records;
        self.reserved_bytes -= claim.record_bytes();
        self.reserved_blocks -= claim.blocks();
    }

    /// Turns a promise into pending records, which may be fewer or smaller than what was promised.
    pub(crate) fn append(&mut self, promised: Claim, used: Claim) {
        assert!(used.records <= promised.records, "more records than were reserved");
        assert!(used.record_bytes() <= promised.record_bytes(), "more bytes than were reserved");
        self.give_back(promised);
        self.pending_records += used.records;
        self.pending_bytes += used.record_bytes();
    }

    /// All pending records become the batch in flight.
    pub(crate) fn take_pending(&mut self) {
        self.in_flight_blocks = self.pending_blocks();
        self.pending_records = 0;
        self.pending_bytes = 0;
    }

    /// The batch in flight is written, and the active segment has `remaining_blocks` left.
    pub(crate) fn committed(&mut self, remaining_blocks: u64, rotated: bool) {
        self.in_flight_blocks = 0;
        self.remaining_blocks = remaining_blocks;
        if rotated {
            self.spare = SpareStatus::Missing;
        }
        assert!(self.promised_blocks() <= self.capacity_blocks(), "promised more than there is");
    }

    /// Whether the pending records, as one batch, no longer fit into the active segment.
    pub(crate) fn pending_enter_next_segment(&self) -> bool {
        self.pending_blocks() > self.remaining_blocks
    }

    pub(crate) fn set_spare(&mut self, spare: SpareStatus) {
        self.spare = spare;
    }

    pub(crate) fn spare(&self) -> SpareStatus {
        self.spare
    }

    pub(crate) fn pending_records(&self) -> u32 {
        self.pending_records
    }

    pub(crate) fn report(&self) -> SpaceReport {
        SpaceReport {
            remaining_bytes: self.remaining_blocks * BLOCK_BYTES,
            spare: self.spare,
            promised_bytes: self.promised_blocks() * BLOCK_BYTES,
            reserve_bytes: self.reserve_blocks * BLOCK_BYTES,
            pending_records: self.pending_records,
        }
    }

    fn pending_blocks(&self) -> u64 {
        match self.pending_records {
            0 => 0,
            _ => blocks_for(FRAME_HEADER_BYTES + self.pending_bytes),
        }
    }

    fn promised_blocks(&self) -> u64 {
        self.in_flight_blocks + self.pending_blocks() + self.reserved_blocks
    }

    fn capacity_blocks(&self) -> u64 {
        match self.spare {
            SpareStatus::Ready => self.remaining_blocks.max(self.spare_blocks),
            SpareStatus::Missing | SpareStatus::NoRoom => self.remaining_blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::options::JournalKind;

    const OPTIONS: Options =
        Options { segment_bytes: 32 << 10, kind: JournalKind::Demo, max_batch_bytes: 16 << 10 };

    fn claim(records: u32, body_bytes: usize) -> Claim {
        Claim { records, body_bytes }
    }

    #[test]
    fn a_reservation_given_back_leaves_no_trace() {
        let mut space = Space::new(&OPTIONS, 7);
        let before = space.report();
        assert_eq!(space.reserve(Class::Ordinary, claim(2, 5000)), Ok(()));
        assert_ne!(space.report(), before);
        space.give_back(claim(2, 5000));
        assert_eq!(space.report(), before);
    }

    #[test]
    fn what_can_never_fit_a_batch_is_too_large_and_not_busy() {
        let mut space = Space::new(&OPTIONS, 7);
        let largest = OPTIONS.max_record_bytes();
        let refused = space.reserve(Class::Reserve, claim(1, largest + 1));
        assert_eq!(refused, Err(ReserveError::TooLarge { bytes: largest + 1 }));
        let refused = space.reserve(Class::Reserve, claim(2, largest));
        assert_eq!(refused, Err(ReserveError::TooLarge { bytes: largest }));
        for absurd in [claim(1, usize::MAX), claim(u32::MAX, 0)] {
            let refused = space.reserve(Class::Reserve, absurd);
            assert_eq!(refused, Err(ReserveError::TooLarge { bytes: absurd.body_bytes }));
        }
        assert_eq!(space.reserve(Class::Ordinary, claim(1, largest)), Ok(()));
    }

    #[test]
    fn the_reserve_is_for_its_class_alone() {
        let mut space = Space::new(&OPTIONS, 2);
        space.set_spare(SpareStatus::NoRoom);
        assert_eq!(space.reserve(Class::Ordinary, claim(1, 10)), Ok(()));
        assert_eq!(space.reserve(Class::Ordinary, claim(1, 10)), Err(ReserveError::Full));
        assert_eq!(space.reserve(Class::Reserve, claim(1, 10)), Ok(()));
        assert_eq!(space.reserve(Class::Reserve, claim(1, 10)), Err(ReserveError::Full));
    }

    #[test]
    fn without_a_failed_spare_the_lack_of_space_passes() {
        let mut space = Space::new(&OPTIONS, 1);
        assert_eq!(space.reserve(Class::Ordinary, claim(1, 10)), Err(ReserveError::Busy));
        space.set_spare(SpareStatus::Ready);
        assert_eq!(space.reserve(Class::Ordinary, claim(1, 10)), Ok(()));
    }

    /// One step of the writer or of a caller.
    #[derive(Clone, Debug)]
    enum Step {
        Reserve(Class, u32, usize),
        Append { reservation: usize, share_percent: usize },
        GiveBack { reservation: usize },
        Take,
        Write,
        Spare,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let class = prop_oneof![Just(Class::Ordinary), Just(Class::Reserve)];
        let step = prop_oneof![
            4 => (class, 1..4_u32, 0..9000_usize).prop_map(|(c, r, b)| Step::Reserve(c, r, b)),
            4 => (any::<usize>(), 0..=100_usize).prop_map(|(reservation, share_percent)| {
                Step::Append { reservation, share_percent }
            }),
            1 => any::<usize>().prop_map(|reservation| Step::GiveBack { reservation }),
            2 => Just(Step::Take),
            2 => Just(Step::Write),
            1 => Just(Step::Spare),
        ];
        proptest::collection::vec(step, 1..200)
    }

    proptest! {
        /// The writer of this model does exactly what the real one does with blocks.
        #[test]
        fn every_promise_can_be_kept_whatever_batches_form(steps in steps()) {
            let mut space = Space::new(&OPTIONS, 7);
            let (mut remaining, mut spare) = (7, false);
            let mut reserved: Vec<Claim> = Vec::new();
            let (mut pending, mut flight) = (0_usize, None);
            for step in steps {
                match step {
                    Step::Reserve(class, records, body_bytes) => {
                        let claim = claim(records, body_bytes);
                        if space.reserve(class, claim).is_ok() {
                            reserved.push(claim);
                        }
                    }
                    Step::Append { reservation, share_percent } if !reserved.is_empty() => {
                        let promised = reserved.swap_remove(reservation % reserved.len());
                        let used = claim(promised.records, promised.body_bytes * share_percent / 100);
                        space.append(promised, used);
                        pending += used.record_bytes();
                    }
                    Step::GiveBack { reservation } if !reserved.is_empty() => {
                        space.give_back(reserved.swap_remove(reservation % reserved.len()));
                    }
                    Step::Take if flight.is_none() && pending > 0 => {
                        space.take_pending();
                        flight = Some(blocks_for(FRAME_HEADER_BYTES + std::mem::take(&mut pending)));
                    }
                    Step::Write => if let Some(blocks) = flight.take() {
                        let rotated = blocks > remaining;
                        if rotated {
                            prop_assert!(spare, "a spare was promised");
                            (remaining, spare) = (7, false);
                        }
                        prop_assert!(blocks <= remaining);
                        remaining -= blocks;
                        space.committed(remaining, rotated);
                    },
                    Step::Spare => {
                        spare = true;
                        space.set_spare(SpareStatus::Ready);
                    }
                    _ => {}
                }
            }
        }
    }
}
