//! The rules of the ledger's trait, each against both ways to a ledger: in the process, and over a
//! connection with TLS.

#![expect(
    clippy::needless_pass_by_value,
    reason = "each rule gets a ledger of its own, and some stop it"
)]

use std::sync::Arc;

use talon_domain::ids::{Channel, Fingerprint, KeyHash};
use talon_ledger::serve::{Bounds, Server};
use talon_wire::{
    Answer, Book, BookingState, BookingView, Cancel, Command, Ledger, Place, Refusal,
};
use tokio::runtime::Runtime;

use crate::fixture::{
    AUTHORITY, EXAM, EXCHANGE, PERMIT, TOWN, date, judge, person, span, start, wish,
};
use crate::served::{Certificates, NAME, Running, client, remote, runtime};

/// One way to a running ledger.
struct Way {
    ledger: Arc<dyn Ledger>,
    runtime: Runtime,
    server: Option<Server>,
    running: Running,
}

impl Way {
    fn in_process() -> Self {
        let (running, runtime) = (Running::new(), runtime());
        let (handle, driver) = running.ledger.handle();
        runtime.spawn(driver);
        Self { ledger: Arc::new(handle), runtime, server: None, running }
    }

    fn over_a_connection() -> Self {
        let (running, runtime) = (Running::new(), runtime());
        let certificates = Certificates::new();
        let server = running.serve(Some(certificates.server()), Bounds::default());
        let tls = Some(certificates.client("gateway", NAME));
        let remote = remote(&runtime, client(server.address(), tls));
        Self { ledger: Arc::new(remote), runtime, server: Some(server), running }
    }

    fn ask(&self, command: Command) -> Answer {
        self.runtime.block_on(self.ledger.call(command))
    }

    #[track_caller]
    fn books(&self, book: &Book) -> BookingView {
        match self.ask(Command::Book(book.clone())) {
            Answer::Booked { booking, repeated: false, .. } => booking,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_refused(&self, command: Command) -> Refusal {
        match self.ask(command) {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// Stops in order; how many bookings the journal holds then.
    fn bookings_in_the_end(self) -> u64 {
        let Self { ledger, runtime, server, running } = self;
        drop((ledger, runtime));
        if let Some(server) = server {
            server.stop();
        }
        running.ledger.shutdown().expect("the disk works");
        let report = judge(&running.disk, None).expect("the journal is good");
        assert!(report.is_good());
        report.bookings
    }
}

fn exam(n: u16) -> Book {
    wish(n, TOWN, EXAM, start("2026-12-02", "08:30"))
}

fn find(book: &Book) -> Command {
    Command::Find { caller: book.caller, key: book.key, fingerprint: book.fingerprint }
}

fn town() -> Place {
    Place { authority: AUTHORITY, office: TOWN, service: EXAM }
}

fn a_booking_is_made_and_a_repeat_finds_it(way: Way) {
    let made = way.books(&exam(1));
    assert_eq!((made.office, made.service, made.state), (TOWN, EXAM, BookingState::Booked));
    let again = way.ask(Command::Book(exam(1)));
    assert!(
        matches!(&again, Answer::Booked { booking, repeated: true, .. } if *booking == made),
        "{again:?}"
    );
    let one = Command::Booking { caller: person(1), booking: made.id };
    assert_eq!(way.ask(one), Answer::Booking(made.clone()));
    assert_eq!(way.ask(Command::Bookings(person(1))), Answer::Bookings(vec![made]));
    assert_eq!(way.bookings_in_the_end(), 1);
}

fn a_key_is_good_for_one_question_only(way: Way) {
    way.books(&exam(1));
    let other = Book { fingerprint: Fingerprint([9; 16]), ..exam(1) };
    assert_eq!(way.is_refused(Command::Book(other.clone())), Refusal::KeyReused);
    assert_eq!(way.is_refused(find(&other)), Refusal::KeyReused);
}

fn a_taken_start_is_refused_with_what_is_left(way: Way) {
    way.books(&exam(1));
    let refusal = way.is_refused(Command::Book(exam(2)));
    assert!(matches!(&refusal, Refusal::Taken { free } if free.len() == 7), "{refusal:?}");
}

fn a_limit_is_held_with_its_sequence_and_keys(way: Way) {
    let made = exam(1);
    way.books(&made);
    let second = wish(1, TOWN, EXAM, start("2026-12-03", "08:30"));
    let refusal = way.is_refused(Command::Book(second));
    let Refusal::Limit { sequence, keys, .. } = refusal else { panic!("{refusal:?}") };
    assert!(sequence > 0);
    assert_eq!(keys, [made.key]);
}

fn a_cancellation_is_told_again_and_a_foreign_one_is_not_found(way: Way) {
    let made = way.books(&exam(1));
    let foreign = Command::Cancel(Cancel { caller: person(2), booking: made.id });
    assert_eq!(way.is_refused(foreign), Refusal::NotFound);
    let own = Command::Cancel(Cancel { caller: person(1), booking: made.id });
    for _ in 0..2 {
        let answer = way.ask(own.clone());
        let Answer::Cancelled(cancelled) = &answer else { panic!("{answer:?}") };
        assert_eq!((cancelled.id, cancelled.state), (made.id, BookingState::Cancelled));
    }
}

fn an_earlier_booking_is_found_under_its_key(way: Way) {
    assert_eq!(way.is_refused(find(&exam(1))), Refusal::NotFound);
    let made = way.books(&exam(1));
    let found = way.ask(find(&exam(1)));
    assert!(
        matches!(&found, Answer::Booked { booking, repeated: true, .. } if *booking == made),
        "{found:?}"
    );
    let unused = Command::Find {
        caller: person(1),
        key: KeyHash([1; 16]),
        fingerprint: Fingerprint([1; 16]),
    };
    assert_eq!(way.is_refused(unused), Refusal::NotFound);
}

fn days_and_starts_tell_what_is_free(way: Way) {
    let count = || {
        let days = way.ask(Command::Days { place: town(), channel: Channel::Web });
        let Answer::Days(days) = days else { panic!("{days:?}") };
        days.iter().find(|day| day.date == date("2026-12-02")).expect("it is open").free
    };
    let starts = || {
        let date = date("2026-12-02");
        let starts = way.ask(Command::Starts { place: town(), channel: Channel::Web, date });
        let Answer::Starts(starts) = starts else { panic!("{starts:?}") };
        assert_eq!(starts.release, None);
        starts.free.len()
    };
    assert_eq!((count(), starts()), (8, 8));
    way.books(&exam(1));
    assert_eq!((count(), starts()), (7, 7));
    let nowhere = Place { office: talon_domain::ids::OfficeId(99), ..town() };
    let nowhere = Command::Days { place: nowhere, channel: Channel::Web };
    assert_eq!(way.is_refused(nowhere), Refusal::UnknownOffice);
}

fn after_a_logout_the_session_is_refused_everything(way: Way) {
    let made = way.books(&exam(1));
    assert_eq!(way.ask(Command::Session(person(1))), Answer::SessionLive);
    for _ in 0..2 {
        assert_eq!(way.ask(Command::RevokeSession(person(1))), Answer::SessionRevoked);
    }
    let cancel = Command::Cancel(Cancel { caller: person(1), booking: made.id });
    let all = [
        Command::Session(person(1)),
        Command::Book(exam(1)),
        find(&exam(1)),
        Command::Bookings(person(1)),
        cancel,
    ];
    for command in all {
        assert_eq!(way.is_refused(command), Refusal::SessionRevoked);
    }
}

fn dropping_the_answer_does_not_undo_the_booking(way: Way) {
    drop(way.ledger.call(Command::Book(exam(1))));
    let found = way.ask(find(&exam(1)));
    assert!(matches!(found, Answer::Booked { .. }), "{found:?}");
    assert_eq!(way.bookings_in_the_end(), 1);
}

fn many_at_once_each_get_their_own_answer(way: Way) {
    const PEOPLE: u16 = 300;
    let book =
        |n| wish(n, TOWN, [PERMIT, EXCHANGE][usize::from(n % 2)], span("2026-12-02", "2026-12-08"));
    // All are under way before the first is heard, and they are heard in the other order.
    let calls: Vec<_> = (0..PEOPLE).map(|n| way.ledger.call(Command::Book(book(n)))).collect();
    let mut made = 0;
    for (n, call) in (0..PEOPLE).zip(calls).rev() {
        match way.runtime.block_on(call) {
            Answer::Booked { booking, .. } => {
                made += 1;
                assert_eq!(way.ask(Command::Bookings(person(n))), Answer::Bookings(vec![booking]));
            }
            Answer::Refused(Refusal::Taken { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((100..u64::from(PEOPLE)).contains(&made), "both answers are heard: {made}");
    assert_eq!(way.bookings_in_the_end(), made);
}

fn a_ledger_that_works_is_ready(way: Way) {
    way.ask(Command::Session(person(1)));
    let health = way.ledger.health();
    assert!(health.is_ready(), "{health:?}");
    for check in ["journal", "clock", "keeper"] {
        assert!(health.checks.iter().any(|(name, _)| name == check), "{check}: {health:?}");
    }
}

/// Each rule twice.
macro_rules! both_ways {
    ($($rule:ident,)*) => {
        mod in_process {
            $(#[test] fn $rule() { super::$rule(super::Way::in_process()); })*
        }
        mod over_a_connection {
            $(#[test] fn $rule() { super::$rule(super::Way::over_a_connection()); })*
        }
    };
}

both_ways! {
    a_booking_is_made_and_a_repeat_finds_it,
    a_key_is_good_for_one_question_only,
    a_taken_start_is_refused_with_what_is_left,
    a_limit_is_held_with_its_sequence_and_keys,
    a_cancellation_is_told_again_and_a_foreign_one_is_not_found,
    an_earlier_booking_is_found_under_its_key,
    days_and_starts_tell_what_is_free,
    after_a_logout_the_session_is_refused_everything,
    dropping_the_answer_does_not_undo_the_booking,
    many_at_once_each_get_their_own_answer,
    a_ledger_that_works_is_ready,
}
