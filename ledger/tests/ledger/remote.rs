//! What holds on a connection beyond the ledger's rules: who is let in, what is too much, how it
//! ends, and whose journal it is.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use talon_journal::simulation::SimDisk;
use talon_ledger::serve::{Bounds, digests};
use talon_ledger_client::{ConnectError, MAX_IN_FLIGHT, Remote, Settings};
use talon_wire::frame::{self, FrameRefusal, FromServer, MAX_REQUEST_BYTES};
use talon_wire::hello::{
    self, ClientHello, ClientId, HelloRefusal, Mode, PREFIX_BYTES, Prefix, ServerHello,
};
use talon_wire::{Answer, Book, Command, Ledger as _, Refusal};

use crate::fixture::{AUTHORITY, EXAM, TOWN, authority, person, start, wish};
use crate::served::{Certificates, JOURNAL, NAME, Running, client, remote, runtime};

/// The end of a test that would hang.
const PATIENCE: Duration = Duration::from_secs(30);
const CLIENT: ClientId = ClientId([0xc1; 16]);

fn exam(n: u16) -> Book {
    wish(n, TOWN, EXAM, start("2026-12-02", "08:30"))
}

fn find(book: &Book) -> Command {
    Command::Find { caller: book.caller, key: book.key, fingerprint: book.fingerprint }
}

/// A connection whose every byte a test writes.
struct Raw {
    stream: TcpStream,
    received: BytesMut,
}

impl Raw {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a duration");
        Self { stream, received: BytesMut::new() }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it is open");
    }

    fn hello(mode: Mode, incarnation: u64) -> Vec<u8> {
        let (build, files) = (String::new(), Vec::new());
        hello::encode(&ClientHello { mode, client: CLIENT, incarnation, build, files })
    }

    /// Says hello, and hears one.
    fn greet(&mut self, incarnation: u64) -> ServerHello {
        self.say(&Self::hello(Mode::Demo, incarnation));
        self.hear_hello()
    }

    fn hear_hello(&mut self) -> ServerHello {
        let mut prefix = [0; PREFIX_BYTES];
        self.stream.read_exact(&mut prefix).expect("a hello");
        let prefix = Prefix::decode(&prefix).expect("a hello");
        let mut body = vec![0; prefix.length];
        self.stream.read_exact(&mut body).expect("a hello");
        prefix.body(&body).expect("a hello")
    }

    fn ask(&mut self, id: u64, command: &Command) {
        let mut bytes = BytesMut::new();
        frame::put_request(&mut bytes, id, None, command).expect("it is short");
        self.say(&bytes);
    }

    /// The next frame that is not the ledger's health; nothing when the connection ended.
    fn hear(&mut self) -> Option<FromServer> {
        loop {
            match frame::take(&mut self.received).expect("a frame") {
                Some(FromServer::Health(_)) => {}
                Some(frame) => return Some(frame),
                None => {
                    let mut bytes = [0; 4096];
                    let count = self.stream.read(&mut bytes).unwrap_or(0);
                    if count == 0 {
                        return None;
                    }
                    self.received.extend_from_slice(&bytes[..count]);
                }
            }
        }
    }
}

#[track_caller]
fn is_welcome(said: &ServerHello) {
    assert!(
        matches!(said, ServerHello::Welcome(welcome) if welcome.journal == JOURNAL),
        "{said:?}"
    );
}

#[test]
fn whoever_is_not_meant_is_told_why_and_let_go() {
    let running = Running::new();
    let server = running.serve(None, Bounds::default());
    let other = |bytes: &[u8]| {
        let mut raw = Raw::connect(server.address());
        raw.say(bytes);
        let said = raw.hear_hello();
        assert_eq!(raw.hear(), None, "the connection ends");
        said
    };
    let production = Raw::hello(Mode::Production, 1);
    let refused = ServerHello::Refused;
    assert_eq!(other(&production), refused(HelloRefusal::Mode(Mode::Demo)));
    let mut newer = Raw::hello(Mode::Demo, 1);
    newer[8] = 99;
    assert_eq!(other(&newer), refused(HelloRefusal::Version));
    let mut garbled = Raw::hello(Mode::Demo, 1);
    garbled[PREFIX_BYTES] = 7;
    assert_eq!(other(&garbled), refused(HelloRefusal::Malformed));
    // To something else nothing is said.
    let mut raw = Raw::connect(server.address());
    raw.say(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(raw.hear(), None);
    server.stop();
}

#[test]
fn a_connection_over_the_bound_is_told_so() {
    let running = Running::new();
    let server = running.serve(None, Bounds { connections: 1, ..Bounds::default() });
    let mut first = Raw::connect(server.address());
    is_welcome(&first.greet(1));
    let mut second = Raw::connect(server.address());
    assert_eq!(second.greet(2), ServerHello::Refused(HelloRefusal::Busy));
    first.ask(1, &Command::Session(person(1)));
    assert!(matches!(first.hear(), Some(FromServer::Answer { id: 1, .. })));
    drop(first);
    server.stop();
}

#[test]
fn a_request_over_the_bound_is_answered_busy_at_once_and_the_others_later() {
    let (running, gate) = Running::gated();
    let server = running.serve(None, Bounds { in_flight: 2, ..Bounds::default() });
    let mut raw = Raw::connect(server.address());
    is_welcome(&raw.greet(1));
    let closed = gate.close();
    for (id, n) in [(1, 1), (2, 2), (3, 3)] {
        let book = wish(
            n,
            TOWN,
            EXAM,
            start("2026-12-02", ["08:00", "08:30", "09:00"][usize::from(n) - 1]),
        );
        raw.ask(id, &Command::Book(book));
    }
    let busy = Answer::Refused(Refusal::Busy);
    assert_eq!(raw.hear(), Some(FromServer::Answer { id: 3, answer: busy }));
    drop(closed);
    let mut answered: Vec<u64> = (0..2)
        .map(|_| match raw.hear() {
            Some(FromServer::Answer { id, answer: Answer::Booked { .. } }) => id,
            other => panic!("{other:?}"),
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, [1, 2]);
    drop(raw);
    server.stop();
}

#[test]
fn what_is_no_request_ends_the_connection_with_the_reason() {
    let running = Running::new();
    let server = running.serve(None, Bounds::default());
    let long = u32::try_from(MAX_REQUEST_BYTES + 1).expect("it is short").to_le_bytes();
    let mut junk = BytesMut::new();
    frame::put_closing(&mut junk);
    for (incarnation, bytes, refusal) in
        [(1, &long[..], FrameRefusal::TooLong), (2, &junk[..], FrameRefusal::Malformed)]
    {
        let mut raw = Raw::connect(server.address());
        is_welcome(&raw.greet(incarnation));
        raw.say(bytes);
        assert_eq!(raw.hear(), Some(FromServer::Refused(refusal)));
        assert_eq!(raw.hear(), None);
    }
    server.stop();
}

#[test]
fn whoever_says_nothing_is_let_go() {
    let running = Running::new();
    let short = Duration::from_millis(20);
    let server = running.serve(None, Bounds { hello: short, idle: short, ..Bounds::default() });
    assert_eq!(Raw::connect(server.address()).hear(), None);
    let mut raw = Raw::connect(server.address());
    is_welcome(&raw.greet(1));
    assert_eq!(raw.hear(), Some(FromServer::Refused(FrameRefusal::Idle)));
    assert_eq!(raw.hear(), None);
    server.stop();
}

#[test]
fn what_an_earlier_connection_holds_back_is_never_decided_after_the_later_one_asked() {
    let running = Running::new();
    let server = running.serve(None, Bounds::default());
    let mut earlier = Raw::connect(server.address());
    is_welcome(&earlier.greet(1));
    let mut book = BytesMut::new();
    frame::put_request(&mut book, 1, None, &Command::Book(exam(1))).expect("it is short");
    let (head, tail) = book.split_at(50);
    earlier.say(head);
    let mut later = Raw::connect(server.address());
    is_welcome(&later.greet(2));
    // The rest arrives, too late.
    let _may_be_closed = earlier.stream.write_all(tail);
    assert_eq!(earlier.hear(), None);
    later.ask(1, &find(&exam(1)));
    let not_found = Answer::Refused(Refusal::NotFound);
    assert_eq!(later.hear(), Some(FromServer::Answer { id: 1, answer: not_found }));
    // And one that comes after a later one is not let in.
    let mut late = Raw::connect(server.address());
    assert_eq!(late.greet(1), ServerHello::Refused(HelloRefusal::Superseded));
    drop(later);
    server.stop();
}

#[test]
fn a_stop_answers_what_is_under_way_and_lets_nobody_in() {
    let (running, gate) = Running::gated();
    let server = running.serve(None, Bounds::default());
    let mut raw = Raw::connect(server.address());
    is_welcome(&raw.greet(1));
    let closed = gate.close();
    raw.ask(1, &Command::Book(exam(1)));
    gate.wait_for_a_sync();
    let address = server.address();
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(raw.hear(), Some(FromServer::Closing));
    drop(closed);
    assert!(matches!(
        raw.hear(),
        Some(FromServer::Answer { id: 1, answer: Answer::Booked { .. } })
    ));
    drop(raw);
    stopping.join().expect("no panic");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_client_finishes_its_calls_when_the_ledger_stops() {
    let (running, gate) = Running::gated();
    let server = running.serve(None, Bounds::default());
    let runtime = runtime();
    let remote = remote(&runtime, client(server.address(), None));
    runtime.block_on(remote.welcome()).expect("it is there");
    let closed = gate.close();
    let booking = remote.call(Command::Book(exam(1)));
    // The call is on its way before the server is told to stop.
    let stopping = runtime.block_on(async {
        tokio::task::spawn_blocking(move || {
            gate.wait_for_a_sync();
            let stopping = std::thread::spawn(move || server.stop());
            drop(closed);
            stopping
        })
        .await
        .expect("no panic")
    });
    assert!(matches!(runtime.block_on(booking), Answer::Booked { .. }));
    // The client leaves by itself once it has its answers; then nobody is there any more.
    runtime.block_on(async {
        let stopped = tokio::task::spawn_blocking(move || stopping.join());
        stopped.await.expect("no panic").expect("no panic");
    });
    let after = runtime.block_on(remote.call(Command::Session(person(1))));
    assert_eq!(after, Answer::Refused(Refusal::Unavailable));
}

#[test]
fn only_certificates_of_the_right_authorities_and_the_right_name_meet() {
    let running = Running::new();
    let (ours, others) = (Certificates::new(), Certificates::new());
    let server = running.serve(Some(ours.server()), Bounds::default());
    let runtime = runtime();
    let meets = |tls| {
        let settings = Settings { ..client(server.address(), tls) };
        let remote = remote(&runtime, settings);
        match runtime.block_on(remote.call(Command::Session(person(1)))) {
            Answer::SessionLive => true,
            Answer::Refused(Refusal::Unavailable) => false,
            other => panic!("{other:?}"),
        }
    };
    assert!(meets(Some(ours.client("gateway", NAME))));
    assert!(!meets(Some(ours.client("gateway", "another.test"))), "another name");
    assert!(!meets(Some(ours.client("ledger", NAME))), "a certificate of another authority");
    assert!(!meets(Some(others.client("gateway", NAME))), "another ledger than was meant");
    assert!(!meets(None), "no TLS");
    server.stop();
}

#[test]
fn without_a_ledger_calls_are_refused_and_health_says_so() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.local_addr().expect("it is bound")
    };
    let runtime = runtime();
    let remote = remote(&runtime, client(address, None));
    let answer = runtime.block_on(remote.call(Command::Book(exam(1))));
    assert_eq!(answer, Answer::Refused(Refusal::Unavailable));
    let health = remote.health();
    assert!(!health.is_ready());
    let said = health.checks[0].1.to_string();
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn more_calls_than_the_bound_are_refused_as_busy() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    // Nobody runs the driver, so nothing is ever answered.
    let (remote, _driver) = Remote::new(client(address, None), CLIENT);
    let calls: Vec<_> =
        (0..MAX_IN_FLIGHT).map(|_| remote.call(Command::Session(person(1)))).collect();
    let runtime = runtime();
    let over = runtime.block_on(remote.call(Command::Session(person(1))));
    assert_eq!(over, Answer::Refused(Refusal::Busy));
    drop(calls);
}

#[test]
fn a_gateway_of_another_mode_learns_that_no_retry_will_help() {
    let running = Running::new();
    let server = running.serve(None, Bounds::default());
    let runtime = runtime();
    let settings = Settings { mode: Mode::Production, ..client(server.address(), None) };
    let remote = remote(&runtime, settings);
    let error = runtime.block_on(remote.welcome()).expect_err("they do not fit");
    assert!(matches!(error, ConnectError::Refused(HelloRefusal::Mode(Mode::Demo))), "{error}");
    server.stop();
}

#[test]
fn a_welcome_names_the_files_that_are_in_force_then() {
    let running = Running::new();
    let server = running.serve(None, Bounds::default());
    let runtime = runtime();
    let later = authority(&[("max = 4", "max = 2")]);
    let differing = |files| {
        let remote = remote(&runtime, Settings { files, ..client(server.address(), None) });
        runtime.block_on(remote.welcome()).expect("it is there");
        remote.differing_files()
    };
    let [before, after] = [&authority(&[]), &later].map(|files| digests([files]));
    assert!(differing(before.clone()).is_empty());
    running.ledger.core().reload(vec![later]).expect("nothing is displaced");
    assert!(differing(after).is_empty());
    assert_eq!(differing(before), [AUTHORITY]);
    server.stop();
}

#[test]
fn a_ledger_with_another_journal_than_the_first_is_refused() {
    let running = Running::on(&SimDisk::new());
    let server = running.serve(None, Bounds::default());
    let runtime = runtime();
    let settings = client(server.address(), None);
    settings.journal.set("another".to_owned()).expect("it is new");
    let remote = remote(&runtime, Settings { journal: Arc::clone(&settings.journal), ..settings });
    let error = runtime.block_on(remote.welcome()).expect_err("it is another");
    assert!(matches!(error, ConnectError::OtherJournal { .. }), "{error}");
    let answer = runtime.block_on(remote.call(Command::Book(exam(1))));
    assert_eq!(answer, Answer::Refused(Refusal::Unavailable));
    server.stop();
}
