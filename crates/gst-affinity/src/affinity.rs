//! The affinity of D datasets: the tables, and what they say.

mod build;
mod verdict;

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::distance::dissimilarity;
use crate::{
    AffinityError, Artifact, Conflict, DatasetFacts, Dependence, EstimateParams, GradientSamples, Heterogeneity, Measurements,
    Metric, MoreBatches, ProbeFacts, Split, Stability, Table,
};

/// The affinity of D datasets for one model: the body of `affinity.json`.
///
/// Written and read as a [`Document<Affinity>`](crate::Document).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Affinity {
    /// The datasets, in the order of all rows and columns.
    pub datasets: Vec<DatasetFacts>,
    /// The chosen metric: what [`distance`](Self::distance) and `replicates` are of.
    pub metric: Metric,
    /// The chosen metric's table and all that stand beside it.
    pub tables: BTreeMap<Metric, Table>,
    /// Debiased ⟨g_i, g_j⟩, `[D][D]`, mean over the probe points; on the diagonal ‖g_i‖², which noise may bring below 0.
    pub gram: Vec<Vec<f64>>,
    /// ζ² and ‖g‖².
    pub heterogeneity: Heterogeneity,
    /// Conflict numbers.
    pub conflict: Conflict,
    /// How far the tables come out again.
    #[serde(default)]
    pub stability: Stability,
    /// The directed part of lookahead, transferability and commutator, for those that were measured.
    #[serde(default)]
    pub dependence: Vec<Dependence>,
    /// Bootstrap tables of the chosen metric, `[replicate][D][D]`, for the stability of a grouping. They hold the noise of the
    /// batches, not the sketch's. Empty for a directed metric with one repeat.
    pub replicates: Vec<Vec<Vec<Option<f64>>>>,
    /// How it was measured.
    pub probe: ProbeFacts,
    /// What it says, in plain sentences with the numbers behind them; the last one is the recommendation.
    pub verdict: Vec<String>,
}

impl Artifact for Affinity {
    const FORMAT: &'static str = "gst-affinity";
    const VERSION: u32 = 1;
}

impl Affinity {
    /// Estimates from batch gradients at one or more probe points.
    ///
    /// All inner products are debiased: means over pairs of *different* batches. Several probe points are averaged: inner
    /// products as they are (so that ζ² is the mean ζ²), cosines after each point's products were divided by its mean squared
    /// norm (so that an early point with large gradients does not drown a late one).
    ///
    /// Complexity: O(N² k) for N batches of k values at each point, then O(resamples · N²).
    ///
    /// # Errors
    /// No probe point; datasets of other names than the gradients'; fewer than [`MIN_BATCHES`](crate::MIN_BATCHES) batches; weights that do not sum to 1; a
    /// metric that needs losses (use [`from_measurements`](Self::from_measurements)); parameters out of range.
    pub fn estimate(
        points: &[GradientSamples],
        datasets: Vec<DatasetFacts>,
        metric: Metric,
        params: &EstimateParams,
        probe: ProbeFacts,
    ) -> Result<Self, AffinityError> {
        let measured = Measurements { gradients: points, ..Measurements::default() };
        Self::from_measurements(&measured, datasets, metric, params, probe)
    }

    /// Estimates from all that was measured: every metric that the measurements allow gets its table.
    ///
    /// # Errors
    /// As [`estimate`](Self::estimate), [`AffinityError::NotMeasured`] where `metric` needs what was not measured, and
    /// [`AffinityError::BadMeasurement`] for losses or products that do not fit.
    pub fn from_measurements(
        measured: &Measurements<'_>,
        datasets: Vec<DatasetFacts>,
        metric: Metric,
        params: &EstimateParams,
        probe: ProbeFacts,
    ) -> Result<Self, AffinityError> {
        build::build(measured, datasets, metric, params, probe)
    }

    /// The table of a metric, if it was measured.
    pub fn table(&self, metric: Metric) -> Option<&Table> {
        self.tables.get(&metric)
    }

    /// A symmetric dissimilarity `[D, D]` of the chosen metric, for clustering: finite, not negative, 0 on the diagonal.
    ///
    /// Distances are themselves, cosines become 1 − cosine, gains become the largest gain less the gain, both ways averaged. What
    /// noise brought out of range is clamped here and only here. An undetermined pair takes the median of the others.
    pub fn distance(&self) -> Array2<f64> {
        self.distance_by(self.metric).unwrap_or_else(|| Array2::zeros((self.datasets.len(), self.datasets.len())))
    }

    /// As [`distance`](Self::distance), of another metric; `None` if it was not measured.
    pub fn distance_by(&self, metric: Metric) -> Option<Array2<f64>> {
        Some(dissimilarity(metric, &self.table(metric)?.values))
    }

    /// [`distance`](Self::distance) of each bootstrap replicate.
    pub fn replicate_distances(&self) -> Vec<Array2<f64>> {
        self.replicates.iter().map(|values| dissimilarity(self.metric, values)).collect()
    }

    /// ζ² split by a grouping (indices into `datasets`, each exactly once). `within` + `between` = `total` to rounding.
    ///
    /// # Errors
    /// [`AffinityError::BadGrouping`].
    pub fn split(&self, groups: &[Vec<usize>]) -> Result<Split, AffinityError> {
        let weights: Vec<f64> = self.datasets.iter().map(|dataset| dataset.weight).collect();
        Split::of_gram(&self.gram, &weights, groups)
    }

    /// How many more probe batches a dataset and point would bring nine in ten intervals of a metric to `width`. `None` where
    /// the metric was not measured from gradients, or no pair is determined. One pair: [`Table::more_batches`].
    pub fn more_batches(&self, metric: Metric, width: f64) -> Option<MoreBatches> {
        if metric.is_directed() {
            return None;
        }
        self.table(metric)?.more_batches_for_share(0.9, width, self.probe.batches)
    }

    /// The directed part of a metric, if it was measured.
    pub fn dependence(&self, metric: Metric) -> Option<&Dependence> {
        self.dependence.iter().find(|dependence| dependence.metric == metric)
    }

    /// The directed measurement that speaks for an order: the first of transferability, lookahead and commutator that shows more
    /// directed pairs than chance makes. `None` when none does, or none was measured more than once.
    pub fn prerequisites(&self) -> Option<&Dependence> {
        let metrics = [Metric::Transferability, Metric::Lookahead, Metric::Commutator];
        let mut found = metrics.into_iter().filter_map(|metric| self.dependence(metric));
        found.find(|dependence| dependence.repeats > 1 && dependence.is_beyond_chance())
    }
}
