//! Schemas of what other crates own or what has no type of its own: texts, regions, states,
//! challenges, problems.
//!
//! These types are never built; they describe. Must not know which operation answers what.

use utoipa::ToSchema;

/// One text in each language.
#[derive(ToSchema)]
pub struct Text {
    /// Ukrainian.
    #[schema(example = "Практичний іспит")]
    pub uk: String,
    /// English.
    #[schema(example = "Practical exam")]
    pub en: String,
}

/// A part of the country.
#[derive(ToSchema)]
pub struct Region {
    /// ISO 3166-2.
    #[schema(example = "UA-30")]
    pub code: String,
    /// What people call it.
    pub name: Text,
}

/// What people have to know of a service.
#[derive(ToSchema)]
pub struct About {
    /// Who may book it.
    #[schema(required = false, nullable = false)]
    pub who: Option<Text>,
    /// The documents to bring.
    #[schema(required = false)]
    pub documents: Vec<Text>,
    /// What it costs.
    #[schema(required = false, nullable = false)]
    pub fee: Option<Fee>,
    /// For what nobody needs to book.
    #[schema(required = false)]
    pub no_booking_for: Vec<Text>,
    /// The acts that it rests on.
    #[schema(required = false)]
    pub legal_basis: Vec<Text>,
    /// Whom to call.
    #[schema(required = false)]
    pub phones: Vec<String>,
    /// What people ask.
    #[schema(required = false)]
    pub questions: Vec<Question>,
}

/// What a service costs.
#[derive(ToSchema)]
pub struct Fee {
    /// In hundredths of a hryvnia; 0 is free of charge.
    pub kopiyky: u32,
    /// What it is made of, or where another applies.
    pub text: Text,
}

/// A question with its answer.
#[derive(ToSchema)]
pub struct Question {
    /// The question.
    pub question: Text,
    /// The answer.
    pub answer: Text,
}

/// Who else does what an office does, or something like it.
#[derive(ToSchema)]
pub struct Alternative {
    /// Who, and for what.
    pub text: Text,
    /// Their page.
    #[schema(required = false, nullable = false)]
    pub link: Option<String>,
}

/// A period in which an office is closed, or open for some hours only.
#[derive(ToSchema)]
pub struct Closure {
    /// The first date.
    #[schema(format = Date, example = "2027-01-11")]
    pub from: String,
    /// The last date.
    #[schema(format = Date, example = "2027-01-22")]
    pub to: String,
    /// Whether it works some hours all the same.
    pub limited: bool,
    /// Why.
    pub reason: Text,
}

/// What has become of a booking.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum State {
    /// The place is held.
    Booked,
    /// The person gave it back.
    Cancelled,
    /// Another booking took its place.
    Moved,
    /// The person was served.
    Served,
    /// The person was served and failed, as in an exam.
    Failed,
    /// The person was not there when called.
    Absent,
}

/// A proof-of-work challenge, as ALTCHA v2 defines it.
#[derive(ToSchema)]
pub struct Challenge {
    /// What has to be solved.
    #[schema(value_type = Object)]
    pub parameters: String,
    /// Over the parameters, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub signature: String,
}

/// A refusal (RFC 9457). Further members depend on its type; the examples show them.
#[derive(ToSchema)]
pub struct Problem {
    /// Stable: `/problems/` and the problem's name.
    #[schema(rename = "type", pattern = "^/problems/[a-z-]+$", example = "/problems/slot-taken")]
    pub kind: String,
    /// What it is, in the language of the answer.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Why, and what helps, in the language of the answer.
    pub detail: String,
    /// The id of the request, for support.
    pub request_id: String,
}

/// The explanation of a problem.
#[derive(ToSchema)]
pub struct Explanation {
    /// `/problems/` and the problem's name.
    #[schema(rename = "type", pattern = "^/problems/[a-z-]+$", example = "/problems/slot-taken")]
    pub kind: String,
    /// What it is, in the language of the answer.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Why, and what helps, as it could read.
    pub detail: String,
}
