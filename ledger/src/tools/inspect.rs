//! `inspect`: records as JSON lines.
//!
//! Owns the order of reading and printing: a batch's lines leave when its end was seen, because that
//! says where the batch is. Judges nothing beyond what reading does, so that a journal that
//! `verify` refuses can be looked into. `main` calls it.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::Serialize;
use talon_domain::civil::UtcMicros;
use talon_journal::{BatchInfo, Begin, Entry, Layers, Sequence, Span, segments_present};
use talon_ledger::record::Record;

use super::json::{FactView, Text, moment};
use super::places::Places;
use super::selection::{Kind, Selection};
use super::{Source, Stop, progress_bar_beside_output, quiet_when_closed, read};

/// One line: the record, then its batch, then the fact. Where the batch is is unknown when its end
/// could not be read.
#[derive(Serialize)]
struct Line {
    sequence: u64,
    at: Text<jiff::Timestamp>,
    kind: Kind,
    committed_at: Text<jiff::Timestamp>,
    segment: Option<u64>,
    offset: Option<u64>,
    #[serde(flatten)]
    fact: FactView,
}

/// Prints the records of a journal that `selection` wants, from the first segment that is there.
pub(crate) fn run(source: &Source, selection: Selection) -> anyhow::Result<()> {
    let disk = source.open()?;
    tell_beginning(&disk)?;
    let span = Span { begin: Begin::Present, through: None };
    let stdout = io::stdout().lock();
    let is_watched = stdout.is_terminal();
    let mut inspection = Inspection {
        selection,
        places: Places::default(),
        batch: Vec::new(),
        shown: 0,
        output: BufWriter::new(stdout),
        is_watched,
    };
    let read = read(source, &disk, &span, &progress_bar_beside_output(), |entry| match entry {
        Entry::Record { sequence, at_micros, body } => {
            inspection.record(sequence, UtcMicros(at_micros), body)
        }
        Entry::Batch(batch) => inspection.end_batch(&batch),
    });
    // What was read before damage was found is shown, the records just before it above all.
    let printed = inspection.print_batch(None).and_then(|()| inspection.output.flush());
    read?;
    quiet_when_closed(printed)
}

/// Says when the first records are elsewhere: what is shown of bookings that they made lacks its place.
fn tell_beginning(disk: &Layers) -> anyhow::Result<()> {
    match segments_present(disk)?.first() {
        Some(first) if first.get() > 1 => {
            let _ = writeln!(
                io::stderr(),
                "talon-ledger: the segments before {first} are not here; --archive shows them"
            );
        }
        _ => {}
    }
    Ok(())
}

struct Inspection<'a> {
    selection: Selection,
    places: Places,
    /// What is shown of the batch that is being read; as much as a batch holds.
    batch: Vec<Line>,
    shown: u64,
    output: BufWriter<StdoutLock<'a>>,
    /// Whether somebody waits for every line.
    is_watched: bool,
}

impl Inspection<'_> {
    fn record(
        &mut self,
        sequence: Sequence,
        committed_at: UtcMicros,
        body: &[u8],
    ) -> Result<(), Stop> {
        let Record { at, fact } = Record::decode(body)?;
        if !self.selection.is_full(self.shown)
            && self.selection.wants(sequence, &fact, &self.places)
        {
            self.shown += 1;
            self.batch.push(Line {
                sequence: sequence.get(),
                at: moment(at),
                kind: Kind::from(&fact),
                committed_at: moment(committed_at),
                segment: None,
                offset: None,
                fact: FactView::new(&fact, &self.places),
            });
        }
        self.places.absorb(fact);
        Ok(())
    }

    fn end_batch(&mut self, batch: &BatchInfo) -> Result<(), Stop> {
        self.print_batch(Some(batch)).map_err(Stop::Output)?;
        if self.selection.ends(batch.last_sequence(), self.shown) {
            return Err(Stop::Enough);
        }
        Ok(())
    }

    fn print_batch(&mut self, batch: Option<&BatchInfo>) -> io::Result<()> {
        for mut line in self.batch.drain(..) {
            line.segment = batch.map(|batch| batch.segment.get());
            line.offset = batch.map(|batch| batch.offset);
            serde_json::to_writer(&mut self.output, &line)?;
            self.output.write_all(b"\n")?;
        }
        if self.is_watched { self.output.flush() } else { Ok(()) }
    }
}
