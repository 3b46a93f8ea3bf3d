//! The atomics that the words are made of: std's, or loom's when the models run.
//!
//! Owns the choice and nothing else. Every atomic of this crate is imported from here, because an
//! atomic that loom does not see is one whose interleavings nobody has checked.

pub(crate) use std::sync::atomic::Ordering;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::AtomicU64;

#[cfg(loom)]
pub(crate) use modelled::AtomicU64;

#[cfg(loom)]
mod modelled {
    use super::Ordering;

    /// loom's `AtomicU64`, without a gap in what loom explores.
    ///
    /// loom remembers only the last access of an atomic. When one thread has loaded it, and another
    /// loads it and then swaps, the first load is forgotten, and loom never tries the swap before
    /// it (tokio-rs/loom#166). Here a load is a read-modify-write that changes nothing: no two of
    /// those commute, hence loom tries them in every order. What is given up is loads of values
    /// that are out of date; the words use a load as a guess only, and a swap reads the latest.
    #[derive(Debug)]
    pub(crate) struct AtomicU64(loom::sync::atomic::AtomicU64);

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> Self {
            Self(loom::sync::atomic::AtomicU64::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.0.fetch_or(0, order)
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            self.0.compare_exchange_weak(current, new, success, failure)
        }
    }
}
