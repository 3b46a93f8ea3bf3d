//! What clients send, parsed once: the booking request and its idempotency key.
//!
//! A refusal says where the mistake is and never quotes what was sent. Must not know HTTP
//! statuses or the ledger's work.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use talon_domain::booking::Subject;
use talon_domain::civil::{CivilDate, Minute};
use talon_domain::ids::{BookingId, Fingerprint, KeyHash, OfficeId};
use talon_wire::{MAX_WISHES, Place, Wishes};
use utoipa::ToSchema;

use crate::http::problem::Problem;

/// Longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;
/// Room for most requests as bytes.
const PLAIN_BYTES: usize = 64;
/// The header of idempotency keys.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRequest<'b> {
    /// The authority's code.
    pub authority: Cow<'b, str>,
    /// The office's number.
    pub office: u32,
    /// The service's code.
    pub service: Cow<'b, str>,
    /// For whom.
    pub subject: Subject,
    /// When.
    pub wishes: Wishes,
    /// The solution of a challenge, ALTCHA's payload.
    pub altcha: Option<Cow<'b, str>>,
}

/// A request to move a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// The number of another office; none: the same one.
    pub office: Option<u32>,
    /// When.
    pub wishes: Wishes,
    /// The solution of a challenge, ALTCHA's payload.
    pub altcha: Option<String>,
}

/// The body of a request to book, as clients send it: either `wishes` or `any`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BookRequest)]
pub struct Body<'b> {
    /// The authority's code.
    #[serde(borrow)]
    #[schema(value_type = String, example = "mvs")]
    authority: Cow<'b, str>,
    /// The office's number.
    #[schema(example = 8041)]
    office: u32,
    /// The service's code.
    #[serde(borrow)]
    #[schema(value_type = String, example = "practical-exam")]
    service: Cow<'b, str>,
    /// For whom: `person`, or `entity` for the legal entity of the login.
    #[serde(rename = "for", default = "themselves")]
    #[schema(value_type = String, required = false, example = "person")]
    subject: Subject,
    /// The times wished for, the dearest first.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Vec<Start>, required = false, min_items = 1, max_items = 16)]
    wishes: Option<Vec<Start>>,
    /// Any time of a span.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Span, required = false)]
    any: Option<Span>,
    /// The solution of a challenge, where the service asks for a proof of work.
    #[serde(borrow, default, deserialize_with = "some_text")]
    #[schema(value_type = String, required = false)]
    altcha: Option<Cow<'b, str>>,
}

fn themselves() -> Subject {
    Subject::Person
}

/// The body of a request to move a booking, as clients send it: either `wishes` or `any`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MoveRequest)]
pub struct MoveBody {
    /// The office's number; the same office unless it is given.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = u32, required = false, example = 8041)]
    office: Option<u32>,
    /// The times wished for, the dearest first.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Vec<Start>, required = false, min_items = 1, max_items = 16)]
    wishes: Option<Vec<Start>>,
    /// Any time of a span.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Span, required = false)]
    any: Option<Span>,
    /// The solution of a challenge, where the service asks for a proof of work.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = String, required = false)]
    altcha: Option<String>,
}

/// A time wished for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Wish)]
pub struct Start {
    #[serde(deserialize_with = "parsed")]
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    date: CivilDate,
    #[serde(deserialize_with = "parsed")]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "09:20")]
    time: Minute,
}

/// Any time of a span of dates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first date.
    #[serde(deserialize_with = "parsed")]
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    from: CivilDate,
    /// The last date.
    #[serde(deserialize_with = "parsed")]
    #[schema(value_type = String, format = Date, example = "2026-12-14")]
    to: CivilDate,
    /// On each date not before this time.
    #[serde(deserialize_with = "parsed", default = "day_start")]
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "09:00")]
    after: Minute,
    /// On each date begun before this time.
    #[serde(deserialize_with = "parsed", default = "day_end")]
    #[schema(value_type = String, pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "18:00")]
    before: Minute,
}

fn day_start() -> Minute {
    Minute::new(0).expect("midnight is a minute")
}

fn day_end() -> Minute {
    Minute::new(talon_domain::civil::MINUTES_PER_DAY).expect("a day has an end")
}

/// A member may be left out; one that is there has a value.
fn some<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The same for a text, which is not copied where it stands in the request as it is meant.
fn some_text<'de: 'b, 'b, D>(deserializer: D) -> Result<Option<Cow<'b, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

    Text::deserialize(deserializer).map(|Text(text)| Some(text))
}

fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_str(Parse(PhantomData))
}

/// Parses a text where it stands.
struct Parse<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parse<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// The names that a request may have; others are the client's and are not repeated.
const KNOWN_NAMES: [&str; 13] = [
    "authority",
    "office",
    "service",
    "for",
    "wishes",
    "any",
    "altcha",
    "date",
    "time",
    "from",
    "to",
    "after",
    "before",
];

/// The place of a mistake, as far as its names are ours.
fn known_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } if KNOWN_NAMES.contains(&key.as_str()) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            _ => break,
        }
    }
    if text.is_empty() { "the document".to_owned() } else { text }
}

impl<'b> BookRequest<'b> {
    /// Reads the JSON body.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] with the place of the mistake.
    pub fn from_json(bytes: &'b [u8]) -> Result<Self, Problem> {
        let Body { authority, office, service, subject, wishes, any, altcha } = document(bytes)?;
        let wishes = one_of(wishes, any)?;
        Ok(Self { authority, office, service, subject, wishes, altcha })
    }
}

impl MoveRequest {
    /// Reads the JSON body.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] with the place of the mistake.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Problem> {
        let MoveBody { office, wishes, any, altcha } = document(bytes)?;
        Ok(Self { office, wishes: one_of(wishes, any)?, altcha })
    }
}

/// The one JSON document in a body. A good one is read without keeping track of where in it, which would
/// cost a string for each name.
fn document<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).or_else(|_| document_with_places(bytes))
}

/// The same, with the place of the mistake.
fn document_with_places<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = known_path(error.path());
        let inner = error.inner();
        let what = match inner.classify() {
            serde_json::error::Category::Data => "this is not what is expected here",
            _ => "this is no JSON",
        };
        let (line, column) = (inner.line(), inner.column());
        Problem::bad_request(format!("{path} (line {line}, column {column}): {what}"))
    })?;
    deserializer
        .end()
        .map_err(|_| Problem::bad_request("there is something after the JSON document"))?;
    Ok(body)
}

/// Either a wish list or a span.
fn one_of(starts: Option<Vec<Start>>, any: Option<Span>) -> Result<Wishes, Problem> {
    match (starts, any) {
        (Some(starts), None) if (1..=MAX_WISHES).contains(&starts.len()) => {
            Ok(Wishes::Starts(starts.into_iter().map(|start| (start.date, start.time)).collect()))
        }
        (None, Some(span)) => {
            if span.from > span.to || span.after >= span.before {
                return Err(Problem::bad_request("any: the span ends before it starts"));
            }
            let Span { from, to, after, before } = span;
            Ok(Wishes::Any { from, to, after, before })
        }
        _ => Err(Problem::bad_request(format!("give either 1 to {MAX_WISHES} wishes, or any"))),
    }
}

/// The hash of the request's idempotency key.
///
/// # Errors
/// [`Problem::IdempotencyKeyMissing`] when there is none of 1 to 128 visible ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<KeyHash, Problem> {
    let key = headers.get(&IDEMPOTENCY_KEY).ok_or(Problem::IdempotencyKeyMissing)?;
    hash_key(key.as_bytes())
}

/// The hash of an idempotency key.
///
/// # Errors
/// As [`idempotency_key`].
pub fn hash_key(key: &[u8]) -> Result<KeyHash, Problem> {
    let is_key = (1..=MAX_KEY_BYTES).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if is_key { Ok(KeyHash(half_hash(&[key]))) } else { Err(Problem::IdempotencyKeyMissing) }
}

/// What was asked, so that the same key for something else is noticed.
pub fn fingerprint(place: &Place, subject: Subject, wishes: &Wishes) -> Fingerprint {
    let bytes = plain(&(place, wishes));
    match subject {
        // As it was before anybody could act for another: keys that are remembered stay good.
        Subject::Person => Fingerprint(half_hash(&[b"book", &bytes])),
        Subject::Entity => Fingerprint(half_hash(&[b"book", &bytes, b"entity"])),
    }
}

/// What was asked of a move, in the same sense.
pub fn move_fingerprint(booking: BookingId, office: OfficeId, wishes: &Wishes) -> Fingerprint {
    let bytes = plain(&(booking, office, wishes));
    Fingerprint(half_hash(&[b"move", &bytes]))
}

/// A request as bytes that are the same for the same request.
fn plain(request: &impl Serialize) -> Vec<u8> {
    let room = Vec::with_capacity(PLAIN_BYTES);
    postcard::to_extend(request, room).expect("a request is plain data")
}

/// The first half of SHA-256 over these parts, one after another.
pub(crate) fn half_hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WISH: &str = r#"{"date":"2026-12-01","time":"09:00"}"#;

    fn parse(rest: &str) -> Result<BookRequest<'static>, Problem> {
        let text = format!(r#"{{"authority":"mvs","office":8041,"service":"x",{rest}}}"#);
        BookRequest::from_json(text.leak().as_bytes())
    }

    fn refusal(rest: &str) -> String {
        match parse(rest) {
            Err(Problem::BadRequest { at }) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wish_list_or_a_span_is_a_request() {
        let request = parse(&format!(r#""wishes":[{WISH}]"#)).unwrap();
        assert!(matches!(request.wishes, Wishes::Starts(starts) if starts.len() == 1));
        let request = parse(r#""any":{"from":"2026-12-01","to":"2026-12-05"}"#).unwrap();
        assert!(matches!(request.wishes, Wishes::Any { after, before, .. }
                if after.get() == 0 && before.get() == 1440));
    }

    #[test]
    fn both_neither_and_too_many_wishes_are_refused() {
        assert!(refusal(r#""wishes":[]"#).contains("1 to 16 wishes"));
        let any = r#""any":{"from":"2026-12-01","to":"2026-12-05"}"#;
        assert!(refusal(&format!(r#""wishes":[{WISH}],{any}"#)).contains("either"));
        let many = [WISH; MAX_WISHES + 1].join(",");
        assert!(refusal(&format!(r#""wishes":[{many}]"#)).contains("1 to 16 wishes"));
    }

    #[test]
    fn a_mistake_is_named_by_its_place_and_not_quoted() {
        let at = refusal(r#""wishes":[{"date":"2026-13-01","time":"09:00"}]"#);
        assert!(at.starts_with("wishes[0].date (line 1, "), "{at}");
        assert!(!at.contains("2026-13"), "{at}");
        let unknown = refusal(r#""4111111111111111":1"#);
        assert!(unknown.starts_with("the document (line 1, "), "{unknown}");
        assert!(!unknown.contains("4111"), "{unknown}");
        let backwards = r#""any":{"from":"2026-12-05","to":"2026-12-01"}"#;
        assert!(refusal(backwards).contains("ends before it starts"));
        assert!(BookRequest::from_json(b"{").is_err());
    }

    #[test]
    fn a_booking_is_for_the_person_unless_it_says_otherwise() {
        let wish = format!(r#""wishes":[{WISH}]"#);
        assert_eq!(parse(&wish).unwrap().subject, Subject::Person);
        let said = |subject: &str| parse(&format!(r#"{wish},"for":"{subject}""#));
        assert_eq!(said("person").unwrap().subject, Subject::Person);
        assert_eq!(said("entity").unwrap().subject, Subject::Entity);
        assert!(refusal(&format!(r#"{wish},"for":"43395033""#)).starts_with("for (line 1"));
    }

    #[test]
    fn a_text_with_escapes_is_what_they_stand_for() {
        let request = parse(&format!(r#""wishes":[{WISH}],"altcha":"\u0041b""#)).unwrap();
        assert_eq!(request.altcha.as_deref(), Some("Ab"));
        let plain = parse(&format!(r#""wishes":[{WISH}],"altcha":"Ab""#)).unwrap();
        assert!(matches!(plain.altcha, Some(Cow::Borrowed("Ab"))), "nothing is copied");
    }

    #[test]
    fn a_move_names_the_time_and_the_office_only_if_it_is_another() {
        let parse = |text: &str| MoveRequest::from_json(text.as_bytes());
        let same = parse(&format!(r#"{{"wishes":[{WISH}]}}"#)).unwrap();
        assert_eq!((same.office, same.altcha), (None, None));
        let other = parse(r#"{"office":2,"any":{"from":"2026-12-01","to":"2026-12-05"}}"#).unwrap();
        assert_eq!(other.office, Some(2));
        for bad in ["{}", r#"{"service":"x"}"#, "[]", "null"] {
            assert!(matches!(parse(bad), Err(Problem::BadRequest { .. })), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_all_that_was_asked() {
        let place = |office| Place {
            authority: talon_domain::ids::AuthorityId(1),
            office: OfficeId(office),
            service: talon_domain::ids::ServiceId(3),
        };
        let wishes = |rest: &str| parse(rest).unwrap().wishes;
        let one = wishes(&format!(r#""wishes":[{WISH}]"#));
        let other = wishes(r#""any":{"from":"2026-12-01","to":"2026-12-05"}"#);
        let booking = |byte| BookingId([byte; 16]);
        let all = [
            fingerprint(&place(1), Subject::Person, &one),
            fingerprint(&place(1), Subject::Entity, &one),
            fingerprint(&place(2), Subject::Person, &one),
            fingerprint(&place(1), Subject::Person, &other),
            move_fingerprint(booking(1), OfficeId(1), &one),
            move_fingerprint(booking(2), OfficeId(1), &one),
            move_fingerprint(booking(1), OfficeId(2), &one),
            move_fingerprint(booking(1), OfficeId(1), &other),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn keys_are_visible_ascii_of_a_bounded_length() {
        assert!(hash_key(b"a").is_ok());
        assert!(hash_key(&[b'k'; MAX_KEY_BYTES]).is_ok());
        for bad in [&b""[..], b"a b", "ключ".as_bytes(), &[b'k'; MAX_KEY_BYTES + 1]] {
            assert_eq!(hash_key(bad), Err(Problem::IdempotencyKeyMissing));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = BookRequest::from_json(&bytes);
            let _ = MoveRequest::from_json(&bytes);
        }
    }
}
