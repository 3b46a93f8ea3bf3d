//! Tests of the checker: kept promises pass, and each way to break one is noticed.

use proptest::prelude::*;

use super::*;
use crate::client::words::{BookRequest, Subject, Want, Wish};

const LIMITS: Limits = Limits { per_month: 4, live_per_service: 1 };
const SERVICES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A history, and what an honest gateway says about it.
struct Case {
    history: History,
    observed: Observed,
    capacity: Capacity,
}

fn booking(id: u32, service: &str, time: u32) -> Booking {
    Booking {
        id: format!("{id:032x}"),
        authority: "mvs".to_owned(),
        office: 8041,
        service: service.to_owned(),
        date: "2026-12-01".to_owned(),
        time: format!("{time:02}:00"),
        minutes: 40,
        starts_at: format!("2026-12-01T{time:02}:00:00Z"),
        state: State::Booked,
        subject: Subject::Person,
    }
}

fn request_for(booking: &Booking) -> BookRequest {
    let wish = Wish { date: booking.date.clone(), time: booking.time.clone() };
    BookRequest {
        authority: booking.authority.clone(),
        office: booking.office,
        service: booking.service.clone(),
        subject: Subject::Person,
        want: Want::Wishes(vec![wish]),
        altcha: None,
    }
}

impl Case {
    fn new() -> Self {
        Self {
            history: History::new(Box::new(std::io::sink())),
            observed: Observed::default(),
            capacity: Capacity::new(),
        }
    }

    /// A person books a place at a desk that is there for it, and is told.
    fn book(&mut self, person: Person, booking: &Booking) -> AttemptId {
        let id = self.ask(person, booking);
        self.history.confirmed(id, booking.clone()).unwrap();
        self.has(person, booking);
        id
    }

    /// A person asks and is not answered; whether the booking is there is another matter.
    fn ask(&mut self, person: Person, booking: &Booking) -> AttemptId {
        let key = format!("key-{}", booking.id);
        self.observed.bookings.entry(person).or_default();
        self.history.begin(person, &key, &request_for(booking), 1)
    }

    fn has(&mut self, person: Person, booking: &Booking) {
        *self.capacity.entry(booking.slot()).or_default() += 1;
        self.observed.bookings.entry(person).or_default().push(booking.clone());
    }

    fn cancel(&mut self, id: AttemptId, person: Person, booking: &Booking) {
        self.history.cancel_begun(id);
        self.history.cancel_answered(id, Cancel::Confirmed).unwrap();
        self.listed(person, &booking.id).state = State::Cancelled;
    }

    /// A person exchanges a booking, is told, and the other place is there.
    fn exchange(&mut self, person: Person, from: &Booking, to: &Booking) -> AttemptId {
        let id = self.book(person, to);
        self.history.is_instead_of(id, &from.id);
        self.listed(person, &from.id).state = State::Moved;
        id
    }

    fn listed(&mut self, person: Person, id: &str) -> &mut Booking {
        let bookings = self.observed.bookings.get_mut(&person).unwrap();
        bookings.iter_mut().find(|booking| booking.id == id).unwrap()
    }

    fn again(&mut self, id: AttemptId, booking: &Booking, replayed: bool) {
        let retry = Retry::Found { booking: booking.clone(), replayed };
        self.observed.retries.entry(id).or_default().push(retry);
    }

    fn violations(&self) -> Vec<Violation> {
        check(&self.history, &self.observed, &self.capacity, LIMITS)
    }

    #[track_caller]
    fn only(&self, expected: impl Fn(&Violation) -> bool) {
        let violations = self.violations();
        assert!(violations.len() == 1 && expected(&violations[0]), "{violations:#?}");
    }
}

#[test]
fn kept_promises_pass() {
    let mut case = Case::new();
    let (kept, given_back) = (booking(1, "a", 9), booking(2, "b", 10));
    case.book(7, &kept);
    let id = case.book(7, &given_back);
    case.cancel(id, 7, &given_back);
    case.observed.free.insert(given_back.slot(), 1);
    assert_eq!(case.violations(), []);
}

#[test]
fn a_lost_booking_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.observed.bookings.get_mut(&7).unwrap().clear();
    case.only(|v| matches!(v, Violation::Lost { person: 7, .. }));
}

#[test]
fn a_lost_booking_whose_place_is_offered_again_is_noticed_at_the_place_too() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.observed.free.insert(booking(1, "a", 9).slot(), 1);
    case.only(|v| matches!(v, Violation::Oversold { live: 1, free: 1, capacity: 1, .. }));
}

#[test]
fn a_changed_booking_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.listed(7, &booking(1, "a", 9).id).minutes = 20;
    case.only(|v| matches!(v, Violation::Changed { .. }));
}

#[test]
fn a_booking_that_was_not_asked_for_is_noticed() {
    let mut case = Case::new();
    let id = case.ask(7, &booking(1, "a", 9));
    let other = booking(1, "a", 10);
    case.history.confirmed(id, other.clone()).unwrap();
    case.has(7, &other);
    case.only(|v| matches!(v, Violation::NotAskedFor { .. }));
}

#[test]
fn a_lost_cancellation_is_noticed() {
    let mut case = Case::new();
    let place = booking(1, "a", 9);
    let id = case.book(7, &place);
    case.cancel(id, 7, &place);
    case.listed(7, &place.id).state = State::Booked;
    case.only(|v| matches!(v, Violation::CancelLost { .. }));
}

#[test]
fn an_unanswered_cancellation_may_have_happened_or_not() {
    for state in [State::Booked, State::Cancelled] {
        let mut case = Case::new();
        let place = booking(1, "a", 9);
        let id = case.book(7, &place);
        case.history.cancel_begun(id);
        case.listed(7, &place.id).state = state;
        assert_eq!(case.violations(), []);
    }
}

#[test]
fn a_cancellation_that_nobody_asked_for_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.listed(7, &booking(1, "a", 9).id).state = State::Cancelled;
    case.only(|v| matches!(v, Violation::CancelledByNobody { .. }));
}

#[test]
fn a_move_that_was_confirmed_passes_when_the_old_booking_is_moved_and_is_noticed_when_not() {
    let mut case = Case::new();
    let (old, new) = (booking(1, "a", 9), booking(2, "a", 10));
    case.book(7, &old);
    case.exchange(7, &old, &new);
    assert_eq!(case.violations(), []);
    case.listed(7, &old.id).state = State::Booked;
    let violations = case.violations();
    let lost = |v: &Violation| matches!(v, Violation::MoveLost { state: State::Booked, .. });
    assert!(violations.iter().any(lost), "{violations:#?}");
    let twice = |v: &Violation| matches!(v, Violation::OverService { count: 2, .. });
    assert!(violations.iter().any(twice), "{violations:#?}");
}

#[test]
fn a_move_whose_new_place_is_gone_is_noticed() {
    let mut case = Case::new();
    let (old, new) = (booking(1, "a", 9), booking(2, "a", 10));
    case.book(7, &old);
    case.exchange(7, &old, &new);
    case.observed.bookings.get_mut(&7).unwrap().retain(|it| it.id == old.id);
    case.only(|v| matches!(v, Violation::Lost { .. }));
}

#[test]
fn a_move_that_nobody_asked_for_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.listed(7, &booking(1, "a", 9).id).state = State::Moved;
    case.only(|v| matches!(v, Violation::MovedByNobody { .. }));
}

#[test]
fn an_unanswered_move_may_have_happened_or_not() {
    for state in [State::Booked, State::Moved] {
        let mut case = Case::new();
        let (old, new) = (booking(1, "a", 9), booking(2, "a", 10));
        case.book(7, &old);
        let id = case.ask(7, &new);
        case.history.is_instead_of(id, &old.id);
        case.listed(7, &old.id).state = state;
        if state == State::Moved {
            case.has(7, &new);
            case.again(id, &new, true);
        } else {
            case.observed.retries.insert(id, vec![Retry::Refused(Slug::SlotTaken)]);
        }
        assert_eq!(case.violations(), []);
    }
}

#[test]
fn a_confirmed_booking_that_cannot_be_cancelled_because_it_is_unknown_is_noticed() {
    let mut case = Case::new();
    let id = case.book(7, &booking(1, "a", 9));
    case.history.cancel_answered(id, Cancel::Refused(Slug::TooLateToCancel)).unwrap();
    assert_eq!(case.violations(), []);
    case.history.cancel_answered(id, Cancel::Refused(Slug::NotFound)).unwrap();
    case.only(|v| matches!(v, Violation::CancelRefused { slug: Slug::NotFound, .. }));
}

#[test]
fn an_unanswered_booking_may_be_there_or_be_made_now_or_be_refused() {
    let place = booking(1, "a", 9);
    let mut there = Case::new();
    let id = there.ask(7, &place);
    there.has(7, &place);
    there.again(id, &place, true);
    assert_eq!(there.violations(), []);

    let mut now = Case::new();
    let id = now.ask(7, &place);
    now.has(7, &place);
    now.observed.free.insert(place.slot(), 1);
    now.again(id, &place, false);
    now.again(id, &place, true);
    assert_eq!(now.violations(), []);

    let mut refused = Case::new();
    let id = refused.ask(7, &place);
    refused.observed.retries.insert(id, vec![Retry::Refused(Slug::SlotTaken)]);
    assert_eq!(refused.violations(), []);
}

#[test]
fn a_key_with_two_bookings_is_noticed() {
    let mut case = Case::new();
    let (first, second) = (booking(1, "a", 9), booking(2, "a", 9));
    let id = case.book(7, &first);
    case.listed(7, &first.id).state = State::Cancelled;
    case.history.cancel_begun(id);
    case.again(id, &second, false);
    case.has(7, &second);
    case.only(|v| matches!(v, Violation::SeveralForOneKey { ids, .. } if ids.len() == 2));
}

#[test]
fn a_forgotten_key_is_noticed() {
    let mut case = Case::new();
    let id = case.book(7, &booking(1, "a", 9));
    case.observed.retries.insert(id, vec![Retry::Refused(Slug::AlreadyBooked)]);
    case.only(|v| matches!(v, Violation::KeyForgotten { .. }));
}

#[test]
fn a_refused_booking_that_is_there_is_noticed() {
    let mut case = Case::new();
    let place = booking(1, "a", 9);
    let id = case.ask(7, &place);
    case.history.refused(id, Slug::QuotaExceeded);
    case.has(7, &place);
    case.only(|v| matches!(v, Violation::Unexplained { .. }));
}

#[test]
fn a_doubled_place_is_noticed_also_when_the_first_owner_was_not_asked() {
    let mut case = Case::new();
    let place = booking(1, "a", 9);
    case.book(7, &place);
    case.book(8, &booking(2, "a", 9));
    assert_eq!(case.violations(), []);
    case.capacity.insert(place.slot(), 1);
    case.only(|v| matches!(v, Violation::Oversold { live: 2, capacity: 1, .. }));
    case.observed.bookings.remove(&7);
    case.only(|v| matches!(v, Violation::Oversold { live: 2, capacity: 1, .. }));
}

#[test]
fn a_place_that_was_never_offered_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.capacity.clear();
    case.only(|v| matches!(v, Violation::Oversold { capacity: 0, .. }));
}

#[test]
fn a_fifth_booking_in_the_month_is_noticed_also_when_one_is_cancelled() {
    let mut case = Case::new();
    for (id, service) in (1..).zip(SERVICES) {
        let place = booking(id, service, 9);
        let attempt = case.book(7, &place);
        if id == 1 {
            case.cancel(attempt, 7, &place);
        }
    }
    case.only(|v| matches!(v, Violation::OverMonth { count: 5, limit: 4, .. }));
}

#[test]
fn a_second_live_booking_for_a_service_is_noticed() {
    let mut case = Case::new();
    case.book(7, &booking(1, "a", 9));
    case.book(7, &booking(2, "a", 10));
    case.only(|v| matches!(v, Violation::OverService { count: 2, .. }));
}

#[test]
fn a_booking_under_two_persons_is_noticed() {
    let mut case = Case::new();
    let place = booking(1, "a", 9);
    case.book(7, &place);
    case.has(8, &place);
    let violations = case.violations();
    assert!(violations.iter().any(|v| matches!(v, Violation::ListedTwice { times: 2, .. })));
    assert!(violations.iter().any(|v| matches!(v, Violation::Unexplained { person: 8, .. })));
}

/// What a person does with one service.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Book { cancelled: bool },
    Unanswered { there: bool },
    Refused,
}

fn deeds() -> impl Strategy<Value = Vec<(Person, usize, u32, Deed)>> {
    let deed = prop_oneof![
        any::<bool>().prop_map(|cancelled| Deed::Book { cancelled }),
        any::<bool>().prop_map(|there| Deed::Unanswered { there }),
        Just(Deed::Refused),
    ];
    prop::collection::vec((0..20_u32, 0..4_usize, 8..17_u32, deed), 1..60)
}

/// An honest gateway: everybody uses each service once, every place has a desk.
fn honest(deeds: &[(Person, usize, u32, Deed)]) -> Case {
    let mut case = Case::new();
    let mut used = BTreeSet::new();
    for (number, &(person, service, time, deed)) in (1..).zip(deeds) {
        if !used.insert((person, service)) {
            continue;
        }
        let place = booking(number, SERVICES[service], time);
        match deed {
            Deed::Book { cancelled } => {
                let id = case.book(person, &place);
                if cancelled {
                    case.cancel(id, person, &place);
                }
            }
            Deed::Unanswered { there } => {
                let id = case.ask(person, &place);
                case.has(person, &place);
                case.again(id, &place, there);
                case.again(id, &place, true);
            }
            Deed::Refused => {
                let id = case.ask(person, &place);
                case.history.refused(id, Slug::SlotTaken);
            }
        }
    }
    case
}

/// All listed bookings, each with its person.
fn listed(case: &Case) -> Vec<(Person, Booking)> {
    let of = |(person, bookings): (&Person, &Vec<Booking>)| {
        bookings.iter().map(|booking| (*person, booking.clone())).collect::<Vec<_>>()
    };
    case.observed.bookings.iter().flat_map(of).collect()
}

proptest! {
    #[test]
    fn an_honest_gateway_is_never_accused(deeds in deeds()) {
        prop_assert_eq!(honest(&deeds).violations(), []);
    }

    #[test]
    fn a_gateway_that_loses_any_booking_is_accused(deeds in deeds(), pick: prop::sample::Index) {
        let mut case = honest(&deeds);
        let all = listed(&case);
        prop_assume!(!all.is_empty());
        let (person, lost) = pick.get(&all);
        case.observed.bookings.get_mut(person).unwrap().retain(|b| b.id != lost.id);
        let noticed =
            case.violations().iter().any(|v| matches!(v, Violation::Lost { booking, .. } if booking.id == lost.id));
        prop_assert!(noticed);
    }

    #[test]
    fn a_gateway_that_sells_any_place_twice_is_accused(
        deeds in deeds(),
        pick: prop::sample::Index,
    ) {
        let mut case = honest(&deeds);
        let live: Vec<_> =
            listed(&case).into_iter().filter(|(_, b)| b.state == State::Booked).collect();
        prop_assume!(!live.is_empty());
        let (_, place) = pick.get(&live);
        // Somebody else gets the same place, and there are only as many desks as live bookings.
        let owners = live.iter().filter(|(_, b)| b.slot() == place.slot()).count();
        case.book(1_000, &Booking { id: format!("{:032x}", 1_000_000), ..place.clone() });
        case.capacity.insert(place.slot(), u32::try_from(owners).unwrap());
        let noticed = case.violations().iter().any(|v| matches!(v, Violation::Oversold { slot, .. } if *slot == place.slot()));
        prop_assert!(noticed);
    }

    #[test]
    fn a_gateway_that_turns_any_state_around_is_accused(
        deeds in deeds(),
        pick: prop::sample::Index,
    ) {
        let mut case = honest(&deeds);
        let all = listed(&case);
        prop_assume!(!all.is_empty());
        let (person, turned) = pick.get(&all);
        let now = case.listed(*person, &turned.id);
        now.state = match now.state {
            State::Booked => State::Cancelled,
            State::Cancelled | State::Moved => State::Booked,
        };
        prop_assert!(!case.violations().is_empty());
    }
}
