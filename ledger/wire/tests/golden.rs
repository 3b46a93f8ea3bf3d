//! The bytes of commands and answers: a change here is a change of protocol.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use talon_domain::civil::{CivilDate, Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
    SessionId,
};
use talon_wire::{
    Answer, Book, BookingState, BookingView, Caller, Command, Place, Refusal, Subject, Wishes,
};

fn book() -> Command {
    Command::Book(Book {
        caller: Caller {
            authority: AuthorityId(1),
            person: Pseudonym([0xaa; 32]),
            entity: None,
            session: SessionId([0xbb; 16]),
            session_expires_at: UtcMicros(1_800_000_000_000_000),
        },
        subject: Subject::Person,
        place: Place { authority: AuthorityId(1), office: OfficeId(8041), service: ServiceId(2) },
        channel: Channel::Web,
        wishes: Wishes::Starts(vec![(
            "2026-12-01".parse::<CivilDate>().unwrap(),
            "09:00".parse::<Minute>().unwrap(),
        )]),
        key: KeyHash([0xcc; 16]),
        fingerprint: Fingerprint([0xdd; 16]),
    })
}

fn booked() -> Answer {
    Answer::Booked {
        booking: BookingView {
            id: BookingId([0xee; 16]),
            authority: AuthorityId(1),
            office: OfficeId(8041),
            service: ServiceId(2),
            date: "2026-12-01".parse().unwrap(),
            start: "09:00".parse().unwrap(),
            minutes: 40,
            starts_at: UtcMicros(1_796_108_400_000_000),
            zone: "Europe/Kyiv".into(),
            cancel_until: UtcMicros(1_796_101_200_000_000),
            move_until: None,
            channel: Channel::Web,
            subject: Subject::Person,
            state: BookingState::Booked,
        },
        repeated: false,
        usage: None,
        sequence: 77,
    }
}

fn hex_of(value: &impl serde::Serialize) -> String {
    hex::encode(postcard::to_stdvec(value).unwrap())
}

#[test]
fn a_booking_command_has_these_bytes() {
    let bytes = [
        "00",               // Book
        "01",               // authority
        &"aa".repeat(32),   // person
        "00",               // no entity
        &"bb".repeat(16),   // session
        "8080c489e5c5b206", // session_expires_at
        "00",               // for the person
        "01e93e02",         // place
        "00",               // web
        "0001",             // one start
        "e8c4029c04",       // 2026-12-01 09:00
        &"cc".repeat(16),   // key
        &"dd".repeat(16),   // fingerprint
    ]
    .concat();
    assert_eq!(hex_of(&book()), bytes);
    let decoded: Command = postcard::from_bytes(&hex::decode(bytes).unwrap()).unwrap();
    assert_eq!(decoded, book());
}

#[test]
fn a_booked_answer_reads_back() {
    let bytes = postcard::to_stdvec(&booked()).unwrap();
    assert_eq!(postcard::from_bytes::<Answer>(&bytes).unwrap(), booked());
    assert_eq!(hex_of(&Answer::Refused(Refusal::Busy)), "0c11");
}
