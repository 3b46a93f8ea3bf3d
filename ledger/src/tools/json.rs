//! Records as JSON that people can read: ids in hexadecimal, dates and times as text, seats with
//! their desk and start.
//!
//! Owns the names of the fields, which scripts rely on. Must not know which records are wanted.
//! `inspect` and `export` write with it.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use talon_board::Steps;
use talon_domain::booking::Visit;
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, DeskId, Fingerprint, KeyHash, OfficeId, PepperId, Pseudonym,
    ServiceId, SessionId,
};
use talon_domain::policy::{Policy, Release};
use talon_domain::shape::{DayShape, ServiceShape};
use talon_ledger::record::{Booked, DayKey, Fact, Seat};

use super::places::Places;

/// Whatever has a text of its own, written as that text.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A moment as RFC 3339, to the microsecond.
pub(crate) fn moment(at: UtcMicros) -> Text<jiff::Timestamp> {
    Text(at.timestamp())
}

/// A minute of a day as `HH:MM`; past 24:00 too, so that a bad shape shows as it is.
fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A fact's own fields, and with a cancellation and a return those of their booking. What the
/// journal does not say, or says wrongly, is null.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum FactView {
    PolicySet {
        policy: Value,
    },
    DayGenerated {
        #[serde(flatten)]
        day: DayView,
        zone: String,
        step_minutes: u8,
        shifts: Vec<Value>,
    },
    Released {
        authority: AuthorityId,
        service: ServiceId,
        channel: Channel,
        date: Text<CivilDate>,
        offices: Vec<OfficeId>,
        late: bool,
    },
    Booked(BookedView),
    Cancelled {
        subject: Text<Pseudonym>,
        booking: Text<BookingId>,
        returns_at: Text<jiff::Timestamp>,
        service: Option<ServiceId>,
        seat: Option<SeatView>,
    },
    Returned {
        subject: Option<Text<Pseudonym>>,
        booking: Text<BookingId>,
        returns_at: Text<jiff::Timestamp>,
        service: Option<ServiceId>,
        seat: SeatView,
    },
    SessionRevoked {
        session: Text<SessionId>,
        expires_at: Text<jiff::Timestamp>,
    },
    Forgotten {
        authority: AuthorityId,
        before: Text<CivilDate>,
    },
    Linked {
        into: Text<Pseudonym>,
        from: Vec<Text<Pseudonym>>,
    },
    Moved {
        from: Text<BookingId>,
        counts: bool,
        returns_at: Text<jiff::Timestamp>,
        #[serde(flatten)]
        booked: BookedView,
    },
    Concluded {
        subject: Text<Pseudonym>,
        booking: Text<BookingId>,
        visit: Visit,
        blocks: Option<u32>,
        service: Option<ServiceId>,
        seat: Option<SeatView>,
    },
    Unblocked {
        subject: Text<Pseudonym>,
    },
    PeppersSet {
        peppers: Vec<Text<PepperId>>,
    },
}

/// A claimed place and whose it is.
#[derive(Serialize)]
pub(crate) struct BookedView {
    booking: Text<BookingId>,
    subject: Text<Pseudonym>,
    actor: Option<Text<Pseudonym>>,
    channel: Channel,
    service: ServiceId,
    seat: SeatView,
    key: Text<KeyHash>,
    fingerprint: Text<Fingerprint>,
}

/// An office on a date.
#[derive(Serialize)]
pub(crate) struct DayView {
    authority: AuthorityId,
    office: OfficeId,
    date: Text<CivilDate>,
}

impl From<DayKey> for DayView {
    fn from(day: DayKey) -> Self {
        Self { authority: day.authority, office: day.office, date: Text(day.date) }
    }
}

/// A place. Desk, start and length are those of the day's shape.
#[derive(Serialize)]
pub(crate) struct SeatView {
    #[serde(flatten)]
    day: DayView,
    desk: Option<DeskId>,
    start: Option<String>,
    minutes: Option<u32>,
    shift: u16,
    step: u8,
    steps: u8,
}

impl SeatView {
    /// `seat` by the shape of its day, when there is one.
    pub(crate) fn new(seat: &Seat, shape: Option<&DayShape>) -> Self {
        let shift = shape.and_then(|shape| shape.shifts.get(usize::from(seat.shift)));
        let step_minutes = shape.map(|shape| u32::from(shape.step_minutes));
        let minutes = |steps: u8| step_minutes.map(|minutes| u32::from(steps) * minutes);
        let start = shift.zip(minutes(seat.step));
        Self {
            day: seat.day.into(),
            desk: shift.map(|shift| shift.desk),
            start: start.map(|(shift, offset)| clock(u32::from(shift.start.get()) + offset)),
            minutes: minutes(seat.steps),
            shift: seat.shift,
            step: seat.step,
            steps: seat.steps,
        }
    }
}

impl FactView {
    /// `fact`, with what `places` knows of the facts before it.
    pub(crate) fn new(fact: &Fact, places: &Places) -> Self {
        match fact {
            Fact::PolicySet(policy) => Self::PolicySet { policy: policy_json(policy) },
            Fact::DayGenerated { day, shape } => Self::DayGenerated {
                day: (*day).into(),
                zone: shape.zone.clone(),
                step_minutes: shape.step_minutes,
                shifts: shifts_json(shape),
            },
            Fact::Released { authority, service, channel, date, offices, late } => Self::Released {
                authority: *authority,
                service: *service,
                channel: *channel,
                date: Text(*date),
                offices: offices.clone(),
                late: *late,
            },
            Fact::Booked(booked) => Self::Booked(BookedView::new(booked, places)),
            Fact::Cancelled { subject, booking, returns_at } => {
                let known = places.booking(booking);
                Self::Cancelled {
                    subject: Text(*subject),
                    booking: Text(*booking),
                    returns_at: moment(*returns_at),
                    service: known.map(|known| known.service),
                    seat: known.map(|known| places.view(&known.seat)),
                }
            }
            Fact::Returned { booking, returns_at, seat } => {
                let known = places.booking(booking);
                Self::Returned {
                    subject: known.map(|known| Text(known.subject)),
                    booking: Text(*booking),
                    returns_at: moment(*returns_at),
                    service: known.map(|known| known.service),
                    seat: places.view(seat),
                }
            }
            Fact::SessionRevoked { session, expires_at } => {
                Self::SessionRevoked { session: Text(*session), expires_at: moment(*expires_at) }
            }
            Fact::Forgotten { authority, before } => {
                Self::Forgotten { authority: *authority, before: Text(*before) }
            }
            Fact::Linked { into, from } => {
                Self::Linked { into: Text(*into), from: from.iter().copied().map(Text).collect() }
            }
            Fact::Moved(moved) => Self::Moved {
                from: Text(moved.from),
                counts: moved.counts,
                returns_at: moment(moved.returns_at),
                booked: BookedView::new(&moved.booked, places),
            },
            Fact::Concluded { subject, booking, visit, blocks } => {
                let known = places.booking(booking);
                Self::Concluded {
                    subject: Text(*subject),
                    booking: Text(*booking),
                    visit: *visit,
                    blocks: *blocks,
                    service: known.map(|known| known.service),
                    seat: known.map(|known| places.view(&known.seat)),
                }
            }
            Fact::Unblocked { subject } => Self::Unblocked { subject: Text(*subject) },
            Fact::PeppersSet { peppers } => {
                Self::PeppersSet { peppers: peppers.iter().copied().map(Text).collect() }
            }
        }
    }
}

impl BookedView {
    fn new(booked: &Booked, places: &Places) -> Self {
        let Booked { booking, subject, actor, channel, service, seat, key, fingerprint } = *booked;
        Self {
            booking: Text(booking),
            subject: Text(subject),
            actor: actor.map(Text),
            channel,
            service,
            seat: places.view(&seat),
            key: Text(key),
            fingerprint: Text(fingerprint),
        }
    }
}

/// A policy by its own serialisation, so that no field can be forgotten here, with minutes as times
/// and each limit's kind as a word beside its details.
pub(crate) fn policy_json(policy: &Policy) -> Value {
    let mut value = plain(policy);
    value["release"] = release_json(&policy.release);
    let releases = policy.releases.iter().map(|(service, release)| {
        let mut value = release_json(release);
        value["service"] = plain(service);
        value
    });
    value["releases"] = releases.collect();
    for limit in value["limits"].as_array_mut().into_iter().flatten() {
        spread_kind(limit);
    }
    value
}

fn release_json(release: &Release) -> Value {
    let mut value = plain(release);
    value["time"] = clock(release.time.get().into()).into();
    value
}

/// From `"kind": {"PerPeriod": {…}}` to `"kind": "per-period", …`.
fn spread_kind(limit: &mut Value) {
    let (name, details) = match limit["kind"].take() {
        Value::Object(kind) => kind.into_iter().next().unwrap_or_default(),
        kind => (kind.as_str().unwrap_or_default().to_owned(), Value::Null),
    };
    limit["kind"] = kebab_case(&name).into();
    if let (Some(limit), Value::Object(details)) = (limit.as_object_mut(), details) {
        limit.extend(details);
    }
}

fn kebab_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("policies are plain data with names for keys")
}

/// The shifts of a shape, masks as the times of their steps.
fn shifts_json(shape: &DayShape) -> Vec<Value> {
    let step = u32::from(shape.step_minutes);
    let shifts = shape.shifts.iter().enumerate().map(|(place, shift)| {
        let at = |steps: u8| clock(u32::from(shift.start.get()) + u32::from(steps) * step);
        let services: Vec<_> =
            shift.services.iter().map(|service| service_json(service, &at)).collect();
        json!({
            "shift": place,
            "desk": shift.desk,
            "start": at(0),
            "end": at(shift.steps),
            "steps": shift.steps,
            "services": services,
        })
    });
    shifts.collect()
}

fn service_json(service: &ServiceShape, at: &impl Fn(u8) -> String) -> Value {
    let starts: Vec<_> = Steps::from_bits(service.starts).iter().map(at).collect();
    let usable: Vec<_> = service
        .usable
        .iter()
        .map(|(channel, mask)| json!({ "channel": channel, "times": intervals(*mask, at) }))
        .collect();
    json!({
        "service": service.service,
        "steps": service.steps,
        "starts": starts,
        "usable": usable,
    })
}

/// The runs of consecutive steps as `HH:MM-HH:MM`.
fn intervals(mask: u64, at: &impl Fn(u8) -> String) -> Vec<String> {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for step in Steps::from_bits(mask).iter() {
        match runs.last_mut() {
            Some((_, end)) if *end == step => *end += 1,
            _ => runs.push((step, step + 1)),
        }
    }
    runs.into_iter().map(|(from, to)| format!("{}-{}", at(from), at(to))).collect()
}
