//! `export`: the state after replay as one document.
//!
//! Owns the document's layout. Writes it piece by piece, so that it needs no memory beyond the
//! state's; the order of everything is that of the state hash, so equal states give equal texts.
//! `main` calls it.

use std::io::{self, Write};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use talon_domain::booking::{BookingState, Subject};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::{
    BookingId, Channel, Fingerprint, KeyHash, Pseudonym, ServiceId, SessionId,
};
use talon_journal::{JournalId, JournalKind, JournalSummary};
use talon_ledger::day::Day;
use talon_ledger::hash::state_hash;
use talon_ledger::person::{Booking, Person};
use talon_ledger::record::{DayKey, Seat};
use talon_ledger::state::State;

use super::json::{DayView, SeatView, Text, moment, policy_json};
use super::replay::{Replayed, replay};
use super::{Source, print};

/// How a state can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object
    Json,
}

/// Prints the state of a journal.
pub(crate) fn run(source: &Source, format: Format) -> anyhow::Result<()> {
    let replayed = replay(source, None)?;
    let summary = replayed.summary.as_ref().context("the journal was not read to its end")?;
    match format {
        Format::Json => print(|output| write_json(&replayed, summary, output)),
    }
}

fn write_json(
    replayed: &Replayed,
    summary: &JournalSummary,
    output: &mut dyn Write,
) -> io::Result<()> {
    let state = &replayed.state;
    let head = Head {
        journal: Text(summary.journal),
        journal_kind: Text(summary.kind),
        head: format!("{}:{}", summary.last_sequence, summary.head),
        at: moment(replayed.at),
        state_hash: hex::encode(state_hash(state)),
    };
    // The object's last brace comes after the lists.
    let head = serde_json::to_string(&head)?;
    output.write_all(head.trim_end_matches('}').as_bytes())?;
    let policies = state.authorities().into_iter().filter_map(|id| state.policy(id));
    list(output, "policies", policies.map(|policy| policy_json(policy.policy())))?;
    let days = state.days();
    list(output, "days", days.iter().map(|(key, day)| OfficeDay::new(*key, day, replayed.at)))?;
    let persons = state.persons();
    list(
        output,
        "persons",
        persons.iter().map(|(id, person)| Holder::new(*id, &person.lock(), state)),
    )?;
    let withheld = state.withheld().into_iter();
    list(
        output,
        "withheld",
        withheld.map(|(returns_at, booking, seat)| Withheld {
            booking: Text(booking),
            returns_at: moment(returns_at),
            seat: resolved(&seat, state),
        }),
    )?;
    let sessions = state.revoked().into_iter();
    list(
        output,
        "revoked_sessions",
        sessions.map(|(session, expires_at)| RevokedSession {
            session: Text(session),
            expires_at: moment(expires_at),
        }),
    )?;
    output.write_all(b"\n}\n")
}

/// Writes one more field: a list, an item a line.
fn list(
    output: &mut dyn Write,
    name: &str,
    items: impl Iterator<Item = impl Serialize>,
) -> io::Result<()> {
    write!(output, ",\n\"{name}\":[")?;
    for (place, item) in items.enumerate() {
        output.write_all(if place == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *output, &item)?;
    }
    output.write_all(b"]")
}

/// What the document is of.
#[derive(Serialize)]
struct Head {
    journal: Text<JournalId>,
    journal_kind: Text<JournalKind>,
    head: String,
    /// The latest ledger time of any record.
    at: Text<jiff::Timestamp>,
    state_hash: String,
}

#[derive(Serialize)]
struct OfficeDay {
    #[serde(flatten)]
    day: DayView,
    zone: String,
    services: Vec<Offer>,
}

#[derive(Serialize)]
struct Offer {
    service: ServiceId,
    channel: Channel,
    released: bool,
    /// Visits that the channel could book, one after the other, from the last record's time on;
    /// when the service is not released to it, as soon as it is.
    free: u32,
}

impl OfficeDay {
    fn new(key: DayKey, day: &Day, now: UtcMicros) -> Self {
        let offer = |(service, channel): (ServiceId, Channel)| Offer {
            service,
            channel,
            released: day.is_released(service, channel),
            free: day.count_free(service, channel, now),
        };
        let by_channel =
            |&service: &ServiceId| Channel::ALL.map(|channel| (service, channel)).into_iter();
        let offered = day.shape().services().iter().flat_map(by_channel);
        Self {
            day: key.into(),
            zone: day.shape().shape().zone.clone(),
            services: offered
                .filter(|(service, channel)| day.shape().offers(*service, *channel))
                .map(offer)
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct Holder {
    person: Text<Pseudonym>,
    /// The last record about the person.
    last_sequence: u64,
    bookings: Vec<HeldBooking>,
    /// What the person booked for legal entities.
    acted: Vec<HeldBooking>,
    /// Under which name all of it stands now.
    linked_to: Option<Text<Pseudonym>>,
    blocked_since: Option<Text<jiff::Timestamp>>,
}

impl Holder {
    fn new(person: Pseudonym, entry: &Person, state: &State) -> Self {
        let held = |bookings: &[Booking]| {
            bookings.iter().map(|booking| HeldBooking::new(booking, state)).collect()
        };
        Self {
            person: Text(person),
            last_sequence: entry.last().get(),
            bookings: held(entry.bookings()),
            acted: held(entry.acted()),
            linked_to: entry.forward().map(|forward| Text(forward.to)),
            blocked_since: entry.block().map(|block| moment(block.since)),
        }
    }
}

#[derive(Serialize)]
struct HeldBooking {
    booking: Text<BookingId>,
    service: ServiceId,
    channel: Channel,
    registered_at: Text<jiff::Timestamp>,
    subject: Subject,
    state: BookingState,
    moves: u8,
    seat: SeatView,
    key: Text<KeyHash>,
    fingerprint: Text<Fingerprint>,
}

impl HeldBooking {
    fn new(booking: &Booking, state: &State) -> Self {
        Self {
            booking: Text(booking.id),
            service: booking.service,
            channel: booking.channel,
            registered_at: moment(booking.registered_at),
            subject: booking.subject,
            state: booking.state,
            moves: booking.moves,
            seat: resolved(&booking.seat, state),
            key: Text(booking.key),
            fingerprint: Text(booking.fingerprint),
        }
    }
}

#[derive(Serialize)]
struct Withheld {
    booking: Text<BookingId>,
    returns_at: Text<jiff::Timestamp>,
    seat: SeatView,
}

#[derive(Serialize)]
struct RevokedSession {
    session: Text<SessionId>,
    expires_at: Text<jiff::Timestamp>,
}

fn resolved(seat: &Seat, state: &State) -> SeatView {
    let day = state.day(&seat.day);
    SeatView::new(seat, day.as_deref().map(|day| day.shape().shape()))
}
