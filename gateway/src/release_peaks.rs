//! How much pressure each release saw at most: what the next one begins with.
//!
//! Owns the peaks that this gateway knows, its own and those that other gateways told. Pressure is the
//! whole gateway's, so all services that open at one moment share its peak. Peaks only ever grow, so
//! gateways that tell each other theirs come to the same ones in whatever order they do. Must not know
//! policies or Redis.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use talon_domain::civil::{MICROS_PER_SECOND, UtcMicros};
use talon_pow::{MAX_STEP, Pressure};

/// So long after its moment the pressure is that of the release.
pub const RELEASE_LASTS_MICROS: i64 = 5 * 60 * MICROS_PER_SECOND;
/// So long after its moment a release is remembered.
pub const REMEMBERED_MICROS: i64 = 8 * 24 * 3_600 * MICROS_PER_SECOND;
/// Most releases that are remembered; at it, the oldest is forgotten.
pub const MAX_REMEMBERED_RELEASES: usize = 512;

/// What is known of the releases of the last days.
#[derive(Default)]
pub struct ReleasePeaks {
    by_moment: Mutex<BTreeMap<UtcMicros, Pressure>>,
}

impl ReleasePeaks {
    /// Somebody asks at this release: from now on its pressure counts.
    pub fn begin(&self, moment: UtcMicros) {
        self.raise(moment, Pressure::Calm);
    }

    /// The most pressure that a release saw.
    pub fn of(&self, moment: UtcMicros) -> Pressure {
        self.by_moment.lock().get(&moment).copied().unwrap_or(Pressure::Calm)
    }

    /// Takes note of the pressure of this gateway.
    pub fn see(&self, now: UtcMicros, pressure: Pressure) {
        let began = UtcMicros(now.0 - RELEASE_LASTS_MICROS + 1);
        for peak in self.by_moment.lock().range_mut(began..=now).map(|(_, peak)| peak) {
            *peak = pressure.max(*peak);
        }
    }

    /// The releases of the last days that saw pressure.
    pub fn known(&self, now: UtcMicros) -> Vec<(UtcMicros, Pressure)> {
        let known = self.by_moment.lock();
        let recent = known.range(oldest(now)..=now).map(|(moment, peak)| (*moment, *peak));
        recent.filter(|(_, peak)| *peak > Pressure::Calm).collect()
    }

    /// Takes note of what other gateways saw. What lies ahead cannot have been seen.
    pub fn learn(&self, now: UtcMicros, told: impl IntoIterator<Item = (UtcMicros, Pressure)>) {
        for (moment, peak) in told {
            if (oldest(now)..=now).contains(&moment) {
                self.raise(moment, peak);
            }
        }
    }

    fn raise(&self, moment: UtcMicros, least: Pressure) {
        let mut known = self.by_moment.lock();
        let peak = known.entry(moment).or_insert(Pressure::Calm);
        *peak = least.max(*peak);
        if known.len() > MAX_REMEMBERED_RELEASES {
            known.pop_first();
        }
    }
}

/// The moment before which nothing is remembered.
pub fn oldest(now: UtcMicros) -> UtcMicros {
    UtcMicros(now.0 - REMEMBERED_MICROS)
}

/// Pressure as a number: calm is 0, the floor 1.
pub fn level(pressure: Pressure) -> u8 {
    match pressure {
        Pressure::Calm => 0,
        Pressure::Step(step) => step + 1,
    }
}

/// The pressure of a number; never more than there is.
pub fn pressure(level: u8) -> Pressure {
    level.checked_sub(1).map_or(Pressure::Calm, |step| Pressure::Step(step.min(MAX_STEP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Pressure = Pressure::Step(0);
    const MINUTE: i64 = 60 * MICROS_PER_SECOND;
    /// A moment of a release.
    const MOMENT: UtcMicros = UtcMicros(1_796_097_600_000_000);

    fn after(micros: i64) -> UtcMicros {
        UtcMicros(MOMENT.0 + micros)
    }

    #[test]
    fn a_release_keeps_the_most_that_was_seen_while_it_lasted() {
        let peaks = ReleasePeaks::default();
        peaks.see(after(0), Pressure::Step(3));
        assert_eq!(peaks.of(MOMENT), Pressure::Calm, "nobody asked at it");
        peaks.begin(MOMENT);
        for (at, pressure, most) in [
            (-1, Pressure::Step(4), Pressure::Calm),
            (0, FLOOR, FLOOR),
            (MINUTE, Pressure::Step(2), Pressure::Step(2)),
            (2 * MINUTE, FLOOR, Pressure::Step(2)),
            (RELEASE_LASTS_MICROS, Pressure::Step(4), Pressure::Step(2)),
        ] {
            peaks.see(after(at), pressure);
            assert_eq!(peaks.of(MOMENT), most, "{at}");
        }
        assert_eq!(peaks.known(after(MINUTE)), [(MOMENT, Pressure::Step(2))]);
        assert_eq!(peaks.known(after(REMEMBERED_MICROS + 1)), []);
    }

    #[test]
    fn gateways_that_tell_each_other_know_the_same_whatever_the_order() {
        let [first, second] = [2, 3].map(|step| {
            let peaks = ReleasePeaks::default();
            peaks.begin(MOMENT);
            peaks.see(MOMENT, Pressure::Step(step));
            peaks
        });
        let now = after(MINUTE);
        second.learn(now, first.known(now));
        first.learn(now, second.known(now));
        first.learn(now, [(MOMENT, FLOOR)]);
        assert_eq!([first.of(MOMENT), second.of(MOMENT)], [Pressure::Step(3); 2]);
    }

    #[test]
    fn what_is_told_of_days_to_come_or_long_gone_is_not_believed() {
        let peaks = ReleasePeaks::default();
        let (ahead, gone) = (after(1), after(-REMEMBERED_MICROS - 1));
        peaks.learn(MOMENT, [(ahead, FLOOR), (gone, FLOOR)]);
        assert_eq!([peaks.of(ahead), peaks.of(gone)], [Pressure::Calm; 2]);
    }

    #[test]
    fn no_more_releases_than_the_bound_are_remembered_and_the_latest_are() {
        let peaks = ReleasePeaks::default();
        let most = i64::try_from(MAX_REMEMBERED_RELEASES).unwrap();
        for number in 0..most + 10 {
            peaks.raise(after(number), FLOOR);
        }
        assert_eq!(peaks.by_moment.lock().len(), MAX_REMEMBERED_RELEASES);
        assert_eq!((peaks.of(MOMENT), peaks.of(after(most + 9))), (Pressure::Calm, FLOOR));
    }

    #[test]
    fn a_number_beyond_all_levels_is_the_most() {
        for level_ in 0..=MAX_STEP + 1 {
            assert_eq!(level(pressure(level_)), level_);
        }
        assert_eq!(pressure(u8::MAX), Pressure::Step(MAX_STEP));
    }
}
