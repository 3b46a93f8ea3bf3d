//! The recorder of a process: it knows every metric of the table, with help text and buckets.

use metrics::{SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metric::{Kind, Metric};
use crate::table;

/// Why there is no recorder.
#[derive(Debug, thiserror::Error)]
pub enum BadRecorder {
    /// There is one already, or a bucket is none.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Installs the recorder of this process. Handles of metrics are made after this.
///
/// # Errors
/// [`BadRecorder`] when there is one already.
pub fn install() -> Result<PrometheusHandle, BadRecorder> {
    let handle = builder()?.install_recorder()?;
    describe();
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

/// Brings what is measured of the process itself up to date; called before the metrics are shown.
pub fn look_at_process() {
    metrics_process::Collector::default().collect();
}
