//! Tests of the schedule: the loop is open, and lateness is measured from when something was due.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::history::History;
use crate::measure::Recorder;
use crate::personas::Goal;

/// Somebody at a gateway that nobody asks anything.
pub(in crate::personas) fn actor() -> Arc<Actor> {
    let opens_at = Instant::now();
    let goal = Goal {
        authority: "mvs".to_owned(),
        service: "practical-exam".to_owned(),
        date: "2026-12-01".to_owned(),
        offices: vec![(1, ["09:00", "09:40", "10:20"].map(str::to_owned).to_vec())],
        proof: false,
        opens_at,
        ends_at: opens_at + Duration::from_secs(60),
    };
    let stage = Stage {
        goal,
        history: Arc::new(Mutex::new(History::new(Box::new(std::io::sink())))),
        recorder: Arc::new(Mutex::new(Recorder::default())),
        network_costs: Arc::default(),
        hand_overs: Mutex::default(),
        solvers: tokio::sync::Semaphore::new(1),
    };
    let session = Session::of_nobody(7);
    let devices = vec![Client::new("http://127.0.0.1:1", 1)];
    Arc::new(Actor::new(Persona::Hammer, session, devices, Delay::NONE, Arc::new(stage), 1))
}

#[tokio::test(start_paused = true)]
async fn slow_answers_do_not_slow_the_schedule_down() {
    let actor = actor();
    let sent = Arc::new(AtomicU32::new(0));
    let begins = Instant::now();
    let span = (begins, begins + Duration::from_secs(5));
    let send = |_, due: Instant| {
        let sent = Arc::clone(&sent);
        async move {
            assert_eq!(due.elapsed().as_millis(), 0, "sent when it was due");
            sent.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_secs(600)).await;
        }
    };
    actor.fire(span, 10, || false, send).await;
    assert_eq!(sent.load(Ordering::Relaxed), 50);
    assert_eq!(actor.stage.record(|recorder| recorder.skips()), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_beyond_the_bound_is_left_out_and_counted() {
    let actor = actor();
    let begins = Instant::now();
    let span = (begins, begins + Duration::from_secs(10));
    let send = |_, _| sleep(Duration::from_secs(600));
    actor.fire(span, 10, || false, send).await;
    let most = u64::try_from(MAX_IN_FLIGHT_PER_ACTOR).unwrap();
    assert_eq!(actor.stage.record(|recorder| recorder.skips()), 100 - most);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_leaves_late_is_measured_from_when_it_was_due() {
    let actor = actor();
    let due = Instant::now();
    sleep(Duration::from_secs(3)).await;
    let takes_a_second = async {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    };
    actor.timed(due, Action::Read, takes_a_second, |()| Outcome::Done).await.unwrap();
    let (latency, lag) = actor.stage.record(|recorder| {
        let latency = recorder.latencies().next().unwrap().2.max();
        (latency, recorder.lags().max())
    });
    assert!((3_950_000..4_100_000).contains(&latency), "{latency}");
    assert!((2_950_000..3_100_000).contains(&lag), "{lag}");
}

#[tokio::test(start_paused = true)]
async fn a_request_travels_both_ways() {
    let mut actor = Arc::into_inner(actor()).unwrap();
    actor.delay = Delay { one_way_ms: 50, ..Delay::NONE };
    let at_once = async { Ok(()) };
    actor.timed(Instant::now(), Action::Read, at_once, |()| Outcome::Done).await.unwrap();
    let latency = actor.stage.record(|recorder| recorder.latencies().next().unwrap().2.max());
    assert!((99_000..105_000).contains(&latency), "{latency}");
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_is_in_the_latency_and_is_counted() {
    let mut actor = Arc::into_inner(actor()).unwrap();
    actor.delay = Delay { loss_percent: 100.0, retransmit_ms: 1, ..Delay::NONE };
    let at_once = async { Ok(()) };
    actor.timed(Instant::now(), Action::Read, at_once, |()| Outcome::Done).await.unwrap();
    let latency = actor.stage.record(|recorder| recorder.latencies().next().unwrap().2.max());
    assert!((61_000..70_000).contains(&latency), "{latency}");
    assert_eq!(actor.stage.network_costs.resent(), 2 * u64::from(crate::network::MAX_RESENT));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_ends_when_it_is_done() {
    let actor = actor();
    let sent = Arc::new(AtomicU32::new(0));
    let begins = Instant::now();
    let span = (begins, begins + Duration::from_secs(10));
    let send = |_, _| {
        let sent = Arc::clone(&sent);
        async move {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    actor.fire(span, 10, || sent.load(Ordering::Relaxed) >= 3, send).await;
    assert!(sent.load(Ordering::Relaxed) <= 4);
}
