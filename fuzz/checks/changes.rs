//! A target's corpus, and random changes of it, for tests that need no fuzzer.
//!
//! Included by the tests of the crates whose parsers are checked.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// Changed inputs for each target.
const CASES: u32 = 2000;

#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Remove(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let some = proptest::collection::vec(any::<u8>(), 1..20);
    prop_oneof![
        4 => (any::<Index>(), 1..=255_u8).prop_map(|(place, bits)| Change::Flip(place, bits)),
        1 => any::<Index>().prop_map(Change::Cut),
        2 => any::<Index>().prop_map(Change::Remove),
        2 => (any::<Index>(), some).prop_map(|(place, bytes)| Change::Insert(place, bytes)),
        1 => any::<(Index, Index)>().prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let place = |index: &Index| index.index(bytes.len() + 1);
    match change {
        Change::Insert(at, new) => {
            let at = place(at);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Cut(at) => bytes.truncate(place(at)),
        Change::Repeat(from, to) => {
            let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
            let part = bytes[from..to].to_vec();
            bytes.splice(to..to, part);
        }
        Change::Flip(..) | Change::Remove(_) if bytes.is_empty() => {}
        Change::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Change::Remove(at) => {
            bytes.remove(at.index(bytes.len()));
        }
    }
}

/// The files of a target's corpus.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("the target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it lists").path()).collect();
    paths.sort();
    assert!(paths.len() >= 3, "the corpus of {target} is no corpus");
    paths.iter().map(|path| std::fs::read(path).expect("it reads")).collect()
}

/// Runs a check over a target's corpus, and over random changes of it.
pub(crate) fn check(target: &str, check: impl Fn(&[u8])) {
    let corpus = corpus(target);
    for bytes in &corpus {
        check(bytes);
    }
    let changed = (any::<Index>(), proptest::collection::vec(change(), 1..6));
    let mut runner = TestRunner::new(Config { cases: CASES, ..Config::default() });
    let ran = runner.run(&changed, |(which, changes)| {
        let mut bytes = which.get(&corpus).clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        check(&bytes);
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{target}: {failure}"));
}
