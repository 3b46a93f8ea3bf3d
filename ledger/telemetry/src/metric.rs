//! One metric: its name, kind, unit and help text, and the values that its labels may have.
//!
//! Must not know any metric by name. A label is a closed set or has a bound, so that the number of series is
//! known before a process starts.

/// What a metric's values do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows, except at a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in the buckets of these upper bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What the values of a label may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// These and no others.
    OneOf(&'static [&'static str]),
    /// Names that the configuration or the program gives, at most so many.
    AtMost(usize, &'static str),
}

impl Values {
    /// How many there may be.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::OneOf(values) => values.len(),
            Self::AtMost(most, _) => most,
        }
    }
}

/// A label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// A label with a closed set of values.
#[must_use]
pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values: Values::OneOf(values) }
}

/// A label whose values are named elsewhere, `what` says where; at most `most`.
#[must_use]
pub const fn at_most(name: &'static str, most: usize, what: &'static str) -> Label {
    Label { name, values: Values::AtMost(most, what) }
}

/// A metric of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, with its unit and, for a counter, `_total` at the end.
    pub name: &'static str,
    /// What its values do.
    pub kind: Kind,
    /// What it means, in one sentence.
    pub help: &'static str,
    /// Its labels, in the order of the table.
    pub labels: &'static [Label],
}

impl Metric {
    /// Most series that one process can have of it; a histogram's buckets count as one.
    #[must_use]
    pub fn most_series(&self) -> usize {
        self.labels.iter().map(|label| label.values.most()).product()
    }
}

/// A counter.
#[must_use]
pub const fn counter(name: &'static str, help: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, kind: Kind::Counter, help, labels }
}

/// A gauge.
#[must_use]
pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, kind: Kind::Gauge, help, labels }
}

/// A histogram.
#[must_use]
pub const fn histogram(
    name: &'static str,
    buckets: &'static [f64],
    help: &'static str,
    labels: &'static [Label],
) -> Metric {
    Metric { name, kind: Kind::Histogram(buckets), help, labels }
}
