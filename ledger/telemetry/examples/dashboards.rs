//! Writes the dashboards into a directory.

use std::path::PathBuf;

use talon_telemetry::dashboards::{ALL, render};

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("grafana/dashboards"), PathBuf::from);
    for dashboard in ALL {
        std::fs::write(directory.join(format!("{}.json", dashboard.uid)), render(dashboard))?;
    }
    Ok(())
}
