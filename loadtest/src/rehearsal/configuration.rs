//! The configuration file of the gateway under test, when a scenario brings its own authority.
//!
//! Always a demonstration, which listens on loopback only: load never goes anywhere else. Ports are
//! set when it is started. Called by the rehearsal.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::scenario::Scenario;

/// Its name.
const FILE: &str = "talon.toml";

/// Writes it into the work directory; nothing for the built-in authority.
pub(super) fn write(scenario: &Scenario, work_dir: &Path) -> Result<Option<PathBuf>> {
    let gateway = &scenario.gateway;
    let (Some(catalogue), Some(policy)) = (&gateway.catalogue, &gateway.policy) else {
        return Ok(None);
    };
    let absolute = |path: &Path| -> Result<toml::Value> {
        let path = path.canonicalize().with_context(|| format!("finding {}", path.display()))?;
        let text = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
        Ok(toml::Value::String(text.to_owned()))
    };
    let authority = toml::Table::from_iter([
        ("catalogue".to_owned(), absolute(catalogue)?),
        ("policy".to_owned(), absolute(policy)?),
    ]);
    let table = toml::Table::from_iter([
        ("mode".to_owned(), toml::Value::String("demo".to_owned())),
        ("authority".to_owned(), toml::Value::Array(vec![authority.into()])),
    ]);
    let file = work_dir.join(FILE);
    let file = std::path::absolute(&file).context("finding the work directory")?;
    std::fs::write(&file, table.to_string())
        .with_context(|| format!("writing {}", file.display()))?;
    Ok(Some(file))
}
