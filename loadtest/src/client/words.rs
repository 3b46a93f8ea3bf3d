//! The JSON of the API, as far as a client uses it.
//!
//! Written from the API's description and not from the gateway's code, so that a change of a name on
//! the wire is noticed here. Called by everything in this crate.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/authorities/{a}/services`.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// `practical-exam`.
    pub code: String,
    /// How long a visit lasts.
    pub minutes: u32,
    /// Whether booking asks for a proof of work now.
    pub proof: bool,
}

/// `GET /api/v1/authorities/{a}/offices`.
#[derive(Clone, Debug, Deserialize)]
pub struct Office {
    /// The office's public number.
    pub id: u32,
    /// Codes of the services that it offers.
    pub services: Vec<String>,
}

/// `GET …/days`.
#[derive(Clone, Debug, Deserialize)]
pub struct Day {
    /// `2026-12-01`, in the office's zone.
    pub date: String,
    /// How many starts are free.
    pub free: u32,
    /// Whether it has been released.
    pub open: bool,
    /// When it opens, RFC 3339 in UTC, while that is yet to come.
    pub opens_at: Option<String>,
}

/// `GET …/days/{date}/starts`.
#[derive(Clone, Debug, Deserialize)]
pub struct Start {
    /// `09:00`, in the office's zone.
    pub time: String,
    /// At how many desks.
    pub free: u32,
}

/// One place that would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// `2026-12-01`.
    pub date: String,
    /// `09:00`.
    pub time: String,
}

/// Any place within these bounds would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First date.
    pub from: String,
    /// Last date.
    pub to: String,
    /// Earliest start.
    pub after: String,
    /// Latest start.
    pub before: String,
}

/// What would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// In order, at most 16.
    Wishes(Vec<Wish>),
    /// The first free one of a span.
    Any(Span),
}

/// For whom a booking is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// For whoever is logged in.
    #[default]
    Person,
    /// For the legal entity of the login.
    Entity,
}

impl Subject {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_person(&self) -> bool {
        *self == Self::Person
    }
}

/// The body of `POST /api/v1/bookings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookRequest {
    /// `mvs`.
    pub authority: String,
    /// The office's public number.
    pub office: u32,
    /// `practical-exam`.
    pub service: String,
    /// For whom.
    #[serde(rename = "for", default, skip_serializing_if = "Subject::is_person")]
    pub subject: Subject,
    /// `wishes` or `any`.
    #[serde(flatten)]
    pub want: Want,
    /// A solved challenge, base64, or a promise to book without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altcha: Option<String>,
}

impl BookRequest {
    /// Whether `booking` is something that this request asked for.
    #[must_use]
    pub fn asked_for(&self, booking: &Booking) -> bool {
        let start_fits = match &self.want {
            Want::Wishes(wishes) => {
                wishes.iter().any(|wish| wish.date == booking.date && wish.time == booking.time)
            }
            // Dates and times of these forms sort as text as they do in time.
            Want::Any(span) => {
                (&span.from..=&span.to).contains(&&booking.date)
                    && (&span.after..=&span.before).contains(&&booking.time)
            }
        };
        start_fits
            && self.authority == booking.authority
            && self.office == booking.office
            && self.service == booking.service
            && self.subject == booking.subject
    }
}

/// How a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The place is the person's.
    Booked,
    /// The person gave it back.
    Cancelled,
    /// The person has another place instead.
    Moved,
}

/// A booking, as every call gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `mvs`.
    pub authority: String,
    /// The office's public number.
    pub office: u32,
    /// `practical-exam`.
    pub service: String,
    /// `2026-12-01`, in the office's zone.
    pub date: String,
    /// `09:00`, in the office's zone.
    pub time: String,
    /// How long the visit lasts.
    pub minutes: u32,
    /// The same moment in UTC.
    pub starts_at: String,
    /// How it stands.
    pub state: State,
    /// Whose it is.
    #[serde(rename = "for")]
    pub subject: Subject,
}

/// `GET /api/v1/challenge` with `lane=slow`: a promise to book without a proof after a wait.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Promise {
    /// To be sent instead of a solution.
    pub altcha: String,
    /// From when on it is good, in Unix seconds.
    pub ready_at_s: i64,
}

impl Booking {
    /// Whether both are the same promise: everything but the state, which may change.
    #[must_use]
    pub fn is_same_promise(&self, other: &Self) -> bool {
        *self == Self { state: self.state, ..other.clone() }
    }

    /// The place of this booking.
    #[must_use]
    pub fn slot(&self) -> Slot {
        Slot {
            office: self.office,
            service: self.service.clone(),
            date: self.date.clone(),
            time: self.time.clone(),
        }
    }
}

/// What a citizen books. Several desks may offer the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The office's public number.
    pub office: u32,
    /// `practical-exam`.
    pub service: String,
    /// `2026-12-01`.
    pub date: String,
    /// `09:00`.
    pub time: String,
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at office {} on {} {}", self.service, self.office, self.date, self.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the API's description.
    const BOOKING: &str = r#"{"id":"00112233445566778899aabbccddeeff","authority":"mvs",
        "office":8041,"service":"practical-exam","date":"2026-12-01","time":"09:00","minutes":40,
        "starts_at":"2026-12-01T07:00:00Z","zone":"Europe/Kyiv","state":"booked","for":"person","channel":"web",
        "cancel_until":"2026-12-01T05:00:00Z"}"#;

    fn request(want: Want) -> BookRequest {
        BookRequest {
            authority: "mvs".to_owned(),
            office: 8041,
            service: "practical-exam".to_owned(),
            subject: Subject::Person,
            want,
            altcha: None,
        }
    }

    fn wish(date: &str, time: &str) -> Want {
        Want::Wishes(vec![Wish { date: date.to_owned(), time: time.to_owned() }])
    }

    #[test]
    fn a_request_is_written_as_the_description_says() {
        let body = serde_json::to_value(request(wish("2026-12-01", "09:00"))).unwrap();
        let expected = serde_json::json!({"authority":"mvs","office":8041,
            "service":"practical-exam","wishes":[{"date":"2026-12-01","time":"09:00"}]});
        assert_eq!(body, expected);

        let text = |text: &str| text.to_owned();
        let span = Span {
            from: text("2026-12-01"),
            to: text("2026-12-05"),
            after: text("08:00"),
            before: text("18:00"),
        };
        let with_proof = BookRequest { altcha: Some(text("e30=")), ..request(Want::Any(span)) };
        let expected = serde_json::json!({"authority":"mvs","office":8041,
            "service":"practical-exam","altcha":"e30=",
            "any":{"from":"2026-12-01","to":"2026-12-05","after":"08:00","before":"18:00"}});
        assert_eq!(serde_json::to_value(with_proof).unwrap(), expected);
    }

    #[test]
    fn a_request_for_an_entity_says_so() {
        let for_entity =
            BookRequest { subject: Subject::Entity, ..request(wish("2026-12-01", "09:00")) };
        assert_eq!(serde_json::to_value(for_entity).unwrap()["for"], "entity");
    }

    #[test]
    fn a_booking_is_read_as_the_description_says() {
        let booking: Booking = serde_json::from_str(BOOKING).unwrap();
        assert_eq!(booking.state, State::Booked);
        assert_eq!(booking.slot().to_string(), "practical-exam at office 8041 on 2026-12-01 09:00");
        let cancelled = Booking { state: State::Cancelled, ..booking.clone() };
        assert!(booking.is_same_promise(&cancelled));
        let moved = Booking { time: "09:40".to_owned(), ..booking.clone() };
        assert!(!booking.is_same_promise(&moved));
    }

    #[test]
    fn a_request_knows_what_it_asked_for() {
        let booking: Booking = serde_json::from_str(BOOKING).unwrap();
        assert!(request(wish("2026-12-01", "09:00")).asked_for(&booking));
        assert!(!request(wish("2026-12-01", "09:40")).asked_for(&booking));
        let other = BookRequest { office: 1, ..request(wish("2026-12-01", "09:00")) };
        assert!(!other.asked_for(&booking));
        let for_entity = Booking { subject: Subject::Entity, ..booking };
        assert!(!request(wish("2026-12-01", "09:00")).asked_for(&for_entity));
    }
}
