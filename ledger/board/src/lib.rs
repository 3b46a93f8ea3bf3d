//! Desk shifts as atomic words: which steps of a shift are unclaimed, and nothing else.
//!
//! **Owns** the bits ([`ShiftWord`]), sets of them ([`Steps`]), and what is free to book on a word
//! ([`free_starts`], [`count_free`]), and which starts a claim would end ([`starts_lost`]). **Must not
//! know** offices, services, persons, time, or who
//! owns a claimed step; it depends on `std` alone, so that loom sees every atomic. **Called by**
//! the ledger, which keeps the days, the masks and the journal around the words.
//!
//! A bit is 1 while its step is unclaimed. What a channel may *use* is a mask beside the word, never
//! in it. The order towards the journal is built into two calls: [`ShiftWord::claim_recorded`] takes
//! the bits before their record is appended, [`ShiftWord::give_back_recorded`] gives them back after.
//! They nest, so that moving a booking between two words is one record: claim the new place, and as
//! its append give back the old one.

mod damage;
mod free;
mod steps;
mod sync;
mod word;

pub use damage::starts_lost;
pub use free::{count_free, free_starts};
pub use steps::{MAX_STEPS, StepIter, Steps};
pub use word::{ShiftWord, Taken};
