//! Working hours: weekly hours, breaks and dated exceptions become the open intervals of a date.
//!
//! Must not know desks, services or bits; [`crate::shape`] makes shifts of what this returns.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::civil::{CivilDate, Minute, clocks_change, is_skipped};

/// From a minute to a later one, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The first minute.
    pub start: Minute,
    /// The minute after the last.
    pub end: Minute,
}

/// Text that is not an interval of the form `08:00-17:00`, or one that ends before it starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an interval of the form HH:MM-HH:MM, the end after the start")]
pub struct BadInterval(pub String);

impl std::str::FromStr for Interval {
    type Err = BadInterval;

    fn from_str(text: &str) -> Result<Self, BadInterval> {
        let bad = || BadInterval(text.to_owned());
        let (start, end) = text.split_once('-').ok_or_else(bad)?;
        let start: Minute = start.trim().parse().map_err(|_| bad())?;
        let end: Minute = end.trim().parse().map_err(|_| bad())?;
        if start < end { Ok(Self { start, end }) } else { Err(bad()) }
    }
}

/// Two intervals of one list that share a minute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}-{} overlaps {}-{}", first.start, first.end, second.start, second.end)]
pub struct Overlap {
    /// The interval that starts earlier.
    pub first: Interval,
    /// The one that starts before the first has ended.
    pub second: Interval,
}

/// Sorted intervals of which no two share a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// Sorts the list and checks it.
    ///
    /// # Errors
    /// [`Overlap`] names the first two that share a minute.
    pub fn new(mut list: Vec<Interval>) -> Result<Self, Overlap> {
        list.sort_unstable();
        for pair in list.windows(2) {
            if pair[1].start < pair[0].end {
                return Err(Overlap { first: pair[0], second: pair[1] });
            }
        }
        Ok(Self(list))
    }

    /// The intervals, in order.
    pub fn iter(&self) -> impl Iterator<Item = Interval> + '_ {
        self.0.iter().copied()
    }

    /// What is left of these intervals outside `breaks`.
    #[must_use]
    pub fn minus(&self, breaks: &Self) -> Self {
        let mut left = Vec::new();
        for interval in self.iter() {
            let mut start = interval.start;
            for pause in breaks.iter() {
                if pause.end <= start || pause.start >= interval.end {
                    continue;
                }
                if pause.start > start {
                    left.push(Interval { start, end: pause.start });
                }
                start = pause.end.min(interval.end);
            }
            if start < interval.end {
                left.push(Interval { start, end: interval.end });
            }
        }
        Self(left)
    }
}

/// Open intervals for each day of the week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeeklyHours(pub [Intervals; 7]);

impl WeeklyHours {
    /// The intervals of a weekday; Monday is first.
    pub fn on(&self, weekday: Weekday) -> &Intervals {
        &self.0[usize::from(weekday.to_monday_zero_offset().unsigned_abs())]
    }
}

/// What replaces the weekly hours on dates of their own; a closed date has no intervals.
pub type Exceptions = BTreeMap<CivilDate, Intervals>;

/// The working time of a desk on `date`: an exception or the weekly hours, without breaks.
pub fn open_intervals(
    hours: &WeeklyHours,
    breaks: &Intervals,
    exceptions: &Exceptions,
    date: CivilDate,
) -> Intervals {
    let weekly = hours.on(date.date().weekday());
    exceptions.get(&date).unwrap_or(weekly).minus(breaks)
}

/// The runs of whole steps of an interval that clocks really show on `date`.
///
/// Yields each run's first minute and its number of steps. On the day clocks jump forward the
/// steps they skip do not exist, and what is left before and after are runs of their own, so
/// nothing can be booked across the gap. An hour that clocks show twice is offered once, by its
/// first showing; during the second the desk has no visits. A remainder shorter than a step is
/// left out.
pub fn shown_runs(
    zone: &TimeZone,
    date: CivilDate,
    interval: Interval,
    step_minutes: u16,
) -> Vec<(Minute, u16)> {
    let steps = (interval.end.get() - interval.start.get()) / step_minutes;
    if !clocks_change(zone, date) {
        return if steps == 0 { Vec::new() } else { vec![(interval.start, steps)] };
    }
    let mut runs: Vec<(Minute, u16)> = Vec::new();
    let mut run_is_open = false;
    for step in 0..steps {
        let start = interval.start.get() + step * step_minutes;
        let shown = (start..start + step_minutes).all(|minute| !is_skipped(zone, date, minute));
        match (shown, run_is_open, runs.last_mut()) {
            (true, true, Some(run)) => run.1 += 1,
            (true, ..) => runs.extend(Minute::new(start).map(|minute| (minute, 1))),
            (false, ..) => {}
        }
        run_is_open = shown;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals(list: &[&str]) -> Intervals {
        Intervals::new(list.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    fn kyiv() -> TimeZone {
        TimeZone::get("Europe/Kyiv").unwrap()
    }

    #[test]
    fn lunch_splits_a_day_in_two() {
        assert_eq!(
            intervals(&["08:00-17:00"]).minus(&intervals(&["12:00-13:00"])),
            intervals(&["08:00-12:00", "13:00-17:00"])
        );
    }

    #[test]
    fn breaks_at_the_edges_and_across_intervals_cut_what_they_cover() {
        assert_eq!(
            intervals(&["08:00-12:00", "13:00-17:00"]).minus(&intervals(&[
                "07:00-08:30",
                "11:30-13:30",
                "16:30-24:00"
            ])),
            intervals(&["08:30-11:30", "13:30-16:30"])
        );
        assert_eq!(intervals(&["08:00-09:00"]).minus(&intervals(&["08:00-09:00"])).0, []);
    }

    #[test]
    fn overlapping_hours_are_refused_and_touching_ones_are_not() {
        let list = |texts: [&str; 2]| texts.map(|text| text.parse().unwrap()).to_vec();
        assert!(Intervals::new(list(["10:00-12:00", "08:00-10:01"])).is_err());
        assert!(Intervals::new(list(["10:00-12:00", "08:00-10:00"])).is_ok());
    }

    #[test]
    fn intervals_end_after_they_start() {
        for text in ["10:00-10:00", "10:00-09:00", "10:00", "10:00-25:00", "x-y"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_exception_replaces_the_weekly_hours_and_breaks_still_hold() {
        let mut hours = WeeklyHours::default();
        hours.0[1] = intervals(&["08:00-17:00"]);
        let tuesday: CivilDate = "2026-12-01".parse().unwrap();
        let breaks = intervals(&["12:00-13:00"]);
        let open =
            |exceptions: &Exceptions, date| open_intervals(&hours, &breaks, exceptions, date);
        assert_eq!(open(&Exceptions::new(), tuesday), intervals(&["08:00-12:00", "13:00-17:00"]));
        assert_eq!(open(&Exceptions::new(), tuesday.plus_days(1)), Intervals::default());
        let exceptions = Exceptions::from([
            (tuesday, intervals(&["10:00-12:30"])),
            (tuesday.plus_days(7), Intervals::default()),
        ]);
        assert_eq!(open(&exceptions, tuesday), intervals(&["10:00-12:00"]));
        assert_eq!(open(&exceptions, tuesday.plus_days(7)), Intervals::default());
    }

    #[test]
    fn steps_that_clocks_skip_do_not_exist() {
        let spring: CivilDate = "2026-03-29".parse().unwrap();
        let night = "01:00-06:00".parse().unwrap();
        let at = |text: &str| text.parse::<Minute>().unwrap();
        // 03:00 to 04:00 is never shown: two hours before it, two after.
        assert_eq!(shown_runs(&kyiv(), spring, night, 15), [(at("01:00"), 8), (at("04:00"), 8)]);
        assert_eq!(shown_runs(&kyiv(), spring.plus_days(1), night, 15), [(at("01:00"), 20)]);
    }

    #[test]
    fn the_hour_that_clocks_show_twice_is_offered_once() {
        let autumn: CivilDate = "2026-10-25".parse().unwrap();
        let runs = shown_runs(&kyiv(), autumn, "02:00-06:00".parse().unwrap(), 15);
        assert_eq!(runs, [("02:00".parse().unwrap(), 16)]);
    }

    #[test]
    fn a_midnight_gap_belongs_to_the_day_it_opens() {
        let cairo = TimeZone::get("Africa/Cairo").unwrap();
        let spring: CivilDate = "2026-04-24".parse().unwrap();
        let runs = shown_runs(&cairo, spring, "00:00-02:00".parse().unwrap(), 15);
        assert_eq!(runs, [("01:00".parse().unwrap(), 4)]);
    }
}
