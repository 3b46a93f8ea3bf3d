//! The calls of one runtime, from being made to being answered, over as many connections as it
//! takes.
//!
//! Owns who waits, until when, and what is sent for whom; time is an argument and frames are bytes,
//! so every order of events can be tested. Must not know sockets.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use talon_telemetry::table;
use talon_wire::frame;
use talon_wire::repeat::Repeat;
use talon_wire::{Answer, Command, Refusal, TraceContext};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::DISCONNECTED_GRACE;

/// A call on its way from its caller to the driver.
pub(crate) struct NewCall {
    pub(crate) command: Command,
    /// Which trace it belongs to, if any.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) reply: oneshot::Sender<Answer>,
    pub(crate) at: Instant,
    /// Its place among those that may wait.
    pub(crate) place: OwnedSemaphorePermit,
}

struct Call {
    command: Command,
    trace: Option<TraceContext>,
    reply: oneshot::Sender<Answer>,
    stage: Stage,
    _place: OwnedSemaphorePermit,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Never sent: it has not happened.
    Unsent,
    /// Sent on the present connection, or on one that broke: it may have happened.
    Sent,
    /// Sent once, and now asked for under its key.
    Asked,
}

/// All calls that wait.
pub(crate) struct Calls {
    deadline: Duration,
    waiting: HashMap<u64, Call>,
    /// In the order of their deadlines.
    deadlines: VecDeque<(Instant, u64)>,
    /// Those that wait for a connection, in the order in which they give up.
    unsent: VecDeque<(Instant, u64)>,
    next: u64,
}

impl Calls {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            waiting: HashMap::new(),
            deadlines: VecDeque::new(),
            unsent: VecDeque::new(),
            next: 1,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a call that waits for a connection.
    pub(crate) fn hold(&mut self, call: NewCall) {
        let until = call.at + DISCONNECTED_GRACE;
        let id = self.take(call);
        self.unsent.push_back((until, id));
    }

    /// Takes a call and appends what has to be sent for it.
    pub(crate) fn send(&mut self, call: NewCall, out: &mut BytesMut) {
        let id = self.take(call);
        self.put_command(id, out);
    }

    fn take(&mut self, call: NewCall) -> u64 {
        let id = self.next;
        self.next += 1;
        let NewCall { command, trace, reply, at, place } = call;
        self.deadlines.push_back((at + self.deadline, id));
        self.waiting
            .insert(id, Call { command, trace, reply, stage: Stage::Unsent, _place: place });
        id
    }

    /// The connection broke: what cannot be found out stays unknown.
    pub(crate) fn broken(&mut self) {
        let is_lost = |call: &Call| {
            call.stage != Stage::Unsent && matches!(call.command.repeat(), Repeat::Never)
        };
        let lost: Vec<u64> =
            self.waiting.iter().filter(|(_, call)| is_lost(call)).map(|(id, _)| *id).collect();
        for id in lost {
            self.finish(id, Answer::Refused(Refusal::Unavailable));
        }
    }

    /// There is a connection again: appends what has to be sent for every call, the oldest first.
    pub(crate) fn reconnected(&mut self, out: &mut BytesMut) {
        self.unsent.clear();
        let mut ids: Vec<u64> = self.waiting.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(call) = self.waiting.get_mut(&id) else { continue };
            match (call.stage, call.command.repeat()) {
                (Stage::Sent | Stage::Asked, Repeat::ByKey { caller, key, fingerprint }) => {
                    call.stage = Stage::Asked;
                    let find = Command::Find { caller, key, fingerprint };
                    let put = frame::put_request(out, id, call.trace.as_ref(), &find);
                    put.expect("a question under a key is short");
                }
                (Stage::Unsent | Stage::Sent | Stage::Asked, _) => self.put_command(id, out),
            }
        }
    }

    /// An answer came; appends what has to be sent next for that call, if anything.
    pub(crate) fn answered(&mut self, id: u64, answer: Answer, out: &mut BytesMut) {
        // A call that gave up waiting has its answer already.
        let Some(call) = self.waiting.get(&id) else { return };
        match (call.stage, &answer) {
            (Stage::Asked, Answer::Refused(Refusal::NotFound)) => {
                // No earlier connection decides any more, so it never happened.
                count_resolved("sent_again");
                self.put_command(id, out);
            }
            (Stage::Asked, Answer::Refused(Refusal::Busy | Refusal::SessionRevoked)) => {
                // "Nothing was done" holds for the question only. The session may have been ended after
                // what is asked about was done.
                self.finish(id, Answer::Refused(Refusal::Unavailable));
            }
            (Stage::Asked, _) => {
                count_resolved("found");
                self.finish(id, answer);
            }
            (Stage::Unsent | Stage::Sent, _) => self.finish(id, answer),
        }
    }

    /// Answers those that have waited for too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((until, id)) = self.unsent.front().copied().filter(|(at, _)| *at <= now) {
            debug_assert!(until <= now);
            self.unsent.pop_front();
            if self.waiting.get(&id).is_some_and(|call| call.stage == Stage::Unsent) {
                self.finish(id, Answer::Refused(Refusal::Unavailable));
            }
        }
        while let Some((at, id)) = self.deadlines.front().copied() {
            // What was answered long ago needs no deadline.
            if at > now && self.waiting.contains_key(&id) {
                break;
            }
            self.deadlines.pop_front();
            self.finish(id, Answer::Refused(Refusal::Unavailable));
        }
    }

    /// When somebody will have waited for too long.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let unsent = self.unsent.front().map(|(at, _)| *at);
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        unsent.into_iter().chain(deadline).min()
    }

    fn put_command(&mut self, id: u64, out: &mut BytesMut) {
        let Some(call) = self.waiting.get_mut(&id) else { return };
        call.stage = Stage::Sent;
        if let Err(error) = frame::put_request(out, id, call.trace.as_ref(), &call.command) {
            tracing::error!(%error, "a command does not fit a frame");
            self.finish(id, Answer::Refused(Refusal::Unavailable));
        }
    }

    fn finish(&mut self, id: u64, answer: Answer) {
        if let Some(call) = self.waiting.remove(&id) {
            // Whoever gave up waiting has dropped the receiver.
            let _ = call.reply.send(answer);
        }
    }
}

fn count_resolved(how: &'static str) {
    metrics::counter!(table::CLIENT_UNKNOWN_OUTCOMES.name, "resolved" => how).increment(1);
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
