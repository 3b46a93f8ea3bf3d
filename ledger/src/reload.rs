//! Other catalogues and policies for a ledger that is at work: all of them or none.
//!
//! Room for every record is reserved and everything is checked before anything changes; bookings
//! wait for the change itself, which waits for nobody. Must not read files.

use std::sync::Arc;

use talon_domain::ids::AuthorityId;

use crate::core::{Authorities, Authority, BadLedger, Core, by_id, never_released};
use crate::record::{Fact, Record};

/// The moment in a record may take so many bytes more when it is written than when its room was
/// reserved.
const MOMENT_BYTES: usize = 10;

impl Core {
    /// Puts these authorities in the place of those in force; returns whose policies changed.
    ///
    /// Days that exist keep their shapes: edits of a catalogue touch only days to come.
    ///
    /// # Errors
    /// [`BadLedger::Displaced`] when live bookings are for something that is lacking, and
    /// [`BadLedger::NoRoomForPolicy`]; nothing has changed then.
    pub fn reload(&self, authorities: Vec<Authority>) -> Result<Vec<AuthorityId>, BadLedger> {
        let authorities = by_id(authorities);
        let mut changes = Vec::new();
        for (id, authority) in &authorities {
            if !self.is_policy_new(*id, authority) {
                continue;
            }
            let (at, fact) = (self.now(), Fact::PolicySet(authority.policy.policy().clone()));
            let mut body = Vec::new();
            Record { at, fact: fact.clone() }.encode_into(&mut body);
            let room = self.reserve_own(at, body.len() + MOMENT_BYTES);
            changes.push((*id, fact, room.ok_or(BadLedger::NoRoomForPolicy(*id))?));
        }
        let _nobody_keeps = self.keeping.pause();
        let _nobody_decides = self.deciding.write();
        if lacks_something(&self.authorities.load(), &authorities) {
            self.refuse_displaced(&authorities)?;
        }
        let mut changed = Vec::new();
        for (id, fact, room) in changes {
            self.append(room, self.now(), &fact);
            self.state.set_policy(authorities[&id].policy.clone());
            changed.push(id);
        }
        self.keeping.begin_anew(never_released(&self.state, &authorities));
        self.authorities.store(Arc::new(authorities));
        Ok(changed)
    }
}

/// Whether something that could be booked is lacking; looking at everybody's bookings is dear.
fn lacks_something(old: &Authorities, new: &Authorities) -> bool {
    old.iter().any(|(id, old)| {
        let new = new.get(id).map(|authority| &authority.catalogue);
        old.catalogue.offices.iter().any(|office| {
            let known = new.and_then(|catalogue| catalogue.office(office.id));
            let mut offered =
                old.catalogue.services.iter().filter(|service| office.offers(service.id));
            offered.any(|service| known.is_none_or(|known| !known.offers(service.id)))
        })
    })
}
