//! What people have to know before they come: who may book, what to bring, what it costs, whom to
//! call, and where else to go.
//!
//! Owns the texts and their bounds. Shown, never decided by. Must not know where they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::{Exceptions, Intervals};
use crate::catalogue::Text;
use crate::catalogue_file::BadCatalogue;
use crate::civil::CivilDate;

/// Most texts of one list: documents, notes, acts, questions, alternatives.
pub const MAX_TEXTS: usize = 20;
/// Most telephone numbers of a service or an office.
pub const MAX_PHONES: usize = 5;
/// Most characters of one text in one language.
pub const MAX_TEXT_CHARS: usize = 600;
/// Most closures of one office.
pub const MAX_CLOSURES: usize = 16;
/// Most dates of one closure: a year. What is closed for longer is taken out of the catalogue.
pub const MAX_CLOSURE_DAYS: usize = 366;

/// What people have to know of a service. Whatever is empty is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct About {
    /// Who may book it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<Text>,
    /// The documents to bring.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Text>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    /// For what nobody needs to book.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_booking_for: Vec<Text>,
    /// The acts that it rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legal_basis: Vec<Text>,
    /// Whom to call: `+380` and so on, digits and spaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// What people ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// What a service costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// In hundredths of a hryvnia; 0 is free of charge.
    pub kopiyky: u32,
    /// What it is made of, or where another applies.
    pub text: Text,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub question: Text,
    /// The answer.
    pub answer: Text,
}

/// Who else does what an office does, or something like it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Who, and for what.
    pub text: Text,
    /// Their page, by `https://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A period in which an office is closed, or open for some hours only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closure {
    /// The first date.
    #[serde(serialize_with = "as_text")]
    pub from: CivilDate,
    /// The last date.
    #[serde(serialize_with = "as_text")]
    pub to: CivilDate,
    /// Whether it works some hours all the same.
    pub limited: bool,
    /// Why.
    pub reason: Text,
}

/// A closure as a file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClosureFile {
    closed_from: String,
    closed_to: String,
    reason: Text,
    /// With hours the office is not closed, but works these, on dates on which it works at all.
    #[serde(default)]
    hours: Vec<String>,
}

fn as_text<S: serde::Serializer>(date: &CivilDate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

impl About {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn check(&self, at: &str) -> Result<(), BadCatalogue> {
        let at = format!("{at}, about");
        texts(&at, "who", self.who.iter())?;
        texts(&at, "documents", self.documents.iter())?;
        texts(&at, "fee", self.fee.iter().map(|fee| &fee.text))?;
        texts(&at, "no_booking_for", self.no_booking_for.iter())?;
        texts(&at, "legal_basis", self.legal_basis.iter())?;
        check_questions(&at, &self.questions)?;
        phones(&at, &self.phones)
    }
}

/// Checks what people ask, with the answers.
pub(crate) fn check_questions(at: &str, all: &[Question]) -> Result<(), BadCatalogue> {
    texts(at, "questions", all.iter().map(|of| &of.question))?;
    texts(at, "answers", all.iter().map(|of| &of.answer))
}

/// Checks the alternatives of an office.
pub(crate) fn check_alternatives(at: &str, all: &[Alternative]) -> Result<(), BadCatalogue> {
    texts(at, "alternatives", all.iter().map(|of| &of.text))?;
    for link in all.iter().filter_map(|of| of.link.as_ref()) {
        // A link is shown to people as it is: no script, no other scheme, no blank that splits it.
        let rest = link.strip_prefix("https://").unwrap_or("");
        let is_link = !rest.is_empty()
            && link.len() <= MAX_TEXT_CHARS
            && rest.chars().all(|letter| letter.is_ascii_graphic() && !"\"'<>".contains(letter));
        if !is_link {
            let problem = format!("alternatives: `{link}` is no link of the form https://…");
            return Err(BadCatalogue::Value { at: at.to_owned(), problem });
        }
    }
    Ok(())
}

/// Checks telephone numbers.
pub(crate) fn phones(at: &str, phones: &[String]) -> Result<(), BadCatalogue> {
    bounded(at, "phones", phones.len(), MAX_PHONES)?;
    for phone in phones {
        let digits = phone.chars().filter(char::is_ascii_digit).count();
        let is_number = phone.starts_with('+')
            && (7..=15).contains(&digits)
            && phone[1..].chars().all(|sign| sign.is_ascii_digit() || sign == ' ');
        if !is_number {
            let problem = format!("phones: `{phone}` is no number of the form +380 44 123 45 67");
            return Err(BadCatalogue::Value { at: at.to_owned(), problem });
        }
    }
    Ok(())
}

/// Reads closures, and adds their dates to the exceptions. `works` says whether the office works at
/// all on a date.
pub(crate) fn closures(
    at: &str,
    files: &[ClosureFile],
    exceptions: &mut Exceptions,
    works: impl Fn(CivilDate) -> bool,
    hours: impl Fn(&str, &[String]) -> Result<Intervals, BadCatalogue>,
) -> Result<Vec<Closure>, BadCatalogue> {
    bounded(at, "closures", files.len(), MAX_CLOSURES)?;
    let mut closures = Vec::new();
    let mut added = BTreeMap::new();
    for file in files {
        let at = format!("{at}, closure {} to {}", file.closed_from, file.closed_to);
        let date = |text: &str| {
            let problem = "closed_from and closed_to are of the form YYYY-MM-DD".to_owned();
            text.parse::<CivilDate>().map_err(|_| BadCatalogue::Value { at: at.clone(), problem })
        };
        let (from, to) = (date(&file.closed_from)?, date(&file.closed_to)?);
        texts(&at, "reason", std::iter::once(&file.reason))?;
        if from > to {
            let problem = "closed_to is no earlier than closed_from".to_owned();
            return Err(BadCatalogue::Value { at, problem });
        }
        // In 64 bits, for dates may lie far apart.
        let days = i64::from(to.days()) - i64::from(from.days()) + 1;
        let days = usize::try_from(days).expect("the first date is not after the last");
        bounded(&at, "days in one closure", days, MAX_CLOSURE_DAYS)?;
        let open = hours(&at, &file.hours)?;
        let limited = !file.hours.is_empty();
        for date in (from.days()..=to.days()).map(CivilDate::from_days) {
            if limited && !works(date) {
                continue;
            }
            if exceptions.contains_key(&date) || added.insert(date, open.clone()).is_some() {
                let id = format!("{date} of {at}");
                return Err(BadCatalogue::Twice { what: "exception", id });
            }
        }
        closures.push(Closure { from, to, limited, reason: file.reason.clone() });
    }
    exceptions.append(&mut added);
    closures.sort_by_key(|closure| closure.from);
    Ok(closures)
}

fn texts<'a>(
    at: &str,
    what: &'static str,
    texts: impl Iterator<Item = &'a Text>,
) -> Result<(), BadCatalogue> {
    let all: Vec<&Text> = texts.collect();
    bounded(at, what, all.len(), MAX_TEXTS)?;
    let at = format!("{at}, {what}");
    for text in all.iter().flat_map(|text| [&text.uk, &text.en]) {
        let chars = text.chars().count();
        bounded(&at, "characters in one text", chars, MAX_TEXT_CHARS)?;
        if text.trim().is_empty() {
            let problem = "a text is empty in one language; write it in both".to_owned();
            return Err(BadCatalogue::Value { at, problem });
        }
    }
    Ok(())
}

fn bounded(at: &str, what: &'static str, count: usize, max: usize) -> Result<(), BadCatalogue> {
    if count <= max {
        return Ok(());
    }
    Err(BadCatalogue::TooMany { at: at.to_owned(), what, count, max })
}

#[cfg(test)]
#[path = "about_tests.rs"]
mod tests;
