//! The parsers of the journal: their fuzz corpus, and random changes of it, in every test run.

#[path = "../../fuzz/checks/changes.rs"]
mod changes;
#[path = "../../fuzz/checks/ledger.rs"]
mod checks;

use talon_ledger::record::Record;

#[test]
fn a_record_is_read_as_it_would_be_written_or_refused_whatever_was_changed() {
    changes::check("record", checks::record);
    let read = changes::corpus("record").into_iter().flat_map(|bytes| Record::decode(&bytes));
    assert!(read.count() >= 10, "the corpus holds facts of most kinds");
}

#[test]
fn a_journal_shows_a_beginning_of_what_was_committed_whatever_was_written_over_it() {
    changes::check("journal", checks::journal);
}
