//! Handles of series by their labels, found once on each thread.
//!
//! Looking a series up in the recorder allocates a key, hashes it and takes a lock, several times the work of
//! counting; a runtime that answers tens of thousands of requests a second does it once for each series. Must
//! not know which metrics there are. Called where the labels are known only when something has happened; where
//! they are known before, the handle itself is kept.
//!
//! As many handles are kept as there are series with these labels: label sets are closed ([`crate::table`]). The
//! recorder has to be installed before the first call on a thread, for what is found is kept.

use std::cell::RefCell;
use std::collections::HashMap;

use metrics::{Counter, Histogram, IntoF64, Label};
use rustc_hash::FxBuildHasher;

use crate::metric::Metric;

/// Most labels of a series that is counted here.
const MAX_LABELS: usize = 2;

/// A metric's name and the values of its labels, in their order. All are ours, so that a quick hash will do.
type Series = [&'static str; 1 + MAX_LABELS];

thread_local! {
    static COUNTERS: RefCell<HashMap<Series, Counter, FxBuildHasher>> = RefCell::default();
    static HISTOGRAMS: RefCell<HashMap<Series, Histogram, FxBuildHasher>> = RefCell::default();
}

/// One more of a series: the counter with these labels and their values.
pub fn count<const N: usize>(metric: Metric, labels: [(&'static str, &'static str); N]) {
    COUNTERS.with_borrow_mut(|known| {
        known
            .entry(series(metric, &labels))
            .or_insert_with(|| metrics::counter!(metric.name, owned(&labels)))
            .increment(1);
    });
}

/// One observation of a series: the histogram with these labels and their values.
pub fn observe<const N: usize>(
    metric: Metric,
    labels: [(&'static str, &'static str); N],
    value: impl IntoF64,
) {
    HISTOGRAMS.with_borrow_mut(|known| {
        known
            .entry(series(metric, &labels))
            .or_insert_with(|| metrics::histogram!(metric.name, owned(&labels)))
            .record(value);
    });
}

fn series<const N: usize>(metric: Metric, labels: &[(&'static str, &'static str); N]) -> Series {
    const { assert!(N <= MAX_LABELS) };
    let mut series = [metric.name, "", ""];
    for (place, (_, value)) in series[1..].iter_mut().zip(labels) {
        *place = value;
    }
    series
}

fn owned(labels: &[(&'static str, &'static str)]) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::from_static_parts(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::table;

    #[test]
    fn each_series_counts_for_itself() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let shown = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        for (kind, class, times) in [("book", "2xx", 3), ("book", "4xx", 2), ("read", "2xx", 1)] {
            for _ in 0..times {
                count(table::RESPONSES, [("kind", kind), ("status", class)]);
                observe(table::REQUEST_DURATION, [("kind", kind)], 0.5);
            }
        }
        let page = shown.render();
        let name = table::RESPONSES.name;
        for line in [
            format!("{name}{{kind=\"book\",status=\"2xx\"}} 3\n"),
            format!("{name}{{kind=\"book\",status=\"4xx\"}} 2\n"),
            format!("{name}{{kind=\"read\",status=\"2xx\"}} 1\n"),
            format!("{}_count{{kind=\"book\"}} 5\n", table::REQUEST_DURATION.name),
        ] {
            assert!(page.contains(&line), "{line} in {page}");
        }
    }
}
