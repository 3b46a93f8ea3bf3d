//! What a page's address says has been chosen: service, office, date, time; and whether it is to move
//! a booking there, `?move=ID`.
//!
//! Owns the addresses of the booking pages, both ways. Must not know what is free.

use http::Uri;
use serde::Deserialize;
use talon_domain::catalogue::{Catalogue, Office, Service};
use talon_domain::civil::{CivilDate, Minute};
use talon_domain::ids::{BookingId, OfficeId};
use talon_domain::policy::CompiledPolicy;
use talon_wire::{BookingView, Place};

use super::frame::Crumb;
use super::tickets;
use super::words::{Words, is_home};
use crate::app::App;
use crate::http::problem::Problem;

/// The start of all addresses on the way to a booking.
const BOOK: &str = "/book";

/// The address of the choice of a service.
pub(super) fn authority_path(catalogue: &Catalogue) -> String {
    format!("{BOOK}/{}", catalogue.code)
}

/// The address of what people ask of an authority, whatever the service.
pub(super) fn questions_path(catalogue: &Catalogue) -> String {
    format!("{}#questions", authority_path(catalogue))
}

/// A service that was chosen.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'a> {
    /// Whose it is.
    pub(super) catalogue: &'a Catalogue,
    /// By which rules it is given out.
    pub(super) policy: &'a CompiledPolicy,
    /// The service.
    pub(super) service: &'a Service,
    /// The booking that is to be moved.
    pub(super) moving: Option<BookingId>,
}

impl<'a> Chosen<'a> {
    /// By the words of an address.
    ///
    /// # Errors
    /// [`Problem::UnknownAuthority`], [`Problem::UnknownService`].
    pub(super) fn find(
        app: &'a App,
        authority: &str,
        service: &str,
        moving: Option<BookingId>,
    ) -> Result<Self, Problem> {
        let authority = app.authority(authority)?;
        let catalogue = &*authority.catalogue;
        let service = catalogue.service_by_code(service).ok_or(Problem::UnknownService)?;
        Ok(Self { catalogue, policy: &authority.policy, service, moving })
    }

    /// The address of the choice of an office.
    pub(super) fn path(&self) -> String {
        self.address("")
    }

    /// The address of the choice of a day at an office.
    pub(super) fn office_path(&self, office: OfficeId) -> String {
        self.address(&format!("/{office}"))
    }

    fn address(&self, rest: &str) -> String {
        let move_part = self.moving.map_or_else(String::new, |id| format!("?move={id}"));
        format!("{BOOK}/{}/{}{rest}{move_part}", self.catalogue.code, self.service.code)
    }

    /// The choices made so far. What a booking is for cannot be changed by moving it.
    pub(super) fn trail(&self, words: Words<'_>) -> Vec<Crumb> {
        let label = words.name(&self.service.name).to_owned();
        let back = || authority_path(self.catalogue);
        vec![Crumb { label, href: self.moving.map_or_else(back, tickets::path) }]
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
        moving: Option<BookingId>,
    ) -> Result<Self, Problem> {
        let number = office.parse().map_err(|_| Problem::UnknownOffice)?;
        let chosen = Chosen::find(app, authority, service, moving)?;
        let place = app.place(authority, number, service)?;
        let office = chosen.catalogue.office(place.office).ok_or(Problem::UnknownOffice)?;
        Ok(Self { chosen, office, place })
    }

    /// By a whole address of which at least the office is known; for ways on from a refusal.
    pub(super) fn of_address(app: &'a App, uri: &Uri) -> Option<(Self, Option<CivilDate>)> {
        let mut parts = uri.path().strip_prefix(BOOK)?.strip_prefix('/')?.split('/');
        let (authority, service, office) = (parts.next()?, parts.next()?, parts.next()?);
        let spot = Self::find(app, authority, service, office, moving(uri).ok()?).ok()?;
        Some((spot, parts.next().and_then(|date| date.parse().ok())))
    }

    /// Where a booking is, to move it; nothing when the place has left the catalogue.
    pub(super) fn to_move(app: &'a App, booking: &BookingView) -> Option<Self> {
        let catalogue = &app.authority_by_id(booking.authority)?.catalogue;
        let service = catalogue.service(booking.service)?;
        let office = booking.office.to_string();
        Self::find(app, &catalogue.code, &service.code, &office, Some(booking.id)).ok()
    }

    /// The address of the choice of a day.
    pub(super) fn path(&self) -> String {
        self.chosen.office_path(self.office.id)
    }

    /// The address of the choice of a time.
    pub(super) fn day_path(&self, date: CivilDate) -> String {
        self.chosen.address(&format!("/{}/{date}", self.office.id))
    }

    /// The address of the confirming page.
    pub(super) fn start_path(&self, date: CivilDate, start: Minute) -> String {
        self.chosen.address(&format!("/{}/{date}/{start}", self.office.id))
    }

    /// The address of the page that waits for a date's release, without anything else: forms add it.
    pub(super) fn ready_address(&self, date: CivilDate) -> String {
        let Chosen { catalogue, service, .. } = self.chosen;
        format!("{BOOK}/{}/{}/{}/{date}/ready", catalogue.code, service.code, self.office.id)
    }

    /// The address of the page that waits for a date's release, with the times wished for.
    pub(super) fn ready_path(&self, date: CivilDate, wishes: &[Minute]) -> String {
        let mut path = self.chosen.address(&format!("/{}/{date}/ready", self.office.id));
        for wish in wishes {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&format!("wish={wish}"));
        }
        path
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

/// The booking that is to be moved, where an address says so.
///
/// # Errors
/// [`Problem::NotFound`]: whoever wants to move must not book once more by mistake.
pub(super) fn moving(uri: &Uri) -> Result<Option<BookingId>, Problem> {
    #[derive(Deserialize)]
    struct Query {
        #[serde(rename = "move")]
        booking: Option<String>,
    }
    let query: Query =
        serde_urlencoded::from_str(uri.query().unwrap_or("")).map_err(|_| Problem::NotFound)?;
    query.booking.map(|id| id.parse().map_err(|_| Problem::NotFound)).transpose()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_booking_moves_or_is_wrong() {
        let said = |query: &str| moving(&format!("/book/a/b/1?{query}").parse().unwrap());
        let id = BookingId([0xa7; 16]);
        assert_eq!(said(&format!("move={id}")), Ok(Some(id)));
        assert_eq!(said(&format!("q=x&move={id}")), Ok(Some(id)));
        assert_eq!(said("q=x"), Ok(None));
        for wrong in ["move=", "move=x", &format!("move={id}0"), &format!("move={id}&move={id}")] {
            assert_eq!(said(wrong), Err(Problem::NotFound), "{wrong}");
        }
    }
}
