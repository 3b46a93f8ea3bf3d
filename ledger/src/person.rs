//! A holder's entry, of a person or a legal entity: the bookings that count, and the sequence number
//! they rest on.
//!
//! The entry is the authority on limits and idempotency; whoever decides holds its lock. Must not
//! know names or numbers of people, only pseudonyms. [`crate::parties`] finds and locks entries.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use talon_domain::booking::{BookingState, Subject};
use talon_domain::civil::{CivilDate, UtcMicros};
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash, Pseudonym, ServiceId};
use talon_domain::limits::{Block, BookingFact};
use talon_journal::Sequence;

use crate::record::{Booked, Moved, Seat};

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
    bookings: Bookings,
    rare: Option<Box<Rare>>,
}

// There are millions of them: a field more is to be thought about.
const _: () = assert!(size_of::<Person>() <= 112);

impl Default for Person {
    fn default() -> Self {
        Self { last: Sequence::NONE, since: Since::UNKNOWN, bookings: Bookings::None, rare: None }
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

/// What few holders have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    /// What a person booked for legal entities.
    acted: Vec<Booking>,
    forward: Option<Forward>,
    block: Option<Block>,
    unblocked_at: Option<UtcMicros>,
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
        self.bookings.all()
    }

    /// What this person booked for legal entities, in the order in which it was made.
    pub fn acted(&self) -> &[Booking] {
        self.rare.as_deref().map_or(&[], |rare| &rare.acted)
    }

    /// Own bookings, then those made for others.
    pub fn all(&self) -> impl Iterator<Item = &Booking> {
        self.bookings().iter().chain(self.acted())
    }

    /// Where the entry went, when its name is no longer the one to go by.
    pub fn forward(&self) -> Option<Forward> {
        self.rare.as_deref()?.forward
    }

    /// The block for missed visits.
    pub fn block(&self) -> Option<Block> {
        self.rare.as_deref()?.block
    }

    /// When a block was last lifted.
    pub fn unblocked_at(&self) -> Option<UtcMicros> {
        self.rare.as_deref()?.unblocked_at
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
        self.bookings.push(booking);
    }

    /// Takes note of a new booking that this person made for an entity.
    pub fn has_acted(&mut self, sequence: Sequence, booking: Booking, at: UtcMicros) {
        self.touch(sequence, at);
        self.rare().acted.push(booking);
    }

    /// Takes note of what became of a booking that is live; returns it as it was, unless there is no
    /// such live booking.
    pub fn changed(
        &mut self,
        sequence: Sequence,
        id: BookingId,
        state: BookingState,
    ) -> Option<Booking> {
        let acted = self.rare.as_deref_mut().map_or(&mut [][..], |rare| &mut rare.acted);
        let booking = self
            .bookings
            .all_mut()
            .iter_mut()
            .chain(acted)
            .find(|booking| booking.id == id && booking.state == BookingState::Booked)?;
        let before = booking.clone();
        booking.state = state;
        self.last = sequence;
        Some(before)
    }

    /// Takes a moved booking out of every count.
    pub fn replaced(&mut self, id: BookingId) {
        let acted = self.rare.as_deref_mut().map_or(&mut [][..], |rare| &mut rare.acted);
        let all = self.bookings.all_mut().iter_mut().chain(acted);
        for booking in all.filter(|booking| booking.id == id) {
            booking.is_replaced = true;
        }
    }

    /// Takes note of a block.
    pub fn blocked(&mut self, sequence: Sequence, block: Block) {
        self.last = sequence;
        self.rare().block.get_or_insert(block);
    }

    /// Takes note of a block that is lifted.
    pub fn unblocked(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        let rare = self.rare();
        rare.block = None;
        rare.unblocked_at = Some(at);
    }

    /// Leaves everything to the name `to`, and returns it.
    pub fn hand_over(&mut self, sequence: Sequence, to: Pseudonym, at: UtcMicros) -> Self {
        let left = std::mem::take(self);
        self.last = sequence;
        self.rare().forward = Some(Forward { to, at });
        left
    }

    /// Takes over what another name of the same holder leaves.
    pub fn take_over(&mut self, sequence: Sequence, left: Self, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(at);
        self.bookings.append(left.bookings);
        let Some(left) = left.rare else { return };
        let rare = self.rare();
        rare.acted.extend(left.acted);
        rare.unblocked_at = rare.unblocked_at.max(left.unblocked_at);
        rare.block = rare.block.or(left.block);
    }

    /// Takes note of a link that brought nothing but a name.
    pub fn linked(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(at);
    }

    /// All that the entry holds.
    pub fn parts(&self) -> PersonParts {
        let Self { last, since, bookings, rare } = self;
        let Rare { acted, forward, block, unblocked_at } =
            rare.as_deref().cloned().unwrap_or_default();
        PersonParts {
            last: last.get(),
            since: since.get(),
            bookings: bookings.all().to_vec(),
            acted,
            forward,
            block,
            unblocked_at,
        }
    }

    /// The entry that these parts were of.
    pub fn from_parts(parts: PersonParts) -> Self {
        let PersonParts { last, since, bookings, acted, forward, block, unblocked_at } = parts;
        let rare = Rare { acted, forward, block, unblocked_at };
        let rare = (rare != Rare::default()).then(|| Box::new(rare));
        let since = since.map_or(Since::UNKNOWN, Since::at);
        Self { last: Sequence::new(last), since, bookings: Bookings::of(bookings), rare }
    }

    /// Drops the bookings at certain places; with the last of them everything, unless a block or a
    /// forward keeps the entry.
    pub fn forget(&mut self, is_forgotten: impl Fn(&Seat) -> bool) {
        self.bookings.retain(|booking| !is_forgotten(&booking.seat));
        if let Some(rare) = &mut self.rare {
            rare.acted.retain(|booking| !is_forgotten(&booking.seat));
        }
        if !self.is_kept() {
            // Whoever holds the entry finds what a replay would: nothing.
            *self = Self::default();
        }
    }

    fn touch(&mut self, sequence: Sequence, at: UtcMicros) {
        self.last = sequence;
        self.since = Since::at(self.since.get().unwrap_or(at));
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
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

/// The bookings of a holder in the order in which they were made; most have one, which needs no
/// allocation of its own.
#[derive(Debug)]
enum Bookings {
    None,
    One(Booking),
    More(Vec<Booking>),
}

impl Bookings {
    fn of(mut all: Vec<Booking>) -> Self {
        match all.len() {
            0 => Self::None,
            1 => all.pop().map_or(Self::None, Self::One),
            _ => Self::More(all),
        }
    }

    fn all(&self) -> &[Booking] {
        match self {
            Self::None => &[],
            Self::One(booking) => std::slice::from_ref(booking),
            Self::More(all) => all,
        }
    }

    fn all_mut(&mut self) -> &mut [Booking] {
        match self {
            Self::None => &mut [],
            Self::One(booking) => std::slice::from_mut(booking),
            Self::More(all) => all,
        }
    }

    fn into_vec(self) -> Vec<Booking> {
        match self {
            Self::None => Vec::new(),
            Self::One(booking) => vec![booking],
            Self::More(all) => all,
        }
    }

    fn push(&mut self, booking: Booking) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(booking),
            Self::One(first) => Self::More(vec![first, booking]),
            Self::More(mut all) => {
                // A vector grows by doubling, and few have many.
                all.reserve_exact(1);
                all.push(booking);
                Self::More(all)
            }
        };
    }

    fn append(&mut self, others: Self) {
        let mut all = std::mem::replace(self, Self::None).into_vec();
        all.extend(others.into_vec());
        *self = Self::of(all);
    }

    fn retain(&mut self, is_kept: impl FnMut(&Booking) -> bool) {
        let mut all = std::mem::replace(self, Self::None).into_vec();
        all.retain(is_kept);
        all.shrink_to_fit();
        *self = Self::of(all);
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
