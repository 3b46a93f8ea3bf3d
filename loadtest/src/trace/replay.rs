//! Plays a trace again against a demonstration on this computer, faster or slower than it was.
//!
//! Owns the schedule: an open loop, in which every request is due at its time in the trace divided by
//! the speed. Refuses any target that is not loopback. Must not judge; it gives latencies. Called by
//! the binary.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::ToSpan as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Ask, Entry, Place};
use crate::client::words::{BookRequest, Span, Subject, Want};
use crate::client::{Answer, Client, Session};
use crate::measure::{Action, Outcome, Recorder, Sample};
use crate::personas::Persona;
use crate::report::{Lag, LatencyRow, lag, latencies};

/// Most requests at once; what is due beyond is left out and counted.
const MAX_IN_FLIGHT: usize = 1_024;
/// The fastest and the slowest that a trace is played.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;
/// From when on a booking looks, in days: tomorrow may be today where the office is, and a visit of today may be
/// too near to be moved or given back.
const FIRST_DAY_WANTED: i32 = 2;
/// How far a booking looks, in days: what was wanted is not in a trace.
const DAYS_WANTED: i32 = 30;

/// How a trace is played.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The gateway, a demonstration on this computer, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// So many times as fast as it was; 0.01 to 1000.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
}

/// What came of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Replayed {
    /// Requests that were sent.
    pub sent: usize,
    /// Bookings without a place, of visitors who had not looked at one.
    pub without_place: usize,
    /// How late the generator itself was, and what it left out.
    pub generator: Lag,
    /// By call and outcome, from when a request was due.
    pub latencies: Vec<LatencyRow>,
}

struct Stage {
    client: Client,
    sessions: Vec<Session>,
    recorder: Mutex<Recorder>,
    today: jiff::civil::Date,
    /// The newest booking of each visitor.
    booked: Mutex<HashMap<u32, (String, Place)>>,
}

/// Plays a trace.
///
/// # Errors
/// When the target is not on this computer or is no demonstration, or the speed is out of range.
pub async fn replay(trace: &[Entry], options: &Options) -> Result<Replayed> {
    ensure!(
        SPEEDS.contains(&options.speed),
        "--speed: {} is not from {} to {}",
        options.speed,
        SPEEDS.start(),
        SPEEDS.end()
    );
    loopback(&options.to)?;
    let client = Client::new(options.to.as_str(), MAX_IN_FLIGHT);
    let visitors = trace.iter().map(|entry| entry.visitor + 1).max().unwrap_or(0);
    let sessions = client
        .rehearsal_sessions(0..visitors.min(super::MAX_VISITORS))
        .await
        .context("making sessions: is it a demonstration?")?;
    let stage = Arc::new(Stage {
        client,
        sessions,
        recorder: Mutex::default(),
        today: jiff::Zoned::now().date(),
        booked: Mutex::default(),
    });
    let (sent, without_place) = play(trace, options.speed, &stage).await;
    let recorder = stage.recorder.lock().expect("nobody panics while counting");
    let (generator, latencies) = (lag(&recorder), latencies(&recorder));
    Ok(Replayed { sent, without_place, generator, latencies })
}

/// Refuses whatever is not this computer.
fn loopback(target: &str) -> Result<()> {
    let url = url::Url::parse(target).with_context(|| format!("--to: {target} is no address"))?;
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        // A name could lead anywhere.
        Some(url::Host::Domain(_)) | None => false,
    };
    ensure!(
        is_here && url.scheme() == "http",
        "--to: load goes to this computer only: give http://127.0.0.1:PORT"
    );
    Ok(())
}

async fn play(trace: &[Entry], speed: f64, stage: &Arc<Stage>) -> (usize, usize) {
    let turns = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let (begins, mut under_way) = (Instant::now(), JoinSet::new());
    let mut seen: HashMap<u32, Place> = HashMap::new();
    let (mut sent, mut without_place) = (0, 0);
    for (number, entry) in trace.iter().enumerate() {
        let ask = match placed(entry, &mut seen) {
            Some(ask) => ask,
            None => {
                without_place += 1;
                continue;
            }
        };
        let due = begins + Duration::from_millis(entry.at_ms).div_f64(speed);
        tokio::time::sleep_until(due).await;
        while under_way.try_join_next().is_some() {}
        let Ok(turn) = Arc::clone(&turns).try_acquire_owned() else {
            stage.recorder.lock().expect("nobody panics while counting").skipped();
            continue;
        };
        sent += 1;
        let (stage, visitor) = (Arc::clone(stage), entry.visitor);
        under_way.spawn(async move {
            stage.send(due, visitor, number, &ask).await;
            drop(turn);
        });
    }
    while under_way.join_next().await.is_some() {}
    (sent, without_place)
}

/// The call with a place, where it needs one: a booking of a log without bodies is at the place that its
/// visitor looked at last.
fn placed(entry: &Entry, seen: &mut HashMap<u32, Place>) -> Option<Ask> {
    match &entry.ask {
        Ask::Days { place } | Ask::Starts { place, .. } | Ask::Challenge { place } => {
            seen.insert(entry.visitor, place.clone());
            Some(entry.ask.clone())
        }
        Ask::Book { place: None } => {
            seen.get(&entry.visitor).map(|place| Ask::Book { place: Some(place.clone()) })
        }
        other => Some(other.clone()),
    }
}

impl Stage {
    async fn send(&self, due: Instant, visitor: u32, number: usize, ask: &Ask) {
        let lag = due.elapsed();
        let (action, answer) = self.call(visitor, number, ask).await;
        let outcome = match &answer {
            Ok(()) => Outcome::Done,
            Err(failure) => Outcome::of(failure),
        };
        // A trace does not know who was what; nothing of it is shown by persona.
        let persona = Persona::Honest;
        let sample =
            Sample { persona, action, outcome: &outcome, latency: due.elapsed(), second: 0 };
        let mut recorder = self.recorder.lock().expect("nobody panics while counting");
        recorder.lag(lag);
        recorder.sample(sample);
    }

    async fn call(&self, visitor: u32, number: usize, ask: &Ask) -> (Action, Answer<()>) {
        let client = &self.client;
        let session = &self.sessions[visitor as usize % self.sessions.len()];
        match ask {
            Ask::Page => (Action::Read, client.page().await),
            Ask::Offices { authority } => {
                (Action::Read, client.offices(authority.as_str()).await.map(drop))
            }
            Ask::Services { authority } => {
                (Action::Read, client.services(authority.as_str()).await.map(drop))
            }
            Ask::Days { place } => {
                let (authority, service) = (place.authority.as_str(), place.service.as_str());
                (Action::Read, client.days(authority, place.office, service).await.map(drop))
            }
            Ask::Starts { place, in_days } => {
                let (authority, service) = (place.authority.as_str(), place.service.as_str());
                let date = self.date(*in_days);
                let starts = client.starts(authority, place.office, service, &date).await;
                (Action::Read, starts.map(drop))
            }
            Ask::Challenge { place } => {
                let challenge = client.challenge(session, &self.request(place)).await;
                (Action::Challenge, challenge.map(drop))
            }
            Ask::Book { place } => {
                let Some(place) = place else { return (Action::Book, Ok(())) };
                let key = format!("replay-{number}");
                let booked = client.book(session, &key, &self.request(place), None).await;
                let noted = booked.map(|confirmed| {
                    let mut booked = self.booked.lock().expect("nobody panics while noting");
                    booked.insert(visitor, (confirmed.booking.id, place.clone()));
                });
                (Action::Book, noted)
            }
            Ask::Bookings => (Action::Read, client.bookings(session).await.map(drop)),
            Ask::Move => {
                let booked = || self.booked.lock().expect("nobody panics while noting");
                let Some((id, place)) = booked().get(&visitor).cloned() else {
                    // Nothing to exchange: looking is the nearest to it.
                    return (Action::Read, client.bookings(session).await.map(drop));
                };
                let (key, request) = (format!("replay-{number}"), self.request(&place));
                let moved = client.book(session, &key, &request, Some(&id)).await;
                let noted = moved.map(|confirmed| {
                    booked().insert(visitor, (confirmed.booking.id, place));
                });
                (Action::Move, noted)
            }
            Ask::Cancel => {
                let mine = self.booked.lock().expect("nobody panics while noting").remove(&visitor);
                match mine {
                    Some((id, _)) => (Action::Cancel, client.cancel(session, &id).await.map(drop)),
                    // Nothing to give back: looking is the nearest to it.
                    None => (Action::Read, client.bookings(session).await.map(drop)),
                }
            }
        }
    }

    fn date(&self, in_days: i32) -> String {
        self.today.saturating_add(in_days.days()).to_string()
    }

    fn request(&self, place: &Place) -> BookRequest {
        BookRequest {
            authority: place.authority.as_str().to_owned(),
            office: place.office,
            service: place.service.as_str().to_owned(),
            subject: Subject::Person,
            want: Want::Any(Span {
                from: self.date(FIRST_DAY_WANTED),
                to: self.date(DAYS_WANTED),
                after: "00:00".to_owned(),
                before: "23:59".to_owned(),
            }),
            altcha: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_to_this_computer_only() {
        for good in ["http://127.0.0.1:8080", "http://127.9.9.9:1", "http://[::1]:8080/"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in [
            "http://booking.example:80",
            "http://localhost:8080",
            "http://10.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1.example",
            "127.0.0.1:8080",
            "",
        ] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_speed_out_of_range_is_refused() {
        for speed in [0.0, -1.0, 1_001.0, f64::NAN] {
            let options = Options { to: "http://127.0.0.1:1".to_owned(), speed };
            let error = replay(&[], &options).await.unwrap_err().to_string();
            assert!(error.contains("is not from 0.01 to 1000"), "{error}");
        }
    }

    #[test]
    fn a_booking_without_a_body_is_where_its_visitor_looked_last() {
        let code = |text: &str| text.to_owned().try_into().unwrap();
        let place = Place { authority: code("mvs"), office: 1, service: code("exam") };
        let entry = |visitor, ask| Entry { at_ms: 0, visitor, ask };
        let mut seen = HashMap::new();
        let book = Ask::Book { place: None };
        assert_eq!(placed(&entry(1, book.clone()), &mut seen), None);
        placed(&entry(1, Ask::Days { place: place.clone() }), &mut seen);
        let placed_there = Some(Ask::Book { place: Some(place) });
        assert_eq!(placed(&entry(1, book.clone()), &mut seen), placed_there);
        assert_eq!(placed(&entry(2, book), &mut seen), None);
    }
}
