//! What becomes of calls in every order of events.

use std::sync::Arc;

use talon_domain::civil::UtcMicros;
use talon_domain::ids::{
    AuthorityId, BookingId, Channel, Fingerprint, KeyHash, OfficeId, Pseudonym, ServiceId,
    SessionId,
};
use talon_wire::frame::FromClient;
use talon_wire::{Book, Caller, Place, Subject, Visit, Wishes};
use tokio::sync::Semaphore;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

fn caller() -> Caller {
    Caller {
        authority: AuthorityId(1),
        person: Pseudonym([1; 32]),
        entity: None,
        session: SessionId([2; 16]),
        session_expires_at: UtcMicros(0),
    }
}

fn book() -> Command {
    Command::Book(Book {
        caller: caller(),
        subject: Subject::Person,
        place: Place { authority: AuthorityId(1), office: OfficeId(1), service: ServiceId(1) },
        channel: Channel::Web,
        wishes: Wishes::Starts(vec![]),
        key: KeyHash([3; 16]),
        fingerprint: Fingerprint([4; 16]),
    })
}

fn conclude() -> Command {
    let booking = BookingId([5; 16]);
    Command::Conclude {
        authority: AuthorityId(1),
        subject: talon_domain::ids::Pseudonym([2; 32]),
        booking,
        visit: Visit::Served,
    }
}

fn find() -> Command {
    let (key, fingerprint) = (KeyHash([3; 16]), Fingerprint([4; 16]));
    Command::Find { caller: caller(), key, fingerprint }
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

/// Calls, and what they would send.
struct Bench {
    calls: Calls,
    out: BytesMut,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { calls: Calls::new(DEADLINE), out: BytesMut::new(), now: Instant::now() }
    }

    fn call(&self, command: Command) -> (NewCall, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (NewCall { command, trace: None, reply, at: self.now, place }, answer)
    }

    fn send(&mut self, command: Command) -> oneshot::Receiver<Answer> {
        let (call, answer) = self.call(command);
        self.calls.send(call, &mut self.out);
        answer
    }

    fn hold(&mut self, command: Command) -> oneshot::Receiver<Answer> {
        let (call, answer) = self.call(command);
        self.calls.hold(call);
        answer
    }

    fn reconnect(&mut self) -> Vec<(u64, Command)> {
        self.calls.broken();
        self.calls.reconnected(&mut self.out);
        self.sent()
    }

    /// What was sent since the last look.
    fn sent(&mut self) -> Vec<(u64, Command)> {
        let mut sent = Vec::new();
        while let Some(frame) = frame::take(&mut self.out).unwrap() {
            let FromClient::Request { id, command, .. } = frame else { panic!("only requests") };
            sent.push((id, command));
        }
        sent
    }

    fn answer(&mut self, id: u64, answer: Answer) {
        self.calls.answered(id, answer, &mut self.out);
    }
}

#[test]
fn a_lost_booking_is_asked_for_under_its_key_before_it_is_sent_again() {
    let mut bench = Bench::new();
    let mut answer = bench.send(book());
    assert_eq!(bench.sent(), [(1, book())]);
    assert_eq!(bench.reconnect(), [(1, find())]);
    // Lost again: asked again.
    assert_eq!(bench.reconnect(), [(1, find())]);
    bench.answer(1, refused(Refusal::NotFound));
    assert_eq!(bench.sent(), [(1, book())]);
    // And the second copy is lost as well.
    assert_eq!(bench.reconnect(), [(1, find())]);
    bench.answer(1, refused(Refusal::KeyReused));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::KeyReused)));
    assert!(bench.sent().is_empty() && bench.calls.is_empty());
}

#[test]
fn whatever_is_sent_for_a_call_names_its_trace() {
    let mut bench = Bench::new();
    let trace = TraceContext::parse(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let (call, _answer) = bench.call(book());
    bench.calls.send(NewCall { trace: trace.clone(), ..call }, &mut bench.out);
    bench.calls.broken();
    bench.calls.reconnected(&mut bench.out);
    for expected in [book(), find()] {
        let sent = frame::take(&mut bench.out).unwrap();
        let trace = trace.clone();
        assert_eq!(sent, Some(FromClient::Request { id: 1, trace, command: expected }));
    }
    assert!(trace.is_some() && bench.out.is_empty());
}

#[test]
fn not_found_is_an_answer_to_whoever_asked() {
    let mut bench = Bench::new();
    let mut answer = bench.send(find());
    bench.answer(1, refused(Refusal::NotFound));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::NotFound)));
}

#[test]
fn a_busy_ledger_leaves_an_unknown_outcome_unknown() {
    let mut bench = Bench::new();
    let mut answer = bench.send(book());
    bench.reconnect();
    bench.answer(1, refused(Refusal::Busy));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::Unavailable)));
    // To a first copy it says that nothing was done.
    let mut answer = bench.send(book());
    bench.answer(2, refused(Refusal::Busy));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::Busy)));
}

#[test]
fn a_session_that_was_ended_meanwhile_leaves_an_unknown_outcome_unknown() {
    let mut bench = Bench::new();
    let mut answer = bench.send(book());
    bench.reconnect();
    bench.answer(1, refused(Refusal::SessionRevoked));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::Unavailable)));
    // To a first copy it says that nothing was done.
    let mut answer = bench.send(book());
    bench.answer(2, refused(Refusal::SessionRevoked));
    assert_eq!(answer.try_recv(), Ok(refused(Refusal::SessionRevoked)));
}

#[test]
fn what_changes_nothing_more_is_sent_again_in_the_order_of_the_calls() {
    let mut bench = Bench::new();
    let cancel =
        Command::Cancel(talon_wire::Cancel { caller: caller(), booking: BookingId([5; 16]) });
    let commands = [Command::Session(caller()), cancel, Command::RevokeSession(caller())];
    let _answers: Vec<_> = commands.iter().map(|command| bench.send(command.clone())).collect();
    let expected: Vec<_> = (1..).zip(commands).collect();
    assert_eq!(bench.sent(), expected);
    assert_eq!(bench.reconnect(), expected);
}

#[test]
fn what_may_not_be_repeated_is_unknown_when_its_connection_breaks() {
    let mut bench = Bench::new();
    let mut lost = bench.send(conclude());
    let mut unsent = bench.hold(conclude());
    bench.sent();
    assert_eq!(bench.reconnect(), [(2, conclude())], "one that was never sent is");
    assert_eq!(lost.try_recv(), Ok(refused(Refusal::Unavailable)));
    assert!(unsent.try_recv().is_err());
}

#[test]
fn without_a_connection_a_call_waits_for_the_grace_and_a_sent_one_for_its_deadline() {
    let mut bench = Bench::new();
    let mut sent = bench.send(book());
    bench.calls.broken();
    let mut held = bench.hold(book());
    let grace = bench.now + DISCONNECTED_GRACE;
    assert_eq!(bench.calls.next_expiry(), Some(grace));
    bench.calls.expire(grace - Duration::from_millis(1));
    assert!(held.try_recv().is_err());
    bench.calls.expire(grace);
    assert_eq!(held.try_recv(), Ok(refused(Refusal::Unavailable)));
    assert!(sent.try_recv().is_err());
    assert_eq!(bench.calls.next_expiry(), Some(bench.now + DEADLINE));
    bench.calls.expire(bench.now + DEADLINE);
    assert_eq!(sent.try_recv(), Ok(refused(Refusal::Unavailable)));
    assert!(bench.calls.is_empty());
    bench.answer(1, refused(Refusal::Busy));
}

#[test]
fn a_held_call_is_sent_once_there_is_a_connection_and_then_has_its_whole_deadline() {
    let mut bench = Bench::new();
    let mut held = bench.hold(book());
    assert_eq!(bench.reconnect(), [(1, book())]);
    bench.calls.expire(bench.now + DISCONNECTED_GRACE);
    assert!(held.try_recv().is_err());
    bench.answer(1, refused(Refusal::Past));
    assert_eq!(held.try_recv(), Ok(refused(Refusal::Past)));
    assert_eq!(bench.calls.next_expiry(), Some(bench.now + DEADLINE));
    bench.calls.expire(bench.now);
    assert_eq!(bench.calls.next_expiry(), None, "the answered need no deadline");
}
