//! Connections as such: how long one may do nothing, and how many one address may have when few
//! are left.
//!
//! Must not know what is asked on them; [`crate::server`] asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::admission::AddressKey;

/// How long a new connection may take to its first request.
pub const FIRST_REQUEST_DEADLINE: Duration = Duration::from_secs(15);
/// How long a connection may be without a request under way. A client that does not read its
/// answer has none under way either.
pub const IDLE_DEADLINE: Duration = Duration::from_secs(60);
/// How often a connection is looked at that does nothing; its deadlines come so much later at most.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Connections are scarce when less than one part in this many of the places is free.
pub const SCARCE_SHARE: usize = 4;
/// While they are scarce, one address has at most one part in this many of the places; sized for
/// carriers, which put thousands of phones behind one address.
pub const ADDRESS_SHARE: usize = 4;

/// When a connection last did something.
pub(crate) struct Activity {
    start: Instant,
    under_way: AtomicU32,
    /// Milliseconds after the start at which the last request was answered; 0 before the first.
    last_ms: AtomicU64,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        let (under_way, last_ms) = (AtomicU32::new(0), AtomicU64::new(0));
        Arc::new(Self { start: Instant::now(), under_way, last_ms })
    }

    /// Notes a request; it is under way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        // Relaxed, here and below: one connection's tasks run on one thread.
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// When the connection may be closed, unless something happens before.
    fn deadline(&self) -> Instant {
        let last = self.last_ms.load(Ordering::Relaxed);
        if self.under_way.load(Ordering::Relaxed) > 0 {
            Instant::now() + IDLE_DEADLINE
        } else if last == 0 {
            self.start + FIRST_REQUEST_DEADLINE
        } else {
            self.start + Duration::from_millis(last) + IDLE_DEADLINE
        }
    }
}

/// A request under way.
pub(crate) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let since = u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(since.max(1), Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a connection to its end, or until it has done nothing for too long; then nothing is
/// returned and the connection is dropped. It is polled every [`LOOK_EVERY`] at least.
pub(crate) async fn while_active<T>(
    connection: impl Future<Output = T>,
    activity: &Activity,
) -> Option<T> {
    let mut connection = std::pin::pin!(connection);
    loop {
        let deadline = activity.deadline().min(Instant::now() + LOOK_EVERY);
        match tokio::time::timeout_at(deadline, connection.as_mut()).await {
            Ok(end) => return Some(end),
            Err(_) if activity.deadline() <= Instant::now() => return None,
            Err(_) => {}
        }
    }
}

/// The timer of a connection that [`while_active`] runs: what it is asked for is due when the connection is polled
/// after its moment. So a deadline for each request costs no place in the runtime's timers, where nearly all would
/// be taken out again at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks;

impl Timer for Looks {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until(deadline))
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// Is over once it is polled after this moment; wakes nobody.
struct Until(std::time::Instant);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Looks.now() < self.0 { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Sleep for Until {}

/// How many connections each address has. As many entries as connections at most.
#[derive(Default)]
pub(crate) struct Addresses(Mutex<HashMap<AddressKey, usize>>);

impl Addresses {
    /// Counts a new connection, unless connections are scarce (`free` of `places`) and its address
    /// has its share already.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        free: usize,
        places: usize,
    ) -> Option<Counted> {
        let key = AddressKey::of(address);
        let mut counts = self.0.lock();
        let count = counts.entry(key).or_insert(0);
        let is_scarce = free < places.div_ceil(SCARCE_SHARE);
        if is_scarce && *count >= places.div_ceil(ADDRESS_SHARE) {
            return None;
        }
        *count += 1;
        Some(Counted { addresses: Arc::clone(self), key })
    }
}

/// A connection that is counted until this is dropped.
pub(crate) struct Counted {
    addresses: Arc<Addresses>,
    key: AddressKey,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn an_address_may_have_any_number_while_there_are_many() {
        let addresses = Arc::new(Addresses::default());
        let held: Vec<_> =
            (0..60).map(|taken| addresses.admit(address(1), 80 - taken, 80)).collect();
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn while_few_are_left_an_address_has_its_share_and_others_are_served() {
        let addresses = Arc::new(Addresses::default());
        let mut held: Vec<_> =
            (0..60).filter_map(|_| addresses.admit(address(1), 80, 80)).collect();
        assert!(addresses.admit(address(1), 19, 80).is_none());
        assert!(addresses.admit(address(2), 19, 80).is_some());
        held.truncate(19);
        assert!(addresses.admit(address(1), 19, 80).is_some());
    }

    #[test]
    fn who_has_no_connection_left_takes_no_memory() {
        let addresses = Arc::new(Addresses::default());
        drop(addresses.admit(address(1), 8, 8));
        assert!(addresses.0.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_asks_is_closed_first() {
        let activity = Activity::new();
        let start = Instant::now();
        assert_eq!(while_active(std::future::pending::<()>(), &activity).await, None);
        assert_eq!(start.elapsed().as_secs(), FIRST_REQUEST_DEADLINE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_when_it_has_idled_and_not_while_it_works() {
        let activity = Activity::new();
        let start = Instant::now();
        let works = Duration::from_secs(200);
        let request = activity.begin();
        tokio::spawn(async move {
            tokio::time::sleep(works).await;
            drop(request);
        });
        assert_eq!(while_active(std::future::pending::<()>(), &activity).await, None);
        let idled = start.elapsed() - works;
        assert!(idled >= IDLE_DEADLINE && idled < 2 * IDLE_DEADLINE, "{idled:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_connection_waits_for_is_noticed_at_the_next_look() {
        let (activity, start) = (Activity::new(), Instant::now());
        let wait = LOOK_EVERY + LOOK_EVERY / 5;
        assert_eq!(while_active(Looks.sleep(wait), &activity).await, Some(()));
        assert_eq!(start.elapsed().as_secs(), (2 * LOOK_EVERY).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_by_itself_says_how() {
        assert_eq!(while_active(async { 7 }, &Activity::new()).await, Some(7));
    }
}
