//! A holder's entry, of a person or a legal entity: the bookings that count, and the sequence number
//! they rest on.
//!
//! The entry is the authority on limits and idempotency; whoever decides holds its lock. Must not
//! know names or numbers of people, only pseudonyms. [`crate::parties`] finds and locks entries.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use talon_domain::booking::{BookingState, Subject};
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash, Pseudonym, ServiceId};
use talon_domain::limits::{Block, BookingFact};
use talon_journal::Sequence;

use crate::record::{Booked, Moved, Seat};
use held::{Held, More};

mod held;

/// What the limits look at, seldom more than a handful.
pub type Facts = SmallVec<[BookingFact; 8]>;

/// One booking of a holder; its fields in this order are what a snapshot keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: BookingId,
    /// Where and when.
    pub seat: Seat,
    /// What for.
    pub service: ServiceId,
    /// By which channel.
    pub channel: Channel,
    /// For whom: a legal entity's booking stands in the entity's entry and in that of its actor.
    pub subject: Subject,
    /// What has become of it.
    pub state: BookingState,
    /// Whether it counts for nothing any more, because the booking it was moved to counts instead.
    pub is_replaced: bool,
    /// How often it was moved until it came to be this one.
    pub moves: u8,
    /// When it was booked, as limits count it.
    pub registered_at: UtcMicros,
    /// Under which idempotency key.
    pub key: KeyHash,
    /// What was asked under that key.
    pub fingerprint: Fingerprint,
    /// Of an entity's booking the other side: in the entity's entry the actor, in the actor's the
    /// entity.
    pub counterpart: Option<Box<Pseudonym>>,
}

/// What the ledger knows of one holder.
#[derive(Debug)]
pub struct Person {
    last: Sequence,
    /// When the entry came under its name: by its first booking, or by a link.
    since: Since,
    held: Held,
}

/// The block of memory that an allocator hands out for an entry; the next larger one has 160 bytes.
const ENTRY_BYTES: usize = 128;
// There are millions of them: a field more is to be thought about. What is shared has two counts.
const _: () = assert!(2 * size_of::<usize>() + size_of::<Mutex<Person>>() <= ENTRY_BYTES);

impl Default for Person {
    fn default() -> Self {
        Self { last: Sequence::NONE, since: Since::UNKNOWN, held: Held::Nothing }
    }
}

/// All that an entry holds, in the order in which a snapshot keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonParts {
    /// The last record about the holder.
    pub last: u64,
    /// When the entry came under its name.
    pub since: Option<UtcMicros>,
    /// In the order in which they were made.
    pub bookings: Vec<Booking>,
    /// What the person booked for legal entities, in the same order.
    pub acted: Vec<Booking>,
    /// Where everything stands now, when the name is no longer the one to go by.
    pub forward: Option<Forward>,
    /// The block for missed visits.
    pub block: Option<Block>,
    /// When a block was last lifted.
    pub unblocked_at: Option<UtcMicros>,
}

/// Where everything that stood under a name stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Under which name.
    pub to: Pseudonym,
    /// Since when.
    pub at: UtcMicros,
}

impl Person {
    /// The last fact about this holder: what is said of them waits until it is durable.
    pub fn last(&self) -> Sequence {
        self.last
    }

    /// When the entry came under its name.
    pub fn since(&self) -> Option<UtcMicros> {
        self.since.get()
    }

    /// The holder's own bookings, in the order in which they were made.
    pub fn bookings(&self) -> &[Booking] {
        self.held.bookings()
    }

    /// What this person booked for legal entities, in the order in which it was made.
    pub fn acted(&self) -> &[Booking] {
        self.held.more().map_or(&[], |more| &more.acted)
    }

    /// Own bookings, then those made for others.
    pub fn all(&self) -> impl Iterator<Item = &Booking> {
        self.bookings().iter().chain(self.acted())
    }

    /// Where the entry went, when its name is no longer the one to go by.
    pub fn forward(&self) -> Option<Forward> {
        self.held.more()?.forward
    }

    /// The block for missed visits.
    pub fn block(&self) -> Option<Block> {
        self.held.more()?.block
    }

    /// When a block was last lifted.
    pub fn unblocked_at(&self) -> Option<UtcMicros> {
        self.held.more()?.unblocked_at
    }

    /// Whether any record that is not forgotten is about this holder.
    pub fn is_known(&self) -> bool {
        self.last != Sequence::NONE
    }

    /// Whether anything that counts would be lost with the entry.
    pub fn is_kept(&self) -> bool {
        self.all().next().is_some() || self.block().is_some() || self.forward().is_some()
    }

    /// The booking made under an idempotency key, for whomever.
    pub fn by_key(&self, key: KeyHash) -> Option<&Booking> {
        self.all().find(|booking| booking.key == key)
    }

    /// The booking with this id, for whomever.
    pub fn by_id(&self, id: BookingId) -> Option<&Booking> {
        self.all().find(|booking| booking.id == id)
    }

    /// Takes note of a new booking of this holder.
    pub fn booked(&mut self, sequence: Sequence, booking: Booking, at: UtcMicros) {
        self.touch(sequence, at);
        self.held.push(booking);
    }

    /// Takes note of a new booking that this person made for an entity.
    pub fn has_acted(&mut self, sequence: Sequence, booking: Booking, at: UtcMicros) {
        self.touch(sequence, at);
        self.held.more_mut().acted.push(booking);
    }

    /// Takes note of what became of a booking that is live; returns it as it was, unless there is no
    /// such live booking.
    pub fn changed(
        &mut self,
        sequence: Sequence,
        id: BookingId,
        state: BookingState,
    ) -> Option<Booking> {
        let booking = self
            .held
            .all_mut()
            .find(|booking| booking.id == id && booking.state == BookingState::Booked)?;
        let before = booking.clone();
        booking.state = state;
        self.last = sequence;
        Some(before)
    }

    /// Takes a moved booking out of every count.
    pub fn replaced(&mut self, id: BookingId) {
        for booking in self.held.all_mut().filter(|booking| booking.id == id) {
            booking.is_replaced = true;
        }
    }

    /// Takes note of a block.
    pub fn blocked(&mut self, sequence: Sequence, block: Block) {
        self.last = sequence;
        self.held.more_mut().block.get_or_insert(block);
    }

    /// Takes note of a block that is lifted.
    pub fn unblocked(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        let more = self.held.more_mut();
        more.block = None;
        more.unblocked_at = Some(at);
    }

    /// Leaves everything to the name `to`, and returns it.
    pub fn hand_over(&mut self, sequence: Sequence, to: Pseudonym, at: UtcMicros) -> Self {
        let left = std::mem::take(self);
        self.last = sequence;
        self.held.more_mut().forward = Some(Forward { to, at });
        left
    }

    /// Takes over what another name of the same holder leaves.
    pub fn take_over(&mut self, sequence: Sequence, left: Self, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(at);
        let (mut all, left) = (self.held.take(), left.held.into_more());
        all.bookings.extend(left.bookings);
        all.acted.extend(left.acted);
        all.unblocked_at = all.unblocked_at.max(left.unblocked_at);
        all.block = all.block.or(left.block);
        self.held = Held::of(all);
    }

    /// Takes note of a link that brought nothing but a name.
    pub fn linked(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(at);
    }

    /// All that the entry holds.
    pub fn parts(&self) -> PersonParts {
        PersonParts {
            last: self.last.get(),
            since: self.since(),
            bookings: self.bookings().to_vec(),
            acted: self.acted().to_vec(),
            forward: self.forward(),
            block: self.block(),
            unblocked_at: self.unblocked_at(),
        }
    }

    /// The entry that these parts were of.
    pub fn from_parts(parts: PersonParts) -> Self {
        let PersonParts { last, since, bookings, acted, forward, block, unblocked_at } = parts;
        let since = since.map_or(Since::UNKNOWN, Since::at);
        let held = Held::of(More { bookings, acted, forward, block, unblocked_at });
        Self { last: Sequence::new(last), since, held }
    }

    /// Drops the bookings at certain places; with the last of them everything, unless a block or a
    /// forward keeps the entry.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Seat) -> bool) {
        let mut all = self.held.take();
        for bookings in [&mut all.bookings, &mut all.acted] {
            bookings.retain(|booking| !is_forgotten(&booking.seat));
            bookings.shrink_to_fit();
        }
        self.held = Held::of(all);
        if !self.is_kept() {
            // Whoever holds the entry finds what a replay would: nothing.
            *self = Self::default();
        }
    }

    fn touch(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(self.since.get().unwrap_or(at));
    }
}

/// A moment that may be unknown, in the room of one that is known.
#[derive(Clone, Copy, Debug)]
struct Since(UtcMicros);

impl Since {
    /// Three hundred thousand years ago nobody booked.
    const UNKNOWN: Self = Self(UtcMicros(i64::MIN));

    const fn at(moment: UtcMicros) -> Self {
        Self(moment)
    }

    fn get(self) -> Option<UtcMicros> {
        (self.0 != Self::UNKNOWN.0).then_some(self.0)
    }
}

impl Booking {
    /// The booking that a record made, as it stands in its subject's entry.
    pub fn new(at: UtcMicros, booked: &Booked) -> Self {
        Self {
            id: booked.booking,
            seat: booked.seat,
            service: booked.service,
            channel: booked.channel,
            subject: if booked.actor.is_some() { Subject::Entity } else { Subject::Person },
            state: BookingState::Booked,
            is_replaced: false,
            moves: 0,
            registered_at: at,
            key: booked.key,
            fingerprint: booked.fingerprint,
            counterpart: booked.actor.map(Box::new),
        }
    }

    /// The booking that takes the place of `before`.
    pub fn moved(at: UtcMicros, moved: &Moved, before: &Self) -> Self {
        Self {
            moves: before.moves.saturating_add(1),
            registered_at: if moved.counts { at } else { before.registered_at },
            ..Self::new(at, &moved.booked)
        }
    }

    /// The same booking as it stands in its actor's entry.
    #[must_use]
    pub fn of_actor(&self, entity: Pseudonym) -> Self {
        Self { counterpart: Some(Box::new(entity)), ..self.clone() }
    }

    /// What the limits need to know, given when the visit ends; nothing when it counts no more.
    pub fn fact(&self, ends_at: UtcMicros) -> Option<BookingFact> {
        (!self.is_replaced).then(|| BookingFact {
            service: self.service,
            channel: self.channel,
            registered_at: self.registered_at,
            visit_date: self.visit_date(),
            ends_at,
            state: self.state,
        })
    }

    /// The civil date of the visit.
    pub fn visit_date(&self) -> CivilDate {
        self.seat.day.date
    }
}
