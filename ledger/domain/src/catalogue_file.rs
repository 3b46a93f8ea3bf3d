//! The file form of a catalogue, and its checks.
//!
//! Every refusal names the office, desk or key at fault. Must not know TOML or paths: whoever
//! reads the file adds those.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::about::{self, About, Alternative, Closure, ClosureFile, Question};
use crate::calendar::{Exceptions, Intervals, WeeklyHours};
use crate::catalogue::{Catalogue, Desk, Office, Region, Service, Text};
pub use crate::catalogue_error::BadCatalogue;
use crate::civil::CivilDate;
use crate::ids::{AuthorityId, DeskId, OfficeId, ServiceId};
use crate::shape::{
    MAX_OFFERS_PER_DAY, MAX_SERVICES_PER_OFFICE, MAX_SHIFTS_PER_DAY, MAX_STEPS_PER_SHIFT,
    ShiftTooLong,
};
use crate::shares::Shares;
use crate::suggest::nearest;

/// Most offices of one authority.
pub const MAX_OFFICES: usize = 10_000;
/// Most services of one authority.
pub const MAX_SERVICES: usize = 256;
/// Most desks of one office.
pub const MAX_DESKS_PER_OFFICE: usize = 256;
/// The steps that offices may count in, in minutes.
pub const STEP_MINUTES: [u8; 3] = [5, 10, 15];

/// A whole catalogue file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueFile {
    authority: AuthorityFile,
    #[serde(rename = "service")]
    services: Vec<ServiceFile>,
    #[serde(rename = "region")]
    regions: Vec<Region>,
    #[serde(rename = "profile")]
    profiles: Vec<ProfileFile>,
    #[serde(rename = "office")]
    offices: Vec<OfficeFile>,
}

/// Who offers it all.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorityFile {
    pub(crate) id: AuthorityId,
    pub(crate) code: String,
    pub(crate) zone: String,
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) questions: Vec<Question>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    id: ServiceId,
    code: String,
    name: Text,
    minutes: u16,
    grid_minutes: u16,
    #[serde(default)]
    test_mode: bool,
    #[serde(default)]
    about: About,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    code: String,
    step_minutes: u8,
    hours: HoursFile,
    #[serde(default)]
    breaks: Vec<String>,
    shares: Option<Shares>,
    desks: Vec<DeskFile>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HoursFile {
    mon: Vec<String>,
    tue: Vec<String>,
    wed: Vec<String>,
    thu: Vec<String>,
    fri: Vec<String>,
    sat: Vec<String>,
    sun: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskFile {
    id: DeskId,
    services: Vec<String>,
    hours: Option<HoursFile>,
    breaks: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfficeFile {
    id: OfficeId,
    name: Text,
    region: String,
    address: Text,
    profile: String,
    zone: Option<String>,
    #[serde(default)]
    exceptions: Vec<ExceptionFile>,
    #[serde(default)]
    closures: Vec<ClosureFile>,
    #[serde(default)]
    alternatives: Vec<Alternative>,
    #[serde(default)]
    phones: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionFile {
    date: String,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    hours: Vec<String>,
}

pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

fn unknown<'a>(
    at: impl Into<String>,
    what: &'static str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> BadCatalogue {
    BadCatalogue::Unknown {
        at: at.into(),
        what,
        name: name.to_owned(),
        nearest: nearest(name, known).map(str::to_owned),
    }
}

impl TryFrom<CatalogueFile> for Catalogue {
    type Error = BadCatalogue;

    fn try_from(file: CatalogueFile) -> Result<Self, BadCatalogue> {
        bounded("catalogue", "offices", file.offices.len(), MAX_OFFICES)?;
        bounded("catalogue", "services", file.services.len(), MAX_SERVICES)?;
        unique("office", file.offices.iter().map(|office| office.id.to_string()))?;
        unique("service", file.services.iter().map(|service| service.id.to_string()))?;
        unique("service", file.services.iter().map(|service| service.code.clone()))?;
        unique("region", file.regions.iter().map(|region| region.code.clone()))?;
        unique("profile", file.profiles.iter().map(|profile| profile.code.clone()))?;
        zone("authority", &file.authority.zone)?;
        about::check_questions("authority", &file.authority.questions)?;
        let services = file.services.iter().map(service).collect::<Result<Vec<_>, _>>()?;
        let offices = file
            .offices
            .iter()
            .map(|office| OfficeReader { file: &file, services: &services, office }.read())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::assemble(file.authority, services, offices))
    }
}

fn bounded(at: &str, what: &'static str, count: usize, max: usize) -> Result<(), BadCatalogue> {
    if count <= max {
        Ok(())
    } else {
        Err(BadCatalogue::TooMany { at: at.to_owned(), what, count, max })
    }
}

fn unique(what: &'static str, ids: impl Iterator<Item = String>) -> Result<(), BadCatalogue> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if seen.contains(&id) {
            return Err(BadCatalogue::Twice { what, id });
        }
        seen.insert(id);
    }
    Ok(())
}

fn zone(at: &str, name: &str) -> Result<TimeZone, BadCatalogue> {
    TimeZone::get(name).map_err(|_| BadCatalogue::Value {
        at: at.to_owned(),
        problem: format!("no IANA zone `{name}`; an example is Europe/Kyiv"),
    })
}

fn service(file: &ServiceFile) -> Result<Service, BadCatalogue> {
    if file.minutes == 0 || file.grid_minutes == 0 {
        return Err(BadCatalogue::Value {
            at: format!("service {}", file.code),
            problem: "minutes and grid_minutes are at least one step".to_owned(),
        });
    }
    file.about.check(&format!("service {}", file.code))?;
    Ok(Service {
        id: file.id,
        code: file.code.clone(),
        name: file.name.clone(),
        minutes: file.minutes,
        grid_minutes: file.grid_minutes,
        test_mode: file.test_mode,
        about: file.about.clone(),
    })
}

fn intervals(at: &str, texts: &[String]) -> Result<Intervals, BadCatalogue> {
    let list = texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| BadCatalogue::Interval { at: at.to_owned(), source })?;
    Intervals::new(list).map_err(|source| BadCatalogue::Overlap { at: at.to_owned(), source })
}

fn weekly(at: &str, hours: &HoursFile) -> Result<WeeklyHours, BadCatalogue> {
    let days = [
        (&hours.mon, "mon"),
        (&hours.tue, "tue"),
        (&hours.wed, "wed"),
        (&hours.thu, "thu"),
        (&hours.fri, "fri"),
        (&hours.sat, "sat"),
        (&hours.sun, "sun"),
    ];
    let mut week = WeeklyHours::default();
    for (slot, (texts, day)) in week.0.iter_mut().zip(days) {
        *slot = intervals(&format!("{at}, hours.{day}"), texts)?;
    }
    Ok(week)
}

/// Reads one office with what its profile and the file say.
struct OfficeReader<'a> {
    file: &'a CatalogueFile,
    services: &'a [Service],
    office: &'a OfficeFile,
}

impl OfficeReader<'_> {
    fn read(&self) -> Result<Office, BadCatalogue> {
        let (file, office) = (self.file, self.office);
        let at = format!("office {}", office.id);
        let region = file.regions.iter().find(|r| r.code == office.region).ok_or_else(|| {
            unknown(&at, "region", &office.region, file.regions.iter().map(|r| r.code.as_str()))
        })?;
        let profile = file.profiles.iter().find(|p| p.code == office.profile).ok_or_else(|| {
            let known = file.profiles.iter().map(|p| p.code.as_str());
            unknown(&at, "profile", &office.profile, known)
        })?;
        if !STEP_MINUTES.contains(&profile.step_minutes) {
            return Err(BadCatalogue::Value {
                at: format!("profile {}", profile.code),
                problem: format!(
                    "step_minutes is {}, it must be 5, 10 or 15",
                    profile.step_minutes
                ),
            });
        }
        let shares = profile.shares.unwrap_or(Shares::WEB).check();
        let shares = shares.map_err(|refusal| BadCatalogue::Value {
            at: format!("profile {}, shares", profile.code),
            problem: refusal.to_string(),
        })?;
        let zone_name = office.zone.as_ref().unwrap_or(&file.authority.zone);
        about::check_alternatives(&at, &office.alternatives)?;
        about::phones(&at, &office.phones)?;
        let mut exceptions = self.exceptions(&at)?;
        let closures = self.closures(&at, profile, &mut exceptions)?;
        let mut desks = self.desks(&at, profile, &exceptions)?;
        desks.sort_by_key(|desk| desk.id);
        day_fits(&at, &desks, &exceptions)?;
        Ok(Office {
            id: office.id,
            name: office.name.clone(),
            region: region.clone(),
            address: office.address.clone(),
            zone: zone(&at, zone_name)?,
            zone_name: zone_name.clone(),
            step_minutes: profile.step_minutes,
            shares,
            desks,
            exceptions,
            closures,
            alternatives: office.alternatives.clone(),
            phones: office.phones.clone(),
        })
    }

    fn exceptions(&self, at: &str) -> Result<Exceptions, BadCatalogue> {
        let mut exceptions = BTreeMap::new();
        for exception in &self.office.exceptions {
            let at = format!("{at}, exception {}", exception.date);
            let value =
                |problem: &str| BadCatalogue::Value { at: at.clone(), problem: problem.to_owned() };
            let date: CivilDate =
                exception.date.parse().map_err(|_| value("date is of the form YYYY-MM-DD"))?;
            if exception.closed != exception.hours.is_empty() {
                return Err(value("give either closed = true or hours"));
            }
            if exceptions.insert(date, intervals(&at, &exception.hours)?).is_some() {
                return Err(BadCatalogue::Twice { what: "exception", id: at });
            }
        }
        Ok(exceptions)
    }

    /// Reads the closures; their dates become exceptions.
    fn closures(
        &self,
        at: &str,
        profile: &ProfileFile,
        exceptions: &mut Exceptions,
    ) -> Result<Vec<Closure>, BadCatalogue> {
        if self.office.closures.is_empty() {
            return Ok(Vec::new());
        }
        let mut weeks = vec![weekly(at, &profile.hours)?];
        for desk in &profile.desks {
            weeks.extend(desk.hours.as_ref().map(|hours| weekly(at, hours)).transpose()?);
        }
        let works = |date: CivilDate| {
            weeks.iter().any(|week| week.on(date.date().weekday()).iter().next().is_some())
        };
        about::closures(at, &self.office.closures, exceptions, works, intervals)
    }

    fn desks(
        &self,
        at: &str,
        profile: &ProfileFile,
        exceptions: &Exceptions,
    ) -> Result<Vec<Desk>, BadCatalogue> {
        bounded(at, "desks", profile.desks.len(), MAX_DESKS_PER_OFFICE)?;
        unique("desk", profile.desks.iter().map(|d| format!("{} of {at}", d.id)))?;
        let read = |file: &DeskFile| {
            let at = format!("{at}, profile {}, desk {}", profile.code, file.id);
            let desk = Desk {
                id: file.id,
                services: self.desk_services(&at, profile, file)?,
                hours: weekly(&at, file.hours.as_ref().unwrap_or(&profile.hours))?,
                breaks: intervals(&at, file.breaks.as_ref().unwrap_or(&profile.breaks))?,
            };
            shifts_fit(&at, &desk, profile.step_minutes, exceptions)?;
            Ok(desk)
        };
        profile.desks.iter().map(read).collect()
    }

    fn desk_services(
        &self,
        at: &str,
        profile: &ProfileFile,
        desk: &DeskFile,
    ) -> Result<Vec<ServiceId>, BadCatalogue> {
        unique("service", desk.services.iter().map(|code| format!("{code} of {at}")))?;
        let step = u16::from(profile.step_minutes);
        let mut ids = Vec::new();
        for code in &desk.services {
            let service = self.services.iter().find(|s| s.code == *code).ok_or_else(|| {
                unknown(at, "service", code, self.services.iter().map(|s| s.code.as_str()))
            })?;
            let whole = service.minutes.is_multiple_of(step)
                && service.grid_minutes.is_multiple_of(step)
                && service.minutes / step <= MAX_STEPS_PER_SHIFT
                && service.grid_minutes / step <= MAX_STEPS_PER_SHIFT;
            if !whole {
                return Err(BadCatalogue::Value {
                    at: at.to_owned(),
                    problem: format!(
                        "service {code} lasts {} min on a grid of {} min; both must be 1 to \
                         {MAX_STEPS_PER_SHIFT} whole steps of {step} min",
                        service.minutes, service.grid_minutes
                    ),
                });
            }
            ids.push(service.id);
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

/// Checks every interval the desk will ever work: by the week, and on dates of their own.
fn shifts_fit(
    at: &str,
    desk: &Desk,
    step_minutes: u8,
    exceptions: &Exceptions,
) -> Result<(), BadCatalogue> {
    for day in desk.hours.0.iter().chain(exceptions.values()) {
        for interval in day.minus(&desk.breaks).iter() {
            let steps = (interval.end.get() - interval.start.get()) / u16::from(step_minutes);
            if steps > MAX_STEPS_PER_SHIFT {
                return Err(BadCatalogue::ShiftTooLong {
                    at: at.to_owned(),
                    source: ShiftTooLong {
                        desk: desk.id,
                        start: interval.start,
                        end: interval.end,
                        steps,
                    },
                });
            }
        }
    }
    Ok(())
}

/// Checks that any day of the office can be shaped: its services, shifts and offers are bounded.
fn day_fits(at: &str, desks: &[Desk], exceptions: &Exceptions) -> Result<(), BadCatalogue> {
    let services: BTreeSet<ServiceId> = desks.iter().flat_map(|d| d.services.clone()).collect();
    bounded(at, "services in one office", services.len(), MAX_SERVICES_PER_OFFICE)?;
    // Clocks that jump forward cut at most one of a desk's intervals in two.
    let shifts = |desk: &Desk, open: &Intervals| open.minus(&desk.breaks).iter().count() + 1;
    let day = |open_on: &dyn Fn(&Desk) -> Intervals| -> Result<(), BadCatalogue> {
        let of_desks: Vec<usize> = desks.iter().map(|desk| shifts(desk, &open_on(desk))).collect();
        let offers = of_desks.iter().zip(desks).map(|(count, desk)| count * desk.services.len());
        bounded(at, "shifts on one day", of_desks.iter().sum(), MAX_SHIFTS_PER_DAY)?;
        bounded(at, "offers on one day", offers.sum(), MAX_OFFERS_PER_DAY)
    };
    for weekday in 0..7 {
        day(&|desk| desk.hours.0[weekday].clone())?;
    }
    exceptions.values().try_for_each(|open| day(&|_| open.clone()))
}
