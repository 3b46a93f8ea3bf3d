//! The fight: clients that log in as one person after another and book and cancel as fast as they
//! are answered.
//!
//! Owns what a client does. Must not judge: everything goes into the history. Called by the rounds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use super::AUTHORITY;
use super::scenery::Places;
use super::trigger::Trigger;
use crate::client::words::{BookRequest, Booking, Slot, Span, Subject, Want, Wish};
use crate::client::{Answer, Client, Failure, Session};
use crate::history::{AttemptId, Cancel, History, Person, lock};

/// How many persons each client logs in before the fight, so that it starts with bookings.
const WARM_SESSIONS: usize = 4;
/// Wishes of one request; the API allows 16.
const MAX_WISHES: usize = 6;
/// Half of the wishes lie among this many places, where everybody meets.
const HOT_PLACES: usize = 6;
/// One in this many requests asks for any place of a span.
const SPAN_ONE_IN: u32 = 6;
/// One in this many requests is sent twice at once, as an impatient person does.
const TWICE_ONE_IN: u32 = 6;
/// One in this many bookings is cancelled.
const CANCEL_ONE_IN: u32 = 3;
/// How long a client that was put off waits before it goes on. Shorter than it was told: an impatient
/// client is the harder test.
const PUT_OFF_PAUSE: Duration = Duration::from_millis(100);
/// A client whose person cannot log in, or gets no answer, goes on with the next one, this often.
const MAX_TROUBLES: u32 = 3;

/// Everything that the clients of a round share.
pub(super) struct Load {
    pub(super) client: Client,
    pub(super) places: Arc<Vec<Places>>,
    pub(super) history: Arc<Mutex<History>>,
    pub(super) next_person: Arc<Mutex<Person>>,
    pub(super) end_of_persons: Person,
    /// Knows when the gateway has been killed: from then on nothing new is asked.
    pub(super) trigger: Arc<Trigger>,
}

/// The running clients of a round.
pub(super) struct Clients {
    tasks: JoinSet<Result<()>>,
}

/// One client.
struct Citizen {
    load: Arc<Load>,
    random: StdRng,
    warm: Vec<Session>,
}

impl Load {
    /// Logs the first persons in and lets `clients` clients loose.
    pub(super) async fn start(self, clients: usize, random: &mut StdRng) -> Result<Clients> {
        let load = Arc::new(self);
        let mut logins = JoinSet::new();
        for _ in 0..clients {
            let load = Arc::clone(&load);
            let random = StdRng::seed_from_u64(random.random());
            logins.spawn(async move {
                let mut warm = Vec::new();
                for _ in 0..WARM_SESSIONS {
                    warm.push(load.log_in_next().await?);
                }
                anyhow::Ok(Citizen { load, random, warm })
            });
        }
        let mut tasks = JoinSet::new();
        for citizen in logins.join_all().await {
            let citizen = citizen.context("logging in before the load")?;
            tasks.spawn(citizen.live());
        }
        Ok(Clients { tasks })
    }

    fn is_over(&self) -> bool {
        self.trigger.is_over()
    }

    async fn log_in_next(&self) -> Result<Session> {
        let person = {
            let mut next = self.next_person.lock().expect("nobody panics while counting");
            *next += 1;
            *next - 1
        };
        if person >= self.end_of_persons {
            bail!("all {} synthetic persons have been used", self.end_of_persons);
        }
        self.client.log_in(person, None).await.with_context(|| format!("person {person}"))
    }
}

impl Clients {
    /// Whether nobody books any more.
    pub(super) fn all_ended(&mut self) -> Result<bool> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended.context("a client panicked")??;
        }
        Ok(self.tasks.is_empty())
    }

    /// Waits until every client has noticed that the gateway is gone.
    pub(super) async fn end(mut self, limit: Duration) -> Result<()> {
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a client panicked")??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(limit, all).await.context("a client does not end")?
    }
}

impl Citizen {
    /// Books as one person after another until the gateway is gone.
    async fn live(mut self) -> Result<()> {
        let mut troubles = 0;
        while troubles < MAX_TROUBLES && !self.load.is_over() {
            let session = match self.warm.pop() {
                Some(session) => session,
                None => match self.load.log_in_next().await {
                    Ok(session) => session,
                    Err(_) => {
                        troubles += 1;
                        continue;
                    }
                },
            };
            if self.be(&session).await? == Ending::NoAnswer {
                troubles += 1;
            }
        }
        Ok(())
    }

    /// One person tries every service in some order, one more than the month allows among them.
    async fn be(&mut self, session: &Session) -> Result<Ending> {
        let mut places: Vec<usize> = (0..self.load.places.len()).collect();
        places.shuffle(&mut self.random);
        for (number, index) in places.into_iter().enumerate() {
            if self.load.is_over() {
                break;
            }
            let request = self.request(index);
            let key = format!("kill-{}-{number}", session.person);
            let twice = self.random.random_ratio(1, TWICE_ONE_IN);
            let times = if twice { 2 } else { 1 };
            let id = self.history(|history| history.begin(session.person, &key, &request, times));
            let client = &self.load.client;
            let answers = if twice {
                let first = client.book(session, &key, &request, None);
                let second = client.book(session, &key, &request, None);
                let (first, second) = tokio::join!(first, second);
                vec![first, second]
            } else {
                vec![client.book(session, &key, &request, None).await]
            };
            let answers = answers.into_iter().map(|answer| answer.map(|yes| yes.booking));
            let (booking, ending) = self.write_down(id, answers)?;
            match ending {
                Ending::Answered => {}
                Ending::PutOff => tokio::time::sleep(PUT_OFF_PAUSE).await,
                Ending::NoAnswer => return Ok(ending),
            }
            if let Some(booking) = booking
                && self.random.random_ratio(1, CANCEL_ONE_IN)
                && self.cancel(session, id, &booking).await? == Ending::NoAnswer
            {
                return Ok(Ending::NoAnswer);
            }
        }
        Ok(Ending::Answered)
    }

    /// Puts every answer into the history before anything else is done with it.
    fn write_down(
        &self,
        id: AttemptId,
        answers: impl Iterator<Item = Answer<Booking>>,
    ) -> Result<(Option<Booking>, Ending)> {
        let (mut last, mut ending) = (None, Ending::Answered);
        for answer in answers {
            match answer {
                Ok(booking) => {
                    self.history(|history| history.confirmed(id, booking.clone()))
                        .context("writing a confirmation down")?;
                    self.load.trigger.confirmed(|| self.history(|history| history.in_flight()))?;
                    last = Some(booking);
                }
                Err(Failure::Refused(problem)) => {
                    if problem.is_put_off() {
                        ending = ending.max(Ending::PutOff);
                    }
                    self.history(|history| history.refused(id, problem.slug));
                }
                Err(Failure::NoAnswer(_)) => ending = Ending::NoAnswer,
            }
        }
        Ok((last, ending))
    }

    async fn cancel(
        &mut self,
        session: &Session,
        id: AttemptId,
        booking: &Booking,
    ) -> Result<Ending> {
        self.history(|history| history.cancel_begun(id));
        let answer = match self.load.client.cancel(session, &booking.id).await {
            Ok(_) => Cancel::Confirmed,
            Err(Failure::Refused(problem)) => Cancel::Refused(problem.slug),
            Err(Failure::NoAnswer(_)) => return Ok(Ending::NoAnswer),
        };
        self.history(|history| history.cancel_answered(id, answer))
            .context("writing a cancellation down")?;
        Ok(Ending::Answered)
    }

    fn request(&mut self, index: usize) -> BookRequest {
        let places = &self.load.places[index];
        let want = if self.random.random_ratio(1, SPAN_ONE_IN) {
            span(&places.starts)
        } else {
            wishes(&places.starts, &mut self.random)
        };
        BookRequest {
            authority: AUTHORITY.to_owned(),
            office: places.office,
            service: places.service.clone(),
            subject: Subject::Person,
            want,
            altcha: None,
        }
    }

    fn history<T>(&self, f: impl FnOnce(&mut History) -> T) -> T {
        f(&mut lock(&self.load.history))
    }
}

/// How a request ended; the worst of several counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// Every request was answered.
    Answered,
    /// A busy gateway said "later".
    PutOff,
    /// One was not.
    NoAnswer,
}

fn wishes(starts: &[Slot], random: &mut StdRng) -> Want {
    let hot = &starts[..starts.len().min(HOT_PLACES)];
    let count = random.random_range(1..=MAX_WISHES);
    let mut wishes: Vec<Wish> = Vec::new();
    for _ in 0..count {
        let among = if random.random() { hot } else { starts };
        let slot = among.choose(random).expect("a service without starts is not chosen");
        let wish = Wish { date: slot.date.clone(), time: slot.time.clone() };
        if !wishes.contains(&wish) {
            wishes.push(wish);
        }
    }
    Want::Wishes(wishes)
}

/// Any place of the first day.
fn span(starts: &[Slot]) -> Want {
    let date = &starts[0].date;
    Want::Any(Span {
        from: date.clone(),
        to: date.clone(),
        after: "00:00".to_owned(),
        before: "23:59".to_owned(),
    })
}
