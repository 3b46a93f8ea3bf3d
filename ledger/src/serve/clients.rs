//! Which connection of a client may decide: only the latest, and only when the earlier ones have
//! stopped.
//!
//! Without this, a request whose connection was lost could still lie in that connection's buffer
//! while its outcome is asked for on the next one: "nothing is known", and then it is carried out.
//! Must not know sockets.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use talon_wire::hello::ClientId;
use tokio::sync::watch;

/// All clients with a connection; as many as there are connections at most.
#[derive(Default)]
pub(super) struct Clients {
    open: Mutex<HashMap<ClientId, Open>>,
}

/// What the connections of one client share.
#[derive(Default)]
struct Open {
    turn: Arc<watch::Sender<Turn>>,
    places: usize,
}

/// Whose turn it is among the connections of one client.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// The latest incarnation; only it may begin to decide.
    latest: u64,
    /// Whether some connection, the latest or one that has to stop, still decides.
    is_deciding: bool,
}

/// A later connection of the same client is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superseded;

/// One connection's place among its client's; dropping it lets the next one decide.
pub(super) struct Place {
    clients: Arc<Clients>,
    client: ClientId,
    incarnation: u64,
    turn: Arc<watch::Sender<Turn>>,
    is_deciding: bool,
}

impl Clients {
    /// Makes this the client's latest connection; the earlier ones have to stop.
    ///
    /// # Errors
    /// [`Superseded`] when a later one is open.
    pub(super) fn enter(
        self: &Arc<Self>,
        client: ClientId,
        incarnation: u64,
    ) -> Result<Place, Superseded> {
        let turn = {
            let mut open = self.open.lock();
            let open = open.entry(client).or_default();
            open.places += 1;
            Arc::clone(&open.turn)
        };
        let is_latest = turn.send_if_modified(|turn| {
            let is_latest = incarnation > turn.latest;
            turn.latest = turn.latest.max(incarnation);
            is_latest
        });
        let clients = Arc::clone(self);
        let place = Place { clients, client, incarnation, turn, is_deciding: false };
        // Dropping the place tidies up.
        if is_latest { Ok(place) } else { Err(Superseded) }
    }
}

impl Place {
    /// Waits until no earlier connection decides any more.
    ///
    /// # Errors
    /// [`Superseded`] when a later one came meanwhile.
    pub(super) async fn begin(&mut self) -> Result<(), Superseded> {
        let mut turns = self.turn.subscribe();
        loop {
            let mut is_ours = true;
            self.is_deciding = self.turn.send_if_modified(|turn| {
                is_ours = turn.latest == self.incarnation;
                let is_free = is_ours && !turn.is_deciding;
                turn.is_deciding |= is_free;
                is_free
            });
            if self.is_deciding {
                return Ok(());
            }
            // The sender is in `self`, so there is always a next turn to wait for.
            if !is_ours || turns.changed().await.is_err() {
                return Err(Superseded);
            }
        }
    }

    /// Waits until a later connection of the client is there.
    pub(super) async fn superseded(&self) {
        // The sender is in `self`.
        let _ = self.turn.subscribe().wait_for(|turn| turn.latest != self.incarnation).await;
    }

    /// Whether a later connection of the client is there.
    pub(super) fn is_superseded(&self) -> bool {
        self.turn.borrow().latest != self.incarnation
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_deciding {
            self.turn.send_modify(|turn| turn.is_deciding = false);
        }
        let mut open = self.clients.open.lock();
        if let Entry::Occupied(mut entry) = open.entry(self.client) {
            entry.get_mut().places -= 1;
            if entry.get().places == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const CLIENT: ClientId = ClientId([7; 16]);

    fn enter(clients: &Arc<Clients>, incarnation: u64) -> Place {
        clients.enter(CLIENT, incarnation).ok().unwrap()
    }

    #[test]
    fn a_connection_decides_only_when_the_earlier_one_has_stopped() {
        let clients = Arc::new(Clients::default());
        let mut first = enter(&clients, 1);
        assert_eq!(first.begin().now_or_never(), Some(Ok(())));
        assert!(!first.is_superseded());
        let mut second = enter(&clients, 2);
        assert!(first.is_superseded() && first.superseded().now_or_never().is_some());
        assert_eq!(second.begin().now_or_never(), None);
        drop(first);
        assert_eq!(second.begin().now_or_never(), Some(Ok(())));
    }

    #[test]
    fn a_third_connection_waits_for_the_first_even_when_the_second_gave_up() {
        let clients = Arc::new(Clients::default());
        let mut first = enter(&clients, 1);
        assert_eq!(first.begin().now_or_never(), Some(Ok(())));
        let mut second = enter(&clients, 2);
        assert_eq!(second.begin().now_or_never(), None);
        let mut third = enter(&clients, 3);
        assert_eq!(second.begin().now_or_never(), Some(Err(Superseded)));
        drop(second);
        assert_eq!(third.begin().now_or_never(), None);
        drop(first);
        assert_eq!(third.begin().now_or_never(), Some(Ok(())));
    }

    #[test]
    fn an_earlier_connection_that_arrives_late_is_refused() {
        let clients = Arc::new(Clients::default());
        let _second = enter(&clients, 2);
        assert!(clients.enter(CLIENT, 1).is_err());
        assert!(clients.enter(CLIENT, 2).is_err());
    }

    #[test]
    fn clients_do_not_wait_for_each_other_and_are_forgotten_when_they_leave() {
        let clients = Arc::new(Clients::default());
        let mut first = enter(&clients, 1);
        let mut other = clients.enter(ClientId([8; 16]), 1).ok().unwrap();
        assert_eq!(first.begin().now_or_never(), Some(Ok(())));
        assert_eq!(other.begin().now_or_never(), Some(Ok(())));
        let second = enter(&clients, 2);
        drop((first, second, other));
        assert!(clients.open.lock().is_empty());
    }
}
