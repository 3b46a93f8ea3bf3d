//! An honest person: reads before the release, solves the proof while the countdown runs, books from a
//! wish list a moment after it, and retries as politely as the gateway asks.
//!
//! Called by the rehearsal.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use tokio::time::Instant;

use super::Actor;
use crate::client::Failure;
use crate::client::problem::{Problem, Slug};
use crate::client::words::{BookRequest, Want, Wish};
use crate::scenario::Honest;

/// Most tries of one person, whatever the answers.
const MAX_TRIES: u32 = 20;
/// How long somebody reads an answer before the next step, in milliseconds.
const READING_MS: std::ops::RangeInclusive<u64> = 600..=2_500;
/// How long somebody waits who looks again whether something has become free, in milliseconds.
const LOOK_AGAIN_MS: std::ops::RangeInclusive<u64> = 2_000..=6_000;
/// The wait when "later" does not say when, in milliseconds.
const LATER_MS: std::ops::RangeInclusive<u64> = 800..=2_000;
/// The longest wait that a person follows.
const MAX_PATIENCE: Duration = Duration::from_secs(30);

/// When one person acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// When they look first, before the release.
    pub(crate) looks_at: Instant,
    /// When they press the button.
    pub(crate) acts_at: Instant,
}

/// Comes, looks, books, leaves.
pub(crate) async fn live(actor: Arc<Actor>, how: Honest, timing: Timing) {
    let office = actor.office();
    // What they see does not matter to what they want: the list was made at home.
    let _ = actor.days(timing.looks_at, office).await;
    let mut request = actor.request(office, wishes(&actor, office, how.wishes, None));
    let good_from = prove(&actor, Instant::now() + actor.pause(READING_MS), &mut request).await;
    // Whoever came late reads first: that is their own time, and no lateness of anybody else.
    let (mut key, mut due) = (actor.key(), timing.acts_at.max(good_from));
    for _ in 0..MAX_TRIES {
        if actor.is_over(due) {
            return;
        }
        let next = match actor.book(due, &key, &request).await {
            Ok(confirmed) => {
                if actor.manner.moves {
                    super::change::mind(&actor, how, &confirmed.booking).await;
                }
                return;
            }
            // The same key: if it was booked, the answer says so.
            Err(Failure::NoAnswer(_)) => Some(Instant::now() + actor.pause(LATER_MS)),
            Err(Failure::Refused(problem)) => {
                if !problem.is_put_off() {
                    key = actor.key();
                }
                react(&actor, how, &problem, &mut request).await
            }
        };
        let Some(next) = next else { return };
        due = next;
    }
}

/// What somebody does after a refusal: when to try again, and with which request; nothing when there
/// is nothing to try.
async fn react(
    actor: &Actor,
    how: Honest,
    problem: &Problem,
    request: &mut BookRequest,
) -> Option<Instant> {
    match problem.slug {
        Slug::RateLimited | Slug::Overloaded | Slug::JournalFull | Slug::SlowLaneEarly => {
            let told = problem.retry_after.map(|pause| pause.min(MAX_PATIENCE));
            Some(Instant::now() + told.unwrap_or_else(|| actor.pause(LATER_MS)))
        }
        Slug::NotReleased => {
            let good_from = prove(actor, Instant::now(), request).await;
            Some(good_from.max(Instant::now() + actor.pause(LATER_MS)))
        }
        // The day's tries are over, and there is nothing more that this device can do.
        Slug::PowInvalid | Slug::PowReplayed if actor.manner.slow_lane => None,
        Slug::PowRequired | Slug::PowInvalid | Slug::PowExpired | Slug::PowReplayed => {
            request.altcha = None;
            let good_from = prove(actor, Instant::now(), request).await;
            (request.altcha.is_some() || !actor.manner.slow_lane).then_some(good_from)
        }
        Slug::SlotTaken | Slug::UnknownStart => look_again(actor, how, request).await,
        _ => None,
    }
}

/// The wishes are gone: any place will do, as long as one is seen.
async fn look_again(actor: &Actor, how: Honest, request: &mut BookRequest) -> Option<Instant> {
    let mut due = Instant::now() + actor.pause(READING_MS);
    while !actor.is_over(due) {
        let office = actor.office();
        if actor.free(due, office).await.is_ok_and(|free| free > 0) {
            let altcha = request.altcha.take();
            let wanted = actor.request(office, actor.stage.goal.any(office).want);
            *request = BookRequest { altcha, ..wanted };
            let good_from = prove(actor, Instant::now(), request).await;
            return Some(good_from.max(Instant::now() + actor.pause(READING_MS)));
        }
        let gives_up = actor.draw(|random| random.random_range(0..100)) >= how.repoll_percent;
        if gives_up {
            return None;
        }
        due = Instant::now() + actor.pause(LOOK_AGAIN_MS);
    }
    None
}

/// Gives a request a new proof, or a promise in its stead, and says from when on that is good. Without one
/// the request is refused, and its person tries again. A promise is good for more than one try, so one that
/// is there stays.
pub(super) async fn prove(actor: &Actor, due: Instant, request: &mut BookRequest) -> Instant {
    if !actor.manner.slow_lane {
        request.altcha = actor.prove(due, request).await.ok().flatten();
        return Instant::now();
    }
    if request.altcha.is_some() {
        return Instant::now();
    }
    let promise = actor.promise(due, request).await.ok().flatten();
    let (altcha, good_from) = promise.unzip();
    request.altcha = altcha;
    good_from.unwrap_or_else(Instant::now).max(Instant::now())
}

/// So many starts of an office, apart from one.
pub(super) fn wishes(actor: &Actor, office: u32, count: u64, but: Option<&str>) -> Want {
    let goal = &actor.stage.goal;
    let starts = goal.offices.iter().find(|(id, _)| *id == office).map(|(_, starts)| starts);
    let starts = starts.expect("an office is one of the goal's");
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let starts: Vec<&String> = starts.iter().filter(|it| Some(it.as_str()) != but).collect();
    let chosen: Vec<&String> = actor.draw(|random| starts.sample(random, count).copied().collect());
    let wish = |time: &String| Wish { date: goal.date.clone(), time: time.clone() };
    Want::Wishes(chosen.into_iter().map(wish).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::StatusCode;

    use super::super::actor::tests::actor;
    use super::*;

    fn how() -> Honest {
        let networks = crate::scenario::Networks::default();
        let count = 1;
        let (wishes, repoll_percent) = (6, 0);
        let (moves_percent, for_entity_percent, slow_lane_percent) = (0, 0, 0);
        Honest {
            count,
            networks,
            wishes,
            repoll_percent,
            moves_percent,
            for_entity_percent,
            slow_lane_percent,
        }
    }

    fn problem(slug: Slug, retry_after: Option<u64>) -> Problem {
        Problem {
            slug,
            status: StatusCode::TOO_MANY_REQUESTS,
            title: String::new(),
            detail: None,
            retry_after: retry_after.map(Duration::from_secs),
            facts: serde_json::Map::new(),
        }
    }

    /// After how long somebody tries again.
    async fn pause(slug: Slug, retry_after: Option<u64>) -> Option<Duration> {
        let actor = actor();
        let mut request = actor.stage.goal.any(1);
        let next = react(&actor, how(), &problem(slug, retry_after), &mut request).await;
        next.map(|next| next - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn an_honest_person_waits_as_long_as_told() {
        assert_eq!(pause(Slug::RateLimited, Some(7)).await, Some(Duration::from_secs(7)));
        assert_eq!(pause(Slug::Overloaded, Some(3_600)).await, Some(MAX_PATIENCE));
        let untold = pause(Slug::JournalFull, None).await.unwrap().as_millis();
        assert!((800..=2_000).contains(&untold), "{untold}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_a_place_or_no_right_to_one_leaves() {
        for slug in [Slug::AlreadyBooked, Slug::QuotaExceeded, Slug::Unauthenticated] {
            assert_eq!(pause(slug, None).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_cannot_compute_leaves_when_the_promise_is_spent() {
        for slug in [Slug::PowReplayed, Slug::PowRequired] {
            let mut actor = Arc::into_inner(actor()).unwrap();
            actor.manner.slow_lane = true;
            let mut request = actor.stage.goal.any(1);
            assert_eq!(react(&actor, how(), &problem(slug, None), &mut request).await, None);
        }
        assert_eq!(pause(Slug::SlowLaneEarly, Some(9)).await, Some(Duration::from_secs(9)));
    }

    #[test]
    fn whoever_acts_for_an_entity_asks_for_it() {
        let mut actor = Arc::into_inner(actor()).unwrap();
        actor.manner.for_entity = true;
        let request = actor.request(1, wishes(&actor, 1, 1, None));
        assert_eq!(request.subject, crate::client::words::Subject::Entity);
    }

    #[test]
    fn a_wish_list_has_different_starts_and_no_more_than_there_are() {
        let actor = actor();
        for (count, expected) in [(2, 2), (16, 3)] {
            let Want::Wishes(wishes) = wishes(&actor, 1, count, None) else { panic!("no list") };
            let times: BTreeSet<String> = wishes.into_iter().map(|wish| wish.time).collect();
            assert_eq!(times.len(), expected);
        }
        let Want::Wishes(others) = wishes(&actor, 1, 16, Some("09:40")) else { panic!("no list") };
        assert!(others.len() == 2 && others.iter().all(|wish| wish.time != "09:40"));
    }
}
