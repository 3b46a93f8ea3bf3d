//! The bytes of records are a format on disk: these tests hold them.

use proptest::prelude::*;
use talon_domain::civil::Minute;
use talon_domain::policy::{Holder, Limit, LimitKind, Mode, Moment, Period, ProofRule, Release};
use talon_domain::shape::{ServiceShape, ShiftShape};

use super::*;

fn seat() -> Seat {
    let day = DayKey {
        authority: AuthorityId(1),
        office: OfficeId(8041),
        date: CivilDate::from_days(20_788),
    };
    Seat { day, shift: 3, step: 6, steps: 4 }
}

fn bytes(fact: Fact) -> String {
    let record = Record { at: UtcMicros(1_796_108_400_000_000), fact };
    let mut buffer = Vec::new();
    record.encode_into(&mut buffer);
    assert_eq!(Record::decode(&buffer).unwrap(), record);
    hex::encode(buffer)
}

const AT: &str = "0180f0c7b2a2e3b006";

#[test]
fn a_booked_record_has_these_bytes() {
    let booked = Fact::Booked(Booked {
        booking: BookingId([0x11; 16]),
        subject: Pseudonym([0x22; 32]),
        actor: None,
        channel: Channel::Web,
        service: ServiceId(2),
        seat: seat(),
        key: KeyHash([0x33; 16]),
        fingerprint: Fingerprint([0x44; 16]),
    });
    let expected = [
        AT,
        "03",
        &"11".repeat(16),
        &"22".repeat(32),
        "00",
        "00",
        "02",
        "01e93ee8c402030604",
        &"33".repeat(16),
        &"44".repeat(16),
    ];
    assert_eq!(bytes(booked), expected.concat());
}

#[test]
fn the_other_records_have_these_bytes() {
    let returned =
        Fact::Returned { booking: BookingId([0x11; 16]), returns_at: UtcMicros(1), seat: seat() };
    assert_eq!(bytes(returned), [AT, "05", &"11".repeat(16), "02", "01e93ee8c402030604"].concat());
    let cancelled = Fact::Cancelled {
        subject: Pseudonym([0x22; 32]),
        booking: BookingId([0x11; 16]),
        returns_at: UtcMicros(1),
    };
    assert_eq!(bytes(cancelled), [AT, "04", &"22".repeat(32), &"11".repeat(16), "02"].concat());
    let revoked = Fact::SessionRevoked { session: SessionId([0x55; 16]), expires_at: UtcMicros(1) };
    assert_eq!(bytes(revoked), [AT, "06", &"55".repeat(16), "02"].concat());
    let forgotten =
        Fact::Forgotten { authority: AuthorityId(1), before: CivilDate::from_days(20_788) };
    assert_eq!(bytes(forgotten), [AT, "0701e8c402"].concat());
    let released = Fact::Released {
        authority: AuthorityId(1),
        service: ServiceId(2),
        channel: Channel::Web,
        date: CivilDate::from_days(20_788),
        offices: vec![OfficeId(5), OfficeId(6)],
        late: true,
    };
    assert_eq!(bytes(released), [AT, "02010200e8c40202050601"].concat());
    let generated = Fact::DayGenerated {
        day: seat().day,
        shape: DayShape {
            zone: "Z".to_owned(),
            step_minutes: 10,
            shifts: vec![ShiftShape {
                desk: talon_domain::ids::DeskId(1),
                start: Minute::new(480).unwrap(),
                steps: 6,
                services: vec![ServiceShape {
                    service: ServiceId(2),
                    steps: 3,
                    starts: 0b1001,
                    usable: vec![(Channel::Web, 0b11_1111)],
                }],
            }],
        },
    };
    assert_eq!(
        bytes(generated),
        [AT, "01", "01e93ee8c402", "015a", "0a", "01", "01e00306", "01", "020309", "01003f"]
            .concat()
    );
}

#[test]
fn the_records_of_names_moves_and_visits_have_these_bytes() {
    let (one, two) = (Pseudonym([0x22; 32]), Pseudonym([0x66; 32]));
    let linked = Fact::Linked { into: one, from: vec![two] };
    assert_eq!(bytes(linked), [AT, "08", &"22".repeat(32), "01", &"66".repeat(32)].concat());
    let booked = Booked {
        booking: BookingId([0x11; 16]),
        subject: one,
        actor: Some(two),
        channel: Channel::Web,
        service: ServiceId(2),
        seat: seat(),
        key: KeyHash([0x33; 16]),
        fingerprint: Fingerprint([0x44; 16]),
    };
    let from = BookingId([0x77; 16]);
    let moved = Fact::Moved(Moved { booked, from, counts: true, returns_at: UtcMicros(1) });
    let expected = [
        AT,
        "09",
        &"11".repeat(16),
        &"22".repeat(32),
        "01",
        &"66".repeat(32),
        "0002",
        "01e93ee8c402030604",
        &"33".repeat(16),
        &"44".repeat(16),
        &"77".repeat(16),
        "0102",
    ];
    assert_eq!(bytes(moved), expected.concat());
    let concluded = Fact::Concluded {
        subject: one,
        booking: BookingId([0x11; 16]),
        visit: Visit::Absent,
        blocks: Some(4),
    };
    let expected = [AT, "0a", &"22".repeat(32), &"11".repeat(16), "02", "0104"].concat();
    assert_eq!(bytes(concluded), expected);
    let unblocked = Fact::Unblocked { subject: one };
    assert_eq!(bytes(unblocked), [AT, "0b", &"22".repeat(32)].concat());
    let peppers = vec![PepperId([0x88; 4]), PepperId([0x99; 4])];
    let peppers = Fact::PeppersSet { peppers };
    assert_eq!(bytes(peppers), [AT, "0c02", "88888888", "99999999"].concat());
}

#[test]
fn a_policy_record_has_these_bytes() {
    let release = |days_ahead, minute, proof| {
        let time = Minute::new(minute).unwrap();
        Release { days_ahead, time, zone: "Z".to_owned(), proof }
    };
    let (algorithm, key_prefix) = ("A".to_owned(), "00".to_owned());
    let proof = ProofRule {
        algorithm,
        cost: 5000,
        key_prefix,
        when: talon_domain::policy::ProofWhen::Always,
        slow_lane_minutes: Some(30),
    };
    let limit = |name: &str, kind, max, mode| Limit {
        name: name.to_owned(),
        kind,
        holder: Holder::Subject,
        max,
        mode,
        subjects: talon_domain::policy::Subjects::All,
        services: Vec::new(),
    };
    let month = LimitKind::PerPeriod {
        period: Period::Month,
        of: Moment::Registration,
        count_cancelled: true,
        channel: Channel::Web,
    };
    let policy = Fact::PolicySet(Policy {
        authority: AuthorityId(1),
        zone: "Z".to_owned(),
        release: release(21, 360, None),
        releases: vec![(ServiceId(2), release(9, 840, Some(proof)))],
        kiosk_release: Some(release(28, 360, None)),
        late_release_delay_minutes: 10,
        cancel_deadline_minutes: 120,
        moving: talon_domain::policy::Moving { deadline_minutes: 120, max: 2, counts: false },
        return_after_minutes: (5, 60),
        limits: vec![
            limit("l", LimitKind::LivePerService, 1, Mode::Enforced),
            limit("m", month, 4, Mode::Shadow),
        ],
    });
    let expected = [
        AT,
        "0001015a",
        "15e802015a00",
        "010209c806015a010141882702303001011e",
        "011ce802015a00",
        "0a78",
        "780200",
        "053c",
        "02016c010001000000",
        "016d00010001000004010000",
    ];
    assert_eq!(bytes(policy), expected.concat());
}

#[test]
fn other_versions_and_trailing_bytes_are_refused() {
    let mut buffer = Vec::new();
    let fact = Fact::Forgotten { authority: AuthorityId(1), before: CivilDate::from_days(1) };
    Record { at: UtcMicros(1), fact }.encode_into(&mut buffer);
    buffer.push(0);
    assert!(matches!(Record::decode(&buffer), Err(BadRecord::Trailing { extra: 1 })));
    buffer[0] = 2;
    assert!(matches!(Record::decode(&buffer), Err(BadRecord::Version { found: 2 })));
    assert!(matches!(Record::decode(&[]), Err(BadRecord::Empty)));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = RECORD_VERSION;
        }
        if let Ok(record) = Record::decode(&bytes) {
            let mut again = Vec::new();
            record.encode_into(&mut again);
            prop_assert_eq!(Record::decode(&again).unwrap(), record);
        }
    }
}
