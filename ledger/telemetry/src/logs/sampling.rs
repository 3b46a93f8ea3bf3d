//! Floods of one line are counted and not written: each place in the program may write so many lines a second.
//!
//! Owns the counts. Time is an argument. Must not know what a line says.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// In so much time a place may write its lines.
pub const WINDOW: Duration = Duration::from_secs(1);
/// Most places that are counted; at it, those that left nothing out begin anew.
pub const MAX_PLACES: usize = 1024;

struct Counted {
    since: Instant,
    written: u32,
    left_out: u64,
}

/// Which lines are written; `P` says where in the program a line comes from.
pub(super) struct Sampler<P> {
    most: AtomicU32,
    places: Mutex<HashMap<P, Counted>>,
}

impl<P: Clone + Eq + Hash> Sampler<P> {
    pub(super) fn new(most: u32) -> Self {
        Self { most: AtomicU32::new(most), places: Mutex::new(HashMap::new()) }
    }

    pub(super) fn change(&self, most: u32) {
        // Relaxed: a number of its own.
        self.most.store(most, Ordering::Relaxed);
    }

    /// Whether a line is written; one that is not is counted. The first ones of a flood always are.
    pub(super) fn admits(&self, place: P, now: Instant) -> bool {
        let mut places = self.places.lock();
        if places.len() >= MAX_PLACES && !places.contains_key(&place) {
            places.retain(|_, counted| counted.left_out > 0);
            if places.len() >= MAX_PLACES {
                return true;
            }
        }
        let fresh = Counted { since: now, written: 0, left_out: 0 };
        let counted = places.entry(place).or_insert(fresh);
        if now.saturating_duration_since(counted.since) >= WINDOW {
            (counted.since, counted.written) = (now, 0);
        }
        // Relaxed: as in `change`.
        if counted.written < self.most.load(Ordering::Relaxed) {
            counted.written += 1;
            return true;
        }
        counted.left_out += 1;
        false
    }

    /// What was left out since this was last asked.
    pub(super) fn take_left_out(&self) -> Vec<(P, u64)> {
        let mut places = self.places.lock();
        let take =
            |(place, c): (&P, &mut Counted)| (place.clone(), std::mem::take(&mut c.left_out));
        let counts = places.iter_mut().map(take);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 3;

    fn admitted(sampler: &Sampler<u32>, place: u32, lines: u32, now: Instant) -> usize {
        (0..lines).filter(|_| sampler.admits(place, now)).count()
    }

    #[test]
    fn the_first_lines_of_a_flood_are_written_and_the_rest_is_counted() {
        let (sampler, now) = (Sampler::new(MOST), Instant::now());
        let written: Vec<bool> = (0..5).map(|_| sampler.admits(1, now)).collect();
        assert_eq!(written, [true, true, true, false, false]);
        assert_eq!(sampler.take_left_out(), [(1, 2)]);
        assert_eq!(sampler.take_left_out(), [], "it is told once");
    }

    #[test]
    fn a_place_may_write_again_in_the_next_window_and_not_before() {
        let (sampler, now) = (Sampler::new(MOST), Instant::now());
        assert_eq!(admitted(&sampler, 1, 5, now), 3);
        let almost = now + WINDOW - Duration::from_nanos(1);
        assert_eq!(admitted(&sampler, 1, 1, almost), 0);
        assert_eq!(admitted(&sampler, 1, 5, now + WINDOW), 3);
        assert_eq!(sampler.take_left_out(), [(1, 5)], "of both windows");
    }

    #[test]
    fn one_places_flood_is_nobody_elses() {
        let (sampler, now) = (Sampler::new(MOST), Instant::now());
        assert_eq!(admitted(&sampler, 1, 100, now), 3);
        assert_eq!(admitted(&sampler, 2, 2, now), 2);
        assert_eq!(sampler.take_left_out(), [(1, 97)]);
    }

    #[test]
    fn another_bound_holds_from_the_next_line_on() {
        let (sampler, now) = (Sampler::new(MOST), Instant::now());
        assert_eq!(admitted(&sampler, 1, 5, now), 3);
        sampler.change(5);
        assert_eq!(admitted(&sampler, 1, 5, now), 2);
    }

    #[test]
    fn more_places_than_the_bound_lose_no_count_and_no_first_line() {
        let (sampler, now) = (Sampler::new(MOST), Instant::now());
        assert_eq!(admitted(&sampler, 0, 5, now), 3);
        let most = u32::try_from(MAX_PLACES).unwrap();
        for place in 1..2 * most {
            assert!(sampler.admits(place, now), "{place}");
            assert!(sampler.places.lock().len() <= MAX_PLACES);
        }
        assert_eq!(sampler.take_left_out(), [(0, 2)]);
    }
}
