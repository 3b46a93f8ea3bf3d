//! A change of mind: somebody who has a place looks at the other times of that day and exchanges it for
//! one of them, if one is free.
//!
//! Called by the honest person.

use std::time::Duration;

use tokio::time::Instant;

use super::Actor;
use super::honest::{prove, wishes};
use crate::client::Failure;
use crate::client::problem::{Problem, Slug};
use crate::client::words::{BookRequest, Booking};
use crate::scenario::Honest;

/// Most tries, whatever the answers.
const MAX_TRIES: u32 = 5;
/// How long somebody thinks about another time, in milliseconds.
const THINKING_MS: std::ops::RangeInclusive<u64> = 800..=3_000;
/// The longest wait that somebody who has a place follows.
const MAX_PATIENCE: Duration = Duration::from_secs(10);

/// Exchanges a booking for another time at the same office, or keeps it.
pub(super) async fn mind(actor: &Actor, how: Honest, booking: &Booking) {
    let office = booking.office;
    let another = || {
        let want = wishes(actor, office, how.wishes, Some(booking.time.as_str()));
        actor.request(office, want)
    };
    let mut request = another();
    let good_from = prove(actor, Instant::now() + actor.pause(THINKING_MS), &mut request).await;
    let (mut key, mut due) = (actor.key(), good_from);
    for _ in 0..MAX_TRIES {
        if actor.is_over(due) {
            return;
        }
        let problem = match actor.move_to(due, &key, &request, &booking.id).await {
            Ok(_) => return,
            // The same key: if it was moved, the answer says so.
            Err(Failure::NoAnswer(_)) => {
                due = Instant::now() + actor.pause(THINKING_MS);
                continue;
            }
            Err(Failure::Refused(problem)) => problem,
        };
        if !problem.is_put_off() {
            key = actor.key();
        }
        if problem.slug == Slug::SlotTaken {
            request = BookRequest { altcha: request.altcha.take(), ..another() };
        }
        let Some(next) = react(actor, &problem, &mut request).await else { return };
        due = next;
    }
}

/// When to try again after a refusal; nothing when the place is kept.
async fn react(actor: &Actor, problem: &Problem, request: &mut BookRequest) -> Option<Instant> {
    match problem.slug {
        Slug::RateLimited | Slug::Overloaded | Slug::JournalFull => {
            let told = problem.retry_after.map(|pause| pause.min(MAX_PATIENCE));
            Some(Instant::now() + told.unwrap_or_else(|| actor.pause(THINKING_MS)))
        }
        // The day's tries are over.
        Slug::PowReplayed if actor.manner.slow_lane => None,
        // A proof is spent by then; a promise may be good for more.
        Slug::SlotTaken | Slug::PowRequired | Slug::PowExpired | Slug::PowReplayed => {
            if problem.slug != Slug::SlotTaken {
                request.altcha = None;
            }
            let thought = Instant::now() + actor.pause(THINKING_MS);
            Some(prove(actor, thought, request).await.max(thought))
        }
        _ => None,
    }
}
