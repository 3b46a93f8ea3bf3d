//! Counts what a policy's limits count, apart from the ledger.
//!
//! Knows the limits that bookings can break: live bookings for a service, and bookings of a period,
//! both of the subject. Pure. Called by the checker at each booking.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lines::{Booked, Limit, Policy};

/// A booking as limits see it.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) booking: String,
    pub(super) registered: Timestamp,
    /// Whether it was not given back.
    pub(super) live: bool,
    /// Whether it counts at all, now that it was given back.
    pub(super) counts: bool,
    visit: String,
    service: u16,
    channel: String,
    for_entity: bool,
}

impl Counted {
    pub(super) fn new(booked: &Booked, registered: Timestamp) -> Self {
        Self {
            booking: booked.booking.clone(),
            registered,
            live: true,
            counts: true,
            visit: booked.seat.date.clone(),
            service: booked.service,
            channel: booked.channel.clone(),
            for_entity: booked.actor.is_some(),
        }
    }
}

/// The limits that are exceeded now that `newest` is among the subject's bookings, with the counts.
pub(super) fn over<'a>(
    policy: &'a Policy,
    bookings: &[Counted],
    newest: &Booked,
) -> Vec<(&'a Limit, u32)> {
    let mut exceeded = Vec::new();
    let Some(newest) = bookings.iter().find(|counted| counted.booking == newest.booking) else {
        return exceeded;
    };
    for limit in policy.limits.iter().filter(|limit| concerns(limit, newest)) {
        let like_it = bookings.iter().filter(|other| is_counted(policy, limit, other, newest));
        let count = u32::try_from(like_it.count()).unwrap_or(u32::MAX);
        if count > limit.max {
            exceeded.push((limit, count));
        }
    }
    exceeded
}

fn concerns(limit: &Limit, booking: &Counted) -> bool {
    let is_for = match limit.subjects.as_str() {
        "persons" => !booking.for_entity,
        "entities" => booking.for_entity,
        _ => true,
    };
    limit.mode == "enforced"
        && limit.holder == "subject"
        && is_for
        && (limit.services.is_empty() || limit.services.contains(&booking.service))
        && match limit.kind.as_str() {
            "live-per-service" => true,
            "per-period" => limit.channel.as_ref().is_none_or(|it| *it == booking.channel),
            _ => false,
        }
}

fn is_counted(policy: &Policy, limit: &Limit, other: &Counted, newest: &Counted) -> bool {
    if limit.kind == "live-per-service" {
        return other.live && other.service == newest.service;
    }
    concerns(limit, other)
        && other.counts
        && (other.live || limit.count_cancelled)
        && period(policy, limit, other) == period(policy, limit, newest)
}

/// The day or month that a booking counts in: as text, for `2026-12-01` begins with its month.
fn period(policy: &Policy, limit: &Limit, booking: &Counted) -> Option<String> {
    let date = if limit.of.as_deref() == Some("visit") {
        booking.visit.parse::<Date>().ok()?
    } else {
        let zone = TimeZone::get(&policy.zone).ok()?;
        booking.registered.to_zoned(zone).date()
    };
    let digits = if limit.period.as_deref() == Some("day") { 10 } else { 7 };
    date.to_string().get(..digits).map(str::to_owned)
}
