//! Civil dates, minutes of the day, and past moments.
//!
//! A visit is civil: a date and a minute that the office's zone resolves when they are read. Only
//! past events and release moments are UTC. Must not know what time it is.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A moment in UTC, in microseconds since 1970.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UtcMicros(pub i64);

/// One second in the unit of [`UtcMicros`].
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// One minute in the unit of [`UtcMicros`].
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;

impl UtcMicros {
    /// This moment as a `jiff` timestamp, clamped to what that type can hold.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX)
    }

    /// This moment, `minutes` later.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(MICROS_PER_MINUTE)))
    }

    /// The first whole second that is not before this moment.
    #[must_use]
    pub fn next_second(self) -> Self {
        let over = self.0.rem_euclid(MICROS_PER_SECOND);
        Self(if over == 0 { self.0 } else { self.0.saturating_add(MICROS_PER_SECOND - over) })
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }
}

impl From<Timestamp> for UtcMicros {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

impl fmt::Display for UtcMicros {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Timestamp::from_second(self.seconds()).unwrap_or(Timestamp::MAX);
        seconds.fmt(formatter)
    }
}

/// A date of the proleptic Gregorian calendar, as days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CivilDate(i32);

/// Text that is not a date of the form `2026-12-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form YYYY-MM-DD")]
pub struct BadDate;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl CivilDate {
    /// The date `days` days after 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The date on which `at` falls in `zone`.
    pub fn at(at: UtcMicros, zone: &TimeZone) -> Self {
        zone.to_datetime(at.timestamp()).date().into()
    }

    /// This date as a `jiff` date; dates outside the years -9999 to 9999 are clamped.
    pub fn date(self) -> Date {
        // A date may come from a frame or a record; a span refuses what the calendar lacks.
        const FARTHEST_DAYS: i32 = 2_932_896;
        EPOCH.saturating_add(i64::from(self.0.clamp(-FARTHEST_DAYS, FARTHEST_DAYS)).days())
    }

    /// The date `days` later, or earlier when negative.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first date of this date's month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        self.date().first_of_month().into()
    }

    /// The first date of the month after this date's.
    #[must_use]
    pub fn first_of_next_month(self) -> Self {
        Self::from(self.date().last_of_month()).plus_days(1)
    }
}

impl From<Date> for CivilDate {
    fn from(date: Date) -> Self {
        let days = (date - EPOCH).get_days();
        Self(days)
    }
}

impl FromStr for CivilDate {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        // The parser of the library also takes times and annotations; a date is ten characters.
        if text.len() != 10 {
            return Err(BadDate);
        }
        text.parse::<Date>().map(Self::from).map_err(|_| BadDate)
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(formatter)
    }
}

impl fmt::Debug for CivilDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A minute of a civil day, 0 to 1440; 1440 is only ever an end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(u16);

/// Minutes in a civil day.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// Text that is not a time of the form `09:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form HH:MM")]
pub struct BadMinute;

impl Minute {
    /// The minute `minutes` after midnight, at most [`MINUTES_PER_DAY`].
    pub const fn new(minutes: u16) -> Option<Self> {
        if minutes <= MINUTES_PER_DAY { Some(Self(minutes)) } else { None }
    }

    /// Minutes after midnight.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for Minute {
    type Err = BadMinute;

    fn from_str(text: &str) -> Result<Self, BadMinute> {
        let (hours, minutes) = text.split_once(':').ok_or(BadMinute)?;
        let two_digits = |part: &str| -> Result<u16, BadMinute> {
            if part.len() != 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(BadMinute);
            }
            part.parse().map_err(|_| BadMinute)
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        if minutes > 59 {
            return Err(BadMinute);
        }
        Self::new(hours * 60 + minutes).ok_or(BadMinute)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for Minute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The moment at which `zone`'s clocks show `minute` of `date`.
///
/// Where they show it twice (autumn), the first time; where they never do (spring), as much later
/// as the clocks jumped, so a visit never moves to before the time that was promised.
pub fn resolve(zone: &TimeZone, date: CivilDate, minute: Minute) -> UtcMicros {
    let (date, minute) =
        if minute.0 == MINUTES_PER_DAY { (date.plus_days(1), 0) } else { (date, minute.0) };
    zone.to_ambiguous_timestamp(civil(date, minute)).compatible().unwrap_or(Timestamp::MAX).into()
}

/// Whether `zone`'s clocks never show `minute` (0 to 1439) of `date`.
pub fn is_skipped(zone: &TimeZone, date: CivilDate, minute: u16) -> bool {
    matches!(
        zone.to_ambiguous_timestamp(civil(date, minute)).offset(),
        jiff::tz::AmbiguousOffset::Gap { .. }
    )
}

/// Whether `zone`'s clocks change on `date`.
pub fn clocks_change(zone: &TimeZone, date: CivilDate) -> bool {
    let midnight = |date: CivilDate| zone.to_ambiguous_timestamp(civil(date, 0)).offset();
    midnight(date) != midnight(date.plus_days(1))
}

fn civil(date: CivilDate, minute: u16) -> DateTime {
    let hour = i8::try_from(minute / 60).unwrap_or(23);
    let minute = i8::try_from(minute % 60).unwrap_or(59);
    date.date().to_datetime(Time::new(hour, minute, 0, 0).unwrap_or(Time::MAX))
}

#[cfg(test)]
#[path = "civil_tests.rs"]
mod tests;
