//! What `talon-loadtest kill` can be told. Must not start anything. Called by the binary and by the
//! rounds.

use std::path::PathBuf;

use clap::Args;

use crate::gateway::Launch;

/// Settings of the gateway under test. Everybody comes from one address and asks without a pause,
/// which a gateway for the public slows down until nothing is under way; and segments of the smallest
/// size let some kills fall on the change from one to the next.
const SETTINGS: &[&str] = &[
    "admission.logins_per_second=100000",
    "admission.write_burst=60",
    "journal.segment_bytes=8388608",
];

/// The command line of the kill test.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many times the gateway is killed and looked at.
    #[arg(long, default_value_t = 20)]
    pub rounds: u32,
    /// The program `talon`, a demo build.
    #[arg(long, value_name = "PATH")]
    pub talon: PathBuf,
    /// The program `talon-ledger`.
    #[arg(long, value_name = "PATH")]
    pub ledger: PathBuf,
    /// Where the data directory, the gateway's log and the list of confirmations go. Created, or
    /// emptied if an earlier kill test made it.
    #[arg(long, value_name = "DIR", default_value = "talon-kill")]
    pub work_dir: PathBuf,
    /// Keep limits and proofs in this Redis instead of in the process.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// How many clients book at once.
    #[arg(long, default_value_t = 24)]
    pub clients: usize,
    /// Seed of all random choices of this program; a fresh one, printed, when not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The first synthetic person; everybody books at most once in a run.
    #[arg(long, default_value_t = 0)]
    pub first_person: u32,
}

impl Options {
    /// The gateway's data directory, kept across the rounds.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.launch().data_dir()
    }

    /// How the gateway is started.
    #[must_use]
    pub fn launch(&self) -> Launch {
        Launch {
            talon: self.talon.clone(),
            work_dir: self.work_dir.clone(),
            config: None,
            redis: self.redis.clone(),
            certificate: None,
            settings: SETTINGS.iter().map(|&setting| setting.to_owned()).collect(),
            release_in: None,
        }
    }

    /// One past the last synthetic person.
    #[must_use]
    pub fn end_of_persons(&self) -> u32 {
        crate::client::MAX_PEOPLE
    }
}
