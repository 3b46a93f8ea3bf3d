//! What people have to know before they choose: of an authority, of a service, and of an office.
//!
//! Owns turning the catalogue's texts into the reader's language. Must not know which page they
//! stand on.

use talon_domain::about::{Closure, Question};
use talon_domain::catalogue::{Catalogue, Office, Service, Text};
use talon_domain::civil::CivilDate;
use talon_wire::DayView;

use super::choice;
use super::words::Words;
use crate::http::language::Language;

/// A telephone number to read and to dial.
pub(super) struct Phone {
    /// As people write it.
    pub(super) text: String,
    /// Without blanks.
    pub(super) href: String,
}

impl Phone {
    /// These numbers.
    pub(super) fn all(phones: &[String]) -> Vec<Self> {
        let phone = |text: &String| Self { text: text.clone(), href: text.replace(' ', "") };
        phones.iter().map(phone).collect()
    }
}

/// What people have to know of a service.
pub(super) struct AboutView {
    /// Whether booking it is only tried out.
    pub(super) is_test: bool,
    /// Whether there is anything to unfold.
    pub(super) has_details: bool,
    /// For what nobody needs to book.
    pub(super) no_booking_for: Vec<String>,
    /// Who may book; empty when nothing is said.
    pub(super) who: String,
    /// What to bring.
    pub(super) documents: Vec<String>,
    /// What it costs; empty when nothing is said.
    pub(super) fee: String,
    /// What the fee is made of.
    pub(super) fee_text: String,
    /// The acts that it rests on.
    pub(super) legal_basis: Vec<String>,
    /// Whom to call.
    pub(super) phones: Vec<Phone>,
    /// What people ask of it.
    pub(super) questions: Vec<Answered>,
    /// Where what people ask of the authority is answered; empty where nothing is.
    pub(super) more_questions: String,
}

/// A question with its answer.
pub(super) struct Answered {
    /// What is asked.
    pub(super) question: String,
    /// What is answered.
    pub(super) answer: String,
}

impl Answered {
    /// These questions, in the reader's language.
    pub(super) fn all(questions: &[Question], words: Words<'_>) -> Vec<Self> {
        let name = |text: &Text| words.name(text).to_owned();
        let answered =
            |of: &Question| Self { question: name(&of.question), answer: name(&of.answer) };
        questions.iter().map(answered).collect()
    }
}

impl AboutView {
    /// In the reader's language.
    pub(super) fn of(catalogue: &Catalogue, service: &Service, words: Words<'_>) -> Self {
        let about = &service.about;
        let name = |text: &Text| words.name(text).to_owned();
        let names = |texts: &[Text]| texts.iter().map(name).collect::<Vec<_>>();
        Self {
            is_test: service.test_mode,
            has_details: !about.is_empty() || !catalogue.questions.is_empty(),
            no_booking_for: names(&about.no_booking_for),
            who: about.who.as_ref().map(name).unwrap_or_default(),
            documents: names(&about.documents),
            fee: fee(service, words),
            fee_text: about.fee.as_ref().map(|fee| name(&fee.text)).unwrap_or_default(),
            legal_basis: names(&about.legal_basis),
            phones: Phone::all(&about.phones),
            questions: Answered::all(&about.questions, words),
            more_questions: match catalogue.questions.is_empty() {
                true => String::new(),
                false => choice::questions_path(catalogue),
            },
        }
    }
}

/// What a service costs; empty when nothing is said.
pub(super) fn fee(service: &Service, words: Words<'_>) -> String {
    let fee = service.about.fee.as_ref();
    fee.map(|fee| hryvnias(fee.kopiyky, words)).unwrap_or_default()
}

/// `350 грн`, or with kopiyky when there are some.
fn hryvnias(kopiyky: u32, words: Words<'_>) -> String {
    let amount = match (kopiyky / 100, kopiyky % 100) {
        (0, 0) => return words.t("about-free"),
        (whole, 0) => whole.to_string(),
        (whole, rest) => match words.language {
            Language::Uk => format!("{whole},{rest:02}"),
            Language::En => format!("{whole}.{rest:02}"),
        },
    };
    words.with("about-hryvnias", [("amount", amount.into())])
}

/// Where else to go.
pub(super) struct Other {
    /// Who, and for what.
    pub(super) text: String,
    /// Their page; empty when there is none.
    pub(super) link: String,
}

/// What people have to know of an office.
pub(super) struct OfficeNotes {
    /// Closures that are not over.
    pub(super) closures: Vec<String>,
    /// Who else there is; only where this office has nothing free.
    pub(super) alternatives: Vec<Other>,
    /// Whom to call.
    pub(super) phones: Vec<Phone>,
}

impl OfficeNotes {
    /// In the reader's language, for an office with these days.
    pub(super) fn of(office: &Office, days: &[DayView], words: Words<'_>) -> Self {
        let today = CivilDate::at(words.now, &office.zone);
        let is_current = |closure: &&Closure| closure.to >= today;
        let has_free = days.iter().any(|day| day.release.is_none() && day.free > 0);
        let offered = if has_free { &[][..] } else { &office.alternatives };
        let other = |of: &talon_domain::about::Alternative| Other {
            text: words.name(&of.text).to_owned(),
            link: of.link.clone().unwrap_or_default(),
        };
        Self {
            closures: office.closures.iter().filter(is_current).map(|of| note(of, words)).collect(),
            alternatives: offered.iter().map(other).collect(),
            phones: Phone::all(&office.phones),
        }
    }
}

fn note(closure: &Closure, words: Words<'_>) -> String {
    let key = if closure.limited { "about-limited" } else { "about-closed" };
    words.with(
        key,
        [
            ("from", words.day_and_month(closure.from).into()),
            ("to", words.day_and_month(closure.to).into()),
            ("reason", words.name(&closure.reason).into()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use talon_domain::about::Alternative;
    use talon_domain::civil::UtcMicros;
    use talon_ledger::load;

    use super::*;
    use crate::http::language::Texts;

    const CATALOGUE: &str = include_str!("../../tests/fixtures/good/one.catalogue.toml");
    const POLICY: &str = include_str!("../../tests/fixtures/good/one.policy.toml");

    fn office() -> Office {
        let authority = load::parse(("catalogue", CATALOGUE), ("policy", POLICY)).unwrap();
        let text = |word: &str| Text { uk: format!("{word}-uk"), en: format!("{word}-en") };
        let closure = |from: &str, to: &str, limited| Closure {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            limited,
            reason: text("quarantine"),
        };
        Office {
            closures: vec![
                closure("2026-10-01", "2026-11-29", false),
                closure("2026-11-30", "2026-12-01", false),
                closure("2026-12-10", "2026-12-11", true),
            ],
            alternatives: vec![Alternative { text: text("other"), link: None }],
            phones: vec!["+380 44 1 23 45".to_owned()],
            ..authority.catalogue.offices[0].clone()
        }
    }

    fn notes(language: Language, free: u32) -> OfficeNotes {
        let texts = Texts::load();
        // 2026-12-01T08:00:00Z
        let words = Words { texts: &texts, language, now: UtcMicros(1_796_112_000_000_000) };
        let date = "2026-12-03".parse().unwrap();
        OfficeNotes::of(&office(), &[DayView { date, free, release: None }], words)
    }

    #[test]
    fn a_closure_is_told_until_its_last_date() {
        let notes = notes(Language::En, 1);
        assert_eq!(notes.closures.len(), 2, "{:?}", notes.closures);
        assert!(notes.closures[0].contains("30 November"), "{:?}", notes.closures);
        assert!(notes.closures[0].contains("quarantine-en"));
        assert_ne!(notes.closures[0].split(' ').next(), notes.closures[1].split(' ').next());
    }

    #[test]
    fn alternatives_are_shown_where_the_office_has_nothing_free() {
        assert!(notes(Language::Uk, 1).alternatives.is_empty());
        let shown = notes(Language::Uk, 0).alternatives;
        assert_eq!(shown.iter().map(|of| of.text.as_str()).collect::<Vec<_>>(), ["other-uk"]);
    }

    #[test]
    fn a_number_is_dialled_without_its_blanks() {
        assert_eq!(notes(Language::Uk, 1).phones[0].href, "+3804412345");
    }

    #[test]
    fn fees_are_hryvnias_with_kopiyky_only_where_there_are_some() {
        let texts = Texts::load();
        let words = Words { texts: &texts, language: Language::En, now: UtcMicros(0) };
        let shown = [0, 35_000, 35_005].map(|kopiyky| hryvnias(kopiyky, words));
        assert_eq!(shown, ["free of charge", "350 UAH", "350.05 UAH"]);
        let words = Words { language: Language::Uk, ..words };
        assert_eq!(hryvnias(35_005, words), "350,05 грн");
    }
}
