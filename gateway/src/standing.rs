//! What a runtime serves with at this moment, and changing it while requests are under way.
//!
//! A request takes one look when it begins and keeps what it saw. Must not know what has changed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;

use crate::app::{App, Lane};
use crate::cold;
use crate::identity::provider::Provider;

/// One runtime's lane with the routes that answer in it.
#[derive(Clone)]
pub struct Serving {
    /// The way to everything.
    pub lane: Lane,
    /// The routes that are not hot.
    pub cold: Router,
}

impl Serving {
    fn new(lane: Lane) -> Self {
        let cold = cold::router(lane.clone());
        Self { lane, cold }
    }
}

/// What a runtime serves with, for as long as it stands.
pub struct Standing(ArcSwap<Serving>);

/// Those of all runtimes.
pub type Standings = Vec<Arc<Standing>>;

impl Standing {
    /// Serves with this lane.
    pub fn new(lane: Lane) -> Self {
        Self(ArcSwap::from_pointee(Serving::new(lane)))
    }

    /// What a request that begins now is served with.
    pub fn now(&self) -> Arc<Serving> {
        self.0.load_full()
    }

    /// Serves what begins from now on with other settings; ledger and admission stay.
    pub fn change(&self, app: Arc<App>, hub: Arc<Provider>) {
        let lane = Lane { app, hub, ..self.now().lane.clone() };
        self.0.store(Arc::new(Serving::new(lane)));
    }
}
