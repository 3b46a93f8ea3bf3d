//! Power losses and kills at any operation lose nothing that was acknowledged.

use super::*;

/// What a run saw that must not be.
#[derive(Debug, PartialEq, Eq)]
enum Violation {
    /// Acknowledged records that are gone, or other records in their place.
    Lost,
    /// The journal refuses to open after a mere crash.
    Refused(String),
}

/// The truth about one journal, over all its crashes.
struct Model {
    /// Every record that was appended and not known to be lost.
    appended: Vec<Vec<u8>>,
    /// How many of them were acknowledged.
    acknowledged: usize,
}

impl Model {
    /// Opens and compares. `Ok(None)` when the disk died while opening.
    fn open(&mut self, disk: &SimDisk, seed: u64) -> Result<Option<Journal>, Violation> {
        match open_with(disk, SMALL, seed) {
            Ok(open) => {
                let is_prefix = self.appended.starts_with(&open.bodies);
                if !is_prefix || open.bodies.len() < self.acknowledged {
                    return Err(Violation::Lost);
                }
                // Opening makes durable what it shows: from now on it counts as acknowledged.
                self.acknowledged = open.bodies.len();
                self.appended = open.bodies;
                Ok(Some(open.journal))
            }
            Err(OpenError::Journal(crate::JournalError::Disk { .. })) => Ok(None),
            Err(other) => Err(Violation::Refused(other.to_string())),
        }
    }

    /// Appends, commits and makes segments at random until the disk dies or `steps` are done.
    fn work(&mut self, journal: &Journal, random: &mut SimEntropy, steps: u64) {
        for _ in 0..steps {
            match random.below(4) {
                0 | 1 => {
                    let length = usize::try_from(random.below(3900)).expect("small");
                    let mut body = vec![0; length];
                    crate::Entropy::fill(random, &mut body).expect("always gives");
                    if append(journal, &body).is_ok() {
                        self.appended.push(body);
                    }
                }
                2 => match journal.commit_pending(1) {
                    Ok(Some(watermark)) => {
                        self.acknowledged = usize::try_from(watermark.get()).expect("small");
                        assert_eq!(self.acknowledged, self.appended.len());
                    }
                    Ok(None) => {}
                    Err(_) => return,
                },
                _ => {
                    if journal.allocate_spare().is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Several lives of one journal, each ended by a power loss or a kill at a random operation.
fn live_and_crash(seed: u64, syncs: bool) -> Result<usize, Violation> {
    let mut random = SimEntropy::new(seed);
    let mut disk = SimDisk::new();
    let mut model = Model { appended: Vec::new(), acknowledged: 0 };
    for life in 0..8 {
        disk.die_after(random.below(120));
        if let Some(journal) = model.open(&disk, seed + life)? {
            if !syncs {
                disk.without_sync();
            }
            model.work(&journal, &mut random, 150);
        }
        let power_loss = random.below(4) > 0;
        disk = if power_loss { disk.crash(random.next_u64()) } else { disk.kill() };
    }
    model.open(&disk, seed)?.expect("nothing was ordered to fail");
    Ok(model.acknowledged)
}

#[test]
fn acknowledged_records_survive_thousands_of_crashes() {
    let mut survived = 0;
    for seed in 0..400 {
        match live_and_crash(seed, true) {
            Ok(acknowledged) => survived += acknowledged,
            Err(violation) => panic!("seed {seed}: {violation:?}"),
        }
    }
    assert!(survived > 4_000, "the runs did some work: {survived} records");
}

/// The test above can fail: without the sync it does.
#[test]
fn without_the_sync_the_crashes_lose_acknowledged_records() {
    let outcomes: Vec<_> = (0..100).map(|seed| live_and_crash(seed, false)).collect();
    let lost = outcomes.iter().filter(|outcome| **outcome == Err(Violation::Lost)).count();
    let noticed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert!(lost > 10 && noticed > 50, "{lost} of 100 runs lost records, {noticed} noticed it");
}

/// A fixed life with a rotation, a torn tail and its cut, killed at each of its operations.
#[test]
fn no_single_operation_is_a_bad_moment_to_die() {
    let life = |disk: &SimDisk, model: &mut Model| -> Result<(), Violation> {
        for round in 0..3_u8 {
            let Some(journal) = model.open(disk, 5)? else { return Ok(()) };
            for step in 0..3_u8 {
                if journal.allocate_spare().is_err() {
                    return Ok(());
                }
                let body = vec![round * 16 + step; 5000];
                model.appended.push(body.clone());
                append(&journal, &body).expect("the spare is there");
                if journal.commit_pending(1).is_err() {
                    return Ok(());
                }
                model.acknowledged = model.appended.len();
            }
            drop(journal);
            // What a torn write of a batch that nobody was told of leaves behind.
            let last =
                disk.names().into_iter().rfind(|name| name.starts_with("segment")).expect("one");
            let mut contents = disk.contents(&last).expect("it exists");
            if contents[16_000] == 0 {
                contents[16_000] = 1;
                disk.put(&last, contents);
            }
        }
        Ok(())
    };
    let fresh = || (SimDisk::new(), Model { appended: Vec::new(), acknowledged: 0 });
    let (disk, mut model) = fresh();
    assert_eq!(life(&disk, &mut model), Ok(()));
    let operations = disk.operations();
    assert!(operations > 100, "{operations}");
    for last_operation in 0..operations {
        for seed in 0..6 {
            let (disk, mut model) = fresh();
            disk.die_after(last_operation);
            assert_eq!(life(&disk, &mut model), Ok(()), "dies after {last_operation}");
            let after = disk.crash(seed);
            let opened = model.open(&after, 6);
            assert!(matches!(opened, Ok(Some(_))), "{last_operation} {seed}: {opened:?}");
        }
    }
}

#[test]
fn what_a_kill_left_in_the_cache_is_durable_once_it_was_replayed() {
    for seed in 0..200 {
        let disk = SimDisk::new();
        let Open { journal, .. } = open(&disk);
        commit(&journal, &[b"one"]);
        append(&journal, b"two").expect("space");
        disk.fail_sync(1, std::io::ErrorKind::Interrupted);
        disk.die_after(1);
        assert!(
            journal.commit_pending(2).is_err(),
            "written, and the machine died before the sync"
        );
        let restarted = disk.kill();
        let replayed = open(&restarted).bodies;
        let after = open(&restarted.crash(seed)).bodies;
        assert_eq!(after, replayed, "seed {seed}");
    }
}

#[test]
fn the_bytes_of_a_tail_are_never_lost_while_it_is_cut() {
    let name = "segment-0000000001.talon";
    let tail = [7; 6000];
    for last_operation in 0..30 {
        for seed in 0..20 {
            let disk = SimDisk::new();
            drop(open(&disk));
            let mut contents = disk.contents(name).expect("it exists");
            contents[8192..8192 + tail.len()].copy_from_slice(&tail);
            disk.put(name, contents.clone());
            let disk = disk.kill();
            disk.die_after(last_operation);
            let _ = try_open(&disk);
            let after = disk.crash(seed);
            let in_place = after.contents(name) == Some(contents);
            let aside = after.contents("cut-1-4096.bin");
            // The tail starts where the next frame would: at the first block after the header.
            let aside =
                aside.is_some_and(|bytes| bytes.ends_with(&tail) && bytes.len() == 4096 + 6000);
            assert!(in_place || aside, "dies after {last_operation}, seed {seed}");
            assert!(try_open(&after).is_ok(), "dies after {last_operation}, seed {seed}");
        }
    }
}
