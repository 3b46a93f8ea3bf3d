//! What everybody wants, read from the gateway before anybody comes; and everybody's sessions.
//!
//! Must not book. Called by the rehearsal.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::manners::manners;
use crate::client::words::Day;
use crate::client::{Client, Session};
use crate::history::History;
use crate::personas::{Goal, Stage, instant_of};
use crate::scenario::Scenario;

/// How many proofs are computed at once: one core's worth.
const SOLVERS: usize = 1;

/// Finds the date that opens next and what the offices have on a day.
pub(super) async fn set(scenario: &Scenario, client: &Client) -> Result<Stage> {
    let target = &scenario.target;
    let (authority, service) = (&target.authority, &target.service);
    let services = client.services(authority).await?;
    let found = services.iter().find(|it| it.code == *service);
    let proof = found.with_context(|| format!("there is no service {service}"))?.proof;
    let mut next: Option<(String, Timestamp)> = None;
    let mut offices = Vec::new();
    for office in &target.offices {
        let days = client.days(authority, *office, service).await?;
        let (date, opens_at) =
            opens_next(&days).with_context(|| format!("nothing opens at office {office}"))?;
        let first = next.get_or_insert((date.clone(), opens_at));
        ensure!(first.0 == date, "office {office} opens {date}, another one {}", first.0);
        // What a day has is seen on one that is open; nobody has booked there yet.
        let day = days.iter().rev().find(|day| day.open && day.free > 0);
        let day = day.with_context(|| format!("office {office} has no open day"))?;
        let starts = client.starts(authority, *office, service, &day.date).await?;
        offices.push((*office, starts.into_iter().map(|start| start.time).collect()));
    }
    let (date, opens_at) = next.context("no office is wanted")?;
    let opens_at = instant_of(opens_at);
    let goal = Goal {
        authority: authority.clone(),
        service: service.clone(),
        date,
        offices,
        proof,
        opens_at,
        ends_at: opens_at + Duration::from_secs(scenario.release.duration_s),
    };
    Ok(Stage {
        goal,
        history: std::sync::Arc::new(Mutex::new(History::new(Box::new(std::io::sink())))),
        recorder: std::sync::Arc::default(),
        network_costs: std::sync::Arc::default(),
        hand_overs: Mutex::default(),
        solvers: Semaphore::new(SOLVERS),
    })
}

/// The day that opens first, and when.
fn opens_next(days: &[Day]) -> Option<(String, Timestamp)> {
    days.iter()
        .filter(|day| !day.open)
        .filter_map(|day| Some((day.date.clone(), day.opens_at.as_ref()?.parse().ok()?)))
        .min_by_key(|(_, opens_at): &(String, Timestamp)| *opens_at)
}

/// A session for every identified person of the scenario.
pub(super) async fn sessions(scenario: &Scenario, client: &Client) -> Result<Vec<Session>> {
    let count = scenario.persons().values().sum();
    let mut sessions = client.rehearsal_sessions(0..count).await?;
    let mut entities = 0..;
    // Honest people are the first of all, in this order.
    for (session, manner) in sessions.iter_mut().zip(manners(scenario)) {
        if manner.for_entity
            && let Some(entity) = entities.next()
        {
            let made = client.rehearsal_session_for(session.person, entity).await?;
            *session = made.context("no session for a person who acts for an entity")?;
        }
    }
    Ok(sessions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, open: bool, opens_at: Option<&str>) -> Day {
        let opens_at = opens_at.map(str::to_owned);
        Day { date: date.to_owned(), free: 0, open, opens_at }
    }

    #[test]
    fn the_day_that_opens_first_is_wanted() {
        let days = [
            day("2026-12-01", true, None),
            day("2026-12-03", false, Some("2026-11-26T04:00:00Z")),
            day("2026-12-02", false, Some("2026-11-25T04:00:00Z")),
            day("2026-12-04", false, None),
        ];
        let (date, opens_at) = opens_next(&days).unwrap();
        assert_eq!(
            (date.as_str(), opens_at.to_string().as_str()),
            ("2026-12-02", "2026-11-25T04:00:00Z")
        );
        assert_eq!(opens_next(&days[..1]), None);
    }
}
