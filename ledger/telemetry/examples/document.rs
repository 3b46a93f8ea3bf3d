//! Prints the table of metrics as a document, for `docs/metrics.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(talon_telemetry::document::markdown().as_bytes())
}
