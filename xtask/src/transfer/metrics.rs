//! What is compared with transferability.

/// Where the entries of a metric come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A table of `affinity.json`, by the metric's own name.
    Table,
    /// The mean gradients themselves, in which the noise of the probe batches counts as signal.
    Plain,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Metric {
    /// As `gst affinity` writes it; its column in the rows.
    pub(super) name: &'static str,
    pub(super) source: Source,
    /// 1 where a larger entry means closer, −1 where it means farther.
    pub(super) closer: f64,
    /// Whether (i, j) and (j, i) differ.
    pub(super) directed: bool,
    /// Whether groups are made from it, to see whether they come back.
    pub(super) grouped: bool,
}

const fn symmetric(name: &'static str, source: Source, closer: f64) -> Metric {
    Metric { name, source, closer, directed: false, grouped: false }
}

const fn directed(name: &'static str) -> Metric {
    Metric { name, source: Source::Table, closer: 1.0, directed: true, grouped: false }
}

impl Metric {
    const fn and_groups(mut self) -> Self {
        self.grouped = true;
        self
    }
}

/// What predicts.
pub(super) const METRICS: [Metric; 10] = [
    symmetric("gradient-distance", Source::Table, -1.0).and_groups(),
    symmetric("plain-gradient-distance", Source::Plain, -1.0),
    symmetric("unit-distance", Source::Table, -1.0),
    symmetric("cosine", Source::Table, 1.0).and_groups(),
    symmetric("plain-cosine", Source::Plain, 1.0),
    symmetric("preconditioned-cosine", Source::Table, 1.0).and_groups(),
    symmetric("dot", Source::Table, 1.0),
    symmetric("plain-dot", Source::Plain, 1.0),
    directed("lookahead").and_groups(),
    directed("commutator"),
];

/// What is to be predicted.
pub(super) const TRANSFERABILITY: Metric = directed("transferability").and_groups();

/// The place of a metric among the predictors.
pub(super) fn place(name: &str) -> Option<usize> {
    METRICS.iter().position(|metric| metric.name == name)
}
