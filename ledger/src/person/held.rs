//! What a holder has, in as little memory as it takes: most have one booking and nothing else.
//!
//! Owns which form it takes. Must not know sequence numbers or what changes mean. Called by [`super::Person`].

use talon_domain::civil::UtcMicros;
use talon_domain::limits::Block;

use super::{Booking, Forward};

/// What a holder has. Bookings stand in the order in which they were made.
#[derive(Debug, Default)]
pub(super) enum Held {
    #[default]
    Nothing,
    /// A booking of the holder's own, which needs no allocation of its own.
    One(Booking),
    /// Two or more.
    Bookings(Vec<Booking>),
    /// Something that few have.
    More(Box<More>),
}

/// All that a holder may have.
#[derive(Debug, Default)]
pub(super) struct More {
    /// The holder's own bookings.
    pub(super) bookings: Vec<Booking>,
    /// What a person booked for legal entities.
    pub(super) acted: Vec<Booking>,
    /// Where everything stands now.
    pub(super) forward: Option<Forward>,
    /// The block for missed visits.
    pub(super) block: Option<Block>,
    /// When a block was last lifted.
    pub(super) unblocked_at: Option<UtcMicros>,
}

impl Held {
    /// The smallest that holds all of it.
    pub(super) fn of(mut more: More) -> Self {
        let More { bookings, acted, forward, block, unblocked_at } = &mut more;
        let is_more =
            !acted.is_empty() || forward.is_some() || block.is_some() || unblocked_at.is_some();
        match bookings.len() {
            _ if is_more => Self::More(Box::new(more)),
            0 | 1 => bookings.pop().map_or(Self::Nothing, Self::One),
            _ => Self::Bookings(more.bookings),
        }
    }

    pub(super) fn into_more(self) -> More {
        match self {
            Self::Nothing => More::default(),
            Self::One(booking) => More { bookings: vec![booking], ..More::default() },
            Self::Bookings(bookings) => More { bookings, ..More::default() },
            Self::More(more) => *more,
        }
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> More {
        std::mem::take(self).into_more()
    }

    /// The holder's own bookings.
    pub(super) fn bookings(&self) -> &[Booking] {
        match self {
            Self::Nothing => &[],
            Self::One(booking) => std::slice::from_ref(booking),
            Self::Bookings(bookings) => bookings,
            Self::More(more) => &more.bookings,
        }
    }

    /// What few have, for those who have any of it.
    pub(super) fn more(&self) -> Option<&More> {
        match self {
            Self::More(more) => Some(more),
            _ => None,
        }
    }

    /// The same to change, of whoever will have some of it.
    pub(super) fn more_mut(&mut self) -> &mut More {
        if !matches!(self, Self::More(_)) {
            *self = Self::More(Box::new(self.take()));
        }
        match self {
            Self::More(more) => more,
            _ => unreachable!("it was made just now"),
        }
    }

    /// Own bookings, then those made for others, to change.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Booking> {
        let (own, acted) = match self {
            Self::Nothing => (&mut [][..], &mut [][..]),
            Self::One(booking) => (std::slice::from_mut(booking), &mut [][..]),
            Self::Bookings(bookings) => (bookings.as_mut_slice(), &mut [][..]),
            Self::More(more) => (more.bookings.as_mut_slice(), more.acted.as_mut_slice()),
        };
        own.iter_mut().chain(acted)
    }

    /// Adds a booking of the holder's own.
    pub(super) fn push(&mut self, booking: Booking) {
        *self = match std::mem::take(self) {
            Self::Nothing => Self::One(booking),
            Self::One(first) => Self::Bookings(vec![first, booking]),
            Self::Bookings(bookings) => Self::Bookings(with(bookings, booking)),
            Self::More(mut more) => {
                more.bookings = with(more.bookings, booking);
                Self::More(more)
            }
        };
    }
}

fn with(mut bookings: Vec<Booking>, booking: Booking) -> Vec<Booking> {
    // A vector grows by doubling, and few have many.
    bookings.reserve_exact(1);
    bookings.push(booking);
    bookings
}
