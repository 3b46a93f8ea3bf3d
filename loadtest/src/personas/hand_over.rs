//! The hand-over pair: one books a place and gives it back at an agreed moment, in which the other
//! asks for that very place as fast as it can.
//!
//! Whether it was caught is said by the journal, which knows the desk. Called by the rehearsal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::proofs::Stock;
use super::{Actor, HandOverTried};
use crate::client::words::{Booking, Want, Wish};
use crate::scenario::HandOver;

/// The other begins so long before the agreed moment.
const HEAD_START: Duration = Duration::from_millis(200);
/// It computes its first proof so long before that.
const PREPARING: Duration = Duration::from_secs(1);
/// And gives up so long after it.
const CATCHING: Duration = Duration::from_secs(5);
/// Tries of the first to get a place.
const MAX_TRIES: u32 = 20;
/// The pause between them, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 300..=900;

/// Hands one place over.
pub(crate) async fn live(giver: Arc<Actor>, taker: Arc<Actor>, how: HandOver) {
    let Some((key, booking)) = get_place(&giver).await else { return };
    let goal = &giver.stage.goal;
    let agreed = (goal.opens_at + Duration::from_millis(how.after_ms)).max(Instant::now());
    if giver.is_over(agreed) {
        return;
    }
    let (given_back, caught) = tokio::join!(
        giver.cancel(agreed, &key, &booking.id),
        catch(&taker, &booking, agreed, how.rate_per_second)
    );
    if given_back.is_ok() {
        giver.stage.hand_over(HandOverTried { given_back: booking.id, caught });
    }
}

/// A place for the first of the pair, with its key.
async fn get_place(giver: &Actor) -> Option<(String, Booking)> {
    let mut due = giver.stage.goal.opens_at;
    for _ in 0..MAX_TRIES {
        if giver.is_over(due) {
            return None;
        }
        let mut request = giver.stage.goal.any(giver.office());
        request.altcha = giver.prove(due, &request).await.ok().flatten();
        let key = giver.key();
        if let Ok(confirmed) = giver.book(Instant::now(), &key, &request).await {
            return Some((key, confirmed.booking));
        }
        due = Instant::now() + giver.pause(PAUSE_MS);
    }
    None
}

/// Asks for the place around the agreed moment; gives the bookings that came of it.
async fn catch(taker: &Arc<Actor>, place: &Booking, agreed: Instant, rate: u64) -> Vec<String> {
    let stock = Arc::new(Stock::default());
    let wish = Wish { date: place.date.clone(), time: place.time.clone() };
    let request = taker.stage.goal.request(place.office, Want::Wishes(vec![wish]));
    let (caught, done) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let begins = agreed.checked_sub(HEAD_START).unwrap_or(agreed);
    // The first one is ready by then.
    let prepares = begins.checked_sub(PREPARING).unwrap_or(begins);
    let filling = tokio::spawn(Arc::clone(&stock).fill(Arc::clone(taker), prepares));
    let ends = (agreed + CATCHING).min(taker.stage.goal.ends_at);
    let send = |actor: Arc<Actor>, due| {
        let mut request = request.clone();
        request.altcha = stock.take();
        let (caught, done) = (Arc::clone(&caught), Arc::clone(&done));
        async move {
            let key = actor.key();
            if let Ok(confirmed) = actor.book(due, &key, &request).await {
                caught.lock().expect("nobody panics while noting").push(confirmed.booking.id);
                // Relaxed, here and below: the flag publishes nothing but itself.
                done.store(true, Ordering::Relaxed);
            }
        }
    };
    taker.fire((begins, ends), rate, || done.load(Ordering::Relaxed), send).await;
    filling.abort();
    let caught = caught.lock().expect("nobody panics while noting");
    caught.clone()
}
