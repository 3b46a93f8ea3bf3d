//! What an authority offers: its services and offices, checked.
//!
//! Made from a [`crate::catalogue_file::CatalogueFile`], the only way in, so every catalogue in
//! memory can be shaped into days without failing. Must not know where the file was.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::about::{About, Alternative, Closure, Question};
use crate::calendar::{Exceptions, Intervals, WeeklyHours};
use crate::ids::{AuthorityId, DeskId, OfficeId, ServiceId};
use crate::shares::Shares;

/// One text in each language that Talon speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Ukrainian.
    pub uk: String,
    /// English.
    pub en: String,
}

/// An authority with all it offers.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The journalled id.
    pub authority: AuthorityId,
    /// The word in URLs.
    pub code: String,
    /// What people call it.
    pub name: Text,
    /// IANA name of the zone of its days and months.
    pub zone_name: String,
    /// What people ask of booking here, whatever the service.
    pub questions: Vec<Question>,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
    /// The offices, sorted by id.
    pub offices: Vec<Office>,
    office_index: HashMap<OfficeId, usize>,
}

/// What people come for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The journalled id.
    pub id: ServiceId,
    /// The word in URLs.
    pub code: String,
    /// What people call it.
    pub name: Text,
    /// How long a visit lasts.
    pub minutes: u16,
    /// Visits start on this grid, counted from a shift's first minute.
    pub grid_minutes: u16,
    /// Whether booking it online is only being tried out.
    pub test_mode: bool,
    /// What people have to know.
    pub about: About,
}

/// A part of the country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// ISO 3166-2.
    pub code: String,
    /// What people call it.
    pub name: Text,
}

/// A place that people visit.
#[derive(Clone, Debug)]
pub struct Office {
    /// The public number, journalled.
    pub id: OfficeId,
    /// What people call it.
    pub name: Text,
    /// Where in the country.
    pub region: Region,
    /// Where in the town.
    pub address: Text,
    /// IANA name of its zone.
    pub zone_name: String,
    /// Its zone.
    pub zone: TimeZone,
    /// Length of a step: 5, 10 or 15 minutes.
    pub step_minutes: u8,
    /// How its days are shared between the channels.
    pub shares: Shares,
    /// Its desks, sorted by id.
    pub desks: Vec<Desk>,
    /// Dates with hours of their own, those of the closures among them.
    pub exceptions: Exceptions,
    /// Periods in which it is closed or works less, by their first date.
    pub closures: Vec<Closure>,
    /// Who else there is when it offers nothing.
    pub alternatives: Vec<Alternative>,
    /// Whom to call.
    pub phones: Vec<String>,
}

/// A workplace in an office.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Unique within the office.
    pub id: DeskId,
    /// What it is qualified for, sorted.
    pub services: Vec<ServiceId>,
    /// When it works.
    pub hours: WeeklyHours,
    /// When it rests.
    pub breaks: Intervals,
}

impl Catalogue {
    pub(crate) fn assemble(
        authority: crate::catalogue_file::AuthorityFile,
        services: Vec<Service>,
        mut offices: Vec<Office>,
    ) -> Self {
        offices.sort_by_key(|office| office.id);
        let office_index =
            offices.iter().enumerate().map(|(index, office)| (office.id, index)).collect();
        Self {
            authority: authority.id,
            code: authority.code,
            name: authority.name,
            zone_name: authority.zone,
            questions: authority.questions,
            services,
            offices,
            office_index,
        }
    }

    /// The office with this public number.
    pub fn office(&self, id: OfficeId) -> Option<&Office> {
        self.office_index.get(&id).map(|index| &self.offices[*index])
    }

    /// The service with this id.
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The service with this code.
    pub fn service_by_code(&self, code: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.code == code)
    }
}

impl Office {
    /// Whether any desk here serves `service`.
    pub fn offers(&self, service: ServiceId) -> bool {
        self.desks.iter().any(|desk| desk.services.contains(&service))
    }
}

/// How many steps `minutes` are; catalogues hold whole steps only.
pub(crate) fn steps_of(minutes: u16, step_minutes: u8) -> u8 {
    u8::try_from(minutes / u16::from(step_minutes)).expect("catalogues bound the length of visits")
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
pub(crate) mod tests;
