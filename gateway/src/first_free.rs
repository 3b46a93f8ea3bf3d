//! The first free day of every office for one service, for lists of offices.
//!
//! Owns asking the ledger for a whole service at once, and keeping the outcome for a moment: a crowd
//! that looks for an office costs one such question each [`REBUILD_EVERY`]. Must not know pages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use talon_domain::catalogue::Catalogue;
use talon_domain::civil::CivilDate;
use talon_domain::ids::{AuthorityId, Channel, OfficeId, ServiceId};
use talon_wire::{Answer, Command, DayView, Place};
use tokio::sync::OnceCell;

use crate::app::Lane;
use crate::http::problem::Problem;

/// How old a list may be.
pub const REBUILD_EVERY: Duration = Duration::from_secs(5);
/// Most services whose lists are kept; at it, those that are asked for least go.
pub const MAX_KEPT_SERVICES: u64 = 1024;

/// The first free day of each office that has one.
pub type FirstDays = HashMap<OfficeId, CivilDate>;

/// The lists that are kept.
pub struct FirstFree(Cache<(AuthorityId, ServiceId), Arc<OnceCell<Arc<FirstDays>>>>);

impl Default for FirstFree {
    fn default() -> Self {
        let kept = Cache::builder().max_capacity(MAX_KEPT_SERVICES).time_to_live(REBUILD_EVERY);
        Self(kept.build())
    }
}

/// The first free day of each office that offers `service` and has one.
///
/// # Errors
/// [`Problem::Unavailable`] when the ledger does not answer.
pub async fn first_free(
    lane: &Lane,
    catalogue: &Catalogue,
    service: ServiceId,
) -> Result<Arc<FirstDays>, Problem> {
    let key = (catalogue.authority, service);
    // All who miss at once wait for one of them.
    let cell = lane.app.pages.first_free.0.get_with(key, Arc::default);
    let asking = || async { ask(lane, catalogue, service).await.map(Arc::new) };
    cell.get_or_try_init(asking).await.cloned()
}

async fn ask(lane: &Lane, catalogue: &Catalogue, service: ServiceId) -> Result<FirstDays, Problem> {
    let mut first = FirstDays::new();
    for office in catalogue.offices.iter().filter(|office| office.offers(service)) {
        let place = Place { authority: catalogue.authority, office: office.id, service };
        match lane.ledger.call(Command::Days { place, channel: Channel::Web }).await {
            Answer::Days(days) => {
                if let Some(day) = days.iter().find(|day| has_free(day)) {
                    first.insert(office.id, day.date);
                }
            }
            // One office's trouble is not another's.
            Answer::Refused(_) => {}
            _ => return Err(Problem::Unavailable),
        }
    }
    Ok(first)
}

/// Whether something can be booked on a day.
pub fn has_free(day: &DayView) -> bool {
    day.release.is_none() && day.free > 0
}
