//! What the API shows: JSON of authorities, offices, days, starts and bookings.
//!
//! Each view is also a schema of the API's description. Must not decide anything; names come from
//! the catalogue, facts from the ledger.

use std::fmt;

use serde::{Serialize, Serializer};
use talon_domain::about::{About, Alternative, Closure, Question};
use talon_domain::booking::Subject;
use talon_domain::catalogue::{Catalogue, Region, Text};
use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{BookingId, Channel};
use talon_ledger::core::Authority;
use talon_pow::Difficulty;
use talon_wire::{BookingState, BookingView, DayView, StartsView};
use utoipa::ToSchema;

use crate::app::App;
use crate::openapi::schemas;
use crate::slow_lane::Ticket;

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Booking)]
pub struct BookingJson<'a> {
    /// Its number.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    id: BookingId,
    /// The authority's code.
    #[schema(example = "mvs")]
    authority: &'a str,
    /// The office's number.
    #[schema(example = 8041)]
    office: u32,
    /// The service's code.
    #[schema(example = "practical-exam")]
    service: &'a str,
    /// The date of the visit, where the office is.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    date: CivilDate,
    /// The time of the visit, where the office is.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "09:20")]
    time: Minute,
    /// How long the visit takes, in minutes.
    #[schema(example = 20)]
    minutes: u16,
    /// The moment at which the visit begins, in UTC.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T07:20:00Z")]
    starts_at: UtcMicros,
    /// The office's time zone.
    #[schema(example = "Europe/Kyiv")]
    zone: &'a str,
    /// What has become of it.
    #[schema(value_type = schemas::State)]
    state: BookingState,
    /// Whose quota counts.
    #[serde(rename = "for")]
    #[schema(value_type = String, example = "person")]
    subject: Subject,
    /// By which channel it was booked.
    #[schema(value_type = String, example = "web")]
    channel: Channel,
    /// Until when it may be cancelled, in UTC.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T05:20:00Z")]
    cancel_until: UtcMicros,
    /// Until when it may be moved, in UTC; nothing when it cannot be moved at all.
    #[serde(serialize_with = "as_text_or_null")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T05:20:00Z")]
    move_until: Option<UtcMicros>,
}

/// All bookings of a person.
#[derive(Serialize, ToSchema)]
#[schema(as = Bookings)]
pub struct BookingsJson<'a> {
    /// By visit.
    pub bookings: Vec<BookingJson<'a>>,
}

/// A login.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionJson<'a> {
    /// The codes of the authorities at which it is good.
    pub authorities: Vec<&'a str>,
    /// Whether bookings can be made for a legal entity.
    pub entity: bool,
    /// When it ends, in Unix seconds.
    #[schema(example = 1_796_108_400_u64)]
    pub expires_at_s: u64,
}

impl<'a> BookingJson<'a> {
    /// What the owner of `view` sees.
    pub fn new(app: &'a App, view: &'a BookingView) -> Self {
        let authority = app.authority_by_id(view.authority);
        Self {
            id: view.id,
            authority: authority.map_or("", |authority| authority.catalogue.code.as_str()),
            office: view.office.0,
            service: app.service_code(view.authority, view.service),
            date: view.date,
            time: view.start,
            minutes: view.minutes,
            starts_at: view.starts_at,
            zone: &view.zone,
            state: view.state,
            subject: view.subject,
            channel: view.channel,
            cancel_until: view.cancel_until,
            move_until: view.move_until,
        }
    }
}

/// A promise to book without a proof from a moment on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Promise)]
pub struct SlowLaneJson<'a> {
    /// To be sent as `altcha`; again after a refusal, while it is good.
    #[schema(example = "slow-lane.1.x.y")]
    altcha: &'a str,
    /// From when on it is good, in Unix seconds.
    #[schema(example = 1_796_108_400_u64)]
    ready_at_s: u64,
}

impl<'a> SlowLaneJson<'a> {
    /// What the client of a promise sees.
    pub fn new(ticket: &'a Ticket) -> Self {
        Self { altcha: &ticket.text, ready_at_s: ticket.ready_at_s }
    }
}

/// What a service asks for now and at its next release.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proof)]
pub struct ProofJson {
    /// Whether somebody without refusals needs a proof now.
    needed_now: bool,
    /// Around a release: its moment and what it asks for, which is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    release: Option<ReleaseProofJson>,
    /// For devices that cannot compute: so many minutes of waiting instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 30)]
    slow_lane_minutes: Option<u16>,
}

/// What a release asks for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReleaseProof)]
pub struct ReleaseProofJson {
    /// Its moment, in UTC.
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T04:00:00Z")]
    opens_at: String,
    /// As the challenge names it.
    #[schema(example = "PBKDF2/SHA-256")]
    algorithm: String,
    /// Rounds of one try.
    #[schema(example = 400)]
    cost: u32,
    /// What the derived key must start with, in hexadecimal.
    #[schema(example = "00")]
    key_prefix: String,
    /// Rounds of all tries, on average.
    expected_rounds: u64,
    /// How long a cheap phone computes on average, in milliseconds.
    phone_mean_ms: u64,
}

impl ProofJson {
    /// What `difficulty`, fixed for a release at a moment, and the policy say.
    pub fn new(
        needed_now: bool,
        release: Option<(UtcMicros, &Difficulty)>,
        slow_lane_minutes: Option<u16>,
    ) -> Self {
        let release = release.map(|(opens_at, difficulty)| ReleaseProofJson {
            opens_at: opens_at.to_string(),
            algorithm: difficulty.algorithm().to_string(),
            cost: difficulty.cost(),
            key_prefix: difficulty.key_prefix().to_owned(),
            expected_rounds: difficulty.expected_rounds(),
            phone_mean_ms: difficulty.phone_mean_ms(),
        });
        Self { needed_now, release, slow_lane_minutes }
    }
}

/// An authority.
#[derive(Serialize, ToSchema)]
#[schema(as = Authority)]
pub struct AuthorityJson<'a> {
    #[schema(example = "mvs")]
    code: &'a str,
    #[schema(value_type = schemas::Text)]
    name: &'a Text,
    /// The time zone of its rules.
    #[schema(example = "Europe/Kyiv")]
    zone: &'a str,
    /// What people ask of booking here, whatever the service.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<schemas::Question>, required = false)]
    questions: &'a [Question],
}

/// All authorities.
#[derive(Serialize, ToSchema)]
#[schema(as = Authorities)]
pub struct AuthoritiesJson<'a> {
    authorities: Vec<AuthorityJson<'a>>,
}

/// A service of an authority.
#[derive(Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceJson<'a> {
    #[schema(example = "practical-exam")]
    code: &'a str,
    #[schema(value_type = schemas::Text)]
    name: &'a Text,
    /// How long a visit takes, in minutes.
    #[schema(example = 20)]
    minutes: u16,
    /// Whether a booking needs a proof of work from `/api/v1/challenge`.
    proof: bool,
    /// Whether the service is being tried out.
    test_mode: bool,
    release: ReleaseJson<'a>,
    /// What people have to know.
    #[serde(skip_serializing_if = "About::is_empty")]
    #[schema(value_type = schemas::About, required = false)]
    about: &'a About,
}

/// When dates open.
#[derive(Serialize, ToSchema)]
#[schema(as = Release)]
pub struct ReleaseJson<'a> {
    /// So many days before the date.
    #[schema(example = 21)]
    days_ahead: u16,
    /// At this time.
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "06:00")]
    time: String,
    /// In this time zone.
    #[schema(example = "Europe/Kyiv")]
    zone: &'a str,
}

/// All services of an authority.
#[derive(Serialize, ToSchema)]
#[schema(as = Services)]
pub struct ServicesJson<'a> {
    services: Vec<ServiceJson<'a>>,
}

/// An office of an authority.
#[derive(Serialize, ToSchema)]
#[schema(as = Office)]
pub struct OfficeJson<'a> {
    #[schema(example = 8041)]
    id: u32,
    #[schema(value_type = schemas::Text)]
    name: &'a Text,
    #[schema(value_type = schemas::Region)]
    region: &'a Region,
    #[schema(value_type = schemas::Text)]
    address: &'a Text,
    #[schema(example = "Europe/Kyiv")]
    zone: &'a str,
    /// The codes of what it offers.
    services: Vec<&'a str>,
    /// Whom to call.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    phones: &'a [String],
    /// Who else does what the office does.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<schemas::Alternative>, required = false)]
    alternatives: &'a [Alternative],
    /// When it is closed, or open for some hours only.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<schemas::Closure>, required = false)]
    closures: &'a [Closure],
}

/// All offices of an authority.
#[derive(Serialize, ToSchema)]
#[schema(as = Offices)]
pub struct OfficesJson<'a> {
    offices: Vec<OfficeJson<'a>>,
}

/// One date of an office for a service.
#[derive(Serialize, ToSchema)]
#[schema(as = Day)]
pub struct DayJson {
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    date: String,
    /// How many visits still fit.
    #[schema(example = 12)]
    free: u32,
    /// Whether it may be booked.
    open: bool,
    /// When it opens, in UTC, when that is known and yet to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-10T04:00:00Z")]
    opens_at: Option<String>,
    /// Whether it opens later than planned; only while it is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    late: Option<bool>,
}

/// The dates of an office for a service.
#[derive(Serialize, ToSchema)]
#[schema(as = Days)]
pub struct DaysJson<'a> {
    #[schema(example = 8041)]
    office: u32,
    #[schema(example = "practical-exam")]
    service: &'a str,
    days: Vec<DayJson>,
}

/// A time at which a visit still fits.
#[derive(Serialize, ToSchema)]
#[schema(as = Start)]
pub struct StartJson {
    #[schema(value_type = String, pattern = "^[0-2][0-9]:[0-5][0-9]$", example = "09:20")]
    time: String,
    /// At how many desks.
    #[schema(example = 2)]
    free: u16,
}

/// The free times of one date.
#[derive(Serialize, ToSchema)]
#[schema(as = Starts)]
pub struct StartsJson<'a> {
    #[schema(example = 8041)]
    office: u32,
    #[schema(example = "practical-exam")]
    service: &'a str,
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    date: &'a str,
    /// Whether it may be booked.
    open: bool,
    /// When it opens, in UTC, when that is known and yet to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-10T04:00:00Z")]
    opens_at: Option<String>,
    /// Whether it opens later than planned; only while it is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    late: Option<bool>,
    starts: Vec<StartJson>,
}

/// The list of authorities.
pub fn authorities<'a>(authorities: impl Iterator<Item = &'a Catalogue>) -> Vec<u8> {
    let mut list: Vec<_> = authorities
        .map(|catalogue| AuthorityJson {
            code: &catalogue.code,
            name: &catalogue.name,
            zone: &catalogue.zone_name,
            questions: &catalogue.questions,
        })
        .collect();
    list.sort_by_key(|authority| authority.code);
    json(&AuthoritiesJson { authorities: list })
}

/// The services of an authority.
pub fn services(authority: &Authority) -> Vec<u8> {
    let services = authority.catalogue.services.iter().map(|service| {
        let release = authority.policy.release(service.id, Channel::Web);
        ServiceJson {
            code: &service.code,
            name: &service.name,
            minutes: service.minutes,
            proof: release.proof.is_some(),
            test_mode: service.test_mode,
            about: &service.about,
            release: ReleaseJson {
                days_ahead: release.days_ahead,
                time: release.time.to_string(),
                zone: &release.zone,
            },
        }
    });
    json(&ServicesJson { services: services.collect() })
}

/// The offices of an authority.
pub fn offices(catalogue: &Catalogue) -> Vec<u8> {
    let offices = catalogue.offices.iter().map(|office| OfficeJson {
        id: office.id.0,
        name: &office.name,
        region: &office.region,
        address: &office.address,
        zone: &office.zone_name,
        services: catalogue
            .services
            .iter()
            .filter(|service| office.offers(service.id))
            .map(|service| service.code.as_str())
            .collect(),
        phones: &office.phones,
        alternatives: &office.alternatives,
        closures: &office.closures,
    });
    json(&OfficesJson { offices: offices.collect() })
}

/// The days of an office for a service.
pub fn days(office: u32, service: &str, days: &[DayView]) -> Vec<u8> {
    let days = days.iter().map(|day| DayJson {
        date: day.date.to_string(),
        free: day.free,
        open: day.release.is_none(),
        opens_at: day.release.and_then(|release| release.opens_at).map(|at| at.to_string()),
        late: day.release.map(|release| release.late),
    });
    json(&DaysJson { office, service, days: days.collect() })
}

/// The starts of one date.
pub fn starts(office: u32, service: &str, date: &str, view: &StartsView) -> Vec<u8> {
    let starts = view
        .free
        .iter()
        .map(|free| StartJson { time: free.start.to_string(), free: free.desks })
        .collect();
    json(&StartsJson {
        office,
        service,
        date,
        open: view.release.is_none(),
        opens_at: view.release.and_then(|release| release.opens_at).map(|at| at.to_string()),
        late: view.release.map(|release| release.late),
        starts,
    })
}

/// As it is shown, without a text of its own in between.
fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_text_or_null<S: Serializer>(
    value: &Option<impl fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => as_text(value, serializer),
        None => serializer.serialize_none(),
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our answers are plain data")
}
