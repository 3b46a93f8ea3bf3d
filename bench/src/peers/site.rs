//! The authority that everybody books at: how large it is, and its files.
//!
//! Owns the numbers that the load and the servers have to agree on. Must not know either.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use jiff::ToSpan as _;
use talon_bench::authority::Size;

/// More places than a round can book. Offices and steps are no multiples of the load's hop.
pub(crate) const SIZE: Size = Size {
    offices: 100,
    desks: 20,
    steps: 60,
    step_minutes: 10,
    days_ahead: 21,
    a_month: Some(BOOKINGS_A_PERSON),
};
/// What a person may book in a month; the limit is counted for each booking.
pub(crate) const BOOKINGS_A_PERSON: u32 = 4;
/// Dates that are booked: whatever the time of the day, these are open.
const DATES: i32 = 20;
/// Persons: all that the stand-in hub has.
pub(crate) const PERSONS: usize = 100_000;

/// As `load.lua` wants them: offices, desks, steps, minutes of a step.
pub(crate) const NUMBERS: [u32; 4] = [SIZE.offices, SIZE.desks, SIZE.steps, SIZE.step_minutes];

/// The dates that can be booked, from tomorrow on, as the authority's zone has them.
pub(crate) fn dates() -> Vec<String> {
    let now = jiff::Timestamp::try_from(SystemTime::now()).expect("it is between the years");
    let zone = jiff::tz::TimeZone::get("Europe/Kyiv").expect("the zones are built in");
    let today = now.to_zoned(zone).date();
    (1..=DATES).map(|day| today.saturating_add(day.days()).to_string()).collect()
}

/// Writes catalogue and policy into a folder; `rule` is what the policy says besides.
pub(crate) fn write(folder: &Path, rule: &str) -> Result<()> {
    std::fs::write(folder.join("catalogue.toml"), SIZE.catalogue()).context("the catalogue")?;
    std::fs::write(folder.join("policy.toml"), SIZE.policy() + rule).context("the policy")
}
