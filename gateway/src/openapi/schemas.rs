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
