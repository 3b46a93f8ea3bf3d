//! The parsers of the journal and of connections: their fuzz corpus, and random changes of it, in every test run.

#[path = "../../fuzz/checks/changes.rs"]
mod changes;
#[path = "../../fuzz/checks/ledger.rs"]
mod checks;

use bytes::BytesMut;
use talon_ledger::record::Record;
use talon_wire::frame::{self, FromClient, FromServer};
use talon_wire::hello::MAGIC;

#[test]
fn a_record_is_read_as_it_would_be_written_or_refused_whatever_was_changed() {
    changes::check("record", checks::record);
    let read = changes::corpus("record").into_iter().flat_map(|bytes| Record::decode(&bytes));
    assert!(read.count() >= 10, "the corpus holds facts of most kinds");
}

#[test]
fn frames_and_hellos_are_read_as_they_would_be_written_in_whatever_pieces_whatever_was_changed() {
    changes::check("frames", checks::frames);
    let corpus = changes::corpus("frames");
    let is_read = |bytes: &Vec<u8>| {
        let mut received = BytesMut::from(bytes.as_slice());
        let from_client = frame::take::<FromClient>(&mut received.clone());
        let from_server = frame::take::<FromServer>(&mut received);
        matches!(from_client, Ok(Some(_))) || matches!(from_server, Ok(Some(_)))
    };
    let hellos = corpus.iter().filter(|bytes| bytes.starts_with(&MAGIC)).count();
    assert!(corpus.iter().filter(|bytes| is_read(bytes)).count() >= 8 && hellos >= 2);
}

#[test]
fn a_journal_shows_a_beginning_of_what_was_committed_whatever_was_written_over_it() {
    changes::check("journal", checks::journal);
}
