//! After the restart: reads what is free, logs everybody in anew, sends the attempts without an answer
//! again, and lists what each person has.
//!
//! Must not judge what it hears. Called by the kill test's rounds and by the rehearsal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::check::{Capacity, Observed, Retry};
use crate::client::words::Booking;
use crate::client::{Client, Failure, Session};
use crate::history::{Again, AttemptId, Person, Questions};

/// An attempt is sent again twice: the second answer must be the first.
const TIMES_SENT_AGAIN: u32 = 2;
/// How often an answer of "later" is accepted before the inquiry fails.
const MAX_TRIES: u32 = 20;
/// The pause when "later" does not say when.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// What one person answered.
struct Statement {
    person: Person,
    retries: Vec<(AttemptId, Vec<Retry>)>,
    bookings: Vec<Booking>,
}

/// Asks everything, `clients` persons at a time.
pub(crate) async fn ask(
    client: &Client,
    authority: &str,
    questions: Vec<Questions>,
    clients: usize,
    capacity: &Capacity,
) -> Result<Observed> {
    let mut observed = Observed::default();
    read_free(client, authority, capacity, &mut observed).await?;
    let turns = Arc::new(Semaphore::new(clients));
    let mut statements = JoinSet::new();
    for question in questions {
        let (client, turns) = (client.clone(), Arc::clone(&turns));
        statements.spawn(async move {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            let person = question.person;
            ask_person(&client, question).await.with_context(|| format!("person {person}"))
        });
    }
    while let Some(statement) = statements.join_next().await {
        let statement = statement.context("a task panicked")??;
        observed.bookings.insert(statement.person, statement.bookings);
        observed.retries.extend(statement.retries);
    }
    Ok(observed)
}

/// Reads the free desks of every place that was ever fought over.
async fn read_free(
    client: &Client,
    authority: &str,
    capacity: &Capacity,
    observed: &mut Observed,
) -> Result<()> {
    let days: BTreeSet<_> =
        capacity.keys().map(|slot| (slot.office, &slot.service, &slot.date)).collect();
    for (office, service, date) in days {
        for start in client.starts(authority, office, service, date).await? {
            let (service, date) = (service.clone(), date.clone());
            let slot = crate::client::words::Slot { office, service, date, time: start.time };
            observed.free.insert(slot, start.free);
        }
    }
    Ok(())
}

async fn ask_person(client: &Client, questions: Questions) -> Result<Statement> {
    let session = client.log_in(questions.person, questions.entity).await.context("logging in")?;
    let mut retries = Vec::new();
    for again in questions.again {
        let mut answers = Vec::new();
        for _ in 0..TIMES_SENT_AGAIN {
            answers.push(send_again(client, &session, &again).await?);
        }
        retries.push((again.id, answers));
    }
    let bookings = client.bookings(&session).await.context("listing the bookings")?;
    Ok(Statement { person: questions.person, retries, bookings })
}

async fn send_again(client: &Client, session: &Session, again: &Again) -> Result<Retry> {
    let Again { key, request, instead_of, .. } = again;
    for _ in 0..MAX_TRIES {
        match client.book(session, key, request, instead_of.as_deref()).await {
            Ok(confirmed) => {
                let (booking, replayed) = (confirmed.booking, confirmed.replayed);
                return Ok(Retry::Found { booking, replayed });
            }
            Err(Failure::Refused(problem)) if problem.is_put_off() => {
                tokio::time::sleep(problem.retry_after.unwrap_or(PAUSE).min(MAX_PAUSE)).await;
            }
            Err(Failure::Refused(problem)) => return Ok(Retry::Refused(problem.slug)),
            Err(Failure::NoAnswer(error)) => {
                return Err(error).with_context(|| format!("sending key {key} again"));
            }
        }
    }
    bail!("key {key} was put off {MAX_TRIES} times")
}
