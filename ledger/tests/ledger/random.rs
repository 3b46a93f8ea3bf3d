//! Random clients: a number becomes an operation, the same one every time.
//!
//! Used by the replay property and by the power-loss test, which both print what made them fail.

use talon_domain::civil::UtcMicros;
use talon_domain::ids::{BookingId, Fingerprint, KeyHash};
use talon_ledger::core::Outcome;
use talon_wire::{Book, Cancel, Identify, Move, Subject, Visit, Wishes};

use crate::fixture::{
    AUTHORITY, EXAM, EXCHANGE, MINUTE, PERMIT, TOWN, VILLAGE, World, date, entity_name, minute,
    person, utc, wish,
};

/// Few people and few times, so that they meet.
const PERSONS: u64 = 8;

/// What a client or the world does.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Somebody books.
    Book(Book),
    /// Somebody cancels the booking with this place in their list.
    Cancel { person: u16, which: usize },
    /// Somebody moves the booking with this place in their list.
    Move { person: u16, which: usize, wishes: Wishes, key: u8 },
    /// Somebody logs in under two names.
    Identify { one: u16, other: u16 },
    /// An office notes what became of the booking with this place in somebody's list.
    Conclude { person: u16, which: usize, visit: Visit },
    /// An office lifts somebody's block.
    Unblock { person: u16 },
    /// Somebody logs out.
    Logout { person: u16 },
    /// Time passes, and what is due is done.
    Pass { micros: i64 },
    /// What is pending becomes durable.
    Commit,
    /// The process stops and starts again.
    Restart,
}

/// Takes a number apart.
struct Digits(u64);

impl Digits {
    fn below(&mut self, bound: u64) -> u64 {
        let digit = self.0 % bound;
        self.0 /= bound;
        digit
    }

    fn which(&mut self) -> usize {
        usize::try_from(self.below(4)).expect("few")
    }

    fn person(&mut self) -> u16 {
        u16::try_from(self.below(PERSONS)).expect("few persons")
    }
}

impl Operation {
    /// The operation that `number` stands for, at some time after `now`.
    pub(crate) fn of(number: u64, now: UtcMicros) -> Self {
        let mut digits = Digits(number);
        match digits.below(26) {
            0..=9 => Self::Book(book(&mut digits, now)),
            10..=12 => Self::Cancel { person: digits.person(), which: digits.which() },
            20 | 21 => {
                let (person, which) = (digits.person(), digits.which());
                let key = u8::try_from(digits.below(4)).expect("few");
                Self::Move { person, which, wishes: wishes(&mut digits, now), key }
            }
            22 => Self::Identify { one: digits.person(), other: digits.person() },
            23 | 24 => {
                let visit = [Visit::Served, Visit::Failed, Visit::Absent][digits.which() % 3];
                Self::Conclude { person: digits.person(), which: digits.which(), visit }
            }
            25 => Self::Unblock { person: digits.person() },
            13 => Self::Logout { person: digits.person() },
            14 | 15 => {
                let minutes = i64::try_from(digits.below(300)).expect("few");
                Self::Pass { micros: minutes * MINUTE + 1 }
            }
            16..=18 => Self::Commit,
            _ => Self::Restart,
        }
    }
}

fn book(digits: &mut Digits, now: UtcMicros) -> Book {
    let n = digits.person();
    let service = [EXAM, EXCHANGE, PERMIT][usize::try_from(digits.below(3)).expect("few")];
    let office = if digits.below(4) == 0 { VILLAGE } else { TOWN };
    let wishes = wishes(digits, now);
    let mut book = wish(n, office, service, wishes);
    // The same wish may be asked again under its own key, or under a new one.
    book.key.0[0] = u8::try_from(digits.below(4)).expect("few");
    book.caller.session.0[2] = u8::try_from(digits.below(2)).expect("few");
    if digits.below(4) == 0 {
        book.caller.entity = Some(entity_name(u16::try_from(digits.below(2)).expect("few")));
        book.subject = Subject::Entity;
    }
    book
}

fn wishes(digits: &mut Digits, now: UtcMicros) -> Wishes {
    let days = i32::try_from(digits.below(5)).expect("few");
    let today = date("1970-01-01").plus_days(i32::try_from(now.seconds() / 86_400).expect("days"));
    let on = today.plus_days(days);
    if digits.below(3) == 0 {
        let (after, before) = (minute("00:00"), minute("24:00"));
        Wishes::Any { from: on, to: on.plus_days(2), after, before }
    } else {
        let time =
            ["09:00", "09:30", "10:40", "11:30"][usize::try_from(digits.below(4)).expect("few")];
        Wishes::Starts(vec![(on, minute(time)), (on.plus_days(1), minute(time))])
    }
}

impl World {
    /// The id of a booking by its place in somebody's list, those for entities last.
    pub(crate) fn nth(&self, n: u16, which: usize) -> Option<BookingId> {
        let party = self.core.state().party(&person(n).person)?;
        party.entry.all().nth(which).map(|booking| booking.id)
    }

    /// Carries out what a client asks; nothing for what the world does.
    pub(crate) fn ask(&self, operation: &Operation) -> Option<Outcome> {
        match operation {
            Operation::Book(book) => Some(self.core.book(book)),
            Operation::Cancel { person: n, which } => {
                let id = self.nth(*n, *which)?;
                Some(self.core.cancel(&Cancel { caller: person(*n), booking: id }))
            }
            Operation::Move { person: n, which, wishes, key } => {
                let booking = self.nth(*n, *which)?;
                let mut half = booking.0;
                half[0] = *key;
                let (key, fingerprint) = (KeyHash(half), Fingerprint(half));
                let (caller, wishes) = (person(*n), wishes.clone());
                let wanted = Move { caller, booking, office: TOWN, wishes, key, fingerprint };
                Some(self.core.move_booking(&wanted))
            }
            Operation::Identify { one, other } => {
                let names = vec![person(*one).person, person(*other).person];
                let entity = Vec::new();
                let identify = Identify { authority: AUTHORITY, person: names, entity };
                Some(self.core.identify(&identify))
            }
            Operation::Conclude { person: n, which, visit } => {
                let id = self.nth(*n, *which)?;
                Some(self.core.conclude(AUTHORITY, &person(*n).person, id, *visit))
            }
            Operation::Unblock { person: n } => Some(self.core.unblock(&person(*n).person)),
            Operation::Logout { person: n } => {
                let mut caller = person(*n);
                caller.session_expires_at = utc("2026-12-20T00:00:00Z");
                Some(self.core.revoke_session(&caller))
            }
            Operation::Pass { .. } | Operation::Commit | Operation::Restart => None,
        }
    }
}

mod replay_is_exact {
    //! The property that rests on these operations alone.

    use proptest::prelude::*;

    use super::Operation;
    use crate::fixture::{DAY, World, judge};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_state_after_replay_is_the_state_before_it(
            numbers in prop::collection::vec(any::<u64>(), 1..150),
            months in 0..3_i64,
        ) {
            let mut world = World::new();
            for number in numbers {
                let operation = Operation::of(number, world.core.now());
                world.ask(&operation);
                match operation {
                    Operation::Pass { micros } => world.pass(micros * (1 + 9 * months)),
                    Operation::Commit => world.commit(),
                    Operation::Restart => {
                        let hash = world.core.state_hash();
                        world = world.reopen();
                        prop_assert_eq!(world.core.state_hash(), hash);
                    }
                    _ => {}
                }
            }
            world.pass(months * 20 * DAY);
            let hash = world.core.state_hash();
            let report = judge(&world.disk, None).expect("the journal is good");
            prop_assert!(report.is_good(), "{:?}", report.breaches_listed);
            prop_assert_eq!(report.state_hash, hash);
            prop_assert_eq!(world.reopen().core.state_hash(), hash);
        }
    }
}
