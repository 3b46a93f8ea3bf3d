//! The bytes of the parts, as `JOURNAL.md` describes them, and that nothing of a state is lost.

use std::convert::Infallible;

use talon_domain::booking::{BookingState, Subject};
use talon_domain::ids::{Channel, Fingerprint, KeyHash, PepperId};
use talon_domain::limits::Block;

use super::*;
use crate::peppers::Pepper;
use crate::person::{Booking, PersonParts};

const DAY: DayKey = DayKey {
    authority: AuthorityId(1),
    office: OfficeId(8041),
    date: CivilDate::from_days(20_788),
};
const SEAT: Seat = Seat { day: DAY, shift: 3, step: 6, steps: 4 };

fn hex_of(part: &Frozen) -> String {
    hex::encode(postcard::to_stdvec(part).expect("plain data"))
}

#[test]
fn the_parts_have_these_bytes() {
    let day = Frozen::Day { day: DAY, shape: 0, unclaimed: vec![5, 128], released: [1, 0, 2] };
    assert_eq!(hex_of(&day), "0201e93ee8c4020002058001".to_owned() + "010002");
    let booking = || Booking {
        id: BookingId([0x11; 16]),
        seat: SEAT,
        service: ServiceId(2),
        channel: Channel::Web,
        subject: Subject::Person,
        state: BookingState::Cancelled,
        is_replaced: false,
        moves: 2,
        registered_at: UtcMicros(1),
        key: KeyHash([0x33; 16]),
        fingerprint: Fingerprint([0x44; 16]),
        counterpart: None,
    };
    let for_an_entity = Booking {
        subject: Subject::Entity,
        counterpart: Some(Box::new(Pseudonym([0x66; 32]))),
        ..booking()
    };
    let parts = PersonParts {
        last: 9,
        since: Some(UtcMicros(1)),
        bookings: vec![booking()],
        acted: vec![for_an_entity],
        forward: None,
        block: Some(Block { since: UtcMicros(1), count: 4 }),
        unblocked_at: None,
    };
    let person = Frozen::Person { person: Pseudonym([0x22; 32]), parts };
    let (subject, id) = ("22".repeat(32), "11".repeat(16));
    let (key, fingerprint) = ("33".repeat(16), "44".repeat(16));
    let seat = "01e93ee8c402030604";
    let own = format!("{id}{seat}020000010002 02{key}{fingerprint}00").replace(' ', "");
    let other = "66".repeat(32);
    let acted = format!("{id}{seat}020001010002 02{key}{fingerprint}01{other}").replace(' ', "");
    let expected = format!("03{subject}09010201{own}01{acted}0001020400");
    assert_eq!(hex_of(&person), expected);
    let withheld = Frozen::Withheld(UtcMicros(1), BookingId([0x11; 16]), SEAT);
    assert_eq!(hex_of(&withheld), format!("0402{id}{seat}"));
    let through = Frozen::ReleasedThrough(AuthorityId(1), ServiceId(2), Channel::Kiosk, DAY.date);
    assert_eq!(hex_of(&through), "05010201e8c402");
    assert_eq!(hex_of(&Frozen::Oldest(AuthorityId(1), DAY.date)), "0601e8c402");
    let revoked = Frozen::Revoked(SessionId([0x55; 16]), UtcMicros(1));
    assert_eq!(hex_of(&revoked), format!("07{}02", "55".repeat(16)));
    let current = Pepper { id: PepperId([0x88; 4]), retired_at: None };
    let retired = Pepper { id: PepperId([0x99; 4]), retired_at: Some(UtcMicros(1)) };
    let peppers = Frozen::Peppers(vec![current, retired]);
    assert_eq!(hex_of(&peppers), "0802888888880099999999".to_owned() + "0102");
}

#[test]
fn a_day_that_does_not_fit_its_shape_is_refused() {
    let day = |shape, unclaimed| Frozen::Day { day: DAY, shape, unclaimed, released: [0; 3] };
    let shape = DayShape { zone: "Europe/Kyiv".to_owned(), step_minutes: 10, shifts: Vec::new() };
    let mut thaw = Thaw::default();
    thaw.add(Frozen::Shape(shape)).expect("a closed day");
    for part in [day(1, Vec::new()), day(0, vec![1])] {
        assert!(matches!(thaw.add(part), Err(BadParts::Day(DAY))));
    }
    thaw.add(day(0, Vec::new())).expect("it fits");
}

#[test]
fn a_state_put_together_from_its_parts_has_the_same_parts() {
    let parts = [
        Frozen::Shape(DayShape { zone: "UTC".to_owned(), step_minutes: 5, shifts: Vec::new() }),
        Frozen::Day { day: DAY, shape: 0, unclaimed: Vec::new(), released: [0; 3] },
        Frozen::Withheld(UtcMicros(1), BookingId([1; 16]), SEAT),
        Frozen::ReleasedThrough(AuthorityId(1), ServiceId(2), Channel::Web, DAY.date),
        Frozen::Oldest(AuthorityId(1), DAY.date),
        Frozen::Revoked(SessionId([5; 16]), UtcMicros(1)),
        Frozen::Peppers(vec![Pepper { id: PepperId([8; 4]), retired_at: None }]),
    ];
    let mut thaw = Thaw::default();
    for part in parts.clone() {
        thaw.add(part).expect("they fit");
    }
    let mut again = Vec::new();
    let Ok(()) = thaw.finish().freeze(|part| {
        again.push(part.clone());
        Ok::<(), Infallible>(())
    });
    assert_eq!(again, parts);
}
