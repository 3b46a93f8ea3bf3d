//! The web, the kiosk and walk-ins: what each may use, when it opens to them, and what counts.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use talon_board::Steps;
use talon_domain::ids::{BookingId, Channel, Fingerprint, KeyHash};
use talon_journal::simulation::SimDisk;
use talon_journal::{CommitThread, JournalKind, Options, Sequence};
use talon_ledger::apply::Violation;
use talon_ledger::clock::Clock;
use talon_ledger::clock::manual::ManualClock;
use talon_ledger::core::{Authority, BadReplay, Core};
use talon_ledger::record::{Booked, Fact, Seat};
use talon_ledger::verify::BadJournal;
use talon_wire::{Answer, Book, Place, Refusal, Release, Wishes};

use crate::fixture::{
    AUTHORITY, EXAM, EXCHANGE, HOUR, PERMIT, SECOND, SMALL_JOURNAL, START, TOWN, World, authority,
    booked, date, day, facts, journal_of, judge, person, refused, setup, span, start, utc, wish,
};

const DATE: &str = "2026-12-02";
const THREADS: u16 = 24;
const JOURNAL: Options =
    Options { segment_bytes: 1 << 20, kind: JournalKind::Demo, max_batch_bytes: 512 << 10 };

const SHARES: (&str, &str) =
    ("code = \"town\"", "code = \"town\"\nshares = { web = 50, kiosk = 30, walk-in = 20 }");
const KIOSK_RELEASE: (&str, &str) =
    ("\n[cancel]", "\n[release.kiosk]\ndays_ahead = 10\ntime = \"09:00\"\n\n[cancel]");
const KIOSK_LIMIT: (&str, &str) = (
    "\n[[limit]]\nkind = \"live-per-service\"",
    "\n[[limit]]\nkind = \"per-period\"\nname = \"kiosk-month\"\nperiod = \"month\"\n\
     of = \"registration\"\ncount_cancelled = true\nchannel = \"kiosk\"\nholder = \"subject\"\n\
     max = 1\nmode = \"enforced\"\n\n[[limit]]\nkind = \"live-per-service\"",
);

/// The town shared between the channels; the kiosk opens three days before the web.
fn shared() -> World {
    World::with(&[SHARES, KIOSK_RELEASE, KIOSK_LIMIT])
}

fn by(channel: Channel, book: Book) -> Book {
    Book { channel, ..book }
}

fn town(world: &World, text: &str) -> std::sync::Arc<talon_ledger::day::Day> {
    world.core.state().day(&day(TOWN, text)).expect("it exists")
}

/// The free starts of the town for a channel.
fn free(world: &World, channel: Channel, service: talon_domain::ids::ServiceId) -> Vec<String> {
    let place = Place { authority: AUTHORITY, office: TOWN, service };
    match world.core.starts(&place, channel, date(DATE)).answer {
        Answer::Starts(view) => view.free.iter().map(|free| free.start.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

/// How many steps of a day are a channel's.
fn share(world: &World, channel: Channel) -> u32 {
    let day = town(world, DATE);
    let usable = |shift: &talon_domain::shape::ShiftShape| {
        shift.service(PERMIT).map_or(0, |permit| permit.usable(channel).count_ones())
    };
    day.shape().shape().shifts.iter().map(usable).sum()
}

/// Every booking stands on steps of its own channel; says how many steps each channel has sold.
#[track_caller]
fn sold_steps(world: &World) -> BTreeMap<Channel, u32> {
    let mut sold = BTreeMap::new();
    for (_, person) in world.core.state().persons() {
        for booking in person.lock().bookings() {
            let seat = booking.seat;
            let day = world.core.state().day(&seat.day).expect("it exists");
            let of_service = day.shape().service_shape(seat.shift, booking.service);
            let usable = of_service.expect("it is offered").usable(booking.channel);
            let run = Steps::run(seat.step, seat.steps).expect("a seat has steps");
            assert!(run.is_subset(Steps::from_bits(usable)), "{booking:?}");
            *sold.entry(booking.channel).or_insert(0) += u32::from(seat.steps);
        }
    }
    sold
}

#[test]
fn each_channel_sees_and_books_its_own_share_of_a_day() {
    let world = shared();
    assert_eq!(free(&world, Channel::Web, EXAM), ["08:00", "08:30", "11:30", "12:00"]);
    assert_eq!(free(&world, Channel::Kiosk, EXAM), ["09:00", "09:30"]);
    let at =
        |n, channel, time| world.core.book(&by(channel, wish(n, TOWN, EXAM, start(DATE, time))));
    assert_eq!(booked(at(1, Channel::Kiosk, "09:00")).channel, Channel::Kiosk);
    assert!(matches!(refused(at(2, Channel::Web, "09:30")), Refusal::Taken { .. }));
    assert!(matches!(refused(at(3, Channel::Kiosk, "08:00")), Refusal::Taken { .. }));
    booked(at(4, Channel::Web, "08:00"));
    assert_eq!(sold_steps(&world), BTreeMap::from([(Channel::Web, 3), (Channel::Kiosk, 3)]));
    let hash = world.core.state_hash();
    assert_eq!(world.reopen().core.state_hash(), hash);
}

#[test]
fn any_start_is_one_of_the_channels_own() {
    let world = shared();
    for n in 0..40 {
        let channel = if n % 2 == 0 { Channel::Web } else { Channel::Kiosk };
        let book = by(channel, wish(n, TOWN, EXCHANGE, span(DATE, DATE)));
        if let Answer::Booked { booking, .. } = world.core.book(&book).answer {
            assert_eq!(booking.channel, channel);
        }
    }
    let sold = sold_steps(&world);
    assert!(sold[&Channel::Web] > sold[&Channel::Kiosk] && sold[&Channel::Kiosk] > 0, "{sold:?}");
    assert_eq!(free(&world, Channel::Web, EXCHANGE), Vec::<String>::new());
    assert_eq!(free(&world, Channel::Kiosk, EXCHANGE), Vec::<String>::new());
}

#[test]
fn the_kiosks_limits_are_apart_from_the_webs() {
    let world = shared();
    for (service, time) in [(EXAM, "08:00"), (EXAM, "08:30"), (EXAM, "11:30"), (EXCHANGE, "08:20")]
    {
        let booking = world.books(1, service, DATE, time);
        world.cancel(1, booking.id);
    }
    let rule = |outcome| match refused(outcome) {
        Refusal::Limit { refusal, .. } => refusal.rule,
        other => panic!("{other:?}"),
    };
    let permit =
        |channel, day| world.core.book(&by(channel, wish(1, TOWN, PERMIT, span(day, day))));
    assert_eq!(rule(permit(Channel::Web, "2026-12-03")), "online-month");
    booked(permit(Channel::Kiosk, "2026-12-03"));
    let exam = by(Channel::Kiosk, wish(1, TOWN, EXAM, span("2026-12-03", "2026-12-03")));
    assert_eq!(rule(world.core.book(&exam)), "kiosk-month");
    assert!(judge(&world.disk, None).expect("it is good").is_good());
}

#[test]
fn the_kiosk_opens_by_its_own_horizon_and_moment() {
    let world = shared();
    let is_open = |channel, text| town(&world, text).is_released(PERMIT, channel);
    assert!(is_open(Channel::Web, "2026-12-08") && !is_open(Channel::Web, "2026-12-09"));
    assert!(is_open(Channel::Kiosk, "2026-12-11"));
    // The web's next date, and the kiosk's a day ahead of its release.
    assert!(!is_open(Channel::Kiosk, "2026-12-12"));
    let far = |channel| {
        world.core.book(&by(channel, wish(1, TOWN, PERMIT, span("2026-12-10", "2026-12-10"))))
    };
    let opens_at = utc("2026-12-03T04:00:00Z");
    let expected = Release { opens_at: Some(opens_at), late: false };
    assert_eq!(refused(far(Channel::Web)), Refusal::NotReleased(expected));
    booked(far(Channel::Kiosk));
    world.pass(utc("2026-12-02T07:00:00Z").0 - world.core.now().0 - 1);
    assert!(is_open(Channel::Web, "2026-12-09") && !is_open(Channel::Kiosk, "2026-12-12"));
    world.pass(1);
    assert!(is_open(Channel::Kiosk, "2026-12-12") && !is_open(Channel::Web, "2026-12-10"));
}

#[test]
fn the_days_of_the_web_end_where_its_own_horizon_ends() {
    let world = shared();
    let place = Place { authority: AUTHORITY, office: TOWN, service: EXAM };
    let last = |channel| match world.core.days(&place, channel).answer {
        Answer::Days(days) => {
            let last = days.last().expect("some");
            (last.date.to_string(), last.release.is_some())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(last(Channel::Web), ("2026-12-09".to_owned(), true));
    assert_eq!(last(Channel::Kiosk), ("2026-12-12".to_owned(), true));
}

#[test]
fn what_is_kept_for_walk_ins_is_booked_by_nobody() {
    let world = shared();
    let walk_in = by(Channel::WalkIn, wish(1, TOWN, EXAM, start(DATE, "10:30")));
    let never = Release { opens_at: None, late: false };
    assert_eq!(refused(world.core.book(&walk_in)), Refusal::NotReleased(never));
    assert_eq!(free(&world, Channel::WalkIn, EXAM), Vec::<String>::new());
    for n in 0..60 {
        let channel = if n % 2 == 0 { Channel::Web } else { Channel::Kiosk };
        world.core.book(&by(channel, wish(n, TOWN, PERMIT, span(DATE, DATE))));
    }
    let unclaimed: u32 =
        town(&world, DATE).words().iter().map(|word| u32::from(word.unclaimed().len())).sum();
    assert_eq!(unclaimed, share(&world, Channel::WalkIn));
}

#[test]
fn an_office_without_a_share_for_the_kiosk_never_opens_to_it() {
    let world = World::with(&[SHARES, KIOSK_RELEASE]);
    let offices = |channel| {
        let of = |record: talon_ledger::record::Record| match record.fact {
            Fact::Released { channel: to, offices, .. } if to == channel => offices,
            _ => Vec::new(),
        };
        let mut offices: Vec<_> = facts(&world.disk).into_iter().flat_map(of).collect();
        offices.sort_unstable();
        offices.dedup();
        offices
    };
    assert_eq!(offices(Channel::Web).len(), 2);
    assert_eq!(offices(Channel::Kiosk), [TOWN]);
    assert_eq!(offices(Channel::WalkIn), []);
}

#[test]
fn a_day_that_is_shared_from_now_on_opens_to_the_kiosk_at_once() {
    let world = World::new();
    let world = world.reopen_with(authority(&[SHARES])).expect("it opens again");
    world.settle();
    assert!(!town(&world, "2026-12-08").is_released(PERMIT, Channel::Kiosk), "it is the web's");
    world.pass(36 * HOUR);
    let shared_day = town(&world, "2026-12-10");
    assert!(!shared_day.is_released(PERMIT, Channel::Kiosk));
    world.pass(12 * HOUR);
    assert!(shared_day.is_released(PERMIT, Channel::Kiosk));
}

#[test]
fn a_demonstration_opens_its_dates_to_the_web_alone() {
    let clock = ManualClock::new(utc(START));
    let mut start_with = setup(&SimDisk::new(), &authority(&[SHARES]), &clock, &SMALL_JOURNAL);
    start_with.release_in_micros = Some(30 * SECOND);
    let (core, _) = Core::open(start_with).expect("an empty disk opens");
    core.keep();
    clock.advance_micros(30 * SECOND);
    core.keep();
    let day = core.state().day(&day(TOWN, "2026-12-09")).expect("it exists");
    let is_open = |channel| day.is_released(EXAM, channel);
    assert_eq!(Channel::ALL.map(is_open), [true, false, false]);
}

/// A journal of the shared town whose exams are open to these channels, and one booking in it.
fn journal_with(authority: &Authority, open_to: &[Channel], channel: Channel) -> SimDisk {
    let office = authority.catalogue.office(TOWN).expect("it is there");
    let shape = talon_domain::shape::day_shape(&authority.catalogue, office, date(DATE));
    let mut facts = vec![
        Fact::PolicySet(authority.policy.policy().clone()),
        Fact::DayGenerated { day: day(TOWN, DATE), shape },
    ];
    let released = |channel: &Channel| Fact::Released {
        authority: AUTHORITY,
        service: EXAM,
        channel: *channel,
        date: date(DATE),
        offices: vec![TOWN],
        late: false,
    };
    facts.extend(open_to.iter().map(released));
    facts.push(Fact::Booked(Booked {
        booking: BookingId([1; 16]),
        subject: person(1).person,
        actor: None,
        channel,
        service: EXAM,
        seat: Seat { day: day(TOWN, DATE), shift: 0, step: 0, steps: 3 },
        key: KeyHash([1; 16]),
        fingerprint: Fingerprint([1; 16]),
    }));
    journal_of(facts)
}

#[test]
fn replay_refuses_a_booking_by_a_channel_that_was_not_open_or_has_no_such_share() {
    let both = [Channel::Web, Channel::Kiosk];
    let authority = authority(&[SHARES]);
    let verdict = |open_to: &[Channel], channel| match judge(
        &journal_with(&authority, open_to, channel),
        None,
    ) {
        Ok(report) => Ok(report.is_good()),
        Err(BadJournal::Replay { source: BadReplay::Violation(violation), .. }) => Err(violation),
        Err(other) => panic!("{other:?}"),
    };
    assert!(verdict(&both, Channel::Web).expect("08:00 is the web's"));
    assert!(matches!(
        verdict(&both, Channel::Kiosk),
        Err(Violation::NotItsShare { channel: Channel::Kiosk, .. })
    ));
    let only_kiosk = verdict(&[Channel::Kiosk], Channel::Web);
    assert!(matches!(only_kiosk, Err(Violation::NotReleased { .. })), "{only_kiosk:?}");
}

/// A town with ten desks for everything and four without exams.
fn large_town() -> World {
    let line = "    { id = 1, services = [\"exam\", \"exchange\", \"permit\"] },\n";
    let desk = |id| line.replace("id = 1", &format!("id = {id}"));
    let mut desks: String = line.to_owned() + &(3..=11).map(desk).collect::<String>();
    for id in 12..=14 {
        desks += &format!("    {{ id = {id}, services = [\"exchange\", \"permit\"] }},\n");
    }
    let clock = ManualClock::new(utc(START));
    let authority = authority(&[SHARES, (line, &desks)]);
    let world = World::open(&SimDisk::new(), authority, &clock, JOURNAL);
    let world = world.expect("an empty disk opens");
    world.settle();
    world
}

/// Everybody asks for every start, half of them at the kiosk, until all are taken.
fn crowd(world: &World) {
    let clock = world.clock.clone();
    let commits = CommitThread::spawn(
        world.core.journal().clone(),
        move || clock.wall().0,
        |failure| panic!("{failure}"),
    );
    let commits = commits.expect("there are threads");
    let last = AtomicU64::new(0);
    let barrier = Barrier::new(usize::from(THREADS));
    let day = town(world, DATE);
    let starts: Vec<_> =
        day.shape().starts(PERMIT).expect("it is offered").keys().copied().collect();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (last, barrier, starts) = (&last, &barrier, &starts);
            scope.spawn(move || {
                barrier.wait();
                let channel = Channel::WITH_TIMES[usize::from(thread) % 2];
                let mut persons = (0..).map(|n| thread * 1000 + n);
                let mut wanted = starts.clone();
                wanted.rotate_left(usize::from(thread) % starts.len());
                while !wanted.is_empty() {
                    wanted.retain(|minute| {
                        let n = persons.next().expect("persons enough");
                        let wishes = Wishes::Starts(vec![(date(DATE), *minute)]);
                        let book = by(channel, wish(n, TOWN, PERMIT, wishes));
                        match world.core.book(&book).answer {
                            Answer::Booked { sequence, .. } => {
                                last.fetch_max(sequence, Ordering::Relaxed);
                                true
                            }
                            Answer::Refused(Refusal::Busy) => true,
                            Answer::Refused(Refusal::Taken { .. }) => false,
                            other => panic!("{other:?}"),
                        }
                    });
                }
            });
        }
    });
    let last = Sequence::new(last.into_inner());
    world.core.journal().wait_until_durable(last).expect("the disk works");
    commits.shutdown().expect("the disk works");
}

#[test]
fn a_crowd_over_both_channels_fills_exactly_its_shares() {
    let world = large_town();
    let shares = Channel::ALL.map(|channel| share(&world, channel));
    assert_eq!(shares.iter().sum::<u32>(), 14 * 24);
    crowd(&world);
    let sold = sold_steps(&world);
    assert_eq!(sold, BTreeMap::from([(Channel::Web, shares[0]), (Channel::Kiosk, shares[1])]));
    let report = judge(&world.disk, None).expect("no place has two owners");
    assert!(report.is_good());
    assert_eq!(report.bookings, u64::from(shares[0] + shares[1]));
    let hash = world.core.state_hash();
    assert_eq!(report.state_hash, hash);
    assert_eq!(world.reopen().core.state_hash(), hash);
}
