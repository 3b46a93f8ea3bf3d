//! The recorder of a process: it knows every metric of the table, with help text and buckets.

use metrics::{SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metric::{Kind, Metric, Values};
use crate::table;

/// Why there is no recorder.
#[derive(Debug, thiserror::Error)]
pub enum BadRecorder {
    /// There is one already, or a bucket is none.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Installs the recorder of this process, which shows the metrics whose names begin with one of `prefixes`, and
/// those of every process.
/// Handles of metrics are made after this.
///
/// # Errors
/// [`BadRecorder`] when there is one already.
pub fn install(prefixes: &[&str]) -> Result<PrometheusHandle, BadRecorder> {
    let handle = builder()?.install_recorder()?;
    describe();
    for metric in table::ALL {
        if ["talon_"].iter().chain(prefixes).any(|prefix| metric.name.starts_with(prefix)) {
            begin(metric);
        }
    }
    metrics_process::Collector::default().describe();
    Ok(handle)
}

/// A recorder with the table's buckets.
///
/// # Errors
/// [`BadRecorder`] when a metric of the table has no bucket.
pub fn builder() -> Result<PrometheusBuilder, BadRecorder> {
    let mut builder = PrometheusBuilder::new();
    for metric in table::ALL {
        // Without buckets, histograms turn into summaries, which cannot be added up over gateways.
        if let Kind::Histogram(buckets) = metric.kind {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder)
}

/// Tells the recorder the help texts of the table.
pub fn describe() {
    metrics::with_recorder(|recorder| {
        for Metric { name, kind, help, .. } in table::ALL {
            let name = metrics::KeyName::from_const_str(name);
            let help = SharedString::const_str(help);
            match kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram(_) => recorder.describe_histogram(name, None::<Unit>, help),
            }
        }
    });
}

/// Shows a counter before it counts anything, where its labels are a closed set: a rate over something that
/// appears with its first event misses that event.
fn begin(metric: &Metric) {
    let mut series: Vec<Vec<metrics::Label>> = vec![Vec::new()];
    for label in metric.labels {
        let Values::OneOf(values) = label.values else { return };
        let with = |one: &Vec<metrics::Label>, value: &'static str| {
            let mut one = one.clone();
            one.push(metrics::Label::from_static_parts(label.name, value));
            one
        };
        series = series
            .iter()
            .flat_map(|one| values.iter().map(move |value| with(one, value)))
            .collect();
    }
    if metric.kind == Kind::Counter {
        for labels in series {
            metrics::counter!(metric.name, labels).increment(0);
        }
    }
}

/// Brings what is measured of the process itself up to date; called before the metrics are shown.
pub fn look_at_process() {
    metrics_process::Collector::default().collect();
}
