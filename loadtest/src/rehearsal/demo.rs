//! The built-in scenario of `talon-loadtest demo`, so that it needs no files.
//!
//! Must not differ from `configs/scenarios/demo.toml`: it is that file. Called by the binary.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::gateway;
use crate::scenario::Scenario;

const NAME: &str = "the built-in configs/scenarios/demo.toml";
const SCENARIO: &str = include_str!("../../../configs/scenarios/demo.toml");
const CATALOGUE: &str = include_str!("../../../configs/scenarios/demo/catalogue.toml");
const POLICY: &str = include_str!("../../../configs/scenarios/demo/policy.toml");

/// The scenario; its catalogue and policy are written into a folder beside the work directory's data.
///
/// # Errors
/// When the work directory is not this program's or cannot be written.
pub fn demo(work_dir: &Path) -> Result<Scenario> {
    gateway::prepare_work_dir(work_dir)?;
    let mut scenario = Scenario::parse(NAME, SCENARIO)?;
    let write = |name: &str, text: &str| {
        let file = work_dir.join(name);
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        anyhow::Ok(file)
    };
    scenario.gateway.catalogue = Some(write("catalogue.toml", CATALOGUE)?);
    scenario.gateway.policy = Some(write("policy.toml", POLICY)?);
    Ok(scenario)
}
