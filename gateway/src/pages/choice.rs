//! What a page's address says has been chosen: service, office, date, time.
//!
//! Owns the addresses of the booking pages, both ways. Must not know what is free.

use talon_domain::catalogue::{Catalogue, Office, Service};
use talon_domain::civil::{CivilDate, Minute};
use talon_domain::policy::CompiledPolicy;
use talon_wire::Place;

use super::frame::Crumb;
use super::words::{Words, is_home};
use crate::app::App;
use crate::http::problem::Problem;

/// The start of all addresses on the way to a booking.
const BOOK: &str = "/book";

/// A service that was chosen.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'a> {
    /// Whose it is.
    pub(super) catalogue: &'a Catalogue,
    /// By which rules it is given out.
    pub(super) policy: &'a CompiledPolicy,
    /// The service.
    pub(super) service: &'a Service,
}

impl<'a> Chosen<'a> {
    /// By the words of an address.
    ///
    /// # Errors
    /// [`Problem::UnknownAuthority`], [`Problem::UnknownService`].
    pub(super) fn find(app: &'a App, authority: &str, service: &str) -> Result<Self, Problem> {
        let authority = app.authority(authority)?;
        let catalogue = &*authority.catalogue;
        let service = catalogue.service_by_code(service).ok_or(Problem::UnknownService)?;
        Ok(Self { catalogue, policy: &authority.policy, service })
    }

    /// The address of the choice of an office.
    pub(super) fn path(&self) -> String {
        format!("{BOOK}/{}/{}", self.catalogue.code, self.service.code)
    }

    /// The choices made so far.
    pub(super) fn trail(&self, words: Words<'_>) -> Vec<Crumb> {
        let label = words.name(&self.service.name).to_owned();
        vec![Crumb { label, href: "/".to_owned() }]
    }
}

/// A service at an office.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    /// The service.
    pub(super) chosen: Chosen<'a>,
    /// The office.
    pub(super) office: &'a Office,
    /// Both, as the ledger names them.
    pub(super) place: Place,
}

impl<'a> Spot<'a> {
    /// By the words of an address.
    ///
    /// # Errors
    /// As [`Chosen::find`], and [`Problem::UnknownOffice`].
    pub(super) fn find(
        app: &'a App,
        authority: &str,
        service: &str,
        office: &str,
    ) -> Result<Self, Problem> {
        let number = office.parse().map_err(|_| Problem::UnknownOffice)?;
        let chosen = Chosen::find(app, authority, service)?;
        let place = app.place(authority, number, service)?;
        let office = chosen.catalogue.office(place.office).ok_or(Problem::UnknownOffice)?;
        Ok(Self { chosen, office, place })
    }

    /// By a whole address of which at least the office is known; for ways on from a refusal.
    pub(super) fn of_path(app: &'a App, path: &str) -> Option<(Self, Option<CivilDate>)> {
        let mut parts = path.strip_prefix(BOOK)?.strip_prefix('/')?.split('/');
        let (authority, service, office) = (parts.next()?, parts.next()?, parts.next()?);
        let spot = Self::find(app, authority, service, office).ok()?;
        Some((spot, parts.next().and_then(|date| date.parse().ok())))
    }

    /// The address of the choice of a day.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.chosen.path(), self.office.id)
    }

    /// The address of the choice of a time.
    pub(super) fn day_path(&self, date: CivilDate) -> String {
        format!("{}/{date}", self.path())
    }

    /// The address of the confirming page.
    pub(super) fn start_path(&self, date: CivilDate, start: Minute) -> String {
        format!("{}/{start}", self.day_path(date))
    }

    /// The choices made so far.
    pub(super) fn trail(&self, words: Words<'_>) -> Vec<Crumb> {
        let mut trail = self.chosen.trail(words);
        let label = words.name(&self.office.name).to_owned();
        trail.push(Crumb { label, href: self.chosen.path() });
        trail
    }

    /// The choices made so far, with the day.
    pub(super) fn trail_to(&self, words: Words<'_>, date: CivilDate) -> Vec<Crumb> {
        let mut trail = self.trail(words);
        trail.push(Crumb { label: words.day_and_month(date), href: self.path() });
        trail
    }

    /// Whose clocks the times are by; empty where nobody would ask.
    pub(super) fn zone_note(&self, words: Words<'_>, date: CivilDate) -> String {
        let zone = &self.office.zone;
        if is_home(zone) {
            return String::new();
        }
        let noon = Minute::new(12 * 60).expect("noon is a minute");
        let at = talon_domain::civil::resolve(zone, date, noon);
        words.with("zone-note", [("zone", words.zone(zone, at).into())])
    }
}

/// The date of an address.
///
/// # Errors
/// [`Problem::NotFound`].
pub(super) fn date(text: &str) -> Result<CivilDate, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

/// The time of an address.
///
/// # Errors
/// [`Problem::NotFound`].
pub(super) fn start(text: &str) -> Result<Minute, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}
