//! The `RateLimit` and `RateLimit-Policy` headers: what is left of the paces that a request went
//! through (draft-ietf-httpapi-ratelimit-headers).
//!
//! Admission lies deep below the answer, in the same task: decisions are noted there and written
//! here. Must not decide anything.

use std::cell::Cell;
use std::io::Write as _;
use std::pin::Pin;

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::body::Answer;
use crate::admission::{Decision, RateRule};

/// The id of the pace of bookings and cancellations.
pub const WRITE: u8 = 1;
/// The id of the pace of personal reads and challenges.
pub const READ: u8 = 2;
/// The paces by id, and what clients call them.
const PACES: [(u8, &str); 2] = [(WRITE, "write"), (READ, "read")];

/// What each header says of all paces takes no more, mostly.
const HEADER_BYTES: usize = 128;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A pace, and after how many microseconds its whole burst is back.
#[derive(Clone, Copy)]
struct Noted {
    rule: RateRule,
    whole_in_us: u64,
}

tokio::task_local! {
    /// Per pace the tightest decision of this request.
    static NOTED: Cell<[Option<Noted>; PACES.len()]>;
}

/// Runs what answers a request, and tells in its headers what it was admitted with.
pub async fn with_headers(mut answering: Pin<&mut impl Future<Output = Answer>>) -> Answer {
    NOTED
        .scope(Cell::new([None; PACES.len()]), async {
            let mut answer = answering.as_mut().await;
            write(&NOTED.with(Cell::get), answer.headers_mut());
            answer
        })
        .await
}

/// Notes a decision for the headers of the request that runs in this task. One that neither
/// charged nor refused the pace says nothing of it.
pub fn note(rule: &RateRule, decision: &Decision) {
    let whole_in_us = match decision {
        Decision::Admitted { whole_in_us } => *whole_in_us,
        Decision::RateLimited { retry_after_us } => rule.whole_in_us(*retry_after_us),
        Decision::OverQuotaHint { .. } | Decision::AlreadySpent | Decision::Shed { .. } => return,
    };
    let Some(place) = PACES.iter().position(|(id, _)| *id == rule.id()) else { return };
    // Outside of a request, as in a test of an operation alone, there is nobody to tell.
    let _nobody_asks = NOTED.try_with(|cell| {
        let mut noted = cell.get();
        // Someone known at several authorities has a pace at each.
        if noted[place].is_none_or(|known| known.whole_in_us < whole_in_us) {
            noted[place] = Some(Noted { rule: *rule, whole_in_us });
            cell.set(noted);
        }
    });
}

fn write(noted: &[Option<Noted>; PACES.len()], headers: &mut HeaderMap) {
    if noted.iter().all(Option::is_none) {
        return;
    }
    let [mut limits, mut policies] = [SmallVec::<[u8; HEADER_BYTES]>::new(), SmallVec::new()];
    for ((_, name), noted) in PACES.iter().zip(noted) {
        let Some(Noted { rule, whole_in_us }) = noted else { continue };
        for text in [&mut limits, &mut policies] {
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
        }
        let (left, quota) = (rule.remaining(*whole_in_us), rule.burst());
        let (reset_s, window_s) = (seconds(*whole_in_us), seconds(rule.whole_burst_us()));
        write!(limits, "\"{name}\";r={left};t={reset_s}").expect("memory takes all");
        write!(policies, "\"{name}\";q={quota};w={window_s}").expect("memory takes all");
    }
    for (name, text) in [(RATE_LIMIT, limits), (RATE_LIMIT_POLICY, policies)] {
        headers.insert(name, HeaderValue::from_bytes(&text).expect("the texts are ASCII"));
    }
}

/// Whole seconds, rounded up.
fn seconds(micros: u64) -> u64 {
    micros.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use bytes::Bytes;
    use futures_util::FutureExt;
    use http::StatusCode;

    use super::*;
    use crate::http::body;

    fn headers(noting: impl FnOnce()) -> (String, String) {
        let answering = pin!(async {
            noting();
            body::answer(StatusCode::OK, "text/plain", Bytes::new())
        });
        let answer = with_headers(answering).now_or_never().unwrap();
        let header = |name: &HeaderName| {
            answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        (header(&RATE_LIMIT), header(&RATE_LIMIT_POLICY))
    }

    fn write_pace() -> RateRule {
        RateRule::new(WRITE, 500_000, 10).unwrap()
    }

    #[test]
    fn an_admission_tells_what_is_left_and_when_all_is_back() {
        let (limit, policy) =
            headers(|| note(&write_pace(), &Decision::Admitted { whole_in_us: 1_100_000 }));
        assert_eq!(limit, "\"write\";r=7;t=2");
        assert_eq!(policy, "\"write\";q=10;w=5");
    }

    #[test]
    fn a_refusal_by_the_pace_tells_that_nothing_is_left() {
        let limited = Decision::RateLimited { retry_after_us: 200_000 };
        assert_eq!(headers(|| note(&write_pace(), &limited)).0, "\"write\";r=0;t=5");
    }

    #[test]
    fn of_several_decisions_by_one_pace_the_tightest_is_told_and_other_paces_beside_it() {
        let read = RateRule::new(READ, 100_000, 30).unwrap();
        let (limit, policy) = headers(|| {
            note(&read, &Decision::Admitted { whole_in_us: 300_000 });
            note(&read, &Decision::Admitted { whole_in_us: 100_000 });
            note(&write_pace(), &Decision::Admitted { whole_in_us: 500_000 });
        });
        assert_eq!(limit, "\"write\";r=9;t=1, \"read\";r=27;t=1");
        assert_eq!(policy, "\"write\";q=10;w=5, \"read\";q=30;w=3");
    }

    #[test]
    fn what_no_pace_decided_has_no_headers() {
        let over = Decision::OverQuotaHint { count: 4, sequence: 1 };
        let told = headers(|| {
            note(&write_pace(), &over);
            note(&write_pace(), &Decision::AlreadySpent);
        });
        assert_eq!(told, (String::new(), String::new()));
    }
}
