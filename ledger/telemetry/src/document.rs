//! The table of metrics as a document.

use std::fmt::Write as _;

use crate::metric::{Kind, Label, Metric, Values};
use crate::table;

/// The document, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Written by `cargo run -p talon-telemetry --example document` from\n\
         `ledger/telemetry/src/table`; a test compares the two. A gateway shows what begins with\n\
         `gateway_`, and of the ledger what is in its process; a ledger of its own shows the rest.\n\
         Both show what begins with `talon_`.\n\
         `process_…` is what the operating system says of the process.\n\n\
         | name | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in table::ALL {
        let Metric { name, kind, help, .. } = metric;
        let labels: Vec<String> = metric.labels.iter().map(label).collect();
        writeln!(text, "| `{name}` | {} | {} | {help} |", kind.name(), labels.join("; "))
            .expect("a string grows");
    }
    text.push_str("\nUpper bounds of buckets:\n\n");
    for metric in table::ALL {
        if let Kind::Histogram(buckets) = metric.kind {
            let bounds: Vec<String> = buckets.iter().map(ToString::to_string).collect();
            writeln!(text, "- `{}`: {}", metric.name, bounds.join(", ")).expect("a string grows");
        }
    }
    text
}

fn label(label: &Label) -> String {
    match label.values {
        Values::OneOf(values) => format!("`{}`: {}", label.name, values.join(", ")),
        Values::AtMost(most, what) => format!("`{}`: {what}, at most {most}", label.name),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_says_what_the_table_says() {
        let written = include_str!("../../../docs/metrics.md");
        assert!(
            written == super::markdown(),
            "write it again: `cargo run -q -p talon-telemetry --example document > docs/metrics.md`"
        );
    }
}
