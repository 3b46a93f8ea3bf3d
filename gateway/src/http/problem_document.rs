//! The documents of problems: RFC 9457, with what a program may want to know beyond the type.
//!
//! Owns the facts of each problem, which are members of its document and what its words speak of. A refusal is what
//! bots get most, so that a document is written straight into its bytes. Must not decide anything.

use std::borrow::Cow;
use std::fmt;

use fluent_bundle::FluentArgs;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use smallvec::{SmallVec, smallvec};
use talon_domain::civil::UtcMicros;
use talon_telemetry::request_id::RequestId;
use talon_wire::{BookingState, FreeStart};

use super::body::MAX_BODY_BYTES;
use super::language::{Language, Texts};
use super::problem::Problem;

/// Room for most documents.
const DOCUMENT_BYTES: usize = 1024;
/// Most facts of one problem.
const FACTS: usize = 4;

/// What a program may want to know beyond the type.
enum Fact<'p> {
    Moment(Option<UtcMicros>),
    Truth(bool),
    Count(u32),
    Text(&'p str),
    State(BookingState),
    Free(&'p [FreeStart]),
}

/// The facts by their names.
type Facts<'p> = SmallVec<[(&'static str, Fact<'p>); FACTS]>;

impl Serialize for Fact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Moment(Some(at)) => serializer.collect_str(at),
            Self::Moment(None) => serializer.serialize_none(),
            Self::Truth(is_so) => serializer.serialize_bool(*is_so),
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Text(text) => serializer.serialize_str(text),
            Self::State(state) => state.serialize(serializer),
            Self::Free(starts) => serializer.collect_seq(starts.iter().map(Start)),
        }
    }
}

/// A start that is free instead.
struct Start<'p>(&'p FreeStart);

impl Serialize for Start<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut start = serializer.serialize_map(Some(2))?;
        start.serialize_entry("time", &Shown(self.0.start))?;
        start.serialize_entry("free", &self.0.desks)?;
        start.end()
    }
}

/// A text as it is shown.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// All that a document says.
struct Document<'p> {
    problem: &'p Problem,
    facts: Facts<'p>,
    title: Cow<'p, str>,
    detail: Cow<'p, str>,
    request: Option<RequestId>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(None)?;
        document
            .serialize_entry("type", &Shown(format_args!("/problems/{}", self.problem.slug())))?;
        document.serialize_entry("title", &self.title)?;
        document.serialize_entry("status", &self.problem.status().as_u16())?;
        document.serialize_entry("detail", &self.detail)?;
        for (name, fact) in &self.facts {
            document.serialize_entry(name, fact)?;
        }
        if let Some(request) = self.request {
            document.serialize_entry("request_id", &Shown(request))?;
        }
        document.end()
    }
}

/// The document of the answer to a request, as JSON.
pub(super) fn bytes(
    problem: &Problem,
    texts: &Texts,
    language: Language,
    seconds: u64,
    request: RequestId,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DOCUMENT_BYTES);
    with_document(problem, texts, language, seconds, Some(request), |document| {
        serde_json::to_writer(&mut bytes, document).expect("our answers are plain data");
    });
    bytes
}

impl Problem {
    /// The title and the explanation in a language.
    pub fn words(&self, texts: &Texts, language: Language, seconds: u64) -> (String, String) {
        with_document(self, texts, language, seconds, None, |document| {
            (document.title.clone().into_owned(), document.detail.clone().into_owned())
        })
    }

    /// The problem document of a language, without the id of a request.
    ///
    /// # Panics
    /// Never: a document is plain data.
    pub fn document(&self, texts: &Texts, language: Language, seconds: u64) -> Map<String, Value> {
        with_document(self, texts, language, seconds, None, |document| {
            match serde_json::to_value(document) {
                Ok(Value::Object(document)) => document,
                other => unreachable!("a document is no {other:?}"),
            }
        })
    }

    fn facts(&self) -> Facts<'_> {
        match self {
            Self::NotReleased(release) => smallvec![
                ("opens_at", Fact::Moment(release.opens_at)),
                ("late", Fact::Truth(release.late)),
            ],
            Self::SlotTaken { free } => smallvec![("free", Fact::Free(free))],
            Self::LimitReached(refusal) => smallvec![
                ("rule", Fact::Text(&refusal.rule)),
                ("count", Fact::Count(refusal.count)),
                ("limit", Fact::Count(refusal.limit)),
                ("resets_at", Fact::Moment(refusal.resets_at)),
            ],
            Self::TooLateToCancel { until } | Self::TooLateToMove { until } => {
                smallvec![("until", Fact::Moment(Some(*until)))]
            }
            Self::NotLive(state) => smallvec![("state", Fact::State(*state))],
            Self::MovedTooOften { count, limit } => smallvec![
                ("count", Fact::Count((*count).into())),
                ("limit", Fact::Count((*limit).into())),
            ],
            _ => Facts::new(),
        }
    }
}

/// Shows the document: its words may borrow from what they speak of.
fn with_document<T>(
    problem: &Problem,
    texts: &Texts,
    language: Language,
    seconds: u64,
    request: Option<RequestId>,
    see: impl FnOnce(&Document<'_>) -> T,
) -> T {
    let facts = problem.facts();
    let arguments = arguments(problem, &facts, seconds);
    let (title, detail) = texts.titled(language, problem.slug(), &arguments);
    see(&Document { problem, facts, title, detail, request })
}

/// What the words may speak of.
fn arguments<'p>(problem: &'p Problem, facts: &Facts<'p>, seconds: u64) -> FluentArgs<'p> {
    let mut arguments = FluentArgs::with_capacity(2 + facts.len());
    arguments.set("seconds", seconds);
    arguments.set("limit", MAX_BODY_BYTES as u64);
    for (name, fact) in facts {
        match fact {
            Fact::Moment(Some(at)) => arguments.set(*name, at.to_string()),
            Fact::Count(count) => arguments.set(*name, *count),
            Fact::Text(text) => arguments.set(*name, *text),
            Fact::Free(starts) => arguments.set(*name, starts.len() as u64),
            Fact::Moment(None) | Fact::Truth(_) | Fact::State(_) => {}
        }
    }
    if let Problem::BadRequest { at } = problem {
        arguments.set("at", at.as_str());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use talon_domain::policy::LimitKind;

    use super::*;
    use crate::http::problem_examples::examples;

    #[test]
    fn an_answers_bytes_are_its_document_and_the_id_of_its_request() {
        let texts = Texts::load();
        for problem in examples() {
            for language in Language::ALL {
                let id = RequestId::next();
                let bytes = bytes(&problem, &texts, language, 7, id);
                let mut read: Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(read.remove("request_id"), Some(id.to_string().into()));
                assert_eq!(read, problem.document(&texts, language, 7));
                assert_eq!(read["type"], format!("/problems/{}", problem.slug()));
                assert_eq!(read["status"], problem.status().as_u16());
            }
        }
    }

    #[test]
    fn a_limits_facts_are_members_and_in_its_words() {
        let refusal = talon_domain::limits::LimitRefusal {
            rule: "two \"a\" month".to_owned(),
            kind: LimitKind::LivePerService,
            count: 3,
            limit: 2,
            resets_at: Some(UtcMicros(1_796_097_600_000_000)),
        };
        let document = Problem::LimitReached(refusal).document(&Texts::load(), Language::En, 0);
        assert_eq!(document["rule"], "two \"a\" month");
        assert_eq!((&document["count"], &document["limit"]), (&3.into(), &2.into()));
        assert_eq!(document["resets_at"], "2026-12-01T04:00:00Z");
        assert!(document["detail"].as_str().unwrap().contains("two \"a\" month"));
    }
}
