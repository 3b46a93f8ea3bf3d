//! One sync of the disk, alone: the floor under every durable answer.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::Sample;

const BLOCK_BYTES: usize = 4096;
/// A file of 16 MiB, filled before and then written round and round.
const BLOCKS: u64 = 4096;

/// Blocks of 4 KiB into a file that was filled before, each with `fdatasync`.
pub(crate) fn syncs(folder: &Path, seconds: u64) -> Result<Sample> {
    let file = OpenOptions::new().write(true).create_new(true).open(folder.join("blocks"))?;
    let block = [0xA5; BLOCK_BYTES];
    for at in 0..BLOCKS {
        file.write_all_at(&block, at * BLOCK_BYTES as u64).context("filling a file")?;
    }
    file.sync_all().context("syncing a file")?;
    let mut micros: Vec<u64> = Vec::new();
    let started = Instant::now();
    while started.elapsed().as_secs() < seconds {
        let at = micros.len() as u64 % BLOCKS;
        let before = Instant::now();
        file.write_all_at(&block, at * BLOCK_BYTES as u64).context("writing a block")?;
        file.sync_data().context("syncing a block")?;
        micros.push(u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    let took = started.elapsed();
    micros.sort_unstable();
    let percentile = |percent: usize| micros[(micros.len() - 1) * percent / 100];
    Ok(Sample {
        requests: micros.len() as u64,
        seconds: took.as_secs_f64(),
        cpu_us: None,
        redis_cpu_us: None,
        p50_us: Some(percentile(50)),
        p99_us: Some(percentile(99)),
    })
}
