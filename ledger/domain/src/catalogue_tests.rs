//! What a catalogue must be, by a small good one and its spoilt copies.

use super::*;
use crate::catalogue_file::{BadCatalogue, CatalogueFile};

pub(crate) const SMALL: &str = r#"
[authority]
id = 1
code = "mvs"
zone = "Europe/Kyiv"
name = { uk = "МВС", en = "MIA" }

[[service]]
id = 1
code = "theory-exam"
name = { uk = "Іспит", en = "Exam" }
minutes = 30
grid_minutes = 30

[[service]]
id = 2
code = "licence-exchange"
name = { uk = "Обмін", en = "Exchange" }
minutes = 20
grid_minutes = 10

[[region]]
code = "UA-30"
name = { uk = "Київ", en = "Kyiv" }

[[profile]]
code = "small"
step_minutes = 10
hours = { tue = ["08:00-17:00"], wed = ["08:00-17:00"] }
breaks = ["12:00-13:00"]
desks = [
  { id = 2, services = ["licence-exchange"] },
  { id = 1, services = ["theory-exam", "licence-exchange"] },
]

[[office]]
id = 8041
name = { uk = "ТСЦ 8041", en = "Centre 8041" }
region = "UA-30"
address = { uk = "Київ", en = "Kyiv" }
profile = "small"
exceptions = [{ date = "2026-12-02", closed = true }]
"#;

fn parse(text: &str) -> Result<Catalogue, BadCatalogue> {
    toml::from_str::<CatalogueFile>(text).unwrap().try_into()
}

pub(crate) fn small_catalogue() -> Catalogue {
    parse(SMALL).unwrap()
}

fn refusal(from: &str, to: &str) -> String {
    let spoilt = SMALL.replace(from, to);
    assert_ne!(spoilt, SMALL, "the sample lacks {from}");
    parse(&spoilt).expect_err(to).to_string()
}

#[test]
fn a_good_catalogue_is_found_by_number_and_code() {
    let catalogue = small_catalogue();
    let office = catalogue.office(OfficeId(8041)).unwrap();
    assert_eq!(office.desks[0].id, DeskId(1));
    assert!(office.offers(ServiceId(2)));
    assert!(!office.offers(ServiceId(3)));
    assert_eq!(catalogue.service_by_code("theory-exam").unwrap().id, ServiceId(1));
    assert!(catalogue.office(OfficeId(1)).is_none());
}

#[test]
fn overlapping_shifts_are_refused_by_office_desk_and_day() {
    let message = refusal(r#"tue = ["08:00-17:00"]"#, r#"tue = ["08:00-13:00", "12:30-17:00"]"#);
    assert_eq!(
        message,
        "office 8041, profile small, desk 2, hours.tue: overlapping shifts, \
         08:00-13:00 overlaps 12:30-17:00"
    );
}

#[test]
fn a_shift_over_64_steps_is_refused_with_its_remedy() {
    let message = refusal(r#"tue = ["08:00-17:00"]"#, r#"tue = ["00:00-10:50"]"#);
    assert!(message.contains("has 65 steps, a shift has at most 64; split it"), "{message}");
}

#[test]
fn an_exception_is_held_to_the_same_bounds() {
    let message = refusal("closed = true", r#"hours = ["13:00-24:00"]"#);
    assert!(message.contains("66 steps"), "{message}");
    let message = refusal("closed = true", "closed = false");
    assert!(message.contains("either closed = true or hours"), "{message}");
}

#[test]
fn names_that_refer_to_nothing_are_refused_with_the_nearest() {
    assert!(refusal(r#"profile = "small""#, r#"profile = "smal""#).contains("mean `small`?"));
    assert!(refusal(r#"region = "UA-30""#, r#"region = "UA-31""#).contains("mean `UA-30`?"));
    assert!(
        refusal(r#"services = ["theory-exam","#, r#"services = ["theory-exams","#)
            .contains("mean `theory-exam`?")
    );
}

#[test]
fn lengths_that_are_no_whole_steps_are_refused() {
    assert!(refusal("minutes = 20", "minutes = 25").contains("whole steps of 10 min"));
    assert!(refusal("minutes = 20", "minutes = 0").contains("at least one step"));
    assert!(refusal("step_minutes = 10", "step_minutes = 7").contains("must be 5, 10 or 15"));
}

#[test]
fn doubles_and_unknown_zones_are_refused() {
    assert!(refusal("{ id = 2, services", "{ id = 1, services").contains("stands twice"));
    assert!(refusal("Europe/Kyiv", "Europe/Kyjiv").contains("no IANA zone"));
    assert!(refusal(r#"code = "licence-exchange""#, r#"code = "theory-exam""#).contains("twice"));
}

#[test]
fn a_day_that_no_shape_could_hold_is_refused() {
    let service = |n: u16| {
        format!(
            "[[service]]\nid = {n}\ncode = \"s{n}\"\nname = {{ uk = \"\", en = \"\" }}\n\
             minutes = 10\ngrid_minutes = 10\n"
        )
    };
    let services: String = (10..75).map(service).collect();
    let codes: Vec<String> = (10..75).map(|n| format!("\"s{n}\"")).collect();
    let text = SMALL.replace("[[region]]", &format!("{services}[[region]]")).replace(
        "{ id = 2, services = [",
        &format!("{{ id = 2, services = [{}, ", codes.join(",")),
    );
    let message = parse(&text).expect_err("too many services").to_string();
    assert_eq!(message, "office 8041: 67 services in one office, at most 64");

    let desks: String = (3..=256).map(|id| format!("{{ id = {id}, services = [] }},")).collect();
    let breaks: String = (0..30)
        .map(|n| {
            format!(
                "\"{:02}:{:02}-{:02}:{:02}\",",
                8 + n / 6,
                n % 6 * 10,
                8 + n / 6,
                n % 6 * 10 + 1
            )
        })
        .collect();
    let text = SMALL
        .replace("{ id = 2,", &format!("{desks}{{ id = 2,"))
        .replace(r#"breaks = ["12:00-13:00"]"#, &format!("breaks = [{breaks}]"));
    let message = parse(&text).expect_err("too many shifts").to_string();
    assert!(message.contains("shifts on one day, at most 4096"), "{message}");
}

#[test]
fn unknown_keys_are_refused() {
    assert!(toml::from_str::<CatalogueFile>(&SMALL.replace("breaks", "brakes")).is_err());
}

#[test]
fn the_shares_of_a_day_are_a_whole_and_the_webs_where_nothing_is_said() {
    use crate::ids::Channel;
    let of = |text: &str| {
        let catalogue = parse(&SMALL.replace("step_minutes", text)).unwrap();
        Channel::ALL.map(|channel| catalogue.offices[0].shares.of(channel))
    };
    assert_eq!(of("step_minutes"), [100, 0, 0]);
    assert_eq!(of("shares = { kiosk = 30, web = 70 }\nstep_minutes"), [70, 30, 0]);
    assert_eq!(of("shares = { web = 70, kiosk = 20, walk-in = 10 }\nstep_minutes"), [70, 20, 10]);
    assert_eq!(
        refusal("step_minutes", "shares = { web = 70, kiosk = 20 }\nstep_minutes"),
        "profile small, shares: web + kiosk + walk-in are 90 percent, they must be 100"
    );
    let unknown = SMALL.replace("step_minutes", "shares = { web = 80, app = 20 }\nstep_minutes");
    let message = toml::from_str::<CatalogueFile>(&unknown).unwrap_err().to_string();
    assert!(message.contains("unknown field `app`, expected one of `web`, `kiosk`"), "{message}");
}
