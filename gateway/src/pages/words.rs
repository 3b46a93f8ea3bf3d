//! Words on pages: texts with their arguments, and dates, times and zones as people write them.
//!
//! Must not know which page they stand on.

use fluent_bundle::{FluentArgs, FluentValue};
use jiff::tz::TimeZone;
use talon_domain::catalogue::Text;
use talon_domain::civil::{CivilDate, UtcMicros};

use crate::http::language::{Language, Texts};

/// The names of the zone that most readers live in.
const HOME_ZONES: [&str; 2] = ["Europe/Kyiv", "Europe/Kiev"];

/// The texts in the reader's language.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    /// All texts.
    pub(super) texts: &'a Texts,
    /// The reader's language.
    pub(super) language: Language,
    /// When they read.
    pub(super) now: UtcMicros,
}

impl Words<'_> {
    /// A text without arguments.
    pub(super) fn t(&self, key: &str) -> String {
        self.texts.get(self.language, key, None)
    }

    /// A text with arguments.
    pub(super) fn with<const N: usize>(
        &self,
        key: &str,
        pairs: [(&'static str, FluentValue<'_>); N],
    ) -> String {
        let mut arguments = FluentArgs::with_capacity(N);
        for (name, value) in pairs {
            arguments.set(name, value);
        }
        self.texts.get(self.language, key, Some(&arguments))
    }

    /// A name from the catalogue.
    pub(super) fn name<'t>(&self, text: &'t Text) -> &'t str {
        match self.language {
            Language::Uk => &text.uk,
            Language::En => &text.en,
        }
    }

    /// `вівторок`.
    pub(super) fn weekday(&self, date: CivilDate) -> String {
        self.t(&format!("date-weekday-{}", date.date().weekday().to_monday_one_offset()))
    }

    /// `1 грудня`.
    pub(super) fn day_and_month(&self, date: CivilDate) -> String {
        self.date_text("date-day-month", date)
    }

    /// `Грудень 2026`.
    pub(super) fn month(&self, date: CivilDate) -> String {
        let civil = date.date();
        let name = self.t(&format!("date-month-title-{}", civil.month()));
        format!("{name} {}", civil.year())
    }

    /// `вівторок, 1 грудня 2026`.
    pub(super) fn full_date(&self, date: CivilDate) -> String {
        self.date_text("date-full", date)
    }

    fn date_text(&self, key: &str, date: CivilDate) -> String {
        let civil = date.date();
        self.with(
            key,
            [
                ("weekday", self.weekday(date).into()),
                ("day", civil.day().to_string().into()),
                ("month", self.t(&format!("date-month-{}", civil.month())).into()),
                ("year", civil.year().to_string().into()),
            ],
        )
    }

    /// `22 листопада о 06:00` by the clocks of `zone`: the year only when it is another, seconds
    /// only when there are some.
    pub(super) fn moment(&self, at: UtcMicros, zone: &TimeZone) -> String {
        let civil = zone.to_datetime(at.timestamp());
        let time = if civil.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        let is_this_year = zone.to_datetime(self.now.timestamp()).year() == civil.year();
        let key = if is_this_year { "date-day-month" } else { "date-day-month-year" };
        let date = self.date_text(key, CivilDate::from(civil.date()));
        let time = civil.strftime(time).to_string();
        self.with("date-moment", [("date", date.into()), ("time", time.into())])
    }

    /// [`Self::moment`] with the zone named.
    pub(super) fn moment_and_zone(&self, at: UtcMicros, zone: &TimeZone) -> String {
        format!("{} {}", self.moment(at, zone), self.zone(zone, at))
    }

    /// `за київським часом (UTC+2)`.
    pub(super) fn zone(&self, zone: &TimeZone, at: UtcMicros) -> String {
        let offset = offset_text(zone.to_offset(at.timestamp()).seconds());
        if is_home(zone) {
            return self.with("zone-home", [("offset", offset.into())]);
        }
        let name = zone.iana_name().unwrap_or("UTC").replace('_', " ");
        self.with("zone-other", [("zone", name.into()), ("offset", offset.into())])
    }
}

/// Whether a zone needs no naming where times are only listed.
pub(super) fn is_home(zone: &TimeZone) -> bool {
    zone.iana_name().is_some_and(|name| HOME_ZONES.contains(&name))
}

/// The zone with this IANA name; UTC, by its name, if the database has lost it.
pub(super) fn zone_named(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '−' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    match minutes % 60 {
        0 => format!("UTC{sign}{}", minutes / 60),
        rest => format!("UTC{sign}{}:{rest:02}", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_both(says: impl Fn(Words<'_>) -> String) -> [String; 2] {
        let texts = Texts::load();
        let now = UtcMicros(1_794_000_000_000_000); // in November 2026
        [Language::Uk, Language::En].map(|language| says(Words { texts: &texts, language, now }))
    }

    #[test]
    fn dates_are_written_as_people_write_them() {
        let date: CivilDate = "2026-12-01".parse().unwrap();
        assert_eq!(
            in_both(|words| words.full_date(date)),
            ["вівторок, 1 грудня 2026", "Tuesday, 1 December 2026"]
        );
        assert_eq!(in_both(|words| words.day_and_month(date)), ["1 грудня", "1 December"]);
    }

    #[test]
    fn every_weekday_and_month_has_a_name() {
        let first: CivilDate = "2026-01-01".parse().unwrap();
        let names: std::collections::BTreeSet<_> = (0..365)
            .flat_map(|day| in_both(|words| words.full_date(first.plus_days(day))))
            .collect();
        assert_eq!(names.len(), 2 * 365);
        assert!(names.iter().all(|name| !name.contains("date-")));
    }

    #[test]
    fn moments_are_of_the_zone_and_name_it() {
        let at = UtcMicros(1_795_320_000_000_000); // 2026-11-22T04:00:00Z
        let home = zone_named("Europe/Kyiv");
        assert_eq!(
            in_both(|words| words.moment_and_zone(at, &home)),
            [
                "22 листопада о 06:00 за київським часом (UTC+2)",
                "22 November at 06:00 Kyiv time (UTC+2)"
            ]
        );
        let abroad = zone_named("America/New_York");
        let [_, english] = in_both(|words| words.moment_and_zone(at, &abroad));
        assert!(english.contains("21 November at 23:00"), "{english}");
        assert!(english.contains("America/New York, UTC−5"), "{english}");
        assert!(
            in_both(|words| words.moment(UtcMicros(at.0 + 7_000_000), &home))[1].ends_with(":07")
        );
        let next_year = UtcMicros(at.0 + 60 * 86_400_000_000);
        assert!(in_both(|words| words.moment(next_year, &home))[1].contains("January 2027"));
    }

    #[test]
    fn plurals_are_right_in_ukrainian() {
        let counted = |count: u32| {
            in_both(|words| words.with("tickets-count", [("count", count.into())]))[0].clone()
        };
        assert_eq!(counted(1), "1 талон");
        assert_eq!(counted(2), "2 талони");
        assert_eq!(counted(5), "5 талонів");
        assert_eq!(counted(21), "21 талон");
        assert_eq!(offset_text(19_800), "UTC+5:30");
    }
}
