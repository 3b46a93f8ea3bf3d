//! What the API shows: JSON of authorities, offices, days, starts and bookings.
//!
//! Must not decide anything; names come from the catalogue, facts from the ledger.

use serde::Serialize;
use talon_domain::about::{About, Alternative, Closure};
use talon_domain::booking::Subject;
use talon_domain::catalogue::{Catalogue, Region, Text};
use talon_domain::civil::UtcMicros;
use talon_domain::ids::Channel;
use talon_ledger::core::Authority;
use talon_pow::Difficulty;
use talon_wire::{BookingState, BookingView, DayView, StartsView};

use crate::app::App;
use crate::slow_lane::Ticket;

/// A booking.
#[derive(Debug, Serialize)]
pub struct BookingJson<'a> {
    id: String,
    authority: &'a str,
    office: u32,
    service: &'a str,
    date: String,
    time: String,
    minutes: u16,
    starts_at: String,
    zone: &'a str,
    state: BookingState,
    /// Whose quota counts.
    #[serde(rename = "for")]
    subject: Subject,
    channel: Channel,
    cancel_until: String,
    /// Nothing when it cannot be moved at all.
    move_until: Option<String>,
}

impl<'a> BookingJson<'a> {
    /// What the owner of `view` sees.
    pub fn new(app: &'a App, view: &'a BookingView) -> Self {
        let authority = app.authority_by_id(view.authority);
        Self {
            id: view.id.to_string(),
            authority: authority.map_or("", |authority| authority.catalogue.code.as_str()),
            office: view.office.0,
            service: app.service_code(view.authority, view.service),
            date: view.date.to_string(),
            time: view.start.to_string(),
            minutes: view.minutes,
            starts_at: view.starts_at.to_string(),
            zone: &view.zone,
            state: view.state,
            subject: view.subject,
            channel: view.channel,
            cancel_until: view.cancel_until.to_string(),
            move_until: view.move_until.map(|until| until.to_string()),
        }
    }
}

/// A promise to book without a proof from a moment on.
#[derive(Debug, Serialize)]
pub struct SlowLaneJson<'a> {
    /// To be sent as `altcha`.
    altcha: &'a str,
    ready_at_s: u64,
}

impl<'a> SlowLaneJson<'a> {
    /// What the client of a promise sees.
    pub fn new(ticket: &'a Ticket) -> Self {
        Self { altcha: &ticket.text, ready_at_s: ticket.ready_at_s }
    }
}

/// What a service asks for now and at its next release.
#[derive(Debug, Serialize)]
pub struct ProofJson {
    /// Whether somebody without refusals needs a proof now.
    needed_now: bool,
    /// Around a release: its moment and what it asks for, which is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseProofJson>,
    /// For devices that cannot compute: so many minutes of waiting instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_lane_minutes: Option<u16>,
}

#[derive(Debug, Serialize)]
struct ReleaseProofJson {
    opens_at: String,
    algorithm: String,
    cost: u32,
    key_prefix: String,
    expected_rounds: u64,
    /// On average, on a cheap phone.
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

#[derive(Serialize)]
struct AuthorityJson<'a> {
    code: &'a str,
    name: &'a Text,
    zone: &'a str,
}

#[derive(Serialize)]
struct ServiceJson<'a> {
    code: &'a str,
    name: &'a Text,
    minutes: u16,
    proof: bool,
    test_mode: bool,
    release: ReleaseJson<'a>,
    #[serde(skip_serializing_if = "About::is_empty")]
    about: &'a About,
}

#[derive(Serialize)]
struct ReleaseJson<'a> {
    days_ahead: u16,
    time: String,
    zone: &'a str,
}

#[derive(Serialize)]
struct OfficeJson<'a> {
    id: u32,
    name: &'a Text,
    region: &'a Region,
    address: &'a Text,
    zone: &'a str,
    services: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    phones: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alternatives: &'a [Alternative],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    closures: &'a [Closure],
}

/// The list of authorities.
pub fn authorities<'a>(authorities: impl Iterator<Item = &'a Catalogue>) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        authorities: Vec<AuthorityJson<'a>>,
    }
    let mut list: Vec<_> = authorities
        .map(|catalogue| AuthorityJson {
            code: &catalogue.code,
            name: &catalogue.name,
            zone: &catalogue.zone_name,
        })
        .collect();
    list.sort_by_key(|authority| authority.code);
    json(&List { authorities: list })
}

/// The services of an authority.
pub fn services(authority: &Authority) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        services: Vec<ServiceJson<'a>>,
    }
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
    json(&List { services: services.collect() })
}

/// The offices of an authority.
pub fn offices(catalogue: &Catalogue) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        offices: Vec<OfficeJson<'a>>,
    }
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
    json(&List { offices: offices.collect() })
}

/// The days of an office for a service.
pub fn days(office: u32, service: &str, days: &[DayView]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Day {
        date: String,
        free: u32,
        open: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        opens_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        late: Option<bool>,
    }
    #[derive(Serialize)]
    struct Days<'a> {
        office: u32,
        service: &'a str,
        days: Vec<Day>,
    }
    let days = days.iter().map(|day| Day {
        date: day.date.to_string(),
        free: day.free,
        open: day.release.is_none(),
        opens_at: day.release.and_then(|release| release.opens_at).map(|at| at.to_string()),
        late: day.release.map(|release| release.late),
    });
    json(&Days { office, service, days: days.collect() })
}

/// The starts of one date.
pub fn starts(office: u32, service: &str, date: &str, view: &StartsView) -> Vec<u8> {
    #[derive(Serialize)]
    struct Start {
        time: String,
        free: u16,
    }
    #[derive(Serialize)]
    struct Starts<'a> {
        office: u32,
        service: &'a str,
        date: &'a str,
        open: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        opens_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        late: Option<bool>,
        starts: Vec<Start>,
    }
    let starts = view
        .free
        .iter()
        .map(|free| Start { time: free.start.to_string(), free: free.desks })
        .collect();
    json(&Starts {
        office,
        service,
        date,
        open: view.release.is_none(),
        opens_at: view.release.and_then(|release| release.opens_at).map(|at| at.to_string()),
        late: view.release.map(|release| release.late),
        starts,
    })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our answers are plain data")
}
