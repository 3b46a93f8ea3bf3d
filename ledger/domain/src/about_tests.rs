//! What texts of a catalogue must be, and what closures do to days.

use crate::catalogue::Catalogue;
use crate::catalogue::tests::SMALL;
use crate::catalogue_file::CatalogueFile;
use crate::civil::CivilDate;
use crate::shape::day_shape;

use super::*;

const SERVICE: &str = "grid_minutes = 30\n";
const AUTHORITY: &str = "zone = \"Europe/Kyiv\"\n";
const OFFICE: &str = "exceptions = [{ date = \"2026-12-02\", closed = true }]\n";

/// The small catalogue with lines added to its authority, its first service or its office.
fn with(after: &str, lines: &str) -> Result<Catalogue, BadCatalogue> {
    let text = SMALL.replacen(after, &format!("{after}{lines}\n"), 1);
    assert_ne!(text, SMALL);
    toml::from_str::<CatalogueFile>(&text).unwrap().try_into()
}

#[track_caller]
fn refusal(after: &str, lines: &str) -> String {
    with(after, lines).unwrap_err().to_string()
}

fn repeated(item: &str, count: usize) -> String {
    vec![item; count].join(", ")
}

#[test]
fn a_service_says_what_people_have_to_know() {
    let lines = r#"test_mode = true
[service.about]
who = { uk = "Усі", en = "Everybody" }
documents = [{ uk = "Паспорт", en = "Passport" }]
fee = { kopiyky = 35000, text = { uk = "збір", en = "fee" } }
no_booking_for = [{ uk = "Довідка", en = "Certificate" }]
legal_basis = [{ uk = "Наказ", en = "Order" }]
phones = ["+380 44 123 45 67"]
questions = [{ question = { uk = "Чи?", en = "Is it?" }, answer = { uk = "Так", en = "Yes" } }]"#;
    let catalogue = with(SERVICE, lines).unwrap();
    let service = &catalogue.services[0];
    assert!(service.test_mode && !service.about.is_empty());
    assert_eq!(service.about.fee.as_ref().map(|fee| fee.kopiyky), Some(35_000));
    let other = &catalogue.services[1];
    assert!(!other.test_mode && other.about.is_empty());
}

#[test]
fn lists_of_texts_are_bounded_and_no_text_is_empty_or_endless() {
    let text = r#"{ uk = "а", en = "a" }"#;
    for key in ["documents", "no_booking_for", "legal_basis"] {
        let lines = |count| format!("[service.about]\n{key} = [{}]", repeated(text, count));
        assert!(with(SERVICE, &lines(MAX_TEXTS)).is_ok());
        let refused = refusal(SERVICE, &lines(MAX_TEXTS + 1));
        assert!(refused.contains(key) && refused.contains("at most 20"), "{refused}");
    }
    let who = |uk: &str| format!("[service.about]\nwho = {{ uk = \"{uk}\", en = \"a\" }}");
    assert!(refusal(SERVICE, &who(" ")).contains("about, who: a text is empty in one language"));
    assert!(with(SERVICE, &who(&"є".repeat(MAX_TEXT_CHARS))).is_ok());
    let refused = refusal(SERVICE, &who(&"є".repeat(MAX_TEXT_CHARS + 1)));
    assert!(refused.contains("about, who: 601 characters in one text, at most 600"), "{refused}");
}

fn questions(question: &str, answer: &str, count: usize) -> String {
    let text = |uk: &str| format!("{{ uk = \"{uk}\", en = \"a\" }}");
    let item = format!("{{ question = {}, answer = {} }}", text(question), text(answer));
    format!("questions = [{}]", repeated(&item, count))
}

#[test]
fn an_authority_says_what_people_ask_whatever_the_service() {
    let catalogue = with(AUTHORITY, &questions("Чи можна?", "Так", 1)).unwrap();
    let asked: Vec<_> = catalogue.questions.iter().map(|of| of.question.uk.as_str()).collect();
    assert_eq!(asked, ["Чи можна?"]);
    assert_eq!(catalogue.questions[0].answer.uk, "Так");
    let without = toml::from_str::<CatalogueFile>(SMALL).unwrap();
    assert!(Catalogue::try_from(without).unwrap().questions.is_empty());
}

#[test]
fn questions_of_an_authority_and_of_a_service_have_the_same_bounds() {
    for (after, section, at) in
        [(AUTHORITY, "", "authority"), (SERVICE, "[service.about]\n", "about")]
    {
        let lines = |question: &str, answer: &str, count| {
            format!("{section}{}", questions(question, answer, count))
        };
        let long = "є".repeat(MAX_TEXT_CHARS);
        assert!(with(after, &lines(&long, &long, MAX_TEXTS)).is_ok(), "{at}");
        let longer = format!("{long}є");
        for (lines, problem) in [
            (lines("Чи?", "Так", MAX_TEXTS + 1), "21 questions, at most 20"),
            (lines(&longer, "Так", 1), "questions: 601 characters in one text, at most 600"),
            (lines("Чи?", &longer, 1), "answers: 601 characters in one text, at most 600"),
            (lines(" ", "Так", 1), "questions: a text is empty in one language"),
            (lines("Чи?", "", 1), "answers: a text is empty in one language"),
        ] {
            let refused = refusal(after, &lines);
            assert!(refused.contains(at) && refused.contains(problem), "{at}: {refused}");
        }
    }
}

#[test]
fn phones_are_international_numbers_and_few() {
    let lines =
        |phone: &str, count| format!("phones = [{}]", repeated(&format!("{phone:?}"), count));
    assert!(with(OFFICE, &lines("+380 44 123 45 67", MAX_PHONES)).is_ok());
    assert!(refusal(OFFICE, &lines("+380 44 123 45 67", MAX_PHONES + 1)).contains("6 phones"));
    for phone in ["044 123 45 67", "+12", "+380 44 x", "", "+1234567890123456"] {
        let refused = refusal(OFFICE, &lines(phone, 1));
        assert!(refused.contains("office 8041") && refused.contains("no number"), "{refused}");
    }
}

#[test]
fn alternatives_link_over_https_only() {
    let lines = |link: &str| {
        format!(
            "alternatives = [{{ text = {{ uk = \"Інші\", en = \"Others\" }}, link = {link:?} }}]"
        )
    };
    let catalogue = with(OFFICE, &lines("https://example.org/a?b=c")).unwrap();
    assert_eq!(catalogue.offices[0].alternatives[0].text.en, "Others");
    for link in
        ["http://example.org", "javascript:alert(1)", "https://", "https://a b", "https://a\"b"]
    {
        assert!(refusal(OFFICE, &lines(link)).contains("is no link"), "{link}");
    }
}

fn closure(from: &str, to: &str, rest: &str) -> String {
    format!(
        "{{ closed_from = {from:?}, closed_to = {to:?}, \
         reason = {{ uk = \"Карантин\", en = \"Quarantine\" }}{rest} }}"
    )
}

fn shifts(catalogue: &Catalogue, date: &str) -> usize {
    let date: CivilDate = date.parse().unwrap();
    day_shape(catalogue, &catalogue.offices[0], date).shifts.len()
}

#[test]
fn a_closed_period_has_no_shifts_from_its_first_date_to_its_last() {
    let lines = format!("closures = [{}]", closure("2026-12-08", "2026-12-16", ""));
    let catalogue = with(OFFICE, &lines).unwrap();
    // Two desks on Tuesdays and Wednesdays, each before and after lunch.
    let seen = ["2026-12-01", "2026-12-08", "2026-12-16", "2026-12-22"];
    assert_eq!(seen.map(|date| shifts(&catalogue, date)), [4, 0, 0, 4]);
    let shown = &catalogue.offices[0].closures[0];
    assert_eq!((shown.to.to_string().as_str(), shown.limited), ("2026-12-16", false));
    assert_eq!(shown.reason.en, "Quarantine");
}

#[test]
fn a_limited_period_has_its_hours_on_the_days_on_which_the_office_works() {
    let limited = closure("2026-12-07", "2026-12-13", ", hours = [\"09:00-11:00\"]");
    let catalogue = with(OFFICE, &format!("closures = [{limited}]")).unwrap();
    let week: Vec<usize> =
        (7..=13).map(|day| shifts(&catalogue, &format!("2026-12-{day:02}"))).collect();
    assert_eq!(week, [0, 2, 2, 0, 0, 0, 0]);
    assert!(catalogue.offices[0].closures[0].limited);
}

#[test]
fn closures_are_bounded_ordered_and_decide_no_date_twice() {
    let of = |from: &str, to: &str| format!("closures = [{}]", closure(from, to, ""));
    assert!(with(OFFICE, &of("2027-01-01", "2028-01-01")).is_ok());
    assert!(refusal(OFFICE, &of("2027-01-01", "2028-01-02")).contains("367 days in one closure"));
    assert!(refusal(OFFICE, &of("-9999-01-01", "9999-01-01")).contains("YYYY-MM-DD"));
    assert!(refusal(OFFICE, &of("2027-01-02", "2027-01-01")).contains("no earlier"));
    assert!(refusal(OFFICE, &of("2026-12-01", "2026-12-03")).contains("2026-12-02 of office 8041"));
    let month = |month: usize| {
        let (year, month) = (2027 + month / 12, month % 12 + 1);
        closure(&format!("{year}-{month:02}-01"), &format!("{year}-{month:02}-02"), "")
    };
    let many = |count: usize| {
        format!("closures = [{}]", (0..count).map(month).collect::<Vec<_>>().join(", "))
    };
    assert!(with(OFFICE, &many(MAX_CLOSURES)).is_ok());
    assert!(refusal(OFFICE, &many(MAX_CLOSURES + 1)).contains("17 closures"));
    let twice = format!("closures = [{}, {}]", month(0), month(0));
    assert!(refusal(OFFICE, &twice).contains("stands twice"));
}

#[test]
fn a_word_that_is_no_key_is_refused_with_those_that_are() {
    for (after, lines) in [
        (SERVICE, "[service.about]\nwhoo = { uk = \"а\", en = \"a\" }"),
        (SERVICE, "testmode = true"),
        (AUTHORITY, "question = []"),
        (OFFICE, "phone = []"),
    ] {
        let text = SMALL.replacen(after, &format!("{after}{lines}\n"), 1);
        let refused = toml::from_str::<CatalogueFile>(&text).unwrap_err().to_string();
        assert!(refused.contains("unknown field") && refused.contains("expected"), "{refused}");
    }
}
