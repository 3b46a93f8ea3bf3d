//! Public answers as bytes, rebuilt at most every [`REBUILD_EVERY`], with ETag and 304.
//!
//! A crowd that polls one calendar costs one look at the ledger a tenth of a second, at worst one for
//! each runtime, when several miss in the same instant. Must not
//! know sessions: what is here is for everybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use talon_domain::civil::CivilDate;
use talon_domain::ids::Channel;
use talon_ledger::core::Authority;
use talon_wire::{Answer as LedgerAnswer, Command, Place};

use crate::app::Lane;
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;
use crate::views;

/// How old a public answer may be.
pub const REBUILD_EVERY: Duration = Duration::from_millis(100);
/// Most public answers kept; at it, those that are asked for least go.
pub const MAX_KEPT_ANSWERS: u64 = 65_536;

const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// Which public answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// The days of a place.
    Days(Place),
    /// The starts of a place on a date.
    Starts(Place, CivilDate),
}

/// Bytes with their tag.
#[derive(Clone, Debug)]
pub struct Tagged {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Tagged {
    /// Tags the bytes by their hash.
    pub fn new(bytes: Vec<u8>) -> Self {
        let hash = Sha256::digest(&bytes);
        let tag = format!("\"{}\"", hex::encode(&hash[..12]));
        Self {
            bytes: bytes.into(),
            tag: HeaderValue::from_str(&tag).expect("hexadecimal digits are visible ASCII"),
        }
    }

    /// The answer: the bytes, or 304 when the client has them.
    pub fn answer(&self, headers: &HeaderMap) -> Answer {
        let mut answer = if is_known(headers, &self.tag) {
            body::answer(StatusCode::NOT_MODIFIED, "application/json", Bytes::new())
        } else {
            body::answer(StatusCode::OK, "application/json", self.bytes.clone())
        };
        answer.headers_mut().insert(header::ETAG, self.tag.clone());
        answer.headers_mut().insert(header::CACHE_CONTROL, PUBLIC);
        answer
    }
}

/// The lists that change with the catalogue only, made once.
pub struct Lists {
    /// All authorities.
    pub authorities: Tagged,
    /// The services of each authority, by its code.
    pub services: HashMap<String, Tagged>,
    /// The offices of each authority, by its code.
    pub offices: HashMap<String, Tagged>,
}

impl Lists {
    /// Makes the lists.
    pub fn new(authorities: &[Authority]) -> Self {
        let by_code = |list: fn(&Authority) -> Vec<u8>| -> HashMap<String, Tagged> {
            authorities
                .iter()
                .map(|authority| (authority.catalogue.code.clone(), Tagged::new(list(authority))))
                .collect()
        };
        let catalogues = authorities.iter().map(|authority| &*authority.catalogue);
        Self {
            authorities: Tagged::new(views::authorities(catalogues)),
            services: by_code(views::services),
            offices: by_code(|authority| views::offices(&authority.catalogue)),
        }
    }
}

/// Whether the client has what `tag` stands for.
pub fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    fn bare(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    let tag = bare(tag.to_str().unwrap_or(""));
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let known = value.to_str().unwrap_or("");
        known.trim() == "*" || known.split(',').any(|known| bare(known) == tag)
    })
}

/// The answers that are kept, each for [`REBUILD_EVERY`].
pub struct PublicAnswers(Cache<Question, Arc<Tagged>>);

impl Default for PublicAnswers {
    fn default() -> Self {
        let kept = Cache::builder().max_capacity(MAX_KEPT_ANSWERS).time_to_live(REBUILD_EVERY);
        Self(kept.build())
    }
}

/// Answers a public question.
///
/// # Errors
/// What the ledger refuses.
pub async fn public(lane: &Lane, question: Question) -> Result<Arc<Tagged>, Problem> {
    if let Some(tagged) = lane.app.public.0.get(&question) {
        return Ok(tagged);
    }
    let command = match question {
        Question::Days(place) => Command::Days { place, channel: Channel::Web },
        Question::Starts(place, date) => Command::Starts { place, channel: Channel::Web, date },
    };
    let (Question::Days(place) | Question::Starts(place, _)) = question;
    let service = lane.app.service_code(place.authority, place.service);
    let bytes = match (lane.ledger.call(command).await, question) {
        (LedgerAnswer::Days(days), _) => views::days(place.office.0, service, &days),
        (LedgerAnswer::Starts(starts), Question::Starts(_, date)) => {
            views::starts(place.office.0, service, &date.to_string(), &starts)
        }
        (LedgerAnswer::Refused(refusal), _) => return Err(refusal.into()),
        _ => return Err(Problem::Unavailable),
    };
    let tagged = Arc::new(Tagged::new(bytes));
    lane.app.public.0.insert(question, Arc::clone(&tagged));
    Ok(tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_bytes_gets_304() {
        let tagged = Tagged::new(b"{}".to_vec());
        let status = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            tagged.answer(&headers).status()
        };
        let tag = tagged.tag.to_str().unwrap();
        assert_eq!(status(tag), StatusCode::NOT_MODIFIED);
        assert_eq!(status(&format!("\"x\", W/{tag}")), StatusCode::NOT_MODIFIED);
        assert_eq!(status("*"), StatusCode::NOT_MODIFIED);
        assert_eq!(status("\"x\""), StatusCode::OK);
        assert_eq!(tagged.answer(&HeaderMap::new()).status(), StatusCode::OK);
    }
}
