//! Reads a log of one kind into a trace.
//!
//! Owns what tells visitors apart while a log is read: their marks (addresses, cookies) are hashed with
//! a key that is drawn anew for each import and never leaves it. Called by the binary.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use clap::ValueEnum;
use http::Method;
use jiff::Timestamp;

use super::scrub::ask;
use super::{Entry, MAX_ENTRIES, MAX_VISITORS, combined, goreplay, har};

/// Largest log that is read, in bytes.
pub const MAX_LOG_BYTES: u64 = 1 << 30;

/// The kinds of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The Combined Log Format of web servers.
    Combined,
    /// An HTTP Archive, as browsers save it.
    Har,
    /// A file of `GoReplay`.
    Goreplay,
}

/// A request as a log has it.
pub(super) struct Recorded<'a> {
    pub(super) at: Timestamp,
    /// What tells its sender from others: never kept.
    pub(super) mark: &'a str,
    pub(super) method: Method,
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
}

/// What became of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests in the trace.
    pub kept: usize,
    /// Requests that are no call of the API and no page.
    pub others: usize,
    /// Lines or pieces that are no request.
    pub unreadable: usize,
    /// Requests beyond [`MAX_ENTRIES`].
    pub too_many: usize,
}

/// A log being read.
pub struct Import {
    hasher: RandomState,
    max_entries: usize,
    max_visitors: u32,
    visitors: HashMap<u64, u32>,
    entries: Vec<(Timestamp, Entry)>,
    first: Option<jiff::civil::Date>,
    summary: Summary,
}

impl Import {
    /// Reads a whole log; gives the trace, in the order of time, and what was left out.
    #[must_use]
    pub fn read(kind: Kind, log: &[u8]) -> (Vec<Entry>, Summary) {
        Self::read_up_to(MAX_ENTRIES, MAX_VISITORS, kind, log)
    }

    /// The same with bounds of its own.
    pub(super) fn read_up_to(
        max_entries: usize,
        max_visitors: u32,
        kind: Kind,
        log: &[u8],
    ) -> (Vec<Entry>, Summary) {
        let mut import = Self {
            hasher: RandomState::new(),
            max_entries,
            max_visitors,
            visitors: HashMap::new(),
            entries: Vec::new(),
            first: None,
            summary: Summary::default(),
        };
        match kind {
            Kind::Combined => combined::read(log, &mut import),
            Kind::Har => har::read(log, &mut import),
            Kind::Goreplay => goreplay::read(log, &mut import),
        }
        import.finish()
    }

    pub(super) fn unreadable(&mut self) {
        self.summary.unreadable += 1;
    }

    pub(super) fn request(&mut self, recorded: &Recorded<'_>) {
        let date = recorded.at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let first = *self.first.get_or_insert(date);
        let Some(ask) = ask(&recorded.method, recorded.target, recorded.body, first) else {
            self.summary.others += 1;
            return;
        };
        if self.entries.len() >= self.max_entries {
            self.summary.too_many += 1;
            return;
        }
        let mark = self.hasher.hash_one(recorded.mark);
        let next = u32::try_from(self.visitors.len()).unwrap_or(u32::MAX);
        // Past the bound visitors share numbers, and are not remembered.
        let visitor = if next < self.max_visitors {
            *self.visitors.entry(mark).or_insert(next)
        } else {
            let shared = u32::try_from(mark % u64::from(self.max_visitors)).unwrap_or_default();
            self.visitors.get(&mark).copied().unwrap_or(shared)
        };
        self.entries.push((recorded.at, Entry { at_ms: 0, visitor, ask }));
    }

    fn finish(mut self) -> (Vec<Entry>, Summary) {
        self.entries.sort_by_key(|(at, _)| *at);
        let begins = self.entries.first().map_or(Timestamp::UNIX_EPOCH, |(at, _)| *at);
        let entries: Vec<Entry> = self
            .entries
            .into_iter()
            .map(|(at, entry)| {
                let after = at.duration_since(begins).as_millis();
                Entry { at_ms: u64::try_from(after).unwrap_or_default(), ..entry }
            })
            .collect();
        let summary = Summary { kept: entries.len(), ..self.summary };
        (entries, summary)
    }
}
