//! The catalogues and policies that come with Talon: every pair loads, and says what its head says.
//!
//! Owns the rules about the data in `configs/`. Must not know what a checked catalogue is used for:
//! the rules about shapes and policies themselves stand beside their code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use talon_domain::about::Question;
use talon_domain::catalogue::{Catalogue, Desk, Office};
use talon_domain::civil::{CivilDate, Minute, clocks_change, resolve};
use talon_domain::ids::{Channel, DeskId, ServiceId};
use talon_domain::policy::{Holder, Limit, Mode, Subjects};
use talon_domain::shape::{DayShape, MAX_STEPS_PER_SHIFT, day_shape};
use talon_ledger::core::Authority;
use talon_ledger::load;

use crate::fixture::date;

/// The first date of every walk: the day of these files' first release.
const FIRST: &str = "2026-11-22";
/// Longer than the longest horizon and than a year, so that every clock changes twice at least.
const DAYS_WALKED: i32 = 400;
const YEAR_DAYS: i32 = 365;
/// Places for practical exams on the days from Sunday 2026-11-22 on, as `mvs.toml` says at its head.
const PRACTICAL_EXAMS: [u32; 7] = [0, 0, 4_992, 4_992, 4_992, 4_992, 4_792];
/// Hours that hold every hour at which some zone's clocks jump, in at most 64 steps.
const NIGHT: &str = "hours = { mon = [\"00:00-12:00\"], tue = [\"00:00-12:00\"], \
    wed = [\"00:00-12:00\"], thu = [\"00:00-12:00\"], fri = [\"00:00-12:00\"], \
    sat = [\"00:00-12:00\"], sun = [\"00:00-12:00\"] }";

fn configs(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs").join(kind)
}

/// The names of the files in a folder, without `.toml`.
fn codes(kind: &str) -> BTreeSet<String> {
    std::fs::read_dir(configs(kind))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().expect("a name").to_str().expect("of ASCII").to_owned())
        .collect()
}

#[track_caller]
fn load(code: &str) -> Authority {
    let path = |kind| configs(kind).join(format!("{code}.toml"));
    load::authority(&path("catalogues"), &path("policies"))
        .unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn dates(days: i32) -> impl Iterator<Item = CivilDate> {
    (0..days).map(|offset| date(FIRST).plus_days(offset))
}

/// When dates open: days ahead, time and zone, the same for every service.
#[track_caller]
fn release(authority: &Authority) -> (u16, String, String) {
    let releases: BTreeSet<_> = authority
        .catalogue
        .services
        .iter()
        .map(|service| authority.policy.release(service.id, Channel::Web))
        .map(|release| (release.days_ahead, release.time.to_string(), release.zone.clone()))
        .collect();
    assert_eq!(releases.len(), 1, "{releases:?}");
    releases.into_iter().next().expect("one")
}

/// The desks' services that have a start on this day.
fn offered(shape: &DayShape) -> impl Iterator<Item = (DeskId, ServiceId)> {
    shape.shifts.iter().flat_map(|shift| {
        let with_a_start = shift.services.iter().filter(|service| service.starts != 0);
        with_a_start.map(|service| (shift.desk, service.service))
    })
}

/// Walks the days of every office, and asks each desk to do within a year whatever it lists.
#[track_caller]
fn walk(code: &str) {
    let catalogue = load(code).catalogue;
    for office in &catalogue.offices {
        let mut seen = BTreeSet::new();
        for on in dates(DAYS_WALKED) {
            let shape = day_shape(&catalogue, office, on);
            let longest = shape.shifts.iter().map(|shift| u16::from(shift.steps)).max();
            assert!(
                longest.is_none_or(|steps| steps <= MAX_STEPS_PER_SHIFT),
                "{code} {}",
                office.id
            );
            if on < date(FIRST).plus_days(YEAR_DAYS) {
                seen.extend(offered(&shape));
            }
        }
        let of_desk = |desk: &Desk| {
            desk.services.iter().map(|service| (desk.id, *service)).collect::<Vec<_>>()
        };
        let listed: BTreeSet<_> = office.desks.iter().flat_map(of_desk).collect();
        assert!(!listed.is_empty(), "{code} office {} offers nothing", office.id);
        assert_eq!(seen, listed, "{code} office {}", office.id);
    }
}

/// Every minute of every shift is one that the office's clocks show.
#[track_caller]
fn every_minute_exists(office: &Office, date: CivilDate, shape: &DayShape) {
    for shift in &shape.shifts {
        let end = shift.start.get() + u16::from(shift.steps) * u16::from(shape.step_minutes);
        for minute in (shift.start.get()..end).filter_map(Minute::new) {
            // A minute that is skipped resolves to a later one.
            let shown = office.zone.to_datetime(resolve(&office.zone, date, minute).timestamp());
            let shown = (CivilDate::from(shown.date()), shown.time().to_string());
            assert_eq!(shown, (date, format!("{minute}:00")), "{}", office.zone_name);
        }
    }
}

/// The dates of the walk on which an office's clocks change.
fn changes(office: &Office) -> Vec<CivilDate> {
    dates(DAYS_WALKED).filter(|date| clocks_change(&office.zone, *date)).collect()
}

#[test]
fn every_catalogue_has_a_policy_and_every_pair_loads() {
    assert_eq!(codes("catalogues"), codes("policies"));
    let ids: BTreeMap<_, _> = codes("catalogues")
        .iter()
        .map(|code| (load(code), code))
        .map(|(authority, code)| {
            assert_eq!(authority.catalogue.code, *code, "a file bears its authority's code");
            (authority.catalogue.authority.0, code.clone())
        })
        .collect();
    let expected = [(1, "mvs"), (2, "dms"), (3, "mfa")].map(|(id, code)| (id, code.to_owned()));
    assert_eq!(ids, BTreeMap::from(expected));
}

#[test]
fn service_centres_offer_about_five_thousand_practical_exams_a_day() {
    let catalogue = load("mvs").catalogue;
    let exam = catalogue.service_by_code("practical-exam").expect("it is there").id;
    let places = |date| -> u32 {
        let shapes = catalogue.offices.iter().map(|office| day_shape(&catalogue, office, date));
        shapes
            .flat_map(|shape| shape.shifts)
            .filter_map(|shift| shift.service(exam).map(|of| u32::from(shift.steps / of.steps)))
            .sum()
    };
    let week: Vec<u32> = dates(7).map(places).collect();
    assert_eq!(week, PRACTICAL_EXAMS);
    let open_days = u32::try_from(week.iter().filter(|places| **places > 0).count()).unwrap();
    assert_eq!(week.iter().sum::<u32>() / open_days, 4_952);
}

#[test]
fn the_migration_service_opens_fourteen_days_ahead_at_midnight() {
    let opens = (14, "00:00".to_owned(), "Europe/Kyiv".to_owned());
    assert_eq!(release(&load("dms")), opens);
}

#[test]
fn a_desk_of_the_migration_service_serves_one_service_and_wastes_no_minute() {
    let catalogue: &Catalogue = &load("dms").catalogue;
    for office in &catalogue.offices {
        assert!(office.desks.iter().all(|desk| desk.services.len() == 1), "{}", office.id);
        for shift in dates(7).flat_map(|date| day_shape(catalogue, office, date).shifts) {
            let visit = shift.services[0].steps;
            assert_eq!(shift.steps % visit, 0, "{} desk {}", office.id, shift.desk);
        }
    }
    let regions: BTreeSet<_> = catalogue.offices.iter().map(|o| &o.region.code).collect();
    assert_eq!((catalogue.offices.len(), regions.len()), (40, 25));
}

#[test]
fn the_migration_service_shares_every_day_with_its_kiosks_and_opens_it_there_earlier() {
    let authority = load("dms");
    for service in &authority.catalogue.services {
        let days_ahead = |channel| authority.policy.release(service.id, channel).days_ahead;
        assert_eq!((days_ahead(Channel::Web), days_ahead(Channel::Kiosk)), (14, 28));
    }
    for office in &authority.catalogue.offices {
        for shape in dates(7).map(|date| day_shape(&authority.catalogue, office, date)) {
            let longest = shape.shifts.iter().map(|shift| shift.services[0].steps).max();
            let all: i32 = shape.shifts.iter().map(|shift| i32::from(shift.steps)).sum();
            for (channel, percent) in
                [(Channel::Web, 70), (Channel::Kiosk, 20), (Channel::WalkIn, 10)]
            {
                let usable = |of: u64| i32::try_from(of.count_ones()).expect("a small number");
                let masks = shape.shifts.iter().map(|shift| shift.services[0].usable(channel));
                let steps: i32 = masks.map(usable).sum();
                let off = (100 * steps - percent * all).abs();
                let two_blocks = 200 * i32::from(longest.unwrap_or(0));
                assert!(off <= two_blocks, "{} {channel:?}: {steps} of {all}", office.id);
            }
        }
    }
}

#[test]
fn every_service_says_who_may_book_what_to_bring_and_whom_to_call() {
    for code in ["mvs", "dms", "mfa"] {
        for service in &load(code).catalogue.services {
            let about = &service.about;
            let is_said = about.who.is_some()
                && !about.documents.is_empty()
                && !about.legal_basis.is_empty()
                && !about.phones.is_empty();
            assert!(is_said, "{code} {}", service.code);
            assert!(code != "dms" || about.fee.is_some());
        }
    }
}

#[test]
fn every_authority_answers_what_people_ask_and_nothing_twice() {
    for code in ["mvs", "dms", "mfa"] {
        let catalogue = load(code).catalogue;
        let asked = |questions: &[Question]| -> Vec<String> {
            questions.iter().map(|of| of.question.en.clone()).collect()
        };
        let of_all = asked(&catalogue.questions);
        for word in ["late", "bring", "cancel", "nothing is free", "relative", "child", "compute"] {
            assert!(of_all.iter().any(|question| question.contains(word)), "{code}: {word}");
        }
        for service in &catalogue.services {
            let mut questions = [of_all.clone(), asked(&service.about.questions)].concat();
            let count = questions.len();
            questions.sort_unstable();
            questions.dedup();
            assert_eq!(questions.len(), count, "{code} {}", service.code);
        }
    }
}

/// A policy's limits: name, whom they are for, whose bookings count, how many, and whether it refuses.
fn limits(code: &str) -> Vec<(String, Subjects, Holder, u32, Mode)> {
    let limits = load(code).policy.policy().limits.clone();
    let told = |limit: Limit| (limit.name, limit.subjects, limit.holder, limit.max, limit.mode);
    limits.into_iter().map(told).collect()
}

#[test]
fn service_centres_hold_persons_companies_and_kiosks_to_limits_of_their_own() {
    use Holder::{Actor, Subject};
    use Mode::{Enforced, Shadow};
    use Subjects::{All, Entities, Persons};
    let expected = [
        ("live-per-service", Persons, Subject, 1, Enforced),
        ("no-shows-month", All, Subject, 4, Enforced),
        ("retake-theory", All, Subject, 1, Enforced),
        ("retake-practical", All, Subject, 1, Enforced),
        ("online-month", Persons, Subject, 4, Enforced),
        ("online-day", Entities, Subject, 4, Enforced),
        ("kiosk-month", Persons, Subject, 4, Enforced),
        ("kiosk-day", Entities, Subject, 6, Enforced),
        ("online-month-of-actor", All, Actor, 8, Shadow),
    ];
    let expected = expected
        .map(|(name, subjects, holder, max, mode)| (name.to_owned(), subjects, holder, max, mode));
    assert_eq!(limits("mvs"), expected);
}

#[test]
fn a_renovated_office_of_the_migration_service_is_closed_and_a_quarantined_one_works_mornings() {
    let catalogue = load("dms").catalogue;
    let minutes = |office: u32, day: &str| {
        let office = catalogue.office(talon_domain::ids::OfficeId(office)).expect("it is there");
        let shape = day_shape(&catalogue, office, date(day));
        shape.shifts.iter().map(|shift| u32::from(shift.steps)).sum::<u32>()
    };
    assert!(minutes(8003, "2027-01-08") > 0 && minutes(8003, "2027-01-26") > 0);
    assert_eq!((minutes(8003, "2027-01-11"), minutes(8003, "2027-01-22")), (0, 0));
    let (limited, whole) = (minutes(7401, "2026-12-29"), minutes(7401, "2027-01-12"));
    assert!(0 < limited && limited < whole, "{limited} of {whole}");
    assert_eq!(minutes(7401, "2027-01-03"), 0, "nobody works on Sunday");
}

#[test]
fn services_for_foreigners_are_offered_in_few_offices_of_the_migration_service() {
    let catalogue = load("dms").catalogue;
    for code in ["temporary-residence-permit", "permanent-residence-permit"] {
        let service = catalogue.service_by_code(code).expect("it is there").id;
        let offices = catalogue.offices.iter().filter(|office| office.offers(service)).count();
        assert_eq!(offices, 7, "{code}");
        assert!(catalogue.service_by_code(code).is_some_and(|service| service.test_mode));
    }
}

#[test]
fn consular_posts_stand_in_many_zones_and_open_six_months_ahead() {
    let authority = load("mfa");
    assert_eq!(release(&authority), (180, "09:00".to_owned(), "Europe/Kyiv".to_owned()));
    let offices = &authority.catalogue.offices;
    let zones: BTreeSet<_> = offices.iter().map(|office| &office.zone_name).collect();
    assert!(offices.len() >= 30, "{}", offices.len());
    assert!(zones.len() >= 12, "{zones:?}");
    assert!(!zones.contains(&authority.catalogue.zone_name), "no post stands in Kyiv");
    for office in offices {
        let is_country = office.region.code.len() == 2
            && office.region.code.bytes().all(|byte| byte.is_ascii_uppercase());
        assert!(is_country, "{} stands in {}", office.id, office.region.code);
    }
}

#[test]
fn a_consular_post_keeps_its_hosts_week() {
    let catalogue = load("mfa").catalogue;
    let closes_at = |zone: &str, day: &str| {
        let office = catalogue.offices.iter().find(|office| office.zone_name == zone);
        let shape = day_shape(&catalogue, office.expect("a post"), date(day));
        let lengths = shape.shifts.iter().map(|shift| u16::from(shift.steps));
        let starts = shape.shifts.iter().map(|shift| shift.start.get());
        let ends =
            starts.zip(lengths).map(|(start, steps)| start + steps * u16::from(shape.step_minutes));
        ends.max().and_then(Minute::new).map(|end| end.to_string())
    };
    let hours = |zone| ["2027-02-05", "2027-02-07"].map(|day| closes_at(zone, day));
    let at = |time: &str| Some(time.to_owned());
    for (zone, friday_and_sunday) in [
        ("Africa/Cairo", [None, at("17:00")]),
        ("Asia/Jerusalem", [None, at("17:00")]),
        ("Asia/Dubai", [at("12:00"), None]),
        ("Asia/Tokyo", [at("17:00"), None]),
    ] {
        assert_eq!(hours(zone), friday_and_sunday, "{zone}");
    }
}

#[test]
fn a_consular_post_offers_no_minute_that_its_clocks_skip() {
    let catalogue = load("mfa").catalogue;
    let mut zones = BTreeSet::new();
    for office in &catalogue.offices {
        for date in changes(office) {
            every_minute_exists(office, date, &day_shape(&catalogue, office, date));
            zones.insert(&office.zone_name);
        }
    }
    assert!(zones.len() >= 12, "only {zones:?} change their clocks");
}

#[test]
fn a_consular_post_that_worked_at_night_would_offer_no_skipped_minute_either() {
    let read = |kind| std::fs::read_to_string(configs(kind).join("mfa.toml")).unwrap();
    let (catalogue, policy) = (read("catalogues"), read("policies"));
    let at_night: Vec<&str> = catalogue
        .lines()
        .map(|line| if line.starts_with("hours = ") { NIGHT } else { line })
        .collect();
    let catalogue = load::parse(("at night", &at_night.join("\n")), ("policy", &policy));
    let catalogue = catalogue.unwrap_or_else(|refusal| panic!("{refusal}")).catalogue;
    let mut shorter = BTreeSet::new();
    for office in &catalogue.offices {
        let steps = |date: CivilDate| {
            let shape = day_shape(&catalogue, office, date);
            every_minute_exists(office, date, &shape);
            shape.shifts.iter().map(|shift| u32::from(shift.steps)).sum::<u32>()
        };
        for date in changes(office) {
            if steps(date) < steps(date.plus_days(7)) {
                shorter.insert((office.zone_name.as_str(), date.to_string()));
            }
        }
    }
    for (zone, date) in [
        ("Africa/Cairo", "2027-04-30"),
        ("America/Los_Angeles", "2027-03-14"),
        ("Asia/Jerusalem", "2027-03-26"),
        ("Australia/Sydney", "2027-10-03"),
        ("Europe/Warsaw", "2027-03-28"),
    ] {
        assert!(shorter.contains(&(zone, date.to_owned())), "{zone} {date}: {shorter:?}");
    }
}

#[test]
fn service_centres_offer_every_service_that_their_desks_list() {
    walk("mvs");
}

#[test]
fn the_migration_service_offers_every_service_that_its_desks_list() {
    walk("dms");
}

#[test]
fn consular_posts_offer_every_service_that_their_desks_list() {
    walk("mfa");
}
